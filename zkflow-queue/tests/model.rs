//! Random sequences of operations on every backend do what a simple model does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use common::clock;
use proptest::prelude::*;
use zkflow_core::clock::{Clock, ManualClock, Timestamp};
use zkflow_core::id::JobId;
use zkflow_core::queue::{
    Failed, JobQueue, JobState, LEASE_EXPIRED, LeaseToken, NewJob, QueueError, QueueName, Retry,
};
use zkflow_queue::MemoryQueue;

const Q: QueueName = QueueName::Deploy;

#[derive(Debug, Clone)]
enum Op {
    Push { key: Option<u8>, priority: i32, delay: u64, max_attempts: u32 },
    Lease { max: usize, length: u64 },
    Renew { token: usize, by: u64 },
    Complete { token: usize },
    Fail { token: usize, after: Option<u64> },
    Release { token: usize },
    Cancel { job: usize },
    Advance { by: u64 },
    PurgeDead { age: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (proptest::option::of(0..3_u8), -1..2_i32, 0..4_u64, 0..4_u32)
            .prop_map(|(key, priority, delay, max_attempts)| Op::Push { key, priority, delay, max_attempts }),
        4 => (0..4_usize, 1..6_u64).prop_map(|(max, length)| Op::Lease { max, length }),
        1 => (0..8_usize, 1..6_u64).prop_map(|(token, by)| Op::Renew { token, by }),
        1 => (0..8_usize).prop_map(|token| Op::Complete { token }),
        2 => (0..8_usize, proptest::option::of(0..4_u64)).prop_map(|(token, after)| Op::Fail { token, after }),
        1 => (0..8_usize).prop_map(|token| Op::Release { token }),
        1 => (0..8_usize).prop_map(|job| Op::Cancel { job }),
        3 => (1..5_u64).prop_map(|by| Op::Advance { by }),
        1 => (0..4_u64).prop_map(|age| Op::PurgeDead { age }),
    ]
}

/// What a queue should hold, in the order of the pushes.
#[derive(Default)]
struct Model(Vec<Entry>);

struct Entry {
    id: JobId,
    key: Option<String>,
    priority: i32,
    attempt: u32,
    max_attempts: u32,
    run_at: Timestamp,
    state: JobState,
    nonce: Option<String>,
    last_error: Option<String>,
}

impl Model {
    /// Ends every lease whose end has come.
    fn pass_to(&mut self, now: Timestamp) {
        for entry in &mut self.0 {
            if let JobState::Leased { until } = entry.state
                && until <= now
            {
                entry.nonce = None;
                entry.last_error = Some(LEASE_EXPIRED.to_owned());
                if entry.attempt == entry.max_attempts {
                    entry.state = JobState::Dead { at: until };
                } else {
                    entry.state = JobState::Waiting;
                    entry.run_at = until;
                }
            }
        }
    }

    fn held(&mut self, token: &LeaseToken) -> Option<&mut Entry> {
        self.0.iter_mut().find(|e| e.id == token.job && e.nonce.as_ref() == Some(&token.nonce))
    }

