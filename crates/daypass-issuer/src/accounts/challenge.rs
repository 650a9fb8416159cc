//! Challenges for passkeys: sealed into the page, good for five minutes, for one sign-in and one use.
//!
//! Nothing is kept until a challenge comes back. Then it is remembered as spent, in this process: behind several
//! replicas another one would take it again within the five minutes, but only from somebody who has the browser's
//! cookie, the sealed sign-in and the passkey's whole answer, and from authenticators that count only once.

use std::time::Duration;

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{Timestamp, digest::Sha256};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::issuer::Parts;

/// How long an authenticator may take, in seconds.
const PATIENCE: i64 = 5 * 60;

/// For longer than a challenge is good, by any clock.
const REMEMBERED: Duration = Duration::from_mins(15);

/// What a sealed challenge is bound to, so that no other sealed value can be passed off as one.
const SEALED_AS: &str = "passkey challenge";

/// A challenge and how it travels.
#[derive(Debug, Clone)]
pub(super) struct Challenge {
    /// In base64url, as the browser gives it back.
    pub(super) text: String,
    /// What the page holds.
    pub(super) sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    challenge: String,
    /// Digest of what it was made for.
    purpose: Sha256,
    /// When it was made, in seconds since the epoch.
    at: i64,
}

/// The challenges that were spent.
pub(super) struct Spent(Cache<String, ()>);

impl Spent {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_live(REMEMBERED).build())
    }
}

/// Makes a challenge for one purpose, known by its digest. `None`: there is no randomness.
pub(super) fn make(parts: &Parts, purpose: Sha256) -> Option<Challenge> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok()?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let sealed = Sealed { challenge: text.clone(), purpose, at: parts.clock.now().as_second() };
    Some(Challenge { text, sealed: parts.seal(SEALED_AS, &sealed)? })
}

/// Spends a challenge that came back: its text, unless it is another purpose's, too old, or spent before.
pub(super) fn spend(parts: &Parts, spent: &Spent, sealed: &str, purpose: Sha256, now: Timestamp) -> Option<String> {
    let Sealed { challenge, purpose: made_for, at } = parts.unseal(SEALED_AS, sealed)?;
    let age = now.as_second() - at;
    if made_for != purpose || !(-60..=PATIENCE).contains(&age) {
        return None;
    }
    spent.0.entry(challenge.clone()).or_insert(()).is_fresh().then_some(challenge)
}
