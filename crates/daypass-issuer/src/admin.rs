//! Changing the policy over HTTP: issuers, identities and roles, one by one or all at once.
//!
//! What a file defines is shown and cannot be changed here. Nobody can grant what they do not hold
//! (`daypass_core::policy::Authority`). Errors are RFC 9457.
//!
//! | module | idea |
//! |---|---|
//! | `who` | whoever asks, and what they administer |
//! | `body` | the body of a request, as JSON |
//! | `propose` | from what is wanted to what would change, with everything that may be wrong with it |
//! | `objects` | `/api/v1/issuers`, `/api/v1/identities`, `/api/v1/roles` |
//! | `whole` | `/api/v1/policy`: plan and apply |
//! | `openapi` | the description of this API |

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use daypass_core::policy::ObjectKind;
use serde_json::Value;

use crate::issuer::Parts;

mod body;
mod objects;
mod openapi;
mod propose;
mod who;
mod whole;

/// The largest policy that is taken at once, in bytes: some ten thousand identities.
const LARGEST_POLICY: usize = 4 * 1024 * 1024;

/// The endpoints.
pub(crate) fn routes() -> Router<Arc<Parts>> {
    let whole = Router::new()
        .route("/api/v1/policy/plan", post(whole::plan))
        .route("/api/v1/policy/apply", post(whole::apply))
        .layer(DefaultBodyLimit::max(LARGEST_POLICY));
    let mut all = Router::new()
        .route("/api/v1/policy/schema.json", get(openapi::policy_schema))
        .route("/api/v1/openapi.json", get(openapi::get))
        .merge(whole);
    for kind in ObjectKind::ALL {
        let many = format!("/api/v1/{}", kind.plural());
        let one = format!("{many}/{{name}}");
        all = all.route(&many, get(move |state, extensions, headers| objects::list(kind, state, extensions, headers)));
        all = all.route(
            &one,
            get(move |state, name, extensions, headers| objects::show(kind, state, name, extensions, headers))
                .put(move |state, name, query, request| objects::put(kind, state, name, query, request))
                .delete(move |state, name, query, request| objects::delete(kind, state, name, query, request)),
        );
    }
    all
}

/// A JSON answer that nothing in between keeps.
fn json(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}