    /// The ids of the jobs to hand out, in order.
    fn due(&self, now: Timestamp, max: usize) -> Vec<JobId> {
        let mut due: Vec<_> =
            self.0.iter().filter(|e| e.state == JobState::Waiting && e.run_at <= now).collect();
        due.sort_by_key(|e| (Reverse(e.priority), e.run_at, e.id.clone()));
        due.into_iter().take(max).map(|e| e.id.clone()).collect()
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Runs the operations on `queue` and on a model, and compares after each.
async fn check(queue: &dyn JobQueue, clock: &ManualClock, ops: Vec<Op>) {
    let mut model = Model::default();
    // The latest come first, so that small indices are likely to name live ones.
    let mut tokens: Vec<LeaseToken> = Vec::new();
    let mut ids: Vec<JobId> = Vec::new();
    for op in ops {
        let now = clock.now();
        model.pass_to(now);
        match op.clone() {
            Op::Push { key, priority, delay, max_attempts } => {
                let key = key.map(|key| key.to_string());
                let same =
                    |e: &&Entry| key.is_some() && e.key == key && !matches!(e.state, JobState::Dead { .. });
                let present = model.0.iter().find(same).map(|e| e.id.clone());
                let job = NewJob {
                    dedup_key: key.clone(),
                    priority,
                    delay: secs(delay),
                    max_attempts,
                    ..NewJob::new(Q, "s")
                };
                let pushed = queue.push(job).await.unwrap();
                assert_eq!(pushed.duplicate, present.is_some(), "{op:?}");
                if let Some(present) = present {
                    assert_eq!(pushed.id, present, "{op:?}");
                    continue;
                }
                ids.insert(0, pushed.id.clone());
                model.0.push(Entry {
                    id: pushed.id,
                    key,
                    priority,
                    attempt: 0,
                    max_attempts: max_attempts.max(1),
                    run_at: now + secs(delay),
                    state: JobState::Waiting,
                    nonce: None,
                    last_error: None,
                });
            }
            Op::Lease { max, length } => {
                let due = model.due(now, max);
                let leases = queue.lease(Q, max, secs(length), Duration::ZERO).await.unwrap();
                let leased: Vec<_> = leases.iter().map(|lease| lease.job.id.clone()).collect();
                assert_eq!(leased, due, "{op:?}");
                for lease in leases {
                    assert_eq!(lease.until, now + secs(length));
                    let entry = model.0.iter_mut().find(|e| e.id == lease.job.id).unwrap();
                    entry.attempt += 1;
                    entry.state = JobState::Leased { until: lease.until };
                    entry.nonce = Some(lease.token.nonce.clone());
                    tokens.insert(0, lease.token);
                }
            }
            Op::Renew { token, by } => {
                let Some(token) = tokens.get(token) else { continue };
                let until = now + secs(by);
                let expected = model.held(token).map(|entry| entry.state = JobState::Leased { until });
                agree(&op, queue.renew(token, secs(by)).await, expected.map(|()| until));
            }
            Op::Complete { token } => {
                let Some(token) = tokens.get(token) else { continue };
                let held = model.held(token).is_some();
                model.0.retain(|e| !(held && e.id == token.job));
                agree(&op, queue.complete(token).await, held.then_some(()));
            }
            Op::Fail { token, after } => {
                let Some(token) = tokens.get(token) else { continue };
                let expected = model.held(token).map(|entry| {
                    entry.nonce = None;
                    entry.last_error = Some("why".to_owned());
                    match after {
                        Some(after) if entry.attempt < entry.max_attempts => {
                            entry.state = JobState::Waiting;
                            entry.run_at = now + secs(after);
                            Failed::RetriedAt(entry.run_at)
                        }
                        _ => {
                            entry.state = JobState::Dead { at: now };
                            Failed::Dead
                        }
                    }
                });
                let retry = after.map_or(Retry::Never, |after| Retry::After(secs(after)));
                agree(&op, queue.fail(token, "why", retry).await, expected);
            }
            Op::Release { token } => {
                let Some(token) = tokens.get(token) else { continue };
                let expected = model.held(token).map(|entry| {
                    entry.nonce = None;
                    entry.attempt -= 1;
                    entry.state = JobState::Waiting;
                    entry.run_at = now;
                });
                agree(&op, queue.release(token).await, expected);
            }
            Op::Cancel { job } => {
                let Some(id) = ids.get(job) else { continue };
                let before = model.0.len();
                model.0.retain(|e| e.id != *id || matches!(e.state, JobState::Dead { .. }));
                assert_eq!(queue.cancel(id).await.unwrap(), model.0.len() < before, "{op:?}");
            }
            Op::Advance { by } => {
                clock.advance(secs(by));
                model.pass_to(clock.now());
            }
            Op::PurgeDead { age } => {
                let before = now - secs(age);
                let count = model.0.len();
                model.0.retain(|e| !matches!(e.state, JobState::Dead { at } if at < before));
                let purged = queue.purge_dead(before).await.unwrap();
                assert_eq!(purged as usize, count - model.0.len(), "{op:?}");
            }
        }
        compare(queue, &model, &ids, clock.now(), &op).await;
    }
}

fn agree<T: std::fmt::Debug + PartialEq>(op: &Op, result: Result<T, QueueError>, expected: Option<T>) {
    match (result, expected) {
        (Ok(value), Some(expected)) => assert_eq!(value, expected, "{op:?}"),
        (Err(QueueError::LeaseLost(_)), None) => {}
        (result, expected) => panic!("{op:?} gave {result:?}, expected {expected:?}"),
    }
}

/// Every job and the statistics are as in the model.
async fn compare(queue: &dyn JobQueue, model: &Model, ids: &[JobId], now: Timestamp, op: &Op) {
    for id in ids {
        let job = queue.job(id).await.unwrap();
        let found = job.map(|job| (job.state, job.attempt, job.max_attempts, job.run_at, job.last_error));
        let expected = model.0.iter().find(|e| e.id == *id);
        let expected = expected.map(|e| (e.state, e.attempt, e.max_attempts, e.run_at, e.last_error.clone()));
        assert_eq!(found, expected, "job {id} after {op:?}");
    }
    let stats = queue.stats(Q).await.unwrap();
    let count = |wanted: &dyn Fn(&Entry) -> bool| model.0.iter().filter(|e| wanted(e)).count() as u64;
    let waiting = |e: &Entry| e.state == JobState::Waiting;
    assert_eq!(stats.ready, count(&|e| waiting(e) && e.run_at <= now), "ready after {op:?}");
    assert_eq!(stats.delayed, count(&|e| waiting(e) && e.run_at > now), "delayed after {op:?}");
    assert_eq!(stats.leased, count(&|e| e.nonce.is_some()), "leased after {op:?}");
    assert_eq!(stats.dead, count(&|e| matches!(e.state, JobState::Dead { .. })), "dead after {op:?}");
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_queue_does_what_the_model_does(ops in prop::collection::vec(op(), 1..60)) {
        block_on(async {
            let clock = clock();
            check(&MemoryQueue::new(clock.clone()), &clock, ops).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sqlite_queue_does_what_the_model_does(ops in prop::collection::vec(op(), 1..60)) {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let clock = clock();
            let queue = common::sqlite_queue(&folder, clock.clone()).await;
            check(&queue, &clock, ops).await;
        });
    }
}

/// Two handles on one file, as two processes have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_is_handed_out_once_among_many_workers_of_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let queues =
        [common::sqlite_queue(&folder, clock.clone()).await, common::sqlite_queue(&folder, clock).await]
            .map(Arc::new);
    for i in 0..200 {
        queues[i % 2].push(NewJob::new(Q, i.to_string())).await.unwrap();
    }
    let workers = (0..16).map(|i| {
        let queue = queues[i % 2].clone();
        tokio::spawn(async move {
            let mut subjects = Vec::new();
            loop {
                let leases = queue.lease(Q, 3, secs(60), Duration::from_millis(10)).await.unwrap();
                if leases.is_empty() {
                    return subjects;
                }
                for lease in leases {
                    queue.complete(&lease.token).await.unwrap();
                    subjects.push(lease.job.subject);
                }
            }
        })
    });
    let mut subjects = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        subjects.extend(worker.await.unwrap());
    }
    assert_eq!(subjects.len(), 200);
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 200, "a job was handed out twice");
}
