//! The client's side: discover a server, exchange an outside token, narrow or revoke an access token.
//!
//! What is *not* here: where the outside token comes from, where the access token is kept, and when to ask for one.

pub(crate) mod answer;
mod error;

use daypass_core::{
    clock::{Clock, Ttl},
    public_url::PublicUrl,
    secret::Secret,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use crate::{
    http::{Answer, HttpClient, HttpError},
    metadata::{
        AUTHORIZATION_SERVER_PATH, AuthorizationServerMetadata, PROTECTED_RESOURCE_PATH, ProtectedResourceMetadata,
    },
};
pub use answer::IssuedToken;
pub use error::ExchangeError;

/// How large an answer may be.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The command line as an OAuth client. It is public: it has no secret.
pub const CLIENT_ID: &str = "daypass-cli";

/// RFC 8693 §2.1.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// RFC 8693 §3: an outside token that is a JWT.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// RFC 8693 §3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Where a server takes requests. Can be kept: it changes with the server's version at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerEndpoints {
    /// The server: the audience of its access tokens, and what outside tokens must be addressed to.
    pub server: PublicUrl,
    /// Where outside tokens are exchanged.
    pub token: Url,
    /// Where access tokens are revoked.
    pub revocation: Option<Url>,
}

/// Finds out whether `server` is one of ours, and where it takes requests.
///
/// Everything it names must be under its own origin: whoever could change one of the documents must not be able to
/// have outside tokens sent elsewhere (RFC 9728 §3.3, RFC 8414 §3.3, the mix-up attacks of RFC 9700 §4.4).
pub async fn discover(http: &HttpClient, server: &PublicUrl) -> Result<ServerEndpoints, ExchangeError> {
    let resource: ProtectedResourceMetadata = document(http, server, PROTECTED_RESOURCE_PATH).await?;
    if resource.resource != server.as_str() {
        return Err(ExchangeError::OtherServer { server: server.clone() });
    }
    if !resource.authorization_servers.iter().any(|issuer| issuer == server.as_str()) {
        return Err(ExchangeError::OtherServer { server: server.clone() });
    }
    let metadata: AuthorizationServerMetadata = document(http, server, AUTHORIZATION_SERVER_PATH).await?;
    if metadata.issuer != server.as_str() {
        return Err(ExchangeError::OtherServer { server: server.clone() });
    }
    let endpoint = |url: &str| {
        Url::parse(url)
            .ok()
            .filter(|url| PublicUrl::origin_of(url).is_ok_and(|origin| origin == *server))
            .ok_or_else(|| ExchangeError::OtherServer { server: server.clone() })
    };
    let token =
        metadata.token_endpoint.as_deref().ok_or_else(|| ExchangeError::NotDaypass { server: server.clone() })?;
    let revocation = metadata.revocation_endpoint.as_deref();
    Ok(ServerEndpoints {
        server: server.clone(),
        token: endpoint(token)?,
        revocation: revocation.map(endpoint).transpose()?,
    })
}

pub(crate) async fn document<T: DeserializeOwned>(
    http: &HttpClient,
    server: &PublicUrl,
    path: &str,
) -> Result<T, ExchangeError> {
    let not_daypass = || ExchangeError::NotDaypass { server: server.clone() };
    let url = Url::parse(&server.join(path)).map_err(|_| not_daypass())?;
    let answer = http.get_bounded(&url, MAX_ANSWER_BYTES).await.map_err(ExchangeError::Http)?;
    if answer.is_try_later() {
        return Err(ExchangeError::unavailable(&answer));
    }
    if !answer.status.is_success() {
        return Err(not_daypass());
    }
    serde_json::from_slice(&answer.body).map_err(|_| not_daypass())
}

/// Exchanges an outside token for an access token (RFC 8693 §2).
///
/// The outside token can be exchanged once. So when no connection came about it is tried once more, and otherwise
/// never: after [`ExchangeError::Uncertain`], ask the CI for a fresh one.
pub async fn exchange(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &ServerEndpoints,
    outside_token: &Secret,
    identity: Option<&str>,
) -> Result<IssuedToken, ExchangeError> {
    exchange_of_type(http, clock, endpoints, (outside_token, JWT), identity).await
}

/// The same for an outside token of another type (RFC 8693 §3): the token, and its `subject_token_type`.
pub async fn exchange_of_type(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &ServerEndpoints,
    (outside_token, subject_token_type): (&Secret, &str),
    identity: Option<&str>,
) -> Result<IssuedToken, ExchangeError> {
    let mut form = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", outside_token.expose()),
        ("subject_token_type", subject_token_type),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", endpoints.server.as_str()),
        ("client_id", CLIENT_ID),
    ];
    form.extend(identity.map(|name| ("identity", name)));
    let answer = post(http, &endpoints.token, &form).await.map_err(uncertain)?;
    answer::issued(&answer, clock.now())
}

/// Exchanges an access token for a narrower one (RFC 8693 §2), which is for `details` alone (RFC 9396 §6), and lives for
/// `life` at most.
///
/// Nothing is spent by it: it can be tried again.
pub async fn narrow(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &ServerEndpoints,
    access_token: &Secret,
    details: &str,
    life: Option<Ttl>,
) -> Result<IssuedToken, ExchangeError> {
    let life = life.map(|life| life.as_secs().to_string());
    let mut form = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", access_token.expose()),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
        ("authorization_details", details),
        ("audience", endpoints.server.as_str()),
        ("client_id", CLIENT_ID),
    ];
    form.extend(life.as_deref().map(|seconds| ("expires_in", seconds)));
    let answer = post(http, &endpoints.token, &form).await.map_err(ExchangeError::Http)?;
    answer::issued(&answer, clock.now())
}

/// Gets an access token for an assertion (RFC 7523 §2.2, RFC 6749 §4.4). After [`ExchangeError::Uncertain`], sign
/// another.
pub async fn authenticate(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &ServerEndpoints,
    assertion: &Secret,
) -> Result<IssuedToken, ExchangeError> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.expose()),
    ];
    let answer = post(http, &endpoints.token, &form).await.map_err(uncertain)?;
    answer::of_credentials(&answer, clock.now())
}

/// No answer came, so what was sent may be spent or not.
fn uncertain(error: HttpError) -> ExchangeError {
    match error {
        error @ (HttpError::TimedOut { .. } | HttpError::BrokeOff { .. } | HttpError::TooLarge { .. }) => {
            ExchangeError::Uncertain(error)
        }
        error => ExchangeError::Http(error),
    }
}

/// Revokes an access token (RFC 7009 §2). One that is unknown or has expired already counts as revoked.
pub async fn revoke(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &ServerEndpoints,
    access_token: &Secret,
) -> Result<(), ExchangeError> {
    let Some(url) = &endpoints.revocation else {
        return Err(ExchangeError::NoRevocation { server: endpoints.server.clone() });
    };
    let form = [("token", access_token.expose()), ("token_type_hint", "access_token"), ("client_id", CLIENT_ID)];
    let answer = post(http, url, &form).await.map_err(ExchangeError::Http)?;
    answer::success(&answer, clock.now())
}

/// Posts a form; once more if nothing of it was sent.
pub(crate) async fn post(http: &HttpClient, url: &Url, form: &[(&str, &str)]) -> Result<Answer, HttpError> {
    match http.post_form_bounded(url, form, MAX_ANSWER_BYTES).await {
        Err(error) if error.is_unreachable() => http.post_form_bounded(url, form, MAX_ANSWER_BYTES).await,
        outcome => outcome,
    }
}
