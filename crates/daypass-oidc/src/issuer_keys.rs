//! One outside issuer's keys: fetched, kept fresh, and kept through an outage.
//!
//! A stranger who invents key ids must not make us hammer an issuer, nor make honest callers wait; an issuer that is
//! down, or answers nonsense, must not stop what it has vouched for already. So:
//!
//! - A set is used as long as the issuer says (5 minutes to 1 hour), then fetched anew in the background; callers wait
//!   for that only when the set is older than an hour.
//! - A key id that is not in the set forces a fetch at most once in 30 seconds, failed fetches included. Whoever comes
//!   with the same key id meanwhile shares it: the jobs that start together after a rotation. Everybody else is answered
//!   from the set there is, without waiting.
//! - A good set is never replaced by an empty or broken one, and outlives an outage by a day. Then the door shuts.
//!
//! What is *not* here: which key fits a token ([`crate::verify`]), which issuers are trusted (the policy).

mod fetch;
mod windows;

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use daypass_core::{
    SignedDuration, Timestamp,
    clock::Clock,
    issuer::{KeySource, TrustedIssuer},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    http::{HttpClient, HttpError, HttpOptions, Reach},
    jwks::KeySet,
};
pub use fetch::FetchError;
use fetch::{Fetched, KeyAddress};
use windows::{Force, Windows};

/// How long an outage may last before the keys we have are no longer believed.
const KEEP_THROUGH_OUTAGE: SignedDuration = SignedDuration::from_hours(24);

/// A set older than this is not used without having tried to fetch a newer one first: a key that its issuer withdrew
/// must not be good for one more token only because nobody asked in the meantime.
const TOO_OLD_TO_USE_FIRST: SignedDuration = SignedDuration::from_hours(1);

/// Where one issuer's keys come from, and those there are now.
#[derive(Debug)]
pub struct IssuerKeys(Source);

#[derive(Debug)]
enum Source {
    Fixed(Arc<KeySet>),
    Discovered(Arc<Discovered>),
}

struct Discovered {
    address: KeyAddress,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    windows: Mutex<Windows>,
    /// Held by whoever makes the very first fetch, while the others wait for its result.
    first_fetch: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Discovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovered").field("address", &self.address).field("held", &self.held).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
    refresh_at: Timestamp,
}

