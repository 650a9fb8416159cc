//! Our own access tokens: only ours, only these, only in time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use daypass_core::{Timestamp, access_token::AccessTokenClaims};
use daypass_oidc::{
    jwks::KeySet,
    verify::{ExpectedAccess, Refused, verify_access_token},
};
use daypass_testkit::oidc::{Forge, Provider, unix_now};
use serde_json::{Value, json};

const US: &str = "https://packages.example.com";

struct Door {
    provider: Provider,
    keys: KeySet,
    now: i64,
}

impl Door {
    async fn open() -> Self {
        let provider = Provider::start().await;
        let keys = KeySet::parse(provider.jwks().to_string().as_bytes()).unwrap();
        Self { provider, keys, now: unix_now() }
    }

    fn forge(&self) -> Forge {
        let claims = json!({
            "iss": US, "aud": US, "sub": "6a1f", "iat": self.now, "nbf": self.now, "exp": self.now + 3600,
            "jti": "0001", "client_id": "daypass-cli", "identity": "ci/app",
            "grants": [{ "index": "python", "projects": ["*"], "actions": ["pull"] }],
            "act": { "iss": "https://ci.example.com", "sub": "job" },
        });
        self.provider.forge(claims).es256().header("typ", "at+jwt")
    }

    fn verify(&self, token: &str) -> Result<AccessTokenClaims, Refused> {
        let now = Timestamp::from_second(self.now).unwrap();
        verify_access_token(token, &ExpectedAccess { issuer: US, audience: US, now }, &self.keys)
    }

    #[track_caller]
    fn refuses(&self, forge: Forge, code: &str) {
        assert_eq!(self.verify(&forge.build()).unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn ours_is_accepted() {
    let door = Door::open().await;
    let claims = door.verify(&door.forge().build()).unwrap();
    assert_eq!((claims.holder.shown(), &*claims.jti, claims.grants.len()), ("ci/app", "0001", 1));
    door.verify(&door.forge().header("typ", "application/at+jwt").build()).unwrap();
}

#[tokio::test]
async fn another_kind_of_token_is_not_an_access_token() {
    let door = Door::open().await;
    for typ in [Value::Null, json!("JWT"), json!("at+JWT"), json!("application/jwt"), json!("dpop+jwt"), json!(1)] {
        door.refuses(door.forge().header("typ", typ), "wrong_token_type");
    }
}

#[tokio::test]
async fn another_algorithm_or_key_is_not_ours() {
    let door = Door::open().await;
    // A good RS256 signature of a key in the set: we sign with ES256 only.
    door.refuses(door.forge().rs256(), "algorithm_not_accepted");
    door.refuses(door.forge().unsigned("none"), "algorithm_not_accepted");
    door.refuses(door.forge().hs256_with_pem(), "algorithm_not_accepted");
    door.refuses(door.forge().zero_signature(), "bad_signature");
    door.refuses(door.forge().other_key(), "bad_signature");
    door.refuses(door.forge().header("kid", "ec-2"), "unknown_key");
    door.refuses(door.forge().header("kid", Value::Null), "key_not_named");
    door.refuses(door.forge().header("crit", json!([])), "header_not_accepted");
}

#[tokio::test]
async fn another_issuer_audience_or_time_is_refused() {
    let door = Door::open().await;
    let now = door.now;
    for (claims, code) in [
        (json!({ "iss": "https://other.example.com" }), "wrong_issuer"),
        (json!({ "aud": "https://other.example.com" }), "wrong_audience"),
        (json!({ "aud": [US] }), "claims_malformed"),
        (json!({ "exp": now - 30, "iat": now - 3600 }), "expired"),
        (json!({ "nbf": now + 31 }), "not_yet_valid"),
        (json!({ "iat": now + 31 }), "issued_in_future"),
        (json!({ "exp": now + 86_401 }), "lives_too_long"),
        (json!({ "exp": i64::MAX }), "lives_too_long"),
        (json!({ "iat": i64::MIN }), "lives_too_long"),
        (json!({ "exp": 1.5 }), "claims_malformed"),
        (json!({ "identity": "" }), "claims_malformed"),
        (json!({ "grants": null }), "claims_malformed"),
    ] {
        door.refuses(door.forge().claims(claims), code);
    }
    door.refuses(door.forge().duplicate_in_payload("identity", &json!("ci/admin")), "claims_malformed");
    // A claim that a newer server adds does not stop an older index.
    door.verify(&door.forge().claims(json!({ "later": { "a": [1] } })).build()).unwrap();
}
