//! When a signing key begins to sign, when it stops, and when it is forgotten.
//!
//! A key is first *next*: published, so that whoever keeps a copy of the key set has it before it signs. Then it is
//! *active*: it signs. Then it is *retired*: published until the last access token that it signed has ended. Then it is
//! gone. One key is active at any time; only the very first one, and the one that takes the place of a revoked one,
//! sign without having been published before.
//!
//! What is *not* here: making keys, keeping them, and which replica takes a step (any; the store lets one of them win).

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

use crate::{clock::Ttl, policy::LONGEST_TTL};

/// How long others may keep a copy of our key set (`Cache-Control: max-age`, RFC 9111 §5.2.2.1).
pub const KEY_SET_MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

/// How long a key is published before it signs: twice the age of a copy, for whoever has a cache before their cache,
/// and five minutes for clocks that differ.
pub const PUBLISHED_AHEAD: SignedDuration = SignedDuration::from_mins(2 * 5 + 5);

/// How long a key that signs no more is published: the longest life of an access token, and a day. That covers leeway
/// and copies of the key set many times over, and a clock that was ahead for less than a day, and is then set right,
/// forgets no key that is needed.
pub const RETIRED_FOR: SignedDuration = SignedDuration::from_secs(LONGEST_TTL.as_secs() + 24 * 3600);

/// As many keys are kept at most: verifiers refuse key sets that are too long, ours one of more than a hundred.
pub const MOST_KEYS: usize = 50;

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, so that verifiers know it before it signs.
    Next,
    /// Signs.
    Active,
    /// Published until the last access token that it signed has ended.
    Retired,
}

impl KeyState {
    /// The state as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no [`KeyState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unknown state of a signing key")]
pub struct NotAKeyState;

impl FromStr for KeyState {
    type Err = NotAKeyState;

    fn from_str(text: &str) -> Result<Self, NotAKeyState> {
        [Self::Next, Self::Active, Self::Retired].into_iter().find(|state| state.as_str() == text).ok_or(NotAKeyState)
    }
}

/// What the rules need to know of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What it is used for.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
}

impl Key {
    fn has_been_so_for(&self, time: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.since) >= time
    }
}

/// How often another key takes over by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotateEvery {
    /// When the active one has signed for so long; a day at least.
    Every(Ttl),
    /// Only when the operator says so.
    Never,
}

impl RotateEvery {
    /// The shortest that may be asked for. Key sets stay short.
    const SHORTEST: Ttl = Ttl::from_secs(24 * 3600);
}

impl Default for RotateEvery {
    /// 30 days.
    fn default() -> Self {
        Self::Every(Ttl::from_secs(30 * 24 * 3600))
    }
}

/// Why a text is not a [`RotateEvery`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `never` nor a duration of a day or more, such as `30d`")]
pub struct NotARotation(String);

impl FromStr for RotateEvery {
    type Err = NotARotation;

    fn from_str(text: &str) -> Result<Self, NotARotation> {
        if text.trim() == "never" {
            return Ok(Self::Never);
        }
        let every = text.parse().ok().filter(|every: &Ttl| *every >= Self::SHORTEST);
        every.map(Self::Every).ok_or_else(|| NotARotation(text.chars().take(40).collect()))
    }
}

impl<'de> Deserialize<'de> for RotateEvery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Something that is to be done to the keys. Those of one list are done together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key is made, in this state.
    Make(KeyState),
    /// A next key becomes active.
    Activate(String),
    /// The active key becomes retired; its private half is dropped.
    Retire(String),
    /// A retired key is forgotten: nothing that it signed is good any more.
    Remove(String),
    /// A key is forgotten at once: whatever it signed is refused from now on.
    Revoke(String),
}

