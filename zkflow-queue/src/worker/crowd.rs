//! [`Crowd`]: the users whose jobs a worker leased lately.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use zkflow_core::service::id::UserId;

/// Number of leases that are remembered.
const REMEMBERED: usize = 1024;

/// A user; `None`: the jobs without a user.
type User = Option<UserId>;

/// The users whose jobs were leased within a time.
pub(super) struct Crowd {
    within: Duration,
    leases: Mutex<Leases>,
}

#[derive(Default)]
struct Leases {
    /// Oldest first.
    order: VecDeque<Remembered>,
    /// Number of the first lease in `order`.
    first: u64,
    /// Number of each user's entries in `order`.
    counts: HashMap<User, usize>,
}

struct Remembered {
    at: Instant,
    user: User,
    /// Time for which the job had its slot; `None`: it still has it.
    took: Option<Duration>,
}

impl Crowd {
    /// No users yet. A lease counts for the time `within`.
    pub(super) fn new(within: Duration) -> Self {
        Self { within, leases: Mutex::default() }
    }

    /// A job of `user` was leased. Returns the number of the lease.
    pub(super) fn begin(&self, user: User) -> u64 {
        self.with(|leases| {
            *leases.counts.entry(user.clone()).or_default() += 1;
            leases.order.push_back(Remembered { at: Instant::now(), user, took: None });
            leases.first + (leases.order.len() as u64 - 1)
        })
    }

    /// The job with this number of its lease has ended.
    pub(super) fn end(&self, number: u64) {
        self.with(|leases| {
            let index = number.checked_sub(leases.first).and_then(|index| usize::try_from(index).ok());
            if let Some(lease) = index.and_then(|index| leases.order.get_mut(index)) {
                lease.took = Some(lease.at.elapsed());
            }
        });
    }

    /// The user whose jobs had slots for the longest time, if there are others. The number of jobs says less: a user with short
    /// jobs has many.
    pub(super) fn busiest_of_several(&self) -> Option<User> {
        self.with(|leases| {
            if leases.counts.len() < 2 {
                return None;
            }
            let mut times = HashMap::<&User, Duration>::new();
            for lease in &leases.order {
                *times.entry(&lease.user).or_default() += lease.took.unwrap_or_else(|| lease.at.elapsed());
            }
            times.into_iter().max_by_key(|(_, time)| *time).map(|(user, _)| user.clone())
        })
    }

    /// Forgets old leases, then acts.
    fn with<T>(&self, act: impl FnOnce(&mut Leases) -> T) -> T {
        // Changes under the lock are never left half done, so a poisoned lock is usable.
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.forget(self.within);
        act(&mut leases)
    }
}

impl Leases {
    /// Forgets the leases that are older than `within`, and those beyond the newest [`REMEMBERED`].
    fn forget(&mut self, within: Duration) {
        while let Some(lease) = self.order.front()
            && (lease.at.elapsed() >= within || self.order.len() > REMEMBERED)
        {
            let Some(Remembered { user, .. }) = self.order.pop_front() else { return };
            self.first += 1;
            if let Some(count) = self.counts.get_mut(&user) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&user);
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

    /// A job of the user has a slot for some milliseconds.
    async fn run(crowd: &Crowd, user: User, milliseconds: u64) {
        let number = crowd.begin(user);
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
        crowd.end(number);
    }

    #[tokio::test(start_paused = true)]
    async fn the_busiest_user_is_named_while_others_have_jobs() {
        let crowd = Crowd::new(Duration::from_secs(1));
        assert_eq!(crowd.busiest_of_several(), None);
        run(&crowd, user("quiet"), 10).await;
        assert_eq!(crowd.busiest_of_several(), None, "one user alone");
        tokio::time::advance(Duration::from_millis(400)).await;
        for _ in 0..3 {
            run(&crowd, user("loud"), 30).await;
        }
        crowd.begin(None);
        assert_eq!(crowd.busiest_of_several(), Some(user("loud")));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(crowd.busiest_of_several(), Some(None), "the job without a user still runs");
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(crowd.busiest_of_several(), None, "all were long ago");
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_with_many_short_jobs_is_not_the_busiest() {
        let crowd = Crowd::new(Duration::from_secs(1));
        let long = crowd.begin(user("loud"));
        for _ in 0..5 {
            run(&crowd, user("quiet"), 10).await;
        }
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(crowd.busiest_of_several(), Some(user("loud")), "its job runs");
        crowd.end(long);
        assert_eq!(crowd.busiest_of_several(), Some(user("loud")), "its job has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_forgotten_lease_changes_no_other() {
        let crowd = Crowd::new(Duration::from_secs(1));
        let old = crowd.begin(user("old"));
        tokio::time::advance(Duration::from_secs(1)).await;
        run(&crowd, user("quiet"), 10).await;
        tokio::time::advance(Duration::from_millis(100)).await;
        crowd.end(old);
        run(&crowd, user("loud"), 50).await;
        assert_eq!(crowd.busiest_of_several(), Some(user("loud")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_crowd_is_forgotten_from_its_beginning() {
        let crowd = Crowd::new(Duration::from_secs(1));
        crowd.begin(user("quiet"));
        for _ in 0..=REMEMBERED {
            crowd.begin(user("loud"));
        }
        assert_eq!(crowd.busiest_of_several(), None);
        assert!(crowd.leases.lock().unwrap().order.len() <= REMEMBERED + 1);
    }
}
