//! How far a client may reach, checked on the URL and again on every address it resolves to.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::sync::Arc;
use url::{Host, Url};

use super::{
    HttpError,
    addresses::{Place, is_metadata, place_of},
};

/// How far a client may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// `https` to the Internet only. A name that resolves to a private, loopback or link-local address is refused, so
    /// that nobody can point us at a machine's metadata or at a neighbour (server-side request forgery).
    Public,
    /// `https` to the Internet and to private networks, `http` to private networks and loopback only; never to
    /// link-local addresses.
    PrivateToo,
    /// The same, but never this machine itself.
    NeighboursToo,
    /// `https` anywhere, `http` to loopback only: for the command, whose user chose the server.
    AnyServer,
    /// `http` to this machine and to link-local addresses only, where a cloud's machines find who they are: for the
    /// command, which asks its own machine.
    Metadata,
}

impl Reach {
    fn allows(self, secure: bool, address: IpAddr) -> bool {
        match (self, secure, place_of(address)) {
            (Self::Public, true, Place::Public)
            | (Self::PrivateToo, true, Place::Public | Place::Private | Place::Loopback)
            | (Self::PrivateToo, false, Place::Private | Place::Loopback)
            | (Self::NeighboursToo, true, Place::Public | Place::Private)
            | (Self::NeighboursToo, false, Place::Private)
            | (Self::AnyServer, true, _)
            | (Self::AnyServer | Self::Metadata, false, Place::Loopback) => true,
            (Self::Metadata, false, _) => is_metadata(address),
            (Self::Public | Self::PrivateToo | Self::NeighboursToo | Self::AnyServer | Self::Metadata, _, _) => false,
        }
    }

    /// How far whoever is at these addresses may send us: to places like its own, no nearer. `None` for no address.
    pub(super) fn beside(addresses: impl IntoIterator<Item = IpAddr>) -> Option<Self> {
        let reach = |address| match place_of(address) {
            Place::Loopback => Self::PrivateToo,
            Place::Private => Self::NeighboursToo,
            Place::Public | Place::Nowhere => Self::Public,
        };
        // A name of several addresses is as far away as the farthest of them.
        let nearness = |reach: &Self| match reach {
            Self::PrivateToo => 2,
            Self::NeighboursToo => 1,
            Self::Public | Self::AnyServer | Self::Metadata => 0,
        };
        addresses.into_iter().map(reach).min_by_key(nearness)
    }

    /// Checks what can be seen on the URL itself: the scheme, a literal address, a user name.
    pub(super) fn check(self, url: &Url) -> Result<(), HttpError> {
        let refuse = |rule| HttpError::NotAllowed { host: url.host_str().unwrap_or_default().to_owned(), rule };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a URL with a user name or password is not followed"));
        }
        let secure = match url.scheme() {
            "https" => true,
            "http" if self != Self::Public => false,
            _ => return Err(refuse("only `https` may be used")),
        };
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            // Names are checked by the resolver, when they have become addresses.
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(refuse("a host is needed")),
        };
        if self.allows(secure, literal) { Ok(()) } else { Err(refuse(NOT_ALLOWED_ADDRESS)) }
    }
}

const NOT_ALLOWED_ADDRESS: &str = "its address is one that may not be reached";

/// Resolves names and drops the addresses that may not be reached.
///
/// The connection is made to exactly the addresses that passed, so a name that changes its mind between check and use
/// (DNS rebinding) gains nothing.
pub(super) struct GuardedResolver {
    pub(super) reach: Reach,
    pub(super) secure: bool,
    /// Hosts of the proxies that the environment names: the operator chose them, wherever they are.
    pub(super) proxies: Vec<String>,
    pub(super) inner: Arc<dyn Resolve>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, secure) = (self.reach, self.secure);
        let host = name.as_str().to_owned();
        let found = self.inner.resolve(name);
        if self.proxies.contains(&host) {
            return found;
        }
        Box::pin(async move {
            let allowed: Vec<_> = found.await?.filter(|address| reach.allows(secure, address.ip())).collect();
            if allowed.is_empty() {
                return Err(HttpError::NotAllowed { host, rule: NOT_ALLOWED_ADDRESS }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The system's resolver.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reach: Reach, url: &str) -> bool {
        reach.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn the_internet_is_reached_over_https_only() {
        assert!(allowed(Reach::Public, "https://ci.example.com/a"));
        assert!(allowed(Reach::Public, "https://1.1.1.1/"));
        for url in [
            "http://ci.example.com/",
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://user@ci.example.com/",
            "https://:secret@ci.example.com/",
            "ftp://ci.example.com/",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(Reach::Public, url), "{url}");
        }
    }

    #[test]
    fn private_networks_are_reached_when_that_was_said() {
        for url in ["http://127.0.0.1:1/", "http://10.0.0.1/", "https://192.168.0.1/", "https://1.1.1.1/"] {
            assert!(allowed(Reach::PrivateToo, url), "{url}");
        }
        for url in ["http://1.1.1.1/", "http://169.254.169.254/", "https://169.254.169.254/", "http://[fe80::1]/"] {
            assert!(!allowed(Reach::PrivateToo, url), "{url}");
        }
    }

    #[test]
    fn neighbours_are_reached_and_this_machine_is_not() {
        for url in ["http://10.0.0.1/", "https://192.168.0.1/", "https://1.1.1.1/", "https://ci.example.com/"] {
            assert!(allowed(Reach::NeighboursToo, url), "{url}");
        }
        for url in ["http://127.0.0.1:1/", "https://[::1]/", "http://1.1.1.1/", "https://169.254.169.254/"] {
            assert!(!allowed(Reach::NeighboursToo, url), "{url}");
        }
    }

    #[test]
    fn who_is_far_away_sends_us_nowhere_near() {
        let beside = |addresses: &[&str]| Reach::beside(addresses.iter().map(|address| address.parse().unwrap()));
        assert_eq!(beside(&["127.0.0.1", "::1"]), Some(Reach::PrivateToo));
        assert_eq!(beside(&["10.0.0.1"]), Some(Reach::NeighboursToo));
        assert_eq!(beside(&["203.0.113.9", "127.0.0.1"]), Some(Reach::NeighboursToo));
        assert_eq!(beside(&["127.0.0.1", "1.1.1.1"]), Some(Reach::Public));
        assert_eq!(beside(&["169.254.169.254"]), Some(Reach::Public));
        assert_eq!(beside(&[]), None);
    }

    #[test]
    fn the_metadata_of_a_machine_are_on_the_machine_or_beside_it() {
        for url in
            ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://169.254.170.2/", "http://[fd00:ec2::254]/"]
        {
            assert!(allowed(Reach::Metadata, url), "{url}");
        }
        for url in [
            "http://10.0.0.1/",
            "http://1.1.1.1/",
            "http://224.0.0.1/",
            "http://[fd12::1]/",
            "https://169.254.169.254/",
            "https://1.1.1.1/",
        ] {
            assert!(!allowed(Reach::Metadata, url), "{url}");
        }
    }

    #[test]
    fn the_command_sends_nothing_in_clear_text_beyond_loopback() {
        assert!(allowed(Reach::AnyServer, "http://127.0.0.1:1/"));
        assert!(allowed(Reach::AnyServer, "https://10.0.0.1/"));
        assert!(!allowed(Reach::AnyServer, "http://10.0.0.1/"));
        assert!(!allowed(Reach::AnyServer, "http://1.1.1.1/"));
    }
}
