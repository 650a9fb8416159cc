//! Who asks, and what they may do: access tokens verified once, remembered by their digest, and doubted at every
//! request.
//!
//! An access token is worth the *intersection* of what it says and what its identity is granted now, so a rule that
//! is withdrawn bites at once. What is remembered is thrown away when the keys or the policy change.
//!
//! What is *not* here: keys for signing, finding the credential in the request, audit.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderValue};
use daypass_core::{
    Timestamp,
    access_token::AccessTokenClaims,
    clock::Clock,
    digest::Sha256,
    grant::{Action, Grant},
    names::{IndexName, ProjectName},
    policy::Policy,
    public_url::PublicUrl,
};
use daypass_oidc::{
    jwks::KeySet,
    verify::{ExpectedAccess, verify_access_token},
};
use moka::sync::Cache;

use crate::{
    credential,
    error::{Refusal, Unauthenticated},
    following::Following,
};

/// How many verified access tokens are remembered. One takes about two kilobytes.
const REMEMBERED: u64 = 4096;

/// How long one is remembered. Whatever could end it earlier is checked at every request besides.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Turns a request's credential into a [`Caller`].
pub(crate) struct Guard {
    public_url: PublicUrl,
    keys: Arc<ArcSwap<KeySet>>,
    policy: Arc<ArcSwap<Policy>>,
    clock: Arc<dyn Clock>,
    following: Arc<Following>,
    known: Cache<Sha256, Arc<Caller>>,
}

/// A proven caller.
pub(crate) struct Caller {
    /// What the access token says.
    pub claims: AccessTokenClaims,
    /// The digest of the access token.
    pub token_sha256: Sha256,
    /// What its holder is granted now.
    current: Vec<Grant>,
    /// The keys it was verified with.
    keys: Arc<KeySet>,
    /// The policy that `current` comes from.
    policy: Arc<Policy>,
}

impl Guard {
    pub(crate) fn new(
        public_url: PublicUrl,
        keys: Arc<ArcSwap<KeySet>>,
        policy: Arc<ArcSwap<Policy>>,
        clock: Arc<dyn Clock>,
        following: Arc<Following>,
    ) -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        Self { public_url, keys, policy, clock, following, known }
    }

    /// The caller, or why there is none.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Refusal> {
        let authorization = credential::authorization(headers)?;
        // Before anything is believed: without fresh revocations nobody can be told from a revoked caller.
        // And an empty key set says that nobody knows which keys were revoked, not that the token is bad.
        if self.following.is_blind() || self.keys.load().is_empty() {
            return Err(Refusal::NotReady("its database does not answer"));
        }
        let digest = Sha256::of(authorization);
        let now = self.clock.now();
        let known = self.known.get(&digest).filter(|known| self.is_current(known));
        let first = known.is_none();
        let caller = if let Some(known) = known {
            known
        } else {
            let caller = Arc::new(self.verify(authorization, now)?);
            self.known.insert(digest, Arc::clone(&caller));
            caller
        };
        if now.as_second() >= caller.claims.exp {
            return Err(Unauthenticated::Expired.into());
        }
        if self.following.is_revoked(&caller.claims) {
            return Err(Unauthenticated::Revoked.into());
        }
        if first {
            self.following.note_use(&caller.claims, now);
        }
        Ok(caller)
    }

    fn is_current(&self, caller: &Caller) -> bool {
        Arc::ptr_eq(&caller.keys, &self.keys.load()) && Arc::ptr_eq(&caller.policy, &self.policy.load())
    }

    fn verify(&self, authorization: &HeaderValue, now: Timestamp) -> Result<Caller, Unauthenticated> {
        let access_token = credential::access_token(authorization)?;
        let (keys, policy) = (self.keys.load_full(), self.policy.load_full());
        let us = self.public_url.as_str();
        let expected = ExpectedAccess { issuer: us, audience: us, now };
        let claims = verify_access_token(access_token.expose(), &expected, &keys).map_err(|refused| {
            tracing::debug!(code = refused.code(), "an access token is refused");
            match refused {
                daypass_oidc::verify::Refused::Expired | daypass_oidc::verify::Refused::NotYetValid => {
                    Unauthenticated::Expired
                }
                _ => Unauthenticated::NotOurs,
            }
        })?;
        let current = policy.current_grants(&claims).ok_or(Unauthenticated::Withdrawn)?;
        Ok(Caller { token_sha256: Sha256::of(access_token.expose()), claims, current, keys, policy })
    }
}

impl Caller {
    /// Whether it may pull `project` of `index`: the access token says so, and its holder still may.
    pub(crate) fn may_pull(&self, index: &IndexName, project: &ProjectName) -> bool {
        self.claims.allows(index, project, Action::Pull)
            && self.current.iter().any(|grant| grant.allows(index, project, Action::Pull))
    }

    /// Whether it may pull anything at all of `index`.
    pub(crate) fn may_enter(&self, index: &IndexName) -> bool {
        self.claims.allows_on_index(index, Action::Pull)
            && self.current.iter().any(|grant| grant.allows_on_index(index, Action::Pull))
    }
}
