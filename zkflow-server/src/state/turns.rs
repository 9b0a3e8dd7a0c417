//! [`Turns`]: a few tasks work at a time, and a limited number waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use zkflow_core::service::tenant::TenantId;

use super::shares::{Share, Shares};

/// Turns for work of one kind.
#[derive(Debug)]
pub struct Turns {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    tenants: Shares<TenantId>,
    /// Places that one tenant may have.
    of_tenant: usize,
}

/// Permission to work, until dropped.
#[derive(Debug)]
pub struct Turn {
    _permits: [OwnedSemaphorePermit; 2],
    _share: Option<Share<TenantId>>,
}

impl Turns {
    /// Allows `at_once` running tasks, at least one, and `waiting` waiting ones.
    pub fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = at_once.clamp(1, MOST);
        let places = at_once + waiting.min(MOST);
        Self {
            places: Arc::new(Semaphore::new(places)),
            running: Arc::new(Semaphore::new(at_once)),
            tenants: Shares::default(),
            of_tenant: places,
        }
    }

    /// The same, of which one tenant may have at most `percent` of the running and waiting tasks, and at least one.
    #[must_use]
    pub fn with_share(self, percent: u64) -> Self {
        let of_tenant = (self.of_tenant as u64 * percent.min(100) / 100).max(1) as usize;
        Self { of_tenant, ..self }
    }

    /// Waits for a turn of a tenant; `None` if too many wait already, or the tenant has its share.
    pub async fn turn_of(&self, tenant: &TenantId) -> Option<Turn> {
        let share = self.tenants.enter(tenant.clone(), 1, self.of_tenant)?;
        let turn = self.turn().await?;
        Some(Turn { _share: Some(share), ..turn })
    }

    /// Waits for a turn; `None` if too many wait already.
    pub async fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let run = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Turn { _permits: [place, run], _share: None })
    }
}

impl Turn {
    /// Runs `work` on a blocking thread. The turn ends with the work, also if the caller is gone before.
    pub fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        tokio::task::spawn_blocking(move || {
            let _turn = self;
            work()
        })
    }
}

/// Largest number of tasks.
const MOST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn turns_are_bounded_and_so_is_the_wait_for_them() {
        let turns = Turns::new(1, 3);
        let turn = turns.turn().await.unwrap();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(turns.turn())).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        assert!(turns.turn().await.is_none());
        drop(turn);
        assert!(waiting.remove(0).await.is_some());
    }

    #[tokio::test]
    async fn a_tenant_leaves_turns_for_others() {
        let turns = Turns::new(1, 3).with_share(50);
        let [loud, quiet] = ["loud", "quiet"].map(|name| name.parse::<TenantId>().unwrap());
        let turn = turns.turn_of(&loud).await.unwrap();
        let mut waiting = Box::pin(turns.turn_of(&loud));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(turns.turn_of(&loud).await.is_none(), "a tenant has more than its share");
        let mut other = Box::pin(turns.turn_of(&quiet));
        assert!(other.as_mut().now_or_never().is_none(), "another tenant cannot wait");
        let default = TenantId::default();
        let mut third = Box::pin(turns.turn_of(&default));
        assert!(third.as_mut().now_or_never().is_none());
        drop((turn, waiting));
        assert!(other.await.is_some());
        // Requests that ended give their shares back.
        let mut again = Box::pin(turns.turn_of(&loud));
        assert!(again.as_mut().now_or_never().is_none(), "the default tenant is first");
        drop(third);
        assert!(again.await.is_some());
    }

    #[tokio::test]
    async fn a_turn_lasts_until_its_work_ends_also_if_the_caller_is_gone() {
        let turns = Turns::new(1, 1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let turn = turns.turn().await.unwrap();
        drop(turn.run(move || ended.recv()));
        assert!(turns.turn().now_or_never().is_none(), "two work at the same time");
        drop(end);
        assert!(turns.turn().await.is_some());
    }
}
