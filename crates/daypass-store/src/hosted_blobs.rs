//! The catalogue from end to end: which bytes it counts on. For who looks after them.

use daypass_core::{
    digest::Sha256,
    names::{FileName, IndexName},
};

use crate::{error::StoreError, rows::Columns, store::Store};

/// What one hosted file counts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedBlobs {
    /// The file's index.
    pub index: IndexName,
    /// The file.
    pub file: FileName,
    /// The digest of its bytes.
    pub sha256: Sha256,
    /// Its length.
    pub size: u64,
    /// The digest of its metadata, where that is served.
    pub metadata_sha256: Option<Sha256>,
    /// The digest of its provenance, where there is one.
    pub provenance_sha256: Option<Sha256>,
}

impl HostedBlobs {
    /// All digests.
    pub fn digests(&self) -> impl Iterator<Item = Sha256> {
        [Some(self.sha256), self.metadata_sha256, self.provenance_sha256].into_iter().flatten()
    }
}

/// How many files are read at a time.
pub const HOSTED_BLOBS_AT_ONCE: usize = 1000;

impl Store {
    /// Returns the files of all indexes behind `after`, some at a time, in a certain order. None is the end.
    pub async fn hosted_blobs(&self, after: Option<&HostedBlobs>) -> Result<Vec<HostedBlobs>, StoreError> {
        let (index, file) = after.map_or(("", ""), |after| (after.index.as_str(), after.file.as_str()));
        let query = sqlx::query(
            "SELECT file, index_name, sha256, size, metadata_sha256, provenance_sha256 FROM hosted_file \
             WHERE (index_name, file) > ($1, $2) ORDER BY index_name, file LIMIT $3",
        );
        let query = query.bind(index).bind(file).bind(i64::try_from(HOSTED_BLOBS_AT_ONCE).unwrap_or(i64::MAX));
        let read = |columns: &mut Columns<'_>| {
            Ok(HostedBlobs {
                file: columns.parsed()?,
                index: columns.parsed()?,
                sha256: columns.parsed()?,
                size: columns.take::<i64>()?.try_into()?,
                metadata_sha256: columns.parsed_or_none()?,
                provenance_sha256: columns.parsed_or_none()?,
            })
        };
        self.find_all("hosted_file", query, read).await
    }

    /// Returns the number of files of all indexes, and of their bytes.
    pub async fn hosted_total(&self) -> Result<(u64, u64), StoreError> {
        // A sum of BIGINT is NUMERIC in PostgreSQL.
        let query = sqlx::query("SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM hosted_file");
        let read =
            |columns: &mut Columns<'_>| Ok((columns.take::<i64>()?.try_into()?, columns.take::<i64>()?.try_into()?));
        Ok(self.find("hosted_file", query, read).await?.unwrap_or_default())
    }
}
