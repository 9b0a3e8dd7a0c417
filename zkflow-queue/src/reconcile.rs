//! [`Reconciler`]: makes the queue agree with the catalog.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Circuit, Deployment, Failure, Page, ProofRequest, Status, Stored,
};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::queue::{DEAD_LETTERS, Job, JobQueue, JobState, NewJob, QueueError, QueueName};

/// Pushes what the catalog owes and the queue does not know, and fails in the catalog what the
/// queue has given up.
///
/// The catalog is the truth: with this the loss of a whole queue loses no request, and no request
/// stays pending for ever. The subject of a job, and its key against duplicates, is the document's id.
#[derive(Debug, Clone)]
pub struct Reconciler {
    catalog: Arc<dyn Catalog>,
    queue: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
    max_attempts: Option<u32>,
}

/// What a pass changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Jobs that the queue did not know.
    pub pushed: u64,
    /// Documents that were failed.
    pub failed: u64,
}

/// The code of a document whose job was given up.
pub const ATTEMPTS_EXHAUSTED: &str = "attempts_exhausted";

/// Documents read at once.
const PAGE: usize = 200;

/// When and why jobs died, by subject.
type Dead = HashMap<String, (Timestamp, Failure)>;

impl Reconciler {
    /// Connects the two.
    pub fn new(catalog: Arc<dyn Catalog>, queue: Arc<dyn JobQueue>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, queue, clock, max_attempts: None }
    }

    /// Pushes jobs that are handed out so often before they are dead-lettered.
    pub fn with_max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts: Some(max_attempts), ..self }
    }

    /// Does a pass at once, and then one every `every`, until `shutdown` fires.
    pub async fn run(&self, every: Duration, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.pass().await {
                Ok(done) => {
                    metrics::counter!("zkflow_reconciled_total", "action" => "pushed").increment(done.pushed);
                    metrics::counter!("zkflow_reconciled_total", "action" => "failed").increment(done.failed);
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no reconciliation"),
            }
            drop(timeout(every, shutdown.cancelled()).await);
        }
    }

    /// Goes over all pending documents once.
    ///
    /// # Errors
    /// Catalog or queue failed; what was done until then stays done.
    pub async fn pass(&self) -> Result<Reconciled, ReconcileError> {
        let mut done = Reconciled::default();
        self.pass_kind::<Circuit>(&mut done).await?;
        self.pass_kind::<ProofRequest>(&mut done).await?;
        self.pass_kind::<Deployment>(&mut done).await?;
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

    async fn fail<D: Stored>(&self, mut document: D, failure: Failure) -> Result<u64, ReconcileError> {
        match document.fail(failure, self.clock.now()) {
            Ok(()) => unless_stale(D::collection(&*self.catalog).replace(document).await),
            Err(_) => Ok(0),
        }
    }

    async fn dead(&self, queue: QueueName) -> Result<Dead, QueueError> {
        let jobs = self.queue.dead(queue, DEAD_LETTERS).await?;
        let mut dead = Dead::new();
        for Job { subject, state, last_error, .. } in jobs {
            let JobState::Dead { at } = state else { continue };
            let message = last_error.unwrap_or_else(|| "given up".to_owned());
            // The newest comes first and stays.
            dead.entry(subject)
                .or_insert_with(|| (at, Failure { code: ATTEMPTS_EXHAUSTED.to_owned(), message }));
        }
        Ok(dead)
    }

    /// Pushes the jobs, the oldest, which is last, first; returns how many were new.
    async fn push(&self, jobs: Vec<NewJob>) -> Result<u64, QueueError> {
        let mut pushed = 0;
        for job in jobs.into_iter().rev() {
            let job = match self.max_attempts {
                Some(attempts) => job.with_attempts(attempts),
                None => job,
            };
            if !self.queue.push(job).await?.duplicate {
                pushed += 1;
            }
        }
        Ok(pushed)
    }
}

/// Why the document was given up, if its job died since it last changed. One that died earlier
/// belongs to a life before a restart.
fn given_up<D: Stored>(dead: &Dead, document: &D) -> Option<Failure> {
    let (at, failure) = dead.get(&document.id().to_string())?;
    (*at >= document.life().updated_at).then(|| failure.clone())
}

/// Counts a write; somebody else's change in between makes it unnecessary.
fn unless_stale<T>(written: Result<T, CatalogError>) -> Result<u64, ReconcileError> {
    match written {
        Ok(_) => Ok(1),
        Err(CatalogError::Stale(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// A pass was not finished.
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
