//! [`Strangers`]: how many unknown keys each address may send. Each one costs a read of the catalog.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use crate::config::Http;
use crate::network::network;
use crate::paces::Paces;

/// Keys at once that this process has not seen, valid ones among them: after a start, all of them.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(1000).expect("not 0");

/// Such keys in each second.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("not 0");

/// A limit for the unknown keys of each address. A network of IPv6 (/64) counts as one address.
#[derive(Debug)]
pub(super) struct Strangers(Paces<IpAddr>);

impl Strangers {
    /// There is no limit if one address may hold everything: all clients have that of a proxy then.
    pub(super) fn new(http: &Http) -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(AT_ONCE);
        Self(Paces::of((http.address_share_percent < 100).then_some(quota)))
    }

    /// Counts an unknown key.
    ///
    /// # Errors
    /// The time until a further one is accepted.
    pub(super) fn take(&self, from: IpAddr) -> Result<(), Duration> {
        self.0.take(&network(from))
    }
}
