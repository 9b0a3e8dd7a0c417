//! Pushing, order, delay and deduplication.

use std::time::Duration;

use futures::future;

use super::{Q, QueueHarness, job};
use crate::service::queue::{JobState, NewJob, QueueName, Retry};

/// The leased job has the pushed fields and is on its first attempt.
pub async fn a_pushed_job_is_handed_out_as_it_was_pushed(h: QueueHarness) {
    let user_id = Some("somebody@example.org".parse().expect("a user id"));
    let job = NewJob { priority: 7, max_attempts: 5, user_id: user_id.clone(), ..NewJob::new(Q, "subject") };
    let id = h.push(job).await;
    let waiting = h.job(&id).await;
    assert_eq!((waiting.state, waiting.attempt), (JobState::Waiting, 0), "a pushed job is not waiting");
    let lease = h.lease_one().await;
    assert_eq!(lease.job.id, id);
    assert_eq!(lease.token.job, id, "the token names another job");
    assert_eq!(lease.job.queue, Q);
    assert_eq!((lease.job.subject.as_str(), &lease.job.user_id), ("subject", &user_id));
    assert_eq!((lease.job.priority, lease.job.max_attempts), (7, 5));
    assert_eq!(lease.job.attempt, 1, "the first hand-out is not attempt 1");
    assert_eq!(lease.job.last_error, None);
    assert_eq!(lease.job.state, JobState::Leased { until: lease.until });
    assert_eq!(lease.job, h.job(&id).await, "the leased job differs from the stored one");
}

/// `check_writes` succeeds, and changes no queue.
pub async fn a_check_of_writes_adds_no_job(h: QueueHarness) {
    h.push(job("one")).await;
    h.queue.check_writes().await.expect("check_writes");
    for queue in QueueName::ALL {
        let waiting = h.queue.stats(queue).await.expect("stats").ready;
        assert_eq!(waiting, u64::from(queue == Q), "jobs of {queue} after a check");
    }
    assert_eq!(h.lease_one().await.job.subject, "one");
}

/// `lease` without a wait returns no jobs if none is due.
pub async fn an_empty_queue_hands_out_nothing(h: QueueHarness) {
    h.assert_nothing_due("the queue is empty").await;
    let id = crate::service::id::JobId::generate(crate::service::clock::Timestamp::from_millis(0));
    h.assert_forgotten(&id).await;
}

/// `lease` returns at most `max` jobs; none for 0.
pub async fn at_most_max_jobs_are_handed_out(h: QueueHarness) {
    for i in 0..5 {
        h.push(job(&i.to_string())).await;
    }
    assert_eq!(h.lease(0).await.len(), 0, "max = 0 leased jobs");
    assert_eq!(h.lease(2).await.len(), 2, "max = 2 of 5");
    assert_eq!(h.lease(9).await.len(), 3, "expected the other 3");
}

/// A job is leased only from its own queue.
pub async fn queues_are_apart(h: QueueHarness) {
    let id = h.push(NewJob::new(QueueName::Cleanup, "c")).await;
    h.assert_nothing_due("the job waits in another queue").await;
    let leases = h.queue.lease(QueueName::Cleanup, 1, h.tick, Duration::ZERO).await.expect("lease");
    assert_eq!(leases[0].job.id, id);
}

/// Higher priority comes first, even if pushed later.
pub async fn the_higher_priority_comes_first(h: QueueHarness) {
    for (subject, priority) in [("low", -1), ("usual", 0), ("high", 9)] {
        h.push(NewJob { priority, ..job(subject) }).await;
        h.pass(1).await;
    }
    assert_eq!(subjects(&h).await, ["high", "usual", "low"]);
}

/// At equal priority the job with the earlier `run_at` comes first.
pub async fn then_the_earlier_run_at(h: QueueHarness) {
    for (subject, delay) in [("third", 3), ("first", 1), ("second", 2)] {
        h.push(NewJob { delay: h.tick * delay, ..job(subject) }).await;
    }
    h.pass(4).await;
    assert_eq!(subjects(&h).await, ["first", "second", "third"]);
}

/// Jobs with equal `run_at` are ordered by id. Trivially true if no two pushes share a millisecond.
pub async fn then_the_earlier_id(h: QueueHarness) {
    for i in 0..8 {
        h.push(job(&i.to_string())).await;
    }
    let order: Vec<_> = h.lease(8).await.into_iter().map(|l| (l.job.run_at, l.job.id)).collect();
    assert!(order.is_sorted(), "jobs were leased out of order: {order:?}");
}

