//! The style sheet and the icon of the console, compiled in. Their names hold a digest of their content, so a browser
//! fetches each once, and those of a new daypass anew.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::digest::Sha256;

/// The style sheet.
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", "text/css; charset=utf-8", include_str!("../../assets/console.css")));

/// The icon in the browser's tab.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("favicon", "svg", "image/svg+xml", include_str!("../../assets/favicon.svg")));

/// A file that pages refer to.
pub(super) struct Asset {
    file: String,
    media_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, ending: &str, media_type: &'static str, content: &'static str) -> Self {
        let mut digest = Sha256::of(content).to_string();
        // It tells one version from the next, which nobody can choose.
        digest.truncate(12);
        Self { file: format!("{name}.{digest}.{ending}"), media_type, content }
    }

    /// The path of its URL. No index can be called `-`.
    pub(super) fn path(&self) -> String {
        format!("/console/-/{}", self.file)
    }
}

/// `GET /console/-/{file}`.
pub(super) async fn get(Path(file): Path<String>) -> Response {
    let Some(asset) = [&*STYLE, &*ICON].into_iter().find(|asset| asset.file == file) else {
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], "not found\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
    ];
    (headers, asset.content).into_response()
}
