//! Keeping files in a store that is not a folder: whole or not at all, without replacing what is there.

use bytes::Bytes;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, WriteMultipart, path::Path as Key};
use tokio::sync::Semaphore;

use super::{FileStoreError, ScratchFile, blocking, scratch};

/// How long a part is. The protocol allows ten thousand of them: 50 GiB.
const PART: usize = 5 * 1024 * 1024;

/// How many parts of one file are on their way at a time.
const PARTS_AT_ONCE: usize = 2;

/// How many files are sent at a time: each takes the memory of some parts.
const FILES_AT_ONCE: usize = 4;

/// Turns at sending.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(FILES_AT_ONCE))
    }
}

/// Sends a whole, verified file. Its key is made of its digest, so what is there already with this length is it.
pub(super) async fn send(
    objects: &dyn ObjectStore,
    turns: &Turns,
    file: &ScratchFile,
    key: &Key,
) -> Result<(), FileStoreError> {
    let _turn = turns.0.acquire().await.map_err(|_| FileStoreError::Silent)?;
    let size = file.length();
    if size <= PART as u64 {
        let bytes = part_of(file, 0).await?;
        match objects.put_opts(key, bytes.clone().into(), PutMode::Create.into()).await {
            Ok(_) => {}
            Err(Error::AlreadyExists { .. }) if length_of(objects, key).await? == Some(size) => return Ok(()),
            // Damaged, or gone again: the bytes are known to be right.
            Err(Error::AlreadyExists { .. }) => objects.put(key, bytes.into()).await.map(drop)?,
            Err(error) => return Err(error.into()),
        }
    } else if length_of(objects, key).await? == Some(size) {
        return Ok(());
    } else {
        let mut parts = WriteMultipart::new_with_chunk_size(objects.put_multipart(key).await?, PART);
        match send_parts(&mut parts, file).await {
            Ok(()) => parts.finish().await.map(drop)?,
            Err(error) => {
                // What a crash leaves is invisible, and for the bucket's own rules to remove.
                let _ = parts.abort().await;
                return Err(error);
            }
        }
    }
    match length_of(objects, key).await? {
        Some(length) if length == size => Ok(()),
        _ => Err(FileStoreError::Unfit("it does not have what it said it had taken")),
    }
}

async fn send_parts(parts: &mut WriteMultipart, file: &ScratchFile) -> Result<(), FileStoreError> {
    let mut at = 0;
    loop {
        parts.wait_for_capacity(PARTS_AT_ONCE).await?;
        let part = part_of(file, at).await?;
        if part.is_empty() {
            return Ok(());
        }
        at += part.len() as u64;
        parts.put(part);
    }
}

async fn part_of(file: &ScratchFile, at: u64) -> Result<Bytes, FileStoreError> {
    let handle = file.handle();
    let read = blocking(move || {
        let mut part = vec![0; PART];
        let length = scratch::read_at(&handle, &mut part, at)?;
        part.truncate(length);
        Ok(part.into())
    });
    read.await.map_err(FileStoreError::Scratch)
}

/// The length of an object; `None` if it is certainly not there.
pub(super) async fn length_of(objects: &dyn ObjectStore, key: &Key) -> Result<Option<u64>, FileStoreError> {
    match objects.head(key).await {
        Ok(found) => Ok(Some(found.size)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
