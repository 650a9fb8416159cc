//! The front door: what an issuer needs, and its router.

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{delete, get, post},
};
use daypass_core::{
    SignedDuration, Timestamp,
    client::Client,
    clock::Clock,
    console,
    digest::Sha256,
    key_rotation::RotateEvery,
    names::{ClientId, IndexName},
    opaque::Kind,
    person::SessionId,
    policy::Policy,
    public_url::PublicUrl,
    secret::Secret,
    session::SessionLimits,
};
use daypass_oidc::jwks::KeySet;
use daypass_store::Store;
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use crate::{
    accounts::{self, Checks},
    admin, audit_api, authorize,
    bounds::Bounds,
    console_session::{self, renewal::Renewals},
    device, discovery,
    error::IssuerError,
    introspection,
    key_encryption::KeyEncryptionKey,
    key_ring::KeyRing,
    pull_token_api,
    refusals::Refusals,
    revocation, session_api,
    sign_in::{choose, provider_door},
    stored_policy::StoredPolicy,
    token_endpoint,
    trust::{LoadedPolicy, Trust},
    trusted_publishing,
};

/// The largest request body, in bytes: an outside token of 16 KiB with every character percent-encoded, and the rest.
const LARGEST_BODY: usize = 64 * 1024;

/// How often the store is asked for keys that another replica rotated or revoked. Well within the five seconds in
/// which a revocation must be felt everywhere.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// How long the store may take to answer that.
pub(crate) const FOLLOW_WITHIN: Duration = Duration::from_secs(3);

/// After how long without an answer no key is believed any more: with [`FOLLOW_EVERY`] within those five seconds.
const BLIND_AFTER: Duration = Duration::from_secs(4);

/// How often is looked whether a key is to be made, to sign, or to be forgotten, and how long after a failure.
const TURN_EVERY: Duration = Duration::from_secs(1);
const TURN_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How often is looked for counts of refusals that are to be recorded.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How often the store forgets what has ended.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How much longer than needed spent proofs, codes and revocations are kept: a clock that was ahead for less than a day,
/// and is then set right, opens no gap. Device authorizations are not: one that was forgotten lets nobody in.
const KEPT_LONGER: SignedDuration = SignedDuration::from_hours(24);

/// What an issuer is made of.
pub struct IssuerOptions {
    /// The server's public URL: the `iss` and `aud` of its access tokens.
    pub public_url: PublicUrl,
    /// What its signing keys are sealed under.
    pub key_encryption_key: KeyEncryptionKey,
    /// Where it remembers.
    pub store: Store,
    /// The policy to begin with.
    pub policy: LoadedPolicy,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long sessions last.
    pub sessions: SessionLimits,
    /// How often another key signs.
    pub rotate_keys_every: RotateEvery,
    /// The indexes there are, as people are told what they may do.
    pub indexes: Vec<IndexName>,
    /// Whether outside issuers and providers may be on loopback, over plain http (`--dev`).
    pub allow_loopback_issuers: bool,
}

/// The issuer: cheap to clone, all clones are one.
#[derive(Clone)]
pub struct Issuer(Arc<Parts>);

/// What the endpoints share.
pub(crate) struct Parts {
    pub(crate) public_url: PublicUrl,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: KeyRing,
    key_encryption_key: Arc<KeyEncryptionKey>,
    pub(crate) sessions: SessionLimits,
    pub(crate) indexes: Vec<IndexName>,
    /// What checking passwords and passkeys remembers.
    pub(crate) accounts: Checks,
    pub(crate) bounds: Bounds,
    /// The console's sessions that were renewed a moment ago.
    pub(crate) console: Renewals,
    /// When a device asked last, in milliseconds since the epoch, and how many seconds it must wait.
    pub(crate) polls: Cache<Sha256, (i64, i64)>,
    /// Since when the refreshes of a session are counted, in milliseconds since the epoch, and how many there were.
    pub(crate) refreshes: Cache<SessionId, (i64, u32)>,
    /// How many narrower access tokens were made of one within the minute, by the id of the widest of them.
    pub(crate) narrowed: Cache<String, Arc<AtomicU32>>,
    pub(crate) trust: Trust,
    pub(crate) refusals: Refusals,
    /// Access tokens that were revoked here lately: revoking one again and again writes nothing more.
    pub(crate) revoked: Cache<String, ()>,
}

