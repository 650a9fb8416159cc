//! How often an issuer may be asked.

use std::{collections::HashMap, sync::Arc};

use daypass_core::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::FetchError;

/// At most one forced fetch, and one routine fetch, in this time. Failures count: an issuer that is down is not helped
/// by being asked more.
const WINDOW: SignedDuration = SignedDuration::from_secs(30);

/// While there is nothing to answer with, a failure is everybody's answer for this long.
const FIRST_WINDOW: SignedDuration = SignedDuration::from_secs(5);

/// For how long a key id that was looked for in vain is not looked for again.
const FORGET_UNKNOWN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How many such key ids are remembered. A flood fills this and changes nothing: the window still holds.
const MAX_UNKNOWN: usize = 1000;

/// What was asked, and when.
#[derive(Debug, Default)]
pub(super) struct Windows {
    forced_at: Option<Timestamp>,
    refreshed_at: Option<Timestamp>,
    failure: Option<(Timestamp, Arc<FetchError>)>,
    unknown: HashMap<Box<str>, Timestamp>,
    /// The key id of the last forced fetch, and a channel that is closed when it ends.
    forcing: Option<(Box<str>, watch::Receiver<()>)>,
}

/// What to do about an unknown key id.
#[derive(Debug)]
pub(super) enum Force {
    /// Fetch.
    Fetch,
    /// Somebody is fetching for the same key id: wait for that.
    Join(watch::Receiver<()>),
    /// Be content with the set there is.
    No,
}

impl Windows {
    /// What to do about the unknown key `kid`. A fetch counts as made when this says so; `done` ends with it.
    pub(super) fn force(&mut self, kid: &str, now: Timestamp, done: watch::Receiver<()>) -> Force {
        if let Some((wanted, done)) = &self.forcing
            && **wanted == *kid
            && done.has_changed().is_ok()
        {
            return Force::Join(done.clone());
        }
        if !self.may_force(kid, now) {
            return Force::No;
        }
        self.forcing = Some((kid.into(), done));
        Force::Fetch
    }

    fn may_force(&mut self, kid: &str, now: Timestamp) -> bool {
        if self.unknown.get(kid).is_some_and(|at| is_within(FORGET_UNKNOWN_AFTER, *at, now)) {
            return false;
        }
        if self.forced_at.is_some_and(|at| is_within(WINDOW, at, now)) {
            return false;
        }
        self.forced_at = Some(now);
        if self.unknown.len() >= MAX_UNKNOWN {
            self.unknown.retain(|_, at| is_within(FORGET_UNKNOWN_AFTER, *at, now));
        }
        if self.unknown.len() < MAX_UNKNOWN {
            self.unknown.insert(kid.into(), now);
        }
        true
    }

    /// Whether a set that has served its time may be fetched anew. Counts as done when it says yes.
    pub(super) fn may_refresh(&mut self, now: Timestamp) -> bool {
        if self.refreshed_at.is_some_and(|at| is_within(WINDOW, at, now)) {
            return false;
        }
        self.refreshed_at = Some(now);
        true
    }

    pub(super) fn failed(&mut self, now: Timestamp, error: Arc<FetchError>) {
        self.failure = Some((now, error));
    }

    /// A failure so recent that trying again is no use.
    pub(super) fn recent_failure(&self, now: Timestamp) -> Option<Arc<FetchError>> {
        self.failure.as_ref().filter(|(at, _)| is_within(FIRST_WINDOW, *at, now)).map(|(_, error)| Arc::clone(error))
    }
}

/// A clock that was set back must not close a window for as long as it was set back.
fn is_within(window: SignedDuration, at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < window
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn one_forced_fetch_in_thirty_seconds_whatever_the_key_ids() {
        let mut windows = Windows::default();
        assert!(windows.may_force("a", at(0)));
        assert!((0..1000).all(|number| !windows.may_force(&number.to_string(), at(29))));
        assert!(windows.may_force("b", at(30)));
    }

    #[test]
    fn a_key_id_looked_for_in_vain_is_left_alone_for_a_minute() {
        let mut windows = Windows::default();
        assert!(windows.may_force("a", at(0)));
        assert!(!windows.may_force("a", at(59)));
        assert!(windows.may_force("a", at(60)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut windows = Windows::default();
        for number in 0..5000 {
            windows.forced_at = None;
            windows.may_force(&number.to_string(), at(0));
        }
        assert_eq!(windows.unknown.len(), MAX_UNKNOWN);
        windows.may_force("later", at(100));
        assert_eq!(windows.unknown.len(), 1);
    }

    #[test]
    fn a_clock_set_back_opens_the_window() {
        let mut windows = Windows::default();
        assert!(windows.may_force("a", at(0)));
        assert!(windows.may_force("b", at(-3600)));
    }

    #[test]
    fn routine_and_forced_fetches_do_not_close_each_others_window() {
        let mut windows = Windows::default();
        assert!(windows.may_refresh(at(0)));
        assert!(!windows.may_refresh(at(29)));
        assert!(windows.may_force("a", at(1)));
        assert!(windows.may_refresh(at(30)));
    }
}
