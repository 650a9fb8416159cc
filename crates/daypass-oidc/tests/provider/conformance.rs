//! Ports of the OpenID Foundation's conformance tests for relying parties (RP basic and RP config), by their names,
//! and what belongs to them.

use daypass_core::SignedDuration;
use daypass_oidc::{provider::ProviderError, verify::Refused};
use daypass_testkit::oidc::{Forge, Trouble, people::Lie, unix_now};
use serde_json::{Value, json};

use crate::world::{CALLBACK, CLIENT_ID, World, ada, sign_in};

impl World {
    async fn with_token(&self, forging: impl Fn(Forge) -> Forge + Send + Sync + 'static) -> Result<(), ProviderError> {
        self.theirs.forge_id_tokens(forging);
        self.sign_in().await.map(drop)
    }

    async fn refuses(&self, refused: Refused, forging: impl Fn(Forge) -> Forge + Send + Sync + 'static) {
        match self.with_token(forging).await {
            Err(ProviderError::IdToken(found)) => assert_eq!(found, refused),
            other => panic!("{refused:?} expected: {other:?}"),
        }
        // The honest twin.
        self.with_token(|forge| forge).await.unwrap();
    }

    async fn refuses_claims(&self, refused: Refused, claims: Value) {
        self.refuses(refused, move |forge| forge.claims(claims.clone())).await;
    }
}

#[tokio::test]
async fn invalid_issuer_in_id_token() {
    let world = World::new().await;
    world.refuses_claims(Refused::WrongIssuer, json!({ "iss": "https://other.example.com" })).await;
    world.refuses_claims(Refused::WrongIssuer, json!({ "iss": format!("{}/", world.theirs.url()) })).await;
    world.refuses_claims(Refused::Malformed("the payload has no `iss`"), json!({ "iss": null })).await;
}

#[tokio::test]
async fn invalid_aud_in_id_token() {
    let world = World::new().await;
    for aud in [json!("another"), json!(["another"]), json!([]), json!(""), json!(format!("{CLIENT_ID} "))] {
        world.refuses_claims(Refused::WrongAudience, json!({ "aud": aud })).await;
    }
    world.refuses_claims(Refused::MissingClaim("aud"), json!({ "aud": null })).await;
    world.refuses_claims(Refused::MalformedClaim("aud"), json!({ "aud": [CLIENT_ID, 7] })).await;
    world.refuses_claims(Refused::MalformedClaim("aud"), json!({ "aud": { "client": CLIENT_ID } })).await;
    world.with_token(|forge| forge.claims(json!({ "aud": [CLIENT_ID] }))).await.unwrap();
}

#[tokio::test]
async fn several_audiences_need_us_as_the_authorized_party() {
    let world = World::new().await;
    let both = json!(["project", CLIENT_ID]);
    world.refuses_claims(Refused::WrongAuthorizedParty, json!({ "aud": both })).await;
    world.refuses_claims(Refused::WrongAuthorizedParty, json!({ "aud": both, "azp": "project" })).await;
    world.refuses_claims(Refused::WrongAuthorizedParty, json!({ "azp": "another" })).await;
    world.refuses_claims(Refused::WrongAuthorizedParty, json!({ "azp": [CLIENT_ID] })).await;
    for honest in [json!({ "aud": both, "azp": CLIENT_ID }), json!({ "azp": CLIENT_ID })] {
        world.with_token(move |forge| forge.claims(honest.clone())).await.unwrap();
    }
}

#[tokio::test]
async fn invalid_id_token_signature_with_rs256_or_es256() {
    let world = World::new().await;
    world.refuses(Refused::Signature, Forge::other_key).await;
    world.refuses(Refused::Signature, |forge| forge.es256().other_key()).await;
    world.refuses(Refused::Signature, Forge::zero_signature).await;
    world.refuses(Refused::Signature, |forge| forge.signature([])).await;
    world.with_token(Forge::es256).await.unwrap();
}

