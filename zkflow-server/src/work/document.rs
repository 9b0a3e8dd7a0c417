//! [`Progress`]: takes a document of any kind from pending to final under a lease.

use std::pin::pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::timeout;
use tracing::Instrument as _;
use zkflow_core::id::CircuitId;
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    CatalogError, Day, Delivery, Document as _, Failure, Hour, Life, Period, Stored, Usage, UsageKey,
};
use zkflow_core::service::id::KeyId;
use zkflow_core::service::ledger::Entered;
use zkflow_core::service::queue::Job;
use zkflow_core::service::tenant::TenantId;
use zkflow_queue::deliveries::owe;
use zkflow_queue::ended::{count_failed, log_end};
use zkflow_queue::{Handler, JobContext, JobError};

use super::spent::Spent;
use super::{Stop, invalid, outage, unsaved};
use crate::service;
use crate::state::App;
use crate::telemetry::join;

/// The steps that are specific to one kind of document.
#[async_trait]
pub(super) trait Steps: Send + Sync + 'static {
    /// Kind of the processed documents.
    type Document: Entered;
    /// Resources of this machine that the work has until it is over.
    type Admitted: Send;

    /// Whether the work is usually over within milliseconds, so that its beginning is not saved.
    const BRIEF: bool = false;

    /// State shared by requests and workers.
    fn app(&self) -> &App;

    /// Reserves what the work needs on this machine, until the result is dropped. An error releases the
    /// job.
    async fn admit(&self, document: &Self::Document) -> Result<Self::Admitted, JobError>;

    /// Does the work, and saves the document at every stage but the last. Counts what it uses in `spent`.
    async fn run(
        &self,
        document: &mut Self::Document,
        admitted: &Self::Admitted,
        job: &Job,
        spent: &Spent,
    ) -> Result<(), Stop>;

    /// Whether the unfinished document has data of its own, which [`discard`](Self::discard) removes.
    fn has_data(&self, document: &Self::Document) -> bool {
        let _ = document;
        true
    }

    /// What the document counts as when it is final, and its circuit; `None`: nothing.
    fn usage(&self, document: &Self::Document) -> Option<(CircuitId, Usage)> {
        let _ = document;
        None
    }

    /// Counts a final document in the history.
    fn record(&self, document: &Self::Document) {
        let _ = document;
    }

    /// Removes data that only an unfinished document needs. May be called again for a final document.
    async fn discard(&self, id: &Id<Self>) -> Result<(), JobError> {
        let _ = id;
        Ok(())
    }
}

type Id<S> = <<S as Steps>::Document as zkflow_core::service::catalog::Document>::Id;

/// Handler of the jobs of one kind of document.
pub(super) struct Progress<S>(pub(super) S);

impl<S: Steps> Progress<S> {
    /// Returns the document of a job if it is not final.
    async fn owed(&self, job: &Job) -> Result<Option<S::Document>, JobError> {
        let Self(steps) = self;
        let Ok(id) = job.subject.parse::<Id<S>>() else { return Ok(None) };
        let document = steps.app().documents::<S::Document>().get(&id).await.map_err(outage)?;
        if let Some(document) = document.filter(|document| !document.is_final()) {
            return Ok(Some(document));
        }
        steps.discard(&id).await?;
        Ok(None)
    }

    /// Saves the final document, then removes data that only an unfinished one needs. The delivery that the document `owed`
    /// is stored before it. The log gets the `causes` of a failure, if there are more than the document tells.
    async fn finish(
        &self,
        document: S::Document,
        has_data: bool,
        owed: Option<Delivery>,
        context: Option<&JobContext>,
        used: Usage,
        causes: Option<&str>,
    ) -> Result<(), JobError> {
        let Self(steps) = self;
        let app = steps.app();
        let bill = self.bill(&document);
        let ended = self.end(document, owed, context.filter(|_| !has_data)).await;
        if let Some(bill) = bill {
            bill.count(app, ended.is_ok(), used).await;
        }
        let (document, owed) = ended?;
        log_end(&document, causes);
        steps.record(&document);
        if let Some(delivery) = owed {
            service::push(app, delivery.job()).await;
        }
        if has_data { steps.discard(document.id()).await } else { Ok(()) }
    }

    /// Stores the delivery that is owed, then the final document, with a `context` together with the end of the job.
    async fn end(
        &self,
        mut document: S::Document,
        owed: Option<Delivery>,
        context: Option<&JobContext>,
    ) -> Result<(S::Document, Option<Delivery>), JobError> {
        let Self(steps) = self;
        let app = steps.app();
        let owed = match owed {
            Some(delivery) => Some(owe(&*app.catalog, ended(delivery, app)).await.map_err(outage)?),
            None => None,
        };
        match context {
            None => save(app, &mut document).await?,
            Some(context) => {
                let (saved, completed) = app.finish(document, context.token()).await.map_err(unsaved)?;
                if completed {
                    context.job_is_completed();
                }
                document = saved;
            }
        }
        Ok((document, owed))
    }

    /// The bill of the work on a document; `None`: no account pays for it.
    fn bill(&self, document: &S::Document) -> Option<Bill> {
        let Self(steps) = self;
        let (circuit, end) = steps.usage(document)?;
        let key = document.life().origin.as_ref().and_then(|origin| origin.account.clone());
        Some(Bill { tenant: document.life().tenant.clone(), key, circuit, end })
    }
}

/// The accounts that pay for the work on a document, and the usage that its end adds.
struct Bill {
    tenant: TenantId,
    /// Key with limits of its own.
    key: Option<KeyId>,
    circuit: CircuitId,
    /// Usage that a final document adds to that of its attempts.
    end: Usage,
}

