//! A request's body, bounded in size and in time.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};

use crate::{error::OAuthError, refusal::Refusal};

/// How long a client may take to send a body of at most 64 KiB.
const WITHIN: Duration = Duration::from_secs(15);

/// The headers and the whole body.
pub(crate) async fn read(request: Request) -> Result<(HeaderMap, Bytes), Refusal> {
    let headers = request.headers().clone();
    match tokio::time::timeout(WITHIN, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok((headers, body)),
        Ok(Err(BytesRejection::FailedToBufferBody(error))) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let mut answer = OAuthError::invalid_request("the request body is too large");
            answer.status = StatusCode::PAYLOAD_TOO_LARGE;
            Err(Refusal::new(answer, "body_too_large"))
        }
        Ok(Err(_)) => {
            Err(Refusal::new(OAuthError::invalid_request("the request body did not arrive whole"), "body_broken"))
        }
        Err(_) => {
            let mut answer = OAuthError::invalid_request("the request body did not arrive in time");
            answer.status = StatusCode::REQUEST_TIMEOUT;
            Err(Refusal::new(answer, "body_too_slow"))
        }
    }
}
