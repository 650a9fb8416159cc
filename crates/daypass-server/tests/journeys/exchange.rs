//! The token endpoint of the real server, as attackers and the unlucky meet it.

use std::collections::BTreeSet;

use daypass_testkit::oidc::{Forge, Trouble, unix_now};
use serde_json::{Value, json};

use crate::{
    http::{Answer, post, post_form},
    world::{World, exchange_form, exchange_request, sha256},
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

#[test]
fn a_good_outside_token_becomes_an_access_token_and_an_audit_event() {
    let world = World::start();
    let outside_token = world.outside_token();
    let answer = world.exchange(&outside_token);
    assert_eq!(answer.status, 200, "{}", answer.everything());
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    let access_token = body["access_token"].as_str().unwrap();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(body["identity"], "ci/app");
    let lives = body["expires_in"].as_i64().unwrap();
    assert!((3590..=3600).contains(&lives), "{lives}");

    let [event] = &world.audit_of("token.exchanged")[..] else { panic!("one event") };
    assert_eq!(event["outcome"], "success");
    assert_eq!(event["identity"], "ci/app");
    assert_eq!(event["token_sha256"], sha256(access_token));
    assert_eq!(event["actor"]["sub"], "repo:acme/app:ref:refs/heads/main");
    assert_eq!(event["request_id"], answer.header("x-request-id"));
}

#[test]
fn es256_and_the_id_token_type_are_as_good() {
    let world = World::start();
    let outside_token = world.provider.token_es256(world.job());
    let mut form = exchange_form(&outside_token);
    form[1].1 = "urn:ietf:params:oauth:token-type:id_token";
    let answer = world.send(&post_form("/oauth/token", &form));
    assert_eq!(answer.status, 200, "{}", answer.everything());
}

/// What must be refused, each with what is wrong with it.
fn hostile(world: &World) -> Vec<(&'static str, String)> {
    let honest = || world.provider.forge(world.job());
    let with = |claims: Value| honest().claims(claims);
    let now = unix_now();
    let tampered = || {
        let [header, _, signature] = honest().parts();
        let [_, payload, _] = with(json!({ "repository_id": "76" })).parts();
        format!("{header}.{payload}.{signature}")
    };
    let build = |forges: Vec<(&'static str, Forge)>| forges.into_iter().map(|(name, forge)| (name, forge.build()));
    let mut all: Vec<_> = build(vec![
        ("an issuer that is not registered", with(json!({ "iss": "https://evil.example.com" }))),
        ("an issuer that only looks alike", with(json!({ "iss": format!("{}/", world.provider.url()) }))),
        ("no issuer", with(json!({ "iss": null }))),
        ("another audience", with(json!({ "aud": "https://other.example.com" }))),
        ("an audience that begins like ours", with(json!({ "aud": format!("{}.evil.example", world.url()) }))),
        ("no audience", with(json!({ "aud": null }))),
        ("an empty list of audiences", with(json!({ "aud": [] }))),
        ("a key that nobody published", honest().other_key()),
        ("its own key in the header", honest().embedded_jwk()),
        ("its own certificate in the header", honest().embedded_x5c()),
        ("alg none", honest().unsigned("none")),
        ("alg NONE", honest().unsigned("NONE")),
        ("alg nOnE", honest().unsigned("nOnE")),
        ("HS256 with the public key's PEM", honest().hs256_with_pem()),
        ("HS256 with the modulus", honest().hs256_with_modulus()),
        ("HS256 with an empty secret", honest().hs256("")),
        ("ES256 with r = s = 0", honest().zero_signature()),
        ("an empty signature", honest().signature("")),
        ("expired", with(json!({ "exp": now - 60 }))),
        ("no exp", with(json!({ "exp": null }))),
        ("exp as text", with(json!({ "exp": "9999999999" }))),
        ("exp beyond all numbers", honest().raw_claim("exp", "1e400")),
        ("not yet valid", with(json!({ "nbf": now + 120 }))),
        ("issued in the future", with(json!({ "iat": now + 120 }))),
        ("no iat", with(json!({ "iat": null }))),
        ("an unknown crit", honest().header("crit", json!(["exp"]))),
        ("an access token's typ", honest().header("typ", "at+jwt")),
        ("an unknown key id", honest().header("kid", "no-such-key")),
        ("a key id that is a path", honest().header("kid", "../../etc/passwd")),
        ("two iss", honest().duplicate_in_payload("iss", &json!("https://evil.example.com"))),
        ("two aud", honest().duplicate_in_payload("aud", &json!("https://evil.example.com"))),
        ("two alg", honest().duplicate_in_header("alg", &json!("none"))),
        ("100 levels deep", honest().nested(100)),
        ("longer than any honest token", honest().at_least(20_000)),
        ("padded base64", honest().padded()),
        ("a missing claim", with(json!({ "repository_id": null }))),
        ("another value of a claim", with(json!({ "repository_id": "740" }))),
        ("a claim of another type", with(json!({ "repository_id": 74 }))),
        ("a list in place of a claim", with(json!({ "repository_id": ["74"] }))),
    ])
    .collect();
    all.extend([
        ("another payload under a good signature", tampered()),
        ("trailing garbage", format!("{}.", honest().build())),
        ("a space behind", format!("{} ", honest().build())),
        ("a last character with bits of its own", honest().build_non_canonical()),
        ("no JWT at all", "hello".to_owned()),
        ("only dots", "..".to_owned()),
        ("trailing garbage inside", honest().raw_payload(format!("{}x", honest().payload_text())).build()),
    ]);
    all
}

#[test]
fn every_hostile_outside_token_is_refused_recorded_and_tells_a_stranger_nothing() {
    let world = World::start();
    let cases = hostile(&world);
    for (what, outside_token) in &cases {
        let answer = world.exchange(outside_token);
        refused(what, &answer);
        leaks_nothing(what, &answer, outside_token);
    }
    let events = world.audit();
    for (what, outside_token) in &cases {
        let digest = sha256(outside_token);
        let event = events.iter().find(|event| event["token_sha256"] == digest.as_str());
        let event = event.unwrap_or_else(|| panic!("{what}: no audit event"));
        assert_eq!((&event["kind"], &event["outcome"]), (&json!("token.refused"), &json!("refused")), "{what}");
        assert!(event["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{what}");
    }
    assert!(!events.iter().any(|event| event["kind"] == "token.exchanged"));
    // The door is still open for the honest.
    assert_eq!(world.exchange(&world.outside_token()).status, 200);
}

fn refused(what: &str, answer: &Answer) {
    assert!((400..500).contains(&answer.status) && answer.status != 404, "{what}: {}", answer.everything());
    let body = answer.json();
    let error = body["error"].as_str().unwrap_or_else(|| panic!("{what}: {}", answer.everything()));
    assert!(!error.is_empty() && error.bytes().all(|byte| byte.is_ascii_graphic()), "{what}: {error}");
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert!(answer.body.len() < 2_000, "{what}: {} bytes", answer.body.len());
}

fn leaks_nothing(what: &str, answer: &Answer, outside_token: &str) {
    let said = answer.everything();
    for part in outside_token.split('.').filter(|part| part.len() > 8) {
        assert!(!said.contains(part), "{what}: the answer holds a part of the outside token");
    }
    for secret in ["/tmp", "panicked", ".rs:", "sqlite", "refs/heads/main\" "] {
        assert!(!said.contains(secret), "{what}: {said}");
    }
}

#[test]
fn an_outside_token_is_spent_once_also_after_a_restart() {
    let mut world = World::start();
    let outside_token = world.outside_token();
    assert_eq!(world.exchange(&outside_token).status, 200);
    refused("spent", &world.exchange(&outside_token));
    world.kill();
    world.restart();
    let again = world.exchange(&outside_token);
    refused("spent before the restart", &again);
    leaks_nothing("spent", &again, &outside_token);
    assert_eq!(world.audit_of("token.refused").len(), 2);
    assert_eq!(world.audit_of("token.exchanged").len(), 1);
}

#[test]
fn an_outside_token_that_many_send_at_once_is_good_for_one() {
    let world = World::start();
    let outside_token = world.outside_token();
    let authority = world.authority();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| exchange_request(&outside_token).send(&authority).unwrap().status))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 400)), "{statuses:?}");
}

