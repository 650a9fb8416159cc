//! How much one peer may ask of the endpoints that remember something for strangers.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use daypass_core::{SignedDuration, Timestamp};
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusals::network;

/// How many device codes may be open at a time, over all.
pub(crate) const MOST_OPEN_DEVICES: u32 = 20_000;

/// How long a device code is open.
pub(crate) const DEVICE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// How many open device codes one peer may hold. A whole company can sit behind one address.
const MOST_OF_ONE_PEER: usize = 600;

/// How many open device codes the peers of one site may hold: a twentieth of all, so that nobody keeps the others out
/// with the addresses that one connection comes with.
const MOST_OF_ONE_SITE: usize = MOST_OPEN_DEVICES as usize / 20;

/// The window in which guesses are counted.
const WINDOW: Duration = Duration::from_mins(10);

/// How many user codes that do not exist one peer may try within the window. Of 20^8 codes.
const MOST_GUESSES: u32 = 20;

/// How many peers are remembered at a time (the least used are forgotten first).
const MOST_REMEMBERED: u64 = 10_000;

/// How many requests of one peer may wait for AWS at a time: a quarter of all, since a stranger's wait there, too.
const MOST_ASKING_OF_ONE_PEER: usize = 8;

/// Counts by peer.
pub(crate) struct Bounds {
    by_peer: Holdings,
    by_site: Holdings,
    guesses: Cache<IpAddr, Arc<AtomicU32>>,
    asking: Cache<IpAddr, Arc<Semaphore>>,
}

impl Bounds {
    pub(crate) fn new() -> Self {
        Self {
            by_peer: Holdings::new(MOST_OF_ONE_PEER),
            by_site: Holdings::new(MOST_OF_ONE_SITE),
            guesses: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(WINDOW).build(),
            asking: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_idle(WINDOW).build(),
        }
    }

    /// Whether a peer may hold one more device code; then it does, from `now` on for [`DEVICE_LIFE`].
    pub(crate) fn begin_device(&self, peer: IpAddr, now: Timestamp) -> bool {
        if !self.by_peer.take(network(peer), now) {
            return false;
        }
        let taken = self.by_site.take(site(peer), now);
        if !taken {
            self.by_peer.give_back(&network(peer), now);
        }
        taken
    }

    /// A device code that was begun at `now` came to nothing.
    pub(crate) fn take_back_device(&self, peer: IpAddr, now: Timestamp) {
        self.by_peer.give_back(&network(peer), now);
        self.by_site.give_back(&site(peer), now);
    }

    /// A place among those of a peer for whom AWS is asked, if one is free; it is given back when it is dropped.
    pub(crate) fn begin_asking(&self, peer: IpAddr) -> Option<OwnedSemaphorePermit> {
        let places = || Arc::new(Semaphore::new(MOST_ASKING_OF_ONE_PEER));
        self.asking.get_with(network(peer), places).try_acquire_owned().ok()
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

/// What one connection to the internet may come with: an IPv6 /48, an IPv4 /24.
fn site(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(u32::from(address) & (u32::MAX << 8))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 80))),
    }
}

/// Who holds how many device codes. Each is known by the microsecond at which it was begun.
struct Holdings {
    most: usize,
    held: Cache<IpAddr, Arc<Mutex<VecDeque<i64>>>>,
}

impl Holdings {
    fn new(most: usize) -> Self {
        // The instants go by the clock that is passed in; the cache only bounds how much is remembered.
        let longer = Duration::from_mins(30);
        Self { most, held: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_idle(longer).build() }
    }

    fn take(&self, who: IpAddr, now: Timestamp) -> bool {
        let (held, now) = (self.held.get_with(who, Arc::default), now.as_microsecond());
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let life = i64::try_from(DEVICE_LIFE.as_micros()).unwrap_or(i64::MAX);
        // One that begins in the future was begun before the clock was set back.
        held.retain(|began| (0..life).contains(&(now - began)));
        let may = held.len() < self.most;
        if may {
            held.push_back(now);
        }
        may
    }

    fn give_back(&self, who: &IpAddr, now: Timestamp) {
        let Some(held) = self.held.get(who) else { return };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = held.iter().rposition(|began| *began == now.as_microsecond()) {
            held.remove(at);
        }
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

    #[test]
    fn one_peer_guesses_so_often_and_another_is_not_hindered() {
        let bounds = Bounds::new();
        let (bad, neighbour, good) = (peer("2001:db8::1"), peer("2001:db8::2"), peer("192.0.2.1"));
        for _ in 0..MOST_GUESSES {
            assert!(!bounds.guesses_too_much(bad));
            bounds.count_guess(bad);
        }
        assert!(bounds.guesses_too_much(neighbour) && !bounds.guesses_too_much(good));
    }

    #[test]
    fn one_peer_holds_so_many_codes_until_they_end_or_come_to_nothing() {
        let bounds = Bounds::new();
        let (bad, neighbour, good) = (peer("2001:db8::1"), peer("2001:db8::2"), peer("192.0.2.1"));
        for second in 0..600 {
            assert!(bounds.begin_device(bad, at(second)));
        }
        assert!(!bounds.begin_device(neighbour, at(599)) && bounds.begin_device(good, at(599)));
        bounds.take_back_device(neighbour, at(599));
        assert!(bounds.begin_device(bad, at(599)) && !bounds.begin_device(bad, at(599)));
        // One at a time, as they end; never two windows' worth at once.
        assert!(bounds.begin_device(bad, at(600)) && !bounds.begin_device(bad, at(600)));
        assert!(bounds.begin_device(bad, at(0)), "the clock was set back");
    }

    #[test]
    fn the_peers_of_one_site_hold_a_twentieth_of_all_together() {
        for (here, elsewhere) in [("2001:db8:7:NN::1", "2001:db8:8::1"), ("192.0.2.NN", "192.0.3.1")] {
            let bounds = Bounds::new();
            for number in 0..1000 {
                assert!(bounds.begin_device(peer(&here.replace("NN", &(number % 100).to_string())), at(0)));
            }
            for number in [5, 200] {
                assert!(!bounds.begin_device(peer(&here.replace("NN", &number.to_string())), at(1)), "{here}");
            }
            assert!(bounds.begin_device(peer(elsewhere), at(1)), "{here}");
            bounds.take_back_device(peer(&here.replace("NN", "5")), at(0));
            assert!(bounds.begin_device(peer(&here.replace("NN", "200")), at(1)), "{here}");
        }
    }

    #[test]
    fn one_network_waits_for_aws_in_few_places_and_leaves_the_others_theirs() {
        let (bounds, peer, other) = (Bounds::new(), "2001:db8::1".parse().unwrap(), "192.0.2.7".parse().unwrap());
        let mut places: Vec<_> = (0..MOST_ASKING_OF_ONE_PEER).map(|_| bounds.begin_asking(peer).unwrap()).collect();
        assert!(bounds.begin_asking("2001:db8::ffff".parse().unwrap()).is_none(), "the same network");
        assert!(bounds.begin_asking(other).is_some());
        places.pop();
        assert!(bounds.begin_asking(peer).is_some());
    }
}
