//! The relying party: how people sign in at somebody else's provider.
//!
//! ```text
//! begin  ── the browser goes to the provider, and comes back with a code and what we sent along ──▶  finish
//! ```
//!
//! What was begun is kept by the caller ([`PendingSignIn`]), sealed and bound to the browser; nothing is kept here but
//! the provider's own documents. PKCE, `state`, `nonce` and the issuer of the callback are all checked, although each
//! would do against most attacks: they fail in different ways (RFC 9700 §2.1.1, §4.4).
//!
//! What is *not* here: the callback's endpoint, cookies and pages; what a person may do (`daypass_core::role`).

mod answer;
mod begin;
mod discovery;
mod error;
mod github;
mod oidc;
mod person;
mod rules;

use std::{fmt, sync::Arc, time::Duration};

use daypass_core::{
    clock::Clock,
    names::ProviderName,
    person::ProvenPerson,
    provider::{Provider, ProviderKind},
    secret::Secret,
};

pub use begin::{Begun, PendingSignIn};
pub use error::ProviderError;

use crate::http::{HttpClient, HttpError, HttpOptions, Reach};
use oidc::OpenId;

/// How long redeeming a code and asking about a person may take together, with all requests.
const TOTAL: Duration = Duration::from_secs(20);

/// The longest code that is sent on, in bytes. Microsoft's have about two kilobytes.
const MAX_CODE_BYTES: usize = 4 * 1024;

/// One configured provider. Cheap to clone; clones share what was fetched.
#[derive(Clone)]
pub struct ProviderClient(Arc<Inner>);

struct Inner {
    provider: Provider,
    client_secret: Option<Secret>,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    speaks: Speaks,
}

enum Speaks {
    Oidc(Box<OpenId>),
    GitHub { api_url: Box<str> },
}

/// What the browser brings back (RFC 6749 §4.1.2, RFC 9207 §2). Its `state` is the caller's to compare first:
/// [`PendingSignIn::has_state`].
#[derive(Debug, Clone)]
pub struct Callback {
    /// The code.
    pub code: Secret,
    /// Whose callback it is.
    pub iss: Option<String>,
}

impl fmt::Debug for ProviderClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderClient").field(&self.0.provider).finish()
    }
}

impl ProviderClient {
    /// Somebody who signs people in at `provider`. Nothing is fetched until it is used.
    ///
    /// `client_secret` is what [`Provider::client_secret`] says where to find. With `allow_loopback`, the provider may
    /// be on this machine or a private network whatever the policy says, over plain `http` there.
    pub fn new(
        provider: &Provider,
        client_secret: Option<Secret>,
        clock: Arc<dyn Clock>,
        allow_loopback: bool,
    ) -> Result<Self, HttpError> {
        let near = allow_loopback || provider.allow_private_network;
        let reach = if near { Reach::PrivateToo } else { Reach::Public };
        Self::with(provider, client_secret, clock, HttpClient::new(HttpOptions::new(reach)))
    }

    /// The same, with a client of the caller's. It must not follow redirects.
    pub fn with(
        provider: &Provider,
        client_secret: Option<Secret>,
        clock: Arc<dyn Clock>,
        http: HttpClient,
    ) -> Result<Self, HttpError> {
        let speaks = match &provider.kind {
            ProviderKind::Oidc { groups_claim } => {
                Speaks::Oidc(Box::new(OpenId::new(&provider.url, groups_claim, &http, &clock)?))
            }
            ProviderKind::GitHub { api_url } => {
                github::check_urls(&http, &provider.url, api_url)?;
                Speaks::GitHub { api_url: api_url.clone() }
            }
        };
        Ok(Self(Arc::new(Inner { provider: provider.clone(), client_secret, http, clock, speaks })))
    }

    /// The provider, as configured.
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// Where to send the browser, and what to keep until it comes back to `redirect_uri`. `login_hint` is who the
    /// person said they are.
    pub async fn begin(&self, redirect_uri: &str, login_hint: Option<&str>) -> Result<Begun, ProviderError> {
        let inner = &self.0;
        let outcome = match &inner.speaks {
            Speaks::Oidc(openid) => oidc::begin(inner, openid, redirect_uri, login_hint).await,
            Speaks::GitHub { .. } => github::begin(inner, redirect_uri, login_hint),
        };
        outcome.inspect_err(|error| inner.note(error))
    }

    /// Finds out who came back: redeems the code, verifies what the provider says, and applies the policy's rules for
    /// it. `pending` is what [`ProviderClient::begin`] gave, and `redirect_uri` the same as then.
    pub async fn finish(
        &self,
        redirect_uri: &str,
        pending: &PendingSignIn,
        callback: &Callback,
    ) -> Result<ProvenPerson, ProviderError> {
        let inner = &self.0;
        let finished = async {
            if pending.provider != inner.provider.name {
                return Err(ProviderError::OtherProvider);
            }
            let code = callback.code.expose();
            if code.is_empty() || code.len() > MAX_CODE_BYTES || code.chars().any(char::is_control) {
                return Err(ProviderError::MalformedCallback);
            }
            match &inner.speaks {
                Speaks::Oidc(openid) => oidc::finish(inner, openid, redirect_uri, pending, callback).await,
                Speaks::GitHub { api_url } => github::finish(inner, api_url, redirect_uri, pending, callback).await,
            }
        };
        let outcome = tokio::time::timeout(TOTAL, finished).await.unwrap_or(Err(ProviderError::TooSlow));
        outcome.inspect_err(|error| inner.note(error))
    }
}

impl Inner {
    fn name(&self) -> &ProviderName {
        &self.provider.name
    }

    /// Says what went wrong to whoever runs the server. That a rule says no is the caller's to write down.
    fn note(&self, error: &ProviderError) {
        if !error.is_refusal() {
            let (provider, cause) = (self.name().as_str(), error as &(dyn std::error::Error + 'static));
            tracing::warn!(provider, code = error.code(), cause, "a provider could not sign somebody in");
        }
    }
}

/// RFC 9207 §2.4: the callback must be of whoever the browser was sent to.
fn check_callback_issuer(callback: &Callback, issuer: &str, promised: bool) -> Result<(), ProviderError> {
    match &callback.iss {
        Some(iss) if iss == issuer => Ok(()),
        Some(_) => Err(ProviderError::CallbackOfAnother),
        None if promised => Err(ProviderError::CallbackWithoutIssuer),
        None => Ok(()),
    }
}
