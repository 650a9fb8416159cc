//! What may change behind our back: revoked access tokens, pull tokens and hosted files, followed from the store by
//! polling.
//!
//! A revocation bites on every replica within one poll (a second). When the store has not answered for a few seconds,
//! nobody is let in until it does: an open door is never the answer.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
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
use daypass_store::{ProjectChange, Store, StoreError};

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
    catalogues: Vec<Arc<Catalogue>>,
}

/// What became of the projects that an index hosts, as far as it matters to what is in memory.
///
/// Only changes are held, not all projects: starting costs the same with ten projects and with a million.
#[derive(Debug)]
pub(crate) struct Catalogue {
    index: IndexName,
    version: AtomicI64,
    /// Projects that changed since this process began, and their versions. All of them are hosted here, for ever.
    changed: RwLock<HashMap<ProjectName, i64>>,
}

impl Catalogue {
    /// Grows with every change.
    pub(crate) fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// The version that the project has at least, if it changed since this process began: it is hosted here then.
    pub(crate) fn changed(&self, project: &ProjectName) -> Option<i64> {
        self.changed.read().unwrap_or_else(PoisonError::into_inner).get(project).copied()
    }

    fn note(&self, news: Vec<ProjectChange>) {
        let Some(newest) = news.iter().map(|change| change.version).max() else { return };
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        for ProjectChange { project, version } in news {
            let known = changed.entry(project).or_insert(version);
            *known = version.max(*known);
        }
        drop(changed);
        self.version.fetch_max(newest, Ordering::AcqRel);
    }
}

/// How many changes are read at a time.
const CHANGES: i64 = 10_000;

impl Following {
    /// Reads everything once.
    pub(crate) async fn begin(
        store: Store,
        clock: Arc<dyn Clock>,
        pace: Pace,
        indexes: impl Iterator<Item = IndexName>,
    ) -> Result<Self, StoreError> {
        let mut catalogues = Vec::new();
        for index in indexes {
            let version = AtomicI64::new(store.catalogue_version(&index).await?);
            catalogues.push(Arc::new(Catalogue { index, version, changed: RwLock::default() }));
        }
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
            catalogues,
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

    /// What changes among the projects that `index` hosts.
    pub(crate) fn catalogue(&self, index: &IndexName) -> Option<&Arc<Catalogue>> {
        self.catalogues.iter().find(|catalogue| catalogue.index == *index)
    }

    /// Reads what changed in `index` now, for whoever has just changed something: they are to see it in the next answer.
    pub(crate) async fn follow_now(&self, index: &IndexName) -> Result<(), StoreError> {
        match self.catalogue(index) {
            Some(catalogue) => self.poll_catalogue(catalogue).await,
            None => Ok(()),
        }
    }

    async fn poll(&self) -> Result<(), StoreError> {
        let asked_at = self.began.elapsed();
        self.poll_revocations().await?;
        self.poll_pull_tokens().await?;
        for catalogue in &self.catalogues {
            self.poll_catalogue(catalogue).await?;
        }
        self.seen_at.store(u64::try_from(asked_at.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(())
    }

    async fn poll_catalogue(&self, catalogue: &Catalogue) -> Result<(), StoreError> {
        loop {
            let changes = self.store.changed_projects(&catalogue.index, catalogue.version(), CHANGES).await?;
            let all = i64::try_from(changes.len()).is_ok_and(|count| count < CHANGES);
            catalogue.note(changes);
            if all {
                return Ok(());
            }
        }
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
