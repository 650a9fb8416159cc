//! Who a person is, and in which groups.

use daypass_core::{person::ProvenPerson, provider::ProviderKind};
use serde_json::json;

use crate::world::{World, ada, ada_with};

#[tokio::test]
async fn a_person_signs_in_and_is_known_by_issuer_and_subject() {
    let world = World::new().await;
    let person = world.sign_in().await.unwrap();
    let expected = ProvenPerson {
        provider: "corp".parse().unwrap(),
        issuer: world.theirs.url().to_owned(),
        subject: "00u1".to_owned(),
        name: "Ada Lovelace".to_owned(),
        email: Some("ada@example.com".to_owned()),
        groups: vec!["engineering".to_owned(), "everyone".to_owned()],
    };
    assert_eq!(person, expected);
    world.no_complaints();

    // Another address and another name: the same person. The same address with another subject: another one.
    let renamed = world.person(ada_with(json!({ "email": "king@example.com", "name": "A. King" })), json!({})).await;
    assert_eq!(renamed.unwrap().id(), person.id());
    let successor = world.person(ada_with(json!({ "sub": "00u2" })), json!({})).await.unwrap();
    assert_eq!(successor.email, person.email);
    assert_ne!(successor.id(), person.id());
}

#[tokio::test]
async fn a_name_is_found_where_there_is_one() {
    let world = World::new().await;
    for (claims, name) in [
        (json!({ "name": "Ada" }), "Ada"),
        (json!({ "name": " ", "preferred_username": "ada" }), "ada"),
        (json!({ "name": null, "preferred_username": null }), "ada@example.com"),
        (json!({ "name": ["Ada"], "email_verified": false }), "00u1"),
        (json!({ "name": "Ada\u{202e}\u{1b}[31m" }), "Ada [31m"),
        (json!({ "name": "A\u{200b}d\u{feff}a" }), "Ada"),
        // An address that reads as somebody else's is none.
        (json!({ "name": null, "preferred_username": null, "email": "a\u{202e}b@example.com" }), "00u1"),
    ] {
        assert_eq!(world.person(ada_with(claims), json!({})).await.unwrap().name, name);
    }
}

#[tokio::test]
async fn groups_are_read_from_the_claim_that_the_policy_names() {
    let mut world = World::new().await;
    let groups = |person: Result<ProvenPerson, _>| {
        Result::<ProvenPerson, daypass_oidc::provider::ProviderError>::unwrap(person).groups
    };
    let claims = ada_with(json!({ "groups": ["a"], "https://corp.example.com/roles": ["b", "b", "c"] }));
    assert_eq!(groups(world.person(claims.clone(), json!({})).await), ["a"]);
    world.ours.kind = ProviderKind::Oidc { groups_claim: "https://corp.example.com/roles".into() };
    assert_eq!(groups(world.person(claims, json!({})).await), ["b", "c"]);
}

#[tokio::test]
async fn groups_that_are_strange_are_left_out_and_many_are_cut() {
    let world = World::new().await;
    for (said, kept) in [
        (json!("engineering"), vec!["engineering"]),
        (json!(["a", 7, null, { "b": 1 }, "c"]), vec!["a", "c"]),
        (json!({ "a": true }), vec![]),
        (json!([]), vec![]),
        (json!(["", "a\n", "b"]), vec!["b"]),
    ] {
        assert_eq!(world.person(ada_with(json!({ "groups": said })), json!({})).await.unwrap().groups, kept);
    }
    let many: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    let kept = world.person(ada_with(json!({ "groups": many })), json!({})).await.unwrap().groups;
    assert_eq!(kept, many[..500]);
    let (short, long) = ("s".repeat(200), "l".repeat(201));
    let kept = world.person(ada_with(json!({ "groups": [long, short] })), json!({})).await.unwrap().groups;
    assert_eq!(kept, [short]);
}

#[tokio::test]
async fn groups_come_from_userinfo_when_the_id_token_has_none() {
    let world = World::new().await;
    let userinfo = json!({ "groups": ["from userinfo"] });
    let without = ada_with(json!({ "groups": null }));
    assert_eq!(world.person(without.clone(), userinfo.clone()).await.unwrap().groups, ["from userinfo"]);
    // An empty list is a list: somebody was taken out of all groups.
    let empty = ada_with(json!({ "groups": [] }));
    assert!(world.person(empty, userinfo).await.unwrap().groups.is_empty());
    // A provider without userinfo has said all it has to say.
    world.theirs.change_metadata(json!({ "userinfo_endpoint": null }));
    assert!(world.person(without, json!({})).await.unwrap().groups.is_empty());
}

#[tokio::test]
async fn too_many_groups_for_a_token_are_no_groups_and_nothing_is_asked_in_vain() {
    let world = World::new().await;
    let elsewhere = json!({
        "groups": null, "_claim_names": { "groups": "src1" },
        "_claim_sources": { "src1": { "endpoint": "https://evil.example.com/getMemberObjects" } },
    });
    for overage in [elsewhere, json!({ "groups": null, "hasgroups": true })] {
        let person = world.person(ada_with(overage), json!({ "groups": ["x"] })).await.unwrap();
        assert!(person.groups.is_empty());
    }
    assert_eq!(world.theirs.asked().userinfo, 0);
    assert_eq!(world.person(ada(), json!({})).await.unwrap().groups.len(), 2);
}
