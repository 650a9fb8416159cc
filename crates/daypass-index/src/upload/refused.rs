//! Why an upload is not taken, and what that is in HTTP.

use axum::http::StatusCode;
use daypass_core::names::{IndexName, ProjectName};

/// Why an upload is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UploadRefusal {
    /// The file is not one that can be published, or the form does not say the same as the file.
    #[error("{0}")]
    Invalid(String),
    /// The form cannot be read.
    #[error("{0}")]
    Form(&'static str),
    /// A field of the form comes twice, or is too long.
    #[error("the form's field `{0}` {1}")]
    Field(&'static str, &'static str),
    /// The file is too long.
    #[error("the file is longer than the {0} bytes that this index takes")]
    TooLarge(u64),
    /// Other bytes have the name.
    #[error("{0}")]
    Exists(String),
    /// The name was used once.
    #[error("{0}")]
    Deleted(String),
    /// The project is in somebody else's namespace (PEP 752).
    #[error("project `{0}` is in the namespace `{1}`: only who was granted `{1}-*` by name uploads into it")]
    Namespace(ProjectName, ProjectName),
    /// The index's view leaves the project out.
    #[error("project `{0}` is left out of index `{1}`: nobody could install it from there, so upload to another index")]
    LeftOut(ProjectName, IndexName),
    /// The project takes no files.
    #[error("{0}")]
    Closed(String),
    /// The attestations are not good.
    #[error("{0}")]
    Attestations(String),
    /// Nothing is hosted here.
    #[error("index `{0}` has no hosted files of its own: upload to another one")]
    NotHosting(IndexName),
    /// It is the address for uploads.
    #[error("files are uploaded here, with POST: installers need the address that ends with /simple/")]
    OnlyPost,
    /// The body comes too slowly.
    #[error("the upload came too slowly, or stopped: try again")]
    Slow,
}

impl UploadRefusal {
    /// Status, its name, and the code for programs.
    pub(crate) fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "Bad Request", "upload_invalid"),
            Self::Form(_) | Self::Field(..) => (StatusCode::BAD_REQUEST, "Bad Request", "form_invalid"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", "file_too_large"),
            Self::Exists(_) => (StatusCode::CONFLICT, "Conflict", "file_exists"),
            Self::Deleted(_) => (StatusCode::CONFLICT, "Conflict", "file_name_used"),
            Self::Namespace(..) => (StatusCode::CONFLICT, "Conflict", "namespace_foreign"),
            Self::LeftOut(..) => (StatusCode::FORBIDDEN, "Forbidden", "project_left_out"),
            Self::Closed(_) => (StatusCode::FORBIDDEN, "Forbidden", "project_closed"),
            Self::Attestations(_) => (StatusCode::BAD_REQUEST, "Bad Request", "attestations_refused"),
            Self::NotHosting(_) => (StatusCode::FORBIDDEN, "Forbidden", "index_hosts_nothing"),
            Self::OnlyPost => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "method_not_allowed"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "Request Timeout", "upload_slow"),
        }
    }
}
