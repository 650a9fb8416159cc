//! What may change behind our back: revoked access tokens, pull tokens and hosted files, followed from the store by
//! polling.
//!
//! A revocation bites on every replica within one poll (a second). When the store has not answered for a few seconds,
//! nobody is let in until it does: an open door is never the answer.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use daypass_core::{
    access_token::AccessTokenClaims,
    clock::Clock,
    digest::Sha256,
    names::{IndexName, ProjectName},
};
use daypass_store::{Store, StoreError};

use crate::{
    options::Pace,
    pull_tokens::{Known, PullTokens},
    revocations::Revocations,
};

/// What the store said last.
pub(crate) struct Following {
    store: Store,
    clock: Arc<dyn Clock>,
    pace: Pace,
    began: Instant,
    /// Milliseconds from `began` to the beginning of the last poll that succeeded.
    seen_at: AtomicU64,
    failing: AtomicBool,
    revocations_seen: AtomicI64,
    revoked: ArcSwap<Revocations>,
    pull_tokens_seen: AtomicI64,
    pull_tokens: ArcSwap<PullTokens>,
    catalogues: Vec<(IndexName, ArcSwap<Catalogue>)>,
}

/// Which projects an index hosts itself.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Grows with every change.
    pub version: i64,
    /// The projects.
    pub projects: HashSet<ProjectName>,
}

impl Following {
    /// Reads everything once.
    pub(crate) async fn begin(
        store: Store,
        clock: Arc<dyn Clock>,
        pace: Pace,
        indexes: impl Iterator<Item = IndexName>,
    ) -> Result<Self, StoreError> {
        let following = Self {
            store,
            clock,
            pace,
            began: Instant::now(),
            seen_at: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            revocations_seen: AtomicI64::new(0),
            revoked: ArcSwap::default(),
            pull_tokens_seen: AtomicI64::new(0),
            pull_tokens: ArcSwap::default(),
            // A version that no catalogue has: the first poll reads the projects.
            catalogues: indexes
                .map(|index| (index, ArcSwap::from_pointee(Catalogue { version: -1, projects: HashSet::new() })))
                .collect(),
        };
        following.poll().await?;
        Ok(following)
    }

    /// Polls for ever.
    pub(crate) async fn run(&self) {
        loop {
            tokio::time::sleep(self.pace.follow).await;
            let outcome = tokio::time::timeout(self.pace.blind, self.poll()).await;
            let failed = match &outcome {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("the store does not answer".to_owned()),
            };
            let failing = failed.is_some();
            if self.failing.swap(failing, Ordering::Relaxed) != failing {
                if let Some(error) = failed {
                    tracing::error!(error, "revocations and hosted files cannot be followed");
                } else {
                    tracing::info!("revocations and hosted files are followed again");
                }
            }
        }
    }

    /// Whether revocations of the last seconds may be unknown.
    pub(crate) fn is_blind(&self) -> bool {
        let seen_at = Duration::from_millis(self.seen_at.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(seen_at) > self.pace.blind
    }

    /// Whether the access token with these claims was revoked, by itself, with its session or with its person.
    pub(crate) fn is_revoked(&self, claims: &AccessTokenClaims) -> bool {
        self.revoked.load().cover(claims)
    }

    /// Notes that an access token was used; see [`Store::note_use`].
    pub(crate) fn note_use(&self, claims: &AccessTokenClaims, at: daypass_core::Timestamp) {
        self.store.note_use(claims, at);
    }

    /// The pull token with that digest, if there is one; it may be over or revoked.
    pub(crate) fn pull_token(&self, digest: &Sha256) -> Option<Arc<Known>> {
        self.pull_tokens.load().find(digest).cloned()
    }

    /// Notes that a pull token was used, once a minute; see [`Store::note_pull_token_used`].
    pub(crate) fn note_pull_token_use(&self, known: &Known, at: daypass_core::Timestamp) {
        if known.is_news(at) {
            self.store.note_pull_token_used(known.pull_token.id, at);
        }
    }

    /// What `index` hosts itself.
    pub(crate) fn catalogue(&self, index: &IndexName) -> Arc<Catalogue> {
        let found = self.catalogues.iter().find(|(name, _)| name == index);
        found.map(|(_, catalogue)| catalogue.load_full()).unwrap_or_default()
    }

    async fn poll(&self) -> Result<(), StoreError> {
        let asked_at = self.began.elapsed();
        self.poll_revocations().await?;
        self.poll_pull_tokens().await?;
        for (index, known) in &self.catalogues {
            let version = self.store.catalogue_version(index).await?;
            if version != known.load().version {
                // The projects may be newer than the version: then the next poll reads them once more.
                let projects = self.store.hosted_projects(index).await?.into_iter().collect();
                known.store(Arc::new(Catalogue { version, projects }));
            }
        }
        self.seen_at.store(u64::try_from(asked_at.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(())
    }

    async fn poll_revocations(&self) -> Result<(), StoreError> {
        let seen = self.revocations_seen.load(Ordering::Relaxed);
        let rows = self.store.revocations_after(seen).await?;
        if !rows.is_empty() {
            let mut revoked = Revocations::clone(&self.revoked.load());
            revoked.follow(rows.iter().map(|row| &row.revocation), self.clock.now());
            self.revoked.store(Arc::new(revoked));
        }
        let newest = rows.iter().map(|row| row.seq).max().unwrap_or(seen);
        self.revocations_seen.fetch_max(newest, Ordering::Relaxed);
        Ok(())
    }

    async fn poll_pull_tokens(&self) -> Result<(), StoreError> {
        let seen = self.pull_tokens_seen.load(Ordering::Relaxed);
        let rows = self.store.pull_tokens_after(seen).await?;
        let newest = rows.iter().map(|row| row.seq).max().unwrap_or(seen);
        if !rows.is_empty() {
            let mut pull_tokens = PullTokens::clone(&self.pull_tokens.load());
            pull_tokens.follow(rows, self.clock.now());
            self.pull_tokens.store(Arc::new(pull_tokens));
        }
        self.pull_tokens_seen.fetch_max(newest, Ordering::Relaxed);
        Ok(())
    }
}
