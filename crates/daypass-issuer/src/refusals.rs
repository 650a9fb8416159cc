//! How many refusals one peer may cause.
//!
//! Every refusal writes an audit row, so without a bound a stranger could fill the disk. Who is let in is never
//! slowed down.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

/// The window, in seconds, in which refusals are counted.
pub(crate) const WINDOW_SECONDS: u32 = 10;

/// How many refusals one peer may cause within the window.
///
/// Generous, because a whole company can sit behind one address and one broken pipeline starts many jobs.
const MOST_REFUSALS: u32 = 2_000;

/// How many peers are remembered at a time (the least used is forgotten first).
const MOST_PEERS: u64 = 10_000;

/// Counts refusals by peer.
pub(crate) struct Refusals(Cache<IpAddr, Arc<AtomicU32>>);

impl Refusals {
    pub(crate) fn new() -> Self {
        let window = Duration::from_secs(WINDOW_SECONDS.into());
        Self(Cache::builder().max_capacity(MOST_PEERS).time_to_live(window).build())
    }

    /// Whether this peer has used up its refusals. Asked before any work is done for it.
    pub(crate) fn exhausted(&self, peer: IpAddr) -> bool {
        self.0.get(&network(peer)).is_some_and(|count| count.load(Ordering::Relaxed) >= MOST_REFUSALS)
    }

    /// Counts one refusal.
    pub(crate) fn count(&self, peer: IpAddr) {
        self.0.get_with(network(peer), Arc::default).fetch_add(1, Ordering::Relaxed);
    }
}

/// An IPv6 customer has a /64 of addresses to choose from: the whole counts as one peer.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_stopped_after_its_refusals_and_another_is_not() {
        let refusals = Refusals::new();
        let (bad, neighbour, good): (IpAddr, IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for _ in 0..MOST_REFUSALS {
            assert!(!refusals.exhausted(bad));
            refusals.count(bad);
        }
        assert!(refusals.exhausted(bad) && refusals.exhausted(neighbour));
        assert!(!refusals.exhausted(good));
    }
}
