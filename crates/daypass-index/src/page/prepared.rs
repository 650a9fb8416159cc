//! Pages ready to be sent: rendered and compressed once, when they change.

use std::io::Write as _;

use axum::http::HeaderValue;
use bytes::Bytes;
use daypass_core::digest::Sha256;
use flate2::{Compression, write::GzEncoder};

use super::{ProjectPage, write_html, write_json};
use crate::coding::{Accepted, ContentCoding};

/// Above this length only the compressed form is kept: every installer asks for it, and memory is for many pages. A page
/// of a thousand files is still kept plain, too: to inflate it takes ten times as long as to send it.
const KEEP_PLAIN_UP_TO: usize = 640 * 1024;

/// Below this length compression gains nothing: it is one packet anyway.
const COMPRESS_FROM: usize = 1024;

/// How hard zstd tries: at its own default it is smaller than gzip, in a fraction of the time.
const ZSTD_LEVEL: i32 = 3;

/// A page in one form, plain and compressed.
#[derive(Debug)]
pub(crate) struct Prepared {
    plain: Option<Bytes>,
    /// How many bytes it has, plain.
    length: usize,
    etag: HeaderValue,
    gzip: Option<(Bytes, HeaderValue)>,
    zstd: Option<(Bytes, HeaderValue)>,
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
    Compressed(ContentCoding),
    /// They are compressed, and are inflated on the way: see [`inflated`](crate::body::inflated).
    Inflate,
}

impl Prepared {
    /// Compresses `body` for whoever takes gzip. Takes milliseconds per megabyte: not on a thread that serves requests.
    pub(crate) fn new(body: Vec<u8>) -> Self {
        Self::compressed(body, false)
    }

    /// The same, for whoever takes zstd too: the form that installers ask for.
    pub(crate) fn for_installers(body: Vec<u8>) -> Self {
        Self::compressed(body, true)
    }

    fn compressed(body: Vec<u8>, with_zstd: bool) -> Self {
        let digest = Sha256::of(&body).to_string();
        let digest = digest.get(..32).unwrap_or_default();
        // RFC 9110 8.8.3.3: another content coding is another representation, with another strong tag.
        let tagged = |bytes: Bytes, coding: &str| (bytes, header_value(&format!("\"{digest}-{coding}\"")));
        let worth_it = body.len() >= COMPRESS_FROM;
        let gzip = if worth_it { gzip(&body).map(|bytes| tagged(bytes, "gzip")) } else { None };
        let zstd = if worth_it && with_zstd { zstd(&body).map(|bytes| tagged(bytes, "zstd")) } else { None };
        let length = body.len();
        let plain = gzip.is_none() || body.len() <= KEEP_PLAIN_UP_TO;
        let plain = plain.then(|| Bytes::from(body));
        Self { plain, length, etag: header_value(&format!("\"{digest}\"")), gzip, zstd }
    }

    /// The body to send to who takes these codings.
    pub(crate) fn body(&self, accepted: Accepted) -> Sendable<'_> {
        let coding = accepted.best(self.zstd.is_some());
        let kept = coding.and_then(|coding| match coding {
            ContentCoding::Zstd => Some((coding, self.zstd.as_ref()?)),
            ContentCoding::Gzip => Some((coding, self.gzip.as_ref()?)),
        });
        if let Some((coding, (bytes, etag))) = kept {
            return Sendable { bytes: bytes.clone(), coding: Coding::Compressed(coding), length: bytes.len(), etag };
        }
        let plain = |bytes, coding| Sendable { bytes, coding, length: self.length, etag: &self.etag };
        match (&self.plain, &self.gzip) {
            (Some(bytes), _) => plain(bytes.clone(), Coding::Plain),
            (None, Some((gzip, _))) => plain(gzip.clone(), Coding::Inflate),
            (None, None) => plain(Bytes::new(), Coding::Plain),
        }
    }

    /// The tag of the plain form, which tells one page from another.
    pub(crate) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// Bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let compressed = [&self.gzip, &self.zstd].into_iter().flatten().map(|(bytes, _)| bytes.len() + 64);
        self.plain.as_ref().map_or(0, Bytes::len) + compressed.sum::<usize>() + 256
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
        let json = Prepared::for_installers(write_json::write(&page));
        let html = Prepared::new(write_html::write(&page));
        Self { page, json, html }
    }

    /// Bytes of memory it takes, roughly.
    pub(crate) fn weight(&self) -> u32 {
        u32::try_from(self.json.weight() + self.html.weight() + self.page.weight()).unwrap_or(u32::MAX)
    }
}

fn zstd(body: &[u8]) -> Option<Bytes> {
    let mut compressed = zstd::bulk::compress(body, ZSTD_LEVEL).ok()?;
    compressed.shrink_to_fit();
    Some(compressed.into())
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    encoder.write_all(body).ok()?;
    let mut compressed = encoder.finish().ok()?;
    compressed.shrink_to_fit();
    Some(compressed.into())
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("\"-\""))
}
