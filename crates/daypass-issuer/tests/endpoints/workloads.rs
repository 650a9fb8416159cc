//! Issuers of every kind of key, modes of replay, lives that are asked for, and identities that hand out nothing.

use std::{collections::BTreeMap, sync::Arc};

use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
    issuer::KeySource,
    policy::Policy,
    session::SessionLimits,
};
use daypass_issuer::LoadedPolicy;
use daypass_oidc::jwks::KeySet;
use daypass_testkit::oidc::{Provider, Trouble};
use serde_json::{Value, json};

use crate::house::{House, URL, job};

/// Policy text with what the keys are, `PROVIDER` for the provider's URL.
fn loaded(text: &str, provider: &str) -> LoadedPolicy {
    let policy = Policy::merge([Policy::parse(&text.replace("PROVIDER", provider)).unwrap()]).unwrap();
    let inline = |issuer: &daypass_core::issuer::TrustedIssuer| match &issuer.keys {
        KeySource::Inline(text) => Some((issuer.name.clone(), KeySet::parse(text.as_bytes()).unwrap())),
        _ => None,
    };
    let fixed_keys: BTreeMap<_, _> = policy.issuers().iter().filter_map(inline).collect();
    LoadedPolicy { policy: Arc::new(policy), fixed_keys, ..LoadedPolicy::default() }
}

async fn house(text: &'static str) -> House {
    House::build_at(URL, SessionLimits::default(), |provider| loaded(text, provider)).await
}

/// An issuer with more lines, and one identity with more lines.
macro_rules! text {
    ($issuer:literal, $identity:literal) => {
        concat!(
            "[[issuer]]\nname = \"ci\"\nurl = \"PROVIDER\"\n",
            $issuer,
            "\n[[identity]]\nname = \"ci/app\"\nissuer = \"ci\"\n\
             grants = [ { index = \"python\", projects = [\"*\"], actions = [\"pull\"] } ]\n",
            $identity
        )
    };
}

const PLAIN: &str = "claims = { repository_id = \"74\" }";

#[tokio::test]
async fn a_token_of_a_job_that_has_only_one_is_good_for_as_often_as_the_issuer_says() {
    let house =
        house(text!("keys = { discovery = true }\nreplay = { bounded = 3 }", "claims = { repository_id = \"74\" }"))
            .await;
    let only_one = house.outside_token(json!({}));
    for _ in 0..3 {
        assert_eq!(house.exchange(&only_one, &[]).await.status, 200);
        house.clock.advance(SignedDuration::from_secs(60));
    }
    let refused = house.exchange(&only_one, &[]).await;
    assert_eq!((refused.status, refused.json()["reason"].as_str()), (400, Some("replayed")));
    assert!(refused.error().contains("as often as"), "{}", refused.error());
    assert_eq!(house.last_event().await.kind, AuditKind::TokenRefused);
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200, "another one is another one");
    house.clock.advance(SignedDuration::from_mins(10));
    let expired = house.exchange(&house.outside_token(json!({ "exp": 1 })), &[]).await;
    assert_eq!(expired.status, 400, "and none outlives its own end");
}

#[tokio::test]
async fn an_issuer_that_counts_nothing_believes_a_token_until_it_ends() {
    let house =
        house(text!("keys = { discovery = true }\nreplay = \"off\"", "claims = { repository_id = \"74\" }")).await;
    let only_one = house.outside_token(json!({}));
    for _ in 0..5 {
        assert_eq!(house.exchange(&only_one, &[]).await.status, 200);
    }
    house.clock.advance(SignedDuration::from_secs(300 + 31));
    assert_eq!(house.exchange(&only_one, &[]).await.json()["reason"], "expired");
    let exchanged = house.audit().await.iter().filter(|event| event.kind == AuditKind::TokenExchanged).count();
    assert_eq!(exchanged, 5, "each is in the audit log");
}

#[tokio::test]
async fn a_shorter_or_longer_life_is_given_within_the_identitys_limits() {
    let house = house(text!(
        "keys = { discovery = true }",
        "claims = { repository_id = \"74\" }\nttl = { default = \"15m\", max = \"1h\" }"
    ))
    .await;
    for (wanted, given) in [(None, 900), (Some("60"), 60), (Some("3600"), 3600), (Some("86400"), 3600)] {
        let more: Vec<_> = wanted.map(|wanted| ("expires_in", wanted)).into_iter().collect();
        let answer = house.exchange(&house.outside_token(json!({})), &more).await;
        assert_eq!(answer.json()["expires_in"], given, "{wanted:?}");
    }
    for wrong in ["0", "-1", "1.5", "soon", "99999999999"] {
        let answer = house.exchange(&house.outside_token(json!({})), &[("expires_in", wrong)]).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.error().contains("expires_in"), "{}", answer.error());
    }
}

