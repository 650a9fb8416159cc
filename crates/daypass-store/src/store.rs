//! The handle: open, ask, close.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use sqlx::{AnyPool, Connection};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    batch::Write,
    change::{Change, Pending, Unwaited},
    connect::Connector,
    error::{Cause, StoreError},
    schema,
    sqlite_file::SqliteFile,
    store_url::StoreUrl,
    writer::Queue,
};

/// The longest that anything asked of a [`Store`] takes, well or badly. Only opening one may take longer, when
/// there is much to migrate.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long opening waits for another process that opens the same new SQLite file.
const OPENING_LIMIT: Duration = Duration::from_secs(5);

/// A handle to one database. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    readers: AnyPool,
    queue: Queue,
}

impl Store {
    /// Opens the database at `url`; makes it where there is none (SQLite), and brings its schema up to date.
    ///
    /// Must be called within a tokio runtime, which the writer then lives in.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Foreign`], [`StoreError::Corrupt`], [`StoreError::Unwritable`],
    /// [`StoreError::Unreachable`], [`StoreError::Denied`], [`StoreError::Full`]: each with the next step; nothing
    /// that was there is changed. [`StoreError::Unavailable`] when it is locked for too long.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let file = match url.path().map(SqliteFile::prepare).transpose() {
            Ok(file) => file,
            Err(error) => return Err(StoreError::Unwritable { place: url.to_string(), cause: Cause::new(error) }),
        };
        let opened = Self::open_prepared(url, file.as_ref()).await;
        if let (Err(_), Some(file)) = (&opened, &file) {
            file.take_back();
        }
        opened
    }

    async fn open_prepared(url: &StoreUrl, file: Option<&SqliteFile>) -> Result<Self, StoreError> {
        let connector = Connector::new(url, file)?;
        let mut connection = connector.bare().await?;
        let begun = Instant::now();
        let ready = loop {
            let ready = async {
                schema::check(&connector, &mut connection).await?;
                schema::migrate(&connector, &mut connection).await?;
                connector.set_up_writer(&mut connection).await
            };
            match ready.await {
                // Two processes that switch a new file to WAL are told "locked" at once, whatever the busy time-out.
                Err(StoreError::Unavailable { .. }) if connector.is_sqlite() && begun.elapsed() < OPENING_LIMIT => {
                    sleep(Duration::from_millis(20)).await;
                }
                ready => break ready,
            }
        };
        if let Err(error) = ready {
            // Wait for it: what SQLite put beside the file is gone when we return.
            let _ = timeout(OPENING_LIMIT, connection.close()).await;
            return Err(error);
        }
        let (readers, queue) = (connector.readers(), Queue::start(connector.clone(), connection));
        Ok(Self { inner: Arc::new(Inner { connector, readers, queue }) })
    }

    /// Writes what is queued, then closes the database for all clones of this handle.
    ///
    /// Without it, what is queued is written as long as the runtime lives.
    pub async fn close(self) {
        // Twice: one batch under way, one for what is queued. A database that hangs cannot be flushed to.
        if timeout(2 * LONGEST_WAIT, self.inner.queue.close()).await.is_err() {
            tracing::error!("the database did not take what was queued in time");
        }
        let _ = timeout(LONGEST_WAIT, self.inner.readers.close()).await;
    }

    /// The readers' connections.
    pub(crate) fn readers(&self) -> &AnyPool {
        &self.inner.readers
    }

    /// The way to the writer.
    pub(crate) fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// Hands `input` to the writer and waits until it is durable.
    pub(crate) async fn write<I, O>(
        &self,
        kind: impl FnOnce(Pending<I, O>) -> Write,
        input: I,
    ) -> Result<O, StoreError> {
        let (pending, answer) = Pending::new(input);
        let work = async {
            self.inner.queue.send(kind(pending)).await?;
            answer.await.unwrap_or_else(|_| Err(StoreError::silence()))
        };
        timeout(LONGEST_WAIT, work).await.unwrap_or_else(|_| Err(StoreError::silence()))
    }

    /// Hands `change` to the writer and waits until it is durable.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Outcome, StoreError> {
        self.write(|pending| Write::Change(Box::new(pending)), change).await
    }

    /// Hands `change` to the writer, or refuses at once. Nobody waits for it.
    pub(crate) fn change_soon(&self, change: impl Change) -> Result<(), StoreError> {
        self.inner.queue.send_soon(Write::Change(Box::new(Unwaited(change))))
    }

    /// Waits for a reader's work.
    pub(crate) async fn read<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
        self.inner.connector.within(LONGEST_WAIT, work).await.map_err(StoreError::at_work)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.inner.connector.place())
    }
}
