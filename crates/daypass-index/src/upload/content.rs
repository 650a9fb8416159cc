//! The file of an upload, on its way into a scratch file.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use daypass_core::digest::{Sha256, Sha256Hasher};

use crate::file_store::{FileStore, FileStoreError, ScratchFile, blocking};

/// How many bytes are gathered before they are written.
const PIECE: usize = 256 * 1024;

/// The file, as it came.
pub(super) struct Content {
    /// What it is called.
    pub file_name: String,
    pub scratch: ScratchFile,
    pub sha256: Sha256,
    pub size: u64,
}

/// A file that is coming.
pub(super) struct Writer {
    scratch: ScratchFile,
    hasher: Sha256Hasher,
    gathered: Vec<u8>,
    written: u64,
}

impl Writer {
    pub(super) async fn begin(files: &FileStore) -> Result<Self, FileStoreError> {
        let scratch = files.scratch().await?;
        Ok(Self { scratch, hasher: Sha256Hasher::new(), gathered: Vec::new(), written: 0 })
    }

    /// How many bytes have come.
    pub(super) fn size(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    pub(super) async fn take(&mut self, piece: &[u8]) -> Result<(), FileStoreError> {
        self.gathered.extend_from_slice(piece);
        if self.gathered.len() >= PIECE { self.write().await } else { Ok(()) }
    }

    pub(super) async fn end(mut self, file_name: String) -> Result<Content, FileStoreError> {
        self.write().await?;
        Ok(Content { file_name, scratch: self.scratch, sha256: self.hasher.finish(), size: self.written })
    }

    async fn write(&mut self) -> Result<(), FileStoreError> {
        let (handle, at) = (self.scratch.handle(), self.written);
        let (gathered, hasher) = (std::mem::take(&mut self.gathered), std::mem::take(&mut self.hasher));
        let length = gathered.len() as u64;
        let write = blocking(move || write(&handle, gathered, hasher, at));
        (self.gathered, self.hasher) = write.await.map_err(FileStoreError::Scratch)?;
        self.written += length;
        Ok(())
    }
}

fn write(
    file: &Arc<File>,
    mut bytes: Vec<u8>,
    mut hasher: Sha256Hasher,
    at: u64,
) -> io::Result<(Vec<u8>, Sha256Hasher)> {
    hasher.update(&bytes);
    file.write_all_at(&bytes, at)?;
    bytes.clear();
    Ok((bytes, hasher))
}
