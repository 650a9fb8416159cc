//! What may become of hosted files and their projects: yanked, un-yanked, given another status, deleted.

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    names::{FileName, IndexName, ProjectName},
    project_status::ProjectStatus,
};
use sqlx::AnyConnection;

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    hosted_project,
    store::Store,
};

/// Which files of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One.
    File(FileName),
    /// Those of one version, as it is written in the catalogue.
    Release(String),
    /// All.
    All,
}

/// A change of hosted files or of their project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueChange {
    /// Yanks files for a reason, which may be empty (PEP 592).
    Yank(Which, String),
    /// Un-yanks files.
    Unyank(Which),
    /// Gives the project another status (PEP 792), and says why.
    Status(ProjectStatus, Option<String>),
    /// Deletes the files; their names are never used again.
    Delete {
        /// Which.
        which: Which,
        /// Only if all of them were uploaded at this instant or later.
        uploaded_since: Option<Timestamp>,
        /// When it is done.
        at: Timestamp,
        /// Why, for people.
        reason: Option<String>,
    },
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is done; the files it was about, by name. It may have been so before: then nothing was written.
    Done(Vec<FileName>),
    /// There is no such project, release or file.
    NotFound,
    /// One of the files is older than it may be; nothing was changed.
    TooOld(FileName),
}

// One statement for all files that are meant: a project may have thousands. `$3` and `$4` are `Which::filters`.
// A file's `seq` stays: it says in which order the files came, and a page keeps to that.

const YANK: &str = "UPDATE hosted_file SET yanked = $5 WHERE index_name = $1 AND project = $2 \
     AND ($3 = '' OR version = $3) AND ($4 = '' OR file = $4) AND (yanked IS NULL OR yanked <> $5)";

const UNYANK: &str = "UPDATE hosted_file SET yanked = NULL WHERE index_name = $1 AND project = $2 \
     AND ($3 = '' OR version = $3) AND ($4 = '' OR file = $4) AND yanked IS NOT NULL";

/// Remembers the names of files that are about to be deleted.
const BURY: &str = "INSERT INTO deleted_file (index_name, file, project, sha256, deleted_at_us, reason, seq) \
     SELECT index_name, file, project, sha256, CAST($5 AS BIGINT), CAST($6 AS TEXT), CAST($7 AS BIGINT) \
     FROM hosted_file WHERE index_name = $1 AND project = $2 \
     AND ($3 = '' OR version = $3) AND ($4 = '' OR file = $4)";

const DELETE: &str = "DELETE FROM hosted_file WHERE index_name = $1 AND project = $2 \
     AND ($3 = '' OR version = $3) AND ($4 = '' OR file = $4)";

impl Which {
    /// The version and the file that it is about; empty where any is meant. No file has an empty version or name.
    fn filters(&self) -> (&str, &str) {
        match self {
            Self::File(file) => ("", file.as_str()),
            Self::Release(version) => (version.as_str(), ""),
            Self::All => ("", ""),
        }
    }
}

impl Store {
    /// Makes a change and writes `event`, in one transaction; durable when this returns. A change that changes nothing
    /// writes no event.
    pub async fn change_catalogue(
        &self,
        index: &IndexName,
        project: &ProjectName,
        change: CatalogueChange,
        event: AuditEvent,
    ) -> Result<Changed, StoreError> {
        let event = Entry::new(&event)?;
        self.change(Changing { index: index.clone(), project: project.clone(), change, event }).await
    }
}

/// A change on its way to the database.
struct Changing {
    index: IndexName,
    project: ProjectName,
    change: CatalogueChange,
    event: Arc<Entry>,
}

/// A file that a change is about.
struct Meant {
    file: FileName,
    uploaded_at_us: i64,
    yanked: Option<String>,
}

