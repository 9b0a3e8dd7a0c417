//! `cleanup`: removes expired proof requests, circuits that are not used, artifacts that no document needs, old deliveries,
//! sessions that are over, and old dead letters.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use zkflow_core::service::catalog::{CatalogError, Cursor, Delivery, DeliveryStatus, Document as _, Page};
use zkflow_core::service::queue::Job;
use zkflow_queue::ended::log_expired;
use zkflow_queue::{Handler, JobContext, JobError};

use super::outage;
use crate::auth::longest_idle;
use crate::maintenance::clean::{self, Action, Step};
use crate::maintenance::manifest;
use crate::service::idle;
use crate::state::App;

/// Subject of the job that removes expired requests and old dead letters.
pub(super) const EXPIRED: &str = "expired";

/// Subject of the job that walks the whole store.
pub(super) const ORPHANS: &str = "orphans";

/// Requests removed between two checks for cancellation.
const BATCH: usize = 100;

/// Age at which dead letters and deliveries are removed.
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
                app.erase(request.clone()).await.map_err(outage)?;
                app.changes.notify(request.id.as_str());
                if !request.is_final() {
                    log_expired(request);
                }
            }
            removed += expired.len() as u64;
            if expired.len() < BATCH {
                break;
            }
        }
        Ok(removed)
    }

    /// One pass over the whole store, see [`clean`].
    async fn clean(&self, context: &JobContext) -> Result<(), JobError> {
        let data = self.app.data();
        let manifests = manifest::complete(&data).await.map_err(outage)?;
        if manifests > 0 {
            tracing::info!(manifests, "wrote manifests of circuits");
        }
        let mut report = |action: &Action| {
            let (artifact, why) = (&action.what, action.why);
            match action.step {
                Step::Note => {
                    tracing::warn!(%artifact, why, "no document needs the artifact: it will be removed")
                }
                step => tracing::info!(%artifact, why, "{step}"),
            }
            !context.cancelled().is_cancelled()
        };
        let grace = self.app.config.storage.grace();
        let unknown = clean::pass(&data, grace, true, &mut report).await.map_err(outage)?;
        if unknown > 0 {
            tracing::warn!(artifacts = unknown, "artifacts with an unknown path were not removed");
        }
        Ok(())
    }

    /// Deletes circuits that are not used, if the settings say so.
    async fn delete_unused_circuits(&self, context: &JobContext) -> Result<(), JobError> {
        let app = &self.app;
        let Some(idle) = app.config.limits.circuit_idle() else { return Ok(()) };
        let go_on = || !context.cancelled().is_cancelled();
        idle::delete_unused(app, app.now() - idle, go_on).await.map_err(outage)?;
        Ok(())
    }

    /// Removes deliveries that ended as long ago as dead letters, but for those that are still tried.
    async fn remove_old_deliveries(&self, context: &JobContext) -> Result<u64, JobError> {
        let app = &self.app;
        let before = app.now() - DEAD_LETTER_AGE;
        let mut removed = 0;
        for status in [DeliveryStatus::Delivered, DeliveryStatus::Failed] {
            let mut page =
                Page { after: Some(Cursor { created_at: before, id: String::new() }), ..Page::first(BATCH) };
            let filter = Delivery::with_status(status);
            while !context.cancelled().is_cancelled() {
                let old = app.catalog.deliveries().list(&filter, &page).await.map_err(outage)?;
                let Some(last) = old.last() else { break };
                page.after = Some(last.cursor());
                // The list is by the first end of a document, which may have had a later one.
                for delivery in old.into_iter().filter(|delivery| delivery.life.updated_at < before) {
                    // One that starts again meanwhile stays.
                    match app.catalog.deliveries().delete(&delivery).await {
                        Err(CatalogError::Stale(_)) => {}
                        deleted => {
                            deleted.map_err(outage)?;
                            removed += 1;
                        }
                    }
                }
            }
        }
        Ok(removed)
    }

    async fn remove_old_sessions(&self) -> Result<u64, JobError> {
        let app = &self.app;
        app.catalog.sessions().sweep(app.now(), longest_idle(&app.config.http)).await.map_err(outage)
    }

    async fn purge_dead_letters(&self) -> Result<u64, JobError> {
        let before = self.app.now() - DEAD_LETTER_AGE;
        self.app.queue.purge_dead(before).await.map_err(outage)
    }
}

#[async_trait]
impl Handler for Cleanup {
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        if job.subject == ORPHANS {
            // A failure of one does not prevent the other.
            let (unused, orphans) = (self.delete_unused_circuits(&context).await, self.clean(&context).await);
            return unused.and(orphans);
        }
        // A failure of one does not prevent the other.
        let (letters, requests) =
            (self.purge_dead_letters().await, self.remove_expired_requests(&context).await);
        let (deliveries, sessions) =
            (self.remove_old_deliveries(&context).await, self.remove_old_sessions().await);
        let (requests, letters, deliveries, sessions) = (requests?, letters?, deliveries?, sessions?);
        if requests + letters + deliveries + sessions > 0 {
            tracing::info!(requests, letters, deliveries, sessions, "cleaned up");
        }
        Ok(())
    }
}
