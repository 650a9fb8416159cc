//! The front door: what an issuer needs, and its router.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use daypass_core::{
    SignedDuration, Timestamp, clock::Clock, digest::Sha256, names::IndexName, opaque::Kind, person::SessionId,
    public_url::PublicUrl, secret::Secret, session::SessionLimits,
};
use daypass_oidc::jwks::KeySet;
use daypass_store::Store;
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    accounts::{self, Checks},
    audit_api, authorize,
    bounds::Bounds,
    device, discovery,
    error::IssuerError,
    introspection,
    key_encryption::KeyEncryptionKey,
    key_ring::KeyRing,
    refusals::Refusals,
    revocation, session_api,
    sign_in::{choose, provider_door},
    token_endpoint,
    trust::{LoadedPolicy, Trust},
};

/// The largest request body, in bytes: an outside token of 16 KiB with every character percent-encoded, and the rest.
const LARGEST_BODY: usize = 64 * 1024;

/// How often the store is asked for keys that another replica rotated or revoked. Well within the five seconds in
/// which a revocation must be felt everywhere.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

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
    /// When a device asked last, in milliseconds since the epoch, and how many seconds it must wait.
    pub(crate) polls: Cache<Sha256, (i64, i64)>,
    /// Since when the refreshes of a session are counted, in milliseconds since the epoch, and how many there were.
    pub(crate) refreshes: Cache<SessionId, (i64, u32)>,
    pub(crate) trust: Trust,
    pub(crate) refusals: Refusals,
    /// Access tokens that were revoked here lately: revoking one again and again writes nothing more.
    pub(crate) revoked: Cache<String, ()>,
}

impl Parts {
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
        let keys = KeyRing::open(&store, key_encryption_key.clone(), &*clock).await?;
        let revoked = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_hours(1)).build();
        let polls = Cache::builder().max_capacity(20_000).time_to_live(Duration::from_mins(10)).build();
        let refreshes = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(2)).build();
        let refusals = Refusals::new(clock.clone());
        let trust = Trust::new(policy, clock.clone(), options.allow_loopback_issuers)?;
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
            polls,
            refreshes,
            trust,
            refusals,
            revoked,
        })))
    }

    /// The public keys by which this issuer's access tokens are verified, followed as they change.
    pub fn keys(&self) -> Arc<ArcSwap<KeySet>> {
        self.0.keys.public().clone()
    }

    /// Puts another policy in force.
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
            .merge(accounts::routes())
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.0.clone())
    }

    /// Follows key changes, records counts and forgets what has ended, until it is dropped.
    pub async fn run(&self) {
        let parts = &self.0;
        let mut follow = tokio::time::interval(FOLLOW_EVERY);
        let mut count = tokio::time::interval(COUNT_EVERY);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                _ = follow.tick() => {
                    if let Err(error) = parts.keys.follow(&parts.store).await {
                        tracing::warn!(%error, "could not follow the signing keys");
                    }
                }
                _ = count.tick() => {
                    if let Err(error) = parts.refusals.record_counted(&parts.store) {
                        tracing::warn!(%error, "could not record how many refusals there were");
                    }
                }
                _ = sweep.tick() => {
                    let now = parts.clock.now();
                    let before = now.saturating_sub(KEPT_LONGER).unwrap_or(Timestamp::MIN);
                    let swept = parts.store.sweep(before).await.and(parts.store.sweep_devices(now).await);
                    if let Err(error) = swept {
                        tracing::warn!(%error, "could not sweep what has ended");
                    }
                }
            }
        }
    }
}
