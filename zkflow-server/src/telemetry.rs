//! Logs and metrics.

mod list;
mod log;
mod recorder;
mod traces;
mod usage;

pub use list::{METRICS, Metric, MetricKind};
pub use log::{filter, finish, log_to_stderr, panics_without_messages};
pub(crate) use recorder::{
    BACKEND_UP, CONNECTIONS, CONNECTIONS_REFUSED, HTTP_DURATION, HTTP_REQUESTS, QUEUE_AGE, QUEUE_JOBS,
    render, stage_took, witness_calculated,
};
pub use recorder::{metrics, upkeep};
pub(crate) use traces::join;
pub(crate) use usage::{CacheFolder, Disk, cached_bytes, database_bytes, disks, measure, resident_bytes};
