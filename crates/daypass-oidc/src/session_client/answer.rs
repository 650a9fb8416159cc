//! What the token endpoint answers to somebody who signs in (RFC 6749 §5.1, §5.2).

use daypass_core::{SignedDuration, Timestamp, secret::Secret};
use http::{HeaderMap, StatusCode, header};
use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::SessionError;
use crate::{
    exchange::{ExchangeError, answer::success},
    http::Answer,
    shown::shown,
};

/// What a sign-in or a refresh brings. Every length is counted from now on: the clocks need not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The credential.
    pub access_token: Secret,
    /// How long it lives.
    pub expires_in: SignedDuration,
    /// What renews it, once.
    pub refresh_token: Secret,
    /// How long the session lives, if the server tells.
    pub session_expires_in: Option<SignedDuration>,
    /// Who signed in, for people to read.
    pub person: Option<String>,
    /// The server's clock (RFC 9110 §6.6.1), if it tells.
    pub server_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    token_type: String,
    expires_in: u32,
    refresh_token: Secret,
    session_expires_in: Option<u32>,
    person: Option<String>,
}

/// An OAuth error, with our servers' own word for why.
#[derive(Deserialize)]
pub(super) struct Failure {
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: String,
    #[serde(default)]
    pub(super) reason: String,
}

impl Failure {
    /// The error in `answer`, if that is what it is.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        if answer.status.is_client_error() { serde_json::from_slice(&answer.body).ok() } else { None }
    }

    /// The server's words, or else its code.
    pub(super) fn description(&self) -> String {
        shown(if self.error_description.is_empty() { &self.error } else { &self.error_description })
    }
}

pub(super) fn tokens(answer: &Answer, now: Timestamp) -> Result<Tokens, SessionError> {
    if answer.status != StatusCode::OK {
        if let Some(failure) = Failure::of(answer).filter(|failure| failure.error == "invalid_grant") {
            return Err(SessionError::Ended { reason: shown(&failure.reason), description: failure.description() });
        }
        success(answer, now)?;
    }
    let malformed = |what| SessionError::Server(ExchangeError::Malformed(what));
    let success: Success = serde_json::from_slice(&answer.body)
        .map_err(|_| malformed("it is not a token response with a refresh token"))?;
    // RFC 6749 §7.1: a client must not use a token whose type it does not understand.
    if !success.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(malformed("it is another type of token"));
    }
    if success.access_token.is_empty() || success.refresh_token.is_empty() || success.expires_in == 0 {
        return Err(malformed("a token in it is empty"));
    }
    let length = |seconds| SignedDuration::from_secs(i64::from(seconds));
    Ok(Tokens {
        access_token: success.access_token,
        expires_in: length(success.expires_in),
        refresh_token: success.refresh_token,
        session_expires_in: success.session_expires_in.map(length),
        person: success.person.map(|person| shown(&person)),
        server_time: server_time(&answer.headers),
    })
}

/// What the server's clock showed when it answered.
pub fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}
