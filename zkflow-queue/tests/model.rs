//! Random sequences of operations: every backend behaves as a simple model does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::clock;
use futures::future;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use zkflow_core::service::clock::{Clock, ManualClock, Timestamp};
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Failed, JobQueue, JobState, LEASE_EXPIRED, Lease, LeaseToken, NewJob, QueueError, QueueName, Retry, Whose,
};
use zkflow_queue::{MemoryQueue, RedisQueue};
use zkflow_testbed::RedisServer;

const Q: QueueName = QueueName::Deploy;

#[derive(Debug, Clone)]
enum Op {
    Push {
        user: Option<u8>,
        key: Option<u8>,
        priority: i32,
        delay: u64,
        max_attempts: u32,
    },
    /// `others`: no jobs of this user.
    Lease {
        others: Option<Option<u8>>,
        max: usize,
        length: u64,
    },
    Renew {
        token: usize,
        by: u64,
    },
    Complete {
        token: usize,
    },
    Fail {
        token: usize,
        after: Option<u64>,
    },
    Release {
        token: usize,
        pause: u64,
    },
    Cancel {
        job: usize,
    },
    Advance {
        by: u64,
    },
    PurgeDead {
        age: u64,
    },
    RemoveDead {
        job: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => push(),
        4 => lease(),
        1 => (0..8_usize, 1..6_u64).prop_map(|(token, by)| Op::Renew { token, by }),
        1 => (0..8_usize).prop_map(|token| Op::Complete { token }),
        2 => (0..8_usize, proptest::option::of(0..4_u64)).prop_map(|(token, after)| Op::Fail { token, after }),
        1 => (0..8_usize, 0..20_u64).prop_map(|(token, pause)| Op::Release { token, pause }),
        1 => (0..8_usize).prop_map(|job| Op::Cancel { job }),
        3 => (1..5_u64).prop_map(|by| Op::Advance { by }),
        1 => (0..4_u64).prop_map(|age| Op::PurgeDead { age }),
        1 => (0..8_usize).prop_map(|job| Op::RemoveDead { job }),
    ]
}

fn lease() -> impl Strategy<Value = Op> {
    let others = proptest::option::weighted(0.3, proptest::option::of(0..3_u8));
    (others, 0..4_usize, 1..6_u64).prop_map(|(others, max, length)| Op::Lease { others, max, length })
}

fn push() -> impl Strategy<Value = Op> {
    let some = || proptest::option::of(0..3_u8);
    let job = (some(), some(), -1..2_i32, 0..4_u64, 0..4_u32);
    job.prop_map(|(user, key, priority, delay, max_attempts)| Op::Push {
        user,
        key,
        priority,
        delay,
        max_attempts,
    })
}

/// Expected content of a queue.
#[derive(Default)]
struct Model {
    /// Jobs in the order of their pushes.
    jobs: Vec<Entry>,
    /// Last round handed out, by priority.
    handed_out: BTreeMap<i32, u64>,
}

struct Entry {
    id: JobId,
    user: Option<UserId>,
    key: Option<String>,
    priority: i32,
    attempt: u32,
    max_attempts: u32,
    run_at: Timestamp,
    round: Option<u64>,
    state: JobState,
    nonce: Option<String>,
    last_error: Option<String>,
}

