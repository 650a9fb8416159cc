//! The well-known documents: who we are and by which keys we are known.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{digest::Sha256, issuer::OUTSIDE_ALGORITHMS};
use serde_json::json;

use crate::{
    issuer::Parts,
    narrower,
    token_endpoint::{GRANT_TYPES, SCOPE},
};

/// How long others may keep these documents: [`daypass_core::key_rotation::KEY_SET_MAX_AGE`]. Keys are published longer
/// than this before they sign.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// RFC 8414 §2 and OpenID Connect Discovery 1.0 §3: one document under both names.
pub(crate) async fn authorization_server(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    let url = &parts.public_url;
    let document = json!({
        "issuer": url,
        "authorization_endpoint": url.join("/oauth/authorize"),
        "token_endpoint": url.join("/oauth/token"),
        "device_authorization_endpoint": url.join("/oauth/device_authorization"),
        "introspection_endpoint": url.join("/oauth/introspect"),
        "revocation_endpoint": url.join("/oauth/revoke"),
        "jwks_uri": url.join("/.well-known/jwks.json"),
        "grant_types_supported": GRANT_TYPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "scopes_supported": [SCOPE],
        "authorization_details_types_supported": [narrower::DETAIL_TYPE],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported":
            ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": OUTSIDE_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none"],
    });
    cacheable(&headers, document.to_string())
}

/// RFC 9728 §2: which issuer guards this index.
pub(crate) async fn protected_resource(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    let url = &parts.public_url;
    let document = json!({
        "resource": url,
        "authorization_servers": [url],
        "bearer_methods_supported": ["header"],
    });
    cacheable(&headers, document.to_string())
}

/// RFC 7517 §5.
pub(crate) async fn jwks(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    cacheable(&headers, parts.keys.jwks())
}

/// A JSON document with its entity tag, or 304 for whoever has it (RFC 9110 §13.1.2).
fn cacheable(request: &HeaderMap, body: String) -> Response {
    let etag = format!("\"{}\"", Sha256::of(&body));
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let status = if fresh { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let body = if fresh { String::new() } else { body };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use daypass_core::key_rotation::KEY_SET_MAX_AGE;

    use super::*;

    #[test]
    fn copies_may_be_kept_as_long_as_the_rules_of_rotation_believe() {
        assert_eq!(CACHE_CONTROL, format!("public, max-age={}", KEY_SET_MAX_AGE.as_secs()));
    }
}
