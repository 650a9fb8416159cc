//! A machine's own key, and the assertions that it signs to say who it is (RFC 7523 §3).
//!
//! Only for machines that nothing else vouches for. What is *not* here: the keys that a server signs access tokens with,
//! and where the private key is kept.

use std::fmt;

use aws_lc_rs::{
    rand::{self, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use daypass_core::{
    Timestamp, digest::Sha256, names::ServiceAccountName, public_url::PublicUrl, secret::Secret, service_account,
};
use serde_json::{Value, json};

/// How long an assertion lives, in seconds: a minute for the way, and one for clocks that differ.
const LIFE: i64 = 120;

/// How a private key's file begins and ends (RFC 7468 §10).
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The key pair of a service account, for ES256 (RFC 7518 §3.4).
pub struct AssertionKey {
    pair: EcdsaKeyPair,
    kid: String,
}

/// Why there is no key, or no assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAssertion {
    /// The text is no private key that we know.
    #[error("it is no private key for P-256 in PEM (PKCS #8), as `daypass service-account keygen` writes it")]
    NotAKey,
    /// The cryptographic library refused.
    #[error("could not make a key or a signature")]
    Crypto,
}

impl AssertionKey {
    /// A new key.
    pub fn generate() -> Result<Self, NoAssertion> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| NoAssertion::Crypto)?;
        Self::of(pair).ok_or(NoAssertion::Crypto)
    }

    /// Reads a private key (PKCS #8, PEM).
    pub fn from_pem(text: &Secret) -> Result<Self, NoAssertion> {
        let body = text.expose().trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body = Secret::new(body.ok_or(NoAssertion::NotAKey)?.split_ascii_whitespace().collect::<String>());
        let der = STANDARD.decode(body.expose()).map_err(|_| NoAssertion::NotAKey)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        pair.ok().and_then(Self::of).ok_or(NoAssertion::NotAKey)
    }

    fn of(pair: EcdsaKeyPair) -> Option<Self> {
        let [x, y] = coordinates(&pair)?;
        // RFC 7638 §3.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Some(Self { pair, kid: URL_SAFE_NO_PAD.encode(Sha256::of(members).as_bytes()) })
    }

    /// The private key (PKCS #8, PEM).
    pub fn to_pem(&self) -> Result<Secret, NoAssertion> {
        let der = self.pair.to_pkcs8v1().map_err(|_| NoAssertion::Crypto)?;
        let body = Secret::new(STANDARD.encode(der.as_ref()));
        let mut text = format!("{BEGIN}\n");
        for line in body.expose().as_bytes().chunks(64) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str(END);
        text.push('\n');
        Ok(Secret::new(text))
    }

    /// The public key, for the server (RFC 7517).
    pub fn public_jwk(&self) -> Value {
        let [x, y] = coordinates(&self.pair).unwrap_or_default();
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.kid, "x": x, "y": y})
    }

    /// Says to `server`, and to nobody else, that this is `account` (RFC 7523 §3). Each is good once.
    pub fn sign(
        &self,
        account: &ServiceAccountName,
        server: &PublicUrl,
        now: Timestamp,
    ) -> Result<Secret, NoAssertion> {
        let mut random = [0; 16];
        rand::fill(&mut random).map_err(|_| NoAssertion::Crypto)?;
        let (who, now) = (service_account::subject(account), now.as_second());
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.kid});
        let claims = json!({
            "iss": who, "sub": who, "aud": server, "iat": now, "exp": now + LIFE, "jti": URL_SAFE_NO_PAD.encode(random),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| NoAssertion::Crypto)?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))))
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AssertionKey").field(&self.kid).finish()
    }
}

/// The public point's coordinates (SEC 1 §2.3.3, uncompressed), as a JWK writes them.
fn coordinates(pair: &EcdsaKeyPair) -> Option<[String; 2]> {
    let (coordinates, _) = pair.public_key().as_ref().get(1..)?.as_chunks::<32>();
    let [x, y] = *coordinates else { return None };
    Some([x, y].map(|part| URL_SAFE_NO_PAD.encode(part)))
}

#[cfg(test)]
mod tests {
    use daypass_core::issuer::{Limits, TrustedIssuer};

    use super::*;
    use crate::{
        jwks::KeySet,
        verify::{ExpectedOutside, Refused, verify_outside_token},
    };

    fn account() -> ServiceAccountName {
        "build-box".parse().unwrap()
    }

    fn server() -> PublicUrl {
        "https://packages.example.com".parse().unwrap()
    }

    fn verify(assertion: &Secret, key: &AssertionKey, at: i64) -> Result<(), Refused> {
        let keys = KeySet::parse(json!({"keys": [key.public_jwk()]}).to_string().as_bytes()).unwrap();
        let limits = Limits { longest_life: service_account::LONGEST_ASSERTION_LIFE, ..Limits::default() };
        let issuer = TrustedIssuer::generic("x".parse().unwrap(), "service-account:build-box");
        let expected = ExpectedOutside {
            issuer_url: &issuer.url,
            audiences: &["https://packages.example.com".into()],
            limits: &limits,
            now: Timestamp::from_second(at).unwrap(),
        };
        verify_outside_token(assertion.expose(), &expected, &keys).map(drop)
    }

    #[test]
    fn an_assertion_is_good_for_its_key_and_for_two_minutes_and_each_is_another() {
        let (key, other) = (AssertionKey::generate().unwrap(), AssertionKey::generate().unwrap());
        let noon = Timestamp::from_second(1_000_000).unwrap();
        let assertion = key.sign(&account(), &server(), noon).unwrap();
        assert_eq!(verify(&assertion, &key, 1_000_060), Ok(()));
        assert!(verify(&assertion, &other, 1_000_060).is_err());
        assert_eq!(verify(&assertion, &key, 1_000_200), Err(Refused::Expired));
        assert_ne!(key.sign(&account(), &server(), noon).unwrap(), assertion);
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_nowhere_shows_itself() {
        let key = AssertionKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.expose().ends_with("KEY-----\n"));
        assert!(pem.expose().lines().all(|line| line.len() <= 64));
        let again = AssertionKey::from_pem(&pem).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert_eq!(format!("{key:?}"), format!("AssertionKey({:?})", key.kid));
        assert!(!key.public_jwk().to_string().contains("\"d\""));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let pem = AssertionKey::generate().unwrap().to_pem().unwrap();
        let text = pem.expose();
        for text in [
            "",
            "x",
            &text.replace("PRIVATE", "EC PRIVATE"),
            &text[..80],
            &text.replacen('M', "N", 1),
            &format!("{text}{text}"),
        ] {
            assert_eq!(AssertionKey::from_pem(&Secret::new(text)).map(drop), Err(NoAssertion::NotAKey), "{text}");
        }
    }
}
