//! The pull tokens there are, so that a request with one costs a hash and a look into a map.
//!
//! What is *not* here: how they are learned (`following`), and what one is worth (`daypass_core::pull_token`).

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use daypass_core::{SignedDuration, Timestamp, digest::Sha256, pull_token::PullToken};
use daypass_store::{PullTokenRow, USE_NOTED_EVERY};

/// For how long a pull token is remembered after its end, so that its holder is told. A clock that was wrong and is put
/// right makes it young again, and its row is read only once.
const LONGER: SignedDuration = SignedDuration::from_hours(24);

/// Everything that was made and has not been over for long. The store bounds how many there can be.
#[derive(Debug, Clone, Default)]
pub(crate) struct PullTokens(HashMap<Sha256, Arc<Known>>);

/// A pull token as the store said it is. Another one takes its place when that changes.
#[derive(Debug)]
pub(crate) struct Known {
    /// What it is.
    pub pull_token: PullToken,
    /// When its use was noted last, in seconds since the epoch.
    noted: AtomicI64,
}

impl PullTokens {
    /// The pull token with that digest.
    pub(crate) fn find(&self, digest: &Sha256) -> Option<&Arc<Known>> {
        self.0.get(digest)
    }

    /// Takes in what is new or has changed, and forgets what has been over for long.
    pub(crate) fn follow(&mut self, rows: Vec<PullTokenRow>, now: Timestamp) {
        for PullTokenRow { digest, pull_token, .. } in rows {
            let noted = pull_token.used_at.map_or(i64::MIN, Timestamp::as_second);
            self.0.insert(digest, Arc::new(Known { pull_token, noted: AtomicI64::new(noted) }));
        }
        let is_live = |known: &Known| {
            let PullToken { revoked_at, expires_at, .. } = known.pull_token;
            now.duration_since(revoked_at.unwrap_or(expires_at)) < LONGER
        };
        self.0.retain(|_, known| is_live(known));
    }
}

impl Known {
    /// Whether a use at `now` is to be noted: the last one that was is long enough ago. Then it counts as noted.
    pub(crate) fn is_news(&self, now: Timestamp) -> bool {
        let (now, noted) = (now.as_second(), self.noted.load(Ordering::Relaxed));
        let old = now.saturating_sub(noted).saturating_abs() >= USE_NOTED_EVERY.as_secs();
        // Of many at once, one notes it.
        old && self.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use daypass_core::{
        person::PersonId,
        pull_token::{Maker, PullTokenId},
    };

    use super::*;

    fn noon() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    /// A pull token that ends an hour after noon.
    fn row(secret: &str, revoked_at: Option<Timestamp>) -> PullTokenRow {
        let issuer = "https://login.example.com".to_owned();
        let maker = Maker {
            person: PersonId::of(&issuer, "ada"),
            provider: "corp".parse().unwrap(),
            issuer,
            subject: "ada".to_owned(),
            shown: "ada@example.com".to_owned(),
            groups: Vec::new(),
            role: None,
            disabled: false,
        };
        let pull_token = PullToken {
            id: PullTokenId::random(),
            name: "laptop".parse().unwrap(),
            maker,
            grants: Vec::new(),
            created_at: noon(),
            expires_at: noon() + SignedDuration::from_hours(1),
            used_at: None,
            revoked_at,
        };
        PullTokenRow { seq: 1, digest: Sha256::of(secret), pull_token }
    }

    #[test]
    fn a_change_takes_the_place_of_what_was_known_and_nothing_else() {
        let mut all = PullTokens::default();
        all.follow(vec![row("a", None), row("b", None)], noon());
        let (a, b) = (all.find(&Sha256::of("a")).cloned().unwrap(), all.find(&Sha256::of("b")).cloned().unwrap());
        all.follow(vec![row("a", Some(noon()))], noon());
        assert!(all.find(&Sha256::of("a")).unwrap().pull_token.revoked_at.is_some());
        assert!(!Arc::ptr_eq(all.find(&Sha256::of("a")).unwrap(), &a));
        assert!(Arc::ptr_eq(all.find(&Sha256::of("b")).unwrap(), &b));
        assert!(all.find(&Sha256::of("c")).is_none());
    }

    #[test]
    fn what_has_been_over_for_long_is_forgotten_and_nothing_else() {
        let mut all = PullTokens::default();
        all.follow(vec![row("revoked", Some(noon())), row("live", None)], noon());
        all.follow(Vec::new(), noon() + LONGER);
        assert!(all.find(&Sha256::of("revoked")).is_none() && all.find(&Sha256::of("live")).is_some());
        all.follow(Vec::new(), noon() + LONGER + SignedDuration::from_hours(1));
        assert!(all.find(&Sha256::of("live")).is_none());
    }

    #[test]
    fn a_use_is_news_once_a_minute() {
        let mut all = PullTokens::default();
        all.follow(vec![row("a", None)], noon());
        let known = all.find(&Sha256::of("a")).unwrap();
        let second = SignedDuration::from_secs(1);
        assert!(known.is_news(noon()));
        assert!(!known.is_news(noon()) && !known.is_news(noon() + second * 59));
        assert!(known.is_news(noon() + second * 60));
        assert!(!known.is_news(noon() + second * 61));
    }
}
