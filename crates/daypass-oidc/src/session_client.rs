//! The client's side of a person's sign-in: browser, device, refresh, and what a session may do.
//!
//! What is *not* here: opening a browser, listening for its answer, talking to a person, and keeping what was got.
//! That is the command's; these are the messages only.

mod answer;
mod authorization;
mod device;
mod error;
mod report;

use std::time::Duration;

use daypass_core::{clock::Clock, public_url::PublicUrl, secret::Secret};
use url::Url;

use crate::{
    exchange::{CLIENT_ID, ExchangeError, answer::success, document, post},
    http::{Answer, HttpClient, HttpError},
    metadata::{
        AUTHORIZATION_SERVER_PATH, AuthorizationServerMetadata, PROTECTED_RESOURCE_PATH, ProtectedResourceMetadata,
    },
};
pub use answer::{Tokens, server_time};
pub use authorization::{Authorization, Redirect};
pub use device::{DeviceAuthorization, Poll, authorize_device, poll};
pub use error::SessionError;
pub use report::{IndexRights, SessionPerson, SessionReport, report};

/// How long to wait before a lost answer is asked for again: long enough for a server to notice that the connection has
/// broken and to leave the request, or to come back from a restart.
const AFTER_A_BREAK: Duration = Duration::from_millis(300);

/// Where a server takes the requests of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEndpoints {
    /// The server.
    pub server: PublicUrl,
    /// Where a browser is sent. `None`: this server signs no people in that way.
    pub authorization: Option<Url>,
    /// Where a device begins.
    pub device_authorization: Option<Url>,
    /// Where codes and refresh tokens become access tokens.
    pub token: Url,
    /// Where tokens are revoked.
    pub revocation: Option<Url>,
}

/// Finds out whether `server` is one of ours, and where it takes the requests of a sign-in.
///
/// As with [`crate::exchange::discover`], everything it names must be under its own origin (RFC 9728 §3.3, RFC 8414
/// §3.3).
pub async fn discover(http: &HttpClient, server: &PublicUrl) -> Result<SessionEndpoints, SessionError> {
    let other = || ExchangeError::OtherServer { server: server.clone() };
    let resource: ProtectedResourceMetadata = document(http, server, PROTECTED_RESOURCE_PATH).await?;
    let ours = resource.resource == server.as_str()
        && resource.authorization_servers.iter().any(|issuer| issuer == server.as_str());
    if !ours {
        return Err(other().into());
    }
    let metadata: AuthorizationServerMetadata = document(http, server, AUTHORIZATION_SERVER_PATH).await?;
    if metadata.issuer != server.as_str() {
        return Err(other().into());
    }
    let endpoint = |url: &String| {
        let url = Url::parse(url).ok();
        url.filter(|url| PublicUrl::origin_of(url).is_ok_and(|origin| origin == *server)).ok_or_else(other)
    };
    let token = metadata.token_endpoint.ok_or_else(|| ExchangeError::NotDaypass { server: server.clone() })?;
    Ok(SessionEndpoints {
        server: server.clone(),
        authorization: metadata.authorization_endpoint.as_ref().map(endpoint).transpose()?,
        device_authorization: metadata.device_authorization_endpoint.as_ref().map(endpoint).transpose()?,
        token: endpoint(&token)?,
        revocation: metadata.revocation_endpoint.as_ref().map(endpoint).transpose()?,
    })
}

/// Exchanges the code that the browser brought (RFC 6749 §4.1.3, RFC 7636 §4.5). A code is good once.
pub async fn exchange_code(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &SessionEndpoints,
    authorization: &Authorization,
    code: &Secret,
) -> Result<Tokens, SessionError> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", authorization.redirect_uri()),
        ("code_verifier", authorization.verifier().expose()),
        ("client_id", CLIENT_ID),
    ];
    let answer = post(http, &endpoints.token, &form).await.map_err(ExchangeError::Http)?;
    answer::tokens(&answer, clock.now())
}

/// Exchanges a refresh token for the next one and an access token (RFC 6749 §6).
///
/// An answer that is lost because the connection broke is asked for again, once and a moment later, with the same
/// refresh token: the server forgives that as long as nothing of the lost answer was used.
///
/// After a *time-out* it is not. Then the first request may still be on its way, in the queue of a proxy or of a
/// database, and be acted upon after the second: what that brought is withdrawn, or, once it was used, the session ends
/// as replayed. A server that is that slow is not helped by a second request either, and whoever waits has what is left
/// of the credential. A broken connection is another matter: whoever broke it has done with the request.
///
/// After an error other than [`SessionError::Ended`] the caller keeps the refresh token, for the same reason.
pub async fn refresh(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &SessionEndpoints,
    refresh_token: &Secret,
) -> Result<Tokens, SessionError> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose()), ("client_id", CLIENT_ID)];
    let answer = match post(http, &endpoints.token, &form).await {
        Err(HttpError::BrokeOff { .. }) => {
            tokio::time::sleep(AFTER_A_BREAK).await;
            post(http, &endpoints.token, &form).await
        }
        outcome => outcome,
    };
    answer::tokens(&answer.map_err(ExchangeError::Http)?, clock.now())
}

/// Ends a session at the server, by its refresh token (RFC 7009 §2.1). One that has ended already counts as ended.
pub async fn end(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &SessionEndpoints,
    refresh_token: &Secret,
) -> Result<(), SessionError> {
    let Some(url) = &endpoints.revocation else {
        return Err(ExchangeError::NoRevocation { server: endpoints.server.clone() }.into());
    };
    let form = [("token", refresh_token.expose()), ("token_type_hint", "refresh_token"), ("client_id", CLIENT_ID)];
    let answer: Answer = post(http, url, &form).await.map_err(ExchangeError::Http)?;
    Ok(success(&answer, clock.now())?)
}
