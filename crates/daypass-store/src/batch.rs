//! One transaction for many writes, and how rows get their numbers.
//!
//! Every transaction first takes its numbers from the one row of `sequence`, and so holds that row until it commits.
//! That does three things, on both databases with the same text:
//!
//! * Numbers become visible in order. A reader that has seen row 7 has seen all before it, and none can appear
//!   there later: whoever got 6 had committed before 7 was given out. "Rows after 7" never misses one, which is what
//!   revocation within five seconds rests on. (PostgreSQL's own identity columns do not promise this: they number
//!   rows when they are written, not when they are committed.)
//! * Batches of several replicas follow one another, so they cannot deadlock on the rows they insert.
//! * No `AUTOINCREMENT` here and `GENERATED` there.
//!
//! The price: replicas commit one after the other. With up to 512 exchanges in a commit, that is no narrow place.
//! Numbers have gaps where a transaction took more than it needed (a key that was there already) or failed.

use std::{collections::HashSet, sync::Arc};

use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection, Row, Transaction};

use crate::{
    audit::Entry,
    change::{Counted, Pending, Queued, Work},
    error::StoreError,
    exchange::{Exchange, Spend},
    many_rows::ManyRows,
};

/// Something to write, and who waits for it.
pub(crate) enum Write {
    Exchange(Pending<Exchange, Spend>),
    Event(Pending<Arc<Entry>, ()>),
    /// Nobody waits.
    EventSoon(Arc<Entry>),
    /// Everything else.
    Change(Box<dyn Queued>),
}

impl Write {
    /// Whether the waiter gave up before anything was done.
    pub(crate) fn is_abandoned(&self) -> bool {
        match self {
            Self::Exchange(pending) => pending.is_abandoned(),
            Self::Event(pending) => pending.is_abandoned(),
            Self::EventSoon(_) => false,
            Self::Change(change) => change.is_abandoned(),
        }
    }

    /// Answers the waiter: the outcome if the transaction was committed, else the error.
    pub(crate) fn settle(self, result: Result<(), StoreError>) {
        match self {
            Self::Exchange(pending) => pending.settle(result),
            Self::Event(pending) => pending.settle(result),
            Self::EventSoon(_) => {}
            Self::Change(change) => change.settle(result),
        }
    }
}

/// The texts with many rows.
pub(crate) struct Texts {
    audit: ManyRows,
    spent: ManyRows,
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self {
            audit: ManyRows::new("INSERT INTO audit (seq, time_us, kind, event) VALUES", 4, ""),
            spent: ManyRows::new(
                "INSERT INTO spent_proof (digest, until_us, seq) VALUES",
                3,
                "ON CONFLICT DO NOTHING RETURNING digest",
            ),
        }
    }
}

/// Why a batch was not committed, or may not have been.
pub(crate) struct Failure {
    pub(crate) error: sqlx::Error,
    /// The commit was sent: what happened to it, nobody knows.
    pub(crate) perhaps_committed: bool,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self { error, perhaps_committed: false }
    }
}

/// Writes all of `writes` in one transaction, and notes their outcomes in them.
pub(crate) async fn write(connection: &mut AnyConnection, texts: &Texts, writes: &mut [Write]) -> Result<(), Failure> {
    let mut transaction = connection.begin().await?;
    let first = take_numbers(&mut transaction, writes.len()).await?;
    let numbered = || (first..).zip(writes.iter());
    let mut fresh = spend(&mut transaction, texts, numbered()).await?;

    let mut rows = Vec::with_capacity(writes.len());
    let mut counted = Counted::default();
    for (seq, write) in (first..).zip(writes.iter_mut()) {
        match write {
            Write::Exchange(Pending { input, outcome, .. }) => {
                // Of equal proofs in one batch the first takes the digest, the others find it taken.
                let spend = if fresh.remove(&input.digest) { Spend::First } else { Spend::Replayed };
                rows.push((seq, input.entry(spend)?));
                *outcome = Some(spend);
            }
            Write::Event(Pending { input, outcome, .. }) => {
                rows.push((seq, Arc::clone(input)));
                *outcome = Some(());
            }
            Write::EventSoon(entry) => rows.push((seq, Arc::clone(entry))),
            Write::Change(change) => {
                let mut work = Work { connection: &mut transaction, seq, counted: &mut counted };
                rows.extend(change.apply(&mut work).await?.map(|entry| (seq, entry)));
            }
        }
    }
    record(&mut transaction, texts, &rows).await?;
    transaction.commit().await.map_err(|error| Failure { error, perhaps_committed: true })
}

/// Writes lines of the audit log.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    texts: &Texts,
    rows: &[(i64, Arc<Entry>)],
) -> Result<(), sqlx::Error> {
    for (text, rows) in texts.audit.cut(rows) {
        let mut insert = sqlx::query(AssertSqlSafe(text));
        for (seq, entry) in rows {
            insert = insert.bind(seq).bind(entry.time_us).bind(entry.kind).bind(&*entry.event);
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes `count` numbers and the right to write; returns the first number.
pub(crate) async fn take_numbers(connection: &mut AnyConnection, count: usize) -> Result<i64, sqlx::Error> {
    let count = i64::try_from(count).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let last: i64 =
        sqlx::query_scalar("UPDATE sequence SET last_seq = last_seq + $1 WHERE name = 'audit' RETURNING last_seq")
            .bind(count)
            .fetch_one(connection)
            .await?;
    Ok(last - count + 1)
}

/// Writes the spent proofs; returns the digests that were not there before.
async fn spend(
    transaction: &mut Transaction<'_, Any>,
    texts: &Texts,
    writes: impl Iterator<Item = (i64, &Write)>,
) -> Result<HashSet<String>, sqlx::Error> {
    let rows: Vec<_> = writes
        .filter_map(|(seq, write)| match write {
            Write::Exchange(pending) => Some((seq, &pending.input)),
            _ => None,
        })
        .collect();
    let mut fresh = HashSet::with_capacity(rows.len());
    for (text, rows) in texts.spent.cut(&rows) {
        let mut insert = sqlx::query(AssertSqlSafe(text));
        for (seq, exchange) in rows {
            insert = insert.bind(&*exchange.digest).bind(exchange.until_us).bind(seq);
        }
        for row in insert.fetch_all(&mut **transaction).await? {
            fresh.insert(row.try_get(0)?);
        }
    }
    Ok(fresh)
}
