//! [`Progress`]: the way of a document from pending to final under a lease, the same for all kinds.

use std::fmt::Display;

use async_trait::async_trait;
use zkflow_core::service::catalog::{Circuit, Deployment, Failure, ProofRequest};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::flow::InvalidTransition;
use zkflow_core::service::queue::{Job, QueueName};
use zkflow_queue::{Handler, JobContext, JobError};

use super::memory::Share;
use super::{Stop, invalid};
use crate::telemetry::job_failed;

/// A document of the catalog that a worker brings to its end.
pub(super) trait Document: Send + Sync {
    /// Notes that a worker begins.
    fn begin(&mut self, attempt: u32, now: Timestamp) -> Result<(), InvalidTransition>;

    /// Notes that it failed for good.
    fn fail(&mut self, failure: Failure, now: Timestamp) -> Result<(), InvalidTransition>;

    /// Its id.
    fn id(&self) -> &(dyn Display + Sync);
}

/// Documents say the same under their own names.
macro_rules! documents {
    ($($kind:ty),+) => { $(
        impl Document for $kind {
            fn begin(&mut self, attempt: u32, now: Timestamp) -> Result<(), InvalidTransition> {
                self.begin(attempt, now)
            }

            fn fail(&mut self, failure: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
                self.fail(failure, now)
            }

            fn id(&self) -> &(dyn Display + Sync) {
                &self.id
            }
        }
    )+ };
}

documents!(Circuit, ProofRequest, Deployment);

/// What is done to one kind of document.
#[async_trait]
pub(super) trait Steps: Send + Sync + 'static {
    /// The kind.
    type Document: Document;

    /// Where its jobs wait.
    const QUEUE: QueueName;

    /// The document of a job, while work on it is owed.
    async fn owed(&self, job: &Job) -> Result<Option<Self::Document>, JobError>;

    /// What the work needs of this machine, kept while it runs; an error that gives the job back when that is
    /// not there.
    async fn admit(&self, document: &Self::Document) -> Result<Option<Share>, JobError> {
        let _ = document;
        Ok(None)
    }

    /// The way from begun to complete, saved at every stage but the last.
    async fn run(&self, document: &mut Self::Document, job: &Job) -> Result<(), Stop>;

    /// Writes the document if nobody else has since it was read.
    async fn save(&self, document: &mut Self::Document) -> Result<(), JobError>;

    /// Makes the outcome visible, and then removes what only an unfinished document needs.
    async fn finish(&self, document: &mut Self::Document) -> Result<(), JobError>;

    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Handles the jobs of one kind of document.
pub(super) struct Progress<S>(pub(super) S);

#[async_trait]
impl<S: Steps> Handler for Progress<S> {
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        let Self(steps) = self;
        let Some(mut document) = steps.owed(job).await? else { return Ok(()) };
        let _share = steps.admit(&document).await?;
        document.begin(job.attempt, steps.now()).map_err(invalid)?;
        steps.save(&mut document).await?;
        let failure = match steps.run(&mut document, job).await {
            Ok(()) => None,
            Err(Stop::Final(failure)) => Some(failure),
            Err(Stop::Later(error)) => return Err(error),
        };
        if context.cancelled().is_cancelled() {
            return Err(JobError::retry("lease_lost", "the lease was lost"));
        }
        if let Some(failure) = failure {
            job_failed(S::QUEUE, failure.code.clone());
            document.fail(failure, steps.now()).map_err(invalid)?;
        }
        steps.finish(&mut document).await
    }

    async fn dead(&self, job: &Job, error: &JobError) {
        let Self(steps) = self;
        let Ok(Some(mut document)) = steps.owed(job).await else { return };
        let failure = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
        if document.fail(failure, steps.now()).is_ok()
            && let Err(error) = steps.finish(&mut document).await
        {
            tracing::warn!(document = %document.id(), reason = %error.reason, "left to the reconciler");
        }
    }
}