/// There are no keys to verify with: none could be fetched, or not for a day.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the issuer's keys cannot be had: {0}")]
pub struct KeysUnavailable(#[source] Arc<FetchError>);

impl IssuerKeys {
    /// The keys that were configured, for an issuer that cannot be reached.
    pub fn fixed(keys: KeySet) -> Self {
        Self(Source::Fixed(Arc::new(keys)))
    }

    /// The keys that `issuer` publishes, by discovery or where its policy says. Nothing is fetched until somebody asks.
    ///
    /// `ca` is the authority of its certificate in PEM, besides the usual ones.
    pub fn discovery(issuer: &TrustedIssuer, ca: Option<&str>, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        let reach = if issuer.allow_private_network { Reach::PrivateToo } else { Reach::Public };
        let options = HttpOptions { ca: ca.map(Into::into), ..HttpOptions::new(reach) };
        Self::discovery_with(issuer, HttpClient::new(options), clock)
    }

    /// The keys that `issuer` publishes, fetched by `http`.
    pub fn discovery_with(issuer: &TrustedIssuer, http: HttpClient, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        match &issuer.keys {
            KeySource::JwksUri(uri) => Ok(Self::at(KeyAddress::pinned(&issuer.url, uri, http)?, clock)),
            _ => Self::published_by(&issuer.url, http, clock),
        }
    }

    /// The keys that whoever has the issuer URL `url` publishes, fetched by `http`.
    pub fn published_by(url: &str, http: HttpClient, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        Ok(Self::at(KeyAddress::of(url, http)?, clock))
    }

    fn at(address: KeyAddress, clock: Arc<dyn Clock>) -> Self {
        Self(Source::Discovered(Arc::new(Discovered {
            address,
            clock,
            held: ArcSwapOption::empty(),
            windows: Mutex::default(),
            first_fetch: tokio::sync::Mutex::default(),
        })))
    }

    /// The keys to verify a token with that names `kid`: a set with that key in it, if the issuer has published it.
    pub async fn for_kid(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeysUnavailable> {
        match &self.0 {
            Source::Fixed(keys) => Ok(Arc::clone(keys)),
            Source::Discovered(issuer) => issuer.for_kid(kid).await,
        }
    }
}

impl Discovered {
    async fn for_kid(self: &Arc<Self>, kid: Option<&str>) -> Result<Arc<KeySet>, KeysUnavailable> {
        let now = self.clock.now();
        let Some(held) = self.believed(now) else {
            return self.first(now).await;
        };
        match kid.filter(|kid| !held.keys.has(Some(kid))) {
            Some(unknown) => self.force(unknown, now).await,
            None if now >= held.refresh_at && self.with_windows(|windows| windows.may_refresh(now)) => {
                let fetching = self.spawn_fetch(None);
                if now.duration_since(held.fetched_at) > TOO_OLD_TO_USE_FIRST {
                    // An error leaves the old set in place. It is logged where it happened.
                    let _ = fetching.await;
                }
            }
            None => {}
        }
        Ok(self.believed(now).map_or_else(|| Arc::clone(&held.keys), |held| Arc::clone(&held.keys)))
    }

    /// Looks for a key id that is not in the set, if its turn has come.
    async fn force(self: &Arc<Self>, kid: &str, now: Timestamp) {
        let (done, wait) = watch::channel(());
        match self.with_windows(|windows| windows.force(kid, now, wait)) {
            Force::Fetch => drop(self.spawn_fetch(Some(done)).await),
            // Ends when the task that fetches drops its end.
            Force::Join(mut other) => drop(other.changed().await),
            Force::No => {}
        }
    }

    /// Nothing to answer with: everybody waits for one fetch, and its failure counts for everybody for a while.
    async fn first(self: &Arc<Self>, now: Timestamp) -> Result<Arc<KeySet>, KeysUnavailable> {
        let _only_one = self.first_fetch.lock().await;
        if let Some(held) = self.believed(now) {
            return Ok(Arc::clone(&held.keys));
        }
        if let Some(failure) = self.with_windows(|windows| windows.recent_failure(self.clock.now())) {
            return Err(KeysUnavailable(failure));
        }
        let outcome = self.spawn_fetch(None).await;
        match (self.believed(now), outcome) {
            (Some(held), _) => Ok(Arc::clone(&held.keys)),
            (None, Ok(Err(failure))) => Err(KeysUnavailable(failure)),
            (None, _) => Err(KeysUnavailable(Arc::new(FetchError::Interrupted))),
        }
    }

    /// A task of its own: a caller that goes away must not leave the window closed and nothing fetched.
    fn spawn_fetch(self: &Arc<Self>, done: Option<watch::Sender<()>>) -> JoinHandle<Result<(), Arc<FetchError>>> {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _dropped_at_the_end = done;
            let outcome = this.address.fetch().await;
            let now = this.clock.now();
            match outcome {
                Ok(Fetched { keys, fresh_for }) => {
                    let refresh_at = now.checked_add(fresh_for).unwrap_or(Timestamp::MAX);
                    this.held.store(Some(Arc::new(Held { keys: Arc::new(keys), fetched_at: now, refresh_at })));
                    Ok(())
                }
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(issuer = this.address.issuer(), cause, "could not fetch an issuer's keys");
                    let error = Arc::new(error);
                    this.with_windows(|windows| windows.failed(now, Arc::clone(&error)));
                    Err(error)
                }
            }
        })
    }

    fn believed(&self, now: Timestamp) -> Option<Arc<Held>> {
        self.held.load_full().filter(|held| now.duration_since(held.fetched_at) <= KEEP_THROUGH_OUTAGE)
    }

    fn with_windows<T>(&self, decide: impl FnOnce(&mut Windows) -> T) -> T {
        decide(&mut self.windows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
