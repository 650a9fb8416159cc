//! Every attack on an outside token is refused, and its honest twin is accepted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use daypass_core::{Timestamp, clock::Ttl, issuer::Limits};
use daypass_oidc::{
    jwks::KeySet,
    verify::{ExpectedOutside, Proven, Refused, peek, verify_outside_token},
};
use daypass_testkit::oidc::{Forge, Provider, unix_now};
use serde_json::{Value, json};

const US: &str = "https://packages.example.com";

struct Door {
    provider: Provider,
    keys: KeySet,
    audiences: Vec<Box<str>>,
    now: i64,
}

impl Door {
    async fn open() -> Self {
        let provider = Provider::start().await;
        let keys = KeySet::parse(provider.jwks().to_string().as_bytes()).unwrap();
        Self { provider, keys, audiences: vec![US.into()], now: unix_now() }
    }

    /// An honest token, to be spoilt.
    fn forge(&self) -> Forge {
        let times = json!({ "iat": self.now, "nbf": self.now, "exp": self.now + 300 });
        self.provider.forge(json!({ "aud": US, "sub": "job" })).claims(times)
    }

    fn with(&self, claims: Value) -> String {
        self.forge().claims(claims).build()
    }

    fn verify(&self, token: &str) -> Result<Proven, Refused> {
        self.verify_within(token, &Limits::default())
    }

    fn verify_within(&self, token: &str, limits: &Limits) -> Result<Proven, Refused> {
        let now = Timestamp::from_second(self.now).unwrap();
        let expected = ExpectedOutside { issuer_url: self.provider.url(), audiences: &self.audiences, limits, now };
        verify_outside_token(token, &expected, &self.keys)
    }

    #[track_caller]
    fn accepts(&self, token: &str) -> Proven {
        self.verify(token).unwrap()
    }

