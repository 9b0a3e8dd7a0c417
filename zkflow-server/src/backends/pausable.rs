//! [`Pausable`]: a queue that hands out no jobs while it is paused.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Failed, Job, JobQueue, Lease, LeaseToken, NewJob, Pushed, QueueError, QueueName, QueueStats, Retry, Whose,
};

use crate::state::Pauses;

/// Interval at which a waiting lease looks for a change of the pauses.
const LOOK: Duration = Duration::from_secs(1);

/// Forwards every call, except leases of a paused queue.
#[derive(Debug)]
pub(super) struct Pausable {
    queue: Arc<dyn JobQueue>,
    pauses: Arc<Pauses>,
}

impl Pausable {
    pub(super) fn new(queue: Arc<dyn JobQueue>, pauses: Arc<Pauses>) -> Self {
        Self { queue, pauses }
    }
}

#[async_trait]
impl JobQueue for Pausable {
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError> {
        self.queue.push(job).await
    }

    async fn lease_of(
        &self,
        whose: Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        let end = Instant::now() + wait;
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            let turn = rest.min(LOOK);
            if self.pauses.paused().await.contains(&queue) {
                tokio::time::sleep(turn).await;
            } else {
                let leased = self.queue.lease_of(whose.clone(), queue, max, lease, turn).await?;
                if !leased.is_empty() {
                    return Ok(leased);
                }
            }
            if rest <= LOOK {
                return Ok(Vec::new());
            }
        }
    }

    async fn renew(&self, token: &LeaseToken, by: Duration) -> Result<Timestamp, QueueError> {
        self.queue.renew(token, by).await
    }

    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError> {
        self.queue.complete(token).await
    }

    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError> {
        self.queue.fail(token, reason, retry).await
    }

    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError> {
        self.queue.release(token, pause).await
    }

    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError> {
        self.queue.cancel(id).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError> {
        self.queue.job(id).await
    }

    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError> {
        self.queue.stats(queue).await
    }

    async fn waiting(&self, queue: QueueName, user: Option<&UserId>) -> Result<u64, QueueError> {
        self.queue.waiting(queue, user).await
    }

    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError> {
        self.queue.dead(queue, limit).await
    }

    async fn remove_dead(&self, id: &JobId) -> Result<bool, QueueError> {
        self.queue.remove_dead(id).await
    }

    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError> {
        self.queue.purge_dead(before).await
    }

    async fn check_writes(&self) -> Result<(), QueueError> {
        self.queue.check_writes().await
    }
}

#[cfg(test)]
mod tests {
    use zkflow_core::service::clock::SystemClock;
    use zkflow_queue::MemoryQueue;
    use zkflow_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_paused_queue_hands_out_nothing_in_any_process_and_continues_afterwards() {
        const QUEUE: QueueName = QueueName::ProofGeneration;
        let store = Arc::new(MemoryStore::new());
        let jobs = Arc::new(MemoryQueue::new(Arc::new(SystemClock)));
        let process = || {
            let pauses = Arc::new(Pauses::new(store.clone()));
            (Pausable::new(jobs.clone(), pauses.clone()), pauses)
        };
        let ((queue, pauses), (other, _)) = (process(), process());
        queue.push(NewJob::new(QUEUE, "one")).await.unwrap();
        pauses.set(QUEUE, true).await.unwrap();
        let (lease, wait) = (Duration::from_secs(30), Duration::from_millis(300));
        for queue in [&queue, &other] {
            let began = Instant::now();
            assert!(queue.lease(QUEUE, 1, lease, wait).await.unwrap().is_empty());
            assert!(began.elapsed() >= wait, "the caller does not wait");
        }
        // Other queues go on.
        queue.push(NewJob::new(QueueName::Cleanup, "two")).await.unwrap();
        assert_eq!(queue.lease(QueueName::Cleanup, 1, lease, Duration::ZERO).await.unwrap().len(), 1);
        pauses.set(QUEUE, false).await.unwrap();
        assert_eq!(queue.lease(QUEUE, 1, lease, wait).await.unwrap().len(), 1);
    }
}
