//! How often the projects of this server were downloaded within the last month, counted from the audit log.
//!
//! Counting costs downloads nothing: the log is written anyway, and is read on from where it was read last, when somebody
//! looks at a page. A million rows are not waited for: until all are read, the page says "at least".

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    names::{IndexName, ProjectName},
};
use daypass_store::{AuditQuery, AuditRow};

use crate::index::Shared;

/// How many days are counted.
const DAYS: i64 = 30;

/// How many rows are read at a time, and how long others may have the database in between.
const ROWS: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// For how long a count is good.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

/// How long a page waits for the count.
const PATIENCE: Duration = Duration::from_millis(200);

/// How many projects are counted; a few dozen bytes each.
const MOST_PROJECTS: usize = 200_000;

/// What was counted so far.
#[derive(Default)]
pub(crate) struct Downloads {
    tally: Mutex<Tally>,
    /// Whether somebody reads on just now.
    reading: AtomicBool,
}

#[derive(Default)]
struct Tally {
    /// Downloads of each day since the epoch.
    projects: HashMap<(IndexName, ProjectName), BTreeMap<i64, u64>>,
    after_seq: i64,
    /// When the end of the log was reached last.
    read_at: Option<Timestamp>,
}

/// A count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) number: u64,
    /// Whether all of the month was read.
    pub(super) complete: bool,
}

impl Downloads {
    /// The downloads of a project within the last month.
    pub(super) async fn of(shared: &Arc<Shared>, index: &IndexName, project: &ProjectName) -> Count {
        let now = shared.clock.now();
        if !shared.downloads.tally().is_fresh(now) && !shared.downloads.reading.swap(true, Ordering::AcqRel) {
            let turn = Turn(Arc::clone(shared));
            let reading = tokio::spawn(async move { read_on(&turn.0).await });
            // It goes on when nobody waits any more.
            let _ = tokio::time::timeout(PATIENCE, reading).await;
        }
        shared.downloads.tally().count(index, project, now)
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the log to its end.
async fn read_on(shared: &Shared) {
    let now = shared.clock.now();
    let since = now.saturating_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN);
    loop {
        let after_seq = shared.downloads.tally().after_seq;
        let query = AuditQuery { since: Some(since), after_seq, limit: ROWS, ..AuditQuery::default() };
        let rows = match shared.store.audit(&query).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "downloads cannot be counted");
                return;
            }
        };
        let all = rows.len() < ROWS as usize;
        shared.downloads.tally().take(&rows, all.then_some(now));
        if all {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Says that nobody reads any more, however that ended.
struct Turn(Arc<Shared>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.downloads.reading.store(false, Ordering::Release);
    }
}

impl Tally {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.read_at.is_some_and(|read_at| now.duration_since(read_at).abs() < FRESH)
    }

    /// Counts rows of the log; `end` where they are the last, as of then.
    fn take(&mut self, rows: &[AuditRow], end: Option<Timestamp>) {
        for row in rows {
            self.note(&row.event);
            self.after_seq = self.after_seq.max(row.seq);
        }
        if let Some(now) = end {
            self.forget_before(day(now) - DAYS);
            self.read_at = Some(now);
        }
    }

    fn note(&mut self, event: &AuditEvent) {
        if (event.kind, event.outcome) != (AuditKind::FileDownloaded, Outcome::Success) {
            return;
        }
        let (Some(index), Some(project)) = (&event.index, &event.project) else { return };
        let key = (index.clone(), project.clone());
        if self.projects.len() < MOST_PROJECTS || self.projects.contains_key(&key) {
            *self.projects.entry(key).or_default().entry(day(event.time)).or_default() += 1;
        }
    }

    fn forget_before(&mut self, first: i64) {
        self.projects.retain(|_, days| {
            days.retain(|day, _| *day > first);
            !days.is_empty()
        });
    }

    fn count(&self, index: &IndexName, project: &ProjectName, now: Timestamp) -> Count {
        let days = self.projects.get(&(index.clone(), project.clone()));
        let recent = days.into_iter().flat_map(|days| days.range(day(now) - DAYS + 1..));
        Count { number: recent.map(|(_, number)| number).sum(), complete: self.read_at.is_some() }
    }
}

/// The day since the epoch.
fn day(time: Timestamp) -> i64 {
    time.as_second().div_euclid(24 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn downloaded(time: &str, project: &str) -> AuditEvent {
        let time = time.parse().unwrap();
        let mut event = AuditEvent::new(time, AuditKind::FileDownloaded, Outcome::Success, "r");
        event.index = Some("python".parse().unwrap());
        event.project = Some(project.parse().unwrap());
        event
    }

    #[test]
    fn a_month_of_downloads_is_counted_and_forgotten() {
        let mut tally = Tally::default();
        for (time, project) in [
            ("2026-11-01T00:00:00Z", "acme"),
            ("2026-11-02T23:59:59Z", "acme"),
            ("2026-11-02T12:00:00Z", "other"),
            ("2026-10-01T12:00:00Z", "acme"),
        ] {
            tally.note(&downloaded(time, project));
        }
        let mut refused = downloaded("2026-11-02T12:00:00Z", "acme");
        refused.outcome = Outcome::Refused;
        tally.note(&refused);
        let index = "python".parse().unwrap();
        let count = |tally: &Tally, project: &str, now: &str| {
            tally.count(&index, &project.parse().unwrap(), now.parse().unwrap()).number
        };
        assert_eq!(count(&tally, "acme", "2026-11-02T23:59:59Z"), 2);
        assert_eq!(count(&tally, "other", "2026-11-02T23:59:59Z"), 1);
        assert_eq!(count(&tally, "nothing", "2026-11-02T23:59:59Z"), 0);
        assert_eq!(count(&tally, "acme", "2026-12-01T00:00:00Z"), 1, "the first of November is more than 30 days ago");
        tally.forget_before(day("2026-12-10T00:00:00Z".parse().unwrap()) - DAYS);
        assert!(tally.projects.is_empty());
    }
}
