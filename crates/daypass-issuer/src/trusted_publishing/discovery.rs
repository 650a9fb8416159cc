//! `GET /.well-known/pytp` (PEP 807, a draft): where an uploader that knows an upload URL only finds the rest.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{AUDIENCE, MINT_TOKEN, MULTI_USE, media_type};
use crate::{form::Form, issuer::Parts};

pub(super) async fn get(State(parts): State<Arc<Parts>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if media_type::taken(&headers) == media_type::Takes::Nothing {
        return problem(StatusCode::NOT_ACCEPTABLE, "this comes as `application/vnd.pypi.pytp.v1+json`");
    }
    let query = match Form::parse_query(query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.description),
    };
    let Some(key) = query.find("discover") else {
        return problem(StatusCode::BAD_REQUEST, "say in `discover` which path is uploaded to: `/python/legacy/`");
    };
    if !is_upload_path(&parts, key) {
        return problem(StatusCode::NOT_FOUND, "nothing is uploaded to that path here; use `/INDEX/legacy/`");
    }
    let document = json!({
        "audience-endpoint": parts.public_url.join(AUDIENCE),
        "token-mint-endpoint": parts.public_url.join(MINT_TOKEN),
        "features": [MULTI_USE],
        "default-features": [MULTI_USE],
    });
    media_type::answer(&headers, &document)
}

/// Whether `path` is `/{index}/legacy/` of an index that is there, with or without the last slash.
fn is_upload_path(parts: &Parts, path: &str) -> bool {
    let name = path.strip_prefix('/').and_then(|path| path.strip_suffix('/').unwrap_or(path).strip_suffix("/legacy"));
    name.is_some_and(|name| parts.indexes.iter().any(|index| index.as_str() == name))
}

/// RFC 9457 §3.
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, media_type::PROBLEM, body.to_string()).into_response()
}