/// What is to be done now, so that all goes on by itself. `keys` are all there are, the oldest first.
///
/// Where no key is active (a new server), one becomes so at once: nothing else can be signed.
pub fn due(keys: &[Key], now: Timestamp, every: RotateEvery) -> Vec<Step> {
    let next = keys.iter().find(|key| key.state == KeyState::Next);
    let Some(active) = keys.iter().rfind(|key| key.state == KeyState::Active) else {
        return vec![next.map_or(Step::Make(KeyState::Active), |next| Step::Activate(next.kid.clone()))];
    };
    if let Some(next) = next.filter(|next| next.has_been_so_for(PUBLISHED_AHEAD, now)) {
        return take_over(keys, Step::Activate(next.kid.clone()));
    }
    let over: Vec<_> = keys
        .iter()
        .filter(|key| key.state == KeyState::Retired && key.has_been_so_for(RETIRED_FOR, now))
        .map(|key| Step::Remove(key.kid.clone()))
        .collect();
    if !over.is_empty() {
        return over;
    }
    match every {
        RotateEvery::Every(every)
            if next.is_none()
                && keys.len() < MOST_KEYS
                && active.has_been_so_for(every.as_duration() - PUBLISHED_AHEAD, now) =>
        {
            vec![Step::Make(KeyState::Next)]
        }
        _ => Vec::new(),
    }
}

/// Too many keys are kept: another can be made when retired ones are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {MOST_KEYS} signing keys already")]
pub struct TooManyKeys;

/// The operator wants another key to sign soon. Nothing, where there is a next one already.
pub fn rotate(keys: &[Key]) -> Result<Vec<Step>, TooManyKeys> {
    if keys.iter().any(|key| key.state == KeyState::Next) {
        return Ok(Vec::new());
    }
    if keys.len() >= MOST_KEYS { Err(TooManyKeys) } else { Ok(vec![Step::Make(KeyState::Next)]) }
}

/// The operator wants another key to sign at once: the next one, where there is one.
pub fn rotate_now(keys: &[Key]) -> Result<Vec<Step>, TooManyKeys> {
    if let Some(next) = keys.iter().find(|key| key.state == KeyState::Next) {
        return Ok(take_over(keys, Step::Activate(next.kid.clone())));
    }
    if keys.len() >= MOST_KEYS { Err(TooManyKeys) } else { Ok(take_over(keys, Step::Make(KeyState::Active))) }
}

/// The operator believes that somebody else has the key `kid`. `None`: there is no such key.
///
/// A fresh key takes the place of an active one, not the next: whoever got one of them may have got both.
pub fn revoke(keys: &[Key], kid: &str) -> Option<Vec<Step>> {
    let key = keys.iter().find(|key| key.kid == kid)?;
    let mut steps = vec![Step::Revoke(key.kid.clone())];
    if key.state == KeyState::Active {
        steps.push(Step::Make(KeyState::Active));
    }
    Some(steps)
}

/// One key begins to sign, and whichever did stops.
fn take_over(keys: &[Key], begin: Step) -> Vec<Step> {
    let active = keys.iter().filter(|key| key.state == KeyState::Active);
    std::iter::once(begin).chain(active.map(|key| Step::Retire(key.kid.clone()))).collect()
}

/// When `key`, one of `keys`, will leave its state by itself: begins to sign, stops, is gone. `None`: not by itself.
pub fn until(key: &Key, keys: &[Key], every: RotateEvery) -> Option<Timestamp> {
    let after = |since: Timestamp, time| since.checked_add(time).ok();
    match key.state {
        KeyState::Next => after(key.since, PUBLISHED_AHEAD),
        KeyState::Retired => after(key.since, RETIRED_FOR),
        KeyState::Active => match (keys.iter().find(|key| key.state == KeyState::Next), every) {
            (Some(next), _) => after(next.since, PUBLISHED_AHEAD),
            (None, RotateEvery::Every(every)) => after(key.since, every.as_duration()),
            (None, RotateEvery::Never) => None,
        },
    }
}

#[cfg(test)]
mod tests;