#[test]
fn requests_that_are_no_exchange_are_refused_with_rfc_6749_errors() {
    let world = World::start();
    let outside_token = world.outside_token();
    let form = |changes: &[(&'static str, Option<&'static str>)]| {
        let mut fields: Vec<(&str, &str)> = exchange_form(&outside_token).to_vec();
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        post_form("/oauth/token", &fields)
    };
    let encoded = "application/x-www-form-urlencoded";
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for (what, request, error) in [
        ("no grant type", form(&[("grant_type", None)]), "invalid_request"),
        ("another grant type", form(&[("grant_type", Some("password"))]), "unsupported_grant_type"),
        ("no subject token", form(&[("subject_token", None)]), "invalid_request"),
        ("an empty subject token", form(&[("subject_token", Some(""))]), "invalid_request"),
        ("no type", form(&[("subject_token_type", None)]), "invalid_request"),
        ("another type", form(&[("subject_token_type", Some("urn:x"))]), "invalid_request"),
        ("a scope", form(&[("scope", Some("openid"))]), "invalid_scope"),
        ("another audience", form(&[("audience", Some("https://other.example.com"))]), "invalid_target"),
        ("another resource", form(&[("resource", Some("https://other.example.com"))]), "invalid_target"),
        ("an identity that is not there", form(&[("identity", Some("ci/nobody"))]), "invalid_request"),
        ("an identity of somebody else", form(&[("identity", Some("ci/auditor"))]), "invalid_request"),
        (
            "a parameter twice",
            post("/oauth/token", encoded, format!("grant_type={EXCHANGE}&grant_type=x")),
            "invalid_request",
        ),
        ("JSON", post("/oauth/token", "application/json", deep), "invalid_request"),
        ("nothing", post("/oauth/token", encoded, ""), "invalid_request"),
        ("bytes that are no text", post("/oauth/token", encoded, vec![0xff; 64]), "invalid_request"),
        ("an escape that is none", post("/oauth/token", encoded, "grant_type=%zz"), "unsupported_grant_type"),
    ] {
        let answer = world.send(&request);
        refused(what, &answer);
        assert_eq!(answer.json()["error"], error, "{what}: {}", answer.everything());
        leaks_nothing(what, &answer, &outside_token);
    }
    assert_eq!(world.audit_of("token.refused").len(), 16, "each left an audit event");
    assert_eq!(world.exchange(&outside_token).status, 200, "and none of them spent the outside token");
}

