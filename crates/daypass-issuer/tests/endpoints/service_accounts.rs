//! `POST /oauth/token`: a machine that signs with a key of its own.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
    digest::Sha256,
    policy::Policy,
    session::SessionLimits,
};
use daypass_issuer::LoadedPolicy;
use daypass_oidc::jwks::KeySet;
use daypass_testkit::oidc::{Forge, Provider};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    house::{Answer, EXCHANGE, House, JWT, URL},
    people::{encoded, refused},
};

const BOX: &str = "service-account:build-box";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

const POLICY: &str = r#"
    [[service_account]]
    name = "build-box"
    keys = { jwks = "box.json" }
    grants = [ { index = "python", projects = ["acme-*"], actions = ["pull"] } ]
    ttl = { default = "15m", max = "1h" }

    [[service_account]]
    name = "other-box"
    keys = { jwks = "other.json" }
    grants = [ { index = "python", projects = ["*"], actions = ["pull", "push"] } ]
"#;

/// Two machines; the keys of each are those of a provider, which can also forge.
struct Machines {
    house: House,
    other: Provider,
}

fn loaded(text: &str, here: &Provider, other: &Provider) -> LoadedPolicy {
    let keys = |provider: &Provider| KeySet::parse(provider.jwks().to_string().as_bytes()).unwrap();
    let keys = [("service-account.build-box", keys(here)), ("service-account.other-box", keys(other))];
    LoadedPolicy {
        policy: Arc::new(Policy::merge([Policy::parse(text).unwrap()]).unwrap()),
        fixed_keys: keys.map(|(issuer, keys)| (issuer.parse().unwrap(), keys)).into(),
        ..LoadedPolicy::default()
    }
}

impl Machines {
    async fn new() -> Self {
        let house = House::build_at(URL, SessionLimits::default(), |_| LoadedPolicy::default()).await;
        let other = Provider::start().await;
        house.issuer.replace_policy(loaded(POLICY, &house.provider, &other)).unwrap();
        Self { house, other }
    }

    /// An assertion of `build-box`, unless `claims` says otherwise.
    fn forge(&self, claims: Value) -> Forge {
        let now = self.house.now().as_second();
        let forge =
            self.house.provider.forge(json!({"iss": BOX, "sub": BOX, "aud": URL, "iat": now, "exp": now + 120}));
        forge.claims(json!({"nbf": null})).claims(claims).es256()
    }

    async fn ask(&self, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        form.extend_from_slice(more);
        self.house.post("/oauth/token", &form).await
    }

    async fn grant(&self, assertion: &str) -> Answer {
        self.house.post("/oauth/token", &[("grant_type", JWT_BEARER), ("assertion", assertion)]).await
    }
}

fn claims(answer: &Answer) -> Value {
    let body = answer.json();
    let access = body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.body));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(access.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_machine_gets_an_access_token_as_the_identity_that_it_is() {
    let machines = Machines::new().await;
    let assertion = machines.forge(json!({})).build();
    let answer = machines.ask(&assertion, &[("client_id", BOX)]).await;
    assert_eq!(
        (answer.status, &answer.headers["cache-control"]),
        (200, &"no-store".parse().unwrap()),
        "{}",
        answer.body
    );
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["identity"], "service-account/build-box");
    assert!(body.get("refresh_token").is_none(), "RFC 6749 §4.4.3");
    let claims = claims(&answer);
    assert_eq!((&claims["identity"], &claims["client_id"]), (&json!("service-account/build-box"), &json!(BOX)));
    assert_eq!(claims["act"], json!({"iss": BOX, "sub": BOX}));
    assert_eq!(claims["grants"], json!([{"index": "python", "projects": ["acme-*"], "actions": ["pull"]}]));

    let event = machines.house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenExchanged, Outcome::Success));
    assert_eq!(event.identity.as_deref(), Some("service-account/build-box"));
    assert_eq!(event.subject_token_sha256, Some(Sha256::of(&assertion)));
    let log = serde_json::to_string(&machines.house.audit().await).unwrap();
    assert!(!log.contains(&assertion));

    let longer = machines.forge(json!({"jti": "another"})).build();
    assert_eq!(machines.ask(&longer, &[("expires_in", "7200")]).await.json()["expires_in"], 3600);
}

