//! [`Recent`]: entries of the catalog by the digest of a secret, kept for a moment.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::CatalogError;

use super::AuthError;
use super::strangers::Strangers;

/// Time until a secret is looked up again. One that another process ends is accepted for so long.
const FRESH: Duration = Duration::from_secs(5);
/// Least time between two notes of a use.
pub(super) const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Secrets in memory; more are forgotten.
const MOST: usize = 10_000;

/// The secrets that were used recently. Unknown ones are not kept: a stranger cannot fill the memory with them.
pub(super) struct Recent<V> {
    known: Mutex<HashMap<Digest, Known<V>>>,
    strangers: Arc<Strangers>,
}

struct Known<V> {
    value: V,
    read: Instant,
    noted: Option<Instant>,
}

impl<V: Clone> Recent<V> {
    pub(super) fn new(strangers: Arc<Strangers>) -> Self {
        Self { known: Mutex::default(), strangers }
    }

    /// The entry of a digest: the result of `read`, or its earlier result for [`FRESH`]; `None` if there is none.
    ///
    /// # Errors
    /// `read` fails; the address sends too many unknown secrets.
    pub(super) async fn find(
        &self,
        digest: &Digest,
        from: IpAddr,
        read: impl Future<Output = Result<Option<V>, CatalogError>>,
    ) -> Result<Option<V>, AuthError> {
        if let Some(value) = self.fresh(digest) {
            return Ok(Some(value));
        }
        if !self.lock().contains_key(digest) {
            self.strangers.take(from).map_err(AuthError::TooManyUnknown)?;
        }
        let found = read.await?;
        let mut known = self.lock();
        let noted = known.remove(digest).and_then(|known| known.noted);
        if let Some(value) = &found {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(*digest, Known { value: value.clone(), read: Instant::now(), noted });
        }
        Ok(found)
    }

    /// Whether a use is to be noted: at most once in [`NOTE_EVERY`].
    pub(super) fn takes_note(&self, digest: &Digest) -> bool {
        let mut known = self.lock();
        let Some(known) = known.get_mut(digest) else { return false };
        let is_due = known.noted.is_none_or(|noted| noted.elapsed() >= NOTE_EVERY);
        if is_due {
            known.noted = Some(Instant::now());
        }
        is_due
    }

    /// Forgets some, so that the next request reads them again.
    pub(super) fn forget(&self, which: impl Fn(&V) -> bool) {
        self.lock().retain(|_, known| !which(&known.value));
    }

    /// Number of secrets in memory.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn fresh(&self, digest: &Digest) -> Option<V> {
        let known = self.lock();
        known.get(digest).filter(|known| known.read.elapsed() < FRESH).map(|known| known.value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Known<V>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
