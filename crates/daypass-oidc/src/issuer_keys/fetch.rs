//! From an issuer's URL to its keys (OpenID Connect Discovery 1.0 §4).

use std::time::Duration;

use daypass_core::SignedDuration;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::{
    http::{Answer, HttpClient, HttpError},
    jwks::{InvalidKeySet, KeySet},
    metadata::{AuthorizationServerMetadata, OPENID_CONFIGURATION_PATH},
};

/// How long both documents may take together.
const TOTAL: Duration = Duration::from_secs(5);

/// How large a document may be. The largest honest one known has about 25 KiB.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// The limits of how long a set is used without asking again, whatever its issuer says.
const SHORTEST_FRESH: SignedDuration = SignedDuration::from_mins(5);
const LONGEST_FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Why an issuer's keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Discovery and keys together took longer than five seconds.
    #[error("the issuer did not answer in time")]
    TimedOut,
    /// An answer other than 200. Redirects are not followed.
    #[error("{document} was answered with status {status}")]
    Status {
        /// `the discovery document` or `the key set`.
        document: &'static str,
        /// The status.
        status: StatusCode,
    },
    /// The discovery document is not what the standard says.
    #[error("the discovery document is not valid JSON with `issuer` and `jwks_uri`")]
    InvalidDiscovery,
    /// The discovery document is another issuer's (OpenID Connect Discovery 1.0 §4.3).
    #[error("the discovery document names another issuer")]
    WrongIssuer,
    /// The keys are somewhere that may not be asked.
    #[error("`jwks_uri` is not `https`")]
    InsecureKeys,
    /// What is there is not a key set.
    #[error(transparent)]
    InvalidKeySet(#[from] InvalidKeySet),
    /// There is no key in it that may be used.
    #[error("the key set has no usable key")]
    NoUsableKey,
    /// The server is shutting down.
    #[error("interrupted")]
    Interrupted,
}

/// Where an issuer's keys are found.
#[derive(Debug)]
pub(super) struct KeyAddress {
    issuer: Box<str>,
    place: Place,
    http: HttpClient,
}

/// What is fetched first.
#[derive(Debug)]
enum Place {
    /// The discovery document, which names the key set.
    Discovery(Url),
    /// The key set itself: the policy says where it is.
    Pinned(Url),
}

/// A set that is not empty.
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) fresh_for: SignedDuration,
}

impl KeyAddress {
    pub(super) fn of(issuer: &str, http: HttpClient) -> Result<Self, HttpError> {
        // Discovery §4.1: a slash at the end of the issuer is left out of the document's URL, not of the issuer.
        let discovery = format!("{}{OPENID_CONFIGURATION_PATH}", issuer.strip_suffix('/').unwrap_or(issuer));
        let not_a_url = |_| HttpError::NotAllowed { host: issuer.to_owned(), rule: "it is not a URL" };
        let discovery = Url::parse(&discovery).map_err(not_a_url)?;
        http.check(&discovery)?;
        Ok(Self { issuer: issuer.into(), place: Place::Discovery(discovery), http })
    }

    /// The keys of `issuer` are at `jwks_uri`, whatever its discovery document would say.
    pub(super) fn pinned(issuer: &str, jwks_uri: &str, http: HttpClient) -> Result<Self, HttpError> {
        let not_a_url = |_| HttpError::NotAllowed { host: jwks_uri.to_owned(), rule: "it is not a URL" };
        let jwks_uri = Url::parse(jwks_uri).map_err(not_a_url)?;
        http.check(&jwks_uri)?;
        Ok(Self { issuer: issuer.into(), place: Place::Pinned(jwks_uri), http })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) async fn fetch(&self) -> Result<Fetched, FetchError> {
        tokio::time::timeout(TOTAL, self.fetch_both()).await.unwrap_or(Err(FetchError::TimedOut))
    }

    async fn fetch_both(&self) -> Result<Fetched, FetchError> {
        match &self.place {
            Place::Pinned(jwks_uri) => self.fetch_keys(jwks_uri).await,
            Place::Discovery(discovery) => self.fetch_keys(&self.discover(discovery).await?).await,
        }
    }

    async fn discover(&self, url: &Url) -> Result<Url, FetchError> {
        let discovery = self.get(url, "the discovery document").await?;
        let metadata: AuthorizationServerMetadata =
            serde_json::from_slice(&discovery.body).map_err(|_| FetchError::InvalidDiscovery)?;
        if *metadata.issuer != *self.issuer {
            return Err(FetchError::WrongIssuer);
        }
        let jwks_uri = metadata.jwks_uri.ok_or(FetchError::InvalidDiscovery)?;
        let jwks_uri = Url::parse(&jwks_uri).map_err(|_| FetchError::InvalidDiscovery)?;
        if url.scheme() == "https" && jwks_uri.scheme() != "https" {
            return Err(FetchError::InsecureKeys);
        }
        Ok(jwks_uri)
    }

    async fn fetch_keys(&self, jwks_uri: &Url) -> Result<Fetched, FetchError> {
        let answer = self.get(jwks_uri, "the key set").await?;
        let keys = KeySet::parse(&answer.body)?;
        if keys.is_empty() {
            return Err(FetchError::NoUsableKey);
        }
        Ok(Fetched { keys, fresh_for: fresh_for(&answer.headers) })
    }

    async fn get(&self, url: &Url, document: &'static str) -> Result<Answer, FetchError> {
        let answer = self.http.get_bounded(url, MAX_DOCUMENT_BYTES).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            status => Err(FetchError::Status { document, status }),
        }
    }
}

/// `Cache-Control: max-age` (RFC 9111 §5.2.2.1), within our limits.
fn fresh_for(headers: &HeaderMap) -> SignedDuration {
    let max_age = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            let (name, value) = directive.trim().split_once('=')?;
            if name.eq_ignore_ascii_case("max-age") { value.trim_matches('"').parse::<u32>().ok() } else { None }
        });
    SignedDuration::from_secs(max_age.map_or(0, i64::from)).clamp(SHORTEST_FRESH, LONGEST_FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpOptions, Reach};

    #[test]
    fn the_document_of_an_issuer_is_under_its_url() {
        let http = HttpClient::new(HttpOptions::new(Reach::Public));
        for (issuer, document) in [
            ("https://ci.example.com", "https://ci.example.com/.well-known/openid-configuration"),
            ("https://ci.example.com/", "https://ci.example.com/.well-known/openid-configuration"),
            ("https://ci.example.com/org/7/", "https://ci.example.com/org/7/.well-known/openid-configuration"),
        ] {
            let Place::Discovery(place) = KeyAddress::of(issuer, http.clone()).unwrap().place else {
                panic!("discovery")
            };
            assert_eq!(place.as_str(), document);
        }
        for issuer in ["http://ci.example.com", "https://127.0.0.1", "ci.example.com", "https://169.254.169.254"] {
            assert!(KeyAddress::of(issuer, http.clone()).is_err(), "{issuer}");
        }
    }

    #[test]
    fn a_set_is_fresh_for_as_long_as_the_issuer_says_within_limits() {
        for (value, minutes) in [
            ("max-age=600", 10),
            ("public, Max-Age=\"1200\", must-revalidate", 20),
            ("max-age=0", 5),
            ("max-age=99999999", 60),
            ("no-store", 5),
            ("max-age=soon", 5),
        ] {
            let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, value.parse().unwrap())]);
            assert_eq!(fresh_for(&headers).as_mins(), minutes, "{value}");
        }
        assert_eq!(fresh_for(&HeaderMap::new()).as_mins(), 5);
    }
}
