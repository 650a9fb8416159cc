//! The catalogue of hosted files. The bytes are elsewhere.

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    names::{FileName, IndexName, ProjectName},
};
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::{Cause, StoreError},
    rows::Boxed,
    store::Store,
};

/// A file that an index serves as its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedFile {
    /// The index.
    pub index: IndexName,
    /// The project.
    pub project: ProjectName,
    /// The file's name, unique in its index.
    pub file: FileName,
    /// The project's version that it belongs to.
    pub version: String,
    /// The digest of its bytes.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// When it was uploaded (PEP 700 `upload-time`, which has microseconds at most).
    pub upload_time: Timestamp,
    /// `Requires-Python`, as its metadata says.
    pub requires_python: Option<String>,
    /// The digest of its metadata (PEP 658), where that is served.
    pub metadata_sha256: Option<Sha256>,
}

/// What became of a file that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddFile {
    /// It is new.
    Added,
    /// It was there, with the same bytes.
    Identical,
    /// Its name is taken by other bytes; nothing was changed. A name is never used again for other bytes.
    Conflict,
}

impl Store {
    /// Returns the projects that `index` has files of, by name.
    pub async fn hosted_projects(&self, index: &IndexName) -> Result<Vec<ProjectName>, StoreError> {
        let names: Vec<String> = self
            .read(
                sqlx::query_scalar("SELECT DISTINCT project FROM hosted_file WHERE index_name = $1 ORDER BY project")
                    .bind(index.as_str())
                    .fetch_all(self.readers()),
            )
            .await?;
        let unreadable = |row| StoreError::Unreadable { table: "hosted_file", row };
        names.into_iter().map(|name| name.parse().map_err(|_| unreadable(name))).collect()
    }

    /// Returns the files of one project in the order they were added.
    pub async fn hosted_files(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<HostedFile>, StoreError> {
        let rows = self
            .read(
                // The `+` keeps SQLite from walking the whole index in this order instead of finding the project.
                sqlx::query(
                    "SELECT file, version, sha256, size, upload_time_us, requires_python, metadata_sha256 \
                     FROM hosted_file WHERE index_name = $1 AND project = $2 ORDER BY +seq",
                )
                .bind(index.as_str())
                .bind(project.as_str())
                .fetch_all(self.readers()),
            )
            .await?;
        rows.iter()
            .map(|row| {
                let unreadable =
                    |_| StoreError::Unreadable { table: "hosted_file", row: row.try_get(0).unwrap_or_default() };
                read_row(index, project, row).map_err(unreadable)
            })
            .collect()
    }

    /// Adds a file and writes `event`; in one transaction, durable when this returns [`AddFile::Added`]. On the
    /// other outcomes nothing is written, no event either.
    pub async fn add_hosted_file(&self, file: HostedFile, event: AuditEvent) -> Result<AddFile, StoreError> {
        if let Err(error) = i64::try_from(file.size) {
            return Err(StoreError::Rejected { cause: Cause::new(error) });
        }
        self.change(Hosting { file, event: Entry::new(&event)? }).await
    }

    /// Returns the version of the index's catalogue, which grows with every change; 0 when it is empty.
    pub async fn catalogue_version(&self, index: &IndexName) -> Result<i64, StoreError> {
        let newest: Option<i64> = self
            .read(
                sqlx::query_scalar("SELECT MAX(seq) FROM hosted_file WHERE index_name = $1")
                    .bind(index.as_str())
                    .fetch_one(self.readers()),
            )
            .await?;
        Ok(newest.unwrap_or_default())
    }
}

fn read_row(index: &IndexName, project: &ProjectName, row: &AnyRow) -> Result<HostedFile, Boxed> {
    let metadata_sha256: Option<String> = row.try_get(6)?;
    Ok(HostedFile {
        index: index.clone(),
        project: project.clone(),
        file: row.try_get::<String, _>(0)?.parse()?,
        version: row.try_get(1)?,
        sha256: row.try_get::<String, _>(2)?.parse()?,
        size: row.try_get::<i64, _>(3)?.try_into()?,
        upload_time: Timestamp::from_microsecond(row.try_get(4)?)?,
        requires_python: row.try_get(5)?,
        metadata_sha256: metadata_sha256.map(|digest| digest.parse()).transpose()?,
    })
}

/// A file on its way to the database.
struct Hosting {
    file: HostedFile,
    event: Arc<Entry>,
}

impl Change for Hosting {
    type Outcome = AddFile;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<AddFile>, sqlx::Error> {
        let added = insert(work.connection, &self.file, work.seq).await?;
        Ok((added, (added == AddFile::Added).then(|| Arc::clone(&self.event))))
    }
}

/// Writes a file unless its name is taken.
async fn insert(connection: &mut AnyConnection, file: &HostedFile, seq: i64) -> Result<AddFile, sqlx::Error> {
    let sha256 = file.sha256.to_string();
    let inserted = sqlx::query(
        "INSERT INTO hosted_file (index_name, file, project, version, sha256, size, upload_time_us, requires_python, \
         metadata_sha256, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind(file.index.as_str())
    .bind(file.file.as_str())
    .bind(file.project.as_str())
    .bind(&*file.version)
    .bind(&*sha256)
    .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
    .bind(file.upload_time.as_microsecond())
    .bind(file.requires_python.clone())
    .bind(file.metadata_sha256.map(|digest| digest.to_string()))
    .bind(seq)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(AddFile::Added);
    }
    let there: String = sqlx::query_scalar("SELECT sha256 FROM hosted_file WHERE index_name = $1 AND file = $2")
        .bind(file.index.as_str())
        .bind(file.file.as_str())
        .fetch_one(connection)
        .await?;
    Ok(if there == sha256 { AddFile::Identical } else { AddFile::Conflict })
}
