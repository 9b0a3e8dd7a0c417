//! `cleanup`: removes expired proof requests, orphaned artifacts and sealed inputs, and old dead letters.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use zkflow_core::catalog::{CircuitStatus, ProofStatus};
use zkflow_core::id::{CircuitId, ProofId};
use zkflow_core::queue::Job;
use zkflow_core::store::ArtifactMeta;
use zkflow_queue::{Handler, JobContext, JobError};

use crate::state::App;

/// Requests removed between two looks at whether the job was cancelled.
const BATCH: usize = 100;

/// Sealed inputs are written before their request: younger ones than this may be on their way.
const SEALED_GRACE: Duration = Duration::from_secs(3600);

/// Dead letters are kept this long.
const DEAD_LETTER_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Removes what nobody needs.
pub(super) struct Cleanup {
    app: Arc<App>,
}

impl Cleanup {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    async fn remove_expired_requests(&self, context: &JobContext) -> Result<u64, JobError> {
        let app = &self.app;
        let mut removed = 0;
        while !context.cancelled().is_cancelled() {
            let expired =
                app.catalog.expired_proofs(app.now(), BATCH).await.map_err(|error| JobError::of(&error))?;
            for request in &expired {
                app.vault.destroy(&request.id).await.map_err(|error| JobError::of(&error))?;
                app.catalog.delete_proof(&request.id).await.map_err(|error| JobError::of(&error))?;
                app.changes.notify(request.id.as_str());
            }
            removed += expired.len() as u64;
            if expired.len() < BATCH {
                break;
            }
        }
        Ok(removed)
    }

    async fn remove_orphans(&self, context: &JobContext) -> Result<u64, JobError> {
        let mut removed = 0;
        let mut artifacts = self.app.store.list("");
        while let Some(artifact) = artifacts.try_next().await.map_err(|error| JobError::of(&error))? {
            if context.cancelled().is_cancelled() {
                break;
            }
            if self.is_orphan(&artifact).await? {
                self.app.store.delete(&artifact.key).await.map_err(|error| JobError::of(&error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Whether no document needs the artifact, now or when the work on it is done.
    async fn is_orphan(&self, artifact: &ArtifactMeta) -> Result<bool, JobError> {
        let mut segments = artifact.key.as_str().split('/');
        let (Some(kind), Some(id)) = (segments.next(), segments.next()) else { return Ok(false) };
        match kind {
            "circuits" => {
                let Ok(id) = id.parse::<CircuitId>() else { return Ok(false) };
                let circuit = self.app.catalog.circuit(&id).await.map_err(|error| JobError::of(&error))?;
                Ok(circuit.is_none_or(|circuit| {
                    circuit.status != CircuitStatus::Pending
                        && circuit.artifacts.values().all(|meta| meta.key != artifact.key)
                }))
            }
            "sealed" => {
                let Ok(id) = id.parse::<ProofId>() else { return Ok(false) };
                let request = self.app.catalog.proof(&id).await.map_err(|error| JobError::of(&error))?;
                Ok(match request {
                    Some(request) => request.status != ProofStatus::Pending,
                    None => self.app.now().since(id.created_at()) > SEALED_GRACE,
                })
            }
            _ => Ok(false),
        }
    }
}

#[async_trait]
impl Handler for Cleanup {
    async fn handle(&self, _job: &Job, context: JobContext) -> Result<(), JobError> {
        let requests = self.remove_expired_requests(&context).await?;
        let artifacts = self.remove_orphans(&context).await?;
        let letters = self
            .app
            .queue
            .purge_dead(self.app.now() - DEAD_LETTER_AGE)
            .await
            .map_err(|error| JobError::of(&error))?;
        if requests + artifacts + letters > 0 {
            tracing::info!(requests, artifacts, letters, "cleaned up");
        }
        Ok(())
    }
}
