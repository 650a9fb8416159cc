//! What a token endpoint answers (RFC 8693 §2.2, RFC 6749 §5.2).

use daypass_core::{SignedDuration, Timestamp, secret::Secret};
use http::{StatusCode, header};
use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::{ACCESS_TOKEN, ExchangeError};
use crate::{http::Answer, shown::shown};

/// How far clocks may differ before we say so. Far more than any leeway, far less than what goes unnoticed.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// An access token, fresh from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub access_token: Secret,
    /// How long it lives from now on. A length, not a time: the clocks need not agree.
    pub expires_in: SignedDuration,
    /// The identity that was assumed, by name, for people to read.
    pub identity: Option<String>,
}

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    issued_token_type: Option<String>,
    token_type: String,
    expires_in: u32,
    identity: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    #[serde(default)]
    error_description: String,
    /// Our servers' own word for why, finer than `error`.
    #[serde(default)]
    reason: String,
}

/// RFC 8693 §2.2.1: it says of which kind the token is.
pub(super) fn issued(answer: &Answer, now: Timestamp) -> Result<IssuedToken, ExchangeError> {
    read(answer, now, |kind| kind == Some(ACCESS_TOKEN))
}

/// RFC 6749 §5.1: there is one kind, and it need not be said.
pub(super) fn of_credentials(answer: &Answer, now: Timestamp) -> Result<IssuedToken, ExchangeError> {
    read(answer, now, |kind| kind.is_none_or(|kind| kind == ACCESS_TOKEN))
}

fn read(
    answer: &Answer,
    now: Timestamp,
    is_right_kind: impl Fn(Option<&str>) -> bool,
) -> Result<IssuedToken, ExchangeError> {
    success(answer, now)?;
    let success: Success =
        serde_json::from_slice(&answer.body).map_err(|_| ExchangeError::Malformed("it is not a token response"))?;
    // RFC 6749 §7.1: a client must not use a token whose type it does not understand.
    if !success.token_type.eq_ignore_ascii_case("Bearer") || !is_right_kind(success.issued_token_type.as_deref()) {
        return Err(ExchangeError::Malformed("it is another type of token"));
    }
    if success.access_token.is_empty() || success.expires_in == 0 {
        return Err(ExchangeError::Malformed("the access token is empty"));
    }
    Ok(IssuedToken {
        access_token: success.access_token,
        expires_in: SignedDuration::from_secs(i64::from(success.expires_in)),
        identity: success.identity.map(|name| shown(&name)),
    })
}

pub(crate) fn success(answer: &Answer, now: Timestamp) -> Result<(), ExchangeError> {
    if answer.status == StatusCode::OK {
        return Ok(());
    }
    if answer.is_try_later() {
        return Err(ExchangeError::unavailable(answer));
    }
    let failure: Failure = serde_json::from_slice(&answer.body)
        .map_err(|_| ExchangeError::Malformed("it is neither success nor an OAuth error"))?;
    if failure.reason == "replayed" || failure.error_description.contains("already exchanged") {
        return Err(ExchangeError::Replayed);
    }
    let description = if failure.error_description.is_empty() { &failure.error } else { &failure.error_description };
    Err(ExchangeError::Refused {
        error: shown(&failure.error),
        description: shown(description),
        clock_ahead: clock_ahead(answer, now),
    })
}

/// How far the server's clock is ahead of ours, by the `Date` of its answer (RFC 9110 §6.6.1), when it matters.
fn clock_ahead(answer: &Answer, now: Timestamp) -> Option<SignedDuration> {
    let date = answer.headers.get(header::DATE)?.to_str().ok()?;
    let theirs = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(theirs.duration_since(now)).filter(|ahead| ahead.abs() > CLOCKS_DIFFER)
}