impl Change for Changing {
    type Outcome = Changed;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<Changed>, sqlx::Error> {
        let seq = work.seq;
        let connection = &mut *work.connection;
        let (changed, wrote) = match &self.change {
            CatalogueChange::Yank(which, reason) => {
                let meant = self.meant(connection, which).await?;
                let wrote = self.set_yanked(connection, which, &meant, Some(reason.as_str())).await?;
                (done(meant), wrote)
            }
            CatalogueChange::Unyank(which) => {
                let meant = self.meant(connection, which).await?;
                let wrote = self.set_yanked(connection, which, &meant, None).await?;
                (done(meant), wrote)
            }
            CatalogueChange::Status(status, reason) => self.set_status(connection, *status, reason.as_deref()).await?,
            CatalogueChange::Delete { which, uploaded_since, at, reason } => {
                let meant = self.meant(connection, which).await?;
                let too_old =
                    |file: &&Meant| uploaded_since.is_some_and(|since| file.uploaded_at_us < since.as_microsecond());
                if let Some(old) = meant.iter().find(too_old) {
                    return Ok((Changed::TooOld(old.file.clone()), None));
                }
                let wrote = !meant.is_empty();
                if wrote {
                    self.delete(connection, which, *at, reason.as_deref(), seq).await?;
                }
                (done(meant), wrote)
            }
        };
        if wrote {
            hosted_project::touch(connection, &self.index, &self.project, seq).await?;
        }
        Ok((changed, wrote.then(|| Arc::clone(&self.event))))
    }
}

fn done(meant: Vec<Meant>) -> Changed {
    if meant.is_empty() {
        return Changed::NotFound;
    }
    Changed::Done(meant.into_iter().map(|file| file.file).collect())
}

impl Changing {
    async fn meant(&self, connection: &mut AnyConnection, which: &Which) -> Result<Vec<Meant>, sqlx::Error> {
        let rows: Vec<(String, i64, Option<String>, String)> = sqlx::query_as(
            "SELECT file, upload_time_us, yanked, version FROM hosted_file \
             WHERE index_name = $1 AND project = $2 ORDER BY +seq",
        )
        .bind(self.index.as_str())
        .bind(self.project.as_str())
        .fetch_all(connection)
        .await?;
        let mut meant = Vec::new();
        for (file, uploaded_at_us, yanked, version) in rows {
            let is_meant = match which {
                Which::File(name) => name.as_str() == file,
                Which::Release(wanted) => *wanted == version,
                Which::All => true,
            };
            if is_meant {
                let file = file.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
                meant.push(Meant { file, uploaded_at_us, yanked });
            }
        }
        Ok(meant)
    }

    async fn set_yanked(
        &self,
        connection: &mut AnyConnection,
        which: &Which,
        meant: &[Meant],
        yanked: Option<&str>,
    ) -> Result<bool, sqlx::Error> {
        if meant.iter().all(|file| file.yanked.as_deref() == yanked) {
            return Ok(false);
        }
        let (version, file) = which.filters();
        let query = sqlx::query(if yanked.is_some() { YANK } else { UNYANK })
            .bind(self.index.as_str())
            .bind(self.project.as_str())
            .bind(version)
            .bind(file);
        let query = match yanked {
            Some(reason) => query.bind(reason),
            None => query,
        };
        query.execute(connection).await?;
        Ok(true)
    }

    async fn set_status(
        &self,
        connection: &mut AnyConnection,
        status: ProjectStatus,
        reason: Option<&str>,
    ) -> Result<(Changed, bool), sqlx::Error> {
        let before: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT status, reason FROM hosted_project WHERE index_name = $1 AND project = $2")
                .bind(self.index.as_str())
                .bind(self.project.as_str())
                .fetch_optional(&mut *connection)
                .await?;
        let Some((before, why)) = before else { return Ok((Changed::NotFound, false)) };
        if before == status.as_str() && why.as_deref() == reason {
            return Ok((Changed::Done(Vec::new()), false));
        }
        sqlx::query("UPDATE hosted_project SET status = $3, reason = $4 WHERE index_name = $1 AND project = $2")
            .bind(self.index.as_str())
            .bind(self.project.as_str())
            .bind(status.as_str())
            .bind(reason.map(ToOwned::to_owned))
            .execute(connection)
            .await?;
        Ok((Changed::Done(Vec::new()), true))
    }

    async fn delete(
        &self,
        connection: &mut AnyConnection,
        which: &Which,
        at: Timestamp,
        reason: Option<&str>,
        seq: i64,
    ) -> Result<(), sqlx::Error> {
        let (version, file) = which.filters();
        sqlx::query(BURY)
            .bind(self.index.as_str())
            .bind(self.project.as_str())
            .bind(version)
            .bind(file)
            .bind(at.as_microsecond())
            .bind(reason.map(ToOwned::to_owned))
            .bind(seq)
            .execute(&mut *connection)
            .await?;
        sqlx::query(DELETE)
            .bind(self.index.as_str())
            .bind(self.project.as_str())
            .bind(version)
            .bind(file)
            .execute(connection)
            .await
            .map(drop)
    }
}
