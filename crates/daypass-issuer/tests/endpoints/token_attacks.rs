//! `POST /oauth/token`: the attack list. Each is refused with an RFC 6749 error, recorded, and explained to nobody
//! who could not prove anything.

use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
};
use daypass_testkit::oidc::{Forge, Provider, unix_now};
use serde_json::{Value, json};

use crate::house::{House, URL, job};

const STRANGER: &str = "400 invalid_request: the subject token was not accepted; the operator finds the reason in the \
                        audit log under this request's id";

impl House {
    fn forge(&self, claims: Value) -> Forge {
        self.provider.forge(job(claims))
    }

    /// Refused; recorded with that code; the token is nowhere to be read.
    async fn refuses(&self, what: &str, token: &str, code: &str) -> String {
        let answer = self.exchange(token, &[]).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.body);
        let event = self.last_event().await;
        assert_eq!((event.kind, event.outcome), (AuditKind::TokenRefused, Outcome::Refused), "{what}");
        let reason = event.reason.clone().unwrap();
        assert!(reason.starts_with(code), "{what}: recorded as {reason}");
        let everything = format!("{}{}", answer.body, serde_json::to_string(&event).unwrap());
        let told = answer.json().get("reason").is_some();
        assert_eq!(told, !answer.body.contains("was not accepted"), "{what}: a stranger is told no reason");
        assert!(token.len() < 20 || !everything.contains(token), "{what}: the token leaked");
        answer.error()
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing() {
    let house = House::build().await;
    let other = Provider::start().await;
    for (what, token) in [
        ("not a token", "x".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("an issuer that is not registered", other.token(job(json!({})))),
        ("another key under our kid", house.forge(json!({})).other_key().build()),
        ("alg none", house.forge(json!({})).unsigned("none").build()),
        ("alg nOnE", house.forge(json!({})).unsigned("nOnE").build()),
        ("HS256 with the public key", house.forge(json!({})).hs256_with_pem().build()),
        ("HS256 with the modulus", house.forge(json!({})).hs256_with_modulus().build()),
        ("ES256 with r = s = 0", house.forge(json!({})).es256().zero_signature().build()),
        ("an embedded key", house.forge(json!({})).embedded_jwk().build()),
        ("an embedded certificate", house.forge(json!({})).embedded_x5c().build()),
        ("a URL for keys", house.forge(json!({})).header("jku", other.url()).build()),
        ("crit", house.forge(json!({})).header("crit", json!(["exp"])).build()),
        ("an access token's type", house.forge(json!({})).header("typ", "at+jwt").build()),
        ("duplicate header", house.forge(json!({})).duplicate_in_header("alg", &json!("none")).build()),
        ("17 KiB", house.forge(json!({})).at_least(17 * 1024).build()),
        ("trailing garbage", format!("{}x", house.forge(json!({})).build())),
        ("a fourth part", format!("{}.x", house.forge(json!({})).build())),
        ("padding", house.forge(json!({})).padded().build()),
        ("non-canonical base64", house.forge(json!({})).build_non_canonical()),
    ] {
        assert_eq!(house.refuses(what, &token, "").await, STRANGER, "{what}");
    }
    assert_eq!(house.exchange(&house.forge(json!({})).build(), &[]).await.status, 200, "the honest twin");
}

#[tokio::test]
async fn whoever_holds_a_genuine_token_is_told_what_is_wrong_with_it() {
    let house = House::build().await;
    let now = unix_now();
    for (what, claims, told) in [
        ("wrong audience", json!({"aud": "https://other.example.com"}), URL),
        ("several audiences", json!({"aud": [URL, "https://other.example.com"]}), "audience"),
        ("no audience", json!({"aud": null}), "`aud`"),
        ("expired", json!({"iat": now - 900, "nbf": now - 900, "exp": now - 120}), "expired"),
        ("not yet valid", json!({"nbf": now + 120}), "not valid yet"),
        ("future iat", json!({"iat": now + 120, "nbf": now}), "future"),
        ("no iat", json!({"iat": null}), "iat"),
        ("no exp", json!({"exp": null}), "exp"),
        ("lives too long", json!({"exp": now + 7 * 24 * 3600}), "long"),
    ] {
        let error = house.refuses(what, &house.forge(claims).build(), "").await;
        assert_ne!(error, STRANGER, "{what}");
        assert!(error.contains(told), "{what}: {error}");
    }
    let doubled = house.forge(json!({})).duplicate_in_payload("ref", &json!("refs/heads/main")).build();
    for token in [doubled, house.forge(json!({})).nested(100).build()] {
        let error = house.refuses("no plain JSON", &token, "").await;
        assert!(error.contains("not plain JSON"), "{error}");
    }
}

#[tokio::test]
async fn a_body_of_ten_mebibytes_is_refused_and_recorded() {
    let house = House::build().await;
    let answer = house.post_raw("/oauth/token", vec![b'a'; 10 * 1024 * 1024]).await;
    assert_eq!(answer.error(), "413 invalid_request: the request body is too large");
    assert!(house.last_event().await.reason.unwrap().starts_with("body_too_large"));
}

#[tokio::test]
async fn our_own_access_token_is_no_outside_token() {
    let house = House::build().await;
    let access = house.exchange(&house.outside_token(json!({})), &[]).await.json();
    house.refuses("our own", access["access_token"].as_str().unwrap(), "").await;
}

#[tokio::test]
async fn unknown_key_ids_cause_a_bounded_number_of_fetches() {
    let house = House::build().await;
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200);
    let before = house.provider.jwks_requests();
    for number in 0..200 {
        let token = house.forge(json!({})).header("kid", format!("unknown-{number}")).build();
        house.refuses("unknown kid", &token, "").await;
    }
    assert!(house.provider.jwks_requests() <= before + 1, "{} fetches", house.provider.jwks_requests() - before);
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200, "the known key still works");
}

