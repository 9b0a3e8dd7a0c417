//! Notifies waiting requests of changed documents.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// Interval between reads of a watched document. Messages about changes by other processes may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Limit of messages that wait to be sent; further ones are dropped.
const OUTGOING: usize = 4096;

/// Notifies subscribers when a document changes.
#[derive(Clone, Default)]
pub struct Changes {
    watched: Arc<Mutex<HashMap<String, watch::Sender<()>>>>,
    relay: Option<Relay>,
}

/// Sends messages to other processes.
#[derive(Clone)]
struct Relay {
    /// Prefix of this process's messages, so that it ignores its own.
    origin: Arc<str>,
    outgoing: mpsc::Sender<String>,
}

impl Changes {
    /// Also returns the messages to send to other processes, which [`hear`](Self::hear) them.
    pub fn relayed() -> (Self, mpsc::Receiver<String>) {
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let origin = uuid::Uuid::now_v7().simple().to_string().into();
        (Self { relay: Some(Relay { origin, outgoing }), ..Self::default() }, messages)
    }

    /// Handles a message of any process; its own are ignored.
    pub fn hear(&self, message: &str) {
        let Some((origin, id)) = message.split_once(' ') else { return };
        if self.relay.as_ref().is_none_or(|relay| *relay.origin != *origin) {
            self.wake(id);
        }
    }

    /// Watches the document `id` from now on. Subscribe before you read the document, so that no change is
    /// missed.
    pub fn subscribe(&self, id: &str) -> Subscription {
        let receiver = self.lock().entry(id.to_owned()).or_insert_with(|| watch::channel(()).0).subscribe();
        Subscription { changes: self.clone(), id: id.to_owned(), receiver: Some(receiver) }
    }

    /// Reports that this process has changed the document `id`.
    pub fn notify(&self, id: &str) {
        self.wake(id);
        if let Some(Relay { origin, outgoing }) = &self.relay {
            // If the channel is full, the message is dropped: subscribers read again within a second.
            let _ = outgoing.try_send(format!("{origin} {id}"));
        }
    }

    fn wake(&self, id: &str) {
        if let Some(sender) = self.lock().get(id) {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changes({} watched)", self.lock().len())
    }
}

/// A subscription to one document; ends when dropped.
#[derive(Debug)]
pub struct Subscription {
    changes: Changes,
    id: String,
    receiver: Option<watch::Receiver<()>>,
}

impl Subscription {
    /// Returns after a change, or after a second without one. Read the document again in both cases.
    pub async fn changed(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            // Both outcomes mean: read again.
            let _ = tokio::time::timeout(LOOK_AGAIN, receiver.changed()).await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.changes.lock();
        self.receiver = None;
        if watched.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            watched.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_change_wakes_at_once_and_silence_after_a_second() {
        let changes = Changes::default();
        let mut waiting = changes.subscribe("a");
        let began = Instant::now();
        changes.notify("a");
        waiting.changed().await;
        assert!(began.elapsed() < LOOK_AGAIN);
        changes.notify("b");
        let began = Instant::now();
        waiting.changed().await;
        assert!(began.elapsed() >= LOOK_AGAIN);
    }

    #[tokio::test]
    async fn a_process_hears_the_others_and_not_itself() {
        let ((one, mut said), (other, _)) = (Changes::relayed(), Changes::relayed());
        one.notify("a");
        let message = said.recv().await.unwrap();
        let mut waiting = [one.subscribe("a"), other.subscribe("a")];
        one.hear(&message);
        other.hear(&message);
        for (waiting, hears) in waiting.iter_mut().zip([false, true]) {
            let began = Instant::now();
            waiting.changed().await;
            assert_eq!(began.elapsed() < LOOK_AGAIN, hears);
        }
    }

    #[test]
    fn nobody_waiting_is_nothing_kept() {
        let changes = Changes::default();
        let (one, two) = (changes.subscribe("a"), changes.subscribe("a"));
        drop(one);
        assert_eq!(changes.lock().len(), 1);
        drop(two);
        assert_eq!(changes.lock().len(), 0);
    }
}