#[tokio::test]
async fn id_token_sig_alg_none() {
    let world = World::new().await;
    for spelling in ["none", "None", "nOnE"] {
        world.refuses(Refused::Algorithm, move |forge| forge.unsigned(spelling)).await;
    }
}

#[tokio::test]
async fn the_clients_secret_and_the_public_key_are_no_hmac_keys() {
    let world = World::new().await;
    world.refuses(Refused::Algorithm, |forge| forge.hs256(crate::world::CLIENT_SECRET)).await;
    world.refuses(Refused::Algorithm, Forge::hs256_with_pem).await;
}

#[tokio::test]
async fn kid_absent_single_jwks() {
    let world = World::new().await;
    world.theirs.set_trouble(Trouble::OneKey);
    world.with_token(|forge| forge.header("kid", Value::Null)).await.unwrap();
    world.refuses(Refused::Signature, |forge| forge.header("kid", Value::Null).signature([1; 256])).await;
}

#[tokio::test]
async fn kid_absent_multiple_matching_keys_in_jwks() {
    let world = World::new().await;
    world.refuses(Refused::KeyNotNamed, |forge| forge.header("kid", Value::Null)).await;
    world.refuses(Refused::UnknownKey, |forge| forge.header("kid", "unheard of")).await;
}

#[tokio::test]
async fn missing_iat() {
    let world = World::new().await;
    world.refuses_claims(Refused::MissingClaim("iat"), json!({ "iat": null })).await;
    world.refuses_claims(Refused::MalformedClaim("iat"), json!({ "iat": "now" })).await;
    world.refuses_claims(Refused::IssuedInFuture, json!({ "iat": unix_now() + 600 })).await;
}

#[tokio::test]
async fn missing_sub() {
    let world = World::new().await;
    world.refuses_claims(Refused::MissingClaim("sub"), json!({ "sub": null })).await;
    for sub in [json!(""), json!(7), json!("x".repeat(256)), json!("é"), json!("a\u{0}b"), json!(["00u1"])] {
        world.refuses_claims(Refused::MalformedClaim("sub"), json!({ "sub": sub })).await;
    }
    let longest = "x".repeat(255);
    assert_eq!(world.person(json!({ "sub": longest }), json!({})).await.unwrap().subject, longest);
}

#[tokio::test]
async fn nonce_invalid() {
    let world = World::new().await;
    world.refuses_claims(Refused::WrongNonce, json!({ "nonce": "another" })).await;
    world.refuses_claims(Refused::WrongNonce, json!({ "nonce": ["x"] })).await;
    world.refuses_claims(Refused::MissingClaim("nonce"), json!({ "nonce": null })).await;
}

#[tokio::test]
async fn an_id_token_is_refused_when_its_time_is_over() {
    let world = World::new().await;
    world.refuses_claims(Refused::Expired, json!({ "exp": unix_now() - 3600 })).await;
    world.refuses_claims(Refused::MissingClaim("exp"), json!({ "exp": null })).await;
    world.refuses_claims(Refused::NotYetValid, json!({ "nbf": unix_now() + 3600 })).await;
    // It was made for this sign-in a moment ago, so it may live as long as the provider likes.
    world.with_token(|forge| forge.claims(json!({ "exp": unix_now() + 30 * 86_400 }))).await.unwrap();
}

#[tokio::test]
async fn another_kind_of_token_is_no_id_token() {
    let world = World::new().await;
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "secevent+jwt"] {
        world.refuses(Refused::TokenType, move |forge| forge.header("typ", typ)).await;
    }
    world.with_token(|forge| forge.header("typ", Value::Null)).await.unwrap();
}

