//! Budgets over what strangers can make large: bodies, downloads, watchers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::addresses::Addresses;
use super::shares::{Share, Shares};
use crate::config::Http;
use zkflow_core::service::account::Account;
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
    accounts: Shares<Account>,
}

/// A part of a [`Budget`], until it is dropped.
#[derive(Debug)]
pub struct Held {
    permits: Vec<OwnedSemaphorePermit>,
    shares: Vec<Share<IpAddr>>,
    /// Of the accounts with a limit.
    accounts: Vec<Share<Account>>,
}

/// The budget has no such part left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// For this address.
    Address,
    /// For this tenant.
    Tenant,
    /// For this key.
    Key,
    /// For all.
    All,
}

/// Ending of a message, such as ` for the tenant` with a space before it; empty for [`All`](Exhausted::All).
impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => " for this address",
            Self::Tenant => " for the tenant",
            Self::Key => " for the key",
            Self::All => "",
        })
    }
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
        self.accounts.extend(other.accounts);
    }
}

impl Budget {
    /// A budget of `total` parts, of which an address may hold `percent`, and at least `least`.
    pub fn new(total: usize, percent: usize, least: usize) -> Self {
        let total = total.min(Semaphore::MAX_PERMITS);
        let of_address = total / 100 * percent + total % 100 * percent / 100;
        let addresses = Addresses::new(of_address.max(least));
        Self { total, all: Arc::new(Semaphore::new(total)), addresses, accounts: Shares::default() }
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
        Ok(Held { permits: vec![permit], shares: vec![share], accounts: Vec::new() })
    }

    /// Takes `parts` for the client at `address`, and for its accounts, each of which may hold so many.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn take_as(
        &self,
        accounts: Vec<(Account, usize)>,
        address: ClientAddress,
        parts: usize,
    ) -> Result<Held, Exhausted> {
        let enter = |(account, most): (Account, usize)| {
            let exhausted = if account.key().is_some() { Exhausted::Key } else { Exhausted::Tenant };
            self.accounts.enter(account, parts, most).ok_or(exhausted)
        };
        let shares = accounts.into_iter().map(enter).collect::<Result<_, _>>()?;
        Ok(Held { accounts: shares, ..self.take(address, parts)? })
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
        assert!(Budget::new(1, 25, 1).take(client(1), 1).is_ok(), "at least one");
        assert!(Budget::new(0, 100, 1).take(client(1), 1).is_err());
    }

    #[test]
    fn a_tenant_and_a_key_of_it_have_limits_of_their_own() {
        let budget = Budget::new(100, 100, 1);
        let tenant = |name: &str| Account::of_tenant(name.parse().unwrap());
        let key = |end: u8| {
            let id = format!("01890a5d-ac96-774b-bcce-b302099a805{end}").parse().unwrap();
            Account::of_key("one".parse().unwrap(), id)
        };
        let take = |accounts: &[(Account, usize)]| budget.take_as(accounts.to_vec(), LOCAL, 1);
        let [one, two] = [1, 2].map(|end| [(tenant("one"), 3), (key(end), 2)]);
        let held = [take(&one).unwrap(), take(&one).unwrap()];
        assert_eq!(take(&one).unwrap_err(), Exhausted::Key);
        let other = take(&two).unwrap();
        assert_eq!(take(&two).unwrap_err(), Exhausted::Tenant);
        assert!(take(&[(tenant("other"), 1)]).is_ok() && take(&[]).is_ok());
        // A refusal holds nothing.
        drop(held);
        let held = [take(&one).unwrap(), take(&one).unwrap()];
        assert_eq!(take(&two).unwrap_err(), Exhausted::Tenant);
        drop((held, other));
        assert!(budget.accounts.holders() == 0 && budget.used() == 0);
    }
}
