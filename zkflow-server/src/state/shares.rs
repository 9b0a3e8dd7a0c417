//! [`Shares`]: how much of something limited each of its holders has.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts of what holders have of a limited resource.
#[derive(Debug)]
pub(crate) struct Shares<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K: Eq + Hash + Clone> Shares<K> {
    /// Takes `weight` shares until the result is dropped; `None` if the holder would have more than `most`.
    pub(crate) fn enter(&self, holder: K, weight: usize, most: usize) -> Option<Share<K>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = counts.get(&holder).copied().unwrap_or(0).checked_add(weight)?;
        if taken > most {
            return None;
        }
        counts.insert(holder.clone(), taken);
        Some(Share { holder, weight, counts: Arc::clone(&self.0) })
    }

    /// Number of holders.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl<K> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// A share of a holder.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    holder: K,
    weight: usize,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.holder) {
            *count -= self.weight;
            if *count == 0 {
                counts.remove(&self.holder);
            }
        }
    }
}
