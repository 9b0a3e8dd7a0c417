//! [`MemoryQueue`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Failed, Job, JobQueue, JobState, LEASE_EXPIRED, Lease, LeaseToken, NewJob, Pushed, QueueError, QueueName,
    QueueStats, Retry, Whose,
};

use crate::waiting::{self, Attempt, Attempted, WakeUps};

/// A [`JobQueue`] in memory; its jobs end with the process.
#[derive(Debug)]
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    jobs: Mutex<Jobs>,
    wake_ups: WakeUps,
}

#[derive(Debug, Default)]
struct Jobs {
    entries: BTreeMap<JobId, Entry>,
    /// Last round handed out, by queue and priority.
    rounds: BTreeMap<(QueueName, i32), u64>,
}

#[derive(Debug)]
struct Entry {
    job: Job,
    dedup_key: Option<String>,
    /// Set when a lease finds the job due; cleared when it is handed out.
    round: Option<u64>,
    /// Nonce of the current lease.
    nonce: Option<String>,
}

impl MemoryQueue {
    /// An empty queue that reads `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, jobs: Mutex::default(), wake_ups: WakeUps::default() }
    }

    /// Locks the jobs and ends the leases that have expired at `now`.
    fn jobs(&self, now: Timestamp) -> MutexGuard<'_, Jobs> {
        // Changes under the lock are never left half done, so a poisoned lock is usable.
        let mut jobs = self.jobs.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        jobs.entries.values_mut().for_each(|entry| entry.settle(now));
        jobs
    }

    /// Applies `change` to the job that `token` leases, and wakes its queue.
    fn with_lease<T>(
        &self,
        token: &LeaseToken,
        change: impl FnOnce(&mut Entry, Timestamp) -> T,
    ) -> Result<T, QueueError> {
        let now = self.clock.now();
        let mut jobs = self.jobs(now);
        let held =
            jobs.entries.get_mut(&token.job).filter(|entry| entry.nonce.as_ref() == Some(&token.nonce));
        let entry = held.ok_or_else(|| QueueError::LeaseLost(token.job.clone()))?;
        let result = change(entry, now);
        let queue = entry.job.queue;
        drop(jobs);
        self.wake_ups.wake(queue);
        Ok(result)
    }
}

impl Jobs {
    /// The due jobs of `queue` in hand-out order. Jobs without a round get one.
    fn due(&mut self, queue: QueueName, now: Timestamp) -> Vec<JobId> {
        let mut last: HashMap<(i32, Option<UserId>), u64> = HashMap::new();
        let mut due: Vec<&mut Entry> =
            self.entries.values_mut().filter(|e| e.job.queue == queue && e.is_due(now)).collect();
        for entry in &due {
            let round = last.entry((entry.job.priority, entry.job.user_id.clone())).or_default();
            *round = (*round).max(entry.round.unwrap_or(0));
        }
        due.sort_by_key(|entry| (entry.job.run_at, entry.job.id.clone()));
        for entry in due.iter_mut().filter(|entry| entry.round.is_none()) {
            let handed_out = self.rounds.get(&(queue, entry.job.priority)).copied().unwrap_or(0);
            let round = last.entry((entry.job.priority, entry.job.user_id.clone())).or_default();
            *round = handed_out.max(*round) + 1;
            entry.round = Some(*round);
        }
        due.sort_by_key(|entry| (Reverse(entry.job.priority), entry.round));
        due.into_iter().map(|entry| entry.job.id.clone()).collect()
    }

    /// Leases a waiting job until `until`.
    fn lease(&mut self, id: &JobId, in_turn: bool, until: Timestamp) -> Option<Lease> {
        let entry = self.entries.get_mut(id)?;
        let round = entry.round.take().unwrap_or(0);
        if in_turn {
            let handed_out = self.rounds.entry((entry.job.queue, entry.job.priority)).or_default();
            *handed_out = (*handed_out).max(round);
        }
        Some(entry.lease(until))
    }
}

impl Entry {
    fn settle(&mut self, now: Timestamp) {
        let JobState::Leased { until } = self.job.state else { return };
        if until > now {
            return;
        }
        self.nonce = None;
        self.job.last_error = Some(LEASE_EXPIRED.to_owned());
        if self.job.attempt >= self.job.max_attempts {
            self.job.state = JobState::Dead { at: until };
        } else {
            self.wait(until);
        }
    }

    fn wait(&mut self, run_at: Timestamp) {
        self.nonce = None;
        self.job.state = JobState::Waiting;
        self.job.run_at = run_at;
    }

    fn is_dead(&self) -> bool {
        matches!(self.job.state, JobState::Dead { .. })
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.job.state == JobState::Waiting && self.job.run_at <= now
    }

    fn lease(&mut self, until: Timestamp) -> Lease {
        let nonce = format!("{:032x}", rand::random::<u128>());
        self.nonce = Some(nonce.clone());
        self.job.attempt += 1;
        self.job.state = JobState::Leased { until };
        Lease { job: self.job.clone(), token: LeaseToken { job: self.job.id.clone(), nonce }, until }
    }
}

#[async_trait]
impl JobQueue for MemoryQueue {
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError> {
        let now = self.clock.now();
        let mut jobs = self.jobs(now);
        if job.dedup_key.is_some() {
            let same = |e: &&Entry| e.job.queue == job.queue && e.dedup_key == job.dedup_key && !e.is_dead();
            if let Some(present) = jobs.entries.values().find(same) {
                return Ok(Pushed { id: present.job.id.clone(), duplicate: true });
            }
        }
        let id = JobId::generate(now);
        let entry = Entry {
            job: Job {
                id: id.clone(),
                queue: job.queue,
                subject: job.subject,
                user_id: job.user_id,
                priority: job.priority,
                attempt: 0,
                max_attempts: job.max_attempts.max(1),
                created_at: now,
                run_at: now + job.delay,
                state: JobState::Waiting,
                last_error: None,
            },
            dedup_key: job.dedup_key,
            round: None,
            nonce: None,
        };
        jobs.entries.insert(id.clone(), entry);
        drop(jobs);
        self.wake_ups.wake(job.queue);
        Ok(Pushed { id, duplicate: false })
    }

