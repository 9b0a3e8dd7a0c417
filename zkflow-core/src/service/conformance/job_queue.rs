//! Conformance suite of [`JobQueue`].

mod dead_letters;
mod fairness;
mod finishing;
mod leasing;
mod pushing;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};

use crate::service::clock::ManualClock;
use crate::service::queue::{Job, JobQueue, Lease, NewJob, QueueError, QueueName};

pub use dead_letters::*;
pub use fairness::*;
pub use finishing::*;
pub use leasing::*;
pub use pushing::*;

/// A queue under test, and control over its clock.
pub struct QueueHarness {
    /// Queue without jobs.
    pub queue: Arc<dyn JobQueue>,
    /// Advances the queue's time: moves its clock forward, or sleeps.
    pub advance: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    /// Unit of all times in the suite. Any value works with a manual clock. In real time it must be far
    /// longer than one call.
    pub tick: Duration,
}

impl QueueHarness {
    /// A queue that reads `clock`.
    pub fn with_manual_clock(queue: Arc<dyn JobQueue>, clock: Arc<ManualClock>) -> Self {
        let advance = move |by| {
            clock.advance(by);
            future::ready(()).boxed()
        };
        Self { queue, advance: Box::new(advance), tick: Duration::from_secs(1000) }
    }

    /// Advances the time by `ticks`.
    async fn pass(&self, ticks: u32) {
        (self.advance)(self.tick * ticks).await;
    }

    async fn push(&self, job: NewJob) -> crate::service::id::JobId {
        let pushed = self.queue.push(job).await.expect("push");
        assert!(!pushed.duplicate, "a push was wrongly reported as a duplicate");
        pushed.id
    }

    /// Leases at most `max` jobs of [`Q`] for ten ticks, without waiting.
    async fn lease(&self, max: usize) -> Vec<Lease> {
        self.queue.lease(Q, max, self.tick * 10, Duration::ZERO).await.expect("lease")
    }

    /// Leases the only due job; panics if the number of due jobs is not 1.
    async fn lease_one(&self) -> Lease {
        let mut leases = self.lease(2).await;
        assert_eq!(leases.len(), 1, "expected exactly one due job");
        leases.remove(0)
    }

    async fn assert_nothing_due(&self, why: &str) {
        let leases = self.lease(10).await;
        assert!(leases.is_empty(), "{why}, but {:?} was leased", leases[0].job);
    }

    async fn job(&self, id: &crate::service::id::JobId) -> Job {
        self.queue.job(id).await.expect("job").unwrap_or_else(|| panic!("job {id} was not found"))
    }

    async fn assert_forgotten(&self, id: &crate::service::id::JobId) {
        let job = self.queue.job(id).await.expect("job");
        assert!(job.is_none(), "a finished job is still stored: {job:?}");
    }
}

impl fmt::Debug for QueueHarness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueHarness").field("queue", &self.queue).field("tick", &self.tick).finish()
    }
}

/// Runs every check, each on a new, empty queue from `make`.
///
/// # Panics
/// A check fails.
pub async fn job_queue(make: impl AsyncFn() -> QueueHarness) {
    a_pushed_job_is_handed_out_as_it_was_pushed(make().await).await;
    an_empty_queue_hands_out_nothing(make().await).await;
    at_most_max_jobs_are_handed_out(make().await).await;
    queues_are_apart(make().await).await;
    the_higher_priority_comes_first(make().await).await;
    then_the_earlier_run_at(make().await).await;
    then_the_earlier_id(make().await).await;
    a_delayed_job_waits(make().await).await;
    a_dedup_key_is_pushed_once_while_unfinished(make().await).await;
    a_dedup_key_is_free_after_the_job_is_over(make().await).await;
    a_dedup_key_holds_within_one_queue_only(make().await).await;
    jobs_without_a_dedup_key_are_all_added(make().await).await;
    concurrent_pushes_of_one_key_add_one_job(make().await).await;
    zero_attempts_count_as_one(make().await).await;
    a_check_of_writes_adds_no_job(make().await).await;

    users_take_turns(make().await).await;
    waiting_jobs_of_a_user_are_counted(make().await).await;
    a_newcomer_gets_the_next_round(make().await).await;
    a_lease_may_be_for_the_jobs_of_others(make().await).await;
    a_lease_for_others_takes_no_turn(make().await).await;
    newcomers_do_not_starve_a_backlog(make().await).await;
    no_user_is_one_user(make().await).await;
    priority_comes_before_turns(make().await).await;

    a_leased_job_is_hidden(make().await).await;
    an_expired_lease_is_handed_out_again(make().await).await;
    a_lease_ends_at_its_end(make().await).await;
    every_hand_out_counts_an_attempt(make().await).await;
    every_hand_out_has_a_fresh_token(make().await).await;
    concurrent_leases_share_no_job(make().await).await;
    a_renewed_lease_ends_later(make().await).await;
    a_lease_that_ended_cannot_be_renewed(make().await).await;
    a_waiting_lease_ends_in_time(make().await).await;
    a_push_wakes_a_waiting_lease(make().await).await;
    a_release_wakes_a_waiting_lease(make().await).await;
    falling_due_wakes_a_waiting_lease(make().await).await;

    a_completed_job_is_forgotten(make().await).await;
    a_failed_job_is_due_after_its_delay(make().await).await;
    a_released_job_is_due_at_once_and_not_charged(make().await).await;
    a_job_released_for_later_waits(make().await).await;
    a_stale_token_changes_nothing(make().await).await;
    a_token_works_once(make().await).await;
    an_ended_lease_cannot_finish(make().await).await;
    a_forged_nonce_changes_nothing(make().await).await;
    a_cancelled_job_is_not_handed_out(make().await).await;
    cancelling_a_running_job_takes_its_lease(make().await).await;
    there_is_nothing_to_cancel_after_the_end(make().await).await;

    a_job_dies_when_its_attempts_are_used_up(make().await).await;
    never_retried_means_dead_at_once(make().await).await;
    a_crash_on_the_last_attempt_is_dead(make().await).await;
    a_dead_job_is_not_handed_out(make().await).await;
    dead_letters_are_listed_newest_first(make().await).await;
    old_dead_letters_are_purged(make().await).await;
    one_dead_letter_is_removed(make().await).await;
    stats_count_each_state(make().await).await;
    stats_see_ended_leases(make().await).await;
}

/// Queue of most checks.
const Q: QueueName = QueueName::ProofGeneration;

fn job(subject: &str) -> NewJob {
    NewJob { dedup_key: None, ..NewJob::new(Q, subject) }
}

fn assert_lost<T: fmt::Debug>(result: Result<T, QueueError>, what: &str) {
    assert!(
        matches!(result, Err(QueueError::LeaseLost(_))),
        "{what} returned {result:?}, expected LeaseLost"
    );
}