#[tokio::test]
async fn a_key_of_one_issuer_verifies_nothing_of_another() {
    let evil = Provider::start().await;
    let text = "[[issuer]]\nname = \"ci\"\nurl = \"PROVIDER\"\nkeys = { discovery = true }\n\
                [[issuer]]\nname = \"evil\"\nurl = \"EVIL\"\nkeys = { discovery = true }\n\
                [[identity]]\nname = \"ci/app\"\nissuer = \"ci\"\nclaims = { repository_id = \"74\" }\n\
                grants = [ { index = \"python\", projects = [\"*\"], actions = [\"pull\"] } ]\n";
    let text = text.replace("EVIL", evil.url());
    let house = House::build_at(URL, SessionLimits::default(), |provider| loaded(&text, provider)).await;
    // Both publish their keys under the same ids.
    let forged = evil.token(job(json!({ "iss": house.provider.url() })));
    assert_eq!(house.exchange(&forged, &[]).await.status, 400);
    assert!(house.last_event().await.reason.unwrap().starts_with("bad_signature"));
    let own = evil.token(job(json!({})));
    assert_eq!(house.exchange(&own, &[("identity", "ci/app")]).await.json()["reason"], "identity_unknown");
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200);
}

#[tokio::test]
async fn keys_may_be_pinned_to_an_address_or_stand_in_the_policy() {
    let pinned = house(text!("keys = { jwks_uri = \"PROVIDER/jwks\" }", "claims = { repository_id = \"74\" }")).await;
    assert_eq!(pinned.exchange(&pinned.outside_token(json!({})), &[]).await.status, 200);
    assert_eq!(pinned.provider.discovery_requests(), 0, "its discovery document is not asked for");

    let provider = Provider::start().await;
    let text = format!("{}\n{PLAIN}", text!("keys = { inline = INLINE }", ""))
        .replace("INLINE", &toml_inline(&provider.jwks()))
        .replace("PROVIDER", provider.url());
    let house = House::build_at(URL, SessionLimits::default(), |_| loaded(&text, "")).await;
    provider.set_trouble(Trouble::Fail);
    assert_eq!(house.exchange(&provider.token(job(json!({}))), &[]).await.status, 200);
    provider.rotate_keys();
    assert_eq!(house.exchange(&provider.token(job(json!({}))), &[]).await.status, 400, "the policy knows no other key");
    assert_eq!(provider.jwks_requests() + provider.discovery_requests(), 0);
}

fn toml_inline(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{name} = {}", toml_inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(list) => format!("[ {} ]", list.iter().map(toml_inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn a_spiffe_id_without_an_issuer_is_known_by_its_trust_domain() {
    let text = "[[issuer]]\nname = \"mesh\"\npreset = \"spiffe\"\nurl = \"spiffe://example.org\"\n\
                keys = { jwks_uri = \"PROVIDER/jwks\" }\nallow_private_network = true\n\
                [[identity]]\nname = \"ci/app\"\nissuer = \"mesh\"\nclaims = { sub = \"spiffe://example.org/build/ci\" }\n\
                grants = [ { index = \"python\", projects = [\"*\"], actions = [\"pull\"] } ]\n";
    let house = house(text).await;
    let svid = |sub: &str| {
        let claims = json!({ "iss": null, "iat": null, "nbf": null, "jti": null, "sub": sub });
        house.provider.token_es256(job(claims))
    };
    let answer = house.exchange(&svid("spiffe://example.org/build/ci"), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event = house.last_event().await;
    assert_eq!(event.actor.unwrap().iss, "spiffe://example.org");
    for sub in ["spiffe://example.org/build/other", "spiffe://example.org.evil/build/ci", "spiffe://evil/build/ci"] {
        assert_eq!(house.exchange(&svid(sub), &[]).await.status, 400, "{sub}");
    }
}

#[tokio::test]
async fn what_is_only_tried_out_is_recorded_and_hands_out_nothing() {
    let house =
        house(text!("keys = { discovery = true }", "claims = { repository_id = \"74\" }\nmode = \"audit\"")).await;
    let answer = house.exchange(&house.outside_token(json!({})), &[]).await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (400, Some("audit_mode")));
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenRefused, Outcome::Refused));
    assert_eq!(event.identity.as_deref(), Some("ci/app"), "the operator finds who would have got in");
    // Whoever does not match is told that, and not that the rule is on trial.
    let other = house.outside_token(json!({ "repository_id": "75" }));
    assert_eq!(house.exchange(&other, &[("identity", "ci/app")]).await.json()["reason"], "claims_differ");
}

#[tokio::test]
async fn an_identity_is_for_its_networks() {
    // The house's requests come from 192.0.2.7.
    let inside = house(text!(
        "keys = { discovery = true }",
        "claims = { repository_id = \"74\" }\nnetworks = [\"192.0.2.0/24\"]"
    ));
    let inside = inside.await;
    assert_eq!(inside.exchange(&inside.outside_token(json!({})), &[]).await.status, 200);
    let outside =
        house(text!("keys = { discovery = true }", "claims = { repository_id = \"74\" }\nnetworks = [\"10.0.0.0/8\"]"));
    let outside = outside.await;
    let answer = outside.exchange(&outside.outside_token(json!({})), &[]).await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (400, Some("wrong_network")));
    assert!(!answer.body.contains("10.0.0.0"), "the networks are not told");
}

#[tokio::test]
async fn a_trap_is_refused_with_the_claim_named() {
    let house =
        house(text!("preset = \"github\"\nkeys = { discovery = true }", "claims = { repository_id = \"74\" }")).await;
    let job = |event: &str| house.outside_token(json!({ "event_name": event }));
    let answer = house.exchange(&job("pull_request_target"), &[]).await;
    assert_eq!(answer.json()["reason"], "claim_refused");
    assert!(answer.error().contains("`event_name`"), "{}", answer.error());
    assert_eq!(house.exchange(&job("push"), &[]).await.status, 200);
}
