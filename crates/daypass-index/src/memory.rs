//! Small files, held in memory by their digest: opening a file costs more than sending it.

use bytes::Bytes;
use moka::sync::Cache;

use crate::file_store::{Blob, FileStore, FileStoreError};

/// Up to this length a file counts as small.
pub(crate) const SMALL: u64 = 1024 * 1024;

/// How many bytes of small files are held.
const IN_MEMORY: u64 = 8 * 1024 * 1024;

/// Small files by digest.
pub(crate) struct SmallFiles(Cache<Blob, Bytes>);

impl SmallFiles {
    pub(crate) fn new() -> Self {
        let weigh = |_: &Blob, bytes: &Bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(128);
        Self(Cache::builder().weigher(weigh).max_capacity(IN_MEMORY).build())
    }

    /// The bytes of a small file that is kept. A file of another length than `size` counts as absent.
    pub(crate) async fn get(&self, files: &FileStore, blob: &Blob, size: u64) -> Result<Bytes, FileStoreError> {
        if let Some(bytes) = self.0.get(blob) {
            return Ok(bytes);
        }
        let bytes = files.get_whole(blob, size).await?;
        self.0.insert(*blob, bytes.clone());
        Ok(bytes)
    }

    /// The length of a file that is kept.
    pub(crate) async fn size_of(&self, files: &FileStore, blob: &Blob) -> Result<u64, FileStoreError> {
        match self.0.get(blob) {
            Some(bytes) => Ok(bytes.len() as u64),
            None => files.length(&blob.key()).await,
        }
    }
}
