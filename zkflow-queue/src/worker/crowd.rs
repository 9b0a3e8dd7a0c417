//! [`Crowd`]: the users whose jobs a worker runs, or ran lately.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zkflow_core::service::id::UserId;

/// Number of ended jobs that are remembered.
const REMEMBERED: usize = 1024;

/// A user; `None`: the jobs without a user.
type User = Option<UserId>;

/// The users whose jobs run, or ended within a time.
pub(super) struct Crowd {
    within: Duration,
    jobs: Mutex<Jobs>,
}

#[derive(Default)]
struct Jobs {
    /// Those that have a slot, by number.
    running: HashMap<u64, Job>,
    /// Number of the last job.
    last: u64,
    /// Those that have ended, oldest first.
    ended: VecDeque<Ended>,
    /// Number of each user's entries in `ended`, and the sum of their times.
    sums: HashMap<User, (usize, Duration)>,
}

struct Job {
    user: User,
    began: Instant,
}

struct Ended {
    user: User,
    at: Instant,
    took: Duration,
}

impl Crowd {
    /// No users yet. A job counts while it runs, and for the time `within` after its end.
    pub(super) fn new(within: Duration) -> Self {
        Self { within, jobs: Mutex::default() }
    }

    /// A job of `user` begins `now`. Returns its number.
    pub(super) fn begin(&self, user: User, now: Instant) -> u64 {
        self.with(now, |jobs| {
            jobs.last += 1;
            jobs.running.insert(jobs.last, Job { user, began: now });
            jobs.last
        })
    }

    /// The job with this number ends `now`.
    pub(super) fn end(&self, number: u64, now: Instant) {
        self.with(now, |jobs| {
            let Some(Job { user, began }) = jobs.running.remove(&number) else { return };
            let took = now.saturating_duration_since(began);
            let (count, time) = jobs.sums.entry(user.clone()).or_default();
            *count += 1;
            *time += took;
            jobs.ended.push_back(Ended { user, at: now, took });
        });
    }

    /// The user whose jobs had slots for the longest time, if there are others. The number of jobs says less: a user with short
    /// jobs has many.
    pub(super) fn busiest_of_several(&self, now: Instant) -> Option<User> {
        self.with(now, |jobs| {
            let mut times: HashMap<&User, Duration> =
                jobs.sums.iter().map(|(user, (_, time))| (user, *time)).collect();
            for job in jobs.running.values() {
                *times.entry(&job.user).or_default() += now.saturating_duration_since(job.began);
            }
            if times.len() < 2 {
                return None;
            }
            times.into_iter().max_by_key(|(_, time)| *time).map(|(user, _)| user.clone())
        })
    }

    /// Forgets old jobs, then acts.
    fn with<T>(&self, now: Instant, act: impl FnOnce(&mut Jobs) -> T) -> T {
        // Changes under the lock are never left half done, so a poisoned lock is usable.
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.forget(self.within, now);
        act(&mut jobs)
    }
}

impl Jobs {
    /// Forgets the jobs that ended the time `within` ago, and those beyond the newest [`REMEMBERED`].
    fn forget(&mut self, within: Duration, now: Instant) {
        while let Some(job) = self.ended.front()
            && (now.saturating_duration_since(job.at) >= within || self.ended.len() > REMEMBERED)
        {
            let Some(Ended { user, took, .. }) = self.ended.pop_front() else { return };
            if let Some((count, time)) = self.sums.get_mut(&user) {
                *count -= 1;
                *time = time.saturating_sub(took);
                if *count == 0 {
                    self.sums.remove(&user);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        name.parse().ok()
    }

    /// A crowd of one second, and the moment some milliseconds after its start.
    fn crowd() -> (Crowd, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Crowd::new(Duration::from_secs(1)), move |ms| start + Duration::from_millis(ms))
    }

    #[test]
    fn the_busiest_user_is_named_while_others_have_jobs() {
        let (crowd, at) = crowd();
        assert_eq!(crowd.busiest_of_several(at(0)), None);
        let quiet = crowd.begin(user("quiet"), at(0));
        crowd.end(quiet, at(10));
        assert_eq!(crowd.busiest_of_several(at(10)), None, "one user alone");
        for start in [400, 430, 460] {
            let loud = crowd.begin(user("loud"), at(start));
            crowd.end(loud, at(start + 30));
        }
        assert_eq!(crowd.busiest_of_several(at(500)), Some(user("loud")));
        assert_eq!(crowd.busiest_of_several(at(1010)), None, "the job of the other one was long ago");
        crowd.begin(None, at(1300));
        assert_eq!(crowd.busiest_of_several(at(1310)), Some(user("loud")), "beside a job without a user");
        assert_eq!(crowd.busiest_of_several(at(1400)), Some(None), "which runs for longer");
        assert_eq!(crowd.busiest_of_several(at(1490)), None);
    }

    #[test]
    fn a_long_job_counts_while_it_runs_and_more_than_many_short_ones() {
        let (crowd, at) = crowd();
        let long = crowd.begin(user("loud"), at(0));
        for start in [5000, 5010, 5020, 5030] {
            let short = crowd.begin(user("quiet"), at(start));
            crowd.end(short, at(start + 10));
        }
        assert_eq!(crowd.busiest_of_several(at(5040)), Some(user("loud")), "its job runs");
        crowd.end(long, at(5050));
        assert_eq!(crowd.busiest_of_several(at(5050)), Some(user("loud")), "its job has ended");
    }

    #[test]
    fn a_long_crowd_is_forgotten_from_its_beginning() {
        let (crowd, at) = crowd();
        for name in std::iter::once("quiet").chain(std::iter::repeat_n("loud", REMEMBERED + 1)) {
            let job = crowd.begin(user(name), at(0));
            crowd.end(job, at(0));
        }
        assert_eq!(crowd.busiest_of_several(at(0)), None);
        assert!(crowd.jobs.lock().unwrap().ended.len() <= REMEMBERED);
    }
}
