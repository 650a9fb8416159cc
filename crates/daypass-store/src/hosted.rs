//! The catalogue of hosted files. The bytes are elsewhere.

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    names::{FileName, IndexName, ProjectName},
    project_status::ProjectStatus,
};
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::{Cause, StoreError},
    hosted_project,
    rows::{Boxed, Columns},
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
    /// The length of its metadata in bytes, where that is known.
    pub metadata_size: Option<u64>,
    /// `License-Expression`, as its metadata says.
    pub licence: Option<String>,
    /// Who brought it, as people call them; only for the eye.
    pub uploader: Option<String>,
    /// Why it is yanked (PEP 592); an empty text is a yank without a reason.
    pub yanked: Option<String>,
    /// The digest of its provenance object (PEP 740), where there is one.
    pub provenance_sha256: Option<Sha256>,
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
    /// A file of this name was deleted: its name is never used again, not even for the same bytes.
    Deleted,
    /// The project takes no files (PEP 792).
    Closed(ProjectStatus),
}

impl Store {
    /// Returns the files of one project in the order they were added.
    pub async fn hosted_files(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<HostedFile>, StoreError> {
        let rows = self
            .read(
                // The `+` keeps SQLite from walking the whole index in this order instead of finding the project.
                sqlx::query(FILES_OF_PROJECT).bind(index.as_str()).bind(project.as_str()).fetch_all(self.readers()),
            )
            .await?;
        read_rows(index, project, &rows)
    }

    /// Returns the files of one release, by the version as it is written in the catalogue.
    pub async fn hosted_release(
        &self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
    ) -> Result<Vec<HostedFile>, StoreError> {
        let query = sqlx::query(FILES_OF_RELEASE).bind(index.as_str()).bind(project.as_str()).bind(version.to_owned());
        let rows = self.read(query.fetch_all(self.readers())).await?;
        read_rows(index, project, &rows)
    }

    /// Returns one file.
    pub async fn hosted_file(
        &self,
        index: &IndexName,
        project: &ProjectName,
        file: &FileName,
    ) -> Result<Option<HostedFile>, StoreError> {
        let query = sqlx::query(ONE_FILE).bind(index.as_str()).bind(project.as_str()).bind(file.as_str());
        let rows = self.read(query.fetch_all(self.readers())).await?;
        Ok(read_rows(index, project, &rows)?.pop())
    }

    /// Adds a file and writes `event`; in one transaction, durable when this returns [`AddFile::Added`]. On the
    /// other outcomes nothing is written, no event either.
    pub async fn add_hosted_file(&self, file: HostedFile, event: AuditEvent) -> Result<AddFile, StoreError> {
        if let Err(error) = i64::try_from(file.size) {
            return Err(StoreError::Rejected { cause: Cause::new(error) });
        }
        self.change(Hosting { file, event: Entry::new(&event)? }).await
    }
}

const FILES_OF_PROJECT: &str = concat!(
    "SELECT file, version, sha256, size, upload_time_us, requires_python, metadata_sha256, metadata_size, licence, ",
    "uploader, yanked, provenance_sha256 FROM hosted_file ",
    // The `+` keeps SQLite from walking the whole index in this order instead of finding the project.
    "WHERE index_name = $1 AND project = $2 ORDER BY +seq"
);

const FILES_OF_RELEASE: &str = concat!(
    "SELECT file, version, sha256, size, upload_time_us, requires_python, metadata_sha256, metadata_size, licence, ",
    "uploader, yanked, provenance_sha256 FROM hosted_file ",
    "WHERE index_name = $1 AND project = $2 AND version = $3 ORDER BY +seq"
);

const ONE_FILE: &str = concat!(
    "SELECT file, version, sha256, size, upload_time_us, requires_python, metadata_sha256, metadata_size, licence, ",
    "uploader, yanked, provenance_sha256 FROM hosted_file ",
    "WHERE index_name = $1 AND project = $2 AND file = $3"
);

fn read_rows(index: &IndexName, project: &ProjectName, rows: &[AnyRow]) -> Result<Vec<HostedFile>, StoreError> {
    let unreadable =
        |row: &AnyRow| StoreError::Unreadable { table: "hosted_file", row: row.try_get(0).unwrap_or_default() };
    rows.iter().map(|row| read_row(index, project, row).map_err(|_| unreadable(row))).collect()
}

fn read_row(index: &IndexName, project: &ProjectName, row: &AnyRow) -> Result<HostedFile, Boxed> {
    let mut columns = Columns::new(row);
    Ok(HostedFile {
        index: index.clone(),
        project: project.clone(),
        file: columns.parsed()?,
        version: columns.take()?,
        sha256: columns.parsed()?,
        size: columns.take::<i64>()?.try_into()?,
        upload_time: columns.time()?,
        requires_python: columns.take()?,
        metadata_sha256: columns.parsed_or_none()?,
        metadata_size: columns.take::<Option<i64>>()?.map(TryInto::try_into).transpose()?,
        licence: columns.take()?,
        uploader: columns.take()?,
        yanked: columns.take()?,
        provenance_sha256: columns.parsed_or_none()?,
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
    let there: Option<String> =
        sqlx::query_scalar("SELECT sha256 FROM hosted_file WHERE index_name = $1 AND file = $2")
            .bind(file.index.as_str())
            .bind(file.file.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    if let Some(there) = there {
        return Ok(if there == sha256 { AddFile::Identical } else { AddFile::Conflict });
    }
    let deleted: Option<i64> = sqlx::query_scalar("SELECT seq FROM deleted_file WHERE index_name = $1 AND file = $2")
        .bind(file.index.as_str())
        .bind(file.file.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if deleted.is_some() {
        return Ok(AddFile::Deleted);
    }
    let status = hosted_project::open(connection, file, seq).await?;
    if !status.takes_uploads() {
        return Ok(AddFile::Closed(status));
    }
    // Who writes holds the numbers of the log, so nobody can have come in between.
    sqlx::query(
        "INSERT INTO hosted_file (index_name, file, project, version, sha256, size, upload_time_us, requires_python, \
         metadata_sha256, metadata_size, licence, uploader, yanked, provenance_sha256, seq) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
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
    .bind(file.metadata_size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)))
    .bind(file.licence.clone())
    .bind(file.uploader.clone())
    .bind(file.yanked.clone())
    .bind(file.provenance_sha256.map(|digest| digest.to_string()))
    .bind(seq)
    .execute(connection)
    .await?;
    Ok(AddFile::Added)
}
