//! Where bytes are kept: files under their digest, hosted ones apart from upstream's, and small records.
//!
//! Whatever is found here is whole: it was written to a scratch file, forced to disk, and only then given its name.
//! After `kill -9` at any instant there are old objects, new objects and scratch files, but no half object.
//!
//! What is *not* here: which file belongs to which project (the store's catalogue and upstream's pages say), caching
//! in memory.

mod blob;
mod probe;
pub(crate) mod quota;
mod remote;
mod s3;
mod scratch;
mod uses;

use std::{io, path::Path as FsPath, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path as Key};

pub(crate) use blob::Blob;
pub use s3::{AMBIENT_VARIABLES, S3Keys, S3Spec};
use scratch::Scratch;
pub(crate) use scratch::{ScratchFile, read_at};
pub(crate) use uses::Held;
use uses::Uses;

/// How long a small object may take to come whole.
const SMALL_WITHIN: Duration = Duration::from_secs(30);

/// A place for files: a folder, or any other object store with a folder for scratch files.
#[derive(Clone)]
pub struct FileStore {
    objects: Arc<dyn ObjectStore>,
    scratch: Scratch,
    /// Whether the scratch folder is the objects' own `scratch/`, so that keeping is renaming.
    in_folder: bool,
    turns: Arc<remote::Turns>,
    uses: Arc<Uses>,
    upstream_quota: Option<u64>,
}

impl std::fmt::Debug for FileStore {
    /// Not the objects' own `Debug`, which may know secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore").field("objects", &self.objects.to_string()).finish_non_exhaustive()
    }
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
    /// The object store takes too long.
    #[error("the file store does not answer in time")]
    Silent,
    /// The object store cannot be relied on.
    #[error("the file store cannot be relied on: {0}")]
    Unfit(&'static str),
}

