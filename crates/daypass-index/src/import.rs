//! Puts a distribution file into an index, offline: `daypassd import`.
//!
//! The order makes it safe: first the bytes, whole and on disk, then the catalogue's row with its audit event. A crash
//! in between leaves bytes that nobody serves, never a row without bytes.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use daypass_core::{
    Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::{Sha256, Sha256Hasher},
    names::{FileName, IndexName, ProjectName},
    project_status::ProjectStatus,
};
use daypass_store::{AddFile, HostedFile, Store, StoreError};

pub use crate::archive::{Fault, MetadataFault, Named, NotADistribution};
use crate::{
    archive::{self, Distribution, Kind, Naming, metadata::Metadata},
    file_store::{Blob, FileStore, FileStoreError, ScratchFile, blocking},
};

/// How many bytes are copied at a time.
const PIECE: usize = 1024 * 1024;

/// A file that is in the index now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its project.
    pub project: ProjectName,
    /// Its version.
    pub version: String,
    /// Its name.
    pub file: FileName,
    /// Its digest.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it was there already, with the same bytes.
    pub was_there: bool,
}

/// Why a file cannot be imported. One sentence each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no distribution.
    #[error("`{file}` cannot be imported: {source}")]
    NotADistribution {
        /// What was given.
        file: String,
        /// Why it is none.
        source: NotADistribution,
    },
    /// It cannot be read.
    #[error("`{file}` cannot be read: {source}")]
    Unreadable {
        /// What was given.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The index has another file of this name. A name is never used for other bytes, or locked installs would break.
    #[error("`{file}` is in index `{index}` already, with other bytes: give it a new version")]
    Conflict {
        /// The file's name.
        file: FileName,
        /// The index.
        index: IndexName,
    },
    /// A file of this name was deleted, and a name is never used again.
    #[error("`{file}` was deleted from index `{index}`, and its name is never used again: give it a new version")]
    Deleted {
        /// The file's name.
        file: FileName,
        /// The index.
        index: IndexName,
    },
    /// The project takes no files (PEP 792).
    #[error("project `{project}` is {status}: it takes no files")]
    Closed {
        /// The project.
        project: ProjectName,
        /// Its status.
        status: ProjectStatus,
    },
    /// The bytes cannot be kept.
    #[error(transparent)]
    Files(#[from] FileStoreError),
    /// The catalogue cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
    let no_distribution = |source| ImportError::NotADistribution { file: name.clone(), source };
    let distribution = Distribution::read(&name, Naming::Ever).map_err(no_distribution)?;
    let Distribution { project, file, version, kind } = distribution.clone();

    let scratch = files.scratch().await?;
    let (from, to) = (path.to_owned(), scratch.handle());
    let copied = blocking(move || copy(&File::open(from)?, &to)).await;
    let (sha256, size) = copied.map_err(|source| ImportError::Unreadable { file: name.clone(), source })?;
    let (scratch, read) = check(scratch, distribution, size).await?;
    let metadata = read.map_err(no_distribution)?;

    let conflict = || ImportError::Conflict { file: file.clone(), index: index.clone() };
    let there = store.hosted_files(index, &project).await?;
    if there.iter().any(|other| other.file == file && other.sha256 != sha256) {
        return Err(conflict());
    }
    let requires_python = metadata.requires_python;
    // An sdist's says what its builder believed; only a wheel's is what will be installed (PEP 658).
    let metadata_sha256 = (kind == Kind::Wheel).then(|| Sha256::of(&metadata.bytes));
    let metadata_size = metadata_sha256.map(|_| metadata.bytes.len() as u64);
    if let Some(digest) = metadata_sha256 {
        files.put(&Blob::hosted(digest).key(), metadata.bytes.into()).await?;
    }
    files.keep(scratch, &Blob::hosted(sha256).key()).await?;

    let version = version.to_string();
    let hosted = HostedFile {
        index: index.clone(),
        project: project.clone(),
        file: file.clone(),
        version: version.clone(),
        sha256,
        size,
        upload_time: now,
        requires_python,
        metadata_sha256,
        metadata_size,
        licence: None,
        uploader: None,
        yanked: None,
        provenance_sha256: None,
    };
    let event = AuditEvent {
        index: Some(index.clone()),
        project: Some(project.clone()),
        file: Some(file.clone()),
        ..AuditEvent::new(now, AuditKind::FileImported, Outcome::Success, request_id)
    };
    let was_there = match store.add_hosted_file(hosted, event).await? {
        AddFile::Added => false,
        AddFile::Identical => true,
        AddFile::Conflict => return Err(conflict()),
        AddFile::Deleted => return Err(ImportError::Deleted { file, index: index.clone() }),
        AddFile::Closed(status) => return Err(ImportError::Closed { project, status }),
    };
    Ok(Imported { project, version, file, sha256, size, was_there })
}

type Checked = Result<Metadata, NotADistribution>;

async fn check(
    scratch: ScratchFile,
    distribution: Distribution,
    size: u64,
) -> Result<(ScratchFile, Checked), ImportError> {
    let check = blocking(move || {
        let checked = archive::check(&distribution, &scratch.handle(), size);
        Ok((scratch, checked))
    });
    Ok(check.await.map_err(FileStoreError::Scratch)?)
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
