//! [`Meters`]: what tenants owe and have used, remembered for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zkflow_core::service::tenant::TenantId;

/// Time for which a number is used without asking the catalog again.
const FRESH: Duration = Duration::from_secs(1);
/// Numbers in memory; beyond them, all are forgotten.
const MOST: usize = 10_000;

/// Numbers of tenants from the catalog. Counting them for every request would read many documents.
#[derive(Debug, Default)]
pub struct Meters(Mutex<HashMap<(TenantId, Meter), (Instant, u64)>>);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meter {
    /// Unfinished proof requests.
    PendingProofs,
    /// Unfinished circuits.
    PendingCircuits,
    /// Milliseconds of work of this day.
    Work,
    /// Requested deployments of this day.
    #[cfg(feature = "evm")]
    Deployments,
}

impl Meters {
    /// Adds `more` to a number and returns the number before, or reads it with `count` if it is not known or old.
    ///
    /// # Errors
    /// Those of `count`.
    pub async fn add<E>(
        &self,
        tenant: &TenantId,
        meter: Meter,
        more: u64,
        count: impl AsyncFnOnce() -> Result<u64, E>,
    ) -> Result<u64, E> {
        let place = (tenant.clone(), meter);
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, number)) = lock().get_mut(&place)
            && since.elapsed() < FRESH
        {
            *number += more;
            return Ok(*number - more);
        }
        let found = count().await?;
        let mut numbers = lock();
        if numbers.len() >= MOST {
            numbers.clear();
        }
        numbers.insert(place, (Instant::now(), found.saturating_add(more)));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_number_is_read_once_a_second_and_grows_meanwhile() {
        let meters = Meters::default();
        let tenant = TenantId::default();
        let add = async |meter, counted: Option<u64>| {
            meters.add(&tenant, meter, 1, async || counted.ok_or("read again")).await
        };
        assert_eq!(add(Meter::PendingProofs, Some(5)).await, Ok(5));
        assert_eq!(add(Meter::PendingProofs, None).await, Ok(6));
        assert_eq!(add(Meter::Work, Some(9)).await, Ok(9));
        assert_eq!(add(Meter::PendingCircuits, None).await, Err("read again"));
        tokio::time::sleep(FRESH).await;
        assert_eq!(add(Meter::PendingProofs, Some(1)).await, Ok(1));
    }
}
