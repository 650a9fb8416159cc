//! A sign-in in the browser: the URL it is sent to, and what it comes back with.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{digest::Sha256, public_url::PublicUrl, secret::Secret};
use url::{Url, form_urlencoded};

use super::{SessionEndpoints, SessionError};
use crate::{exchange::CLIENT_ID, shown::shown};

/// One sign-in that was begun, with its secrets. Good for one answer.
#[derive(Debug)]
pub struct Authorization {
    url: Url,
    server: PublicUrl,
    redirect_uri: String,
    state: Secret,
    verifier: Secret,
}

/// What somebody who came to the redirect URI brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Redirect {
    /// The code of this sign-in.
    Code(Secret),
    /// The server says that there will be none (RFC 6749 §4.1.2.1).
    Refused {
        /// The error code, such as `access_denied`.
        error: String,
        /// The server's words, shortened and printable.
        description: String,
    },
    /// It belongs to this sign-in, but another server sent it (RFC 9207 §2.4: a mix-up attack).
    OtherIssuer,
    /// It does not belong to this sign-in.
    NotOurs,
}

impl Authorization {
    /// Begins a sign-in that ends at `redirect_uri`, perhaps with the provider that is named.
    pub fn begin(
        endpoints: &SessionEndpoints,
        redirect_uri: String,
        provider: Option<&str>,
    ) -> Result<Self, SessionError> {
        let mut url = endpoints.authorization.clone().ok_or(SessionError::NotOffered("sign-in for people"))?;
        let (state, verifier) = (random()?, random()?);
        // RFC 7636 §4.2, S256.
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::of(verifier.expose()).as_bytes());
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", CLIENT_ID)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("state", state.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", endpoints.server.as_str())
            .extend_pairs(provider.map(|name| ("provider", name)));
        Ok(Self { url, server: endpoints.server.clone(), redirect_uri, state, verifier })
    }

    /// Where the browser is sent.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where it comes back to.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    pub(super) fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// Reads the query that somebody brought to the redirect URI.
    ///
    /// Any program and any web page can send somebody there. Only whoever knows `state` speaks for this sign-in, and
    /// only the server's own answers count (RFC 9207). A parameter that is there twice is no answer (RFC 6749 §3.1).
    pub fn read(&self, query: &str) -> Redirect {
        let one = |name: &str| {
            let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            let first = values.next().map(|(_, value)| value.into_owned());
            if values.next().is_some() { None } else { first }
        };
        if one("state").is_none_or(|state| !same(&state, self.state.expose())) {
            return Redirect::NotOurs;
        }
        if one("iss").is_none_or(|issuer| issuer != self.server.as_str()) {
            return Redirect::OtherIssuer;
        }
        match (one("code"), one("error")) {
            (Some(code), None) if !code.is_empty() => Redirect::Code(Secret::new(code)),
            (None, Some(error)) => {
                let description = one("error_description").unwrap_or_else(|| error.clone());
                Redirect::Refused { error: shown(&error), description: shown(&description) }
            }
            _ => Redirect::NotOurs,
        }
    }
}

/// Whether two texts are the same, in a time that does not tell how much of them is.
fn same(given: &str, ours: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), ours.as_bytes()).is_ok()
}

/// 256 random bits, as RFC 7636 §7.1 wants for a verifier.
fn random() -> Result<Secret, SessionError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| SessionError::NoRandomness)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}