/// A delayed job is leased after its delay, and not before.
pub async fn a_delayed_job_waits(h: QueueHarness) {
    let id = h.push(NewJob { delay: h.tick * 3, ..job("later") }).await;
    let pushed = h.job(&id).await;
    assert_eq!(pushed.run_at, pushed.created_at + h.tick * 3, "run_at is not created_at + delay");
    h.pass(1).await;
    h.assert_nothing_due("the delay is not over").await;
    h.pass(2).await;
    assert_eq!(h.lease_one().await.job.id, id);
}

/// While a job with the key is waiting or leased, a push adds nothing and returns its id.
pub async fn a_dedup_key_is_pushed_once_while_unfinished(h: QueueHarness) {
    let id = h.push(NewJob::new(Q, "s")).await;
    let again = h.queue.push(NewJob { priority: 5, ..NewJob::new(Q, "s") }).await.expect("push");
    assert!(again.duplicate && again.id == id, "the key of a waiting job was pushed twice: {again:?}");
    assert_eq!(h.job(&id).await.priority, 0, "a duplicate push changed the job");
    let lease = h.lease_one().await;
    let again = h.queue.push(NewJob::new(Q, "s")).await.expect("push");
    assert!(again.duplicate && again.id == id, "the key of a leased job was pushed twice: {again:?}");
    h.queue.fail(&lease.token, "no", Retry::After(h.tick)).await.expect("fail");
    let again = h.queue.push(NewJob::new(Q, "s")).await.expect("push");
    assert!(again.duplicate && again.id == id, "the key of a retried job was pushed twice: {again:?}");
}

/// The key of a completed, dead or cancelled job is free.
pub async fn a_dedup_key_is_free_after_the_job_is_over(h: QueueHarness) {
    h.push(NewJob::new(Q, "s")).await;
    h.queue.complete(&h.lease_one().await.token).await.expect("complete");
    h.push(NewJob::new(Q, "s")).await;
    h.queue.fail(&h.lease_one().await.token, "no", Retry::Never).await.expect("fail");
    let id = h.push(NewJob::new(Q, "s")).await;
    assert!(h.queue.cancel(&id).await.expect("cancel"));
    h.push(NewJob { max_attempts: 1, ..NewJob::new(Q, "s") }).await;
    h.lease_one().await;
    h.pass(10).await;
    h.push(NewJob::new(Q, "s")).await;
}

/// Jobs of different queues may have the same key.
pub async fn a_dedup_key_holds_within_one_queue_only(h: QueueHarness) {
    h.push(NewJob::new(Q, "s")).await;
    h.push(NewJob::new(QueueName::Deploy, "s")).await;
}

/// Jobs without a key are never duplicates.
pub async fn jobs_without_a_dedup_key_are_all_added(h: QueueHarness) {
    h.push(job("s")).await;
    h.push(job("s")).await;
    assert_eq!(h.lease(9).await.len(), 2);
}

/// Of concurrent pushes with the same key, one adds a job, and all return its id.
pub async fn concurrent_pushes_of_one_key_add_one_job(h: QueueHarness) {
    let pushes = future::join_all((0..16).map(|_| h.queue.push(NewJob::new(Q, "s")))).await;
    let pushes: Vec<_> = pushes.into_iter().map(|p| p.expect("push")).collect();
    let added = pushes.iter().filter(|p| !p.duplicate).count();
    assert_eq!(added, 1, "{added} pushes with one key added a job, expected 1");
    assert!(pushes.iter().all(|p| p.id == pushes[0].id), "pushes with one key returned different ids");
    assert_eq!(h.lease(9).await.len(), 1);
}

/// `max_attempts` of 0 counts as 1.
pub async fn zero_attempts_count_as_one(h: QueueHarness) {
    h.push(NewJob { max_attempts: 0, ..job("s") }).await;
    let lease = h.lease_one().await;
    assert_eq!((lease.job.attempt, lease.job.max_attempts), (1, 1));
}

/// Leases the due jobs with one call; returns their subjects in that order.
async fn subjects(h: &QueueHarness) -> Vec<String> {
    h.lease(9).await.into_iter().map(|lease| lease.job.subject).collect()
}
