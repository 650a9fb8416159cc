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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The release has a source distribution already, of this name.
    SecondSdist(FileName),
}

/// What must hold within the release that a file is added to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// All ways to write its version: `1`, `1.0`, `1.0.0`. The file joins the release that is there under one of them.
    pub spellings: Vec<String>,
    /// Whether a second source distribution is refused (PEP 625 names one for a release).
    pub one_sdist: bool,
}

/// As many spellings of a version are looked for.
const SPELLINGS: usize = 8;

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
        self.add_to_release(file, Release::default(), event).await
    }

    /// What would become of a file of this name, as far as it does not depend on its bytes: looked up without waiting
    /// for a transaction, and so not the last word.
    pub async fn may_add(
        &self,
        index: &IndexName,
        project: &ProjectName,
        file: &FileName,
        release: &Release,
    ) -> Result<AddFile, StoreError> {
        let deleted = sqlx::query_scalar(IS_DELETED).bind(index.as_str()).bind(file.as_str());
        let deleted: Option<i64> = self.read(deleted.fetch_optional(self.readers())).await?;
        if deleted.is_some() {
            return Ok(AddFile::Deleted);
        }
        let there = self.read(async {
            let mut connection = self.readers().acquire().await?;
            members(&mut connection, index, project, release).await
        });
        Ok(second_sdist(&there.await?, file, release).map_or(AddFile::Added, AddFile::SecondSdist))
    }

    /// The same, to a release: the file's version becomes the one that the release is called by already.
    pub async fn add_to_release(
        &self,
        file: HostedFile,
        release: Release,
        event: AuditEvent,
    ) -> Result<AddFile, StoreError> {
        if let Err(error) = i64::try_from(file.size) {
            return Err(StoreError::Rejected { cause: Cause::new(error) });
        }
        self.change(Hosting { file, release, event: Entry::new(&event)? }).await
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

const IS_DELETED: &str = "SELECT seq FROM deleted_file WHERE index_name = $1 AND file = $2";

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
    release: Release,
    event: Arc<Entry>,
}

impl Change for Hosting {
    type Outcome = AddFile;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<AddFile>, sqlx::Error> {
        let added = insert(work.connection, &self.file, &self.release, work.seq).await?;
        let event = (added == AddFile::Added).then(|| Arc::clone(&self.event));
        Ok((added, event))
    }
}

/// Writes a file unless its name is taken.
async fn insert(
    connection: &mut AnyConnection,
    file: &HostedFile,
    release: &Release,
    seq: i64,
) -> Result<AddFile, sqlx::Error> {
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
    let deleted: Option<i64> = sqlx::query_scalar(IS_DELETED)
        .bind(file.index.as_str())
        .bind(file.file.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if deleted.is_some() {
        return Ok(AddFile::Deleted);
    }
    let there = members(connection, &file.index, &file.project, release).await?;
    if let Some(other) = second_sdist(&there, &file.file, release) {
        return Ok(AddFile::SecondSdist(other));
    }
    let version = there.first().map_or(&*file.version, |(version, _)| version);
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
    .bind(version.to_owned())
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

/// Version and name of the files of a release, the first that was added first.
async fn members(
    connection: &mut AnyConnection,
    index: &IndexName,
    project: &ProjectName,
    release: &Release,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let Some(last) = release.spellings.last() else { return Ok(Vec::new()) };
    let mut query = sqlx::query_as(
        "SELECT version, file FROM hosted_file WHERE index_name = $1 AND project = $2 \
         AND version IN ($3, $4, $5, $6, $7, $8, $9, $10) ORDER BY +seq",
    )
    .bind(index.as_str())
    .bind(project.as_str());
    // Always as many, so that there is one text to prepare.
    let rest = std::iter::repeat(last);
    for spelling in release.spellings.iter().chain(rest).take(SPELLINGS) {
        query = query.bind(spelling.clone());
    }
    query.fetch_all(connection).await
}

/// The sdist that is there, when `file` would be another one where only one may be.
fn second_sdist(there: &[(String, String)], file: &FileName, release: &Release) -> Option<FileName> {
    if !release.one_sdist || !is_sdist(file.as_str()) {
        return None;
    }
    let mut others = there.iter().filter(|(_, other)| is_sdist(other) && other != file.as_str());
    others.next().and_then(|(_, other)| other.parse().ok())
}

fn is_sdist(file: &str) -> bool {
    file.rsplit_once('.').is_none_or(|(_, ending)| ending != "whl")
}
