//! Who waits for which document.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Another process may change a document too: whoever waits looks again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Wakes those who wait for a document of this process to change.
#[derive(Clone, Default)]
pub struct Changes(Arc<Mutex<HashMap<String, watch::Sender<()>>>>);

impl Changes {
    /// Watches the document `id` from now on. Subscribe first, then read the document: a change
    /// between the two is not missed.
    pub fn subscribe(&self, id: &str) -> Subscription {
        let receiver = self.lock().entry(id.to_owned()).or_insert_with(|| watch::channel(()).0).subscribe();
        Subscription { changes: self.clone(), id: id.to_owned(), receiver: Some(receiver) }
    }

    /// Says that the document `id` has changed.
    pub fn notify(&self, id: &str) {
        if let Some(sender) = self.lock().get(id) {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
