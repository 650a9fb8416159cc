//! How many refusals one peer may cause.
//!
//! Every refusal writes an audit row, so without a bound a stranger could fill the disk. Past the bound refusals are no
//! longer recorded one by one. Who is let in is never slowed down.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use daypass_core::digest::Sha256;
use moka::sync::Cache;

/// The window, in seconds, in which refusals are counted.
pub(crate) const WINDOW_SECONDS: u32 = 10;

/// How many refusals one peer may cause within the window.
///
/// Generous, because a whole company can sit behind one address and one broken pipeline starts many jobs.
const MOST_REFUSALS: u32 = 2_000;

/// How often one token may be refused within the window. Nobody has an honest reason to try it so often.
const MOST_REFUSALS_OF_ONE_TOKEN: u32 = 20;

/// How many peers and tokens are remembered at a time (the least used are forgotten first).
const MOST_REMEMBERED: u64 = 10_000;

/// Counts refusals by peer and by token.
pub(crate) struct Refusals {
    peers: Cache<IpAddr, Arc<AtomicU32>>,
    tokens: Cache<Sha256, Arc<AtomicU32>>,
}

/// How a refusal stands to what one peer may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Recorded as any other.
    Within,
    /// The first too many: that there are too many is recorded.
    Reached,
    /// Not recorded.
    Past,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        let window = Duration::from_secs(WINDOW_SECONDS.into());
        Self {
            peers: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(window).build(),
            tokens: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(window).build(),
        }
    }

    /// Counts one refusal.
    pub(crate) fn count(&self, peer: IpAddr, token_sha256: Option<Sha256>) -> Bound {
        if let Some(token_sha256) = token_sha256 {
            self.tokens.get_with(token_sha256, Arc::default).fetch_add(1, Ordering::Relaxed);
        }
        match self.peers.get_with(network(peer), Arc::default).fetch_add(1, Ordering::Relaxed) {
            ..MOST_REFUSALS => Bound::Within,
            MOST_REFUSALS => Bound::Reached,
            _ => Bound::Past,
        }
    }

    /// Whether a token was refused so often that it is not looked up any more.
    pub(crate) fn is_worn_out(&self, token_sha256: &Sha256) -> bool {
        let count = self.tokens.get(token_sha256);
        count.is_some_and(|count| count.load(Ordering::Relaxed) >= MOST_REFUSALS_OF_ONE_TOKEN)
    }
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

    #[test]
    fn past_the_bound_a_peer_is_not_recorded_any_more_and_another_is() {
        let refusals = Refusals::new();
        let (bad, neighbour, good): (IpAddr, IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for _ in 0..MOST_REFUSALS {
            assert_eq!(refusals.count(bad, None), Bound::Within);
        }
        assert_eq!(refusals.count(neighbour, None), Bound::Reached);
        assert_eq!(refusals.count(bad, None), Bound::Past);
        assert_eq!(refusals.count(good, None), Bound::Within);
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
        let refusals = Refusals::new();
        let (worn, fresh) = (Sha256::of("worn"), Sha256::of("fresh"));
        for _ in 0..MOST_REFUSALS_OF_ONE_TOKEN {
            assert!(!refusals.is_worn_out(&worn));
            refusals.count("192.0.2.1".parse().unwrap(), Some(worn));
        }
        assert!(refusals.is_worn_out(&worn) && !refusals.is_worn_out(&fresh));
    }
}
