//! The bytes of one file, wherever they are, as an answer: whole or in part, with a strong `ETag`.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use daypass_core::digest::Sha256;

use crate::{
    body::{self, Buffers},
    error::Refusal,
    file_store::{Blob, FileStore, FileStoreError},
    memory::{SMALL, SmallFiles},
    negotiate::is_unchanged,
    range::{Part, Wanted, wanted},
    upstream::download::Stream,
};

/// Where a file's bytes are.
pub(crate) enum Bytes {
    /// In the file store.
    Kept,
    /// On their way.
    Coming(Stream),
    /// Here: exactly the part that is asked for.
    Part(bytes::Bytes),
    /// Not looked for: only the head of the answer is wanted.
    Unseen,
}

/// One file.
pub(crate) struct Content {
    /// Which bytes.
    pub blob: Blob,
    /// Its length.
    pub size: u64,
    /// Where it is.
    pub bytes: Bytes,
}

/// What is needed to send files.
pub(crate) struct Sender {
    pub(crate) files: FileStore,
    pub(crate) small: SmallFiles,
    pub(crate) buffers: Buffers,
}

/// The answer for a file that is there.
pub(crate) enum Sent {
    /// 200 or 206, or the head of one.
    Bytes(Response),
    /// 304.
    Unchanged(Response),
    /// The file store has lost it.
    Lost,
}

/// The `ETag` of a file: its digest. The same bytes have the same tag wherever they are.
pub(crate) fn etag(sha256: &Sha256) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{sha256}\"")).unwrap_or(HeaderValue::from_static("\"-\""))
}

impl Sender {
    /// Answers a request for `content`.
    pub(crate) async fn send(&self, method: &Method, headers: &HeaderMap, content: Content) -> Result<Sent, Refusal> {
        let Content { blob, size, bytes } = content;
        let etag = etag(&blob.sha256);
        if is_unchanged(headers, &etag) {
            return Ok(Sent::Unchanged(respond(StatusCode::NOT_MODIFIED, &etag, Body::empty())));
        }
        // RFC 9110 14.2: `Range` means something for GET only.
        let wanted = if *method == Method::GET { wanted(headers, &etag) } else { Wanted::Whole };
        let (status, first, end) = match wanted.of(size) {
            Part::Whole => (StatusCode::OK, 0, size),
            Part::Range(first, end) => (StatusCode::PARTIAL_CONTENT, first, end),
            Part::Nothing => return Err(Refusal::RangeNotSatisfiable { size }),
        };
        if matches!(bytes, Bytes::Kept) {
            self.files.was_used(&blob);
        }
        let body = match bytes {
            Bytes::Unseen => Ok(Body::empty()),
            _ if *method == Method::HEAD || first == end => Ok(Body::empty()),
            Bytes::Part(bytes) => Ok(Body::from(bytes)),
            Bytes::Coming(stream) => Ok(body::coming(stream, &self.buffers, first..end)),
            Bytes::Kept if size <= SMALL => self.small_part(&blob, size, first, end).await,
            Bytes::Kept => body::kept(&self.files, &self.buffers, blob, size, first..end).await,
        };
        let body = match body {
            Ok(body) => body,
            Err(FileStoreError::Absent) => return Ok(Sent::Lost),
            Err(error) => {
                tracing::error!(error = error.in_full(), "a file cannot be read");
                return Err(Refusal::NotReady("its file store does not work"));
            }
        };
        let mut response = respond(status, &etag, body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, (end - first).into());
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(value) = HeaderValue::try_from(format!("bytes {first}-{}/{size}", end.saturating_sub(1)))
        {
            headers.insert(header::CONTENT_RANGE, value);
        }
        Ok(Sent::Bytes(response))
    }

    /// The length of a file that must be there.
    pub(crate) async fn size_of(&self, blob: &Blob) -> Result<u64, Refusal> {
        self.small.size_of(&self.files, blob).await.map_err(|error| {
            tracing::error!(error = error.in_full(), "a file is not there");
            Refusal::NotReady("the file is damaged")
        })
    }

    async fn small_part(&self, blob: &Blob, size: u64, first: u64, end: u64) -> Result<Body, FileStoreError> {
        let bytes = self.small.get(&self.files, blob, size).await?;
        let offset = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Body::from(bytes.slice(offset(first)..offset(end))))
    }
}

fn respond(status: StatusCode, etag: &HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // The bytes under a name never change. Private: nobody's cache but the asker's may keep what needs a credential.
    let forever = HeaderValue::from_static("private, max-age=365000000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    if status != StatusCode::NOT_MODIFIED {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    response
}
