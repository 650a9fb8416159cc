//! What is kept of upstream's pages between restarts.

use serde::{Deserialize, Serialize};

use crate::page::ProjectPage;

/// The form of these records. One of another form is not read; the page is fetched again.
const FORMAT: u32 = 1;

/// A page as it was fetched.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PageRecord {
    format: u32,
    /// When it was fetched, in milliseconds since the Unix epoch.
    pub checked_at: i64,
    /// Upstream's `ETag`.
    pub etag: Option<Box<str>>,
    /// What it says.
    pub page: ProjectPage,
}

impl PageRecord {
    pub(super) fn new(checked_at: i64, etag: Option<Box<str>>, page: ProjectPage) -> Self {
        Self { format: FORMAT, checked_at, etag, page }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut record = serde_json::from_slice::<Self>(bytes).ok().filter(|record| record.format == FORMAT)?;
        for file in &mut record.page.files {
            // Once it was passed on as it was.
            if let Some(extra) = &mut file.extra
                && let Some(serde_json::Value::String(url)) = extra.remove("provenance")
            {
                file.provenance = Some(url.into());
            }
        }
        Some(record)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// That upstream said of a page, later, that it has not changed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Checked {
    /// Which page: the one that was fetched then.
    pub fetched_at: i64,
    /// When it was said, in milliseconds since the Unix epoch.
    pub checked_at: i64,
}
