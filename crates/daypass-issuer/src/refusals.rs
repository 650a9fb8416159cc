//! How many refusals one peer may cause.
//!
//! A refusal writes an audit row, so without a bound a stranger could fill the disk. Those who have proven nothing get
//! so many rows a minute (`strangers`); what they cause beyond is counted, and the count is recorded when the minute is
//! over. Those who have proven who they are keep their rows, whatever noise a stranger makes at the same address. Who
//! is let in is never slowed down.

mod strangers;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::Clock,
    digest::Sha256,
};
use daypass_store::{Store, StoreError};
use moka::sync::Cache;
use strangers::Strangers;

/// The window, in seconds, in which a peer's refusals are counted to slow it down.
pub(crate) const WINDOW_SECONDS: u32 = 10;

/// How many refusals one peer may cause within the window before it is told to slow down; and how many of those who
/// have proven something are recorded one by one.
///
/// Generous, because a whole company can sit behind one address and one broken pipeline starts many jobs.
const MOST_REFUSALS: u32 = 2_000;

/// How often one token may be refused within the window. Nobody has an honest reason to try it so often.
const MOST_REFUSALS_OF_ONE_TOKEN: u32 = 20;

/// How many peers and tokens are remembered at a time (the least used are forgotten first).
const MOST_REMEMBERED: u64 = 10_000;

/// What stands in the audit log for the request of a row that is about many.
const REQUEST: &str = "refusals";

/// Counts refusals by peer and by token.
pub(crate) struct Refusals {
    clock: Arc<dyn Clock>,
    strangers: Strangers,
    peers: Counts<IpAddr>,
    proven: Counts<IpAddr>,
    tokens: Counts<Sha256>,
}

type Counts<Key> = Cache<Key, Arc<AtomicU32>>;

/// How a refusal stands to what one peer may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Recorded as any other.
    Within,
    /// The first too many: that there are too many is recorded.
    Reached,
    /// Not recorded, but counted.
    Past,
}

impl Refusals {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, strangers: Strangers::default(), peers: counts(), proven: counts(), tokens: counts() }
    }

    /// Counts one refusal of somebody who has proven nothing.
    pub(crate) fn count(&self, peer: IpAddr, token_sha256: Option<Sha256>) -> Bound {
        if let Some(token_sha256) = token_sha256 {
            count(&self.tokens, token_sha256);
        }
        count(&self.peers, network(peer));
        self.strangers.count(peer, self.clock.now())
    }

    /// Counts one refusal of somebody who has proven who they are, or that they hold something good; whether it is
    /// recorded in any case. If not, it is to be counted as a stranger's.
    pub(crate) fn takes_proven(&self, peer: IpAddr, token_sha256: Option<Sha256>) -> bool {
        let takes = count(&self.proven, network(peer)) <= MOST_REFUSALS;
        if let Some(token_sha256) = token_sha256.filter(|_| takes) {
            count(&self.tokens, token_sha256);
        }
        takes
    }

    /// Whether strangers at this peer were refused so often that they are told to wait.
    pub(crate) fn slows_down(&self, peer: IpAddr) -> bool {
        counted(&self.peers, &network(peer)) > MOST_REFUSALS
    }

    /// Whether a token was refused so often that it is not looked up any more.
    pub(crate) fn is_worn_out(&self, token_sha256: &Sha256) -> bool {
        counted(&self.tokens, token_sha256) >= MOST_REFUSALS_OF_ONE_TOKEN
    }

    /// Records what was counted in the minutes that are over. What cannot be recorded now is kept for the next time.
    pub(crate) fn record_counted(&self, store: &Store) -> Result<(), StoreError> {
        let mut result = Ok(());
        for counted in self.strangers.take(self.clock.now()) {
            if result.is_ok() {
                let now = self.clock.now();
                let mut event = AuditEvent::new(now, AuditKind::TokenRefused, Outcome::Refused, REQUEST);
                event.source = counted.network.map(|network| network.to_string());
                event.reason = Some(format!("too_many_refusals: {} more were refused", counted.refusals));
                result = store.record_soon(event);
            }
            if result.is_err() {
                self.strangers.give_back(counted);
            }
        }
        result
    }
}

fn counts<Key: std::hash::Hash + Eq + Send + Sync + 'static>() -> Counts<Key> {
    let window = Duration::from_secs(WINDOW_SECONDS.into());
    Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(window).build()
}

/// Counts one more; how many there are then.
fn count<Key: std::hash::Hash + Eq + Send + Sync + 'static>(counts: &Counts<Key>, key: Key) -> u32 {
    counts.get_with(key, Arc::default).fetch_add(1, Ordering::Relaxed).saturating_add(1)
}

fn counted<Key: std::hash::Hash + Eq + Send + Sync + 'static>(counts: &Counts<Key>, key: &Key) -> u32 {
    counts.get(key).map_or(0, |count| count.load(Ordering::Relaxed))
}

/// An IPv6 customer has a /64 of addresses to choose from: the whole counts as one peer. An IPv4 address counts alone,
/// also in the clothes of an IPv6 one (`::ffff:192.0.2.1`): else all of IPv4 would be one peer.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        peer @ IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals() -> Refusals {
        Refusals::new(Arc::new(daypass_core::clock::ManualClock::new(daypass_core::Timestamp::UNIX_EPOCH)))
    }

    #[test]
    fn past_the_bound_a_peer_is_told_to_wait_and_another_is_not() {
        let refusals = refusals();
        let (bad, neighbour, good): (IpAddr, IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for _ in 0..MOST_REFUSALS {
            refusals.count(bad, None);
            assert!(!refusals.slows_down(bad));
        }
        assert_eq!(refusals.count(neighbour, None), Bound::Past);
        assert!(refusals.slows_down(bad) && refusals.slows_down(neighbour) && !refusals.slows_down(good));
        assert_eq!(refusals.count(good, None), Bound::Within);
        assert!(refusals.takes_proven(bad, None), "who has proven something is not a stranger");
    }

    #[test]
    fn who_has_proven_something_is_recorded_up_to_the_bound() {
        let (refusals, peer) = (refusals(), "192.0.2.1".parse().unwrap());
        for _ in 0..MOST_REFUSALS {
            assert!(refusals.takes_proven(peer, None));
        }
        assert!(!refusals.takes_proven(peer, None));
        assert_eq!(refusals.count(peer, None), Bound::Within);
    }

    #[test]
    fn an_ipv4_address_counts_alone_however_the_socket_shows_it() {
        let of = |peer: &str| network(peer.parse().unwrap());
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }

    #[test]
    fn one_token_wears_out_and_another_does_not() {
        let refusals = refusals();
        let (worn, fresh) = (Sha256::of("worn"), Sha256::of("fresh"));
        for _ in 0..MOST_REFUSALS_OF_ONE_TOKEN {
            assert!(!refusals.is_worn_out(&worn));
            refusals.count("192.0.2.1".parse().unwrap(), Some(worn));
        }
        assert!(refusals.is_worn_out(&worn) && !refusals.is_worn_out(&fresh));
    }
}