#[tokio::test]
async fn a_peer_that_is_refused_without_end_does_not_fill_the_log_and_keeps_nobody_out() {
    let house = House::build().await;
    let before = house.audit().await.len();
    let mut slowed = 0;
    for _ in 0..2_300 {
        let answer = house.exchange("x", &[]).await;
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            slowed += 1;
        }
    }
    assert_eq!(slowed, 300);
    let rows = house.audit().await.split_off(before);
    assert_eq!(rows.len(), 51, "the first fifty, and once that there are more");
    assert!(reason(&rows[49]).starts_with("token_malformed"), "{:?}", rows[49]);
    assert_eq!(reason(&rows[50]), "too_many_refusals: further ones are counted");
    // From the same address, as behind a proxy.
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200);
}

#[tokio::test]
async fn what_is_not_recorded_one_by_one_is_counted_and_the_count_is_recorded() {
    let house = House::build().await;
    let issuer = house.issuer.clone();
    let beside = tokio::spawn(async move { issuer.run().await });
    let before = house.audit().await.len();
    for _ in 0..60 {
        assert_eq!(house.exchange("x", &[]).await.status, 400);
    }
    let rows = async || house.audit().await.split_off(before);
    assert_eq!(rows().await.len(), 51);
    house.clock.advance(SignedDuration::from_mins(1));
    // Written by whoever looks after the windows, within a moment.
    while rows().await.len() < 52 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let summary = house.last_event().await;
    assert_eq!(reason(&summary), "too_many_refusals: 10 more were refused");
    assert_eq!((summary.outcome, summary.source.as_deref()), (Outcome::Refused, Some("192.0.2.7")));
    // In the next minute one by one again.
    house.exchange("x", &[]).await;
    assert!(reason(&house.last_event().await).starts_with("token_malformed"));
    beside.abort();
}

#[tokio::test]
async fn whoever_has_proven_who_they_are_is_recorded_also_where_a_stranger_makes_noise() {
    let house = House::build().await;
    for _ in 0..2_100 {
        house.exchange("x", &[]).await;
    }
    let before = house.audit().await.len();
    for number in 0..100 {
        let outside = house.outside_token(json!({"sub": format!("job-{number}"), "repository_id": "0"}));
        assert_eq!(house.exchange(&outside, &[]).await.status, 400);
        let late = house.forge(json!({"aud": "https://elsewhere.example"})).build();
        assert_eq!(house.exchange(&late, &[]).await.status, 400);
    }
    assert_eq!(house.audit().await.len() - before, 200);
}

fn reason(event: &AuditEvent) -> &str {
    event.reason.as_deref().unwrap()
}

#[tokio::test]
async fn one_token_replayed_without_end_does_not_fill_the_log() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    assert_eq!(house.exchange(&outside, &[]).await.status, 200);
    for _ in 0..200 {
        assert_ne!(house.exchange(&outside, &[]).await.status, 200);
    }
    assert!(house.audit().await.len() < 30);
    assert_eq!(house.exchange(&house.outside_token(json!({})), &[]).await.status, 200);
}