#[tokio::test]
async fn an_assertion_is_a_grant_too_and_good_once_whichever_way_it_comes() {
    let machines = Machines::new().await;
    let assertion = machines.forge(json!({})).build();
    assert_eq!(machines.grant(&assertion).await.status, 200);
    let again = machines.grant(&assertion).await;
    assert_eq!(refused(&again), "400 invalid_grant (replayed)");
    assert_snapshot!(again.json()["error_description"].as_str().unwrap(), @"this assertion was used before; sign another for each request");
    let again = machines.ask(&assertion, &[]).await;
    assert_eq!(refused(&again), "401 invalid_client (replayed)");
    assert!(again.headers.contains_key("www-authenticate"));
    let form = [("grant_type", EXCHANGE), ("subject_token_type", JWT), ("subject_token", &assertion)];
    assert_eq!(refused(&machines.house.post("/oauth/token", &form).await), "400 invalid_request (replayed)");
    // The same `jti` in another text is the same proof; another machine's is not.
    let same = |provider: &Provider, who: &str| {
        let now = machines.house.now().as_second();
        let said = json!({"iss": who, "sub": who, "aud": URL, "iat": now, "exp": now + 60, "nbf": null, "jti": "one"});
        provider.forge(said).es256().build()
    };
    assert_eq!(machines.ask(&same(&machines.house.provider, BOX), &[]).await.status, 200);
    assert_eq!(machines.ask(&machines.forge(json!({"jti": "one"})).build(), &[]).await.status, 401);
    assert_eq!(machines.ask(&same(&machines.other, "service-account:other-box"), &[]).await.status, 200);
}

