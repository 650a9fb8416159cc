//! A file in a form, as `twine` and `uv publish` send it (RFC 7578), streamed.

use std::{
    fs::File,
    io::{self, Seek as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use daypass_core::{digest::Sha256, names::FileName};
use daypass_oidc::http::Body;
use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncReadExt as _;

/// How many bytes are read at a time.
const PIECE: usize = 256 * 1024;

/// A form with one file in it, after all its fields.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    boundary: String,
    head: Vec<u8>,
    tail: Vec<u8>,
    file: &'a File,
    size: u64,
}

impl<'a> Form<'a> {
    /// A form with these fields and then `content`.
    pub(crate) fn new(fields: &[(&str, &str)], name: &FileName, file: &'a File, size: u64, sha256: &Sha256) -> Self {
        // No file holds its own digest, so this is in none.
        let boundary = format!("daypass-{sha256}");
        let mut head = Vec::new();
        for (field, value) in fields {
            let part = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            head.extend_from_slice(part.as_bytes());
        }
        let part = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"content\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        head.extend_from_slice(part.as_bytes());
        let tail = format!("\r\n--{boundary}--\r\n").into_bytes();
        Self { boundary, head, tail, file, size }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        let around = u64::try_from(self.head.len().saturating_add(self.tail.len())).unwrap_or(u64::MAX);
        self.size.saturating_add(around)
    }

    /// The form, from its beginning; counts the file's bytes in both as they are taken.
    pub(super) fn body(&self, moved: Arc<AtomicU64>, counted: Arc<AtomicU64>) -> io::Result<Body> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        // What was appended since the digest was made stays behind.
        let file = tokio::fs::File::from_std(file).take(self.size);
        let pieces = stream::try_unfold((file, moved, counted), |(mut file, moved, counted)| async move {
            let mut piece = Vec::with_capacity(PIECE);
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
            let length = u64::try_from(read).unwrap_or(u64::MAX);
            moved.fetch_add(length, Ordering::Relaxed);
            counted.fetch_add(length, Ordering::Relaxed);
            Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(piece), (file, moved, counted))))
        });
        let around = |bytes: &[u8]| stream::iter([Ok::<_, io::Error>(Bytes::copy_from_slice(bytes))]);
        Ok(Body::wrap_stream(around(&self.head).chain(pieces).chain(around(&self.tail))))
    }
}
