//! Refusals of strangers, minute by minute: of each network the first are recorded one by one, the others are counted.
//!
//! What is *not* here: writing the counts into the audit log (`refusals`).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use daypass_core::Timestamp;

use super::{Bound, network};

/// The window, in seconds.
const WINDOW: i64 = 60;

/// How many refusals of one network are recorded one by one within the window.
const MOST_ONE_BY_ONE: u32 = 50;

/// How many networks are told apart within the window. Further ones count as one: with a million addresses the log is no
/// more a stranger's to fill than with one.
const MOST_NETWORKS: usize = 1_000;

/// Counts by network, through windows.
#[derive(Default)]
pub(super) struct Strangers(Mutex<Windows>);

/// Whom a count is about; `None`: the networks beyond [`MOST_NETWORKS`].
type Who = Option<IpAddr>;

#[derive(Default)]
struct Windows {
    open: HashMap<Who, Window>,
    /// What the windows that are over have counted, as long as it is not recorded.
    counted: HashMap<Who, u32>,
}

struct Window {
    /// In seconds since the epoch.
    began: i64,
    refusals: u32,
}

/// Refusals that were not recorded one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) network: Who,
    pub(super) refusals: u32,
}

impl Strangers {
    /// Counts one refusal.
    pub(super) fn count(&self, peer: IpAddr, now: Timestamp) -> Bound {
        let (network, now) = (Some(network(peer)), now.as_second());
        let mut windows = self.lock();
        if !windows.open.contains_key(&network) && windows.open.len() >= MOST_NETWORKS {
            windows.close(now);
        }
        let has_room = windows.open.contains_key(&network) || windows.open.len() < MOST_NETWORKS;
        windows.count(if has_room { network } else { None }, now)
    }

    /// What the windows that are over by now have counted and [`Strangers::take`] has not given yet.
    pub(super) fn take(&self, now: Timestamp) -> Vec<Counted> {
        let mut windows = self.lock();
        windows.close(now.as_second());
        windows.counted.drain().map(|(network, refusals)| Counted { network, refusals }).collect()
    }

    /// Keeps what could not be recorded for the next time.
    pub(super) fn give_back(&self, counted: Counted) {
        self.lock().keep(counted.network, counted.refusals);
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    fn count(&mut self, who: Who, now: i64) -> Bound {
        let window = self.open.entry(who).or_insert(Window { began: now, refusals: 0 });
        let counted = if window.is_over(now) {
            let counted = window.counted();
            *window = Window { began: now, refusals: 0 };
            counted
        } else {
            0
        };
        window.refusals = window.refusals.saturating_add(1);
        let bound = match window.refusals {
            ..=MOST_ONE_BY_ONE => Bound::Within,
            refusals if refusals == MOST_ONE_BY_ONE + 1 => Bound::Reached,
            _ => Bound::Past,
        };
        self.keep(who, counted);
        bound
    }

    fn close(&mut self, now: i64) {
        let over: Vec<_> = self.open.extract_if(|_, window| window.is_over(now)).collect();
        for (who, window) in over {
            self.keep(who, window.counted());
        }
    }

    fn keep(&mut self, who: Who, refusals: u32) {
        if refusals > 0 {
            let has_room = self.counted.contains_key(&who) || self.counted.len() < MOST_NETWORKS;
            let counted = self.counted.entry(if has_room { who } else { None }).or_default();
            *counted = counted.saturating_add(refusals);
        }
    }
}

impl Window {
    /// A clock that was set back ends it too.
    fn is_over(&self, now: i64) -> bool {
        !(self.began..self.began + WINDOW).contains(&now)
    }

    fn counted(&self) -> u32 {
        self.refusals.saturating_sub(MOST_ONE_BY_ONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn count(strangers: &Strangers, from: &str, times: u32, second: i64) -> [usize; 3] {
        let bounds: Vec<_> = (0..times).map(|_| strangers.count(peer(from), at(second))).collect();
        [Bound::Within, Bound::Reached, Bound::Past].map(|bound| bounds.iter().filter(|one| **one == bound).count())
    }

    #[test]
    fn the_first_are_recorded_and_the_others_counted_minute_by_minute() {
        let strangers = Strangers::default();
        assert_eq!(count(&strangers, "2001:db8::1", 30, 0), [30, 0, 0]);
        assert_eq!(count(&strangers, "2001:db8::2", 30, 59), [20, 1, 9], "a neighbour is the same network");
        assert_eq!(count(&strangers, "192.0.2.1", 50, 59), [50, 0, 0]);
        assert_eq!(strangers.take(at(59)), []);
        let counted = Counted { network: Some(peer("2001:db8::")), refusals: 10 };
        assert_eq!(strangers.take(at(60)), [counted]);
        assert_eq!(strangers.take(at(200)), []);
        assert_eq!(count(&strangers, "2001:db8::1", 51, 200), [50, 1, 0]);
        // The next window begins before anybody has asked for the count.
        assert_eq!(count(&strangers, "2001:db8::1", 52, 260), [50, 1, 1]);
        assert_eq!(strangers.take(at(260)), [Counted { refusals: 1, ..counted }]);
        strangers.give_back(Counted { refusals: 5, ..counted });
        assert_eq!(strangers.take(at(320)), [Counted { refusals: 7, ..counted }]);
    }

    #[test]
    fn with_many_networks_a_stranger_fills_the_log_no_more_than_with_some() {
        let strangers = Strangers::default();
        let from = |number: usize| format!("2001:db8:{number:x}::1");
        for number in 0..MOST_NETWORKS {
            assert_eq!(count(&strangers, &from(number), 1, 0), [1, 0, 0]);
        }
        let beyond: Vec<_> = (0..100).map(|number| strangers.count(peer(&from(5000 + number)), at(1))).collect();
        assert_eq!(beyond.iter().filter(|bound| **bound == Bound::Within).count(), 50);
        assert_eq!(count(&strangers, &from(0), 50, 1), [49, 1, 0], "who was known before is not hindered");
        // When the minute is over there is room again.
        assert_eq!(count(&strangers, &from(9000), 50, 61), [50, 0, 0]);
        let mut counted = strangers.take(at(61));
        counted.sort_by_key(|counted| counted.refusals);
        assert_eq!(counted.iter().map(|counted| counted.refusals).collect::<Vec<_>>(), [1, 50]);
        assert_eq!(counted[1].network, None);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_another_minute() {
        let strangers = Strangers::default();
        assert_eq!(count(&strangers, "192.0.2.1", 60, 100_000), [50, 1, 9]);
        assert_eq!(count(&strangers, "192.0.2.1", 1, 0), [1, 0, 0]);
        assert_eq!(strangers.take(at(0)).len(), 1);
    }
}