    async fn lease_of(
        &self,
        whose: Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        waiting::lease(self, &whose, queue, max, lease, wait).await
    }

    async fn renew(&self, token: &LeaseToken, by: Duration) -> Result<Timestamp, QueueError> {
        self.with_lease(token, |entry, now| {
            let until = now + by;
            entry.job.state = JobState::Leased { until };
            until
        })
    }

    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError> {
        let mut jobs = self.jobs(self.clock.now());
        match jobs.entries.get(&token.job) {
            Some(entry) if entry.nonce.as_ref() == Some(&token.nonce) => {
                jobs.entries.remove(&token.job);
                Ok(())
            }
            _ => Err(QueueError::LeaseLost(token.job.clone())),
        }
    }

    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError> {
        self.with_lease(token, |entry, now| {
            entry.job.last_error = Some(reason.to_owned());
            match retry {
                Retry::After(delay) if entry.job.attempt < entry.job.max_attempts => {
                    entry.wait(now + delay);
                    Failed::RetriedAt(now + delay)
                }
                Retry::After(_) | Retry::Never => {
                    entry.nonce = None;
                    entry.job.state = JobState::Dead { at: now };
                    Failed::Dead
                }
            }
        })
    }

    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError> {
        self.with_lease(token, |entry, now| {
            entry.job.attempt -= 1;
            entry.wait(now + pause);
        })
    }

    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError> {
        let mut jobs = self.jobs(self.clock.now());
        let alive = jobs.entries.get(id).is_some_and(|entry| !entry.is_dead());
        if alive {
            jobs.entries.remove(id);
        }
        Ok(alive)
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError> {
        Ok(self.jobs(self.clock.now()).entries.get(id).map(|entry| entry.job.clone()))
    }

    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError> {
        let now = self.clock.now();
        let mut stats = QueueStats::default();
        for entry in self.jobs(now).entries.values().filter(|entry| entry.job.queue == queue) {
            match entry.job.state {
                JobState::Waiting if entry.is_due(now) => {
                    stats.ready += 1;
                    let oldest = stats.oldest_ready.unwrap_or(entry.job.run_at);
                    stats.oldest_ready = Some(oldest.min(entry.job.run_at));
                }
                JobState::Waiting => stats.delayed += 1,
                JobState::Leased { .. } => stats.leased += 1,
                JobState::Dead { .. } => stats.dead += 1,
            }
        }
        Ok(stats)
    }

    async fn waiting(&self, queue: QueueName, user: Option<&UserId>) -> Result<u64, QueueError> {
        let jobs = self.jobs(self.clock.now());
        let own = jobs.entries.values().map(|entry| &entry.job).filter(|job| {
            job.queue == queue && job.user_id.as_ref() == user && matches!(job.state, JobState::Waiting)
        });
        Ok(own.count() as u64)
    }

    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError> {
        let jobs = self.jobs(self.clock.now());
        let of_queue = jobs.entries.values().filter(|entry| entry.job.queue == queue);
        let mut dead: Vec<_> = of_queue
            .filter_map(|entry| match entry.job.state {
                JobState::Dead { at } => Some((at, &entry.job)),
                JobState::Waiting | JobState::Leased { .. } => None,
            })
            .collect();
        dead.sort_by_key(|(at, job)| Reverse((*at, &job.id)));
        Ok(dead.into_iter().take(limit).map(|(_, job)| job.clone()).collect())
    }

    async fn remove_dead(&self, id: &JobId) -> Result<bool, QueueError> {
        let mut jobs = self.jobs(self.clock.now());
        let dead = jobs.entries.get(id).is_some_and(Entry::is_dead);
        if dead {
            jobs.entries.remove(id);
        }
        Ok(dead)
    }

    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError> {
        let mut jobs = self.jobs(self.clock.now());
        let count = jobs.entries.len();
        jobs.entries.retain(|_, entry| !matches!(entry.job.state, JobState::Dead { at } if at < before));
        Ok((count - jobs.entries.len()) as u64)
    }
}

#[async_trait]
impl Attempt for MemoryQueue {
    async fn attempt(
        &self,
        whose: &Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
    ) -> Result<Attempted, QueueError> {
        let now = self.clock.now();
        let mut jobs = self.jobs(now);
        let mut due = jobs.due(queue, now);
        if !due.is_empty() {
            due.truncate(whose.looked_at(max));
            due.retain(|id| whose.includes(jobs.entries[id].job.user_id.as_ref()));
            let leased = due.iter().take(max).filter_map(|id| jobs.lease(id, whose.in_turn(), now + lease));
            let leases: Vec<_> = leased.collect();
            let others_only = Attempted::NothingFor(None);
            return Ok(if leases.is_empty() { others_only } else { Attempted::Leased(leases) });
        }
        let changes = jobs.entries.values().filter(|entry| entry.job.queue == queue);
        let next = changes.filter_map(|entry| match entry.job.state {
            JobState::Waiting => Some(entry.job.run_at),
            JobState::Leased { until } => Some(until),
            JobState::Dead { .. } => None,
        });
        Ok(Attempted::NothingFor(next.min().map(|at| at.since(now))))
    }

    fn wake_ups(&self) -> &WakeUps {
        &self.wake_ups
    }
}
