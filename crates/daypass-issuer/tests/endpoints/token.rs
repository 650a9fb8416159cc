//! `POST /oauth/token`: the exchange that is granted, and the refusals that are not attacks.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
    digest::Sha256,
};
use daypass_issuer::LoadedPolicy;
use daypass_testkit::oidc::Trouble;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::house::{EXCHANGE, House, JWT, URL, job};

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_jobs_token_becomes_an_access_token_that_says_for_whom_and_until_when() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    let answer = house.exchange(&outside, &[("identity", "ci/app"), ("audience", URL)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(body["identity"], "ci/app");

    let access = body["access_token"].as_str().unwrap();
    let (header, claims) = (part(access, 0), part(access, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    let jwks = house.get("/.well-known/jwks.json").await.json();
    assert_eq!(header["kid"], jwks["keys"][0]["kid"]);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(URL), &json!(URL)));
    assert_eq!(claims["act"], json!({"iss": house.provider.url(), "sub": "job-1"}));
    assert_eq!(claims["identity"], "ci/app");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!(claims["grants"], json!([{"index": "python", "projects": ["*"], "actions": ["pull"]}]));
}

#[tokio::test]
async fn the_exchange_is_in_the_audit_log_and_no_token_is() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    let answer = house.exchange(&outside, &[]).await.json();
    let access = answer["access_token"].as_str().unwrap();
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenExchanged, Outcome::Success));
    assert_eq!(event.actor.as_ref().unwrap().sub, "job-1");
    assert_eq!(event.identity.as_deref(), Some("ci/app"));
    assert_eq!(event.token_sha256, Some(Sha256::of(access)));
    assert_eq!(event.subject_token_sha256, Some(Sha256::of(&outside)));
    assert_eq!(event.source.as_deref(), Some("192.0.2.7"));
    assert_eq!(event.expires_at.unwrap().as_second(), house.now().as_second() + 3600);
    let log = serde_json::to_string(&house.audit().await).unwrap();
    assert!(!log.contains(access) && !log.contains(&outside));
}

#[tokio::test]
async fn without_a_named_identity_the_only_match_is_taken() {
    let house = House::build().await;
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.json()["identity"], "ci/app");
    let none = house.outside_token(json!({"repository_id": "76"}));
    assert_snapshot!(house.exchange(&none, &[]).await.error(), @"400 invalid_request: no identity matches the claims of this token; ask whoever runs this server to compare the identity's rule with the job's claims");
}

#[tokio::test]
async fn a_proven_caller_learns_which_claim_differs_and_not_what_is_expected() {
    let house = House::build().await;
    let outside = house.outside_token(json!({"ref": "refs/heads/evil", "repository_id": null}));
    let answer = house.exchange(&outside, &[("identity", "ci/app")]).await;
    assert_snapshot!(answer.error(), @"400 invalid_request: identity `ci/app`: claim `ref` differs, claim `repository_id` is missing; ask whoever runs this server to compare the identity's rule with the job's claims");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenRefused, Outcome::Refused));
    assert_eq!(event.actor.unwrap().sub, "job-1");
    assert_eq!(event.identity.as_deref(), Some("ci/app"));
    assert_eq!(event.token_sha256, Some(Sha256::of(&outside)));
    assert_snapshot!(event.reason.unwrap(), @"claims_differ: identity `ci/app`: claim `ref` differs, claim `repository_id` is missing");
}

#[tokio::test]
async fn an_outside_token_is_exchanged_once() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    assert_eq!(house.exchange(&outside, &[]).await.status, 200);
    let again = house.exchange(&outside, &[]).await;
    assert_snapshot!(again.error(), @"400 invalid_request: this outside token was already exchanged once; request a fresh one from the CI");
    assert_eq!(again.json()["reason"], "replayed");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.actor.unwrap().sub), (AuditKind::TokenRefused, "job-1".to_owned()));
    assert_eq!(house.audit().await.iter().filter(|event| event.kind == AuditKind::TokenExchanged).count(), 1);
}

#[tokio::test]
async fn a_token_without_jti_is_spent_by_its_digest() {
    let house = House::build().await;
    let outside = house.outside_token(json!({"jti": null}));
    assert_eq!(house.exchange(&outside, &[]).await.status, 200);
    assert_eq!(house.exchange(&outside, &[]).await.status, 400);
    let other = house.outside_token(json!({"jti": null, "run": "2"}));
    assert_eq!(house.exchange(&other, &[]).await.status, 200);
}

