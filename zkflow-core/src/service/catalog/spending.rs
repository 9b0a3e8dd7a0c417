//! [`Spending`]: what accounts can have paid for the transactions that were signed for them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogError};
use crate::service::chain::Address;
use crate::service::clock::Timestamp;

/// The period of a sum, and the steps in which it moves.
const HOURS: u64 = 24;
const HOUR_MS: u64 = 3_600_000;

/// Highest number of nonces whose costs are remembered. A forgotten nonce counts again in full.
const NONCES: usize = 1024;

/// An account on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainAccount {
    /// Id of the chain.
    pub chain_id: u64,
    /// Address of the account.
    pub address: Address,
}

impl fmt::Display for ChainAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chain_id, self.address)
    }
}

/// Costs of the transactions of a [`ChainAccount`], in the smallest unit of the chain's coin. Of transactions with one nonce, the
/// most expensive one counts: a chain mines one of them at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Number of writes of the stored value.
    #[serde(skip)]
    pub version: u64,
    /// Sums of hours since 1970, in ascending order.
    hours: VecDeque<(u64, u128)>,
    /// The costs of recent nonces, oldest first.
    recent: VecDeque<Counted>,
    /// Number of the last addition.
    last: u64,
}

/// The cost of the most expensive transaction of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    nonce: u64,
    hour: u64,
    cost: u128,
    /// Number of the addition.
    number: u64,
}

/// An addition, and what was counted for its nonce before.
#[derive(Debug)]
#[must_use]
pub struct Added {
    number: u64,
    before: Option<Counted>,
}

impl Spent {
    /// The value after this number of writes.
    #[must_use]
    pub fn at(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// Adds the cost of a transaction with a nonce, unless the sum of the last 24 hours would exceed `limit`.
    ///
    /// # Errors
    /// The sum without it.
    pub fn add(&mut self, now: Timestamp, nonce: u64, cost: u128, limit: u128) -> Result<Added, u128> {
        let now = u64::try_from(now.as_millis()).unwrap_or(0) / HOUR_MS;
        // A clock that is behind adds to the last hour.
        let hour = self.hours.back().map_or(now, |(last, _)| now.max(*last));
        // An hour counts until a whole day after its end.
        while self.hours.front().is_some_and(|(past, _)| past.saturating_add(HOURS) < hour) {
            self.hours.pop_front();
        }
        let is_same =
            |counted: &Counted| counted.nonce == nonce && counted.hour.saturating_add(HOURS) >= hour;
        let earlier = self.recent.iter().position(is_same);
        let before = earlier.map(|at| self.recent[at]);
        let (then, counted) = before.map_or((hour, 0), |before| (before.hour, before.cost));
        let cost = cost.max(counted);
        let others = self.sum().saturating_sub(counted);
        if others.saturating_add(cost) > limit {
            return Err(others);
        }
        // The whole cost moves to the present hour.
        if let Some((_, sum)) = self.hours.iter_mut().find(|(past, _)| *past == then) {
            *sum = sum.saturating_sub(counted);
        }
        match self.hours.back_mut() {
            Some((last, sum)) if *last == hour => *sum = sum.saturating_add(cost),
            _ => self.hours.push_back((hour, cost)),
        }
        if let Some(at) = earlier {
            self.recent.remove(at);
        }
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        self.recent.push_back(Counted { nonce, hour, cost, number });
        if self.recent.len() > NONCES {
            self.recent.pop_front();
        }
        Ok(Added { number, before })
    }

    /// Takes an addition back. After another addition with the same nonce it stays: its cost may be that of both.
    pub fn remove(&mut self, added: &Added) {
        let Some(at) = self.recent.iter().position(|counted| counted.number == added.number) else { return };
        let Some(Counted { hour, cost, .. }) = self.recent.remove(at) else { return };
        for (past, sum) in &mut self.hours {
            if *past == hour {
                *sum = sum.saturating_sub(cost);
            }
            if let Some(before) = added.before.filter(|before| before.hour == *past) {
                *sum = sum.saturating_add(before.cost);
            }
        }
        // It is put back as the newest: at most it is remembered for longer.
        self.recent.extend(added.before);
    }

    fn sum(&self) -> u128 {
        self.hours.iter().fold(0, |sum: u128, (_, cost)| sum.saturating_add(*cost))
    }
}

/// What accounts can have paid, counted by all processes together.
///
/// # Behaviour
/// - A write is durable when the call returns.
/// - A new account has spent nothing, and its version is 0.
#[async_trait]
pub trait Spending: fmt::Debug + Send + Sync {
    /// What the transactions of an account can cost.
    async fn spent(&self, account: &ChainAccount) -> Result<Spent, CatalogError>;

