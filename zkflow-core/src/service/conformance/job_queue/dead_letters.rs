//! Dead letters and statistics.

use std::time::Duration;

use super::{Q, QueueHarness, job};
use crate::service::queue::{Failed, JobState, LEASE_EXPIRED, NewJob, QueueName, QueueStats, Retry};

/// A failure of the last attempt dead-letters the job, even with [`Retry::After`].
pub async fn a_job_dies_when_its_attempts_are_used_up(h: QueueHarness) {
    let id = h.push(NewJob { max_attempts: 2, ..job("s") }).await;
    let retry = Retry::After(Duration::ZERO);
    let first = h.queue.fail(&h.lease_one().await.token, "first", retry).await.expect("fail");
    assert!(matches!(first, Failed::RetriedAt(_)), "a job with attempts left died");
    let last = h.queue.fail(&h.lease_one().await.token, "last", retry).await.expect("fail");
    assert_eq!(last, Failed::Dead, "a job without attempts left is not dead");
    let dead = h.job(&id).await;
    assert!(matches!(dead.state, JobState::Dead { .. }), "expected a dead job, found {:?}", dead.state);
    assert_eq!(dead.last_error.as_deref(), Some("last"));
    assert_eq!(dead.attempt, 2);
}

/// [`Retry::Never`] dead-letters the job even if attempts are left.
pub async fn never_retried_means_dead_at_once(h: QueueHarness) {
    let id = h.push(job("s")).await;
    let failed = h.queue.fail(&h.lease_one().await.token, "bad input", Retry::Never).await.expect("fail");
    assert_eq!(failed, Failed::Dead);
    assert_eq!(h.queue.dead(Q, 9).await.expect("dead"), [h.job(&id).await]);
}

/// A job that crashes its worker on the last attempt becomes a dead letter, and is not retried forever.
pub async fn a_crash_on_the_last_attempt_is_dead(h: QueueHarness) {
    let id = h.push(NewJob { max_attempts: 1, ..job("s") }).await;
    let lease = h.lease_one().await;
    h.pass(11).await;
    let dead = h.job(&id).await;
    assert_eq!(
        dead.state,
        JobState::Dead { at: lease.until },
        "the time of death is not the end of the lease"
    );
    assert_eq!(dead.last_error.as_deref(), Some(LEASE_EXPIRED));
    assert_eq!(h.queue.dead(Q, 9).await.expect("dead"), [dead]);
    h.assert_nothing_due("the only job is dead").await;
}

/// A dead job is never leased again.
pub async fn a_dead_job_is_not_handed_out(h: QueueHarness) {
    h.push(job("s")).await;
    h.queue.fail(&h.lease_one().await.token, "no", Retry::Never).await.expect("fail");
    h.pass(100).await;
    h.assert_nothing_due("the only job is dead").await;
}

/// `dead` lists at most `limit` dead letters of one queue, newest first.
pub async fn dead_letters_are_listed_newest_first(h: QueueHarness) {
    for subject in ["1", "2", "3"] {
        h.push(job(subject)).await;
        h.queue.fail(&h.lease_one().await.token, subject, Retry::Never).await.expect("fail");
        h.pass(1).await;
    }
    let subjects =
        |jobs: Vec<crate::service::queue::Job>| jobs.into_iter().map(|j| j.subject).collect::<Vec<_>>();
    assert_eq!(subjects(h.queue.dead(Q, 9).await.expect("dead")), ["3", "2", "1"]);
    assert_eq!(subjects(h.queue.dead(Q, 2).await.expect("dead")), ["3", "2"]);
    let elsewhere = h.queue.dead(QueueName::Deploy, 9).await.expect("dead");
    assert!(elsewhere.is_empty(), "dead letters of another queue were listed");
}

/// `purge_dead` removes jobs that died before the given moment, and nothing else.
pub async fn old_dead_letters_are_purged(h: QueueHarness) {
    let old = h.push(job("old")).await;
    h.queue.fail(&h.lease_one().await.token, "no", Retry::Never).await.expect("fail");
    h.pass(2).await;
    let young = h.push(job("young")).await;
    h.queue.fail(&h.lease_one().await.token, "no", Retry::Never).await.expect("fail");
    let waiting = h.push(job("waiting")).await;
    let JobState::Dead { at } = h.job(&young).await.state else { panic!("the younger job is not dead") };
    assert_eq!(
        h.queue.purge_dead(at).await.expect("purge_dead"),
        1,
        "exactly one job died before the given moment"
    );
    h.assert_forgotten(&old).await;
    h.job(&young).await;
    h.job(&waiting).await;
}

/// `remove_dead` removes one dead letter. A new job with its key is another job, and stays.
pub async fn one_dead_letter_is_removed(h: QueueHarness) {
    let (mut dead, other) = (Vec::new(), h.push(NewJob { delay: h.tick * 50, ..job("other") }).await);
    for _ in 0..2 {
        let id = h.push(NewJob::new(Q, "s")).await;
        h.queue.fail(&h.lease_one().await.token, "no", Retry::Never).await.expect("fail");
        dead.push(id);
    }
    let waiting = h.push(NewJob::new(Q, "s")).await;
    let remove = async |id| h.queue.remove_dead(id).await.expect("remove_dead");
    assert!(!remove(&waiting).await && !remove(&other).await, "a waiting job was removed");
    assert!(remove(&dead[0]).await, "the dead letter was not removed");
    assert!(!remove(&dead[0]).await, "a dead letter was removed twice");
    h.assert_forgotten(&dead[0]).await;
    assert_eq!(h.queue.dead(Q, 9).await.expect("dead"), [h.job(&dead[1]).await]);
    let again = h.queue.push(NewJob::new(Q, "s")).await.expect("push");
    assert_eq!((again.id, again.duplicate), (waiting.clone(), true), "the key of the waiting job is free");
    let lease = h.lease_one().await;
    assert!(!remove(&waiting).await, "a leased job was removed");
    h.queue.complete(&lease.token).await.expect("complete");
}

/// `stats` counts each job once, in its queue and state.
pub async fn stats_count_each_state(h: QueueHarness) {
    assert_eq!(h.queue.stats(Q).await.expect("stats"), QueueStats::default(), "an empty queue");
    for subject in ["a", "b", "c", "d"] {
        h.push(job(subject)).await;
        h.pass(1).await;
    }
    h.push(NewJob { delay: h.tick * 50, ..job("later") }).await;
    h.push(NewJob::new(QueueName::Deploy, "elsewhere")).await;
    let leases = h.lease(2).await;
    h.queue.fail(&leases[0].token, "no", Retry::Never).await.expect("fail");
    let oldest = h.queue.stats(Q).await.expect("stats").oldest_ready;
    let stats = QueueStats { ready: 2, delayed: 1, leased: 1, dead: 1, oldest_ready: oldest };
    assert_eq!(h.queue.stats(Q).await.expect("stats"), stats);
    let third = h.lease(1).await.remove(0).job;
    assert_eq!(oldest, Some(third.run_at), "oldest_ready is not the run_at of the oldest ready job");
}

/// `stats` counts a job whose lease has ended as ready or dead.
pub async fn stats_see_ended_leases(h: QueueHarness) {
    h.push(job("again")).await;
    h.push(NewJob { max_attempts: 1, ..job("last") }).await;
    let until = h.lease(2).await[0].until;
    h.pass(11).await;
    let stats = h.queue.stats(Q).await.expect("stats");
    assert_eq!((stats.ready, stats.leased, stats.dead), (1, 0, 1), "after both leases ended: {stats:?}");
    assert_eq!(stats.oldest_ready, Some(until));
}
