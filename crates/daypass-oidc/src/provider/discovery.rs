//! A provider's endpoints, from its discovery document (OpenID Connect Discovery 1.0 §4).
//!
//! Its keys are fetched and kept elsewhere ([`crate::issuer_keys`]), by other rules: a wrong key lets somebody in, a
//! wrong endpoint only turns somebody away.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use daypass_core::{SignedDuration, Timestamp, clock::Clock};
use http::StatusCode;
use tokio::sync::Mutex;
use url::Url;

use super::{ProviderError, answer};
use crate::{
    http::{HttpClient, HttpError},
    metadata::{OPENID_CONFIGURATION_PATH, OpenIdProviderMetadata},
};

/// How large the document may be. The largest honest one known has about 6 KiB.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// For how long it is used without asking again.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// For how long an old one is used while no new one can be had.
const KEEP_THROUGH_OUTAGE: SignedDuration = SignedDuration::from_hours(24);

/// For how long a failure is everybody's answer: a provider that is down is not helped by being asked more.
const FAILURE_COUNTS: SignedDuration = SignedDuration::from_secs(5);

/// Where a provider takes what.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) userinfo: Option<Url>,
    /// How our secret is sent. `None`: in no way that we know.
    pub(super) authentication: Option<Authentication>,
    /// Whether every callback has an `iss` (RFC 9207 §3).
    pub(super) promises_issuer: bool,
}

/// How a client sends its secret (OpenID Connect Core 1.0 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// The endpoints of one provider, fetched when needed.
pub(super) struct Discovery {
    issuer: Box<str>,
    document: Url,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<(Timestamp, Arc<Endpoints>)>,
    /// Held by whoever fetches, while the others wait for the result. In it: the last failure.
    fetching: Mutex<Option<(Timestamp, ProviderError)>>,
}

impl Discovery {
    pub(super) fn of(issuer: &str, http: HttpClient, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        let document = format!("{}{OPENID_CONFIGURATION_PATH}", issuer.strip_suffix('/').unwrap_or(issuer));
        let not_a_url = |_| HttpError::NotAllowed { host: issuer.to_owned(), rule: "it is not a URL" };
        let document = Url::parse(&document).map_err(not_a_url)?;
        http.check(&document)?;
        let (held, fetching) = (ArcSwapOption::empty(), Mutex::default());
        Ok(Self { issuer: issuer.into(), document, http, clock, held, fetching })
    }

    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, ProviderError> {
        if let Some(fresh) = self.not_older_than(FRESH) {
            return Ok(fresh);
        }
        let mut failure = self.fetching.lock().await;
        if let Some(fresh) = self.not_older_than(FRESH) {
            return Ok(fresh);
        }
        let is_recent = |at: Timestamp| self.clock.now().duration_since(at).abs() < FAILURE_COUNTS;
        let error = match failure.as_ref().filter(|(at, _)| is_recent(*at)) {
            Some((_, error)) => error.clone(),
            None => match self.fetch().await {
                Ok(endpoints) => {
                    let endpoints = Arc::new(endpoints);
                    self.held.store(Some(Arc::new((self.clock.now(), Arc::clone(&endpoints)))));
                    *failure = None;
                    return Ok(endpoints);
                }
                Err(error) => {
                    *failure = Some((self.clock.now(), error.clone()));
                    error
                }
            },
        };
        // A provider that has become another one is not an outage.
        match error {
            error @ (ProviderError::OtherDiscovery | ProviderError::Insecure(_)) => Err(error),
            error => self.not_older_than(KEEP_THROUGH_OUTAGE).ok_or(error),
        }
    }

    fn not_older_than(&self, age: SignedDuration) -> Option<Arc<Endpoints>> {
        let held = self.held.load_full()?;
        // Of the future: the clock was set back.
        (self.clock.now().duration_since(held.0).abs() < age).then(|| Arc::clone(&held.1))
    }

    async fn fetch(&self) -> Result<Endpoints, ProviderError> {
        let found = self.http.get_bounded(&self.document, MAX_DOCUMENT_BYTES).await?;
        answer::cannot_now(found.status, &found.headers)?;
        if found.status != StatusCode::OK {
            return Err(ProviderError::Nonsense("it has no discovery document"));
        }
        let metadata: OpenIdProviderMetadata = answer::json(&found)?;
        if *metadata.issuer != *self.issuer {
            return Err(ProviderError::OtherDiscovery);
        }
        Ok(Endpoints {
            authorization: self.endpoint(metadata.authorization_endpoint.as_deref(), "authorization endpoint")?,
            token: self.endpoint(metadata.token_endpoint.as_deref(), "token endpoint")?,
            userinfo: match metadata.userinfo_endpoint {
                None => None,
                Some(url) => Some(self.endpoint(Some(&url), "userinfo endpoint")?),
            },
            authentication: authentication(metadata.token_endpoint_auth_methods_supported.as_deref()),
            promises_issuer: metadata.authorization_response_iss_parameter_supported,
        })
    }

    /// An endpoint may be on another host (Google's are), but not less protected than the issuer.
    fn endpoint(&self, url: Option<&str>, what: &'static str) -> Result<Url, ProviderError> {
        let url = url.and_then(|url| Url::parse(url).ok()).filter(Url::has_host);
        let url = url.ok_or(ProviderError::Nonsense("its discovery document lacks an endpoint"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => self.document.scheme() == "http",
            _ => false,
        };
        if !secure || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(ProviderError::Insecure(what));
        }
        Ok(url)
    }
}

/// OpenID Connect Discovery 1.0 §3: without a list it is `client_secret_basic`.
fn authentication(methods: Option<&[String]>) -> Option<Authentication> {
    let takes = |name: &str| methods.is_none_or(|methods| methods.iter().any(|method| method == name));
    match (takes("client_secret_basic"), takes("client_secret_post")) {
        (true, _) => Some(Authentication::Basic),
        (false, true) => Some(Authentication::Post),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_secret_goes_into_the_header_unless_only_the_form_is_taken() {
        let of = |methods: &[&str]| {
            let methods: Vec<_> = methods.iter().map(|&method| method.to_owned()).collect();
            authentication(Some(&methods))
        };
        assert_eq!(authentication(None), Some(Authentication::Basic));
        assert_eq!(of(&["client_secret_post", "client_secret_basic"]), Some(Authentication::Basic));
        assert_eq!(of(&["private_key_jwt", "client_secret_post"]), Some(Authentication::Post));
        assert_eq!(of(&["private_key_jwt"]), None);
        assert_eq!(of(&["none"]), None);
    }
}
