//! Finds the jobs that meet conditions.
//!
//! The catalog selects by status, tenant and time, and the proof requests of a tenant by the code of their error; the rest is
//! compared here.
//! Every call reads a limited number of documents, so it may end before it has found as many jobs as were asked for.

use serde::{Deserialize, Serialize};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Ceremony, Circuit, Cursor, Delivery, Deployment, Failure, Named as _, Page, ProofRequest, Status as _,
    Stored,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::{DEAD_LETTERS, Job, JobState, QueueName};
use zkflow_core::service::tenant::TenantId;

use super::find;
use crate::service::RequestError;
use crate::state::App;

/// Maximum number of documents that one call reads.
const MOST_READ: usize = 4_000;

/// Number of documents that are read at once.
const PART: usize = 500;

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for a worker, or runs.
    Pending,
    /// Its document has failed.
    Failed,
    /// A dead letter: its attempts are used up, or it failed for good.
    Dead,
}

impl JobStatus {
    /// All states, by name.
    pub const NAMES: [&str; 3] = ["pending", "failed", "dead"];
}

/// Conditions on the jobs of a queue; `None`: any.
#[derive(Debug, Clone)]
pub struct Matching {
    /// Queue of the jobs.
    pub queue: QueueName,
    /// State of the jobs.
    pub state: JobStatus,
    /// Owner of their documents.
    pub tenant: Option<TenantId>,
    /// Code of the error of their documents.
    pub error_code: Option<String>,
    /// Text in their subject, tenant, stage or error, in upper or lower case.
    pub containing: Option<String>,
    /// Only documents that were made before, and dead letters that died before.
    pub before: Option<Timestamp>,
}

impl Matching {
    fn fits(&self, job: &FoundJob) -> bool {
        let tenant = self.tenant.as_ref().is_none_or(|tenant| job.tenant.as_ref() == Some(tenant));
        tenant
            && self.allows(job.error.as_ref())
            && self.containing.as_ref().is_none_or(|text| job.contains(&text.to_lowercase()))
    }

    /// Whether the jobs may have this failure.
    pub(super) fn allows(&self, error: Option<&Failure>) -> bool {
        self.error_code.as_ref().is_none_or(|code| error.is_some_and(|error| error.code == *code))
    }

    /// Whether some condition is compared here.
    fn compares(&self) -> bool {
        self.error_code.is_some() || self.containing.is_some()
    }
}

/// A job: the work on a document, or a dead letter.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names say it")]
pub struct FoundJob {
    pub queue: QueueName,
    pub subject: String,
    pub circuit: Option<CircuitId>,
    pub state: JobStatus,
    pub stage: Option<&'static str>,
    pub tenant: Option<TenantId>,
    pub attempt: u32,
    pub error: Option<Failure>,
    pub last_error: Option<String>,
    pub retryable: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Its position in a list.
    pub place: Cursor,
}

impl FoundJob {
    fn of<D: Stored>(document: &D) -> Self {
        let life = document.life();
        let failed = life.status == D::Status::FAILED;
        Self {
            queue: D::QUEUE,
            subject: document.id().to_string(),
            circuit: document.circuit_id().cloned(),
            state: if failed { JobStatus::Failed } else { JobStatus::Pending },
            stage: Some(life.stage.as_str()),
            tenant: Some(life.tenant.clone()),
            attempt: life.attempt,
            error: life.error.clone(),
            last_error: None,
            // A pending document without a job gets one.
            retryable: !life.status.is_final()
                || (failed && matches!(D::QUEUE, QueueName::KeyGeneration | QueueName::Webhooks)),
            created_at: life.created_at,
            updated_at: life.updated_at,
            place: document.cursor(),
        }
    }

    /// A dead letter, with its document if there is one.
    fn dead(job: Job, place: Cursor, document: Option<Self>) -> Self {
        let cleanup = job.queue == QueueName::Cleanup;
        let (circuit, stage, tenant, error, retryable) = match document {
            Some(of) => (of.circuit, of.stage, of.tenant, of.error, of.retryable),
            None => (None, None, None, None, cleanup),
        };
        Self {
            queue: job.queue,
            subject: job.subject,
            circuit,
            state: JobStatus::Dead,
            stage,
            tenant,
            attempt: job.attempt,
            error,
            last_error: job.last_error,
            retryable,
            created_at: job.created_at,
            updated_at: place.created_at,
            place,
        }
    }

    fn contains(&self, text: &str) -> bool {
        let tenant = self.tenant.as_ref().map(TenantId::as_str);
        let (code, message) = self.error.as_ref().map(|error| (&*error.code, &*error.message)).unzip();
        [Some(&*self.subject), tenant, self.stage, code, message, self.last_error.as_deref()]
            .into_iter()
            .flatten()
            .any(|found| found.to_lowercase().contains(text))
    }
}

/// Jobs that match, newest first.
#[derive(Debug, Default)]
pub struct Found {
    /// The jobs.
    pub jobs: Vec<FoundJob>,
    /// Position from which on the list continues; `None`: there are no more.
    pub next: Option<Cursor>,
}

