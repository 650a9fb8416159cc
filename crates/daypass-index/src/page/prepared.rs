//! Pages ready to be sent: rendered and compressed once, when they change.

use std::io::Write as _;

use axum::http::HeaderValue;
use bytes::Bytes;
use daypass_core::digest::Sha256;
use flate2::{Compression, write::GzEncoder};

use super::{ProjectPage, write_html, write_json};

/// Above this length only the compressed form is kept: every installer asks for it, and memory is for many pages.
const KEEP_PLAIN_UP_TO: usize = 256 * 1024;

/// Below this length compression gains nothing: it is one packet anyway.
const COMPRESS_FROM: usize = 1024;

/// A page in one form, plain and compressed.
#[derive(Debug)]
pub(crate) struct Prepared {
    plain: Option<Bytes>,
    compressed: Option<Bytes>,
    /// How many bytes it has, plain.
    length: usize,
    etag: HeaderValue,
    compressed_etag: HeaderValue,
}

/// How a page is sent.
#[derive(Debug)]
pub(crate) struct Sendable<'a> {
    /// The bytes that are kept.
    pub bytes: Bytes,
    /// What has to be done with them.
    pub coding: Coding,
    /// How many bytes are sent.
    pub length: usize,
    /// The representation's tag.
    pub etag: &'a HeaderValue,
}

/// How the bytes that are kept relate to those that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// They are the page.
    Plain,
    /// They are compressed, and so they are sent.
    Gzip,
    /// They are compressed, and are inflated on the way: see [`inflated`](crate::body::inflated).
    Inflate,
}

impl Prepared {
    /// Compresses `body`. Takes milliseconds per megabyte: not on a thread that serves requests.
    pub(crate) fn new(body: Vec<u8>) -> Self {
        let digest = Sha256::of(&body).to_string();
        let digest = digest.get(..32).unwrap_or_default();
        let compressed = if body.len() < COMPRESS_FROM { None } else { compress(&body) };
        let length = body.len();
        let plain = compressed.is_none() || body.len() <= KEEP_PLAIN_UP_TO;
        Self {
            plain: plain.then(|| Bytes::from(body)),
            compressed,
            length,
            etag: header_value(&format!("\"{digest}\"")),
            // RFC 9110 8.8.3.3: another content coding is another representation, with another strong tag.
            compressed_etag: header_value(&format!("\"{digest}-gzip\"")),
        }
    }

    /// The body to send to who takes gzip, or does not.
    pub(crate) fn body(&self, accepts_gzip: bool) -> Sendable<'_> {
        let plain = |bytes, coding| Sendable { bytes, coding, length: self.length, etag: &self.etag };
        match (&self.compressed, &self.plain) {
            (Some(compressed), _) if accepts_gzip => Sendable {
                bytes: compressed.clone(),
                coding: Coding::Gzip,
                length: compressed.len(),
                etag: &self.compressed_etag,
            },
            (_, Some(bytes)) => plain(bytes.clone(), Coding::Plain),
            (Some(compressed), None) => plain(compressed.clone(), Coding::Inflate),
            (None, None) => plain(Bytes::new(), Coding::Plain),
        }
    }

    /// Bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        self.plain.as_ref().map_or(0, Bytes::len) + self.compressed.as_ref().map_or(0, Bytes::len) + 256
    }
}

/// A project page in both forms, and what it was made from.
#[derive(Debug)]
pub(crate) struct PreparedPage {
    /// What the page says.
    pub page: ProjectPage,
    /// PEP 691.
    pub json: Prepared,
    /// PEP 503.
    pub html: Prepared,
}

impl PreparedPage {
    /// Renders both forms. Not on a thread that serves requests.
    pub(crate) fn new(page: ProjectPage) -> Self {
        let json = Prepared::new(write_json::write(&page));
        let html = Prepared::new(write_html::write(&page));
        Self { page, json, html }
    }

    /// Bytes of memory it takes, roughly.
    pub(crate) fn weight(&self) -> u32 {
        u32::try_from(self.json.weight() + self.html.weight() + self.page.weight()).unwrap_or(u32::MAX)
    }
}

fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    encoder.write_all(body).ok()?;
    let mut compressed = encoder.finish().ok()?;
    compressed.shrink_to_fit();
    Some(compressed.into())
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("\"-\""))
}
