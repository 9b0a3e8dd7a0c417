//! What limits by address count as one address.

use std::net::{IpAddr, Ipv6Addr};

/// The network of an address of IPv6 (/64), all of which one client has; of IPv4, the address itself.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}
