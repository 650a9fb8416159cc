//! What is sent along with the browser, and kept until it comes back.

use aws_lc_rs::{constant_time, digest, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    names::ProviderName,
    secret::{Secret, expose_on_purpose},
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::ProviderError;

/// The longest hint that is passed on, in bytes: an e-mail address (RFC 5321 §4.5.3.1).
const MAX_HINT_BYTES: usize = 320;

/// A sign-in that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// What the caller keeps until it comes back.
    pub pending: PendingSignIn,
}

/// What must be known again when the browser comes back. Written out with its secrets: only ever sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Where the browser was sent.
    pub provider: ProviderName,
    /// What the callback must bring, against sign-ins that somebody else began (RFC 6749 §10.12).
    #[serde(serialize_with = "expose_on_purpose")]
    pub state: Secret,
    /// What the ID token must say (OpenID Connect Core 1.0 §15.5.2).
    #[serde(serialize_with = "expose_on_purpose")]
    pub nonce: Secret,
    /// What the code is redeemed with (RFC 7636 §4.1).
    #[serde(serialize_with = "expose_on_purpose")]
    pub verifier: Secret,
}

impl PendingSignIn {
    pub(super) fn new(provider: &ProviderName) -> Result<Self, ProviderError> {
        Ok(Self { provider: provider.clone(), state: random()?, nonce: random()?, verifier: random()? })
    }

    /// Whether a callback with this `state` may be the end of this sign-in.
    pub fn has_state(&self, state: &str) -> bool {
        constant_time::verify_slices_are_equal(self.state.expose().as_bytes(), state.as_bytes()).is_ok()
    }

    /// RFC 7636 §4.2, S256.
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier.expose().as_bytes()))
    }
}

/// 256 random bits, as 43 characters that may stand anywhere.
fn random() -> Result<Secret, ProviderError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| ProviderError::Randomness)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3) to `endpoint`, which may have a query already.
///
/// PKCE goes to every provider: one that does not know it ignores it (RFC 6749 §3.1), and many know it and do not say
/// so.
pub(super) fn authorization_url(
    endpoint: &Url,
    client_id: &str,
    redirect_uri: &str,
    scope: &str,
    pending: &PendingSignIn,
) -> Url {
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", scope)
        .append_pair("state", pending.state.expose())
        .append_pair("code_challenge", &pending.challenge())
        .append_pair("code_challenge_method", "S256");
    url
}

/// A hint that may be passed on: somebody typed it.
pub(super) fn good_hint(hint: Option<&str>) -> Option<&str> {
    hint.map(str::trim)
        .filter(|hint| !hint.is_empty() && hint.len() <= MAX_HINT_BYTES && !hint.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standards_example() {
        // RFC 7636 appendix B.
        let pending = PendingSignIn {
            provider: "corp".parse().unwrap(),
            state: Secret::new("s"),
            nonce: Secret::new("n"),
            verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        };
        assert_eq!(pending.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn nothing_is_the_same_twice_and_nothing_is_printed() {
        let name: ProviderName = "corp".parse().unwrap();
        let (one, other) = (PendingSignIn::new(&name).unwrap(), PendingSignIn::new(&name).unwrap());
        let all = [&one.state, &one.nonce, &one.verifier, &other.state, &other.nonce, &other.verifier];
        for (number, secret) in all.iter().enumerate() {
            assert_eq!(secret.len(), 43);
            assert!(all.iter().skip(number + 1).all(|other| other != secret));
            assert!(!format!("{one:?} {other:?}").contains(secret.expose()));
        }
        assert!(one.has_state(one.state.expose()));
        assert!(!one.has_state(other.state.expose()) && !one.has_state(""));
        let written = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<PendingSignIn>(&written).unwrap(), one);
    }

    #[test]
    fn a_hint_is_short_and_printable_or_not_passed_on() {
        assert_eq!(good_hint(Some(" ada@example.com ")), Some("ada@example.com"));
        for hint in ["", " ", "a\nb", &"x".repeat(321)] {
            assert_eq!(good_hint(Some(hint)), None);
        }
    }
}
