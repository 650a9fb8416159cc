//! Looks after what is hosted: whether all bytes are there and right, and which bytes nobody counts on.
//!
//! An upload keeps its bytes before the catalogue has a row that names them. When it ends in between, or a file is
//! deleted, bytes are left that nobody serves. They are swept, in two steps, so that an upload of the same bytes at
//! the same moment loses nothing: first into the trash, and from there, on a later day, away. What turns out to be
//! counted on comes back.

mod sweep;
mod verify;

use daypass_store::{HostedBlobs, Store, StoreError};
pub use sweep::Swept;
pub use verify::{Damage, Finding, Part, Verified};

use crate::file_store::{FileStore, FileStoreError};

/// Looks after the hosted files of one store.
#[derive(Debug, Clone)]
pub struct Care {
    store: Store,
    files: FileStore,
}

/// Why nothing can be looked after.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// The catalogue cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file store does not work.
    #[error(transparent)]
    Files(#[from] FileStoreError),
}

impl Care {
    /// Over this catalogue and these files.
    pub fn new(store: Store, files: FileStore) -> Self {
        Self { store, files }
    }

    /// The next files of the catalogue; none at its end. `last` is where this was.
    async fn next(&self, last: &mut Option<HostedBlobs>) -> Result<Vec<HostedBlobs>, StoreError> {
        let some = self.store.hosted_blobs(last.as_ref()).await?;
        *last = some.last().cloned().or(last.take());
        Ok(some)
    }
}
