//! The audit log: written once, never changed.

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::{AuditEvent, AuditKind},
};
use sqlx::Row;

use crate::{
    batch::Write,
    error::{Cause, StoreError},
    store::Store,
};

/// Which lines of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Events at or after this instant.
    pub since: Option<Timestamp>,
    /// Events before this instant.
    pub until: Option<Timestamp>,
    /// Rows after this one. 0 for the first page; then the last `seq` of the page before.
    pub after_seq: i64,
    /// At most so many rows.
    pub limit: u32,
}

impl Default for AuditQuery {
    /// The first 1,000 of all.
    fn default() -> Self {
        Self { since: None, until: None, after_seq: 0, limit: 1000 }
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number: grows, with gaps. A row never appears before one that was read.
    pub seq: i64,
    /// What happened.
    pub event: AuditEvent,
}

impl Store {
    /// Writes one event; durable when this returns.
    pub async fn record(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.write(Write::Event, Entry::new(&event)?).await
    }

    /// Queues one event that nobody waits for; it is written with the next batch. Does not block.
    ///
    /// While the database fails, queued events are kept and tried again (then one may be written twice, where a
    /// commit's answer was lost), up to a bound.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many wait, [`StoreError::Unavailable`] while the database fails or after
    /// [`close`](Store::close): the event is not queued.
    #[expect(clippy::needless_pass_by_value, reason = "as `record`, so that a caller can change its mind")]
    pub fn record_soon(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.queue().send_soon(Write::EventSoon(Entry::new(&event)?))
    }

    /// Reads the audit log in order of `seq`.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.audit_of(query, None).await
    }

    /// Reads the events of one kind, or all, in order of `seq`.
    pub async fn audit_of(&self, query: &AuditQuery, kind: Option<AuditKind>) -> Result<Vec<AuditRow>, StoreError> {
        let since_us = query.since.map_or(i64::MIN, Timestamp::as_microsecond);
        let until_us = query.until.map_or(i64::MAX, Timestamp::as_microsecond);
        // A `+` keeps a column out of the choice of index, in both databases. Without it SQLite walks the numbers from
        // the beginning to find the first of a time, and sorts all of a time to find the first of the numbers.
        let work = async {
            let mut after_seq = query.after_seq;
            if after_seq <= 0 && query.since.is_some() {
                // Find the first row by the index on time; pages after it go by `seq` and need not look back.
                let first: Option<i64> = sqlx::query_scalar("SELECT MIN(+seq) FROM audit WHERE time_us >= $1")
                    .bind(since_us)
                    .fetch_one(self.readers())
                    .await?;
                let Some(first) = first else { return Ok(Vec::new()) };
                after_seq = first - 1;
            }
            let rows = match kind {
                None => sqlx::query(
                    "SELECT seq, event FROM audit WHERE seq > $1 AND +time_us >= $2 AND +time_us < $3 \
                     ORDER BY seq LIMIT $4",
                ),
                Some(_) => sqlx::query(
                    "SELECT seq, event FROM audit WHERE seq > $1 AND +time_us >= $2 AND +time_us < $3 AND kind = $5 \
                     ORDER BY seq LIMIT $4",
                ),
            };
            let rows = rows.bind(after_seq).bind(since_us).bind(until_us).bind(i64::from(query.limit));
            let rows = match kind {
                None => rows,
                Some(kind) => rows.bind(kind.as_str()),
            };
            rows.fetch_all(self.readers())
                .await?
                .into_iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect()
        };
        let rows: Vec<(i64, String)> = self.read(work).await?;
        rows.into_iter().map(|(seq, event)| read_row(seq, &event)).collect()
    }
}

fn read_row(seq: i64, event: &str) -> Result<AuditRow, StoreError> {
    match serde_json::from_str(event) {
        Ok(event) => Ok(AuditRow { seq, event }),
        Err(_) => Err(StoreError::Unreadable { table: "audit", row: seq.to_string() }),
    }
}

/// An event as it is written.
pub(crate) struct Entry {
    pub(crate) time_us: i64,
    pub(crate) kind: &'static str,
    pub(crate) event: String,
}

impl Entry {
    pub(crate) fn new(event: &AuditEvent) -> Result<Arc<Self>, StoreError> {
        let (time_us, kind) = (event.time.as_microsecond(), event.kind.as_str());
        match serde_json::to_string(event) {
            Ok(event) => Ok(Arc::new(Self { time_us, kind, event })),
            Err(error) => Err(StoreError::Rejected { cause: Cause::new(error) }),
        }
    }
}
