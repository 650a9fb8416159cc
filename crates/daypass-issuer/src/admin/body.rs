//! The body of a request to the administration, as JSON, bounded in size and in time.

use axum::{extract::Request, http::StatusCode, response::Response};
use serde::de::DeserializeOwned;

use crate::{audit_api::problem, body};

/// Reads what `request` brings.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Response> {
    let (_, bytes) = match body::read(request).await {
        Ok(read) => read,
        Err(refusal) => return Err(problem(refusal.answer.status, &refusal.answer.description)),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| problem(StatusCode::BAD_REQUEST, &format!("the body is not understood: {error}")))
}
