//! What can go wrong, and the one place where it becomes an HTTP answer.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::policy::InvalidPolicy;
use daypass_store::StoreError;
use serde_json::json;

/// Why an issuer cannot be opened or go on. One sentence each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key file is not the one the stored signing keys were sealed under.
    #[error("the key-encryption key does not open the signing key `{0}`: it belongs to another database")]
    WrongKeyEncryptionKey(String),
    /// The cryptographic library refused.
    #[error("could not {0}")]
    Crypto(&'static str),
    /// The policy files, and what was made over the API beside them, make no sense together.
    #[error("the policy files and the stored policy do not fit together: {0}")]
    Policy(#[from] InvalidPolicy),
    /// An outside issuer's keys cannot even be asked for.
    #[error("issuer `{issuer}`: {reason}")]
    Issuer {
        /// The issuer's name.
        issuer: String,
        /// What is wrong.
        reason: String,
    },
}

/// An error answer of an OAuth endpoint (RFC 6749 §5.2). `description` is safe for whoever asked.
#[derive(Debug)]
pub(crate) struct OAuthError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) description: String,
    /// A stable word for programs, for whoever has proven something; a stranger gets none.
    pub(crate) reason: Option<&'static str>,
    pub(crate) retry_after: Option<u32>,
}

impl OAuthError {
    pub(crate) fn bad_request(code: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description: description.into(), reason: None, retry_after: None }
    }

    /// RFC 6749 §5.2: a parameter is missing, repeated or malformed; RFC 8693 §2.2.2: the subject token is unacceptable.
    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::bad_request("invalid_request", description)
    }

    /// RFC 6749 §5.2: a code, a device code or a refresh token is not good, or not any more.
    pub(crate) fn invalid_grant(description: impl Into<String>, reason: &'static str) -> Self {
        Self::bad_request("invalid_grant", description).because(reason)
    }

    /// Tells a caller who has proven something the stable word for what was wrong.
    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// We cannot decide now; the door stays shut.
    pub(crate) fn unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "temporarily_unavailable",
            description: "the server cannot record this request now; try again in a few seconds".to_owned(),
            reason: None,
            retry_after: Some(5),
        }
    }

    /// Too many refusals for one peer.
    pub(crate) fn slow_down(seconds: u32) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "temporarily_unavailable",
            description: "too many refused requests from this address; try again later".to_owned(),
            reason: None,
            retry_after: Some(seconds),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.code, "error_description": self.description});
        if let (Some(reason), Some(members)) = (self.reason, body.as_object_mut()) {
            members.insert("reason".to_owned(), reason.into());
        }
        let mut response = (self.status, NO_STORE, body.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6749 §5.2, RFC 9110 §15.5.2.
            let basic = HeaderValue::from_static("Basic realm=\"daypass\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// RFC 6749 §5.1: what concerns tokens is JSON and is never stored by anything in between.
pub(crate) const NO_STORE: [(HeaderName, HeaderValue); 3] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];
