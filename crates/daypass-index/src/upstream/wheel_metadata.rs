//! The metadata of wheels whose index does not serve it: read out of the wheel itself.
//!
//! Only of wheels that are here and verified. Reading it out of upstream's wheel by ranges would be cheaper, and would
//! hand out bytes that nobody has verified; nobody would ask for them either, because installers ask for metadata that
//! a page promises, and a page promises what is here.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use futures_util::TryStreamExt as _;
use object_store::{GetResultPayload, ObjectStoreExt as _};

use super::{
    UpstreamError,
    download::Arrival,
    files::{Found, Pin, UpstreamFiles, Wish},
};
use crate::{
    archive::{self, Distribution},
    file_store::{Blob, FileStore, FileStoreError, blocking},
};

/// The metadata in a wheel; `None` if there is none that agrees with the wheel's name.
pub(super) async fn read(name: &str, file: Arc<File>) -> Option<Vec<u8>> {
    let named = name.to_owned();
    let read = blocking(move || {
        let distribution = Distribution::of(&named).map_err(io::Error::other)?;
        let size = file.metadata()?.len();
        archive::metadata_of_wheel(&distribution, &file, size).map_err(io::Error::other)
    });
    match read.await {
        Ok(metadata) => Some(metadata.bytes),
        Err(error) => {
            tracing::info!(file = name, %error, "a wheel of upstream has no metadata that can be served");
            None
        }
    }
}

impl UpstreamFiles {
    /// The metadata inside `wheel`, whose page promises none. Fetches the wheel if it is not here.
    pub(crate) async fn metadata_inside(&self, wheel: &Wish) -> Result<Pin, UpstreamError> {
        if let Some(pin) = self.0.kept(&wheel.metadata_inside()).await? {
            return Ok(pin);
        }
        let (this, wheel) = (self.clone(), wheel.clone());
        let reading = self.0.reading.join(wheel.key(), move || async move { this.read_out(&wheel).await });
        reading.await.unwrap_or(Err(UpstreamError::Disk))
    }

    async fn read_out(&self, wheel: &Wish) -> Result<Pin, UpstreamError> {
        let pin = match self.find(wheel).await? {
            Found::Kept(pin) => pin,
            Found::Coming(download) => match download.arrival(false).await? {
                Arrival::Kept(pin) => pin,
                Arrival::Stream(_) => return Err(UpstreamError::Unavailable),
            },
        };
        let file = local(&self.0.files, Blob::upstream(pin.sha256)).await.map_err(|error| {
            self.is_lost(wheel);
            tracing::error!(%error, "a wheel of upstream cannot be read");
            UpstreamError::Disk
        })?;
        let metadata = read(&wheel.name, file).await.ok_or(UpstreamError::Absent)?;
        self.0.keep_metadata(wheel, metadata).await.ok_or(UpstreamError::Disk)
    }
}

/// A kept file as a file of this machine.
async fn local(files: &FileStore, blob: Blob) -> Result<Arc<File>, FileStoreError> {
    let mut pieces = match files.objects().get(&blob.key()).await?.payload {
        GetResultPayload::File(file, _) => return Ok(Arc::new(file)),
        GetResultPayload::Stream(pieces) => pieces,
    };
    // Gone from its folder when it is dropped, and still good for whoever holds it.
    let scratch = files.scratch().await?;
    let mut at = 0;
    while let Some(piece) = pieces.try_next().await? {
        let (file, length) = (scratch.handle(), piece.len() as u64);
        blocking(move || file.write_all_at(&piece, at)).await.map_err(FileStoreError::Scratch)?;
        at += length;
    }
    Ok(scratch.handle())
}
