//! Whether a store can be relied on, found out before anything is entrusted to it.
//!
//! Some that call themselves S3-compatible take a conditional put for a plain one and overwrite. What is kept there
//! would be only as safe as the last writer is careful, so such a store is refused.

use std::time::Duration;

use bytes::Bytes;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, path::Path as Key};

use super::FileStoreError;

/// How long all of it may take.
const WITHIN: Duration = Duration::from_secs(40);

/// A name with whatever the names of files may have.
const ODD: &str = "odd_name-1!2.0+local.1-py3-none-any.whl.metadata";

/// Asks the store to create, refuse, return and forget an object.
pub(super) async fn probe(objects: &dyn ObjectStore) -> Result<(), FileStoreError> {
    tokio::time::timeout(WITHIN, ask(objects)).await.unwrap_or(Err(FileStoreError::Silent))
}

async fn ask(objects: &dyn ObjectStore) -> Result<(), FileStoreError> {
    let unfit = |why| Err(FileStoreError::Unfit(why));
    let run = getrandom::u64().map_err(|error| FileStoreError::Scratch(std::io::Error::other(error)))?;
    let key = Key::from_iter(["probe", &format!("{run:016x}"), ODD]);
    let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
    objects.put_opts(&key, first.clone().into(), PutMode::Create.into()).await?;
    let again = objects.put_opts(&key, second.into(), PutMode::Create.into()).await;
    let read = objects.get(&key).await?.bytes().await;
    let part = objects.get_range(&key, 1..3).await;
    objects.delete(&key).await?;
    match again {
        Err(Error::AlreadyExists { .. }) => {}
        Ok(_) => return unfit("it overwrites what is there when asked not to (`If-None-Match: *`)"),
        Err(error) => return Err(error.into()),
    }
    if read? != first || part? != first.slice(1..3) {
        return unfit("it does not give back what it was given");
    }
    match objects.head(&key).await {
        Err(Error::NotFound { .. }) => Ok(()),
        Ok(_) => unfit("it does not forget what it is asked to forget"),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_good_store_is_taken_and_left_as_it_was() {
        use futures_util::TryStreamExt as _;
        let store = InMemory::new();
        probe(&store).await.unwrap();
        assert!(store.list(None).try_next().await.unwrap().is_none());
    }
}