    #[track_caller]
    fn refuses(&self, token: &str, code: &str) {
        let refused = self.verify(token).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
}

#[tokio::test]
async fn an_honest_token_of_each_algorithm_is_accepted() {
    let door = Door::open().await;
    for token in [door.forge(), door.forge().es256(), door.forge().header("alg", "RS256")].map(Forge::build) {
        let proven = door.accepts(&token);
        assert_eq!(proven.claims.subject(), Some("job"));
        assert_eq!(proven.expires_at.as_second(), door.now + 300);
        // Remembered past the last moment at which it is accepted: `exp` + 30 s.
        assert!(proven.spend_until.as_second() > door.now + 330);
        assert!(proven.replay_key.starts_with("jti:jti-"));
    }
}

#[tokio::test]
async fn peeking_tells_the_issuer_and_the_key_and_proves_nothing() {
    let door = Door::open().await;
    let unverified = peek(&door.forge().other_key().build()).unwrap();
    assert_eq!(
        (&*unverified.iss, unverified.kid.as_deref(), &*unverified.alg),
        (door.provider.url(), Some("rsa-1"), "RS256")
    );
    for token in [
        door.with(json!({ "iss": null })),
        door.with(json!({ "iss": 1 })),
        door.with(json!({ "iss": [door.provider.url()] })),
        door.forge().duplicate_in_payload("iss", &json!("https://other.example.com")).build(),
        door.forge().unsigned("none").build(),
        "..".to_owned(),
    ] {
        assert!(peek(&token).is_err());
    }
}

#[tokio::test]
async fn no_signature_is_no_token_however_none_is_spelt() {
    let door = Door::open().await;
    for spelling in ["none", "None", "NONE", "nOnE", "", "none ", "HS256"] {
        door.refuses(&door.forge().unsigned(spelling).build(), "algorithm_not_accepted");
    }
    door.refuses(&door.forge().header("alg", Value::Null).build(), "algorithm_not_accepted");
    door.refuses(&door.forge().header("alg", json!(["RS256"])).build(), "algorithm_not_accepted");
    door.refuses(&door.forge().header("alg", "rs256").build(), "algorithm_not_accepted");
    door.refuses(&door.forge().signature([]).build(), "bad_signature");
    door.accepts(&door.forge().build());
}

#[tokio::test]
async fn a_public_key_is_no_hmac_secret() {
    let door = Door::open().await;
    for forged in [
        door.forge().hs256_with_pem(),
        door.forge().hs256_with_modulus(),
        door.forge().hs256(*b""),
        door.forge().hs256(*b"secret"),
    ] {
        door.refuses(&forged.build(), "algorithm_not_accepted");
    }
    door.accepts(&door.forge().rs256().build());
}

#[tokio::test]
async fn the_key_decides_the_algorithm() {
    let door = Door::open().await;
    // The published RSA key says `RS256`, so a good PSS signature of the same key is not accepted …
    door.refuses(&door.forge().ps256().build(), "algorithm_not_accepted");
    // … nor an ES256 signature under the RSA key's name, nor the other way round.
    door.refuses(&door.forge().es256().header("kid", "rsa-1").build(), "algorithm_not_accepted");
    door.refuses(&door.forge().rs256().header("kid", "ec-1").build(), "algorithm_not_accepted");
    // A key that says nothing may do both RSA schemes.
    let mut jwks = door.provider.jwks();
    jwks["keys"][0].as_object_mut().unwrap().remove("alg");
    let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
    let door = Door { keys, ..door };
    door.accepts(&door.forge().ps256().build());
    door.accepts(&door.forge().rs256().build());
}

#[tokio::test]
async fn psychic_and_broken_signatures_are_refused() {
    let door = Door::open().await;
    door.refuses(&door.forge().zero_signature().build(), "bad_signature");
    for bytes in [vec![], vec![0; 1], vec![1; 64], vec![0xff; 64], vec![0; 65], vec![0; 256]] {
        door.refuses(&door.forge().es256().signature(bytes).build(), "bad_signature");
    }
    door.accepts(&door.forge().es256().build());
}

#[tokio::test]
async fn another_key_under_a_known_name_is_refused() {
    let door = Door::open().await;
    door.refuses(&door.forge().other_key().build(), "bad_signature");
    door.refuses(&door.forge().es256().other_key().build(), "bad_signature");
}

#[tokio::test]
async fn keys_that_the_token_brings_along_are_not_looked_at() {
    let door = Door::open().await;
    let url = "https://evil.example.com/jwks";
    for token in [
        door.forge().embedded_jwk(),
        door.forge().embedded_x5c(),
        door.forge().header("jku", url),
        door.forge().header("x5u", url),
        // Also when the signature is good.
        door.forge().header("jwk", json!({})),
        door.forge().header("x5c", json!([])),
        door.forge().header("crit", json!(["exp"])),
        door.forge().header("crit", json!([])),
        door.forge().header("crit", json!(["b64"])).header("b64", json!(false)),
        door.forge().header("b64", json!(false)),
        door.forge().header("zip", "DEF"),
    ] {
        door.refuses(&token.build(), "header_not_accepted");
    }
    // A thumbprint is a mere name: GitHub Actions sends one. Unknown members are ignored (RFC 7515 §4).
    door.accepts(&door.forge().header("x5t", "ykNaY4qM_ta4k2TgZOCEYLkcYlA").build());
    door.accepts(&door.forge().header("anything", json!({ "a": 1 })).build());
}

#[tokio::test]
async fn kinds_of_token_are_not_taken_for_each_other() {
    let door = Door::open().await;
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", ""] {
        door.refuses(&door.forge().header("typ", typ).build(), "wrong_token_type");
    }
    door.refuses(&door.forge().header("typ", json!(["JWT"])).build(), "wrong_token_type");
    for typ in [json!("JWT"), json!("jwt"), json!("JOSE"), Value::Null] {
        door.accepts(&door.forge().header("typ", typ).build());
    }
}

