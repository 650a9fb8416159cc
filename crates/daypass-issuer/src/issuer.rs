//! The front door: what an issuer needs, and its router.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use daypass_core::{SignedDuration, Timestamp, clock::Clock, public_url::PublicUrl};
use daypass_oidc::jwks::KeySet;
use daypass_store::Store;
use moka::sync::Cache;

use crate::{
    audit_api, discovery,
    error::IssuerError,
    key_encryption::KeyEncryptionKey,
    key_ring::KeyRing,
    refusals::Refusals,
    revocation, token_endpoint,
    trust::{LoadedPolicy, Trust},
};

/// The largest request body, in bytes: an outside token of 16 KiB with every character percent-encoded, and the rest.
const LARGEST_BODY: usize = 64 * 1024;

/// How often the store is asked for keys that another replica rotated or revoked. Well within the five seconds in
/// which a revocation must be felt everywhere.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// How often the store forgets what has ended.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How much longer than needed spent proofs and revocations are kept: a clock that was ahead for less than a day, and is
/// then set right, opens no gap.
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
    /// Whether outside issuers may be on loopback, over plain http (`--dev`).
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
    pub(crate) trust: Trust,
    pub(crate) refusals: Refusals,
    /// Access tokens that were revoked here lately: revoking one again and again writes nothing more.
    pub(crate) revoked: Cache<String, ()>,
}

impl Issuer {
    /// Opens the issuer: reads or makes the signing key, puts the policy in force.
    pub async fn open(options: IssuerOptions) -> Result<Self, IssuerError> {
        let IssuerOptions { public_url, key_encryption_key, store, policy, clock, allow_loopback_issuers } = options;
        let keys = KeyRing::open(&store, key_encryption_key, &*clock).await?;
        let revoked = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_hours(1)).build();
        let trust = Trust::new(policy, clock.clone(), allow_loopback_issuers)?;
        Ok(Self(Arc::new(Parts { public_url, store, clock, keys, trust, refusals: Refusals::new(), revoked })))
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
            .route("/oauth/token", post(token_endpoint::post))
            .route("/oauth/revoke", post(revocation::post))
            .route("/api/v1/audit", get(audit_api::get))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.0.clone())
    }

    /// Follows key changes and forgets what has ended, until it is dropped.
    pub async fn run(&self) {
        let parts = &self.0;
        let mut follow = tokio::time::interval(FOLLOW_EVERY);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                _ = follow.tick() => {
                    if let Err(error) = parts.keys.follow(&parts.store).await {
                        tracing::warn!(%error, "could not follow the signing keys");
                    }
                }
                _ = sweep.tick() => {
                    let before = parts.clock.now().saturating_sub(KEPT_LONGER).unwrap_or(Timestamp::MIN);
                    if let Err(error) = parts.store.sweep(before).await {
                        tracing::warn!(%error, "could not sweep what has ended");
                    }
                }
            }
        }
    }
}
