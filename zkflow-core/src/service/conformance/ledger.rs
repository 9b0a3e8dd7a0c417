//! Conformance suite of [`Ledger`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future;

use super::catalog::sample::Sample;
use crate::service::catalog::{Catalog, CatalogError, Ceremony, Circuit, Delivery, Deployment, ProofRequest};
use crate::service::clock::Timestamp;
use crate::service::ledger::{Entered, Ledger};
use crate::service::queue::{JobQueue, Lease, QueueError};

/// A ledger under test, and the empty backends that it writes to.
pub struct LedgerHarness {
    /// Writes to the catalog and the queue.
    pub ledger: Arc<dyn Ledger>,
    /// Contains the documents.
    pub catalog: Arc<dyn Catalog>,
    /// Contains the jobs.
    pub queue: Arc<dyn JobQueue>,
}

impl fmt::Debug for LedgerHarness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerHarness").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Runs every check, each on new, empty backends from `make`.
///
/// # Panics
/// A check fails.
pub async fn ledger(make: impl AsyncFn() -> LedgerHarness) {
    every_kind::<Circuit>(&make).await;
    every_kind::<ProofRequest>(&make).await;
    every_kind::<Deployment>(&make).await;
    every_kind::<Ceremony>(&make).await;
    every_kind::<Delivery>(&make).await;
}

async fn every_kind<D: Sample + Entered>(make: &impl AsyncFn() -> LedgerHarness) {
    a_submitted_document_has_a_job::<D>(make().await).await;
    many_are_submitted_in_order::<D>(make().await).await;
    a_taken_key_gets_no_second_job::<D>(make().await).await;
    one_of_many_submissions_adds_the_document::<D>(make().await).await;
    a_job_is_never_seen_before_its_document::<D>(make().await).await;
    a_finished_document_has_no_job::<D>(make().await).await;
    a_stale_document_keeps_its_job::<D>(make().await).await;
    a_lost_lease_takes_no_job_from_its_holder::<D>(make().await).await;
    an_empty_submission_does_nothing::<D>(make().await).await;
}

const ATTEMPTS: u32 = 2;

impl LedgerHarness {
    async fn submit<D: Entered>(&self, documents: Vec<D>) -> Vec<(D, bool)> {
        let submitted = D::entries(&*self.ledger).submit(documents, ATTEMPTS).await;
        submitted.into_iter().map(|one| one.expect("submit")).collect()
    }

    async fn lease<D: Entered>(&self, max: usize) -> Vec<Lease> {
        self.queue.lease(D::QUEUE, max, Duration::from_secs(600), Duration::ZERO).await.expect("lease")
    }

    async fn lease_one<D: Entered>(&self) -> Lease {
        let mut leases = self.lease::<D>(2).await;
        assert_eq!(leases.len(), 1, "expected exactly one due job");
        leases.remove(0)
    }

    async fn read<D: Entered>(&self, document: &D) -> D {
        let found = D::collection(&*self.catalog).get(document.id()).await.expect("get");
        found.unwrap_or_else(|| panic!("{} {} is missing", D::KIND, document.id()))
    }

    async fn unfinished<D: Entered>(&self) -> u64 {
        let stats = self.queue.stats(D::QUEUE).await.expect("stats");
        stats.ready + stats.delayed + stats.leased + stats.dead
    }

    /// Finishes a document, and completes its job if that is left to the worker.
    async fn finish<D: Entered>(&self, document: D, lease: &Lease) -> D {
        let finished = D::entries(&*self.ledger).finish(document, &lease.token).await;
        let (document, completed) = finished.expect("finish");
        if !completed {
            self.queue.complete(&lease.token).await.expect("complete");
        }
        document
    }
}

/// The job has the document's id, user and queue, and the given number of attempts.
async fn a_submitted_document_has_a_job<D: Sample + Entered>(h: LedgerHarness) {
    let document = D::keyed(0, "k");
    let submitted = h.submit(vec![document.clone()]).await;
    assert_eq!(submitted, [(document.clone(), true)]);
    assert_eq!(h.read(&document).await, document);
    let job = h.lease_one::<D>().await.job;
    let expected = document.job().with_attempts(ATTEMPTS);
    assert_eq!(job.subject, document.id().to_string());
    assert_eq!((job.queue, job.max_attempts), (expected.queue, expected.max_attempts));
    assert_eq!(job.user_id, expected.user_id);
    let again = h.queue.push(document.job()).await.expect("push");
    assert!(again.duplicate, "the job has no deduplication key: a reconciler pushes it twice");
}

/// Results have the order of the documents, and every document gets a job.
async fn many_are_submitted_in_order<D: Sample + Entered>(h: LedgerHarness) {
    let documents: Vec<D> = (0..40).map(|i| D::keyed(i, &format!("k{i}"))).collect();
    let submitted = h.submit(documents.clone()).await;
    let expected: Vec<(D, bool)> = documents.iter().map(|document| (document.clone(), true)).collect();
    assert_eq!(submitted, expected);
    let mut leased: Vec<String> = h.lease::<D>(99).await.into_iter().map(|lease| lease.job.subject).collect();
    let mut ids: Vec<String> = documents.iter().map(|document| document.id().to_string()).collect();
    leased.sort_unstable();
    ids.sort_unstable();
    assert_eq!(leased, ids, "the jobs are not those of the documents");
}

