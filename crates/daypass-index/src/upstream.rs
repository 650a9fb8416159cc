//! Somebody else's index, pulled through: pages kept and revalidated, files verified before they are kept.
//!
//! What is *not* here: whether a project may come from upstream at all (a name that is hosted never does; see
//! [`source`](crate::source)), answers to clients.

pub(crate) mod client;
pub(crate) mod download;
pub(crate) mod files;
pub(crate) mod pages;
mod record;

use std::sync::Arc;

use client::UpstreamClient;
use daypass_core::{clock::Clock, digest::Sha256, names::IndexName};
use files::UpstreamFiles;
use pages::UpstreamPages;

use crate::{
    file_store::FileStore,
    options::{Pace, UpstreamSpec},
};

/// One upstream index.
pub(crate) struct Upstream {
    /// Its project pages.
    pub pages: UpstreamPages,
    /// Its files.
    pub files: UpstreamFiles,
}

impl Upstream {
    pub(crate) fn new(
        index: &IndexName,
        spec: &UpstreamSpec,
        files: FileStore,
        clock: Arc<dyn Clock>,
        pace: Pace,
    ) -> Self {
        let client = Arc::new(UpstreamClient::new(&spec.url, pace));
        let shelf = Shelf::new(index, &client);
        Self {
            pages: UpstreamPages::new(Arc::clone(&client), files.clone(), shelf.clone(), clock, pace),
            files: UpstreamFiles::new(client, files, shelf),
        }
    }
}

/// Where the records of one upstream are kept. Another upstream URL is another shelf: what one index said must not be
/// taken for what another says.
#[derive(Debug, Clone)]
pub(crate) struct Shelf([Box<str>; 3]);

impl Shelf {
    fn new(index: &IndexName, client: &UpstreamClient) -> Self {
        let digest = Sha256::of(client.base().as_str()).to_string();
        Self(["upstream".into(), index.as_str().into(), digest.get(..16).unwrap_or_default().into()])
    }

    /// The key of a record.
    fn key<'a>(&'a self, parts: impl IntoIterator<Item = &'a str>) -> object_store::path::Path {
        self.0.iter().map(AsRef::as_ref).chain(parts).collect()
    }
}

/// Why upstream did not deliver. `Display` is safe for the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// It says that there is no such thing.
    #[error("upstream does not have it")]
    Absent,
    /// It cannot be reached, is too slow, or says that it cannot answer now.
    #[error("upstream cannot be reached")]
    Unavailable,
    /// It answered with something else than it promised.
    #[error("upstream gave a wrong answer: {0}")]
    Wrong(&'static str),
    /// Our own disk does not take it.
    #[error("the file store does not work")]
    Disk,
}
