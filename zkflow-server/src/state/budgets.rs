//! Budgets over what strangers can make large: bodies, downloads, watchers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::addresses::Addresses;
use super::shares::{Share, Shares};
use crate::config::Http;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::PART_BYTES;

/// Address of the client of a request. An extension of requests that came over a connection.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// Address of requests that did not come over a connection.
pub(crate) const LOCAL: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// A limited resource. Each address has a share in it, so that one client cannot take all of it.
#[derive(Debug, Clone)]
pub struct Budget {
    total: usize,
    all: Arc<Semaphore>,
    addresses: Addresses,
    tenants: Shares<TenantId>,
}

/// A part of a [`Budget`], until it is dropped.
#[derive(Debug)]
pub struct Held {
    permits: Vec<OwnedSemaphorePermit>,
    shares: Vec<Share<IpAddr>>,
    /// Of the tenant, if it has a limit.
    _tenant: Option<Share<TenantId>>,
}

/// The budget has no such part left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// For this address.
    Address,
    /// For this tenant.
    Tenant,
    /// For all.
    All,
}

impl Held {
    /// Number of parts.
    pub(crate) fn parts(&self) -> usize {
        self.permits.iter().map(OwnedSemaphorePermit::num_permits).sum()
    }

    /// Adds the parts of `other`, which is of the same budget and address.
    pub(crate) fn join(&mut self, other: Self) {
        self.permits.extend(other.permits);
        self.shares.extend(other.shares);
    }
}

impl Budget {
    /// A budget of `total` parts, of which an address may hold `percent`, and at least `least`.
    pub fn new(total: usize, percent: usize, least: usize) -> Self {
        let total = total.min(Semaphore::MAX_PERMITS);
        let of_address = total / 100 * percent + total % 100 * percent / 100;
        let addresses = Addresses::new(of_address.max(least));
        Self { total, all: Arc::new(Semaphore::new(total)), addresses, tenants: Shares::default() }
    }

    /// Number of all parts.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Number of the parts that are held.
    pub(crate) fn used(&self) -> usize {
        self.total - self.all.available_permits()
    }

    /// Takes `parts` for the client at `address`.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn take(&self, address: ClientAddress, parts: usize) -> Result<Held, Exhausted> {
        let share = self.addresses.enter(address.0, parts).ok_or(Exhausted::Address)?;
        let permits = u32::try_from(parts).map_err(|_| Exhausted::All)?;
        let permit = self.all.clone().try_acquire_many_owned(permits).map_err(|_| Exhausted::All)?;
        Ok(Held { permits: vec![permit], shares: vec![share], _tenant: None })
    }

    /// Takes one part for a client of a tenant, which may hold `most`; `None`: as many as its addresses.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn take_as(
        &self,
        tenant: &TenantId,
        most: Option<usize>,
        address: ClientAddress,
    ) -> Result<Held, Exhausted> {
        let enter = |most| self.tenants.enter(tenant.clone(), 1, most).ok_or(Exhausted::Tenant);
        let share = most.map(enter).transpose()?;
        Ok(Held { _tenant: share, ..self.take(address, 1)? })
    }
}

/// The budgets of a process.
#[derive(Debug)]
pub struct Budgets {
    /// Bytes of request bodies.
    pub bodies: Budget,
    /// Bytes of parts of uploads.
    pub parts: Budget,
    /// Downloads of artifacts through this process.
    pub downloads: Budget,
    /// Long-polls and event streams.
    pub watchers: Budget,
}

impl Budgets {
    /// The budgets of these settings.
    pub fn new(http: &Http) -> Self {
        let percent = http.address_share_percent as usize;
        // The largest body must fit.
        let (memory, largest) = (http.body_memory(), http.sealed_body_bytes());
        let part = PART_BYTES as usize;
        Self {
            bodies: Budget::new(memory.max(largest), percent, largest),
            parts: Budget::new(memory.max(part), percent, part),
            downloads: Budget::new(http.max_downloads, percent, 1),
            watchers: Budget::new(http.max_watchers, percent, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_take_the_whole_budget() {
        let budget = Budget::new(100, 25, 1);
        let client = |n| ClientAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)));
        let held: Vec<_> = (0..25).map(|_| budget.take(client(1), 1).unwrap()).collect();
        assert_eq!(budget.take(client(1), 1).unwrap_err(), Exhausted::Address);
        let others: Vec<_> = (2..5).map(|n| budget.take(client(n), 25).unwrap()).collect();
        assert_eq!(budget.take(client(9), 1).unwrap_err(), Exhausted::All);
        drop(held);
        assert!(budget.take(client(9), 25).is_ok());
        drop(others);
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let held = budget.take_as(&one, Some(1), client(1)).unwrap();
        assert_eq!(budget.take_as(&one, Some(1), client(2)).unwrap_err(), Exhausted::Tenant);
        assert!(budget.take_as(&other, Some(1), client(2)).is_ok());
        drop(held);
        assert!(budget.take_as(&one, Some(1), client(1)).is_ok());
        assert!(budget.take_as(&one, None, client(1)).is_ok());
        assert!(Budget::new(1, 25, 1).take(client(1), 1).is_ok(), "at least one");
        assert!(Budget::new(0, 100, 1).take(client(1), 1).is_err());
    }
}
