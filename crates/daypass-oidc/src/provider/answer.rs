//! What a provider answers to the server itself: bounded, never redirected, sorted by whose fault it is.

use daypass_core::secret::Secret;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Inner, ProviderError};
use crate::http::{Answer, read_bounded};

/// How large the answer of a token endpoint, or what is said about a person, may be.
pub(super) const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// The longest error word that is logged.
const MAX_LOGGED_CHARS: usize = 60;

/// What a token endpoint answers (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Deserialize)]
pub(super) struct Redeemed {
    #[serde(default)]
    pub(super) access_token: Option<Secret>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    pub(super) id_token: Option<Secret>,
    /// GitHub refuses with status 200.
    #[serde(default)]
    error: Option<String>,
}

impl Redeemed {
    /// The access token, if it is one that is merely carried (RFC 6749 §7.1, RFC 6750).
    pub(super) fn bearer(&self) -> Option<&Secret> {
        let is_bearer = self.token_type.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer"));
        self.access_token.as_ref().filter(|token| is_bearer && !token.is_empty())
    }
}

/// Sends a request and reads its answer, whatever its status.
pub(super) async fn ask(
    inner: &Inner,
    request: reqwest::RequestBuilder,
    limit: usize,
) -> Result<Answer, ProviderError> {
    let response = inner.http.send(request).await?;
    Ok(read_bounded(response, limit).await?)
}

/// Reads a token endpoint's answer.
pub(super) fn redeemed(inner: &Inner, answer: &Answer) -> Result<Redeemed, ProviderError> {
    cannot_now(answer.status, &answer.headers)?;
    if answer.status.is_redirection() {
        return Err(ProviderError::Nonsense("its token endpoint redirects"));
    }
    let read: Redeemed = match json(answer) {
        Ok(read) => read,
        Err(_) if answer.status == StatusCode::UNAUTHORIZED => return Err(ProviderError::ClientRefused),
        Err(error) => return Err(error),
    };
    match &read.error {
        None if answer.status == StatusCode::OK => Ok(read),
        None => Err(ProviderError::Nonsense("its token endpoint says neither yes nor no")),
        Some(error) => {
            let word: String = error.chars().take(MAX_LOGGED_CHARS).flat_map(char::escape_debug).collect();
            tracing::warn!(provider = inner.name().as_str(), error = word, "a provider refused a code");
            Err(refusal(error))
        }
    }
}

/// RFC 6749 §5.2, and GitHub's words for the same.
fn refusal(error: &str) -> ProviderError {
    match error {
        "invalid_grant" | "bad_verification_code" => ProviderError::CodeRefused,
        "unverified_user_email" => ProviderError::EmailNotVerified,
        _ => ProviderError::ClientRefused,
    }
}

/// Whether the server says that it is not its day.
pub(super) fn cannot_now(status: StatusCode, headers: &HeaderMap) -> Result<(), ProviderError> {
    let is_limit = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN && headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0"));
    if status.is_server_error() || is_limit {
        return Err(ProviderError::Unavailable { status: status.as_u16() });
    }
    Ok(())
}

pub(super) fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    serde_json::from_slice(&answer.body).map_err(|_| ProviderError::Nonsense("it is not the JSON that was expected"))
}
