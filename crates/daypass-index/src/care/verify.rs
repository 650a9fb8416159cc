//! Reads every hosted file and compares it with what the catalogue says.

use std::{fmt, time::Duration};

use daypass_core::{
    digest::{Sha256, Sha256Hasher},
    names::{FileName, IndexName},
};
use daypass_store::HostedBlobs;
use futures_util::TryStreamExt as _;
use object_store::ObjectStoreExt as _;

use super::{Care, CareError};
use crate::file_store::{Blob, FileStoreError};

/// How long the store may be silent.
const SILENCE: Duration = Duration::from_mins(1);

/// Which bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The file itself.
    File,
    /// Its metadata (PEP 658).
    Metadata,
    /// Its provenance (PEP 740).
    Provenance,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Metadata => "metadata",
            Self::Provenance => "provenance",
        })
    }
}

/// What is wrong with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// They are not there.
    Missing,
    /// They are others, or not as many.
    Changed,
    /// The store does not give them.
    Unreadable,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Unreadable => "unreadable",
        })
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's index.
    pub index: IndexName,
    /// The file.
    pub file: FileName,
    /// Which bytes of it.
    pub part: Part,
    /// The digest that they should have.
    pub sha256: Sha256,
    /// What is wrong.
    pub damage: Damage,
}

/// How far verifying is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files that were looked at.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Of the files, those with something wrong.
    pub damaged: u64,
}

impl Care {
    /// Reads everything that is hosted. `tell` hears of each file how far this is, and what is wrong with it.
    pub async fn verify(&self, mut tell: impl FnMut(&Verified, &[Finding])) -> Result<Verified, CareError> {
        let (mut so_far, mut last) = (Verified::default(), None);
        loop {
            let some = self.next(&mut last).await?;
            if some.is_empty() {
                return Ok(so_far);
            }
            for blobs in &some {
                let findings = self.look_at(blobs, &mut so_far).await;
                so_far.files += 1;
                so_far.damaged += u64::from(!findings.is_empty());
                tell(&so_far, &findings);
            }
        }
    }

    async fn look_at(&self, blobs: &HostedBlobs, so_far: &mut Verified) -> Vec<Finding> {
        let parts = [
            (Part::File, Some(blobs.sha256)),
            (Part::Metadata, blobs.metadata_sha256),
            (Part::Provenance, blobs.provenance_sha256),
        ];
        let mut findings = Vec::new();
        for (part, sha256) in parts {
            let Some(sha256) = sha256 else { continue };
            let damage = match self.read(&Blob::hosted(sha256)).await {
                Ok((found, size)) => {
                    so_far.bytes += size;
                    let right = found == sha256 && (part != Part::File || size == blobs.size);
                    (!right).then_some(Damage::Changed)
                }
                Err(FileStoreError::Absent) => Some(Damage::Missing),
                Err(error) => {
                    tracing::error!(%error, %sha256, "a hosted file cannot be read");
                    Some(Damage::Unreadable)
                }
            };
            let (index, file) = (blobs.index.clone(), blobs.file.clone());
            findings.extend(damage.map(|damage| Finding { index, file, part, sha256, damage }));
        }
        findings
    }

    async fn read(&self, blob: &Blob) -> Result<(Sha256, u64), FileStoreError> {
        let mut pieces = self.files.objects().get(&blob.key()).await?.into_stream();
        let (mut hasher, mut size) = (Sha256Hasher::new(), 0);
        loop {
            let next = tokio::time::timeout(SILENCE, pieces.try_next()).await;
            match next.map_err(|_| FileStoreError::Silent)?? {
                Some(piece) => {
                    hasher.update(&piece);
                    size += piece.len() as u64;
                }
                None => return Ok((hasher.finish(), size)),
            }
        }
    }
}
