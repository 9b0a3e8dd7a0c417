//! Waiting for a document to change, in this process (at once) or another (within a second).

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::Stream;
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Circuit, CircuitStatus, ProofRequest};
#[cfg(feature = "evm")]
use zkflow_core::service::catalog::{Deployment, DeploymentStatus};
#[cfg(feature = "evm")]
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::id::ProofId;

#[cfg(feature = "evm")]
use super::deployments;
use super::{RequestError, circuits, proofs};
use crate::state::{App, Subscription};

/// A document that somebody may wait for.
pub trait Watched: Sized + Send + 'static {
    /// Its id.
    type Id: std::fmt::Display + Send + Sync + 'static;

    /// Reads it.
    fn read(app: &App, id: &Self::Id) -> impl Future<Output = Result<Self, RequestError>> + Send;

    /// Grows with every change.
    fn epoch(&self) -> u64;

    /// Whether nothing will change any more unless it is asked for.
    fn is_final(&self) -> bool;
}

/// The document once it is final, or as it is after `wait` or when the process is to stop.
///
/// # Errors
/// The document is not there.
pub async fn settled<T: Watched>(app: &App, id: &T::Id, wait: Duration) -> Result<T, RequestError> {
    if wait.is_zero() {
        return T::read(app, id).await;
    }
    let deadline = Instant::now() + wait;
    let mut changes = app.changes.subscribe(&id.to_string());
    // Too many wait already: answer with what is known.
    let permit = app.watchers.try_acquire();
    loop {
        let document = T::read(app, id).await?;
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
pub async fn follow<T: Watched>(
    app: Arc<App>,
    id: T::Id,
) -> Result<impl Stream<Item = T> + Send + 'static, RequestError> {
    let permit = app.watchers.clone().try_acquire_owned().map_err(|_| RequestError::TooManyWatchers)?;
    let changes = app.changes.subscribe(&id.to_string());
    let first = T::read(&app, &id).await?;
    let follower =
        Follower { app, id, changes, seen: None, first: Some(first), ended: false, _permit: permit };
    Ok(stream::unfold(follower, Follower::next))
}

struct Follower<T: Watched> {
    app: Arc<App>,
    id: T::Id,
    changes: Subscription,
    first: Option<T>,
    seen: Option<u64>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl<T: Watched> Follower<T> {
    async fn next(mut self) -> Option<(T, Self)> {
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
                    T::read(&self.app, &self.id).await.ok()?
                }
            };
            if self.seen != Some(document.epoch()) {
                self.seen = Some(document.epoch());
                self.ended = document.is_final();
                return Some((document, self));
            }
        }
    }
}

impl Watched for Circuit {
    type Id = CircuitId;

    async fn read(app: &App, id: &CircuitId) -> Result<Self, RequestError> {
        circuits::get(app, id).await
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn is_final(&self) -> bool {
        self.status != CircuitStatus::Pending
    }
}

impl Watched for ProofRequest {
    type Id = ProofId;

    async fn read(app: &App, id: &ProofId) -> Result<Self, RequestError> {
        proofs::get(app, id).await
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn is_final(&self) -> bool {
        self.status.is_final()
    }
}

#[cfg(feature = "evm")]
impl Watched for Deployment {
    type Id = DeploymentId;

    async fn read(app: &App, id: &DeploymentId) -> Result<Self, RequestError> {
        deployments::get(app, id).await
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn is_final(&self) -> bool {
        self.status != DeploymentStatus::Pending
    }
}