impl FileStoreError {
    /// The whole of it, for the operator: what the store itself said, too.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            next = cause.source();
        }
        text
    }
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
        Ok(Self::of(Arc::new(objects), scratch, true))
    }

    /// Any object store, with a local folder for scratch files.
    pub fn remote(objects: Arc<dyn ObjectStore>, scratch: &FsPath) -> Result<Self, FileStoreError> {
        let scratch = Scratch::open(scratch).map_err(FileStoreError::Folder)?;
        Ok(Self::of(objects, scratch, false))
    }

    /// An S3-compatible store, with a local folder for scratch files. Nothing is asked of it yet; see
    /// [`probe`](Self::probe).
    pub fn s3(spec: &S3Spec, scratch: &FsPath) -> Result<Self, FileStoreError> {
        std::fs::create_dir_all(scratch).map_err(FileStoreError::Folder)?;
        Self::remote(s3::open(spec)?, scratch)
    }

    fn of(objects: Arc<dyn ObjectStore>, scratch: Scratch, in_folder: bool) -> Self {
        let (turns, uses) = (Arc::new(remote::Turns::new()), Arc::default());
        Self { objects, scratch, in_folder, turns, uses, upstream_quota: None }
    }

    /// The same, with at most so many bytes of upstream's files; see `quota`.
    #[must_use]
    pub fn with_upstream_quota(mut self, bytes: Option<u64>) -> Self {
        self.upstream_quota = bytes;
        self
    }

    /// Finds out whether the store can be relied on: to create without overwriting, to return and to forget.
    pub async fn probe(&self) -> Result<(), FileStoreError> {
        if self.in_folder {
            // A folder is ours: what counts is that it takes bytes.
            let file = self.scratch().await?;
            let handle = file.handle();
            let write = move || scratch::write_all(&handle, b"probe").and_then(|()| handle.sync_all());
            return blocking(write).await.map_err(FileStoreError::Scratch);
        }
        probe::probe(&*self.objects).await
    }

    /// An empty scratch file.
    pub(crate) async fn scratch(&self) -> Result<ScratchFile, FileStoreError> {
        let scratch = self.scratch.clone();
        blocking(move || scratch.create()).await.map_err(FileStoreError::Scratch)
    }

    /// Gives a whole, verified scratch file its name. Durable when it returns.
    pub(crate) async fn keep(&self, file: ScratchFile, key: &Key) -> Result<(), FileStoreError> {
        let file = blocking(move || file.sync().map(|()| file)).await.map_err(FileStoreError::Scratch)?;
        let _held = self.is_kept(file.length(), key);
        if self.in_folder {
            let from = Key::from_iter([SCRATCH, file.name()]);
            self.objects.rename(&from, key).await?;
            file.was_renamed();
            return Ok(());
        }
        remote::send(&*self.objects, &self.turns, &file, key).await
    }

    /// Writes a small object. Whole or not at all, and durable when it returns.
    pub(crate) async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), FileStoreError> {
        if !self.in_folder {
            let _held = self.is_kept(bytes.len() as u64, key);
            return in_time(self.objects.put(key, bytes.into())).await.map(drop);
        }
        // Not through the store's own staging: its left-overs would lie among the objects.
        let file = self.scratch().await?;
        let handle = file.handle();
        blocking(move || scratch::write_all(&handle, &bytes)).await.map_err(FileStoreError::Scratch)?;
        self.keep(file, key).await
    }

    /// Reads a small object.
    pub(crate) async fn get(&self, key: &Key) -> Result<Bytes, FileStoreError> {
        in_time(async { self.objects.get(key).await?.bytes().await }).await
    }

    /// Reads a short file. One of another length than `size` is damaged, and counts as absent.
    pub(crate) async fn get_whole(&self, blob: &Blob, size: u64) -> Result<Bytes, FileStoreError> {
        let whole = async {
            let found = self.objects.get(&blob.key()).await?;
            if found.meta.size == size { found.bytes().await.map(Some) } else { Ok(None) }
        };
        let bytes = in_time(whole).await?.filter(|bytes| bytes.len() as u64 == size);
        bytes.ok_or_else(|| {
            tracing::error!(sha256 = %blob.sha256, "a file in the file store does not have its length");
            FileStoreError::Absent
        })
    }

    /// The length of an object.
    pub(crate) async fn length(&self, key: &Key) -> Result<u64, FileStoreError> {
        Ok(in_time(self.objects.head(key)).await?.size)
    }

    /// The objects whose keys begin with `prefix`, in no certain order.
    pub(crate) fn list(&self, prefix: &Key) -> BoxStream<'static, Result<ObjectMeta, FileStoreError>> {
        self.objects.list(Some(prefix)).map_err(FileStoreError::from).boxed()
    }

    /// Forgets an object; one that is not there is no error.
    pub(crate) async fn forget(&self, key: &Key) -> Result<(), FileStoreError> {
        match in_time(self.objects.delete(key)).await {
            Err(FileStoreError::Absent) => Ok(()),
            other => other,
        }
    }

    /// Says that a file was asked for, so that it is not among the first to be evicted.
    pub(crate) fn was_used(&self, blob: &Blob) {
        if self.upstream_quota.is_some() {
            self.uses.was_used(blob);
        }
    }

    /// Says that an object is being kept: one of upstream's files counts, and must not be evicted at once.
    fn is_kept(&self, size: u64, key: &Key) -> Option<Held> {
        let blob = self.upstream_quota.and_then(|_| Blob::of_key(key))?;
        self.uses.kept(size, &blob);
        Some(self.hold(&blob))
    }

    /// Keeps a file from being evicted while it is read.
    pub(crate) fn hold(&self, blob: &Blob) -> Held {
        self.uses.hold(blob)
    }

    /// The objects themselves, for reading.
    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        &*self.objects
    }
}

/// Waits for the store for a while. A folder is never too late.
async fn in_time<T>(asked: impl Future<Output = object_store::Result<T>>) -> Result<T, FileStoreError> {
    match tokio::time::timeout(SMALL_WITHIN, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(FileStoreError::Silent),
    }
}

/// The folder for scratch files within a folder of objects.
const SCRATCH: &str = "scratch";

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
