//! [`Workers`]: settings of the work on jobs.

use std::time::Duration;

use super::setting::{YEAR_S, settings};

settings! {
    /// Workers
    Workers at workers {
        /// Run jobs in this process, not only the API
        enabled: bool = true, "workers", "ZKFLOW_WORKERS";
        /// Number of circuits built in parallel
        keygen_concurrency: u32 = 1, "keygen-concurrency", "KEYGEN_CONCURRENCY", 1..=1024;
        /// Number of proofs made in parallel
        proof_concurrency: u32 = 2, "proof-concurrency", "PROOF_CONCURRENCY", 1..=1024;
        /// Number of deployments in parallel
        deploy_concurrency: u32 = 4, "deploy-concurrency", "ZKFLOW_DEPLOY_CONCURRENCY", 1..=1024;
        /// Attempts of a job, other than a deployment, before it is abandoned. Failures and worker crashes
        /// both count
        job_attempts: u32 = 3, "job-attempts", "ZKFLOW_JOB_ATTEMPTS", 1..=1000;
        /// Lease of a job. A job is handed out again if its worker is silent for this long
        lease_s: u64 = 30, "lease-s", "ZKFLOW_LEASE_S", 1..=YEAR_S;
        /// Time that running jobs have to finish after a stop signal
        drain_s: u64 = 30, "drain-s", "ZKFLOW_DRAIN_S", 0..=YEAR_S;
        /// Interval between removals of expired requests. Orphaned artifacts are removed hourly
        cleanup_interval_s: u64 = 60, "cleanup-interval-s", "ZKFLOW_CLEANUP_INTERVAL_S", 1..=YEAR_S;
        /// Interval between searches for pending work that the queue lost
        reconcile_interval_s: u64 = 10, "reconcile-interval-s", "ZKFLOW_RECONCILE_INTERVAL_S", 1..=YEAR_S;
    }
}

impl Workers {
    /// Lease of a job.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_s)
    }

    /// Time that running jobs have to finish after a stop signal.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s)
    }

    /// Interval between removals of expired requests.
    pub fn cleanup_interval(&self) -> Duration {
        Duration::from_secs(self.cleanup_interval_s)
    }

    /// Interval between searches for pending work that the queue lost.
    pub fn reconcile_interval(&self) -> Duration {
        Duration::from_secs(self.reconcile_interval_s)
    }
}
