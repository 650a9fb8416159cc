//! Signing keys, as the issuer sealed them. What is sealed how is the issuer's secret.
//!
//! What is *not* here: which key is to do what when (`daypass_core::key_rotation`).

use std::{fmt, sync::Arc};

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    key_rotation::{Key, KeyState},
};
use sqlx::{AnyConnection, Row};

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    rows::{Boxed, Columns},
    store::Store,
};

/// A signing key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Counts up with every key; only one key can have a number.
    pub generation: i64,
    /// Its RFC 7638 thumbprint, its state, and since when (kept to the microsecond).
    pub key: Key,
    /// The public half, a JWK as JSON.
    pub public_jwk: String,
    /// The private half, encrypted and as text. A retired key has none.
    pub sealed_private: Option<String>,
    /// When it was made, kept to the microsecond.
    pub created_at: Timestamp,
}

/// Without the private half, sealed as it is.
impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("generation", &self.generation)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What is to become of one signing key.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// It is new.
    Add(StoredKey),
    /// The next key `kid` is active from an instant on.
    Activate(String, Timestamp),
    /// The active key `kid` is retired from an instant on, and its private half is dropped.
    Retire(String, Timestamp),
    /// The key `kid` is forgotten, whatever its state.
    Remove(String),
}

impl Store {
    /// Returns all signing keys, the oldest generation first.
    pub async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let query = sqlx::query(
            "SELECT kid, state, since_us, generation, public_jwk, sealed_private, created_at_us \
             FROM signing_key ORDER BY generation",
        );
        self.find_all("signing_key", query, read_row).await
    }

    /// Makes all of `changes` and writes their events; in one transaction, durable when this returns `true`.
    ///
    /// `false` when the keys are not those that were `seen` any more: somebody was quicker (read
    /// [`signing_keys`](Store::signing_keys) again and think again). Then nothing is written. So it is when a change
    /// makes no sense for the keys that were seen.
    pub async fn change_signing_keys(
        &self,
        seen: &[StoredKey],
        changes: Vec<(KeyChange, AuditEvent)>,
    ) -> Result<bool, StoreError> {
        let seen = seen.iter().map(|key| (key.generation, key.key.kid.clone(), key.key.state)).collect();
        let with_entry = |(change, event): (KeyChange, AuditEvent)| Ok((change, Entry::new(&event)?));
        let changes = changes.into_iter().map(with_entry).collect::<Result<_, StoreError>>()?;
        self.change(ChangeKeys { seen, changes }).await
    }
}

fn read_row(columns: &mut Columns<'_>) -> Result<StoredKey, Boxed> {
    let key = Key { kid: columns.take()?, state: columns.parsed()?, since: columns.time()? };
    let (generation, public_jwk) = (columns.take()?, columns.take()?);
    let sealed_private: String = columns.take()?;
    let sealed_private = Some(sealed_private).filter(|sealed| !sealed.is_empty());
    Ok(StoredKey { generation, key, public_jwk, sealed_private, created_at: columns.time()? })
}

/// Changes on their way to the database.
struct ChangeKeys {
    /// Generation, `kid` and state of all keys that the changes were thought out for.
    seen: Vec<(i64, String, KeyState)>,
    changes: Vec<(KeyChange, Arc<Entry>)>,
}

impl Change for ChangeKeys {
    type Outcome = bool;

    /// Compares and swaps. Whoever writes holds the row of `sequence`, so nobody comes between the two.
    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let rows = sqlx::query("SELECT generation, kid, state FROM signing_key ORDER BY generation")
            .fetch_all(&mut *work.connection)
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push((row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?, row.try_get::<String, _>(2)?));
        }
        let seen = self.seen.iter().map(|(generation, kid, state)| (*generation, kid.as_str(), state.as_str()));
        if !found.iter().map(|(generation, kid, state)| (*generation, kid.as_str(), state.as_str())).eq(seen)
            || !self.changes.iter().all(|(change, _)| self.is_possible(change))
        {
            return Ok((false, None));
        }
        let mut first = None;
        for (change, entry) in &self.changes {
            make(work.connection, change).await?;
            if first.is_none() {
                first = Some(Arc::clone(entry));
            } else {
                work.also(entry).await?;
            }
        }
        Ok((true, first))
    }
}

impl ChangeKeys {
    /// Whether a change can be made to the keys that were seen.
    fn is_possible(&self, change: &KeyChange) -> bool {
        let is = |wanted: &str, state| self.seen.iter().any(|(_, kid, found)| kid == wanted && *found == state);
        match change {
            KeyChange::Add(new) => {
                self.seen.iter().all(|(generation, kid, _)| *generation < new.generation && *kid != new.key.kid)
            }
            KeyChange::Activate(kid, _) => is(kid, KeyState::Next),
            KeyChange::Retire(kid, _) => is(kid, KeyState::Active),
            KeyChange::Remove(kid) => self.seen.iter().any(|(_, found, _)| found == kid),
        }
    }
}

async fn make(connection: &mut AnyConnection, change: &KeyChange) -> Result<(), sqlx::Error> {
    let query = match change {
        KeyChange::Add(new) => sqlx::query(
            "INSERT INTO signing_key (generation, kid, state, since_us, public_jwk, sealed_private, created_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new.generation)
        .bind(&*new.key.kid)
        .bind(new.key.state.as_str())
        .bind(new.key.since.as_microsecond())
        .bind(&*new.public_jwk)
        .bind(new.sealed_private.as_deref().unwrap_or_default())
        .bind(new.created_at.as_microsecond()),
        KeyChange::Activate(kid, at) => {
            sqlx::query("UPDATE signing_key SET state = 'active', since_us = $1 WHERE kid = $2")
                .bind(at.as_microsecond())
                .bind(&**kid)
        }
        KeyChange::Retire(kid, at) => {
            sqlx::query("UPDATE signing_key SET state = 'retired', since_us = $1, sealed_private = '' WHERE kid = $2")
                .bind(at.as_microsecond())
                .bind(&**kid)
        }
        KeyChange::Remove(kid) => sqlx::query("DELETE FROM signing_key WHERE kid = $1").bind(&**kid),
    };
    query.execute(connection).await.map(drop)
}