impl Found {
    /// Adds a job, unless there are `limit` ones. Then the list continues behind the last one.
    fn push(&mut self, job: FoundJob, limit: usize) -> bool {
        let full = self.jobs.len() >= limit;
        if full {
            self.next = self.jobs.last().map(|last| last.place.clone());
        } else {
            self.jobs.push(job);
        }
        !full
    }
}

/// Up to `limit` jobs that match, newest first, behind a position.
///
/// # Errors
/// A backend fails.
pub async fn matching(
    app: &App,
    wanted: &Matching,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Found, RequestError> {
    if wanted.state == JobStatus::Dead {
        return letters(app, wanted, after, limit).await;
    }
    match wanted.queue {
        QueueName::KeyGeneration => documents::<Circuit>(app, wanted, after, limit).await,
        QueueName::ProofGeneration => documents::<ProofRequest>(app, wanted, after, limit).await,
        QueueName::Deploy => documents::<Deployment>(app, wanted, after, limit).await,
        QueueName::Ceremony => documents::<Ceremony>(app, wanted, after, limit).await,
        QueueName::Webhooks => documents::<Delivery>(app, wanted, after, limit).await,
        // Only dead letters are known of it.
        QueueName::Cleanup => Ok(Found::default()),
    }
}

async fn documents<D: Stored>(
    app: &App,
    wanted: &Matching,
    mut after: Option<Cursor>,
    limit: usize,
) -> Result<Found, RequestError> {
    let status = if wanted.state == JobStatus::Failed { D::Status::FAILED } else { D::Status::PENDING };
    let mut filter = D::with_status(status);
    if let Some(tenant) = &wanted.tenant {
        filter = D::of_tenant(filter, tenant.clone());
    }
    // The catalogs have an index of codes by tenant. Without one, they would read every failure at once.
    if let (Some(code), Some(_)) = (&wanted.error_code, &wanted.tenant) {
        filter = D::failed_with(filter, code);
    }
    // One more shows whether the list continues.
    let part = if wanted.compares() { PART } else { (limit + 1).min(PART) };
    let (mut found, mut read) = (Found::default(), 0);
    loop {
        let page = Page { after, until: wanted.before, ..Page::first(part) };
        let documents = app.documents::<D>().list(&filter, &page).await?;
        for job in documents.iter().map(FoundJob::of).filter(|job| wanted.fits(job)) {
            if !found.push(job, limit) {
                return Ok(found);
            }
        }
        read += documents.len();
        after = documents.last().map(D::cursor);
        if documents.len() < part || read >= MOST_READ {
            found.next = after.filter(|_| documents.len() == part);
            return Ok(found);
        }
    }
}

/// The dead letters behind a position, newest first, without a look at their documents. Their positions are their death and
/// id.
async fn dead(
    app: &App,
    wanted: &Matching,
    after: Option<Cursor>,
) -> Result<Vec<(Cursor, Job)>, RequestError> {
    let mut letters: Vec<(Cursor, Job)> = app
        .queue
        .dead(wanted.queue, DEAD_LETTERS)
        .await?
        .into_iter()
        .filter_map(|job| match job.state {
            JobState::Dead { at } => Some((Cursor { created_at: at, id: job.id.to_string() }, job)),
            _ => None,
        })
        .filter(|(place, _)| after.as_ref().is_none_or(|after| place < after))
        .filter(|(place, _)| wanted.before.is_none_or(|before| place.created_at < before))
        .collect();
    letters.sort_by(|(one, _), (other, _)| other.cmp(one));
    Ok(letters)
}

/// Dead letters with their documents, each of which is a read of its own.
async fn letters(
    app: &App,
    wanted: &Matching,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Found, RequestError> {
    let (mut found, mut last) = (Found::default(), None);
    for (number, (place, job)) in dead(app, wanted, after).await?.into_iter().enumerate() {
        if number >= PART {
            found.next = last;
            break;
        }
        last = Some(place.clone());
        let document = match wanted.queue {
            QueueName::KeyGeneration => document_of::<Circuit>(app, &job).await?,
            QueueName::ProofGeneration => document_of::<ProofRequest>(app, &job).await?,
            QueueName::Deploy => document_of::<Deployment>(app, &job).await?,
            QueueName::Ceremony => document_of::<Ceremony>(app, &job).await?,
            QueueName::Webhooks => document_of::<Delivery>(app, &job).await?,
            QueueName::Cleanup => None,
        };
        let job = FoundJob::dead(job, place, document);
        if wanted.fits(&job) && !found.push(job, limit) {
            break;
        }
    }
    Ok(found)
}

async fn document_of<D: Stored>(app: &App, job: &Job) -> Result<Option<FoundJob>, RequestError> {
    Ok(find::<D>(app, &job.subject).await?.as_ref().map(FoundJob::of))
}

/// The number of jobs that match, and whether there may be more than were counted.
///
/// # Errors
/// A backend fails.
pub async fn count(app: &App, wanted: &Matching) -> Result<(usize, bool), RequestError> {
    if wanted.state == JobStatus::Dead && !wanted.compares() && wanted.tenant.is_none() {
        return Ok((dead(app, wanted, None).await?.len(), false));
    }
    let found = matching(app, wanted, None, MOST_READ).await?;
    Ok((found.jobs.len(), found.next.is_some()))
}
