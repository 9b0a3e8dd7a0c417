//! [`Reconciler`]: brings queue and catalog into agreement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Ceremony, Circuit, Delivery, Deployment, Failure, Page, ProofRequest, Status,
    Stored,
};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::queue::{DEAD_LETTERS, Job, JobQueue, JobState, NewJob, QueueError, QueueName};

use crate::deliveries::owe;
use crate::ended::{count_failed, log_end};

/// Pushes missing jobs of pending documents, and fails documents whose jobs are dead letters.
///
/// The catalog is authoritative: no request is lost with the queue, and no request stays pending forever.
/// Subject and `dedup_key` of a job are the document's id.
#[derive(Debug, Clone)]
pub struct Reconciler {
    catalog: Arc<dyn Catalog>,
    queue: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
    max_attempts: Option<u32>,
}

/// Changes made by a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Jobs that were missing in the queue.
    pub pushed: u64,
    /// Documents that became failed.
    pub failed: u64,
}

/// Code of a document whose job was dead-lettered.
pub const ATTEMPTS_EXHAUSTED: &str = "attempts_exhausted";

/// Documents read per page.
const PAGE: usize = 200;

/// Pushes at a time. They share the writes of SQLite and the way to Redis.
const AT_ONCE: usize = 32;

/// Time and reason of death of jobs, by subject.
type Dead = HashMap<String, (Timestamp, Failure)>;

impl Reconciler {
    /// A reconciler between `catalog` and `queue`.
    pub fn new(catalog: Arc<dyn Catalog>, queue: Arc<dyn JobQueue>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, queue, clock, max_attempts: None }
    }

    /// Sets the number of hand-outs before a pushed job is dead-lettered.
    pub fn with_max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts: Some(max_attempts), ..self }
    }

    /// Runs a pass at once, then every `every`, until `shutdown` is cancelled.
    pub async fn run(&self, every: Duration, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.pass().await {
                Ok(done) => {
                    metrics::counter!("zkflow_reconciled_total", "action" => "pushed").increment(done.pushed);
                    metrics::counter!("zkflow_reconciled_total", "action" => "failed").increment(done.failed);
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the pass failed"),
            }
            drop(timeout(every, shutdown.cancelled()).await);
        }
    }

    /// Goes through all pending documents once.
    ///
    /// # Errors
    /// Catalog or queue fails; earlier changes of the pass remain.
    pub async fn pass(&self) -> Result<Reconciled, ReconcileError> {
        let mut done = Reconciled::default();
        self.pass_kind::<Circuit>(&mut done).await?;
        self.pass_kind::<ProofRequest>(&mut done).await?;
        self.pass_kind::<Deployment>(&mut done).await?;
        self.pass_kind::<Ceremony>(&mut done).await?;
        // After the others, which may owe deliveries.
        self.pass_kind::<Delivery>(&mut done).await?;
        Ok(done)
    }

    async fn pass_kind<D: Stored>(&self, done: &mut Reconciled) -> Result<(), ReconcileError> {
        let dead = self.dead(D::QUEUE).await?;
        let pending = D::with_status(D::Status::PENDING);
        let mut page = Page::first(PAGE);
        let mut owed = Vec::new();
        loop {
            let documents = D::collection(&*self.catalog).list(&pending, &page).await?;
            let Some(last) = documents.last() else { break };
            page.after = Some(last.cursor());
            for document in documents {
                match given_up(&dead, &document) {
                    None => owed.push(document.job()),
                    Some(failure) => done.failed += self.fail(document, failure).await?,
                }
            }
        }
        done.pushed += self.push(owed).await?;
        Ok(())
    }

    /// Returns the number of documents that became failed.
    async fn fail<D: Stored>(&self, mut document: D, failure: Failure) -> Result<u64, ReconcileError> {
        if let Some(delivery) = Delivery::owed_by(&document, self.clock.now()) {
            owe(&*self.catalog, delivery).await?;
        }
        let code = failure.code.clone();
        if document.fail(failure, self.clock.now()).is_err() {
            return Ok(0);
        }
        match D::collection(&*self.catalog).replace(document).await {
            Ok(failed) => {
                count_failed(D::QUEUE, code);
                log_end(&failed, None);
                Ok(1)
            }
            // A concurrent change makes the write unnecessary.
            Err(CatalogError::Stale(_)) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    async fn dead(&self, queue: QueueName) -> Result<Dead, QueueError> {
        let jobs = self.queue.dead(queue, DEAD_LETTERS).await?;
        let mut dead = Dead::new();
        for Job { subject, state, last_error, .. } in jobs {
            let JobState::Dead { at } = state else { continue };
            let message = last_error.unwrap_or_else(|| "the job was abandoned".to_owned());
            // The list is newest first: the newest is kept.
            dead.entry(subject)
                .or_insert_with(|| (at, Failure { code: ATTEMPTS_EXHAUSTED.to_owned(), message }));
        }
        Ok(dead)
    }

    /// Pushes the jobs from last to first, that is oldest first, some at a time; returns how many were new.
    async fn push(&self, jobs: Vec<NewJob>) -> Result<u64, QueueError> {
        let pushes = jobs.into_iter().rev().map(|job| {
            let job = match self.max_attempts {
                Some(attempts) => job.with_attempts(attempts),
                None => job,
            };
            self.queue.push(job)
        });
        let new = stream::iter(pushes).buffered(AT_ONCE);
        new.try_fold(0, async |new, pushed| Ok(new + u64::from(!pushed.duplicate))).await
    }
}

/// Failure of the document if its job died after its last change. An earlier death precedes a restart
/// of the document.
fn given_up<D: Stored>(dead: &Dead, document: &D) -> Option<Failure> {
    let (at, failure) = dead.get(&document.id().to_string())?;
    (*at >= document.life().updated_at).then(|| failure.clone())
}

/// A pass could not be finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Classified for ReconcileError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Catalog(error) => error.kind(),
            Self::Queue(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.code(),
            Self::Queue(error) => error.code(),
        }
    }
}
