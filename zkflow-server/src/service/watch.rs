//! Waiting for a document to change, in this process (at once) or another (within a second).

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::Stream;
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::{RequestError, Requested, get};
use crate::state::{App, Subscription};

/// The document once it is final, or as it is after `wait` or when the process is to stop.
///
/// # Errors
/// The document is not there.
pub async fn settled<D: Requested>(app: &App, id: &D::Id, wait: Duration) -> Result<D, RequestError> {
    if wait.is_zero() {
        return get::<D>(app, id).await;
    }
    let deadline = Instant::now() + wait;
    let mut changes = app.changes.subscribe(&id.to_string());
    // Too many wait already: answer with what is known.
    let permit = app.watchers.try_acquire();
    loop {
        let document = get::<D>(app, id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if document.is_final() || left.is_zero() || permit.is_err() || app.shutdown.is_cancelled() {
            return Ok(document);
        }
        tokio::select! {
            () = changes.changed() => {}
            () = tokio::time::sleep(left) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

/// The document as it is, then after each change, until it is final, gone, or the process stops.
///
/// # Errors
/// The document is not there; too many wait already.
pub async fn follow<D: Requested>(
    app: Arc<App>,
    id: D::Id,
) -> Result<impl Stream<Item = D> + Send + 'static, RequestError> {
    let permit = app.watchers.clone().try_acquire_owned().map_err(|_| RequestError::TooManyWatchers)?;
    let changes = app.changes.subscribe(&id.to_string());
    let first = get::<D>(&app, &id).await?;
    let follower =
        Follower { app, id, changes, seen: None, first: Some(first), ended: false, _permit: permit };
    Ok(stream::unfold(follower, Follower::next))
}

struct Follower<D: Requested> {
    app: Arc<App>,
    id: D::Id,
    changes: Subscription,
    first: Option<D>,
    seen: Option<u64>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl<D: Requested> Follower<D> {
    async fn next(mut self) -> Option<(D, Self)> {
        if self.ended {
            return None;
        }
        loop {
            let document = match self.first.take() {
                Some(document) => document,
                None => {
                    tokio::select! {
                        () = self.changes.changed() => {}
                        () = self.app.shutdown.cancelled() => return None,
                    }
                    // Removed, or the catalog is gone: the client asks again.
                    get::<D>(&self.app, &self.id).await.ok()?
                }
            };
            if self.seen != Some(document.life().epoch) {
                self.seen = Some(document.life().epoch);
                self.ended = document.is_final();
                return Some((document, self));
            }
        }
    }
}
