//! Opens the queue in Redis, relays changes of documents between processes, and counts the requests of callers for all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use zkflow_core::service::clock::Clock;
use zkflow_core::service::queue::JobQueue;
use zkflow_core::service::tenant::TenantId;
use zkflow_queue::{Pace, RedisQueue, Taken};

use super::time::QueueTime;
use super::{OpenError, failed};
use crate::config::SecretSetting;
use crate::state::{Changes, Grant, Quota, SharedRates};

/// What the processes with one Redis share.
pub(super) struct Opened {
    pub(super) queue: Arc<dyn JobQueue>,
    pub(super) changes: Changes,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rates: Arc<dyn SharedRates>,
}

/// Opens the queue at `url`, with the changes relayed through it, its time, and the pace of callers.
pub(super) async fn open(url: &SecretSetting, namespace: &str) -> Result<Opened, OpenError> {
    let queue = RedisQueue::connect(url.expose(), namespace);
    let queue = Arc::new(queue.await.map_err(failed("open the queue"))?);
    let clock = QueueTime::of(&queue).await.map_err(failed("ask the queue for the time"))?;
    let (changes, mut outgoing) = Changes::relayed();
    let (heard, mut incoming) = (changes.clone(), queue.messages());
    let messenger = Arc::clone(&queue);
    tokio::spawn(async move {
        while let Some(message) = outgoing.recv().await {
            // After a lost message, subscribers read again by themselves.
            let _ = messenger.tell(&message).await;
        }
    });
    tokio::spawn(async move {
        loop {
            match incoming.recv().await {
                Ok(message) => heard.hear(&message),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    let rates = Arc::new(RedisRates::new(queue.clone()));
    Ok(Opened { queue, changes, clock, rates })
}

/// How long a request waits for its count.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long Redis is not asked after it gave no answer.
const PAUSE: Duration = Duration::from_secs(2);

/// The pace of callers, counted in Redis. While Redis gives no answer, each process counts alone.
#[derive(Debug)]
struct RedisRates {
    queue: Arc<RedisQueue>,
    /// The last time without an answer.
    silent: Mutex<Option<Instant>>,
}

impl RedisRates {
    fn new(queue: Arc<RedisQueue>) -> Self {
        Self { queue, silent: Mutex::default() }
    }
}

#[async_trait]
impl SharedRates for RedisRates {
    async fn take(&self, tenant: &TenantId, quotas: &[Quota<'_>], most: u32) -> Option<Grant> {
        let silent = || self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if silent().is_some_and(|since| since.elapsed() < PAUSE) {
            return None;
        }
        let paces = quotas.iter().map(|&Quota { name, per_second, burst }| Pace { name, per_second, burst });
        let paces: Vec<_> = paces.collect();
        match timeout(PATIENCE, self.queue.take(tenant.as_str(), &paces, most)).await {
            Ok(Ok(Taken { taken, remaining, wait })) => Some(Grant { taken, remaining, wait }),
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("Redis does not answer: each process counts the requests of callers alone");
                *silent() = Some(Instant::now());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use zkflow_testbed::{RedisOptions, RedisServer};

    use super::*;

    /// The rates of two processes with one Redis.
    async fn pair(server: &RedisServer) -> [RedisRates; 2] {
        let open = async || Arc::new(RedisQueue::connect(server.url(), "zkflow").await.unwrap());
        [RedisRates::new(open().await), RedisRates::new(open().await)]
    }

    /// A request of a caller, which may make one a second and ten at once.
    async fn take(rates: &RedisRates, name: &str) -> Option<Grant> {
        rates.take(&TenantId::default(), &[Quota { name, per_second: 1, burst: 10 }], 1).await
    }

    #[tokio::test]
    async fn two_processes_share_the_pace_of_a_caller() {
        let server = RedisServer::start(RedisOptions::default()).unwrap();
        let [one, other] = pair(&server).await;
        let began = Instant::now();
        let mut accepted = 0;
        for _ in 0..30 {
            for rates in [&one, &other] {
                accepted += u64::from(take(rates, "ann").await.unwrap().taken);
            }
        }
        // Each for itself would have accepted 20, or more on a slow machine.
        let most = 10 + began.elapsed().as_secs() + 1;
        assert!((10..=most).contains(&accepted), "{accepted} of 60 requests, expected at most {most}");
        assert!(take(&other, "bob").await.unwrap().wait.is_none());
    }

    #[tokio::test]
    async fn without_redis_there_is_no_common_pace_until_it_is_back() {
        let mut server = RedisServer::start(RedisOptions::default()).unwrap();
        let [one, _] = pair(&server).await;
        assert!(take(&one, "ann").await.is_some());
        server.stop().unwrap();
        assert_eq!(take(&one, "ann").await, None);
        server.start_again().unwrap();
        // Redis is asked again after a pause.
        let began = Instant::now();
        while take(&one, "ann").await.is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "Redis is not asked again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
