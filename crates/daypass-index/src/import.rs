//! Puts a distribution file into an index, offline: `daypassd import`.
//!
//! A file that was published elsewhere keeps the name that it had there, in whatever form names were allowed then. What
//! is in it is read as strictly as an upload.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use daypass_core::{
    Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::{Sha256, Sha256Hasher},
    names::IndexName,
};
use daypass_store::Store;

use crate::{
    archive::Naming,
    file_store::{FileStore, blocking},
    publish::{self, Coming},
};
pub use crate::{
    archive::{Fault, MetadataFault, Named, NotADistribution},
    publish::{PublishError as ImportError, Published as Imported},
};

/// How many bytes are copied at a time.
const PIECE: usize = 1024 * 1024;

/// Imports the wheel or sdist at `path` into `index`. Durable when it returns.
///
/// The same file twice is no error; other bytes under a known name are an [`ImportError::Conflict`].
pub async fn import_file(
    store: &Store,
    files: &FileStore,
    index: &IndexName,
    path: &Path,
    now: Timestamp,
    request_id: &str,
) -> Result<Imported, ImportError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let distribution = publish::name(&name, Naming::Ever)?;

    let scratch = files.scratch().await?;
    let (from, to) = (path.to_owned(), scratch.handle());
    let copied = blocking(move || copy(&File::open(from)?, &to)).await;
    let (sha256, size) = copied.map_err(|source| ImportError::Unreadable { file: name, source })?;
    if publish::is_there(store, index, &distribution, sha256).await? {
        let (version, file) = (distribution.version.to_string(), distribution.file);
        return Ok(Imported { project: distribution.project, version, file, sha256, size, was_there: true });
    }

    let good = publish::read(distribution, scratch, sha256, size, ()).await?;
    let coming = Coming {
        index: index.clone(),
        now,
        uploader: None,
        provenance: None,
        event: AuditEvent::new(now, AuditKind::FileImported, Outcome::Success, request_id),
        naming: Naming::Ever,
        upload_time: None,
        yanked: None,
    };
    publish::publish(store, files, good, coming).await
}

/// Copies a file, and computes its digest and length on the way.
fn copy(from: &File, to: &File) -> io::Result<(Sha256, u64)> {
    let mut piece = vec![0; PIECE];
    let (mut hasher, mut at) = (Sha256Hasher::new(), 0);
    loop {
        let length = io::Read::read(&mut &*from, &mut piece)?;
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok((hasher.finish(), at));
        }
        hasher.update(read);
        to.write_all_at(read, at)?;
        at += length as u64;
    }
}