#[tokio::test]
async fn an_id_token_brings_no_key_of_its_own_and_says_nothing_twice() {
    let world = World::new().await;
    world.refuses(Refused::Header("jwk"), Forge::embedded_jwk).await;
    world.refuses(Refused::Header("x5c"), Forge::embedded_x5c).await;
    world.refuses(Refused::Header("jku"), |forge| forge.header("jku", "https://evil.example.com/keys")).await;
    let twice = |forge: Forge| forge.duplicate_in_payload("sub", &json!("somebody else"));
    world.refuses(Refused::MalformedClaims, twice).await;
    world.refuses(Refused::TooLarge, |forge| forge.at_least(17_000)).await;
}

#[tokio::test]
async fn invalid_sub_in_userinfo_response() {
    let world = World::new().await;
    let sparse = || (json!({ "sub": "00u1" }), json!({ "name": "Ada" }));
    for (lie, code) in [
        (Lie::UserinfoOfAnother, Some("userinfo_of_another")),
        (Lie::UserinfoOfNobody, Some("userinfo_of_another")),
        (Lie::UserinfoRedirects, Some("provider_nonsense")),
        (Lie::UserinfoIsHuge, Some("provider_unreachable")),
        (Lie::UserinfoFails, Some("provider_unavailable")),
        (Lie::None, None),
    ] {
        world.theirs.set_lie(lie);
        let (id_token, userinfo) = sparse();
        let outcome = world.person(id_token, userinfo).await;
        assert_eq!(outcome.err().map(|error| error.code()), code, "{lie:?}");
    }
    assert_eq!(world.theirs.asked().elsewhere, 0);
}

/// `UserinfoBearerHeader`: the fake takes no other way.
#[tokio::test]
async fn userinfo_is_asked_with_the_access_token_and_only_when_something_is_missing() {
    let world = World::new().await;
    world.person(ada(), json!({})).await.unwrap();
    assert_eq!(world.theirs.asked().userinfo, 0);
    let person = world.person(json!({ "sub": "00u1" }), ada()).await.unwrap();
    assert_eq!(world.theirs.asked().userinfo, 1);
    assert_eq!(person, world.person(ada(), json!({})).await.unwrap());
}

#[tokio::test]
async fn discovery_issuer_mismatch() {
    let world = World::new().await;
    world.theirs.set_trouble(Trouble::WrongIssuer);
    let error = world.client().begin(CALLBACK, None).await.unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("discovery_of_another", false));
    world.theirs.change_metadata(json!({ "issuer": null }));
    world.theirs.set_trouble(Trouble::None);
    assert_eq!(world.client().begin(CALLBACK, None).await.unwrap_err().code(), "discovery_of_another");
    world.theirs.change_metadata(json!({}));
    world.sign_in().await.unwrap();
}

#[tokio::test]
async fn discovery_jwks_uri_keys() {
    let world = World::new().await;
    for trouble in [Trouble::EmptyJwks, Trouble::OnlyBadKeys, Trouble::NotJson, Trouble::FailJwks] {
        world.theirs.set_trouble(trouble);
        assert_eq!(world.sign_in().await.unwrap_err().code(), "provider_keys_unavailable", "{trouble:?}");
    }
    world.theirs.set_trouble(Trouble::BadKeysAmongGood);
    world.sign_in().await.unwrap();
}

#[tokio::test]
async fn signing_key_rotation() {
    let world = World::new().await;
    let client = world.client();
    sign_in(&client).await.unwrap();
    world.theirs.rotate_keys();
    sign_in(&client).await.unwrap();
}

#[tokio::test]
async fn signing_key_rotation_just_before_signing() {
    let world = World::new().await;
    let client = world.client();
    sign_in(&client).await.unwrap();
    world.theirs.set_lie(Lie::RotateBeforeSigning);
    sign_in(&client).await.unwrap();
    // Once in a window: a provider that rotates with every request does not make us fetch with every request.
    assert_eq!(sign_in(&client).await.unwrap_err().code(), "id_token_refused");
    world.clock.advance(SignedDuration::from_secs(31));
    sign_in(&client).await.unwrap();
}
