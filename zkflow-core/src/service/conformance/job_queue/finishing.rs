//! Completion, failure, release, cancellation, and the tokens they need.

use std::time::Duration;

use super::{Q, QueueHarness, assert_lost, job};
use crate::service::queue::{Failed, JobState, LeaseToken, NewJob, Retry};

/// A completed job is forgotten and never handed out again.
pub async fn a_completed_job_is_forgotten(h: QueueHarness) {
    let id = h.push(job("s")).await;
    h.queue.complete(&h.lease_one().await.token).await.expect("complete");
    h.assert_forgotten(&id).await;
    h.pass(20).await;
    h.assert_nothing_due("the only job is completed").await;
}

/// With [`Retry::After`] the job is due again after the delay, with the reason as `last_error`.
pub async fn a_failed_job_is_due_after_its_delay(h: QueueHarness) {
    let id = h.push(job("s")).await;
    let lease = h.lease_one().await;
    let failed = h.queue.fail(&lease.token, "disk full", Retry::After(h.tick * 5)).await.expect("fail");
    let stored = h.job(&id).await;
    assert_eq!(failed, Failed::RetriedAt(stored.run_at), "fail did not return the job's run_at");
    assert_eq!(stored.state, JobState::Waiting);
    assert_eq!(stored.last_error.as_deref(), Some("disk full"));
    h.pass(2).await;
    h.assert_nothing_due("the delay before the retry is not over").await;
    h.pass(4).await;
    let again = h.lease_one().await;
    assert_eq!(again.job.attempt, 2, "a failed attempt was not counted");
    assert_eq!(again.job.last_error.as_deref(), Some("disk full"), "the reason was lost");
}

/// A released job is due at once, and its attempt is not charged.
pub async fn a_released_job_is_due_at_once_and_not_charged(h: QueueHarness) {
    let id = h.push(NewJob { max_attempts: 1, ..job("s") }).await;
    for _ in 0..3 {
        let lease = h.lease_one().await;
        assert_eq!(lease.job.attempt, 1, "a released attempt was charged");
        h.pass(1).await;
        h.queue.release(&lease.token, Duration::ZERO).await.expect("release");
        let waiting = h.job(&id).await;
        assert_eq!((waiting.state, waiting.attempt), (JobState::Waiting, 0));
        assert!(waiting.run_at > lease.job.run_at, "run_at of a released job was not updated");
    }
}

/// A job released with a pause waits for that time, and its attempt is not charged.
pub async fn a_job_released_for_later_waits(h: QueueHarness) {
    let id = h.push(NewJob { max_attempts: 1, ..job("s") }).await;
    let lease = h.lease_one().await;
    h.queue.release(&lease.token, h.tick * 3).await.expect("release");
    let waiting = h.job(&id).await;
    assert_eq!((waiting.state, waiting.attempt), (JobState::Waiting, 0));
    h.pass(1).await;
    h.assert_nothing_due("the pause after the release is not over").await;
    h.pass(4).await;
    assert_eq!(h.lease_one().await.job.attempt, 1, "a released attempt was charged");
}

/// The token of an earlier lease cannot change a job that is leased again.
pub async fn a_stale_token_changes_nothing(h: QueueHarness) {
    h.push(job("s")).await;
    let stale = h.lease_one().await;
    h.pass(11).await;
    let held = h.lease_one().await;
    assert_all_lost(&h, &stale.token, "with a stale token").await;
    assert_eq!(h.job(&held.job.id).await, held.job, "a stale token changed the job");
    h.queue.complete(&held.token).await.expect("the current token completes the job");
}

/// A token is stale once its job is completed, failed or released.
pub async fn a_token_works_once(h: QueueHarness) {
    h.push(job("a")).await;
    let completed = h.lease_one().await.token;
    h.queue.complete(&completed).await.expect("complete");
    assert_all_lost(&h, &completed, "after completion").await;

    h.push(job("b")).await;
    let failed = h.lease_one().await.token;
    h.queue.fail(&failed, "no", Retry::After(h.tick * 50)).await.expect("fail");
    assert_all_lost(&h, &failed, "after failure").await;

    h.push(job("c")).await;
    let released = h.lease_one().await.token;
    h.queue.release(&released, Duration::ZERO).await.expect("release");
    assert_all_lost(&h, &released, "after release").await;
}

/// The token of an ended lease is stale, even if the job has no new lease.
pub async fn an_ended_lease_cannot_finish(h: QueueHarness) {
    h.push(job("s")).await;
    let lease = h.lease_one().await;
    h.pass(10).await;
    assert_all_lost(&h, &lease.token, "after the lease ended").await;
    h.lease_one().await;
}

/// A token with the right job id but a wrong nonce changes nothing.
pub async fn a_forged_nonce_changes_nothing(h: QueueHarness) {
    h.push(job("s")).await;
    let lease = h.lease_one().await;
    for nonce in ["", "0", "%"] {
        let forged = LeaseToken { job: lease.job.id.clone(), nonce: nonce.to_owned() };
        assert_all_lost(&h, &forged, "with a forged token").await;
    }
    assert_eq!(h.job(&lease.job.id).await, lease.job, "a forged token changed the job");
}

/// A cancelled job is forgotten and never handed out.
pub async fn a_cancelled_job_is_not_handed_out(h: QueueHarness) {
    let id = h.push(job("s")).await;
    assert!(h.queue.cancel(&id).await.expect("cancel"), "cancel did not find the job");
    h.assert_nothing_due("the only job is cancelled").await;
    h.assert_forgotten(&id).await;
}

/// Every token of a cancelled job is stale.
pub async fn cancelling_a_running_job_takes_its_lease(h: QueueHarness) {
    let id = h.push(job("s")).await;
    let lease = h.lease_one().await;
    assert!(h.queue.cancel(&id).await.expect("cancel"), "cancel did not find the job");
    assert_all_lost(&h, &lease.token, "after cancellation").await;
    h.pass(20).await;
    h.assert_nothing_due("the only job is cancelled").await;
}

/// `cancel` returns `false` for completed, dead and cancelled jobs.
pub async fn there_is_nothing_to_cancel_after_the_end(h: QueueHarness) {
    let completed = h.push(job("a")).await;
    h.queue.complete(&h.lease_one().await.token).await.expect("complete");
    assert!(!h.queue.cancel(&completed).await.expect("cancel"), "a completed job was cancelled");
    let dead = h.push(job("b")).await;
    h.queue.fail(&h.lease_one().await.token, "no", Retry::Never).await.expect("fail");
    assert!(!h.queue.cancel(&dead).await.expect("cancel"), "a dead job was cancelled");
    assert_eq!(h.queue.dead(Q, 9).await.expect("dead").len(), 1, "cancelling removed a dead letter");
    let cancelled = h.push(job("c")).await;
    assert!(h.queue.cancel(&cancelled).await.expect("cancel"));
    assert!(!h.queue.cancel(&cancelled).await.expect("cancel"), "a job was cancelled twice");
}

async fn assert_all_lost(h: &QueueHarness, token: &LeaseToken, when: &str) {
    assert_lost(h.queue.renew(token, h.tick).await, &format!("renew {when}"));
    assert_lost(h.queue.complete(token).await, &format!("complete {when}"));
    assert_lost(h.queue.fail(token, "stale", Retry::Never).await, &format!("fail {when}"));
    assert_lost(h.queue.release(token, Duration::ZERO).await, &format!("release {when}"));
}
