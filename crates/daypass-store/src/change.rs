//! A change: what one caller wants done within the transaction of a batch, and what became of it.
//!
//! What is *not* here: the changes (each lives beside what it changes), and the two kinds of write that go out in
//! statements of many rows (`batch`).

use std::{future::Future, pin::Pin, sync::Arc};

use sqlx::AnyConnection;
use tokio::sync::oneshot;

use crate::{audit::Entry, batch, error::StoreError};

/// The transaction that a change is made in.
pub(crate) struct Work<'a> {
    /// Its connection.
    pub(crate) connection: &'a mut AnyConnection,
    /// The number of the change's event in the audit log.
    pub(crate) seq: i64,
    /// What the batch has counted so far.
    pub(crate) counted: &'a mut Counted,
}

impl Work<'_> {
    /// Writes one more line of the audit log, for a change that is more than one event. Its number is taken here, and is
    /// above those of the batch.
    pub(crate) async fn also(&mut self, entry: &Entry) -> Result<(), sqlx::Error> {
        let seq = batch::take_numbers(self.connection, 1).await?;
        sqlx::query("INSERT INTO audit (seq, time_us, kind, event) VALUES ($1, $2, $3, $4)")
            .bind(seq)
            .bind(entry.time_us)
            .bind(entry.kind)
            .bind(&*entry.event)
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }
}

/// What is counted once per batch, and kept up to date by those who change it.
#[derive(Default)]
pub(crate) struct Counted {
    /// Device authorizations that have not expired.
    pub(crate) open_devices: Option<i64>,
}

/// What became of a change, and its line of the audit log, if there is one.
pub(crate) type Done<O> = (O, Option<Arc<Entry>>);

/// Something that is done in a transaction with others. It may be done again when the transaction was rolled back.
pub(crate) trait Change: Send + Sync + 'static {
    /// What the caller is told after the commit.
    type Outcome: Send + Sync;

    /// Does it. An error takes the whole batch back.
    fn apply(&self, work: &mut Work<'_>) -> impl Future<Output = Result<Done<Self::Outcome>, sqlx::Error>> + Send;
}

/// An input that will get its outcome in the transaction, and be answered after the commit.
pub(crate) struct Pending<I, O> {
    pub(crate) input: I,
    pub(crate) outcome: Option<O>,
    answer: oneshot::Sender<Result<O, StoreError>>,
}

impl<I, O> Pending<I, O> {
    pub(crate) fn new(input: I) -> (Self, oneshot::Receiver<Result<O, StoreError>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { input, outcome: None, answer }, receiver)
    }

    /// Whether the waiter gave up before anything was done.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    /// Answers the waiter: the outcome if the transaction was committed, else the error.
    pub(crate) fn settle(self, result: Result<(), StoreError>) {
        let result = result.and_then(|()| self.outcome.ok_or(StoreError::silence()));
        // Nobody there: the waiter gave up, and what was written is as good as unanswered.
        let _ = self.answer.send(result);
    }
}

type Applied<'a> = Pin<Box<dyn Future<Output = Result<Option<Arc<Entry>>, sqlx::Error>> + Send + 'a>>;

/// Any change in the queue.
pub(crate) trait Queued: Send + Sync {
    fn is_abandoned(&self) -> bool;
    fn apply<'a>(&'a mut self, work: &'a mut Work<'_>) -> Applied<'a>;
    fn settle(self: Box<Self>, result: Result<(), StoreError>);
}

impl<C: Change> Queued for Pending<C, C::Outcome> {
    fn is_abandoned(&self) -> bool {
        self.is_abandoned()
    }

    fn apply<'a>(&'a mut self, work: &'a mut Work<'_>) -> Applied<'a> {
        Box::pin(async move {
            let (outcome, event) = self.input.apply(work).await?;
            self.outcome = Some(outcome);
            Ok(event)
        })
    }

    fn settle(self: Box<Self>, result: Result<(), StoreError>) {
        (*self).settle(result);
    }
}

/// A change that nobody waits for, and that is lost when its batch fails.
pub(crate) struct Unwaited<C>(pub(crate) C);

impl<C: Change> Queued for Unwaited<C> {
    fn is_abandoned(&self) -> bool {
        false
    }

    fn apply<'a>(&'a mut self, work: &'a mut Work<'_>) -> Applied<'a> {
        Box::pin(async move { Ok(self.0.apply(work).await?.1) })
    }

    fn settle(self: Box<Self>, result: Result<(), StoreError>) {
        if let Err(error) = result {
            tracing::debug!(%error, "a change that nobody waited for is lost");
        }
    }
}
