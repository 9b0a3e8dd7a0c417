//! [`RedisQueue::take`]: paces that many processes count together.

use std::time::Duration;

use zkflow_core::digest::Digest;
use zkflow_core::service::queue::QueueError;

use super::link::Call;
use super::record::get;
use super::{RedisQueue, script};

/// Requests of all callers with one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace<'a> {
    /// Name of the callers, unique within the group of [`RedisQueue::take`].
    pub name: &'a str,
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// Requests within all of some paces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Requests that were taken: at most as many as asked for, 0 if a pace has none.
    pub taken: u32,
    /// Requests that are accepted beyond them.
    pub remaining: u32,
    /// Time until a request is accepted; `None`: at least one was taken.
    pub wait: Option<Duration>,
}

impl RedisQueue {
    /// Takes up to `most` requests of all `paces`, of which there is at least one, in one call: nothing is taken of any if one has none. All processes with this Redis
    /// and namespace count together, by its clock. A key of Redis exists until a minute after the requests are worked off; its name has
    /// the digests of the group's and the pace's name. The paces of a group are in one slot of a cluster.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn take(&self, group: &str, paces: &[Pace<'_>], most: u32) -> Result<Taken, QueueError> {
        let group = Digest::of(group);
        let key = |pace: &Pace<'_>| format!("{{{}:rate:{group}}}:{}", self.namespace, Digest::of(pace.name));
        let keys: Vec<_> = paces.iter().map(key).collect();
        let mut arguments = vec![self.present(), most.max(1).to_string()];
        for pace in paces {
            arguments.extend([pace.per_second, pace.burst].map(|number| number.max(1).to_string()));
        }
        let call = Call::Script { script: &script::RATE, keys: &keys, arguments };
        let answer = self.link.make("counting a request", &call).await?;
        let (taken, remaining, micros): (u32, u32, u64) = get(answer)?;
        Ok(Taken { taken, remaining, wait: (taken == 0).then(|| Duration::from_micros(micros)) })
    }
}