    /// Writes a changed value if the stored one has its `version`, and stores it with `version + 1`: of two writers that read
    /// the same value, one succeeds.
    ///
    /// # Errors
    /// [`CatalogError::Stale`] if the value was changed since it was read.
    async fn write_spent(&self, account: &ChainAccount, spent: &Spent) -> Result<(), CatalogError>;
}

/// [`Spending`] of a catalog, to share.
#[derive(Debug, Clone)]
pub struct CatalogSpending(pub Arc<dyn Catalog>);

#[async_trait]
impl Spending for CatalogSpending {
    async fn spent(&self, account: &ChainAccount) -> Result<Spent, CatalogError> {
        self.0.spending().spent(account).await
    }

    async fn write_spent(&self, account: &ChainAccount, spent: &Spent) -> Result<(), CatalogError> {
        self.0.spending().write_spent(account, spent).await
    }
}

/// [`Spending`] in the memory of one process.
#[derive(Debug, Default)]
pub struct SpendingInMemory(Mutex<BTreeMap<String, Spent>>);

impl SpendingInMemory {
    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Spent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Spending for SpendingInMemory {
    async fn spent(&self, account: &ChainAccount) -> Result<Spent, CatalogError> {
        Ok(self.accounts().get(&account.to_string()).cloned().unwrap_or_default())
    }

    async fn write_spent(&self, account: &ChainAccount, spent: &Spent) -> Result<(), CatalogError> {
        let mut accounts = self.accounts();
        let present = accounts.entry(account.to_string()).or_default();
        if present.version != spent.version {
            return Err(CatalogError::Stale(format!("what account {account} has spent")));
        }
        *present = Spent { version: spent.version.saturating_add(1), ..spent.clone() };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(hour * 3_600_000).unwrap())
    }

    #[test]
    fn an_addition_is_taken_back_exactly() {
        let mut spent = Spent::default();
        let first = spent.add(at(0), 7, 10, 100).unwrap();
        let raised = spent.add(at(3), 7, 30, 100).unwrap();
        // A later addition of the nonce covers the one before it, whose cost stays.
        let lower = spent.add(at(4), 7, 20, 100).unwrap();
        spent.remove(&raised);
        assert_eq!(spent.sum(), 30);
        spent.remove(&lower);
        assert_eq!((spent.sum(), spent.hours[1]), (30, (3, 30)));
        spent.remove(&first);
        assert_eq!(spent.sum(), 30, "it was replaced");
        let other = spent.add(at(4), 8, 70, 100).unwrap();
        assert_eq!(spent.add(at(4), 9, 1, 100).unwrap_err(), 100);
        spent.remove(&other);
        assert_eq!(spent.sum(), 30);
        let late = spent.add(at(4 + HOURS), 8, 70, 100).unwrap();
        spent.remove(&late);
        assert_eq!(spent.sum(), 0, "a day is over");
    }

    #[test]
    fn a_day_ends_and_the_value_stays_small() {
        let mut spent = Spent::default();
        let _ = spent.add(at(0), 0, 10, 10).unwrap();
        assert_eq!(spent.add(at(HOURS), 1, 1, 10).unwrap_err(), 10, "less than a day may have passed");
        let _ = spent.add(at(HOURS + 1), 1, 1, 10).unwrap();
        for hour in HOURS + 1..10 * HOURS {
            for of in 0..10 {
                let _ = spent.add(at(hour), 10 * hour + of, 0, 10);
            }
        }
        assert!(spent.hours.len() <= HOURS as usize + 2);
        assert!(spent.recent.len() == NONCES, "{}", spent.recent.len());
    }

    #[test]
    fn a_replacement_counts_for_a_day_after_it_was_signed() {
        let mut spent = Spent::default();
        let _ = spent.add(at(0), 7, 10, 20).unwrap();
        let _ = spent.add(at(HOURS), 7, 12, 20).unwrap();
        assert_eq!(spent.add(at(HOURS + 1), 8, 9, 20).unwrap_err(), 12);
        assert_eq!(spent.add(at(2 * HOURS), 8, 9, 20).unwrap_err(), 12);
        let _ = spent.add(at(2 * HOURS + 1), 8, 9, 20).unwrap();
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut spent = Spent::default();
        let _ = spent.add(at(100), 1, 10, 20).unwrap();
        let _ = spent.add(at(40), 2, 5, 20).unwrap();
        assert_eq!(spent.add(at(0), 3, 6, 20).unwrap_err(), 15);
        assert_eq!(spent.hours, [(100, 15)]);
    }

    #[test]
    fn a_value_is_read_back_from_its_text() {
        let mut spent = Spent::default();
        let _ = spent.add(at(0), 7, u128::MAX / 4, u128::MAX).unwrap();
        let _ = spent.add(at(1), u64::MAX, 1, u128::MAX).unwrap();
        let text = serde_json::to_string(&spent).unwrap();
        assert_eq!(serde_json::from_str::<Spent>(&text).unwrap(), spent);
    }
}