#[tokio::test]
async fn a_refused_claim_does_not_spend_the_proof() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    assert_eq!(house.exchange(&outside, &[("identity", "ci/auditor")]).await.status, 400);
    assert_eq!(house.exchange(&outside, &[("identity", "ci/app")]).await.status, 200);
}

#[tokio::test]
async fn of_many_equal_proofs_at_once_one_is_granted() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    let all = (0..32).map(|_| house.exchange(&outside, &[]));
    let granted = futures_util::future::join_all(all).await.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
}

#[tokio::test]
async fn a_malformed_request_is_told_what_is_missing() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "400 invalid_request: the parameter `grant_type` is missing"),
        (
            &[("grant_type", "password")],
            "400 unsupported_grant_type: use one of the grant types `authorization_code`, `refresh_token`, \
             `client_credentials`, `urn:ietf:params:oauth:grant-type:jwt-bearer`, `urn:ietf:params:oauth:grant-type:device_code`, `urn:ietf:params:oauth:grant-type:token-exchange`",
        ),
        (&[("grant_type", EXCHANGE)], "400 invalid_request: the parameter `subject_token` is missing"),
        (
            &[("grant_type", EXCHANGE), ("subject_token", "x")],
            "400 invalid_request: the parameter `subject_token_type` is missing",
        ),
        (&[("grant_type", EXCHANGE), ("grant_type", EXCHANGE)], "400 invalid_request: a parameter is given twice"),
    ];
    for (form, expected) in cases {
        assert_eq!(house.post("/oauth/token", form).await.error(), *expected);
        assert_eq!(house.last_event().await.kind, AuditKind::TokenRefused);
    }
    for (name, value, expected) in [
        (
            "audience",
            "https://other.example.com",
            "400 invalid_target: access tokens of this server are for `https://packages.example.com` only",
        ),
        (
            "resource",
            "https://packages.example.com.evil.example",
            "400 invalid_target: access tokens of this server are for `https://packages.example.com` only",
        ),
        ("scope", "admin", "400 invalid_scope: `scope` is not supported; name an `identity` instead"),
        ("actor_token", "x", "400 invalid_request: `actor_token` is not supported; leave it out"),
        (
            "requested_token_type",
            JWT,
            "400 invalid_request: only `urn:ietf:params:oauth:token-type:access_token` can be requested",
        ),
        ("client_id", "evil\u{1b}", "400 invalid_request: the client_id is not printable"),
    ] {
        assert_eq!(house.exchange(&outside, &[(name, value)]).await.error(), expected);
    }
    assert_eq!(house.exchange(&outside, &[]).await.status, 200, "none of these spent the proof");
}

#[tokio::test]
async fn a_get_is_no_token_request() {
    let house = House::build().await;
    assert_eq!(house.get("/oauth/token").await.status, 405);
}

#[tokio::test]
async fn a_policy_that_changes_is_in_force_at_once() {
    let house = House::build().await;
    house.issuer.replace_policy(LoadedPolicy::default()).unwrap();
    let answer = house.exchange(&house.outside_token(json!({})), &[]).await;
    assert!(answer.error().contains("was not accepted"), "{}", answer.body);
    house.issuer.replace_policy(crate::house::policy(house.provider.url())).unwrap();
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200);
}

#[tokio::test]
async fn when_the_issuers_keys_cannot_be_had_the_door_stays_shut_and_says_try_again() {
    let house = House::build().await;
    house.provider.set_trouble(Trouble::Fail);
    let outside = house.outside_token(json!({}));
    let answer = house.exchange(&outside, &[]).await;
    assert_snapshot!(answer.error(), @"503 temporarily_unavailable: the keys of the token's issuer cannot be fetched now; try again in a few seconds");
    assert!(answer.headers.contains_key("retry-after"));
    house.provider.set_trouble(Trouble::None);
    house.clock.advance(SignedDuration::from_secs(31));
    assert_eq!(house.exchange(&outside, &[]).await.status, 200);
}

#[tokio::test]
async fn when_nothing_can_be_recorded_nothing_is_handed_out() {
    let house = House::build().await;
    // The keys of the issuer are known already; only the database is gone.
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200);
    house.store.clone().close().await;
    let answer = house.exchange(&house.provider.token(job(json!({}))), &[]).await;
    assert_snapshot!(answer.error(), @"503 temporarily_unavailable: the server cannot record this request now; try again in a few seconds");
    let refused = house.exchange(&house.outside_token(json!({"ref": "x"})), &[]).await;
    assert_eq!(refused.status, 503, "a refusal is recorded before it is said, too");
}
