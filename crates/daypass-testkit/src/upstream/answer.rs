//! Sending an answer, with the trouble that was ordered.

use std::{
    io::{self, Read as _},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt as _, stream};

use super::{Shared, Trouble};

pub(super) async fn send(shared: Shared, trouble: Trouble, response: Response) -> Response {
    match trouble {
        Trouble::Hang => std::future::pending().await,
        Trouble::Status(code) => {
            StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        Trouble::Garbage(text) => text.into_response(),
        Trouble::Busy(code, retry_after) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, [(header::RETRY_AFTER, retry_after)]).into_response()
        }
        Trouble::Bomb(length) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            // Writing to memory does not fail.
            let _ = io::copy(&mut io::repeat(b' ').take(length as u64), &mut encoder);
            let head = [(header::CONTENT_ENCODING, "gzip"), (header::CONTENT_TYPE, "text/html")];
            (head, encoder.finish().unwrap_or_default()).into_response()
        }
        Trouble::ContentType(text) => {
            let mut response = response;
            if let Ok(value) = text.parse() {
                response.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            response
        }
        Trouble::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        _ if response.status() != StatusCode::OK => response,
        Trouble::None => response,
        trouble => spoilt(shared, trouble, response).await,
    }
}

async fn spoilt(shared: Shared, trouble: Trouble, response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let mut bytes = to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
    let length = bytes.len();
    let half = length / 2;
    head.headers.insert(header::CONTENT_LENGTH, length.into());
    match trouble {
        Trouble::Corrupt => {
            if let Some(byte) = bytes.get_mut(half) {
                *byte = !*byte;
            }
            Response::from_parts(head, bytes.into())
        }
        Trouble::Shorter => {
            bytes.truncate(half);
            head.headers.insert(header::CONTENT_LENGTH, half.into());
            Response::from_parts(head, bytes.into())
        }
        Trouble::Truncate => {
            bytes.truncate(half);
            let parts = [Ok(Bytes::from(bytes)), Err(io::Error::other("cut off on purpose"))];
            // The pause lets the first part leave before the connection breaks.
            let parts = stream::iter(parts).then(|part| async {
                if part.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                part
            });
            Response::from_parts(head, Body::from_stream(parts))
        }
        Trouble::Slow(per_second) => {
            let chunk = usize::try_from(per_second / 20).unwrap_or(usize::MAX).max(1);
            let parts: Vec<Bytes> = bytes.chunks(chunk).map(Bytes::copy_from_slice).collect();
            let parts = stream::iter(parts).then(|part| async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok::<_, io::Error>(part)
            });
            Response::from_parts(head, Body::from_stream(parts))
        }
        Trouble::Gate => {
            let rest = Bytes::from(bytes.split_off(half));
            let first = stream::once(async { Ok::<_, io::Error>(Bytes::from(bytes)) });
            let second = stream::once(async move {
                shared.wait_at_gate().await;
                Ok(rest)
            });
            Response::from_parts(head, Body::from_stream(first.chain(second)))
        }
        _ => Response::from_parts(head, bytes.into()),
    }
}
