//! `ceremony`: makes the initial key of a ceremony, verifies one contribution, or ends the ceremony.
//!
//! Contributors join and leave while a worker works. So the result is applied to the ceremony as it is then, if it still
//! owes the same work.

mod install;
mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{
    CatalogError, Ceremony, CeremonyResult, CeremonyStage, CeremonyTask, Document as _, Failure,
    InvalidTransition, Named as _,
};
use zkflow_core::service::ceremony::{CeremonyCircuit, ReceivedContribution};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::CeremonyId;
use zkflow_core::service::queue::Job;
use zkflow_core::service::store::{ArtifactMeta, ArtifactPath, Unit};
use zkflow_queue::ended::count_failed;
use zkflow_queue::{Handler, JobContext, JobError};

use super::{Stop, invalid, outage};
use crate::service::uploads;
use crate::state::App;
use crate::telemetry::stage_took;

/// Handler of the queue.
pub(super) struct Ceremonies {
    app: Arc<App>,
}

/// What a worker has found or made.
enum Outcome {
    Prepared(CeremonyCircuit, ArtifactMeta),
    Accepted(ReceivedContribution, ArtifactMeta),
    Completed(ArtifactMeta, CeremonyResult),
    /// The contribution, or the ceremony, has failed.
    Failed(Failure),
}

/// The work that a ceremony owes; the same work has the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owed {
    task: CeremonyTask,
    /// When the contribution was submitted.
    submitted_at: Option<Timestamp>,
}

impl Owed {
    fn of(ceremony: &Ceremony) -> Option<Self> {
        let submitted_at = ceremony.places.first().and_then(|first| first.submitted_at);
        ceremony.task().map(|task| Self { task, submitted_at })
    }
}

impl Ceremonies {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Changes the ceremony, as it is by now, if it still owes the work.
    async fn change(
        &self,
        id: &CeremonyId,
        owed: Owed,
        with: impl Fn(&mut Ceremony, Timestamp) -> Result<(), InvalidTransition>,
    ) -> Result<Option<Ceremony>, JobError> {
        loop {
            let present = self.app.catalog.ceremonies().get(id).await.map_err(outage)?;
            let Some(mut ceremony) = present.filter(|present| Owed::of(present) == Some(owed)) else {
                return Ok(None);
            };
            with(&mut ceremony, self.app.now()).map_err(invalid)?;
            match self.app.save(ceremony).await {
                Err(CatalogError::Stale(_)) => {}
                saved => return saved.map(Some).map_err(outage),
            }
        }
    }

    /// Does the work, and records the result.
    async fn work(
        &self,
        ceremony: Ceremony,
        owed: Owed,
        job: &Job,
        context: &JobContext,
    ) -> Result<(), JobError> {
        let (id, began) = (ceremony.id.clone(), Instant::now());
        let stage = match owed.task {
            CeremonyTask::Prepare => CeremonyStage::Prepare,
            CeremonyTask::Verify => CeremonyStage::Verify,
            CeremonyTask::Finish => CeremonyStage::Finish,
        };
        let begin = |ceremony: &mut Ceremony, now| {
            ceremony.begin(job.attempt, now)?;
            ceremony.life.stage = stage;
            if let Some(attempt) = ceremony.life.attempts.last_mut() {
                attempt.stage = stage;
            }
            Ok(())
        };
        let Some(ceremony) = self.change(&id, owed, begin).await? else { return Ok(()) };
        let done = match owed.task {
            CeremonyTask::Prepare => self.prepare(&ceremony).await,
            CeremonyTask::Verify => self.verify(&ceremony).await,
            CeremonyTask::Finish => self.finish(&ceremony).await,
        };
        let outcome = match done {
            Ok(outcome) => outcome,
            Err(Stop::Final(failure)) => Outcome::Failed(failure),
            Err(Stop::Later(error)) => {
                let reason = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
                // A note for readers: the work is tried again with or without it.
                let note = |ceremony: &mut Ceremony, now| ceremony.delay(reason.clone(), now);
                self.change(&id, owed, note).await?;
                return Err(error);
            }
        };
        if context.cancelled().is_cancelled() {
            return Err(JobError::retry("lease_lost", "the lease was lost"));
        }
        let spent = began.elapsed();
        stage_took("ceremony", stage.as_str(), spent);
        if let Outcome::Failed(failure) = &outcome {
            tracing::warn!(ceremony = %id, ?stage, code = failure.code, reason = failure.message, "refused or failed");
            count_failed(job.queue, failure.code.clone());
        }
        let apply = |ceremony: &mut Ceremony, now| match &outcome {
            Outcome::Prepared(circuit, key) => ceremony.prepared(circuit.clone(), key.clone(), spent, now),
            Outcome::Accepted(contribution, key) => {
                ceremony.accept(contribution.clone(), key.clone(), spent, now)
            }
            Outcome::Completed(key, result) => ceremony.complete(key.clone(), result.clone(), spent, now),
            Outcome::Failed(failure) => ceremony.fail(failure.clone(), now),
        };
        if let Some(ceremony) = self.change(&id, owed, apply).await? {
            let contributions = ceremony.contributions.len();
            tracing::info!(ceremony = %id, ?stage, status = ?ceremony.life.status, contributions, "work ended");
        }
        Ok(())
    }

    /// Removes the upload and the keys that the ceremony needs no more. The initial key stays, and so does a key that the
    /// ceremony does not know: another run may just have stored it.
    async fn tidy(&self, id: &CeremonyId) -> Result<(), JobError> {
        let Some(ceremony) = self.app.catalog.ceremonies().get(id).await.map_err(outage)? else {
            return Ok(());
        };
        if let Some(upload) = &ceremony.spent_upload {
            uploads::remove(&self.app, &ceremony.life.tenant, upload).await.map_err(outage)?;
        }
        let Some(present) = &ceremony.key else { return Ok(()) };
        let earlier = ceremony.contributions.iter().map(|one| one.contribution.zkey);
        let earlier: BTreeSet<Digest> = earlier.filter(|key| *key != present.sha256).collect();
        let unit = Unit::Ceremony(id.clone()).to_string();
        let files: Vec<_> = self.app.store.list(&unit).try_collect().await.map_err(outage)?;
        for key in files {
            if let Ok(ArtifactPath::CeremonyKey { key: digest, .. }) = key.as_str().parse()
                && earlier.contains(&digest)
            {
                self.app.store.delete(&key).await.map_err(outage)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Ceremonies {
    /// Works until nothing is owed. A contribution that is submitted before the end of this job has no job of its own.
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        let Ok(id) = job.subject.parse::<CeremonyId>() else { return Ok(()) };
        loop {
            self.tidy(&id).await?;
            let present = self.app.catalog.ceremonies().get(&id).await.map_err(outage)?;
            let Some(ceremony) = present else { return Ok(()) };
            let Some(owed) = Owed::of(&ceremony) else { return Ok(()) };
            self.work(ceremony, owed, job, &context).await?;
        }
    }

    async fn dead(&self, job: &Job, error: &JobError) {
        let Ok(id) = job.subject.parse::<CeremonyId>() else { return };
        let Ok(Some(ceremony)) = self.app.catalog.ceremonies().get(&id).await else { return };
        let Some(owed) = Owed::of(&ceremony) else { return };
        let failure = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
        let failed = self.change(&id, owed, |ceremony, now| ceremony.fail(failure.clone(), now));
        if let Err(error) = failed.await {
            tracing::warn!(ceremony = %id, reason = %error.reason, "not saved; the reconciler retries");
        }
    }
}
