//! Signing keys, as the issuer sealed them. What is sealed how is the issuer's secret.

use std::{fmt, sync::Arc};

use daypass_core::{Timestamp, audit::AuditEvent};
use sqlx::{Row, any::AnyRow};

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    store::Store,
};

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, so that verifiers know it before it signs.
    Next,
    /// Signs.
    Active,
    /// Published until the last token that it signed has ended.
    Retired,
}

impl KeyState {
    /// The state as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired].into_iter().find(|state| state.as_str() == text)
    }
}

/// A signing key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// Counts up with every key; only one key can have a number.
    pub generation: i64,
    /// What it is used for.
    pub state: KeyState,
    /// The public half, a JWK as JSON.
    pub public_jwk: String,
    /// The private half, encrypted and as text.
    pub sealed_private: String,
    /// When it was made, kept to the microsecond.
    pub created_at: Timestamp,
}

/// Without the private half, sealed as it is.
impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("generation", &self.generation)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Returns all signing keys, the oldest generation first.
    pub async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = self
            .read(
                sqlx::query(
                    "SELECT kid, generation, state, public_jwk, sealed_private, created_at_us \
                     FROM signing_key ORDER BY generation",
                )
                .fetch_all(self.readers()),
            )
            .await?;
        rows.iter()
            .map(|row| {
                let generation: i64 = row.try_get(1).unwrap_or_default();
                let unreadable = || StoreError::Unreadable { table: "signing_key", row: generation.to_string() };
                read_row(row).ok().flatten().ok_or_else(unreadable)
            })
            .collect()
    }

    /// Adds a key and writes `event`; in one transaction, durable when this returns `true`.
    ///
    /// `false` when there is a key of this generation already (another replica was quicker: read
    /// [`signing_keys`](Store::signing_keys) again) or one of this `kid`; then `event` is not written.
    pub async fn add_signing_key(&self, key: StoredKey, event: AuditEvent) -> Result<bool, StoreError> {
        self.change(AddKey { key, event: Entry::new(&event)? }).await
    }
}

fn read_row(row: &AnyRow) -> Result<Option<StoredKey>, sqlx::Error> {
    let (state, created_at): (String, i64) = (row.try_get(2)?, row.try_get(5)?);
    let (Some(state), Ok(created_at)) = (KeyState::read(&state), Timestamp::from_microsecond(created_at)) else {
        return Ok(None);
    };
    Ok(Some(StoredKey {
        kid: row.try_get(0)?,
        generation: row.try_get(1)?,
        state,
        public_jwk: row.try_get(3)?,
        sealed_private: row.try_get(4)?,
        created_at,
    }))
}

/// A key on its way to the database.
struct AddKey {
    key: StoredKey,
    event: Arc<Entry>,
}

impl Change for AddKey {
    type Outcome = bool;

    /// Writes the key unless its generation or `kid` is taken.
    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let inserted = sqlx::query(
            "INSERT INTO signing_key (generation, kid, state, public_jwk, sealed_private, created_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(self.key.generation)
        .bind(&*self.key.kid)
        .bind(self.key.state.as_str())
        .bind(&*self.key.public_jwk)
        .bind(&*self.key.sealed_private)
        .bind(self.key.created_at.as_microsecond())
        .execute(&mut *work.connection)
        .await?;
        let added = inserted.rows_affected() == 1;
        Ok((added, added.then(|| Arc::clone(&self.event))))
    }
}