impl Parts {
    /// The OAuth client of that id: a registered one, the command line, or this server's own console.
    pub(crate) fn client(&self, id: &ClientId) -> Option<Client> {
        if id.as_str() == console::CLIENT {
            return Client::console(&self.public_url).ok();
        }
        self.trust.in_force().policy.client(id)
    }

    /// A value as text that only this server can read again, as `name`. It may travel through a browser.
    pub(crate) fn seal<T: Serialize>(&self, name: &str, value: &T) -> Option<String> {
        self.key_encryption_key.browsers().seal(name, value, self.clock.now())
    }

    /// What [`Parts::seal`] made under the same `name`; of anything else, nothing.
    pub(crate) fn unseal<T: DeserializeOwned>(&self, name: &str, sealed: &str) -> Option<T> {
        self.key_encryption_key.browsers().open(name, sealed, self.clock.now())
    }
}

/// A new opaque secret.
pub(crate) fn new_secret(kind: Kind) -> Result<Secret, NoRandomness> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| NoRandomness)?;
    Ok(kind.make(random))
}

/// The machine has no randomness to give.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no randomness can be had")]
pub(crate) struct NoRandomness;

impl Issuer {
    /// Opens the issuer: reads or makes the signing key, puts the policy in force.
    pub async fn open(options: IssuerOptions) -> Result<Self, IssuerError> {
        let IssuerOptions { public_url, key_encryption_key, store, policy, clock, sessions, indexes, .. } = options;
        let key_encryption_key = Arc::new(key_encryption_key);
        let keys = KeyRing::open(&store, key_encryption_key.clone(), options.rotate_keys_every, &*clock).await?;
        let revoked = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_hours(1)).build();
        let polls = Cache::builder().max_capacity(20_000).time_to_live(Duration::from_mins(10)).build();
        let refreshes = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(2)).build();
        let narrowed = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(1)).build();
        let refusals = Refusals::new(clock.clone());
        let stored = StoredPolicy::read(&store).await?;
        let trust = Trust::new(policy, stored, clock.clone(), options.allow_loopback_issuers)?;
        Ok(Self(Arc::new(Parts {
            public_url,
            store,
            clock,
            keys,
            key_encryption_key,
            sessions,
            indexes,
            accounts: Checks::new(),
            bounds: Bounds::new(),
            console: Renewals::new(),
            polls,
            refreshes,
            narrowed,
            trust,
            refusals,
            revoked,
        })))
    }

    /// The public keys by which this issuer's access tokens are verified, followed as they change.
    pub fn keys(&self) -> Arc<ArcSwap<KeySet>> {
        self.0.keys.public().clone()
    }

    /// The policy in force, files and stored objects as one, followed as it changes.
    pub fn policy(&self) -> Arc<ArcSwap<Policy>> {
        self.0.trust.policy().clone()
    }

    /// Puts what the policy files say now in force, beside what is stored.
    pub fn replace_policy(&self, policy: LoadedPolicy) -> Result<(), IssuerError> {
        self.0.trust.replace(policy)
    }

    /// The endpoints.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery::authorization_server))
            .route("/.well-known/oauth-authorization-server", get(discovery::authorization_server))
            .route("/.well-known/oauth-protected-resource", get(discovery::protected_resource))
            .route("/.well-known/jwks.json", get(discovery::jwks))
            .route("/oauth/authorize", get(authorize::get))
            .route("/oauth/sign-in", post(choose::post))
            .route("/oauth/callback/{provider}", get(provider_door::callback))
            .route("/oauth/signed-in", get(authorize::signed_in))
            .route("/oauth/token", post(token_endpoint::post))
            .route("/oauth/device_authorization", post(device::authorize))
            .route("/device", get(device::page))
            .route("/device/confirm", post(device::decide))
            .route("/oauth/revoke", post(revocation::post))
            .route("/oauth/introspect", post(introspection::post))
            .route("/api/v1/session", get(session_api::get))
            .route("/api/v1/audit", get(audit_api::get))
            .route("/api/v1/pull-tokens", get(pull_token_api::get).post(pull_token_api::post))
            .route("/api/v1/pull-tokens/{id}", delete(pull_token_api::delete))
            .merge(trusted_publishing::routes())
            .merge(accounts::routes())
            .merge(console_session::routes())
            .merge(admin::routes())
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.0.clone())
    }

    /// Follows and rotates keys, records counts and forgets what has ended, until it is dropped.
    ///
    /// None of these waits for another: a long sweep must not keep a revoked key alive.
    pub async fn run(&self) {
        tokio::join!(self.follow_keys(), self.follow_policy(), self.turn_keys(), self.record_counts(), self.sweep());
    }

    async fn follow_keys(&self) {
        let parts = &self.0;
        let mut seen_at = Instant::now();
        let mut follow = tokio::time::interval(FOLLOW_EVERY);
        follow.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            follow.tick().await;
            let asked_at = Instant::now();
            let error = match timeout(FOLLOW_WITHIN, parts.keys.follow(&parts.store)).await {
                Ok(Ok(())) => {
                    seen_at = asked_at;
                    // The keys are good, but what they are good for is not known.
                    if parts.trust.is_blind() {
                        parts.keys.go_blind();
                    }
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the store does not answer".to_owned(),
            };
            tracing::warn!(error, "could not follow the signing keys");
            if seen_at.elapsed() >= BLIND_AFTER {
                parts.keys.go_blind();
            }
        }
    }

    /// As for the keys: a policy that cannot be followed may have been withdrawn. Then no key is believed, here and in
    /// the index, until it can be.
    async fn follow_policy(&self) {
        let parts = &self.0;
        let mut seen_at = Instant::now();
        let mut follow = tokio::time::interval(FOLLOW_EVERY);
        follow.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            follow.tick().await;
            let asked_at = Instant::now();
            let error = match timeout(FOLLOW_WITHIN, parts.follow_policy()).await {
                Ok(Ok(())) => {
                    seen_at = asked_at;
                    parts.trust.set_blind(false);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the store does not answer".to_owned(),
            };
            tracing::warn!(error, "could not follow the stored policy");
            if seen_at.elapsed() >= BLIND_AFTER {
                parts.trust.set_blind(true);
                parts.keys.go_blind();
            }
        }
    }

    async fn turn_keys(&self) {
        let parts = &self.0;
        loop {
            tokio::time::sleep(TURN_EVERY).await;
            if let Err(error) = parts.keys.turn(&parts.store, &*parts.clock).await {
                tracing::error!(%error, "could not rotate the signing keys");
                tokio::time::sleep(TURN_AGAIN_AFTER).await;
            }
        }
    }

    async fn record_counts(&self) {
        let parts = &self.0;
        let mut count = tokio::time::interval(COUNT_EVERY);
        loop {
            count.tick().await;
            if let Err(error) = parts.refusals.record_counted(&parts.store) {
                tracing::warn!(%error, "could not record how many refusals there were");
            }
        }
    }

    async fn sweep(&self) {
        let parts = &self.0;
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            sweep.tick().await;
            let now = parts.clock.now();
            let before = now.saturating_sub(KEPT_LONGER).unwrap_or(Timestamp::MIN);
            let swept = parts.store.sweep(before).await.and(parts.store.sweep_devices(now).await);
            if let Err(error) = swept {
                tracing::warn!(%error, "could not sweep what has ended");
            }
        }
    }
}

#[cfg(test)]
mod tests;
