//! [`RedisQueue::take`]: a pace that many processes count together.

use std::time::Duration;

use zkflow_core::digest::Digest;
use zkflow_core::service::queue::QueueError;

use super::link::Call;
use super::record::get;
use super::{RedisQueue, script};

/// Whether a request of a caller is within its pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Requests that are accepted now.
    pub remaining: u32,
    /// Time until a request is accepted; `None`: this one is.
    pub wait: Option<Duration>,
}

impl RedisQueue {
    /// Counts a request of `caller`, which may make `per_second` requests a second in the long run and `burst` at once. All processes
    /// with this Redis and namespace count together, by its clock. A key of Redis exists until a minute after the requests are
    /// worked off; its name has the digest of the caller's name.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn take(&self, caller: &str, per_second: u32, burst: u32) -> Result<Taken, QueueError> {
        let keys = [format!("{{{}:rate:{}}}", self.namespace, Digest::of(caller))];
        let arguments = vec![self.present(), per_second.max(1).to_string(), burst.max(1).to_string()];
        let call = Call::Script { script: &script::RATE, keys: &keys, arguments };
        let answer = self.link.make("counting a request", &call).await?;
        let (accepted, remaining, micros): (bool, u32, u64) = get(answer)?;
        Ok(Taken { remaining, wait: (!accepted).then(|| Duration::from_micros(micros)) })
    }
}
