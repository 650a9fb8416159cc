//! The projects of hosted files: who is there, what became of them, and what changed since.

use daypass_core::{
    Timestamp,
    names::{IndexName, ProjectName},
    project_status::ProjectStatus,
};
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    error::StoreError,
    hosted::HostedFile,
    rows::{Boxed, Columns},
    store::Store,
};

/// A project that an index hosts. It stays one when its last file is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedProject {
    /// Its status (PEP 792).
    pub status: ProjectStatus,
    /// Why it has that status, for people.
    pub reason: Option<String>,
    /// When its first file came.
    pub created_at: Timestamp,
    /// The audit event of the last change of the project or of one of its files.
    pub version: i64,
}

/// That a project changed, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectChange {
    /// The project.
    pub project: ProjectName,
    /// See [`HostedProject::version`].
    pub version: i64,
}

impl Store {
    /// Returns one project, if `index` hosts it.
    pub async fn hosted_project(
        &self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<Option<HostedProject>, StoreError> {
        let query = sqlx::query(
            "SELECT status, reason, created_at_us, seq FROM hosted_project WHERE index_name = $1 AND project = $2",
        )
        .bind(index.as_str())
        .bind(project.as_str());
        let Some(row) = self.read(query.fetch_optional(self.readers())).await? else { return Ok(None) };
        let read = || -> Result<HostedProject, Boxed> {
            let mut columns = Columns::new(&row);
            Ok(HostedProject {
                status: columns.parsed()?,
                reason: columns.take()?,
                created_at: columns.time()?,
                version: columns.take()?,
            })
        };
        read().map(Some).map_err(|_| StoreError::Unreadable { table: "hosted_project", row: project.to_string() })
    }

    /// Returns the projects that `index` hosts, by name.
    pub async fn hosted_projects(&self, index: &IndexName) -> Result<Vec<ProjectName>, StoreError> {
        self.hosted_projects_after(index, "", i64::MAX).await
    }

    /// Returns at most `limit` of the projects that `index` hosts, by name, beginning after the name `after`.
    pub async fn hosted_projects_after(
        &self,
        index: &IndexName,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ProjectName>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT project FROM hosted_project WHERE index_name = $1 AND project > $2 ORDER BY project LIMIT $3",
        )
        .bind(index.as_str())
        .bind(after.to_owned())
        .bind(limit);
        let names: Vec<String> = self.read(query.fetch_all(self.readers())).await?;
        names.into_iter().map(|name| name.parse().map_err(|_| unreadable(name))).collect()
    }

    /// Returns at most `limit` of the projects that `index` hosts, by name, each with the version of its last change.
    pub async fn projects_with_versions_after(
        &self,
        index: &IndexName,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ProjectChange>, StoreError> {
        let query = sqlx::query(
            "SELECT project, seq FROM hosted_project WHERE index_name = $1 AND project > $2 ORDER BY project LIMIT $3",
        )
        .bind(index.as_str())
        .bind(after.to_owned())
        .bind(limit);
        let rows = self.read(query.fetch_all(self.readers())).await?;
        rows.iter().map(change).collect()
    }

    /// Returns at most `limit` of the projects that changed after `version`, the oldest change first.
    pub async fn changed_projects(
        &self,
        index: &IndexName,
        version: i64,
        limit: i64,
    ) -> Result<Vec<ProjectChange>, StoreError> {
        let query = sqlx::query(
            "SELECT project, seq FROM hosted_project WHERE index_name = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(index.as_str())
        .bind(version)
        .bind(limit);
        let rows = self.read(query.fetch_all(self.readers())).await?;
        rows.iter().map(change).collect()
    }

    /// Returns the version of the index's catalogue, which grows with every change; 0 when it is empty.
    pub async fn catalogue_version(&self, index: &IndexName) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar("SELECT MAX(seq) FROM hosted_project WHERE index_name = $1");
        let newest: Option<i64> = self.read(query.bind(index.as_str()).fetch_one(self.readers())).await?;
        Ok(newest.unwrap_or_default())
    }
}

fn change(row: &AnyRow) -> Result<ProjectChange, StoreError> {
    let read = || -> Result<ProjectChange, Boxed> {
        let mut columns = Columns::new(row);
        Ok(ProjectChange { project: columns.parsed()?, version: columns.take()? })
    };
    read().map_err(|_| unreadable(row.try_get(0).unwrap_or_default()))
}

fn unreadable(row: String) -> StoreError {
    StoreError::Unreadable { table: "hosted_project", row }
}

/// Makes the file's project if it is new, and says that it changed, unless it takes no files. Returns its status.
pub(crate) async fn open(
    connection: &mut AnyConnection,
    file: &HostedFile,
    seq: i64,
) -> Result<ProjectStatus, sqlx::Error> {
    let row: Option<String> =
        sqlx::query_scalar("SELECT status FROM hosted_project WHERE index_name = $1 AND project = $2")
            .bind(file.index.as_str())
            .bind(file.project.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    if let Some(status) = row {
        // What cannot be read takes nothing.
        let status = status.parse().unwrap_or(ProjectStatus::Quarantined);
        if status.takes_uploads() {
            touch(connection, &file.index, &file.project, seq).await?;
        }
        return Ok(status);
    }
    sqlx::query(
        "INSERT INTO hosted_project (index_name, project, status, created_at_us, seq) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(file.index.as_str())
    .bind(file.project.as_str())
    .bind(ProjectStatus::Active.as_str())
    .bind(file.upload_time.as_microsecond())
    .bind(seq)
    .execute(connection)
    .await?;
    Ok(ProjectStatus::Active)
}

/// Says that a project changed.
pub(crate) async fn touch(
    connection: &mut AnyConnection,
    index: &IndexName,
    project: &ProjectName,
    seq: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE hosted_project SET seq = $3 WHERE index_name = $1 AND project = $2")
        .bind(index.as_str())
        .bind(project.as_str())
        .bind(seq)
        .execute(connection)
        .await
        .map(drop)
}
