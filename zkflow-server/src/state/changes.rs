//! Who waits for which document.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// Another process may change a document too, and its message be lost: whoever waits looks again after
/// this time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Messages that wait to be sent; more are dropped.
const OUTGOING: usize = 4096;

/// Wakes those who wait for a document to change.
#[derive(Clone, Default)]
pub struct Changes {
    watched: Arc<Mutex<HashMap<String, watch::Sender<()>>>>,
    relay: Option<Relay>,
}

/// Tells other processes.
#[derive(Clone)]
struct Relay {
    /// Begins the messages of this process, which knows its own changes already.
    origin: Arc<str>,
    outgoing: mpsc::Sender<String>,
}

impl Changes {
    /// With what other processes are to [`hear`](Self::hear).
    pub fn relayed() -> (Self, mpsc::Receiver<String>) {
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let origin = uuid::Uuid::now_v7().simple().to_string().into();
        (Self { relay: Some(Relay { origin, outgoing }), ..Self::default() }, messages)
    }

    /// Takes in what a process has said, this one or another.
    pub fn hear(&self, message: &str) {
        let Some((origin, id)) = message.split_once(' ') else { return };
        if self.relay.as_ref().is_none_or(|relay| *relay.origin != *origin) {
            self.wake(id);
        }
    }

    /// Watches the document `id` from now on. Subscribe first, then read the document: a change
    /// between the two is not missed.
    pub fn subscribe(&self, id: &str) -> Subscription {
        let receiver = self.lock().entry(id.to_owned()).or_insert_with(|| watch::channel(()).0).subscribe();
        Subscription { changes: self.clone(), id: id.to_owned(), receiver: Some(receiver) }
    }

    /// Says that this process has changed the document `id`.
    pub fn notify(&self, id: &str) {
        self.wake(id);
        if let Some(Relay { origin, outgoing }) = &self.relay {
            // Too many are on their way: who is not told looks again by itself.
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

/// One who waits; forgotten when dropped.
#[derive(Debug)]
pub struct Subscription {
    changes: Changes,
    id: String,
    receiver: Option<watch::Receiver<()>>,
}

impl Subscription {
    /// Returns after a change, or after a second without one: then too the document deserves a look.
    pub async fn changed(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            // Either outcome means the same: look again.
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
