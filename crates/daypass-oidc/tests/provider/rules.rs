//! Who is let in.

use daypass_core::{claim_rule::ClaimRule, provider::EmailRule};
use daypass_oidc::provider::ProviderError;
use serde_json::{Value, json};

use crate::world::{World, ada_with};

impl World {
    async fn verdict(&self, id_token: Value, userinfo: Value) -> Option<&'static str> {
        let error = self.person(id_token, userinfo).await.err()?;
        assert!(error.is_refusal(), "{error:?}");
        Some(error.code())
    }
}

#[tokio::test]
async fn claims_of_the_policy_must_be_in_the_id_token_exactly() {
    let mut world = World::new().await;
    world.ours.claims = [("hd".into(), ClaimRule::exact("example.com"))].into();
    assert_eq!(world.verdict(ada_with(json!({ "hd": "example.com" })), json!({})).await, None);
    for hd in [json!("Example.com"), json!("evil.example"), json!(["example.com"]), json!(true), json!(null)] {
        assert_eq!(world.verdict(ada_with(json!({ "hd": hd })), json!({})).await, Some("claim_differs"));
    }
    // Userinfo is not signed; it cannot make up for it.
    let error = world.person(ada_with(json!({})), json!({ "hd": "example.com" })).await.unwrap_err();
    assert!(matches!(&error, ProviderError::Claim { claim } if &**claim == "hd"));
    assert!(error.to_string().contains("`hd`") && !error.to_string().contains("example.com"));
}

#[tokio::test]
async fn only_people_of_the_domains_are_let_in() {
    let mut world = World::new().await;
    world.ours.domains = vec!["example.com".into(), "example.org".into()];
    for email in ["ada@example.com", "Ada@EXAMPLE.Com", "ada@example.org"] {
        assert_eq!(world.verdict(ada_with(json!({ "email": email })), json!({})).await, None, "{email}");
    }
    for email in [
        "ada@evil.example",
        "ada@example.com.evil.example",
        "ada@evil-example.com",
        "ada@sub.example.com",
        "ada@example.co",
    ] {
        assert_eq!(
            world.verdict(ada_with(json!({ "email": email })), json!({})).await,
            Some("email_domain"),
            "{email}"
        );
    }
    for email in [json!("ada@evil.example@example.com"), json!("example.com"), json!(["ada@example.com"]), json!(null)]
    {
        assert_eq!(world.verdict(ada_with(json!({ "email": email })), json!({})).await, Some("email_missing"));
    }
}

#[tokio::test]
async fn an_address_that_nobody_verified_opens_no_door() {
    let mut world = World::new().await;
    world.ours.domains = vec!["example.com".into()];
    for verified in [json!(false), json!("true"), json!(1), json!(null), json!([true])] {
        let claims = ada_with(json!({ "email_verified": verified }));
        assert_eq!(world.verdict(claims, json!({})).await, Some("email_not_verified"), "{verified}");
    }
    assert_eq!(world.verdict(ada_with(json!({ "email_verified": true })), json!({})).await, None);

    // A word about one address is no word about another.
    let (id_token, userinfo) = (
        json!({ "email": "ada@example.com", "email_verified": null }),
        json!({
            "email": "mallory@evil.example", "email_verified": true,
        }),
    );
    let claims = ada_with(json!({ "email": id_token["email"], "email_verified": null, "name": null }));
    assert_eq!(world.verdict(claims, userinfo).await, Some("email_not_verified"));

    // Unless the policy says that this provider's addresses are always the person's.
    world.ours.email_verified = EmailRule::Assume;
    let claims = ada_with(json!({ "email_verified": null }));
    assert_eq!(world.verdict(claims, json!({})).await, None);
    let claims = ada_with(json!({ "email": "ada@evil.example", "email_verified": null }));
    assert_eq!(world.verdict(claims, json!({})).await, Some("email_domain"));
}

#[tokio::test]
async fn without_domains_an_unverified_address_is_left_out_and_nobody_is_turned_away() {
    let mut world = World::new().await;
    let claims = ada_with(json!({ "email_verified": false }));
    assert_eq!(world.person(claims.clone(), json!({})).await.unwrap().email, None);
    world.ours.email_verified = EmailRule::Assume;
    assert_eq!(world.person(claims, json!({})).await.unwrap().email.as_deref(), Some("ada@example.com"));
}