#[tokio::test]
async fn a_key_id_is_a_short_name_and_nothing_else() {
    let door = Door::open().await;
    for kid in
        ["rsa-2", "../../etc/passwd", "' or 1=1 --", "https://evil.example.com", "RSA-1", "rsa-1 ", &"k".repeat(256)]
    {
        door.refuses(&door.forge().header("kid", kid).build(), "unknown_key");
    }
    for kid in
        [json!(""), json!("k".repeat(257)), json!("a\nb"), json!("a\u{0}"), json!("ключ"), json!(1), json!(["rsa-1"])]
    {
        door.refuses(&door.forge().header("kid", kid).build(), "token_malformed");
    }
    // Without a name there must be no choice.
    door.refuses(&door.forge().header("kid", Value::Null).build(), "key_not_named");
    let only = door.provider.jwks()["keys"][0].clone();
    let door = Door { keys: KeySet::from_jwk_values(&[only]).unwrap(), ..door };
    door.accepts(&door.forge().header("kid", Value::Null).build());
}

#[tokio::test]
async fn the_same_name_twice_is_refused_wherever_it_stands() {
    let door = Door::open().await;
    for forged in [
        door.forge().duplicate_in_header("alg", &json!("RS256")),
        door.forge().duplicate_in_header("kid", &json!("rsa-1")),
        door.forge().duplicate_in_header("typ", &json!("JWT")),
    ] {
        door.refuses(&forged.build(), "token_malformed");
    }
    for forged in [
        door.forge().duplicate_in_payload("sub", &json!("job")),
        door.forge().duplicate_in_payload("aud", &json!(US)),
        door.forge().duplicate_in_payload("exp", &json!(door.now + 9999)),
        door.forge().raw_claim("nested", r#"{"a":{"x":1,"x":2}}"#),
        door.forge().raw_claim("listed", r#"[{"x":1,"\u0078":2}]"#),
    ] {
        door.refuses(&forged.build(), "claims_malformed");
    }
    door.accepts(&door.forge().raw_claim("nested", r#"{"a":{"x":1},"b":{"x":1}}"#).build());
}

#[tokio::test]
async fn deep_claims_are_refused() {
    let door = Door::open().await;
    door.accepts(&door.forge().nested(15).build());
    for levels in [16, 100, 127, 3000] {
        door.refuses(&door.forge().nested(levels).build(), "claims_malformed");
    }
}

#[tokio::test]
async fn what_is_not_three_canonical_parts_is_refused() {
    let door = Door::open().await;
    let good = door.forge().build();
    let [header, payload, signature] = door.forge().parts();
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        ".".repeat(5000),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!(" {good}"),
        format!("{good}="),
        format!("{good}?"),
        format!("Bearer {good}"),
        door.forge().padded().build(),
        door.forge().raw_header("not json").build(),
        door.forge().raw_header("[]").build(),
        door.forge().raw_header(format!("{} x", door.forge().header_text())).build(),
        door.forge().header("long", "x".repeat(2048)).build(),
    ] {
        door.refuses(&token, "token_malformed");
    }
    // A lax decoder reads the same signature from another text; two texts must not be two proofs.
    door.refuses(&door.forge().build_non_canonical(), "token_malformed");
    door.refuses(&door.forge().es256().build_non_canonical(), "token_malformed");
    for payload in ["", "[]", "\"text\"", "not json", "{}{}", "{} x", "\u{feff}{}"] {
        door.refuses(&door.forge().raw_payload(payload).build(), "claims_malformed");
    }
    // Whoever changes the payload's text breaks the signature, whatever a lax decoder would read.
    for payload in [String::new(), format!("{payload} "), format!("{payload}=")] {
        door.refuses(&format!("{header}.{payload}.{signature}"), "bad_signature");
    }
    door.accepts(&good);
}

#[tokio::test]
async fn a_token_beyond_sixteen_kibibytes_is_not_looked_at() {
    let door = Door::open().await;
    door.refuses(&door.forge().at_least(17 * 1024).build(), "token_too_large");
    door.refuses(&"x".repeat(10 * 1024 * 1024), "token_too_large");
    assert_eq!(peek(&"x".repeat(10 * 1024 * 1024)), Err(Refused::TooLarge));
    door.accepts(&door.forge().at_least(12 * 1024).build());
}

#[tokio::test]
async fn a_changed_payload_breaks_the_signature() {
    let door = Door::open().await;
    let [header, _, signature] = door.forge().parts();
    let [_, payload, _] = door.forge().claims(json!({ "sub": "another job" })).parts();
    door.refuses(&format!("{header}.{payload}.{signature}"), "bad_signature");
}

#[tokio::test]
async fn the_issuer_is_compared_byte_for_byte() {
    let door = Door::open().await;
    let url = door.provider.url();
    for iss in [
        json!(format!("{url}/")),
        json!(url.to_uppercase()),
        json!(format!("{url}?x")),
        json!(format!("{url}#x")),
        json!([url]),
        json!(1),
        json!(""),
        json!("https://other.example.com"),
    ] {
        door.refuses(&door.with(json!({ "iss": iss })), "wrong_issuer");
    }
    door.refuses(&door.with(json!({ "iss": null })), "claim_missing");
    door.refuses(&door.forge().raw_claim("iss", "null").build(), "claim_missing");
}

#[tokio::test]
async fn the_audience_is_us_and_nobody_else() {
    let door = Door::open().await;
    for aud in [
        json!("https://other.example.com"),
        json!(format!("{US}/")),
        json!(format!("{US}.evil.example")),
        json!(""),
        json!([]),
        json!([US, "https://other.example.com"]),
        json!(["https://other.example.com", US]),
        json!([US, US]),
        json!(["https://other.example.com"]),
    ] {
        door.refuses(&door.with(json!({ "aud": aud })), "wrong_audience");
    }
    for aud in [json!(1), json!([[US]]), json!({ "a": US }), json!(true)] {
        door.refuses(&door.with(json!({ "aud": aud })), "claim_malformed");
    }
    door.refuses(&door.with(json!({ "aud": null })), "claim_missing");
    door.accepts(&door.with(json!({ "aud": US })));
    door.accepts(&door.with(json!({ "aud": [US] })));

    let door = Door { audiences: vec!["api://one".into(), "api://two".into()], ..door };
    door.accepts(&door.with(json!({ "aud": "api://two" })));
    door.refuses(&door.with(json!({ "aud": US })), "wrong_audience");
}

#[tokio::test]
async fn times_are_honoured_to_the_second_with_thirty_seconds_of_leeway() {
    let door = Door::open().await;
    let now = door.now;
    for (claims, outcome) in [
        (json!({ "exp": now - 29, "iat": now - 100, "nbf": null }), None),
        (json!({ "exp": now - 30, "iat": now - 100, "nbf": null }), Some("expired")),
        (json!({ "exp": 0, "iat": 0 }), Some("expired")),
        (json!({ "nbf": now + 30 }), None),
        (json!({ "nbf": now + 31 }), Some("not_yet_valid")),
        (json!({ "iat": now + 30 }), None),
        (json!({ "iat": now + 31 }), Some("issued_in_future")),
        (json!({ "iat": now - 3600, "exp": now - 3600 + 86400 }), None),
        (json!({ "iat": now - 3600, "exp": now - 3600 + 86401 }), Some("lives_too_long")),
        (json!({ "exp": now - 10, "iat": now }), Some("lives_too_long")),
        (json!({ "exp": 1_i64 << 53 }), Some("lives_too_long")),
        (json!({ "exp": null }), Some("claim_missing")),
        (json!({ "iat": null }), Some("claim_missing")),
        (json!({ "nbf": null }), None),
    ] {
        let token = door.with(claims.clone());
        assert_eq!(door.verify(&token).err().map(|refused| refused.code()), outcome, "{claims}");
    }
}

#[tokio::test]
async fn times_are_whole_numbers_of_a_sane_size() {
    let door = Door::open().await;
    for name in ["exp", "iat", "nbf"] {
        for text in [
            "1e18",
            "1e300",
            "9007199254740993",
            "9223372036854775807",
            "18446744073709551615",
            "99999999999999999999999999",
            "-1",
            "-9223372036854775808",
            "1795392000.5",
            "1.795392e9",
            "\"1795392000\"",
            "true",
            "[1795392000]",
            "{}",
        ] {
            door.refuses(&door.forge().raw_claim(name, text).build(), "claim_malformed");
        }
        for text in ["1e999", "NaN", "Infinity", "01", "0x10", "+1"] {
            door.refuses(&door.forge().raw_claim(name, text).build(), "claims_malformed");
        }
        door.accepts(&door.forge().raw_claim(name, &(door.now + 20).to_string()).build());
    }
}

#[tokio::test]
async fn a_token_id_is_a_short_text_or_the_digest_takes_its_place() {
    let door = Door::open().await;
    for jti in [json!(1), json!(""), json!("x".repeat(257)), json!("a\u{0}b"), json!("a\nb"), json!(["a"]), json!(true)]
    {
        door.refuses(&door.with(json!({ "jti": jti })), "claim_malformed");
    }
    assert_eq!(door.accepts(&door.with(json!({ "jti": "x".repeat(256) }))).replay_key.len(), 4 + 256);

    // No `jti`: the same proof gives the same key, also under a second good ECDSA signature.
    let forge = door.forge().es256().claims(json!({ "jti": null }));
    let (first, second) = (forge.clone().build(), forge.build());
    assert_ne!(first, second, "ECDSA signatures are random");
    let key = door.accepts(&first).replay_key;
    assert!(key.starts_with("sha256:") && key.len() == 7 + 64);
    assert_eq!(door.accepts(&second).replay_key, key);
    assert_ne!(door.accepts(&door.with(json!({ "jti": null, "sub": "other" }))).replay_key, key);
    // A `jti` that looks like a digest is still a `jti`.
    assert_ne!(door.accepts(&door.with(json!({ "jti": key }))).replay_key, key);
}

#[tokio::test]
async fn a_stranger_is_told_nothing_of_the_claims() {
    let door = Door::open().await;
    // Everything is wrong with this one. What is said is about the signature.
    let claims = json!({ "aud": "other", "exp": 1, "iss": "other" });
    let refused = door.verify(&door.forge().other_key().claims(claims.clone()).build()).unwrap_err();
    assert!(!refused.is_after_proof());
    assert_eq!(refused.code(), "bad_signature");
    let refused = door.verify(&door.with(claims)).unwrap_err();
    assert!(refused.is_after_proof());
    assert!(!refused.to_string().contains("other\""));
}

#[tokio::test]
async fn an_issuers_own_limits_are_kept() {
    let door = Door::open().await;
    let es256 = Limits { algorithms: vec!["ES256".into()], ..Limits::default() };
    assert!(door.verify_within(&door.forge().es256().build(), &es256).is_ok());
    assert_eq!(door.verify_within(&door.forge().build(), &es256), Err(Refused::Algorithm));
    let short = Limits { longest_life: Ttl::from_secs(300), ..Limits::default() };
    assert!(door.verify_within(&door.forge().build(), &short).is_ok());
    let longer = door.with(json!({ "exp": door.now + 301 }));
    assert_eq!(door.verify_within(&longer, &short), Err(Refused::LivesTooLong));
    let young = Limits { longest_age: Some(Ttl::from_secs(60)), ..Limits::default() };
    assert!(door.verify_within(&door.with(json!({ "iat": door.now - 60 })), &young).is_ok());
    assert_eq!(door.verify_within(&door.with(json!({ "iat": door.now - 100 })), &young), Err(Refused::TooOld));
}

#[tokio::test]
async fn a_spiffe_id_is_believed_in_its_own_trust_domain_only() {
    let door = Door::open().await;
    let limits = Limits { trust_domain: Some("example.org".into()), ..Limits::default() };
    let svid = |claims: Value| door.with(claims);
    let sub = "spiffe://example.org/ns/build/sa/ci";
    for claims in
        [json!({ "sub": sub, "iss": null }), json!({ "sub": sub, "iat": null }), json!({ "sub": sub, "iss": "x" })]
    {
        assert!(door.verify_within(&svid(claims.clone()), &limits).is_ok(), "{claims}");
    }
    let unverified = peek(&svid(json!({ "sub": sub, "iss": null }))).unwrap();
    assert_eq!(unverified.iss, "spiffe://example.org");
    for sub in [
        "spiffe://example.org.evil/x",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://evil/example.org/",
        "x",
    ] {
        assert_eq!(door.verify_within(&svid(json!({ "sub": sub })), &limits), Err(Refused::WrongIssuer), "{sub}");
    }
    assert!(peek(&door.with(json!({ "iss": null }))).is_err(), "without either, it is from nobody");
}
