//! A sign-in on another device (RFC 8628): a code is shown here and typed there.

use std::time::Duration;

use daypass_core::{clock::Clock, public_url::PublicUrl, secret::Secret};
use serde::Deserialize;
use url::Url;

use super::{
    SessionEndpoints, SessionError, Tokens,
    answer::{self, Failure},
};
use crate::{
    exchange::{CLIENT_ID, ExchangeError, answer::success, post},
    http::HttpClient,
};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// RFC 8628 §3.2: what counts when the server names no interval.
const INTERVAL: u64 = 5;

/// Longer is no interval but a mistake.
const LONGEST_INTERVAL: u64 = 60;

/// A device code and what a person needs to approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAuthorization {
    /// What is polled with.
    pub device_code: Secret,
    /// What the person types, or compares.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: Url,
    /// The same, with the code in it.
    pub verification_uri_complete: Option<Url>,
    /// How long the code is good.
    pub expires_in: Duration,
    /// How long to wait between two polls.
    pub interval: Duration,
}

#[derive(Deserialize)]
struct Success {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u32,
    interval: Option<u64>,
}

/// What a poll found.
#[derive(Debug)]
pub enum Poll {
    /// Signed in.
    Done(Box<Tokens>),
    /// Nobody has decided yet.
    Pending,
    /// Nobody has decided yet, and five seconds more must be left between polls from now on.
    SlowDown,
    /// Somebody said no.
    Denied {
        /// The server's words, shortened and printable.
        description: String,
    },
    /// The code has expired.
    Expired,
}

/// Asks for a device code, perhaps for the provider that is named (RFC 8628 §3.1).
pub async fn authorize_device(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &SessionEndpoints,
    provider: Option<&str>,
) -> Result<DeviceAuthorization, SessionError> {
    let url = endpoints.device_authorization.as_ref().ok_or(SessionError::NotOffered("sign-in by code"))?;
    let mut form = vec![("client_id", CLIENT_ID)];
    form.extend(provider.map(|name| ("provider", name)));
    let answer = post(http, url, &form).await.map_err(ExchangeError::Http)?;
    success(&answer, clock.now())?;
    let malformed = |what| SessionError::Server(ExchangeError::Malformed(what));
    let made: Success =
        serde_json::from_slice(&answer.body).map_err(|_| malformed("it is not a device authorization response"))?;
    // A person is going to open these: never a page of somebody else's.
    let own_page = |text: &str| {
        let url = Url::parse(text).ok();
        url.filter(|url| PublicUrl::origin_of(url).is_ok_and(|origin| origin == endpoints.server))
            .ok_or_else(|| SessionError::Server(ExchangeError::OtherServer { server: endpoints.server.clone() }))
    };
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '-';
    if made.user_code.is_empty() || made.user_code.len() > 40 || !made.user_code.chars().all(plain) {
        return Err(malformed("its code cannot be typed"));
    }
    Ok(DeviceAuthorization {
        device_code: made.device_code,
        user_code: made.user_code,
        verification_uri: own_page(&made.verification_uri)?,
        verification_uri_complete: made.verification_uri_complete.as_deref().map(own_page).transpose()?,
        expires_in: Duration::from_secs(u64::from(made.expires_in)),
        interval: Duration::from_secs(made.interval.unwrap_or(INTERVAL).clamp(1, LONGEST_INTERVAL)),
    })
}

/// Asks whether somebody has approved the code (RFC 8628 §3.4, §3.5).
pub async fn poll(
    http: &HttpClient,
    clock: &dyn Clock,
    endpoints: &SessionEndpoints,
    device_code: &Secret,
) -> Result<Poll, SessionError> {
    let form = [("grant_type", DEVICE_CODE), ("device_code", device_code.expose()), ("client_id", CLIENT_ID)];
    let answer = post(http, &endpoints.token, &form).await.map_err(ExchangeError::Http)?;
    if let Some(failure) = Failure::of(&answer) {
        match failure.error.as_str() {
            "authorization_pending" => return Ok(Poll::Pending),
            "slow_down" => return Ok(Poll::SlowDown),
            "access_denied" => return Ok(Poll::Denied { description: failure.description() }),
            "expired_token" => return Ok(Poll::Expired),
            _ => {}
        }
    }
    answer::tokens(&answer, clock.now()).map(|tokens| Poll::Done(Box::new(tokens)))
}
