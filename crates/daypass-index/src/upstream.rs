//! Somebody else's index, pulled through: pages kept and revalidated, files verified before they are kept.
//!
//! What is *not* here: whether a project may come from upstream at all (a name that is hosted never does; see
//! [`source`](crate::source)), answers to clients.

mod claim;
mod client;
mod credential;
pub(crate) mod download;
mod fetch;
pub(crate) mod files;
mod first_seen;
pub(crate) mod pages;
mod patience;
mod pins;
pub(crate) mod provenance;
mod record;
pub(crate) mod spec;
mod wheel_metadata;

use std::{sync::Arc, time::Duration};

use client::UpstreamClient;
use daypass_core::{clock::Clock, digest::Sha256, names::IndexName, public_url::PublicUrl};
use files::UpstreamFiles;
use pages::UpstreamPages;
use provenance::UpstreamProvenance;

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
    /// What it says about where its files come from.
    pub provenance: UpstreamProvenance,
}

impl Upstream {
    pub(crate) fn new(
        index: &IndexName,
        spec: &UpstreamSpec,
        public_url: &PublicUrl,
        files: FileStore,
        clock: Arc<dyn Clock>,
        pace: Pace,
    ) -> Self {
        let client = Arc::new(UpstreamClient::new(spec, Arc::clone(&clock), pace));
        let shelf = Shelf::new(index, &client);
        let (freshness, offline) = (spec.freshness, spec.offline);
        let provenance_root = public_url.join(&format!("/{index}/provenance/"));
        let pages = UpstreamPages::new(pages::Surroundings {
            client: Arc::clone(&client),
            files: files.clone(),
            shelf: shelf.clone(),
            clock,
            pace,
            freshness,
            offline,
            provenance_root: provenance_root.into(),
        });
        Self {
            files: UpstreamFiles::new(Arc::clone(&client), files.clone(), shelf.clone(), pages.clone()),
            provenance: UpstreamProvenance::new(client, files, shelf, freshness, offline),
            pages,
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
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
    /// It wants to be left alone for so many seconds.
    #[error("upstream wants to be asked again in {0} s")]
    Resting(u32),
    /// It is not to be asked.
    #[error("upstream is not asked: this index is offline")]
    Offline,
    /// Our credential for it cannot be had.
    #[error("the credential for upstream cannot be read")]
    Credential,
    /// It answered with something else than it promised.
    #[error("upstream gave a wrong answer: {0}")]
    Wrong(&'static str),
    /// It sent a file that is not what its page says.
    #[error("upstream gave a wrong file: {0}")]
    Corrupt(&'static str),
    /// Our own disk does not take it.
    #[error("the file store does not work")]
    Disk,
}