#[test]
fn a_body_of_10_mib_is_refused_without_being_kept() {
    let world = World::start();
    let before = memory(&world);
    let body = format!("grant_type={EXCHANGE}&subject_token={}", "x".repeat(10 << 20));
    let answer = world.send(&post("/oauth/token", "application/x-www-form-urlencoded", body));
    refused("10 MiB", &answer);
    assert!(memory(&world) < before + 4_000, "{before} → {} kB", memory(&world));
}

fn memory(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.server().id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_flood_of_unknown_key_ids_does_not_flood_the_issuer() {
    let world = World::start();
    assert_eq!(world.exchange(&world.outside_token()).status, 200);
    let before = world.provider.jwks_requests();
    for number in 0..200 {
        let forged = world.provider.forge(world.job()).other_key_named(number);
        refused("an unknown key", &world.exchange(&forged));
    }
    let fetched = world.provider.jwks_requests() - before;
    assert!(fetched <= 2, "the issuer was asked {fetched} times");
    assert_eq!(world.exchange(&world.outside_token()).status, 200);
}

trait UnknownKey {
    fn other_key_named(self, number: usize) -> String;
}

impl UnknownKey for Forge {
    fn other_key_named(self, number: usize) -> String {
        self.header("kid", format!("unknown-{number}")).build()
    }
}

#[test]
fn keys_that_the_issuer_rotated_in_are_found() {
    let world = World::start();
    assert_eq!(world.exchange(&world.outside_token()).status, 200);
    world.provider.rotate_keys();
    assert_eq!(world.exchange(&world.outside_token()).status, 200);
}

#[test]
fn an_issuer_that_is_down_is_not_now_and_never_an_open_door() {
    let world = World::start();
    world.provider.set_trouble(Trouble::Fail);
    let outside_token = world.outside_token();
    let answer = world.exchange(&outside_token);
    assert_eq!(answer.status, 503, "{}", answer.everything());
    assert!(!answer.header("retry-after").is_empty());
    leaks_nothing("the issuer is down", &answer, &outside_token);
    assert_eq!(world.audit_of("token.refused").len(), 1);
}

#[test]
fn one_peer_cannot_fill_the_audit_log() {
    let world = World::start();
    let authority = world.authority();
    let statuses: BTreeSet<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| {
                let ask = |_| exchange_request("x").send(&authority).unwrap().status;
                scope.spawn(move || (0..600).map(ask).collect::<Vec<u16>>())
            })
            .collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses, BTreeSet::from([400, 429]));
    // Exhausted is exhausted, but only for refusals' window: an access token at the index is none of it.
    assert!(world.audit_of("token.refused").len() <= 2_010);
}
