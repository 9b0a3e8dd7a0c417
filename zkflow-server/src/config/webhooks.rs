//! [`Webhooks`]: settings of events that are sent to callbacks.

use std::time::Duration;

use super::setting::{YEAR_S, settings};

settings! {
    /// Webhooks
    Webhooks at webhooks {
        /// Send the ends of circuits, proofs and deployments to callbacks, which tenants set: https at public addresses
        /// only
        callbacks: bool = false, "callbacks", "ZKFLOW_CALLBACKS";
        /// Number of events sent in parallel
        callback_concurrency: u32 = 16, "callback-concurrency", "ZKFLOW_CALLBACK_CONCURRENCY", 1..=1024;
        /// Time in which an event is tried again until its receiver accepts it
        callback_time_s: u64 = 24 * 3600, "callback-time-s", "ZKFLOW_CALLBACK_TIME_S", 0..=YEAR_S;
        /// Accept http and loopback addresses of callbacks too. Never enable it on a server that others use
        local_callbacks: bool = false, "local-callbacks", "ZKFLOW_LOCAL_CALLBACKS";
    }
}

impl Webhooks {
    /// Time in which an event is tried again.
    pub fn callback_time(&self) -> Duration {
        Duration::from_secs(self.callback_time_s)
    }
}
