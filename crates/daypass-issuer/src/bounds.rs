//! How much one peer may ask of the endpoints that remember something for strangers.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

use crate::refusals::network;

/// The window in which is counted.
const WINDOW: Duration = Duration::from_mins(10);

/// How many device codes one peer may ask for within the window. A whole company can sit behind one address.
const MOST_DEVICES: u32 = 600;

/// How many user codes that do not exist one peer may try within the window. Of 20^8 codes.
const MOST_GUESSES: u32 = 20;

/// How many peers are remembered at a time (the least used are forgotten first).
const MOST_REMEMBERED: u64 = 10_000;

/// Counts by peer.
pub(crate) struct Bounds {
    devices: Cache<IpAddr, Arc<AtomicU32>>,
    guesses: Cache<IpAddr, Arc<AtomicU32>>,
}

impl Bounds {
    pub(crate) fn new() -> Self {
        let counts = || Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(WINDOW).build();
        Self { devices: counts(), guesses: counts() }
    }

    /// Counts one request for a device code; whether it may be granted.
    pub(crate) fn may_begin_device(&self, peer: IpAddr) -> bool {
        let count = self.devices.get_with(network(peer), Arc::default);
        count.fetch_add(1, Ordering::Relaxed) < MOST_DEVICES
    }

    /// Counts one user code that does not exist.
    pub(crate) fn count_guess(&self, peer: IpAddr) {
        self.guesses.get_with(network(peer), Arc::default).fetch_add(1, Ordering::Relaxed);
    }

    /// Whether no further user code of this peer is looked at for now.
    pub(crate) fn guesses_too_much(&self, peer: IpAddr) -> bool {
        self.guesses.get(&network(peer)).is_some_and(|count| count.load(Ordering::Relaxed) >= MOST_GUESSES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_guesses_so_often_and_another_is_not_hindered() {
        let bounds = Bounds::new();
        let (bad, neighbour, good): (IpAddr, IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for _ in 0..MOST_GUESSES {
            assert!(!bounds.guesses_too_much(bad));
            bounds.count_guess(bad);
        }
        assert!(bounds.guesses_too_much(neighbour) && !bounds.guesses_too_much(good));
        for _ in 0..MOST_DEVICES {
            assert!(bounds.may_begin_device(bad));
        }
        assert!(!bounds.may_begin_device(neighbour) && bounds.may_begin_device(good));
    }
}
