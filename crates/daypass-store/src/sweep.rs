//! Forgetting what has ended by itself. The audit log, the catalogue, people and accounts are never swept.

use daypass_core::{SignedDuration, Timestamp};

use crate::{
    change::{Change, Done, Work},
    error::StoreError,
    store::Store,
};

/// How long spent proofs, revocations and codes are kept past their end. The clocks of replicas differ: what one
/// believes to have ended, another may still accept.
pub const KEPT_AFTER_END: SignedDuration = SignedDuration::from_mins(15);

/// How long device authorizations are kept past their end, so that a device that asks again is told what became of it.
pub const DEVICES_KEPT_AFTER_END: SignedDuration = SignedDuration::from_hours(1);

/// How long sessions, invites and pull tokens are kept past their end, so that whoever comes with one is told what became of it.
pub const TOLD_AFTER_END: SignedDuration = SignedDuration::from_hours(24);

/// Rows of one table that are deleted in one transaction: others wait meanwhile.
const PIECE: u64 = 2000;

/// What ended [`KEPT_AFTER_END`] ago. `$1` is that instant, `$2` the most rows.
const ENDED: [&str; 3] = [
    "DELETE FROM spent_proof WHERE digest IN \
     (SELECT digest FROM spent_proof WHERE until_us < $1 ORDER BY until_us LIMIT $2)",
    "DELETE FROM revocation WHERE (kind, subject) IN \
     (SELECT kind, subject FROM revocation WHERE expires_at_us < $1 ORDER BY expires_at_us LIMIT $2)",
    "DELETE FROM authorization_code WHERE digest IN \
     (SELECT digest FROM authorization_code WHERE expires_at_us < $1 ORDER BY expires_at_us LIMIT $2)",
];

/// What ended [`DEVICES_KEPT_AFTER_END`] ago.
const ENDED_DEVICES: &str = "DELETE FROM device_authorization WHERE digest IN \
     (SELECT digest FROM device_authorization WHERE expires_at_us < $1 ORDER BY expires_at_us LIMIT $2)";

/// What ended [`TOLD_AFTER_END`] ago. A session goes after its last refresh token: it may have very many.
const ENDED_LONG_AGO: [&str; 4] = [
    "DELETE FROM invite WHERE digest IN \
     (SELECT digest FROM invite WHERE expires_at_us < $1 ORDER BY expires_at_us LIMIT $2)",
    "DELETE FROM refresh_token WHERE digest IN \
     (SELECT t.digest FROM session s JOIN refresh_token t ON t.session = s.id WHERE s.over_at_us < $1 LIMIT $2)",
    "DELETE FROM session WHERE id IN \
     (SELECT id FROM session WHERE over_at_us < $1 \
      AND NOT EXISTS (SELECT 1 FROM refresh_token t WHERE t.session = session.id) ORDER BY over_at_us LIMIT $2)",
    "DELETE FROM pull_token WHERE digest IN \
     (SELECT digest FROM pull_token WHERE over_at_us < $1 ORDER BY over_at_us LIMIT $2)",
];

impl Store {
    /// Forgets what ended some time before `now`: spent proofs, revocations and codes [`KEPT_AFTER_END`] after their
    /// end; invites, pull tokens, sessions and their refresh tokens [`TOLD_AFTER_END`] after theirs. Returns how many rows it forgot.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let (before_us, long_before_us) = (ago(now, KEPT_AFTER_END), ago(now, TOLD_AFTER_END));
        let soon = ENDED.iter().map(|text| (*text, before_us));
        let late = ENDED_LONG_AGO.iter().map(|text| (*text, long_before_us));
        self.sweep_all(soon.chain(late).collect()).await
    }

    /// Forgets the device authorizations that ended [`DEVICES_KEPT_AFTER_END`] before `now`. Returns how many.
    ///
    /// Apart from [`sweep`](Store::sweep), because strangers make them, and nothing is safer for keeping them long: one
    /// that is not known lets nobody in.
    pub async fn sweep_devices(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.sweep_all(vec![(ENDED_DEVICES, ago(now, DEVICES_KEPT_AFTER_END))]).await
    }

    async fn sweep_all(&self, tables: Vec<(&'static str, i64)>) -> Result<u64, StoreError> {
        let mut rows = 0;
        loop {
            let swept = self.change(Sweep { tables: tables.clone() }).await?;
            rows += swept.rows;
            if !swept.more {
                return Ok(rows);
            }
        }
    }
}

/// In microseconds since the epoch.
fn ago(now: Timestamp, kept: SignedDuration) -> i64 {
    now.checked_sub(kept).unwrap_or(Timestamp::MIN).as_microsecond()
}

/// One piece of sweeping.
struct Sweep {
    /// What to delete, and what must have ended before when (microseconds).
    tables: Vec<(&'static str, i64)>,
}

/// What one piece of sweeping did.
struct Swept {
    rows: u64,
    more: bool,
}

impl Change for Sweep {
    type Outcome = Swept;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<Swept>, sqlx::Error> {
        let (mut rows, mut more) = (0, false);
        for (text, before_us) in &self.tables {
            let limit = i64::try_from(PIECE).unwrap_or(i64::MAX);
            let deleted = sqlx::query(*text).bind(*before_us).bind(limit).execute(&mut *work.connection).await?;
            rows += deleted.rows_affected();
            more |= deleted.rows_affected() >= PIECE;
        }
        Ok((Swept { rows, more }, None))
    }
}
