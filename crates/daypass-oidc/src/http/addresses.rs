//! What kind of place an IP address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// This machine.
    Loopback,
    /// A network of somebody's own: RFC 1918, RFC 6598, RFC 4193, and what was set aside for documentation and
    /// benchmarking (RFC 5737, RFC 2544), which laboratories and closed networks use as their own.
    Private,
    /// The Internet.
    Public,
    /// Nowhere a server of ours has business: link-local (where cloud machines find their metadata and with it
    /// credentials), multicast, reserved.
    Nowhere,
}

/// The metadata address of one large cloud lies in public space.
const METADATA_IN_PUBLIC_SPACE: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// That of another lies in private space.
const METADATA_IN_PRIVATE_SPACE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

pub(super) fn place_of(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_of_v4(address),
        IpAddr::V6(address) => place_of_v6(address),
    }
}

/// Whether machines of a cloud find their metadata there: link-local (RFC 3927, RFC 4291 §2.5.6), or where those that
/// have no IPv4 find them.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address == METADATA_IN_PUBLIC_SPACE,
        IpAddr::V6(address) => {
            let known = matches!(
                address.segments(),
                [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, _] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]
            );
            address.is_unicast_link_local() || known
        }
    }
}

fn place_of_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [127, ..] => Place::Loopback,
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [192, 0, 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Place::Private,
        // "This network", link-local, IETF protocol assignments, 6to4 anycast, multicast, reserved and broadcast: the
        // IANA special-purpose registry (RFC 6890).
        [0 | 224..=255, ..] | [169, 254, ..] | [192, 0, 0, _] | [192, 88, 99, _] => Place::Nowhere,
        _ if address == METADATA_IN_PUBLIC_SPACE => Place::Nowhere,
        _ => Place::Public,
    }
}

fn place_of_v6(address: Ipv6Addr) -> Place {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        place_of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Loopback,
        // An IPv4 address in other clothes: mapped (RFC 4291 §2.5.5.2) or behind NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0xfc00..=0xfdff, ..] if address != METADATA_IN_PRIVATE_SPACE => Place::Private,
        // Protocol assignments with Teredo, documentation (twice), 6to4: none of them names a server.
        [0x2001, 0..=0x1ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => Place::Nowhere,
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_where_it_is() {
        for (place, addresses) in [
            (Place::Loopback, &["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"][..]),
            (Place::Private, &["10.0.0.1", "172.16.0.1", "172.31.9.9", "192.168.1.1", "100.64.0.1", "fd12::1"]),
            (Place::Private, &["::ffff:10.0.0.1", "fc00::1"]),
            (Place::Public, &["1.1.1.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2606:4700::1"]),
            (Place::Public, &["::ffff:1.1.1.1", "64:ff9b::101:101"]),
            (Place::Nowhere, &["0.0.0.0", "169.254.169.254", "168.63.129.16", "224.0.0.1", "255.255.255.255"]),
            (Place::Private, &["203.0.113.9", "198.51.100.1", "192.0.2.1", "198.18.0.1"]),
            (Place::Nowhere, &["240.0.0.1", "192.0.0.8", "192.88.99.1"]),
            (
                Place::Nowhere,
                &["::", "fe80::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2002:7f00:1::", "::7f00:1"],
            ),
            (Place::Nowhere, &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2001::1", "fec0::1", "3fff::1"]),
        ] {
            for address in addresses {
                assert_eq!(place_of(address.parse().unwrap()), place, "{address}");
            }
        }
    }
}
