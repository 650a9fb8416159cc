//! What a request to the administration brings: JSON, bounded in size and in time.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::refusal::ManageRefusal;

/// The longest body, in bytes.
const LONGEST: usize = 16 * 1024;

/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest reason, in characters: it stands on pages and in every log.
const LONGEST_REASON: usize = 500;

/// Why something is yanked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    pub(super) reason: Option<String>,
}

/// Another status, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    pub(super) status: String,
    pub(super) reason: Option<String>,
}

/// Reads a body.
pub(super) async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, ManageRefusal> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(ManageRefusal::NotJson);
    }
    let bytes = tokio::time::timeout(PATIENCE, to_bytes(body, LONGEST)).await.map_err(|_| ManageRefusal::TooSlow)?;
    let bytes = bytes.map_err(|_| ManageRefusal::TooLarge(LONGEST))?;
    serde_json::from_slice(&bytes).map_err(|error| ManageRefusal::Bad(format!("the body is not understood: {error}")))
}

/// `?reason=…`: a `DELETE` has no body that everything in between passes on (RFC 9110 §9.3.5).
pub(super) fn query_reason(query: Option<&str>) -> Option<String> {
    let pairs = url::form_urlencoded::parse(query?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "reason").map(|(_, value)| value.into_owned())
}

/// A reason that may stand on a page: one line of text, not too long.
pub(super) fn checked(reason: &str) -> Result<String, ManageRefusal> {
    let reason = reason.trim();
    if reason.chars().count() > LONGEST_REASON {
        return Err(ManageRefusal::Bad(format!("`reason` is longer than {LONGEST_REASON} characters")));
    }
    if reason.chars().any(char::is_control) {
        return Err(ManageRefusal::Bad("`reason` must be one line of text".to_owned()));
    }
    Ok(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        assert_eq!(checked(" use 1.1 \n").unwrap(), "use 1.1");
        assert!(checked("a\u{1b}[31m").is_err() && checked("a\nb").is_err());
        assert!(checked(&"ä".repeat(500)).is_ok() && checked(&"ä".repeat(501)).is_err());
        assert_eq!(query_reason(Some("a=1&reason=a+b%26c")).as_deref(), Some("a b&c"));
        assert_eq!(query_reason(Some("x")), None);
    }
}