#[tokio::test]
async fn of_many_equal_assertions_at_once_one_is_good() {
    let machines = Machines::new().await;
    let assertion = machines.forge(json!({})).build();
    let all = (0..16).map(|_| machines.ask(&assertion, &[]));
    assert_eq!(futures_util::future::join_all(all).await.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn what_only_a_stranger_could_send_is_refused_without_a_word_why() {
    let machines = Machines::new().await;
    let now = machines.house.now().as_second();
    let by_other = |who: &str| {
        machines.other.forge(json!({"iss": who, "sub": who, "aud": URL, "iat": now, "exp": now + 120})).es256().build()
    };
    let wrong_key = machines.forge(json!({})).other_key().build();
    for (assertion, code) in [
        ("x".to_owned(), "token_malformed"),
        (machines.forge(json!({})).unsigned("none").build(), "algorithm_not_accepted"),
        (machines.forge(json!({})).hs256_with_pem().build(), "algorithm_not_accepted"),
        (machines.forge(json!({})).zero_signature().build(), "bad_signature"),
        (machines.forge(json!({})).embedded_jwk().build(), ""),
        (wrong_key, "bad_signature"),
        // The key of another account is not this one's.
        (by_other(BOX), ""),
        (machines.forge(json!({"iss": "service-account:other-box", "sub": "service-account:other-box"})).build(), ""),
        (machines.forge(json!({"iss": "service-account:nobody"})).build(), "issuer_unknown"),
        (machines.forge(json!({"iss": machines.house.provider.url()})).build(), "issuer_unknown"),
        (machines.forge(json!({"iss": "build-box"})).build(), "issuer_unknown"),
    ] {
        let answer = machines.ask(&assertion, &[]).await;
        assert_eq!(refused(&answer), "401 invalid_client", "{assertion}");
        assert_eq!(
            answer.json()["error_description"],
            "the assertion was not accepted; the operator finds the reason in the audit log under this request's id"
        );
        let event = machines.house.last_event().await;
        assert_eq!((event.kind, event.outcome, event.actor), (AuditKind::TokenRefused, Outcome::Refused, None));
        assert!(code.is_empty() || event.reason.as_ref().unwrap().starts_with(code), "{code}: {:?}", event.reason);
        assert_eq!(refused(&machines.grant(&assertion).await), "400 invalid_grant");
    }
}

#[tokio::test]
async fn whoever_holds_the_key_is_told_what_is_wrong() {
    let machines = Machines::new().await;
    let now = machines.house.now().as_second();
    for (changed, expected) in [
        (json!({"aud": "https://other.example.com"}), "401 invalid_client (wrong_audience)"),
        (json!({"aud": format!("{URL}/oauth/token")}), "401 invalid_client (wrong_audience)"),
        (json!({"aud": [URL, "https://other.example.com"]}), "401 invalid_client (wrong_audience)"),
        (json!({"aud": null}), "401 invalid_client (claim_missing)"),
        (json!({"exp": now + 301}), "401 invalid_client (lives_too_long)"),
        (json!({"exp": now - 60, "iat": now - 120}), "401 invalid_client (expired)"),
        (json!({"iat": now + 600, "exp": now + 700}), "401 invalid_client (issued_in_future)"),
        (json!({"exp": null}), "401 invalid_client (claim_missing)"),
        (json!({"sub": "service-account:other-box"}), "401 invalid_client (claims_differ)"),
        (json!({"sub": null}), "401 invalid_client (claims_differ)"),
    ] {
        let answer = machines.ask(&machines.forge(changed.clone()).build(), &[]).await;
        assert_eq!(refused(&answer), expected, "{changed}");
    }
    assert_eq!(machines.ask(&machines.forge(json!({"exp": now + 300})).build(), &[]).await.status, 200);
}

#[tokio::test]
async fn a_request_that_says_too_little_or_too_much_is_told_what_is_wrong() {
    let machines = Machines::new().await;
    let good = machines.forge(json!({})).build();
    let post = async |form: &[(&str, &str)]| machines.house.post("/oauth/token", form).await.error();
    let client = ("grant_type", "client_credentials");
    assert_eq!(post(&[client]).await, "400 invalid_request: the parameter `client_assertion_type` is missing");
    assert_eq!(
        post(&[client, ("client_assertion_type", ASSERTION_TYPE)]).await,
        "400 invalid_request: the parameter `client_assertion` is missing"
    );
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    assert_snapshot!(post(&[client, ("client_assertion_type", saml), ("client_assertion", "x")]).await, @"400 invalid_request: use the client_assertion_type `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`");
    assert_eq!(post(&[("grant_type", JWT_BEARER)]).await, "400 invalid_request: the parameter `assertion` is missing");
    for (more, expected) in [
        (("client_secret", "x"), "400 invalid_request: send the assertion, and no other credential beside it"),
        (("scope", "x"), "400 invalid_scope: `scope` is not supported; name an `identity` instead"),
        (
            ("resource", "https://other.example.com"),
            "400 invalid_target: access tokens of this server are for `https://packages.example.com` only",
        ),
        (
            ("client_id", "service-account:other-box"),
            "401 invalid_client: the assertion was not accepted; the operator finds the reason in the audit log under this request's id",
        ),
    ] {
        assert_eq!(machines.ask(&good, &[more]).await.error(), expected);
    }
    let form = encoded(&[client, ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &good)]);
    let request = Request::post("/oauth/token").header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("authorization", "Basic YTpi").body(Body::from(form)).unwrap();
    assert_eq!(machines.house.send(request).await.status, 400);
    assert_eq!(machines.ask(&good, &[]).await.status, 200, "none of these spent it");
}

#[tokio::test]
async fn a_service_account_that_is_shut_or_withdrawn_gets_nothing_and_what_it_has_is_worth_nothing() {
    let machines = Machines::new().await;
    let first = machines.ask(&machines.forge(json!({"jti": "1"})).build(), &[]).await.json();
    let access = first["access_token"].as_str().unwrap();
    assert_eq!(machines.house.session_api(access).await.status, 200);
    let put = |text: &str| {
        machines.house.issuer.replace_policy(loaded(text, &machines.house.provider, &machines.other)).unwrap();
    };
    put(&POLICY.replacen("keys =", "enabled = false\nkeys =", 1));
    let answer = machines.ask(&machines.forge(json!({"jti": "2"})).build(), &[]).await;
    assert_eq!(answer.json()["error"], "invalid_client", "{}", answer.body);
    assert_eq!(machines.house.session_api(access).await.status, 401);
    put(&POLICY.replace("build-box", "built-box"));
    assert_eq!(refused(&machines.ask(&machines.forge(json!({"jti": "3"})).build(), &[]).await), "401 invalid_client");
    put(POLICY);
    machines.house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(machines.ask(&machines.forge(json!({"jti": "4"})).build(), &[]).await.status, 200);
}
