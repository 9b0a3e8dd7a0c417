//! [`Pauses`]: the queues whose jobs are not handed out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt as _;
use tokio::sync::Mutex;
use tokio::time::timeout;
use zkflow_core::error::Chain;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactPath, ArtifactStore, PutMode, StoreError};

/// Age from which the marks are read again: the longest time until another process follows a change.
const FRESH: Duration = Duration::from_secs(5);

/// Longest time that workers wait for the marks.
const PATIENCE: Duration = Duration::from_secs(1);

/// The paused queues. Each has a mark in the artifact store, so a pause holds in every process and after a restart.
#[derive(Debug)]
pub struct Pauses {
    store: Arc<dyn ArtifactStore>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// `None`: never read.
    paused: Option<BTreeSet<QueueName>>,
    read: Option<Instant>,
    /// Whether the last reading failed, so that an outage is logged once.
    failing: bool,
}

impl Pauses {
    /// The pauses whose marks are in `store`.
    pub fn new(store: Arc<dyn ArtifactStore>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The paused queues, as of the last 5 seconds. While the store does not answer, they are the ones last read; all
    /// queues, if none were read.
    pub async fn paused(&self) -> BTreeSet<QueueName> {
        let mut known = self.known.lock().await;
        if known.read.is_none_or(|at| at.elapsed() >= FRESH) {
            let failure = match timeout(PATIENCE, self.marks()).await {
                Ok(Ok(paused)) => {
                    known.paused = Some(paused);
                    None
                }
                Ok(Err(error)) => Some(Chain(&error).to_string()),
                Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            let failed_before = std::mem::replace(&mut known.failing, failure.is_some());
            if let Some(reason) = failure
                && !failed_before
            {
                tracing::warn!(reason, "cannot read which queues are paused");
            }
            known.read = Some(Instant::now());
        }
        known.paused.clone().unwrap_or_else(|| QueueName::ALL.into_iter().collect())
    }

    /// Pauses or resumes a queue: at once in this process, within 5 seconds in others. Running jobs continue.
    ///
    /// # Errors
    /// The store fails.
    pub async fn set(&self, queue: QueueName, paused: bool) -> Result<(), StoreError> {
        let mut known = self.known.lock().await;
        let key = ArtifactPath::Paused(queue).key();
        if paused {
            self.store.put(&key, Bytes::from_static(b"paused"), PutMode::Overwrite).await?;
            if let Some(known) = &mut known.paused {
                known.insert(queue);
            }
        } else {
            self.store.delete(&key).await?;
            if let Some(known) = &mut known.paused {
                known.remove(&queue);
            }
        }
        Ok(())
    }

    async fn marks(&self) -> Result<BTreeSet<QueueName>, StoreError> {
        let keys: Vec<_> = self.store.list(ArtifactPath::PAUSED).try_collect().await?;
        let queues = keys.iter().filter_map(|key| match key.as_str().parse() {
            Ok(ArtifactPath::Paused(queue)) => Some(queue),
            _ => None,
        });
        Ok(queues.collect())
    }
}
