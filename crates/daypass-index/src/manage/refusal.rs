//! Why the administration of an index does not do as wished.

use axum::http::StatusCode;
use daypass_core::names::{FileName, IndexName};

use super::deletion::Deletion;
use crate::error::Refusal;

/// A refusal, besides those that the whole index knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManageRefusal {
    /// The request makes no sense.
    #[error("{0}")]
    Bad(String),
    /// Another media type.
    #[error("the body must be `application/json`")]
    NotJson,
    /// A body without end.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// A body that does not come.
    #[error("the body did not come in time")]
    TooSlow,
    /// Another method.
    #[error("only {0} work here")]
    Method(String),
    /// The index deletes nothing.
    #[error("index `{0}` deletes nothing: yank it instead")]
    DeletesNothing(IndexName),
    /// The time for it is over.
    #[error("`{0}` may be deleted {1} only: yank it instead")]
    TooOld(FileName, Deletion),
}

impl ManageRefusal {
    /// Status, title and code of the answer.
    pub(crate) fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Bad(_) => (StatusCode::BAD_REQUEST, "Bad Request", "bad_request"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type", "not_json"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Content Too Large", "body_too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "Request Timeout", "body_too_slow"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "method_not_allowed"),
            Self::DeletesNothing(_) => (StatusCode::CONFLICT, "Conflict", "deletion_never"),
            Self::TooOld(..) => (StatusCode::CONFLICT, "Conflict", "deletion_too_late"),
        }
    }
}

impl From<ManageRefusal> for Refusal {
    fn from(refusal: ManageRefusal) -> Self {
        Self::Manage(refusal)
    }
}
