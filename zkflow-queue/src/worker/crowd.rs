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
    order: VecDeque<(Instant, User)>,
    /// Number of each user's entries in `order`.
    counts: HashMap<User, usize>,
}

impl Crowd {
    /// No users yet. A lease counts for the time `within`.
    pub(super) fn new(within: Duration) -> Self {
        Self { within, leases: Mutex::default() }
    }

    /// A job of `user` was leased.
    pub(super) fn add(&self, user: User) {
        self.with(|leases| {
            *leases.counts.entry(user.clone()).or_default() += 1;
            leases.order.push_back((Instant::now(), user));
        });
    }

    /// The user with the most jobs, if there are others.
    pub(super) fn busiest_of_several(&self) -> Option<User> {
        self.with(|leases| {
            if leases.counts.len() < 2 {
                return None;
            }
            leases.counts.iter().max_by_key(|(_, count)| **count).map(|(user, _)| user.clone())
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
        while let Some((at, _)) = self.order.front()
            && (at.elapsed() >= within || self.order.len() > REMEMBERED)
        {
            let Some((_, user)) = self.order.pop_front() else { return };
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

    #[tokio::test(start_paused = true)]
    async fn the_busiest_user_is_named_while_others_have_jobs() {
        let crowd = Crowd::new(Duration::from_secs(1));
        assert_eq!(crowd.busiest_of_several(), None);
        crowd.add(user("quiet"));
        assert_eq!(crowd.busiest_of_several(), None, "one user alone");
        tokio::time::advance(Duration::from_millis(500)).await;
        for _ in 0..3 {
            crowd.add(user("loud"));
        }
        crowd.add(None);
        assert_eq!(crowd.busiest_of_several(), Some(user("loud")));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(crowd.busiest_of_several(), Some(user("loud")), "beside the jobs without a user");
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(crowd.busiest_of_several(), None, "all were long ago");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_crowd_is_forgotten_from_its_beginning() {
        let crowd = Crowd::new(Duration::from_secs(1));
        crowd.add(user("quiet"));
        for _ in 0..=REMEMBERED {
            crowd.add(user("loud"));
        }
        assert_eq!(crowd.busiest_of_several(), None);
        assert!(crowd.leases.lock().unwrap().order.len() <= REMEMBERED + 1);
    }
}