/// A key that is taken returns the first document, within one submission too, and hinders no other document.
async fn a_taken_key_gets_no_second_job<D: Sample + Entered>(h: LedgerHarness) {
    let first = D::keyed(0, "k");
    h.submit(vec![first.clone()]).await;
    let third = D::keyed(3, "n");
    let again = vec![D::keyed(1, "k"), D::keyed(2, "m"), third.clone(), D::keyed(4, "m")];
    let submitted = h.submit(again).await;
    assert_eq!((&submitted[0], &submitted[2]), (&(first, false), &(third, true)));
    assert_eq!(submitted[1].0, submitted[3].0, "two documents have one key");
    assert_ne!(submitted[1].1, submitted[3].1, "one of two documents with one key is added");
    assert_eq!(h.unfinished::<D>().await, 3, "a document that was not added got a job");
}

/// Concurrent submissions under one key add one document and one job.
async fn one_of_many_submissions_adds_the_document<D: Sample + Entered>(h: LedgerHarness) {
    let submissions = (0..16).map(|i| h.submit(vec![D::keyed(i, "k")]));
    let submitted = future::join_all(submissions).await.concat();
    let added = submitted.iter().filter(|(_, added)| *added).count();
    assert_eq!(added, 1, "{added} of 16 submissions under one key were added");
    assert!(submitted.iter().all(|(one, _)| *one == submitted[0].0), "they returned different documents");
    assert_eq!(h.unfinished::<D>().await, 1, "one document has several jobs");
}

/// A worker that gets a job can always read its document.
async fn a_job_is_never_seen_before_its_document<D: Sample + Entered>(h: LedgerHarness) {
    let submitting = async {
        for i in 0..20 {
            h.submit(vec![D::keyed(i, &format!("k{i}"))]).await;
        }
    };
    let leasing = async {
        let mut seen = 0;
        while seen < 20 {
            let leases =
                h.queue.lease(D::QUEUE, 4, Duration::from_secs(600), Duration::from_millis(50)).await;
            for lease in leases.expect("lease") {
                let Ok(id) = lease.job.subject.parse::<D::Id>() else {
                    panic!("{} is no id", lease.job.subject)
                };
                let found = D::collection(&*h.catalog).get(&id).await.expect("get");
                assert!(found.is_some(), "the job of {id} was handed out before its document was stored");
                seen += 1;
            }
        }
    };
    future::join(submitting, leasing).await;
}

/// `finish` stores the document with the next epoch, and its job is over.
async fn a_finished_document_has_no_job<D: Sample + Entered>(h: LedgerHarness) {
    let document = D::keyed(0, "k");
    h.submit(vec![document.clone()]).await;
    let lease = h.lease_one::<D>().await;
    let finished = h.finish(document.clone(), &lease).await;
    assert_eq!(finished.life().epoch, document.life().epoch + 1);
    assert_eq!(h.read(&document).await, finished);
    assert_eq!(h.unfinished::<D>().await, 0, "the job of a finished document is still stored");
}

/// A document that was changed meanwhile is not written, and its job stays leased.
async fn a_stale_document_keeps_its_job<D: Sample + Entered>(h: LedgerHarness) {
    let old = D::keyed(0, "k");
    h.submit(vec![old.clone()]).await;
    let lease = h.lease_one::<D>().await;
    let new = D::collection(&*h.catalog).replace(old.clone()).await.expect("replace");
    let finished = D::entries(&*h.ledger).finish(old, &lease.token).await;
    assert!(matches!(finished, Err(CatalogError::Stale(_))), "finishing a stale document: {finished:?}");
    assert_eq!(h.read(&new).await, new, "a stale document was written");
    h.queue.complete(&lease.token).await.expect("the job of a stale document was completed");
}

/// With the token of an earlier hand-out, the document is written, and the job stays with its present holder.
async fn a_lost_lease_takes_no_job_from_its_holder<D: Sample + Entered>(h: LedgerHarness) {
    let document = D::keyed(0, "k");
    h.submit(vec![document.clone()]).await;
    let stale = h.lease_one::<D>().await;
    h.queue.release(&stale.token, Duration::ZERO).await.expect("release");
    let held = h.lease_one::<D>().await;
    let finished = D::entries(&*h.ledger).finish(document, &stale.token).await;
    let (finished, completed) = finished.expect("finish");
    assert!(!completed, "a stale token completed a job");
    assert_eq!(h.read(&finished).await, finished);
    let lost = h.queue.complete(&stale.token).await;
    assert!(matches!(lost, Err(QueueError::LeaseLost(_))), "{lost:?}");
    h.queue.complete(&held.token).await.expect("the holder lost its job");
}

/// No documents, no results.
async fn an_empty_submission_does_nothing<D: Sample + Entered>(h: LedgerHarness) {
    assert!(h.submit(Vec::<D>::new()).await.is_empty());
    assert_eq!(h.unfinished::<D>().await, 0);
    let expired = h.catalog.expired_proofs(Timestamp::LATEST, 9).await.expect("expired_proofs");
    assert!(expired.is_empty());
}
