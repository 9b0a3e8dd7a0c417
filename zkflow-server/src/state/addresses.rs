//! Shares of each client address in what is limited: connections, bodies, downloads, watchers.

use std::net::IpAddr;

use super::shares::{Share, Shares};
use crate::network::network;

/// Shares of each address in a limited resource. A network of IPv6 (/64) counts as one address, since one client has all
/// of its addresses.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    most: usize,
    shares: Shares<IpAddr>,
}

impl Addresses {
    /// At most `most` shares for each address.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, shares: Shares::default() }
    }

    /// Takes `weight` shares until the result is dropped; `None` if the address would have more than it may have.
    pub(crate) fn enter(&self, address: IpAddr, weight: usize) -> Option<Share<IpAddr>> {
        self.shares.enter(network(address), weight, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let addresses = Addresses::new(2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = addresses.enter(ip("192.0.2.1"), 1).unwrap();
        let second = addresses.enter(ip("::ffff:192.0.2.1"), 1).unwrap();
        assert!(addresses.enter(ip("192.0.2.1"), 1).is_none());
        assert!(addresses.enter(ip("192.0.2.2"), 1).is_some());
        assert!(addresses.enter(ip("192.0.2.2"), 3).is_none(), "heavier than allowed");
        assert!(addresses.enter(ip("192.0.2.2"), usize::MAX).is_none());
        drop(first);
        assert!(addresses.enter(ip("192.0.2.1"), 1).is_some());
        let one = addresses.enter(ip("2001:db8::1"), 1).unwrap();
        let other = addresses.enter(ip("2001:db8::ffff:ffff:ffff:ffff"), 1).unwrap();
        assert!(addresses.enter(ip("2001:db8::2"), 1).is_none(), "one network");
        assert!(addresses.enter(ip("2001:db8:0:1::1"), 1).is_some(), "another network");
        drop((one, other, second));
        assert_eq!(addresses.shares.holders(), 0, "counts of absent clients stay");
    }
}
