//! [`Turns`]: a few tasks work at a time, and a limited number waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

/// Turns for work of one kind.
#[derive(Debug)]
pub struct Turns {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// Permission to work, until dropped.
#[derive(Debug)]
pub struct Turn {
    _permits: [OwnedSemaphorePermit; 2],
}

impl Turns {
    /// Allows `at_once` running tasks, at least one, and `waiting` waiting ones.
    pub fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = at_once.clamp(1, MOST);
        Self {
            places: Arc::new(Semaphore::new(at_once + waiting.min(MOST))),
            running: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Waits for a turn; `None` if too many wait already.
    pub async fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let run = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Turn { _permits: [place, run] })
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
