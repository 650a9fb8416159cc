//! Policy objects: issuers, identities and roles that were made over the API. What they mean is not known here.

use daypass_core::{Timestamp, audit::AuditEvent};
use sqlx::Row;

use crate::{
    audit::Entry,
    batch::{Texts, record, take_numbers},
    change::{Change, Done, Work},
    error::StoreError,
    store::Store,
};

/// A policy object as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyObject {
    /// What it is: `issuer`, `identity`, `role`.
    pub kind: String,
    /// Its name, unique in its kind.
    pub name: String,
    /// How it is written, as JSON.
    pub body: String,
    /// When it was changed last, kept to the microsecond.
    pub updated_at: Timestamp,
}

/// All policy objects, as they were at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyObjects {
    /// Grows with every change; 0 before the first.
    pub version: i64,
    /// By kind and name.
    pub objects: Vec<PolicyObject>,
}

/// A policy object that comes, changes or goes.
#[derive(Debug, Clone)]
pub struct ChangeObject {
    /// What it is.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// How it is written from now on; `None`: it goes.
    pub body: Option<String>,
    /// What the audit log says of it.
    pub event: AuditEvent,
}

/// What became of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyChanged {
    /// All were made; this is the version now.
    Changed(i64),
    /// Somebody else was quicker; nothing was changed, and this is the version now.
    Stale(i64),
}

impl Store {
    /// The version of the policy objects: cheap, to be asked each second.
    pub async fn policy_version(&self) -> Result<i64, StoreError> {
        self.read(sqlx::query_scalar(VERSION).fetch_one(self.readers())).await
    }

    /// Returns all policy objects.
    pub async fn policy_objects(&self) -> Result<PolicyObjects, StoreError> {
        // In one statement, so that the version is the one of these rows.
        let query = sqlx::query(
            "SELECT s.last_seq, o.kind, o.name, o.body, o.updated_at_us FROM sequence s \
             LEFT JOIN policy_object o ON o.seq <= s.last_seq WHERE s.name = 'policy' ORDER BY o.kind, o.name",
        );
        let rows = self.read(query.fetch_all(self.readers())).await?;
        let unreadable = |row: String| StoreError::Unreadable { table: "policy_object", row };
        let mut all = PolicyObjects::default();
        for row in &rows {
            let number = |column: usize| row.try_get::<i64, _>(column);
            all.version = number(0).map_err(|_| unreadable("version".to_owned()))?;
            let text = |column: usize| row.try_get::<Option<String>, _>(column).ok().flatten();
            let Some(name) = text(2) else { continue };
            let updated_at = number(4).ok().and_then(|time| Timestamp::from_microsecond(time).ok());
            match (text(1), text(3), updated_at) {
                (Some(kind), Some(body), Some(updated_at)) => {
                    all.objects.push(PolicyObject { kind, name, body, updated_at });
                }
                _ => return Err(unreadable(name)),
            }
        }
        Ok(all)
    }

    /// Makes all `changes` and writes their events, or none of them; durable when this returns.
    ///
    /// `expected` is the version that the changes were made for: whoever comes second is told so, and nothing is changed.
    /// Nothing to change is a change of nothing.
    pub async fn change_policy(
        &self,
        expected: i64,
        at: Timestamp,
        changes: Vec<ChangeObject>,
    ) -> Result<PolicyChanged, StoreError> {
        if changes.is_empty() {
            let version = self.policy_version().await?;
            let stale = version != expected;
            return Ok(if stale { PolicyChanged::Stale(version) } else { PolicyChanged::Changed(version) });
        }
        let events = changes.iter().map(|change| Entry::new(&change.event)).collect::<Result<_, _>>()?;
        self.change(ChangePolicy { expected, at_us: at.as_microsecond(), changes, events }).await
    }
}

const VERSION: &str = "SELECT last_seq FROM sequence WHERE name = 'policy'";

/// Changes on their way to the database.
struct ChangePolicy {
    expected: i64,
    at_us: i64,
    changes: Vec<ChangeObject>,
    events: Vec<std::sync::Arc<Entry>>,
}

impl Change for ChangePolicy {
    type Outcome = PolicyChanged;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<PolicyChanged>, sqlx::Error> {
        let version: i64 = sqlx::query_scalar(VERSION).fetch_one(&mut *work.connection).await?;
        if version != self.expected {
            return Ok((PolicyChanged::Stale(version), None));
        }
        // Each change has an event of its own. This transaction holds the numbers, so these come after all of its batch.
        let first = take_numbers(work.connection, self.changes.len()).await?;
        let mut last = version;
        for (seq, change) in (first..).zip(&self.changes) {
            let query = match &change.body {
                Some(body) => sqlx::query(
                    "INSERT INTO policy_object (kind, name, body, updated_at_us, seq) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, \
                     updated_at_us = excluded.updated_at_us, seq = excluded.seq",
                )
                .bind(change.kind)
                .bind(&*change.name)
                .bind(&**body)
                .bind(self.at_us)
                .bind(seq),
                None => sqlx::query("DELETE FROM policy_object WHERE kind = $1 AND name = $2")
                    .bind(change.kind)
                    .bind(&*change.name),
            };
            query.execute(&mut *work.connection).await?;
            last = seq;
        }
        let rows: Vec<_> = (first..).zip(self.events.iter().cloned()).collect();
        record(work.connection, &Texts::new(), &rows).await?;
        sqlx::query("UPDATE sequence SET last_seq = $1 WHERE name = 'policy'")
            .bind(last)
            .execute(&mut *work.connection)
            .await?;
        Ok((PolicyChanged::Changed(last), None))
    }
}
