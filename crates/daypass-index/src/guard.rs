//! Who asks, and what they may do: access tokens verified once, remembered by their digest, and doubted at every
//! request; pull tokens looked up by theirs.
//!
//! An access token is worth the *intersection* of what it says and what its identity is granted now, so a rule that
//! is withdrawn bites at once; and a pull token likewise, of what it was made for and what its maker may do now. What is
//! remembered is thrown away when the keys or the policy change.
//!
//! What is *not* here: keys for signing, finding the credential in the request, audit.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderValue};
use daypass_core::{
    Timestamp,
    clock::Clock,
    digest::Sha256,
    grant::{Action, Grant, ProjectPattern},
    names::{IndexName, ProjectName},
    opaque::Kind,
    policy::Policy,
    public_url::PublicUrl,
    pull_token::State,
    secret::Secret,
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
    lists::Visible,
    proven::Proven,
};

/// How many credentials that were looked at are remembered. One takes about two kilobytes.
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
    /// The access token or the pull token.
    pub proven: Proven,
    /// Its digest.
    pub token_sha256: Sha256,
    /// What its holder, or its maker, is granted now.
    current: Vec<Grant>,
    /// The keys at that time.
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
            let caller = Arc::new(self.look(authorization, now)?);
            self.known.insert(digest, Arc::clone(&caller));
            caller
        };
        self.still_good(&caller, now)?;
        match &caller.proven {
            Proven::AccessToken(claims) if first => self.following.note_use(claims, now),
            Proven::AccessToken(_) => {}
            Proven::PullToken(known) => self.following.note_pull_token_use(known, now),
        }
        Ok(caller)
    }

    fn still_good(&self, caller: &Caller, now: Timestamp) -> Result<(), Unauthenticated> {
        match &caller.proven {
            Proven::AccessToken(claims) if now.as_second() >= claims.exp => Err(Unauthenticated::Expired),
            Proven::AccessToken(claims) if self.following.is_revoked(claims) => Err(Unauthenticated::Revoked),
            Proven::AccessToken(_) => Ok(()),
            Proven::PullToken(known) => match known.pull_token.state(now) {
                State::Active => Ok(()),
                State::Expired => Err(Unauthenticated::PullTokenExpired),
                State::Revoked => Err(Unauthenticated::PullTokenRevoked),
            },
        }
    }

    fn is_current(&self, caller: &Caller) -> bool {
        Arc::ptr_eq(&caller.keys, &self.keys.load())
            && Arc::ptr_eq(&caller.policy, &self.policy.load())
            && match &caller.proven {
                Proven::AccessToken(_) => true,
                Proven::PullToken(known) => {
                    self.following.pull_token(&caller.token_sha256).is_some_and(|now| Arc::ptr_eq(&now, known))
                }
            }
    }

    fn look(&self, authorization: &HeaderValue, now: Timestamp) -> Result<Caller, Unauthenticated> {
        let secret = credential::access_token(authorization)?;
        match Kind::PullToken.digest(secret.expose()) {
            Some(digest) => self.pull_token(digest, now),
            None => self.verify(&secret, now),
        }
    }

    fn pull_token(&self, digest: Sha256, now: Timestamp) -> Result<Caller, Unauthenticated> {
        let (keys, policy) = (self.keys.load_full(), self.policy.load_full());
        let known = self.following.pull_token(&digest).ok_or(Unauthenticated::PullTokenUnknown)?;
        let current = known.pull_token.current_grants(&policy).unwrap_or_default();
        let caller = Caller { proven: Proven::PullToken(known), token_sha256: digest, current, keys, policy };
        // What is over says so first, whatever became of its maker.
        self.still_good(&caller, now)?;
        if caller.current.is_empty() { Err(Unauthenticated::PullTokenWithdrawn) } else { Ok(caller) }
    }

    fn verify(&self, access_token: &Secret, now: Timestamp) -> Result<Caller, Unauthenticated> {
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
        let token_sha256 = Sha256::of(access_token.expose());
        Ok(Caller { proven: Proven::AccessToken(Box::new(claims)), token_sha256, current, keys, policy })
    }
}

impl Caller {
    /// Whether it may do `action` on `project` of `index`: its credential was made for it, and its holder or maker still
    /// may.
    pub(crate) fn may(&self, index: &IndexName, project: &ProjectName, action: Action) -> bool {
        self.proven.allows(index, project, action)
            && self.current.iter().any(|grant| grant.allows(index, project, action))
    }

    /// Whether it may do `action` on anything at all of `index`.
    pub(crate) fn may_somewhere(&self, index: &IndexName, action: Action) -> bool {
        self.proven.allows_on_index(index, action)
            && self.current.iter().any(|grant| grant.allows_on_index(index, action))
    }

    /// What its holder, or its maker, is granted now.
    pub(crate) fn current_grants(&self) -> &[Grant] {
        &self.current
    }

    /// Whether it may pull `project` of `index`.
    pub(crate) fn may_pull(&self, index: &IndexName, project: &ProjectName) -> bool {
        self.may(index, project, Action::Pull)
    }

    /// Which projects of `index` it may pull, as far as patterns can say.
    pub(crate) fn visible(&self, index: &IndexName) -> Visible {
        Visible { made_for: pullable(self.proven.grants(), index), granted: pullable(&self.current, index) }
    }

    /// Whether it may pull anything at all of `index`.
    pub(crate) fn may_enter(&self, index: &IndexName) -> bool {
        self.may_somewhere(index, Action::Pull)
    }
}

fn pullable(grants: &[Grant], index: &IndexName) -> Vec<ProjectPattern> {
    let on_index = grants.iter().filter(|grant| grant.allows_on_index(index, Action::Pull));
    let mut patterns: Vec<_> = on_index.flat_map(|grant| grant.projects.iter().cloned()).collect();
    // The same for everybody with the same rights, however they are written.
    patterns.sort();
    patterns.dedup();
    patterns
}
