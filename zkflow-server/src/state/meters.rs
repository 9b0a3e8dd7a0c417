//! [`Meters`]: unfinished work, deployments and usage of accounts, remembered for a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{Day, Usage};

/// Time for which a number is used without asking the catalog again.
const FRESH: Duration = Duration::from_secs(1);
/// A number that takes long to count is used for so many times as long.
const SHARE: u32 = 10;
/// Numbers in memory; beyond them, all are forgotten.
const MOST: usize = 10_000;

/// Numbers of accounts from the catalog. Counting them for every request would read many documents.
#[derive(Debug, Default)]
pub struct Meters {
    // By day: a number of the day before does not hold for the new day.
    counts: Remembered<(Account, Meter, Day), u64>,
    used: Remembered<(Account, Day), Usage>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meter {
    /// Unfinished proof requests.
    PendingProofs,
    /// Unfinished circuits.
    PendingCircuits,
    /// Requested deployments of this day.
    #[cfg(feature = "evm")]
    Deployments,
}

impl Meters {
    /// Adds 1 to a number of this day, and returns the number before. `count` reads a number that is unknown or old.
    ///
    /// # Errors
    /// Those of `count`.
    pub async fn add<E>(
        &self,
        account: &Account,
        (meter, day): (Meter, Day),
        count: impl AsyncFnOnce() -> Result<u64, E>,
    ) -> Result<u64, E> {
        self.counts.change((account.clone(), meter, day), |number| *number += 1, count).await
    }

    /// Returns the usage of an account on a day. `read` reads usage that is unknown or old.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn used<E>(
        &self,
        account: &Account,
        day: Day,
        read: impl AsyncFnOnce() -> Result<Usage, E>,
    ) -> Result<Usage, E> {
        self.used.change((account.clone(), day), |_| {}, read).await
    }
}

/// Values, each until it is old.
#[derive(Debug)]
struct Remembered<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K: Eq + Hash, V: Copy> Remembered<K, V> {
    /// Changes a value that is fresh, else the one that `read` finds. Returns the value before.
    async fn change<E>(
        &self,
        key: K,
        change: impl Fn(&mut V),
        read: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        if let Some((until, value)) = self.lock().get_mut(&key)
            && Instant::now() < *until
        {
            let before = *value;
            change(value);
            return Ok(before);
        }
        let began = Instant::now();
        let before = read().await?;
        let until = Instant::now() + FRESH.max(began.elapsed() * SHARE);
        let mut after = before;
        change(&mut after);
        let mut values = self.lock();
        if values.len() >= MOST {
            values.clear();
        }
        values.insert(key, (until, after));
        Ok(before)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use zkflow_core::service::tenant::TenantId;

    use super::*;

    #[tokio::test]
    async fn a_number_is_read_once_a_second_and_grows_meanwhile() {
        let meters = Meters::default();
        let tenant = Account::of_tenant(TenantId::default());
        let key = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let key = Account::of_key(TenantId::default(), key);
        let [day, next]: [Day; 2] = ["2026-01-31", "2026-02-01"].map(|day| day.parse().unwrap());
        let add = async |account, meter, counted: Option<u64>| {
            meters.add(account, (meter, day.clone()), async || counted.ok_or("read again")).await
        };
        assert_eq!(add(&tenant, Meter::PendingProofs, Some(5)).await, Ok(5));
        assert_eq!(add(&tenant, Meter::PendingProofs, None).await, Ok(6));
        assert_eq!(add(&key, Meter::PendingProofs, Some(2)).await, Ok(2));
        assert_eq!(add(&tenant, Meter::PendingCircuits, None).await, Err("read again"));
        let used = Usage { work_ms: 9, ..Usage::default() };
        assert_eq!(meters.used(&tenant, day.clone(), async || Ok::<_, ()>(used)).await, Ok(used));
        assert_eq!(meters.used(&tenant, day.clone(), async || Err("read again")).await, Ok(used));
        let new = Usage::default();
        assert_eq!(meters.used(&tenant, next.clone(), async || Ok::<_, ()>(new)).await, Ok(new), "a new day");
        let again = meters.add(&tenant, (Meter::PendingProofs, next), async || Ok::<_, ()>(3)).await;
        assert_eq!(again, Ok(3), "a new day");
        tokio::time::sleep(FRESH).await;
        assert_eq!(add(&tenant, Meter::PendingProofs, Some(1)).await, Ok(1));
    }
}
