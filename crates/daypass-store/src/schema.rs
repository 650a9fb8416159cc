//! Migrations: embedded, one text for both databases, each applied whole or not at all.

use std::time::Duration;

use sqlx::{
    AnyConnection, Connection,
    migrate::{MigrateError, Migrator},
};
use tokio::time::timeout;

use crate::{
    connect::{Connector, STATEMENT_LIMIT},
    error::{Cause, StoreError},
};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long migrating may take, with waiting for another process that does the same.
const MIGRATION_LIMIT: Duration = Duration::from_mins(1);

/// Refuses a database that is not one, or that a newer daypass wrote. Reads only.
pub(crate) async fn check(connector: &Connector, connection: &mut AnyConnection) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    // An SQLite file is read for the first time here, so this is also where a damaged one shows.
    let newest = sqlx::query_scalar::<_, Option<i64>>("SELECT MAX(version) FROM _sqlx_migrations");
    let newest = async {
        match newest.fetch_one(connection).await {
            Err(error) if connector.is_no_such_table(&error) => Ok(None),
            result => result,
        }
    };
    match connector.within(STATEMENT_LIMIT, newest).await? {
        Some(found) if found > known => Err(StoreError::Newer { place: connector.place(), found, known }),
        _ => Ok(()),
    }
}

/// Brings the schema up to date.
pub(crate) async fn migrate(connector: &Connector, connection: &mut AnyConnection) -> Result<(), StoreError> {
    let work = async {
        if connector.is_sqlite() {
            // The driver has a lock for PostgreSQL only. Without one, two processes would both begin at nothing.
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            MIGRATIONS.run_direct(None, &mut *transaction, false).await?;
            Ok(transaction.commit().await?)
        } else {
            MIGRATIONS.run_direct(None, connection, false).await
        }
    };
    match timeout(MIGRATION_LIMIT, work).await {
        Ok(result) => result.map_err(|error| explain(connector, error)),
        Err(_) => Err(StoreError::silence()),
    }
}

fn explain(connector: &Connector, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => connector.explain(error),
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
            StoreError::Foreign { place: connector.place() }
        }
        error => StoreError::Corrupt { place: connector.place(), cause: Cause::new(error) },
    }
}
