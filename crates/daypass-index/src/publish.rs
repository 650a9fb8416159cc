//! The one way of a file into an index, for uploads and for imports.
//!
//! The order makes it safe: the archive is read, then its bytes are kept, whole and on disk, then the catalogue's row is
//! written with its audit event. A crash in between leaves bytes that nobody serves, never a row without bytes. And what
//! is refused was never kept.
//!
//! What is *not* here: who may publish, how the bytes came.

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    names::{FileName, IndexName, ProjectName},
    project_status::ProjectStatus,
};
use daypass_store::{AddFile, HostedFile, Release, Store, StoreError};
use pep440_rs::Version;

use crate::{
    archive::{self, Distribution, Kind, Naming, NotADistribution, metadata::Metadata},
    file_store::{Blob, FileStore, FileStoreError, ScratchFile, blocking},
};

/// A file that is in the index now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
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

/// Why a file is not published. One sentence each, for whoever brings it.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It is no distribution.
    #[error("`{file}` is refused: {source}")]
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
        source: std::io::Error,
    },
    /// The index has another file of this name. A name is never used for other bytes, or locked installs would break.
    // twine and others look for the first three words.
    #[error("File already exists: `{file}` is in index `{index}` with other bytes; give it a new version")]
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
    #[error("project `{project}` is {status}: it takes no files{}", because(reason.as_deref()))]
    Closed {
        /// The project.
        project: ProjectName,
        /// Its status.
        status: ProjectStatus,
        /// Why, as whoever did it says.
        reason: Option<String>,
    },
    /// A release has one source distribution.
    #[error("`{file}` would be the second source distribution of its release: `{other}` is there")]
    SecondSdist {
        /// The file's name.
        file: FileName,
        /// The one that is there.
        other: FileName,
    },
    /// The bytes cannot be kept.
    #[error(transparent)]
    Files(#[from] FileStoreError),
    /// The catalogue cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!("; {reason}")).unwrap_or_default()
}

/// A file that was read and found good, and not kept yet.
pub(crate) struct Good {
    /// What its name says.
    pub distribution: Distribution,
    /// What it says itself.
    pub metadata: Metadata,
    scratch: ScratchFile,
    /// Its digest.
    pub sha256: Sha256,
    size: u64,
}

/// How a file comes.
pub(crate) struct Coming {
    /// Where to.
    pub index: IndexName,
    /// When.
    pub now: Timestamp,
    /// Who brings it, as people call them.
    pub uploader: Option<String>,
    /// What is known of how it was made (PEP 740), to be served byte for byte.
    pub provenance: Option<Vec<u8>>,
    /// What is written into the audit log; which file it is is filled in.
    pub event: AuditEvent,
    /// When it came to the index that it is taken over from; otherwise it comes now.
    pub upload_time: Option<Timestamp>,
    /// Why it is yanked from the beginning, if it is (PEP 592).
    pub yanked: Option<String>,
    /// How exact its name is, and with it whether its release may have only one source distribution.
    pub naming: Naming,
}

/// What a file's name says, in an error of this module.
pub(crate) fn name(file: &str, naming: Naming) -> Result<Distribution, PublishError> {
    Distribution::read(file, naming).map_err(|source| PublishError::NotADistribution { file: shown(file), source })
}

/// Whether the catalogue says already what will become of a file: there is no need then to read it. `true` when the
/// same file is there.
pub(crate) async fn is_there(
    store: &Store,
    index: &IndexName,
    distribution: &Distribution,
    sha256: Sha256,
) -> Result<bool, PublishError> {
    let Distribution { project, file, .. } = distribution;
    match store.hosted_file(index, project, file).await? {
        Some(there) if there.sha256 == sha256 => Ok(true),
        Some(_) => Err(PublishError::Conflict { file: file.clone(), index: index.clone() }),
        None => Ok(false),
    }
}

/// Reads a file that lies in a scratch file, all of it. `turn` is kept until that is done, even if nobody waits for it.
pub(crate) async fn read(
    distribution: Distribution,
    scratch: ScratchFile,
    sha256: Sha256,
    size: u64,
    turn: impl Send + 'static,
) -> Result<Good, PublishError> {
    let check = blocking(move || {
        let checked = archive::check(&distribution, &scratch.handle(), size);
        drop(turn);
        Ok((distribution, scratch, checked))
    });
    let (distribution, scratch, checked) = check.await.map_err(FileStoreError::Scratch)?;
    let refuse = |source| PublishError::NotADistribution { file: distribution.file.to_string(), source };
    let metadata = checked.map_err(refuse)?;
    Ok(Good { distribution, metadata, scratch, sha256, size })
}

