//! Where bytes are kept: files under their digest, hosted ones apart from upstream's, and small records.
//!
//! Whatever is found here is whole: it was written to a scratch file, forced to disk, and only then given its name.
//! After `kill -9` at any instant there are old objects, new objects and scratch files, but no half object.
//!
//! What is *not* here: which file belongs to which project (the store's catalogue and upstream's pages say), caching
//! in memory.

mod blob;
mod scratch;

use std::{io, path::Path as FsPath, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart, local::LocalFileSystem, path::Path as Key};

pub(crate) use blob::Blob;
use scratch::Scratch;
pub(crate) use scratch::{ScratchFile, read_at};

/// How many bytes of a scratch file are copied at a time where it cannot simply be renamed.
const COPY_CHUNK: usize = 1024 * 1024;

/// A place for files: a folder, or any other object store with a folder for scratch files.
#[derive(Debug, Clone)]
pub struct FileStore {
    objects: Arc<dyn ObjectStore>,
    scratch: Scratch,
    /// Whether the scratch folder is the objects' own `scratch/`, so that keeping is renaming.
    in_folder: bool,
}

/// Why a file cannot be kept or read. `Display` names no path: the asker may be a stranger.
#[derive(Debug, thiserror::Error)]
pub enum FileStoreError {
    /// It is not there.
    #[error("the file is not there")]
    Absent,
    /// The folder cannot be used.
    #[error("the folder for files cannot be used: {0}")]
    Folder(#[source] io::Error),
    /// A scratch file cannot be written or read: no space left, for example.
    #[error("a scratch file cannot be written: {0}")]
    Scratch(#[source] io::Error),
    /// The object store failed.
    #[error("the file store does not work")]
    Objects(#[source] object_store::Error),
}

impl From<object_store::Error> for FileStoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Absent,
            other => Self::Objects(other),
        }
    }
}

impl FileStore {
    /// A folder, created if it is not there. Scratch files that a killed process left behind are removed.
    pub fn folder(root: &FsPath) -> Result<Self, FileStoreError> {
        std::fs::create_dir_all(root).map_err(FileStoreError::Folder)?;
        let scratch = Scratch::open(&root.join(SCRATCH)).map_err(FileStoreError::Folder)?;
        let objects = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok(Self { objects: Arc::new(objects), scratch, in_folder: true })
    }

    /// Any object store, with a local folder for scratch files.
    pub fn remote(objects: Arc<dyn ObjectStore>, scratch: &FsPath) -> Result<Self, FileStoreError> {
        let scratch = Scratch::open(scratch).map_err(FileStoreError::Folder)?;
        Ok(Self { objects, scratch, in_folder: false })
    }

    /// An empty scratch file.
    pub(crate) async fn scratch(&self) -> Result<ScratchFile, FileStoreError> {
        let scratch = self.scratch.clone();
        blocking(move || scratch.create()).await.map_err(FileStoreError::Scratch)
    }

    /// Gives a whole, verified scratch file its name. Durable when it returns.
    pub(crate) async fn keep(&self, file: ScratchFile, key: &Key) -> Result<(), FileStoreError> {
        let file = blocking(move || file.sync().map(|()| file)).await.map_err(FileStoreError::Scratch)?;
        if self.in_folder {
            let from = Key::from_iter([SCRATCH, file.name()]);
            self.objects.rename(&from, key).await?;
            file.was_renamed();
            return Ok(());
        }
        let mut upload = WriteMultipart::new(self.objects.put_multipart(key).await?);
        let mut at = 0;
        loop {
            let handle = file.handle();
            let chunk = blocking(move || read_chunk(&handle, at)).await.map_err(FileStoreError::Scratch)?;
            if chunk.is_empty() {
                break;
            }
            at += chunk.len() as u64;
            upload.wait_for_capacity(4).await?;
            upload.put(chunk);
        }
        upload.finish().await?;
        Ok(())
    }

    /// Writes a small object. Whole or not at all, and durable when it returns.
    pub(crate) async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), FileStoreError> {
        if !self.in_folder {
            self.objects.put(key, bytes.into()).await?;
            return Ok(());
        }
        // Not through the store's own staging: its left-overs would lie among the objects.
        let file = self.scratch().await?;
        let handle = file.handle();
        blocking(move || scratch::write_all(&handle, &bytes)).await.map_err(FileStoreError::Scratch)?;
        self.keep(file, key).await
    }

    /// Reads a small object.
    pub(crate) async fn get(&self, key: &Key) -> Result<Bytes, FileStoreError> {
        Ok(self.objects.get(key).await?.bytes().await?)
    }

    /// Forgets an object; one that is not there is no error.
    pub(crate) async fn forget(&self, key: &Key) -> Result<(), FileStoreError> {
        match self.objects.delete(key).await.map_err(FileStoreError::from) {
            Err(FileStoreError::Absent) => Ok(()),
            other => other,
        }
    }

    /// The objects themselves, for reading.
    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        &*self.objects
    }
}

/// The folder for scratch files within a folder of objects.
const SCRATCH: &str = "scratch";

fn read_chunk(file: &std::fs::File, at: u64) -> io::Result<Bytes> {
    let mut chunk = vec![0; COPY_CHUNK];
    let length = scratch::read_at(file, &mut chunk, at)?;
    chunk.truncate(length);
    Ok(chunk.into())
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
