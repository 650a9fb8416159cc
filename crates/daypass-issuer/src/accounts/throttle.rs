//! How often somebody may be wrong.
//!
//! An attempt is counted before it is looked at, so that a thousand at once are no way around; whoever was right is
//! not counted. The windows go by the clock that was passed in; the caches only bound how much is remembered.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use daypass_core::{Timestamp, names::AccountName};
use moka::sync::Cache;

use crate::refusals::network;

/// The window, in seconds.
const WINDOW: i64 = 5 * 60;

/// How often one account's password may be wrong within the window, from one network. Who is wrong elsewhere locks
/// nobody out here.
const MOST_OF_ONE_ACCOUNT: u32 = 10;

/// How often one account's password may be wrong within the window, whoever tries: for those who guess from many
/// networks.
const MOST_OF_ONE_ACCOUNT_ANYWHERE: u32 = 100;

/// How often one address may be wrong within the window, whatever it tries. A whole company can sit behind it.
const MOST_OF_ONE_PEER: u32 = 100;

/// How many of each are remembered at a time. Names that are no account's count too, or else the
/// difference would tell.
const MOST_REMEMBERED: u64 = 100_000;

/// Counts what was wrong: by account and network, by account, and by network.
pub(super) struct Throttle {
    accounts: Counters<(AccountName, IpAddr)>,
    accounts_anywhere: Counters<AccountName>,
    peers: Counters<IpAddr>,
}

/// Too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// For how many seconds.
    pub(super) seconds: i64,
    /// Whether this is the first that is turned away: the one to be recorded.
    pub(super) first: bool,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self {
            accounts: Counters::new(MOST_OF_ONE_ACCOUNT),
            accounts_anywhere: Counters::new(MOST_OF_ONE_ACCOUNT_ANYWHERE),
            peers: Counters::new(MOST_OF_ONE_PEER),
        }
    }

    /// Counts an attempt at an account, or at no account in particular (a passkey says itself whose it is). One that is
    /// turned away counts nowhere.
    pub(super) fn begin(&self, account: Option<&AccountName>, peer: IpAddr, now: Timestamp) -> Result<(), Wait> {
        let network = network(peer);
        self.peers.begin(network, now)?;
        let Some(account) = account else { return Ok(()) };
        let here = (account.clone(), network);
        self.accounts.begin(here.clone(), now).inspect_err(|_| self.peers.take_back(&network))?;
        self.accounts_anywhere.begin(account.clone(), now).inspect_err(|_| {
            self.accounts.take_back(&here);
            self.peers.take_back(&network);
        })
    }

    /// It was right: the account starts afresh, in this network.
    pub(super) fn was_right(&self, account: Option<&AccountName>, peer: IpAddr) {
        let network = network(peer);
        self.peers.take_back(&network);
        if let Some(account) = account {
            self.accounts.forget(&(account.clone(), network));
            self.accounts_anywhere.take_back(account);
        }
    }
}

struct Counters<Key: Hash + Eq + Send + Sync + 'static> {
    most: u32,
    windows: Cache<Key, Arc<Mutex<Window>>>,
}

#[derive(Default)]
struct Window {
    /// In seconds since the epoch.
    began: i64,
    attempts: u32,
    turned_away: bool,
}

impl<Key: Hash + Eq + Send + Sync + 'static> Counters<Key> {
    fn new(most: u32) -> Self {
        let longer = Duration::from_mins(30);
        Self { most, windows: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_idle(longer).build() }
    }

    fn begin(&self, key: Key, now: Timestamp) -> Result<(), Wait> {
        let (window, now) = (self.windows.get_with(key, Arc::default), now.as_second());
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        if !(window.began..window.began + WINDOW).contains(&now) {
            *window = Window { began: now, ..Window::default() };
        }
        if window.attempts >= self.most {
            let first = !std::mem::replace(&mut window.turned_away, true);
            return Err(Wait { seconds: window.began + WINDOW - now, first });
        }
        window.attempts += 1;
        Ok(())
    }

    fn take_back(&self, key: &Key) {
        if let Some(window) = self.windows.get(key) {
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            window.attempts = window.attempts.saturating_sub(1);
        }
    }

    fn forget(&self, key: &Key) {
        self.windows.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn ada() -> AccountName {
        "ada".parse().unwrap()
    }

    #[test]
    fn an_account_is_shut_after_ten_wrong_attempts_and_opens_again() {
        let throttle = Throttle::new();
        for _ in 0..MOST_OF_ONE_ACCOUNT {
            assert_eq!(throttle.begin(Some(&ada()), PEER, at(0)), Ok(()));
        }
        assert_eq!(throttle.begin(Some(&ada()), PEER, at(10)), Err(Wait { seconds: 290, first: true }));
        assert_eq!(throttle.begin(Some(&ada()), PEER, at(11)), Err(Wait { seconds: 289, first: false }));
        assert_eq!(throttle.begin(Some(&"eve".parse().unwrap()), PEER, at(11)), Ok(()));
        assert_eq!(throttle.begin(Some(&ada()), PEER, at(300)), Ok(()));
    }

    #[test]
    fn who_is_wrong_in_one_network_shuts_no_other_until_too_many_are() {
        let throttle = Throttle::new();
        for network in 0..10_u8 {
            let peer = IpAddr::from([198, 51, 100, network]);
            for _ in 0..MOST_OF_ONE_ACCOUNT {
                assert_eq!(throttle.begin(Some(&ada()), PEER, at(0)), Ok(()));
                throttle.was_right(Some(&ada()), PEER);
                assert_eq!(throttle.begin(Some(&ada()), peer, at(0)), Ok(()));
            }
            assert!(throttle.begin(Some(&ada()), peer, at(0)).is_err());
        }
        // A hundred by now: that the last one was wrong here for the first time does not help.
        assert_eq!(throttle.begin(Some(&ada()), PEER, at(1)), Err(Wait { seconds: 299, first: true }));
        assert_eq!(throttle.begin(Some(&ada()), PEER, at(2)), Err(Wait { seconds: 298, first: false }));
        assert_eq!(throttle.begin(Some(&"eve".parse().unwrap()), PEER, at(2)), Ok(()));
        // Who was turned away was not counted.
        for _ in 0..MOST_OF_ONE_ACCOUNT {
            assert_eq!(throttle.begin(Some(&ada()), PEER, at(300)), Ok(()));
        }
    }

    #[test]
    fn who_was_right_is_not_counted() {
        let throttle = Throttle::new();
        for second in 0..1000 {
            assert_eq!(throttle.begin(Some(&ada()), PEER, at(second)), Ok(()));
            throttle.was_right(Some(&ada()), PEER);
        }
    }

    #[test]
    fn an_address_is_shut_whatever_it_tries_and_so_are_its_neighbours() {
        let throttle = Throttle::new();
        let (peer, neighbour, other): (IpAddr, IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), PEER);
        for number in 0..MOST_OF_ONE_PEER {
            assert_eq!(throttle.begin(Some(&format!("a{number}").parse().unwrap()), peer, at(0)), Ok(()));
        }
        assert!(throttle.begin(None, neighbour, at(1)).is_err());
        assert_eq!(throttle.begin(None, other, at(1)), Ok(()));
    }

    #[test]
    fn a_clock_that_was_set_back_shuts_nobody_out_for_longer() {
        let throttle = Throttle::new();
        for _ in 0..MOST_OF_ONE_ACCOUNT {
            assert_eq!(throttle.begin(Some(&ada()), PEER, at(100_000)), Ok(()));
        }
        assert_eq!(throttle.begin(Some(&ada()), PEER, at(0)), Ok(()));
    }
}
