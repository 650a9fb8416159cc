//! The style sheet, the script and the icon, compiled in.
//!
//! An asset's name has a digest of its content in it: what a browser has once fetched it never asks for again, and a
//! new daypass brings new names.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::digest::Sha256;

/// The style sheet of all pages.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("page", "css", "text/css; charset=utf-8", include_str!("../../assets/page.css")));

/// What asks the authenticator.
pub static PASSKEY: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("passkey", "js", "text/javascript; charset=utf-8", include_str!("../../assets/passkey.js"))
});

/// The icon in the browser's tab.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("favicon", "svg", "image/svg+xml", include_str!("../../assets/favicon.svg")));

/// All there are.
pub fn all() -> [&'static Asset; 3] {
    [&STYLE, &PASSKEY, &ICON]
}

/// A file that pages refer to.
#[derive(Debug)]
pub struct Asset {
    file: String,
    path: String,
    media_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, ending: &str, media_type: &'static str, content: &'static str) -> Self {
        let mut digest = Sha256::of(content).to_string();
        // It tells one version from the next, which nobody can choose.
        digest.truncate(12);
        let file = format!("{name}.{digest}.{ending}");
        Self { path: format!("/assets/{file}"), file, media_type, content }
    }

    /// The path of its URL.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it holds.
    pub fn content(&self) -> &str {
        self.content
    }
}

/// `GET /assets/{file}`.
pub(crate) async fn get(Path(file): Path<String>) -> Response {
    let Some(asset) = all().into_iter().find(|asset| asset.file == file) else {
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], "not found\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // The icon is a document of its own when somebody opens it.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
    ];
    (headers, asset.content).into_response()
}
