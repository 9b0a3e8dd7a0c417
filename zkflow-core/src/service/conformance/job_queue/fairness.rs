//! Fairness between users.

use super::{Q, QueueHarness, job};
use std::time::Duration;

use crate::service::queue::{LOOKED_AT, NewJob, QueueName, Retry, Whose};

/// A user with many jobs does not delay the others: each user has one job in a round.
pub async fn users_take_turns(h: QueueHarness) {
    push_all(&h, &["a1", "a2", "a3", "a4", "b1", "b2", "c1"]).await;
    assert_eq!(lease_all(&h).await, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
}

/// A user that arrives during another's backlog waits for at most one more job of the backlog.
pub async fn a_newcomer_gets_the_next_round(h: QueueHarness) {
    push_all(&h, &["a1", "a2", "a3", "a4"]).await;
    assert_eq!(subject(&h).await, "a1");
    push_all(&h, &["b1"]).await;
    assert_eq!([subject(&h).await, subject(&h).await], ["a2", "b1"]);
    push_all(&h, &["b2", "b3"]).await;
    assert_eq!(lease_all(&h).await, ["a3", "b2", "a4", "b3"]);
}

/// A lease for the jobs of others passes over those of one user, which keep their places.
pub async fn a_lease_may_be_for_the_jobs_of_others(h: QueueHarness) {
    let lease_of_others = async |user: &str, max| {
        let whose = Whose::Others(user.parse().ok());
        let leases = h.queue.lease_of(whose, Q, max, h.tick * 10, Duration::ZERO).await.expect("lease");
        leases.into_iter().map(|lease| lease.job.subject).collect::<Vec<_>>()
    };
    push_all(&h, &["a1", "a2", "a3", "b1", "-1", "c1"]).await;
    assert_eq!(lease_of_others("a", 0).await, [""; 0], "max = 0");
    assert_eq!(lease_of_others("a", 2).await, ["b1", "-1"]);
    assert_eq!(lease_of_others("c", 1).await, ["a1"]);
    assert_eq!(lease_of_others("a", 9).await, ["c1"]);
    assert_eq!(lease_of_others("a", 9).await, [""; 0], "only jobs of the user are left");
    push_all(&h, &["-2"]).await;
    assert_eq!(lease_of_others("", 9).await, ["a2", "a3"], "the jobs without a user are one user's");
    assert_eq!(lease_all(&h).await, ["-2"]);
    // Far behind the jobs of one user, those of another are not looked for.
    let subjects: Vec<String> = (0..LOOKED_AT).map(|i| format!("d{i}")).collect();
    for subject in &subjects {
        h.push(NewJob { priority: 1, ..of_user(subject) }).await;
    }
    push_all(&h, &["e1"]).await;
    assert_eq!(lease_of_others("d", 9).await, [""; 0]);
    assert_eq!(h.lease(1).await.len(), 1);
    assert_eq!(lease_of_others("d", 9).await, ["e1"]);
}

/// Jobs that are leased out of turn do not put the next ones of their user behind the jobs of the user that is left out.
pub async fn a_lease_for_others_takes_no_turn(h: QueueHarness) {
    for _ in 0..=LOOKED_AT {
        h.push(of_user("a")).await;
    }
    for _ in 0..=LOOKED_AT {
        h.push(of_user("b")).await;
        let whose = Whose::Others("a".parse().ok());
        let leases = h.queue.lease_of(whose, Q, 1, h.tick * 100, Duration::ZERO).await.expect("lease");
        assert_eq!(leases.len(), 1, "the job is behind the first {LOOKED_AT}");
    }
    assert_eq!(subject(&h).await, "a");
}

/// A stream of new users does not starve an earlier one.
pub async fn newcomers_do_not_starve_a_backlog(h: QueueHarness) {
    push_all(&h, &["a1", "a2", "a3"]).await;
    let mut order = Vec::new();
    for newcomer in ["b1", "c1", "d1", "e1"] {
        push_all(&h, &[newcomer]).await;
        order.push(subject(&h).await);
    }
    order.extend(lease_all(&h).await);
    assert_eq!(order, ["a1", "b1", "a2", "c1", "d1", "a3", "e1"]);
}

/// Jobs without a user count as one user's.
pub async fn no_user_is_one_user(h: QueueHarness) {
    push_all(&h, &["-1", "-2", "-3", "a1"]).await;
    assert_eq!(lease_all(&h).await, ["-1", "a1", "-2", "-3"]);
}

/// Rounds order only jobs of equal priority.
pub async fn priority_comes_before_turns(h: QueueHarness) {
    push_all(&h, &["a1", "b1"]).await;
    for subject in ["a2", "a3"] {
        h.push(NewJob { priority: 1, ..of_user(subject) }).await;
        h.pass(1).await;
    }
    assert_eq!(lease_all(&h).await, ["a2", "a3", "a1", "b1"]);
}

/// Waiting jobs are counted by user, with and without a round, and at every priority.
pub async fn waiting_jobs_of_a_user_are_counted(h: QueueHarness) {
    let count = async |user: &str| {
        let user = user.parse().ok();
        h.queue.waiting(Q, user.as_ref()).await.expect("count")
    };
    assert_eq!((count("a").await, count("").await), (0, 0), "an empty queue");
    push_all(&h, &["a1", "a2", "b1", "-1"]).await;
    h.push(NewJob { priority: 7, ..of_user("a3") }).await;
    h.push(NewJob { priority: -7, delay: h.tick * 10, ..of_user("a4") }).await;
    assert_eq!((count("a").await, count("b").await, count("").await, count("ab").await), (4, 1, 1, 0));
    // The lease gives rounds to the others.
    let lease = h.lease(1).await.remove(0);
    assert_eq!(lease.job.subject, "a3");
    assert_eq!(
        (count("a").await, count("b").await, count("").await),
        (3, 1, 1),
        "a leased job waits no more"
    );
    h.queue.fail(&lease.token, "bad", Retry::Never).await.expect("fail");
    assert_eq!((count("a").await, count("").await), (3, 1), "a dead letter waits no more");
    assert_eq!(h.queue.waiting(QueueName::Cleanup, None).await.expect("count"), 0, "of another queue");
}

/// A job whose user is the first character of `subject`; `-` means no user.
fn of_user(subject: &str) -> NewJob {
    let user = subject.chars().take(1).filter(|user| *user != '-').collect::<String>();
    NewJob { user_id: user.parse().ok(), ..job(subject) }
}

async fn push_all(h: &QueueHarness, subjects: &[&str]) {
    for subject in subjects {
        h.push(of_user(subject)).await;
        h.pass(1).await;
    }
}

/// Leases all due jobs with one call; returns their subjects.
async fn lease_all(h: &QueueHarness) -> Vec<String> {
    h.lease(99).await.into_iter().map(|lease| lease.job.subject).collect()
}

/// Leases one job and completes it; returns its subject.
async fn subject(h: &QueueHarness) -> String {
    let lease = h.lease(1).await.remove(0);
    h.queue.complete(&lease.token).await.expect("complete");
    lease.job.subject
}