impl Bill {
    /// Counts what an attempt `used`, and the end of the document if it has `ended`. A failure is logged, and the work is not
    /// repeated for it.
    async fn count(self, app: &App, ended: bool, used: Usage) {
        let Self { tenant, key, circuit, end } = self;
        let mut usage = used;
        if ended {
            usage.add(&end);
        }
        app.tenant_metrics.worked(&tenant, &usage);
        let (log, now) = (app.catalog.usage_log(), app.now());
        let today = Day::of(now);
        let row = UsageKey { day: today.clone(), tenant: tenant.clone(), circuit };
        let counted = async {
            log.count(&row, &usage).await?;
            if end.builds > 0 {
                let more = Usage { build_cpu_ms: used.build_cpu_ms, ..Usage::default() };
                log.spend(&Account::of_tenant(tenant.clone()), &Period::Hour(Hour::of(now)), &more).await?;
            }
            if let Some(key) = key {
                log.spend(&Account::of_key(tenant, key), &Period::Day(today), &usage).await?;
            }
            Ok::<_, CatalogError>(())
        };
        if let Err(error) = counted.await {
            tracing::warn!(key = %row, %error, "the usage is not counted");
        }
    }
}

/// Milliseconds of an attempt that took `spent`: at least those of its finished stages.
fn work_ms<T, G>(life: &Life<T, G>, spent: Duration) -> u64 {
    let stages = life.timings.values().fold(0, |sum: u64, ms| sum.saturating_add(*ms));
    stages.max(u64::try_from(spent.as_millis()).unwrap_or(u64::MAX))
}

#[async_trait]
impl<S: Steps> Handler for Progress<S> {
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        let Self(steps) = self;
        let app = steps.app();
        let Some(mut document) = self.owed(job).await? else { return Ok(()) };
        if let Some(origin) = &document.life().origin {
            context.belongs_to(&origin.request_id, origin.traceparent.as_deref());
        }
        let admitted = steps.admit(&document).await?;
        let (has_data, owed) = (steps.has_data(&document), Delivery::owed_by(&document, app.now()));
        document.begin(job.attempt, app.now()).map_err(invalid)?;
        if !S::BRIEF {
            save(app, &mut document).await?;
        }
        // A part of the trace of the request, not of the job's: a job may be tried by several processes.
        let span = tracing::info_span!("work", kind = S::Document::KIND, id = %document.id());
        join(&span, document.life().origin.as_ref().and_then(|origin| origin.traceparent.clone()));
        let (began, spent) = (Instant::now(), Spent::default());
        let ran = steps.run(&mut document, &admitted, job, &spent).instrument(span).await;
        // Also the stage that failed, and attempts without a result: work that fails is not free.
        let used = Usage { work_ms: work_ms(document.life(), began.elapsed()), ..spent.usage() };
        let failure = match ran {
            Ok(()) => None,
            Err(Stop::Final(failure)) => Some(failure),
            Err(Stop::Later(error)) => {
                if let Some(bill) = self.bill(&document) {
                    bill.count(app, false, used).await;
                }
                note_delay(app, document, &error).await;
                return Err(error);
            }
        };
        if context.cancelled().is_cancelled() {
            if let Some(bill) = self.bill(&document) {
                bill.count(app, false, used).await;
            }
            return Err(JobError::retry("lease_lost", "the lease was lost"));
        }
        // The next job may need the memory.
        drop(admitted);
        context.work_is_done();
        if let Some(failure) = failure {
            count_failed(job.queue, failure.code.clone());
            document.fail(failure, app.now()).map_err(invalid)?;
        }
        self.finish(document, has_data, owed, Some(&context), used, None).await
    }

    async fn dead(&self, job: &Job, error: &JobError) {
        let Self(steps) = self;
        let Ok(Some(mut document)) = self.owed(job).await else { return };
        let (id, has_data) = (document.id().clone(), steps.has_data(&document));
        let owed = Delivery::owed_by(&document, steps.app().now());
        let failure = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
        let code = failure.code.clone();
        if document.fail(failure, steps.app().now()).is_err() {
            return;
        }
        count_failed(job.queue, code);
        // The attempts were counted one by one.
        let finished =
            self.finish(document, has_data, owed, None, Usage::default(), error.causes.as_deref()).await;
        if let Err(error) = finished {
            tracing::warn!(document = %id, reason = %error.reason, "not saved; the reconciler retries");
        }
    }
}

/// The delivery of a document that ends now.
fn ended(delivery: Delivery, app: &App) -> Delivery {
    let now = app.now();
    Delivery { ended_at: now, since: now, ..delivery }
}

/// Shows the caller why the document is still pending. It is a note: the work is tried again with or without it.
async fn note_delay<D: Stored>(app: &App, mut document: D, error: &JobError) {
    let reason = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
    if document.delay(reason, app.now()).is_ok()
        && let Err(error) = save(app, &mut document).await
    {
        tracing::debug!(reason = %error.reason, "the reason of a delay was not saved");
    }
}

/// Time after which the stage of a brief document is saved, so that clients see it.
const BRIEF: Duration = Duration::from_millis(500);

/// Waits for the work of a stage. Saves the document if the work takes longer than [`BRIEF`].
pub(super) async fn stage<D: Stored, T>(
    app: &App,
    document: &mut D,
    work: impl Future<Output = T>,
) -> Result<T, JobError> {
    let mut work = pin!(work);
    match timeout(BRIEF, &mut work).await {
        Ok(done) => Ok(done),
        Err(_) => {
            save(app, document).await?;
            Ok(work.await)
        }
    }
}

/// Writes the document; fails if it has changed since it was read.
pub(super) async fn save<D: Stored>(app: &App, document: &mut D) -> Result<(), JobError> {
    *document = app.save(document.clone()).await.map_err(unsaved)?;
    Ok(())
}
