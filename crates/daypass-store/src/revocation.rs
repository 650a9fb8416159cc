//! Revocations: access tokens that are refused before their end.

use daypass_core::{Timestamp, audit::AuditEvent};
use sqlx::{Any, Row, Transaction};

use crate::{audit::Entry, batch::Write, error::StoreError, store::Store};

/// An access token that is good no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revocation {
    /// Its `jti`.
    pub token_id: String,
    /// When it would have ended by itself (kept to the microsecond). Then the revocation may be forgotten.
    pub expires_at: Timestamp,
}

/// A revocation and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRow {
    /// The number of its event in the audit log. A row never appears before one that was read.
    pub seq: i64,
    /// What was revoked.
    pub revocation: Revocation,
}

impl Store {
    /// Revokes an access token and writes `event`; in one transaction, durable when this returns. Revoking twice is
    /// the same as once, with two events.
    pub async fn revoke(&self, revocation: Revocation, event: AuditEvent) -> Result<(), StoreError> {
        self.write(Write::Revocation, (revocation, Entry::new(&event)?)).await
    }

    /// Returns the revocations with a number above `seq`, in order; 0 for all.
    ///
    /// A reader that goes on from the last number it saw misses none, whoever writes: numbers become visible in order.
    pub async fn revocations_after(&self, seq: i64) -> Result<Vec<RevocationRow>, StoreError> {
        let rows: Vec<(i64, String, i64)> = self
            .read(async {
                sqlx::query("SELECT seq, token_id, expires_at_us FROM revocation WHERE seq > $1 ORDER BY seq")
                    .bind(seq)
                    .fetch_all(self.readers())
                    .await?
                    .into_iter()
                    .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
                    .collect()
            })
            .await?;
        rows.into_iter()
            .map(|(seq, token_id, expires_at_us)| match Timestamp::from_microsecond(expires_at_us) {
                Ok(expires_at) => Ok(RevocationRow { seq, revocation: Revocation { token_id, expires_at } }),
                Err(_) => Err(StoreError::Unreadable { table: "revocation", row: token_id }),
            })
            .collect()
    }
}

/// Writes a revocation. One that is there already is kept, with the later end of the two.
pub(crate) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    revocation: &Revocation,
    seq: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO revocation (token_id, expires_at_us, seq) VALUES ($1, $2, $3) \
         ON CONFLICT (token_id) DO UPDATE SET expires_at_us = excluded.expires_at_us, seq = excluded.seq \
         WHERE excluded.expires_at_us > revocation.expires_at_us",
    )
    .bind(&*revocation.token_id)
    .bind(revocation.expires_at.as_microsecond())
    .bind(seq)
    .execute(&mut **transaction)
    .await
    .map(drop)
}
