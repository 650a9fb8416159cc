//! Spent proofs: an outside token is exchanged once, or as often as its issuer may have it.

use std::sync::Arc;

use daypass_core::{Timestamp, audit::AuditEvent, digest::Sha256Hasher, issuer::Replay};

use crate::{
    audit::Entry,
    batch::Write,
    change::{Change, Done, Work},
    error::StoreError,
    store::Store,
};

/// What proves that an outside token is the same one again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentProof {
    /// The outside issuer's URL: a `jti` is unique per issuer only (RFC 7519 §4.1.7).
    pub issuer: String,
    /// `jti:…`, or `sha256:…` of a token without one.
    pub proof: String,
    /// Until when the token could be believed, leeway included. Then it may be forgotten.
    pub until: Timestamp,
    /// How often it may be spent.
    pub replay: Replay,
}

/// Whether a proof was spent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// It was not; now it is.
    First,
    /// It was.
    Replayed,
}

impl Store {
    /// Spends `proof` and writes `granted` to the audit log, or `replayed` if it was spent as often as it may be;
    /// in one transaction, durable when this returns.
    ///
    /// # Errors
    /// On any error hand out nothing: the proof may or may not be spent.
    pub async fn record_exchange(
        &self,
        proof: SpentProof,
        granted: AuditEvent,
        replayed: AuditEvent,
    ) -> Result<Spend, StoreError> {
        match proof.replay {
            Replay::Once => {}
            Replay::Bounded(limit) => {
                let until_us = proof.until.as_microsecond();
                let (granted, replayed) = (Entry::new(&granted)?, Entry::new(&replayed)?);
                return self.change(CountUse { digest: digest(&proof), until_us, limit, granted, replayed }).await;
            }
            Replay::Off => return self.record(granted).await.map(|()| Spend::First),
        }
        let exchange = Exchange {
            digest: digest(&proof),
            until_us: proof.until.as_microsecond(),
            granted: Entry::new(&granted)?,
            replayed: Box::new(replayed),
        };
        self.write(Write::Exchange, exchange).await
    }
}

/// An exchange on its way to the database.
pub(crate) struct Exchange {
    pub(crate) digest: String,
    pub(crate) until_us: i64,
    granted: Arc<Entry>,
    /// Put into words only when it happened, which is rare.
    replayed: Box<AuditEvent>,
}

impl Exchange {
    /// The line of the audit log for this outcome.
    pub(crate) fn entry(&self, spend: Spend) -> Result<Arc<Entry>, sqlx::Error> {
        match spend {
            Spend::First => Ok(Arc::clone(&self.granted)),
            Spend::Replayed => Entry::new(&self.replayed).map_err(|error| sqlx::Error::Encode(error.into())),
        }
    }
}

/// One more use of a proof, on its way to the database.
struct CountUse {
    digest: String,
    until_us: i64,
    limit: u32,
    granted: Arc<Entry>,
    replayed: Arc<Entry>,
}

impl Change for CountUse {
    type Outcome = Spend;

    /// Counts it, unless there were as many as may be.
    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<Spend>, sqlx::Error> {
        let counted = sqlx::query(
            "INSERT INTO spent_proof (digest, until_us, seq, uses) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (digest) DO UPDATE SET uses = spent_proof.uses + 1 WHERE spent_proof.uses < $4",
        )
        .bind(&*self.digest)
        .bind(self.until_us)
        .bind(work.seq)
        .bind(i64::from(self.limit))
        .execute(&mut *work.connection)
        .await?;
        match counted.rows_affected() {
            0 => Ok((Spend::Replayed, Some(Arc::clone(&self.replayed)))),
            _ => Ok((Spend::First, Some(Arc::clone(&self.granted)))),
        }
    }
}

/// One short key for both parts: a NUL cannot be part of a URL, so no two pairs run together.
fn digest(proof: &SpentProof) -> String {
    let mut hasher = Sha256Hasher::new();
    hasher.update(proof.issuer.as_bytes());
    hasher.update(b"\0");
    hasher.update(proof.proof.as_bytes());
    hasher.finish().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_different_issuers_are_different() {
        let of = |issuer: &str, proof: &str| {
            digest(&SpentProof {
                issuer: issuer.to_owned(),
                proof: proof.to_owned(),
                until: Timestamp::UNIX_EPOCH,
                replay: Replay::Once,
            })
        };
        assert_eq!(of("https://a.example.com", "jti:1"), of("https://a.example.com", "jti:1"));
        assert_ne!(of("https://a.example.com", "jti:1"), of("https://b.example.com", "jti:1"));
        assert_ne!(of("https://a.example.com", "jti:1"), of("https://a.example.com", "jti:2"));
        assert_ne!(of("https://a.example.com/x", "y"), of("https://a.example.com/", "xy"));
    }
}
