//! Opens the queue in Redis, and relays changes of documents between processes.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use zkflow_core::service::clock::Clock;
use zkflow_core::service::queue::JobQueue;
use zkflow_queue::RedisQueue;

use super::time::QueueTime;
use super::{OpenError, failed};
use crate::config::SecretSetting;
use crate::state::Changes;

/// Returns the queue at `url`, the changes relayed through it, and its time.
pub(super) async fn queue(
    url: &SecretSetting,
    namespace: &str,
) -> Result<(Arc<dyn JobQueue>, Changes, Arc<dyn Clock>), OpenError> {
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
    Ok((queue, changes, clock))
}
