//! Connections to either database: the only place that knows which one it is.
//!
//! The SQL is one text for both. What differs is here: how a connection is opened and set up, and what the error
//! codes mean.

use std::{borrow::Cow, fmt::Write as _, future::Future, io, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::time::timeout;

use crate::{
    error::{Cause, StoreError},
    sqlite_file::SqliteFile,
    store_url::{Place, StoreUrl},
};

/// How long opening a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a reader waits for a free connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);
/// How long one statement may take, and one batch of the writer.
pub(crate) const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// Readers at the same time. Each is a thread with SQLite, a server process with PostgreSQL.
const READERS: u32 = 4;

// Waiting for a lock ends after four seconds: whoever queued behind a batch that waited in vain, and then waits in
// vain himself, still gets the database's own answer before `LONGEST_WAIT`.

/// WAL: readers and the one writer do not wait for each other. FULL: a commit is on the disk when it returns.
const SQLITE_WRITER: &str = "PRAGMA busy_timeout = 4000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA journal_size_limit = 67108864; \
    PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY";
const SQLITE_READER: &str = "PRAGMA busy_timeout = 4000; PRAGMA query_only = ON";
/// A replica that hangs in the middle of a batch must not stop the others for longer than a batch may take.
/// Whatever else the server's operator chose for `synchronous_commit` is durable; `off` is not.
const POSTGRES: &str = "SET statement_timeout = '10s'; SET lock_timeout = '4s'; \
    SET idle_in_transaction_session_timeout = '5s'; \
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Opens connections to one database and reads its errors.
#[derive(Clone)]
pub(crate) struct Connector {
    url: StoreUrl,
    options: AnyConnectOptions,
}

impl Connector {
    /// For SQLite, `file` is the prepared file.
    pub(crate) fn new(url: &StoreUrl, file: Option<&SqliteFile>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let options = match (url.place(), file) {
            (Place::Postgres(url), _) => AnyConnectOptions::from_url(url),
            (Place::Sqlite(path), file) => {
                let path = file.map_or(path.as_path(), |file| &file.path);
                sqlite_url(path.as_os_str().as_encoded_bytes()).parse()
            }
        };
        match options {
            // The statements' texts are long and always the same; the audit log says what happened.
            Ok(options) => Ok(Self { url: url.clone(), options: options.disable_statement_logging() }),
            Err(error) => Err(StoreError::Unwritable { place: url.to_string(), cause: Cause::new(error) }),
        }
    }

    pub(crate) const fn is_sqlite(&self) -> bool {
        matches!(self.url.place(), Place::Sqlite(_))
    }

    /// The database, as it may be printed.
    pub(crate) fn place(&self) -> String {
        self.url.to_string()
    }

    /// A connection as it comes: nothing set up, nothing written.
    pub(crate) async fn bare(&self) -> Result<AnyConnection, StoreError> {
        self.within(CONNECT_LIMIT, AnyConnection::connect_with(&self.options)).await.map_err(|error| match error {
            StoreError::Unavailable { cause } => self.unreachable(cause),
            error => error,
        })
    }

    /// Makes a bare connection a writer's.
    pub(crate) async fn set_up_writer(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let set_up = if self.is_sqlite() { SQLITE_WRITER } else { POSTGRES };
        self.within(STATEMENT_LIMIT, sqlx::raw_sql(set_up).execute(connection)).await.map(drop)
    }

    /// A writer's connection.
    pub(crate) async fn writer(&self) -> Result<AnyConnection, StoreError> {
        let mut connection = self.bare().await?;
        self.set_up_writer(&mut connection).await?;
        Ok(connection)
    }

    /// Readers' connections, opened when they are needed, and again after they broke.
    pub(crate) fn readers(&self) -> AnyPool {
        let set_up = if self.is_sqlite() { SQLITE_READER } else { POSTGRES };
        AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_LIMIT)
            // A server may have gone away meanwhile; a file has not, and asking costs a trip to the connection's thread.
            .test_before_acquire(!self.is_sqlite())
            .after_connect(move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(set_up).execute(connection).await.map(drop) })
            })
            .connect_lazy_with(self.options.clone())
    }

    /// Waits for `work`, but no longer than `limit`, and says what its error means.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match timeout(limit, work).await {
            Ok(result) => result.map_err(|error| self.explain(error)),
            Err(_) => Err(StoreError::silence()),
        }
    }

    fn unreachable(&self, cause: Option<Cause>) -> StoreError {
        let cause = cause.unwrap_or_else(|| Cause::new(io::Error::from(io::ErrorKind::TimedOut)));
        StoreError::Unreachable { place: self.place(), cause }
    }

    /// Whether a statement failed because its table is not there (yet).
    pub(crate) fn is_no_such_table(&self, error: &sqlx::Error) -> bool {
        // SQLite has no better word for it than its most general error.
        code_of(error).as_deref() == Some(if self.is_sqlite() { "1" } else { "42P01" })
    }

    /// Whether the connection is gone, so that another may do better.
    pub(crate) fn is_lost(&self, error: &sqlx::Error) -> bool {
        match code_of(error) {
            // The server shuts down, was killed, or is starting; connection exceptions.
            Some(code) => !self.is_sqlite() && (code.starts_with("57P") || code.starts_with("08")),
            None => true,
        }
    }

    /// What an error of the database means to us.
    pub(crate) fn explain(&self, error: sqlx::Error) -> StoreError {
        let code = code_of(&error);
        let place = self.place();
        let cause = Cause::new(error);
        match (self.is_sqlite(), code) {
            (true, Some(code)) => sqlite_meaning(&code, place, cause),
            (false, Some(code)) => postgres_meaning(&code, place, cause),
            (_, None) => StoreError::Unavailable { cause: Some(cause) },
        }
    }
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code().map(Cow::into_owned))
}

/// Result codes of SQLite; the low byte of an extended code is the primary one.
fn sqlite_meaning(code: &str, place: String, cause: Cause) -> StoreError {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // PERM, READONLY, CANTOPEN, AUTH
        Ok(3 | 8 | 14 | 23) => StoreError::Unwritable { place, cause },
        // CORRUPT, NOTADB
        Ok(11 | 26) => StoreError::Corrupt { place, cause },
        // FULL
        Ok(13) => StoreError::Full { cause },
        // TOOBIG, CONSTRAINT, MISMATCH
        Ok(18..=20) => StoreError::Rejected { cause },
        _ => StoreError::Unavailable { cause: Some(cause) },
    }
}

/// Codes of PostgreSQL, appendix A of its manual; the first two letters are the class.
fn postgres_meaning(code: &str, place: String, cause: Cause) -> StoreError {
    match (code.get(..2).unwrap_or_default(), code) {
        // invalid authorization; invalid catalogue or schema name; insufficient privilege
        ("28" | "3D" | "3F", _) | (_, "42501") => StoreError::Denied { place, cause },
        // disk full
        (_, "53100") => StoreError::Full { cause },
        // data exception, integrity constraint violation
        ("22" | "23", _) => StoreError::Rejected { cause },
        // data corrupted, index corrupted
        (_, "XX001" | "XX002") => StoreError::Corrupt { place, cause },
        _ => StoreError::Unavailable { cause: Some(cause) },
    }
}

/// The driver's URL for an absolute path, everything unusual percent-encoded.
fn sqlite_url(path: &[u8]) -> String {
    let mut url = String::from("sqlite://");
    for byte in path {
        match byte {
            b'/' | b'-' | b'_' | b'.' => url.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            // Writing into a `String` cannot fail.
            byte => drop(write!(url, "%{byte:02X}")),
        }
    }
    url.push_str("?mode=rw");
    url
}
