//! Leases: hiding, expiry, renewal, waiting.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future;

use super::{Q, QueueHarness, assert_lost, job};
use crate::service::queue::{JobState, LEASE_EXPIRED, NewJob};

/// Real time, far longer than a wake-up.
const LONG_WAIT: Duration = Duration::from_secs(20);

/// A leased job is not handed out again before its lease ends.
pub async fn a_leased_job_is_hidden(h: QueueHarness) {
    h.push(job("s")).await;
    h.lease_one().await;
    h.assert_nothing_due("the only job is leased").await;
    h.pass(9).await;
    h.assert_nothing_due("the lease has not ended").await;
}

/// A job whose lease has ended is handed out again.
pub async fn an_expired_lease_is_handed_out_again(h: QueueHarness) {
    let id = h.push(job("s")).await;
    let first = h.lease_one().await;
    h.pass(11).await;
    let waiting = h.job(&id).await;
    assert_eq!(waiting.state, JobState::Waiting, "a job whose lease ended is not waiting");
    assert_eq!(waiting.run_at, first.until, "run_at is not the end of the lease");
    let second = h.lease_one().await;
    assert_eq!((&second.job.id, second.job.attempt), (&id, 2));
    assert_eq!(second.job.last_error.as_deref(), Some(LEASE_EXPIRED));
}

/// A lease ends at exactly `until`.
pub async fn a_lease_ends_at_its_end(h: QueueHarness) {
    h.push(job("s")).await;
    let lease = h.lease_one().await;
    h.pass(10).await;
    assert_lost(h.queue.renew(&lease.token, h.tick).await, "renewing at the end of the lease");
    h.lease_one().await;
}

/// `attempt` counts every hand-out, even if the worker crashes.
pub async fn every_hand_out_counts_an_attempt(h: QueueHarness) {
    h.push(NewJob { max_attempts: 4, ..job("s") }).await;
    for attempt in 1..=4 {
        assert_eq!(h.lease_one().await.job.attempt, attempt);
        h.pass(11).await;
    }
}

/// Two hand-outs of one job have different tokens.
pub async fn every_hand_out_has_a_fresh_token(h: QueueHarness) {
    h.push(job("s")).await;
    let first = h.lease_one().await;
    h.queue.release(&first.token, Duration::ZERO).await.expect("release");
    let second = h.lease_one().await;
    assert_ne!(first.token, second.token, "a token was used twice");
}

/// Concurrent leases return different jobs, and together all of them.
pub async fn concurrent_leases_share_no_job(h: QueueHarness) {
    for i in 0..40 {
        h.push(job(&i.to_string())).await;
    }
    let leases = future::join_all((0..16).map(|_| h.lease(4))).await;
    let ids: Vec<_> = leases.into_iter().flatten().map(|lease| lease.job.id).collect();
    assert_eq!(ids.len(), 40, "40 jobs were pushed, but {} were leased", ids.len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 40, "a job was handed out twice");
}

/// `renew` moves the end of the lease, and returns it.
pub async fn a_renewed_lease_ends_later(h: QueueHarness) {
    let id = h.push(job("s")).await;
    let lease = h.lease_one().await;
    h.pass(8).await;
    let until = h.queue.renew(&lease.token, h.tick * 10).await.expect("renew");
    assert!(until >= lease.until + h.tick * 7, "renew set the end to {until}; it was {} before", lease.until);
    assert_eq!(h.job(&id).await.state, JobState::Leased { until });
    h.pass(8).await;
    h.assert_nothing_due("the lease was renewed").await;
    h.queue.complete(&lease.token).await.expect("a renewed lease can finish");
}

/// A lease that has ended cannot be renewed, even if the job has no new lease.
pub async fn a_lease_that_ended_cannot_be_renewed(h: QueueHarness) {
    h.push(job("s")).await;
    let lease = h.lease_one().await;
    h.pass(11).await;
    assert_lost(h.queue.renew(&lease.token, h.tick).await, "renewing a lease that ended");
}

/// `lease` returns no jobs after `wait` if none falls due.
pub async fn a_waiting_lease_ends_in_time(h: QueueHarness) {
    let wait = Duration::from_millis(300);
    let began = Instant::now();
    let leases = h.queue.lease(Q, 1, h.tick, wait).await.expect("lease");
    let took = began.elapsed();
    assert!(leases.is_empty());
    assert!(took >= wait, "lease returned after {took:?}, before its wait of {wait:?}");
    assert!(took < wait + Duration::from_secs(5), "lease returned after {took:?}; its wait was {wait:?}");
}

/// A waiting `lease` returns a job that is pushed.
pub async fn a_push_wakes_a_waiting_lease(h: QueueHarness) {
    let began = Instant::now();
    let (leases, _) = future::join(h.queue.lease(Q, 1, h.tick, LONG_WAIT), h.queue.push(job("s"))).await;
    assert_eq!(leases.expect("lease").len(), 1, "a waiting lease did not return the pushed job");
    assert!(began.elapsed() < LONG_WAIT / 2, "a push did not wake a waiting lease");
}

/// A waiting `lease` returns a job that is released.
pub async fn a_release_wakes_a_waiting_lease(h: QueueHarness) {
    h.push(job("s")).await;
    let held = h.lease_one().await;
    let began = Instant::now();
    let (leases, released) =
        future::join(h.queue.lease(Q, 1, h.tick, LONG_WAIT), h.queue.release(&held.token, Duration::ZERO))
            .await;
    released.expect("release");
    assert_eq!(leases.expect("lease").len(), 1, "a waiting lease did not return the released job");
    assert!(began.elapsed() < LONG_WAIT / 2, "a release did not wake a waiting lease");
}

/// A waiting `lease` returns a delayed job that falls due.
pub async fn falling_due_wakes_a_waiting_lease(h: QueueHarness) {
    h.push(NewJob { delay: h.tick * 2, ..job("s") }).await;
    let began = Instant::now();
    let (leases, ()) = future::join(h.queue.lease(Q, 1, h.tick, LONG_WAIT), h.pass(3)).await;
    assert_eq!(leases.expect("lease").len(), 1, "a waiting lease did not return the job that fell due");
    assert!(began.elapsed() < LONG_WAIT / 2, "a job that fell due did not wake a waiting lease");
}
