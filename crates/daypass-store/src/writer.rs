//! Group commit: one task that writes for all.
//!
//! A commit costs a trip to the disk, whatever is in it. So writes queue up while one commit is under way, and the
//! next one takes all that came meanwhile. Nobody is answered before the commit that holds his write.

use std::{
    error::Error,
    iter::successors,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{AnyConnection, Connection};
use tokio::{
    sync::{
        mpsc::{self, error::TryRecvError},
        oneshot,
    },
    time::timeout,
};

use crate::{
    audit::Entry,
    batch::{self, Texts, Write},
    connect::{Connector, STATEMENT_LIMIT},
    error::StoreError,
    many_rows::MOST_ROWS,
};

/// As many writes wait at most.
const QUEUE: usize = 4096;
/// So many places of the queue are kept free of writes that nobody waits for.
const KEPT_FOR_WAITERS: usize = 1024;
/// As many unwaited-for events are kept for better times while the database fails.
const MOST_CARRIED: usize = 4096;
/// How often a failing database is tried when nobody asks.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

enum Message {
    Write(Write),
    Close(oneshot::Sender<()>),
}

/// The way to the writer.
pub(crate) struct Queue {
    sender: mpsc::Sender<Message>,
    failing: Arc<AtomicBool>,
}

impl Queue {
    /// Starts the writer, which lives as long as its queue.
    pub(crate) fn start(connector: Connector, connection: AnyConnection) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            connector,
            texts: Texts::new(),
            connection: Some(connection),
            carried: Vec::new(),
            failing: Arc::clone(&failing),
        };
        tokio::spawn(writer.run(receiver));
        Self { sender, failing }
    }

    /// Queues a write; waits for a place.
    pub(crate) async fn send(&self, write: Write) -> Result<(), StoreError> {
        self.sender.send(Message::Write(write)).await.map_err(|_| StoreError::silence())
    }

    /// Queues a write that nobody waits for, or refuses at once.
    pub(crate) fn send_soon(&self, write: Write) -> Result<(), StoreError> {
        if self.failing.load(Ordering::Relaxed) || self.sender.is_closed() {
            return Err(StoreError::silence());
        }
        if self.sender.capacity() < KEPT_FOR_WAITERS {
            return Err(StoreError::Busy);
        }
        self.sender.try_send(Message::Write(write)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::silence(),
        })
    }

    /// Lets the writer write what is queued, then end.
    pub(crate) async fn close(&self) {
        let (answer, done) = oneshot::channel();
        if self.sender.send(Message::Close(answer)).await.is_ok() {
            // An error means that the writer has ended, which is what we wait for.
            let _ = done.await;
        }
    }
}

struct Writer {
    connector: Connector,
    texts: Texts,
    /// None after a failure: the next batch begins with a new one.
    connection: Option<AnyConnection>,
    /// Events that nobody waits for, of batches that failed.
    carried: Vec<Arc<Entry>>,
    failing: Arc<AtomicBool>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut closers = Vec::new();
        loop {
            let message = if self.failing.load(Ordering::Relaxed) {
                let Ok(message) = timeout(PROBE_PAUSE, queue.recv()).await else {
                    self.commit(Vec::new()).await;
                    continue;
                };
                message
            } else {
                queue.recv().await
            };
            let Some(message) = message else { break };
            // Those that are ready to ask may do so first: they come along for nothing.
            tokio::task::yield_now().await;
            let mut writes = Vec::new();
            let mut next = Ok(message);
            loop {
                match next {
                    Ok(Message::Write(write)) => writes.push(write),
                    Ok(Message::Close(answer)) => {
                        // Nothing comes in any more; what is in still comes out.
                        queue.close();
                        closers.push(answer);
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
                if writes.len() >= MOST_ROWS {
                    break;
                }
                next = queue.try_recv();
            }
            self.commit(writes).await;
        }
        if !self.carried.is_empty() {
            self.commit(Vec::new()).await;
        }
        if !self.carried.is_empty() {
            tracing::error!(events = self.carried.len(), "audit events are lost: the database did not take them");
        }
        if let Some(connection) = self.connection.take() {
            // Closing tidies up; what was committed needs no tidying.
            let _ = timeout(STATEMENT_LIMIT, connection.close()).await;
        }
        for answer in closers {
            let _ = answer.send(());
        }
    }

    /// Writes a batch and answers its waiters.
    async fn commit(&mut self, mut writes: Vec<Write>) {
        writes.retain(|write| !write.is_abandoned());
        writes.extend(self.carried.drain(..).map(Write::EventSoon));
        let result = self.attempt(&mut writes).await;
        self.note(&result);
        if matches!(result, Err(StoreError::Rejected { .. })) && writes.len() > 1 {
            // One of them is bad. Each for itself, and only the bad one fails.
            for write in writes {
                let mut alone = [write];
                let result = self.attempt(&mut alone).await;
                self.note(&result);
                let [write] = alone;
                self.settle(write, result);
            }
        } else {
            for write in writes {
                self.settle(write, result.clone());
            }
        }
    }

    fn settle(&mut self, write: Write, result: Result<(), StoreError>) {
        match (write, result) {
            (Write::EventSoon(_), Err(StoreError::Rejected { cause })) => {
                tracing::error!(%cause, "an audit event is lost: the database does not accept it");
            }
            (Write::EventSoon(entry), Err(_)) if self.carried.len() < MOST_CARRIED => self.carried.push(entry),
            (Write::EventSoon(_), Err(_)) => tracing::error!("an audit event is lost: too many wait"),
            (write, result) => write.settle(result),
        }
    }

    /// Remembers whether the database fails, and tells the operator when that changes.
    fn note(&self, result: &Result<(), StoreError>) {
        let fails = match result {
            Ok(()) => None,
            Err(StoreError::Rejected { .. }) => return,
            Err(error) => Some(error),
        };
        let failed = self.failing.swap(fails.is_some(), Ordering::Relaxed);
        match fails {
            Some(error) if !failed => {
                let causes = successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
                let causes = causes.collect::<Vec<_>>().join(": ");
                tracing::error!(%error, causes, "the database fails");
            }
            None if failed => tracing::info!("the database works again"),
            _ => {}
        }
    }

    async fn attempt(&mut self, writes: &mut [Write]) -> Result<(), StoreError> {
        // When the time is up the connection goes down with the attempt: whatever it was doing is rolled back.
        let result = timeout(STATEMENT_LIMIT, self.write(writes)).await;
        result.unwrap_or_else(|_| Err(StoreError::silence())).map_err(StoreError::at_work)
    }

    async fn write(&mut self, writes: &mut [Write]) -> Result<(), StoreError> {
        if let Some(mut connection) = self.connection.take() {
            match batch::write(&mut connection, &self.texts, writes).await {
                Ok(()) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                // It broke while nobody used it, as when PostgreSQL was started anew: once more, from the beginning.
                Err(failure) if !failure.perhaps_committed && self.connector.is_lost(&failure.error) => {}
                Err(failure) => return Err(self.connector.explain(failure.error)),
            }
        }
        let mut connection = self.connector.writer().await?;
        match batch::write(&mut connection, &self.texts, writes).await {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(failure) => Err(self.connector.explain(failure.error)),
        }
    }
}
