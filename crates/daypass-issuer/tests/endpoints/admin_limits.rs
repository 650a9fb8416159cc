//! What even an administrator may not do.

use std::sync::Arc;

use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    policy::Policy,
    session::SessionLimits,
};
use daypass_issuer::LoadedPolicy;
use serde_json::{Value, json};

use crate::{
    admin::{APP, BOSS, PARTLY, house, identity, named, policy},
    house::{EXCHANGE, House, URL},
};

#[tokio::test]
async fn who_may_change_what_is_judged_by_what_is_stored_then() {
    let mut house = house().await;
    let boss = house.as_repository(BOSS).await;
    let all = &["pull", "push", "admin"];
    assert_eq!(house.put(&boss, APP, &identity("*", all)).await.status, 201);
    let other = "/api/v1/identities/other";
    let stored = house.as_repository("74").await;
    assert_eq!(house.put(&stored, other, &identity("acme-x", &["pull"])).await.status, 201);
    assert_eq!(house.ask(&boss, "DELETE", other, "", &[]).await.status, 204);

    // A replica that has not followed yet believes that it is one still.
    let replica = house.another_issuer().await;
    replica.replace_policy(policy(house.provider.url())).unwrap();
    assert_eq!(house.ask(&boss, "DELETE", APP, "", &[]).await.status, 204);
    house.issuer = replica;
    assert!(house.issuer.policy().load().identity_called("ci/app").is_some());
    for answer in [
        house.put(&stored, other, &identity("acme-x", &["pull"])).await,
        house.post_json(&stored, "/api/v1/policy/apply", &json!({"objects": {}})).await,
    ] {
        assert_eq!(answer.status, 403, "{}", answer.body);
    }
    assert_eq!(house.put(&boss, other, &identity("acme-x", &["pull"])).await.status, 201);
}

#[tokio::test]
async fn a_narrower_access_token_does_not_change_the_policy() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    let details =
        json!([{"type": "daypass_grant", "index": "python", "projects": ["*"], "actions": ["pull", "push", "admin"]}]);
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", &boss),
        ("authorization_details", &details.to_string()),
    ];
    let narrower = house.post("/oauth/token", &form).await;
    let narrower = narrower.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", narrower.body)).to_owned();
    assert_eq!(house.ask(&narrower, "GET", "/api/v1/identities", "", &[]).await.status, 200);
    let refused = house.put(&narrower, APP, &identity("acme-*", &["pull"])).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.body.contains("narrower"), "{}", refused.body);
    assert_eq!(house.put(&boss, APP, &identity("acme-*", &["pull"])).await.status, 201);
}

#[tokio::test]
async fn nobody_is_locked_out_by_whoever_administers_a_part() {
    let house = house().await;
    let (boss, partly) = (house.as_repository(BOSS).await, house.as_repository(PARTLY).await);
    let role = |projects: &[String], users: &[&str], identities: &[&str]| json!({"role": "reader", "index": "python", "projects": projects, "users": users, "identities": identities});
    let (path, acme) = ("/api/v1/roles/r", ["acme-*".to_owned()]);
    for (body, expected) in [
        (role(&acme, &["local/*"], &[]), "may bind `local/*`"),
        (role(&acme, &[], &["file/boss"]), "you do not administer all that the identity `file/boss` grants"),
    ] {
        let refused = house.put(&partly, path, &body).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert!(refused.body.contains(expected), "{}", refused.body);
        assert!([200, 201].contains(&house.put(&boss, path, &body).await.status));
    }
    assert_eq!(house.ask(&boss, "DELETE", path, "", &[]).await.status, 204);
    assert_eq!(house.put(&partly, path, &role(&acme, &["local/ada"], &["file/partly"])).await.status, 201);
    let many: Vec<String> = (0..21).map(|number| format!("acme-{number}")).collect();
    let refused = house.put(&boss, path, &role(&many, &["local/ada"], &[])).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("at most 20 projects"), "{}", refused.body);
}

#[tokio::test]
async fn an_access_token_that_no_installer_can_send_is_not_signed() {
    let of = |grants: usize| {
        move |provider: &str| {
            let grants: Vec<Value> = (0..grants)
                .map(|number| json!({"index": "python", "projects": [format!("acme-{number}-*")], "actions": ["pull"]}))
                .collect();
            let claims = json!({"repository_id": "74"});
            let document = json!({
                "issuer": [{"name": "ci", "url": provider, "keys": {"discovery": true}}],
                "identity": [named("ci/app", json!({"issuer": "ci", "claims": claims, "grants": grants}))],
            });
            let policy = Policy::merge([Policy::from_json(&document).unwrap()]).unwrap();
            LoadedPolicy { policy: Arc::new(policy), ..LoadedPolicy::default() }
        }
    };
    let house = House::build_at(URL, SessionLimits::default(), of(200)).await;
    let refused = house.exchange(&house.outside_token(json!({})), &[]).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body.contains("the 200 grants of the identity `ci/app` do not fit"), "{}", refused.body);
    house.issuer.replace_policy(of(50)(house.provider.url())).unwrap();
    house.as_repository("74").await;
}

#[tokio::test]
async fn an_answer_from_the_audit_log_ends_at_some_bytes_and_the_next_goes_on() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    for _ in 0..250 {
        let mut event = AuditEvent::new(house.now(), AuditKind::PolicyLoaded, Outcome::Success, "test");
        event.reason = Some("x".repeat(60_000));
        house.store.record(event).await.unwrap();
    }
    let (mut after, mut events, mut answers) = ("0".to_owned(), 0, 0);
    loop {
        let answer = house.ask(&boss, "GET", &format!("/api/v1/audit?after={after}"), "", &[]).await;
        assert!(answer.body.len() < 16 * 1024 * 1024, "{}", answer.body.len());
        let Some(last) = answer.headers.get("x-daypass-last") else { break };
        last.to_str().unwrap().clone_into(&mut after);
        events += answer.body.lines().count();
        answers += 1;
    }
    assert!(events >= 250 && answers > 1, "{events} events in {answers} answers");
    let few = house.ask(&boss, "GET", "/api/v1/audit?limit=3", "", &[]).await;
    assert_eq!(few.body.lines().count(), 3);
}
