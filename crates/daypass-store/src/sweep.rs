//! Forgetting what has ended by itself. The audit log and the catalogue are never swept.

use daypass_core::{SignedDuration, Timestamp};
use sqlx::{Any, Transaction};

use crate::{batch::Write, error::StoreError, store::Store};

/// How long spent proofs and revocations are kept past their end. The clocks of replicas differ: what one believes
/// to have ended, another may still accept.
pub const KEPT_AFTER_END: SignedDuration = SignedDuration::from_mins(15);

/// Rows of one table that are deleted in one transaction: others wait meanwhile.
const PIECE: u64 = 2000;

impl Store {
    /// Forgets spent proofs and revocations that ended [`KEPT_AFTER_END`] before `now`; returns how many.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let before = now.checked_sub(KEPT_AFTER_END).unwrap_or(Timestamp::MIN);
        let mut rows = 0;
        loop {
            let swept = self.write(Write::Sweep, before.as_microsecond()).await?;
            rows += swept.rows;
            if !swept.more {
                return Ok(rows);
            }
        }
    }
}

/// What one piece of sweeping did.
pub(crate) struct Swept {
    rows: u64,
    more: bool,
}

/// Deletes one piece of what ended before `before_us`.
pub(crate) async fn delete(transaction: &mut Transaction<'_, Any>, before_us: i64) -> Result<Swept, sqlx::Error> {
    let (mut rows, mut more) = (0, false);
    for text in [
        "DELETE FROM spent_proof WHERE digest IN \
         (SELECT digest FROM spent_proof WHERE until_us < $1 ORDER BY until_us LIMIT $2)",
        "DELETE FROM revocation WHERE token_id IN \
         (SELECT token_id FROM revocation WHERE expires_at_us < $1 ORDER BY expires_at_us LIMIT $2)",
    ] {
        let limit = i64::try_from(PIECE).unwrap_or(i64::MAX);
        let deleted = sqlx::query(text).bind(before_us).bind(limit).execute(&mut **transaction).await?.rows_affected();
        rows += deleted;
        more |= deleted >= PIECE;
    }
    Ok(Swept { rows, more })
}