impl Model {
    /// Ends the leases that have expired at `now`.
    fn pass_to(&mut self, now: Timestamp) {
        for entry in &mut self.jobs {
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
        self.jobs.iter_mut().find(|e| e.id == token.job && e.nonce.as_ref() == Some(&token.nonce))
    }

    /// Ids of the jobs to hand out, in order.
    fn due(&mut self, now: Timestamp, whose: &Whose, max: usize) -> Vec<JobId> {
        let mut due: Vec<usize> = (0..self.jobs.len())
            .filter(|i| self.jobs[*i].state == JobState::Waiting && self.jobs[*i].run_at <= now)
            .collect();
        due.sort_by_key(|i| (self.jobs[*i].run_at, self.jobs[*i].id.clone()));
        for i in &due {
            let Entry { user, priority, round: None, .. } = &self.jobs[*i] else { continue };
            let of_user = self.jobs.iter().filter(|e| e.user == *user && e.priority == *priority);
            let last = of_user.filter_map(|e| e.round).max().unwrap_or(0);
            let handed_out = self.handed_out.get(priority).copied().unwrap_or(0);
            self.jobs[*i].round = Some(last.max(handed_out) + 1);
        }
        due.sort_by_key(|i| (Reverse(self.jobs[*i].priority), self.jobs[*i].round));
        due.truncate(whose.looked_at(max));
        due.retain(|i| whose.includes(self.jobs[*i].user.as_ref()));
        due.into_iter().take(max).map(|i| self.jobs[i].id.clone()).collect()
    }

    /// Records that a job was handed out, in turn or not.
    fn lease(&mut self, lease: &Lease, in_turn: bool) {
        let entry = self.jobs.iter_mut().find(|e| e.id == lease.job.id).unwrap();
        let round = entry.round.take().unwrap();
        if in_turn {
            let handed_out = self.handed_out.entry(entry.priority).or_default();
            *handed_out = round.max(*handed_out);
        }
        entry.attempt += 1;
        entry.state = JobState::Leased { until: lease.until };
        entry.nonce = Some(lease.token.nonce.clone());
    }
}

fn user_id(user: u8) -> UserId {
    user.to_string().parse().unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Runs the operations on `queue` and on a model, and compares both after each.
async fn check(queue: &dyn JobQueue, clock: &ManualClock, ops: Vec<Op>) {
    let mut model = Model::default();
    // Newest first, so that small indices are likely to select live ones.
    let mut tokens: Vec<LeaseToken> = Vec::new();
    let mut ids: Vec<JobId> = Vec::new();
    for op in ops {
        let now = clock.now();
        model.pass_to(now);
        match op.clone() {
            Op::Push { user, key, priority, delay, max_attempts } => {
                let user = user.map(user_id);
                let key = key.map(|key| key.to_string());
                let same =
                    |e: &&Entry| key.is_some() && e.key == key && !matches!(e.state, JobState::Dead { .. });
                let present = model.jobs.iter().find(same).map(|e| e.id.clone());
                let job = NewJob {
                    user_id: user.clone(),
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
                model.jobs.push(Entry {
                    id: pushed.id,
                    user,
                    key,
                    priority,
                    attempt: 0,
                    max_attempts: max_attempts.max(1),
                    run_at: now + secs(delay),
                    round: None,
                    state: JobState::Waiting,
                    nonce: None,
                    last_error: None,
                });
            }
            Op::Lease { ref others, max, length } => {
                let whose = match others {
                    None => Whose::Anyone,
                    Some(user) => Whose::Others(user.map(user_id)),
                };
                let due = if max == 0 { Vec::new() } else { model.due(now, &whose, max) };
                let leases = queue.lease_of(whose, Q, max, secs(length), Duration::ZERO).await.unwrap();
                let leased: Vec<_> = leases.iter().map(|lease| lease.job.id.clone()).collect();
                assert_eq!(leased, due, "{op:?}");
                for lease in leases {
                    assert_eq!(lease.until, now + secs(length));
                    model.lease(&lease, others.is_none());
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
                model.jobs.retain(|e| !(held && e.id == token.job));
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
            Op::Release { token, pause } => {
                let Some(token) = tokens.get(token) else { continue };
                let expected = model.held(token).map(|entry| {
                    entry.nonce = None;
                    entry.attempt -= 1;
                    entry.state = JobState::Waiting;
                    entry.run_at = now + secs(pause);
                });
                agree(&op, queue.release(token, secs(pause)).await, expected);
            }
            Op::Cancel { job } => {
                let Some(id) = ids.get(job) else { continue };
                let before = model.jobs.len();
                model.jobs.retain(|e| e.id != *id || matches!(e.state, JobState::Dead { .. }));
                assert_eq!(queue.cancel(id).await.unwrap(), model.jobs.len() < before, "{op:?}");
            }
            Op::RemoveDead { job } => {
                let Some(id) = ids.get(job) else { continue };
                let before = model.jobs.len();
                model.jobs.retain(|e| e.id != *id || !matches!(e.state, JobState::Dead { .. }));
                assert_eq!(queue.remove_dead(id).await.unwrap(), model.jobs.len() < before, "{op:?}");
            }
            Op::Advance { by } => {
                clock.advance(secs(by));
                model.pass_to(clock.now());
            }
            Op::PurgeDead { age } => {
                let before = now - secs(age);
                let count = model.jobs.len();
                model.jobs.retain(|e| !matches!(e.state, JobState::Dead { at } if at < before));
                let purged = queue.purge_dead(before).await.unwrap();
                assert_eq!(purged as usize, count - model.jobs.len(), "{op:?}");
            }
        }
        compare(queue, &model, &ids, clock.now(), &op).await;
    }
}

fn agree<T: std::fmt::Debug + PartialEq>(op: &Op, result: Result<T, QueueError>, expected: Option<T>) {
    match (result, expected) {
        (Ok(value), Some(expected)) => assert_eq!(value, expected, "{op:?}"),
        (Err(QueueError::LeaseLost(_)), None) => {}
        (result, expected) => panic!("{op:?} returned {result:?}, expected {expected:?}"),
    }
}

/// Compares every job and the statistics with the model.
async fn compare(queue: &dyn JobQueue, model: &Model, ids: &[JobId], now: Timestamp, op: &Op) {
    let jobs = future::try_join_all(ids.iter().map(|id| queue.job(id))).await.unwrap();
    for (id, job) in ids.iter().zip(jobs) {
        let found = job.map(|job| (job.state, job.attempt, job.max_attempts, job.run_at, job.last_error));
        let expected = model.jobs.iter().find(|e| e.id == *id);
        let expected = expected.map(|e| (e.state, e.attempt, e.max_attempts, e.run_at, e.last_error.clone()));
        assert_eq!(found, expected, "job {id} after {op:?}");
    }
    let stats = queue.stats(Q).await.unwrap();
    let count = |wanted: &dyn Fn(&Entry) -> bool| model.jobs.iter().filter(|e| wanted(e)).count() as u64;
    let waiting = |e: &Entry| e.state == JobState::Waiting;
    assert_eq!(stats.ready, count(&|e| waiting(e) && e.run_at <= now), "ready after {op:?}");
    assert_eq!(stats.delayed, count(&|e| waiting(e) && e.run_at > now), "delayed after {op:?}");
    assert_eq!(stats.leased, count(&|e| e.nonce.is_some()), "leased after {op:?}");
    assert_eq!(stats.dead, count(&|e| matches!(e.state, JobState::Dead { .. })), "dead after {op:?}");
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

/// Number of sequences for each backend: `ZKFLOW_MODEL_CASES`, or `default`. 10 000 sequences run for minutes
/// in memory, and for a quarter of an hour over files or Redis.
fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("ZKFLOW_MODEL_CASES").map_or(default, |cases| cases.parse().unwrap());
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_memory_queue_does_what_the_model_does(ops in prop::collection::vec(op(), 1..60)) {
        block_on(async {
            let clock = clock();
            check(&MemoryQueue::new(clock.clone()), &clock, ops).await;
        });
    }
}

proptest! {
    #![proptest_config(cases(60))]

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

#[test]
fn the_redis_queue_does_what_the_model_does() {
    let server = RedisServer::for_tests().unwrap();
    let sequences = prop::collection::vec(op(), 1..60);
    let outcome = TestRunner::new(cases(100)).run(&sequences, |ops| {
        block_on(async {
            let clock = clock();
            check(&common::redis_queue(&server, clock.clone()).await, &clock, ops).await;
        });
        Ok(())
    });
    outcome.unwrap();
}

/// Two queues on one file, as in two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_in_a_file_is_handed_out_once_among_many_workers_of_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let one = common::sqlite_queue(&folder, clock.clone()).await;
    let other = common::sqlite_queue(&folder, clock).await;
    hand_out_once(Arc::new(one), Arc::new(other)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_in_redis_is_handed_out_once_among_many_workers_of_two_processes() {
    let server = RedisServer::for_tests().unwrap();
    let namespace = RedisServer::fresh_namespace();
    let connect = || RedisQueue::connect(server.url(), &namespace);
    hand_out_once(Arc::new(connect().await.unwrap()), Arc::new(connect().await.unwrap())).await;
}

async fn hand_out_once(one: Arc<dyn JobQueue>, other: Arc<dyn JobQueue>) {
    let queues = [one, other];
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