/// Keeps a good file, and lists it. Durable when it returns.
pub(crate) async fn publish(
    store: &Store,
    files: &FileStore,
    good: Good,
    coming: Coming,
) -> Result<Published, PublishError> {
    let Good { distribution, metadata, scratch, sha256, size } = good;
    let Distribution { project, file, version, kind } = distribution;
    let release = Release { spellings: spellings(&version), one_sdist: coming.naming == Naming::Today };
    let refusals = Refusals { store, index: &coming.index, project: &project, file: &file };
    // Once before anything is kept, and once more in the transaction that lists it.
    refusals.look(&release).await?;

    let licence = metadata.license_expression().map(ToOwned::to_owned);
    let Metadata { bytes: metadata, requires_python, .. } = metadata;
    // An sdist's says what its builder believed; only a wheel's is what will be installed (PEP 658).
    let metadata = (kind == Kind::Wheel).then(|| (Sha256::of(&metadata), metadata));
    let provenance = coming.provenance.map(|bytes| (Sha256::of(&bytes), bytes));
    let hosted = HostedFile {
        index: coming.index.clone(),
        project: project.clone(),
        file: file.clone(),
        version: version.to_string(),
        sha256,
        size,
        upload_time: coming.upload_time.unwrap_or(coming.now),
        requires_python,
        metadata_sha256: metadata.as_ref().map(|(digest, _)| *digest),
        metadata_size: metadata.as_ref().map(|(_, bytes)| bytes.len() as u64),
        licence,
        uploader: coming.uploader,
        yanked: coming.yanked,
        provenance_sha256: provenance.as_ref().map(|(digest, _)| *digest),
    };
    let keys = (Blob::hosted(sha256).key(), metadata.as_ref().map(|(digest, _)| Blob::hosted(*digest).key()));
    let put = async |small: Option<(Sha256, Vec<u8>)>| match small {
        Some((digest, bytes)) => files.put(&Blob::hosted(digest).key(), bytes.into()).await,
        None => Ok(()),
    };
    // Each is forced to disk: together they take as long as the slowest.
    tokio::try_join!(files.keep(scratch, &keys.0), put(metadata), put(provenance))?;

    let event = AuditEvent {
        index: Some(coming.index.clone()),
        project: Some(project.clone()),
        file: Some(file.clone()),
        file_sha256: Some(sha256),
        ..coming.event
    };
    let version = hosted.version.clone();
    let was_there = match store.add_to_release(hosted, release, event).await? {
        AddFile::Added => false,
        AddFile::Identical => true,
        refused => return Err(refusals.of(refused, None)),
    };
    Ok(Published { project, version, file, sha256, size, was_there })
}

/// Makes the catalogue's answers errors.
struct Refusals<'a> {
    store: &'a Store,
    index: &'a IndexName,
    project: &'a ProjectName,
    file: &'a FileName,
}

impl Refusals<'_> {
    /// Looks what the catalogue would say.
    async fn look(&self, release: &Release) -> Result<(), PublishError> {
        if let Some(found) = self.store.hosted_project(self.index, self.project).await?
            && !found.status.takes_uploads()
        {
            return Err(self.of(AddFile::Closed(found.status), found.reason));
        }
        match self.store.may_add(self.index, self.project, self.file, release).await? {
            AddFile::Added | AddFile::Identical => Ok(()),
            refused => Err(self.of(refused, None)),
        }
    }

    fn of(&self, refused: AddFile, reason: Option<String>) -> PublishError {
        let (file, index) = (self.file.clone(), self.index.clone());
        match refused {
            AddFile::Deleted => PublishError::Deleted { file, index },
            AddFile::Closed(status) => PublishError::Closed { project: self.project.clone(), status, reason },
            AddFile::SecondSdist(other) => PublishError::SecondSdist { file, other },
            AddFile::Conflict | AddFile::Added | AddFile::Identical => PublishError::Conflict { file, index },
        }
    }
}

/// All ways to write a version as one of the same release: PEP 440 ignores zeros at the end.
fn spellings(version: &Version) -> Vec<String> {
    /// How many zeros more than needed somebody may write.
    const ZEROS: usize = 6;
    let written = version.release();
    let needed = written.iter().rposition(|number| *number != 0).map_or(1, |last| last + 1);
    let with = |length: usize| {
        let numbers: Vec<u64> = written.iter().copied().chain(std::iter::repeat(0)).take(length).collect();
        version.clone().with_release(numbers).to_string()
    };
    let mut spellings: Vec<String> = (needed..=needed + ZEROS).map(with).collect();
    if written.len() > needed + ZEROS {
        spellings.push(version.to_string());
    }
    spellings
}

fn shown(file: &str) -> String {
    file.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_found_however_its_version_is_written() {
        let all = |text: &str| spellings(&text.parse().unwrap());
        assert_eq!(all("1.0")[..3], ["1", "1.0", "1.0.0"]);
        assert_eq!(all("1.0.0"), all("1"));
        assert_eq!(all("0.0")[..2], ["0", "0.0"]);
        assert_eq!(all("1!2.10rc1+local.1")[..2], ["1!2.10rc1+local.1", "1!2.10.0rc1+local.1"]);
        assert!(all("1.0.0.0.0.0.0.0.0").contains(&"1.0.0.0.0.0.0.0.0".to_owned()));
        assert!(all("1.0.0.0.0.0.0.0.0").len() <= 8);
    }
}
