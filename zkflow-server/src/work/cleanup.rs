//! `cleanup`: removes expired proof requests, orphaned artifacts and sealed inputs, and old dead letters.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Circuit, Deployment, Document as _, ProofRequest, Stored};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::Job;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath};
use zkflow_queue::{Handler, JobContext, JobError};

use super::outage;
use crate::state::App;

/// Subject of the job that removes expired requests and old dead letters.
pub(super) const EXPIRED: &str = "expired";

/// Subject of the job that walks the whole store for orphans.
pub(super) const ORPHANS: &str = "orphans";

/// Requests removed between two checks for cancellation.
const BATCH: usize = 100;

/// Sealed inputs are written before their request; younger ones may still get a request.
const SEALED_GRACE: Duration = Duration::from_secs(3600);

/// Age at which dead letters are removed.
const DEAD_LETTER_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Handler of [`EXPIRED`] and [`ORPHANS`].
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
            let expired = app.catalog.expired_proofs(app.now(), BATCH).await.map_err(outage)?;
            for request in &expired {
                app.vault.destroy(&request.id).await.map_err(outage)?;
                app.catalog.proofs().delete(&request.id).await.map_err(outage)?;
                app.changes.notify(request.id.as_str());
            }
            removed += expired.len() as u64;
            if expired.len() < BATCH {
                break;
            }
        }
        Ok(removed)
    }

    /// Removes artifacts without a document, including unreadable ones. Leaves those with an unknown path.
    async fn remove_orphans(&self, context: &JobContext) -> Result<u64, JobError> {
        let (mut removed, mut unknown) = (0, 0);
        let mut circuits = Circuits { app: &self.app, last: None };
        let mut keys = self.app.store.list("");
        while let Some(key) = keys.try_next().await.map_err(outage)? {
            if context.cancelled().is_cancelled() {
                break;
            }
            let Ok(path) = key.as_str().parse::<ArtifactPath>() else {
                unknown += 1;
                tracing::debug!(%key, "unknown path");
                continue;
            };
            if self.is_orphan(&key, path, &mut circuits).await? {
                self.app.store.delete(&key).await.map_err(outage)?;
                removed += 1;
            }
        }
        if unknown > 0 {
            tracing::warn!(artifacts = unknown, "artifacts with an unknown path were not removed");
        }
        Ok(removed)
    }

    /// Whether no document needs the artifact, now or after pending work.
    async fn is_orphan(
        &self,
        key: &ArtifactKey,
        path: ArtifactPath,
        circuits: &mut Circuits<'_>,
    ) -> Result<bool, JobError> {
        match path {
            ArtifactPath::CircuitFile { circuit, .. } => {
                Ok(circuits.get(&circuit).await?.is_none_or(|circuit| {
                    circuit.is_final() && circuit.artifacts.values().all(|meta| meta.key != *key)
                }))
            }
            ArtifactPath::Contract { .. } => Ok(true),
            ArtifactPath::SealedInputs(id) => self.is_over::<ProofRequest>(&id, id.created_at()).await,
            ArtifactPath::SealedSecrets(id) => self.is_over::<Deployment>(&id, id.created_at()).await,
            ArtifactPath::VaultKeyId | ArtifactPath::Probe => Ok(false),
        }
    }

    /// Whether the document is final or was never inserted.
    async fn is_over<D: Stored>(&self, id: &D::Id, sealed: Timestamp) -> Result<bool, JobError> {
        let found = self.app.documents::<D>().get(id).await.map_err(outage)?;
        Ok(match found {
            Some(document) => document.is_final(),
            None => self.app.now().since(sealed) > SEALED_GRACE,
        })
    }

    async fn purge_dead_letters(&self) -> Result<u64, JobError> {
        let before = self.app.now() - DEAD_LETTER_AGE;
        self.app.queue.purge_dead(before).await.map_err(outage)
    }
}

/// Remembers the last circuit, since its files are listed together.
struct Circuits<'a> {
    app: &'a App,
    last: Option<(CircuitId, Option<Circuit>)>,
}

impl Circuits<'_> {
    async fn get(&mut self, id: &CircuitId) -> Result<Option<&Circuit>, JobError> {
        if self.last.as_ref().is_none_or(|(last, _)| last != id) {
            let circuit = self.app.catalog.circuits().get(id).await.map_err(outage)?;
            self.last = Some((id.clone(), circuit));
        }
        Ok(self.last.as_ref().and_then(|(_, circuit)| circuit.as_ref()))
    }
}

#[async_trait]
impl Handler for Cleanup {
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        if job.subject == ORPHANS {
            let artifacts = self.remove_orphans(&context).await?;
            report(0, artifacts, 0);
            return Ok(());
        }
        // A failure of one does not prevent the other.
        let (letters, requests) =
            (self.purge_dead_letters().await, self.remove_expired_requests(&context).await);
        report(requests?, 0, letters?);
        Ok(())
    }
}

fn report(requests: u64, artifacts: u64, letters: u64) {
    if requests + artifacts + letters > 0 {
        tracing::info!(requests, artifacts, letters, "cleaned up");
    }
}
