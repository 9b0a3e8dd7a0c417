//! Logs and metrics.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use zkflow_core::service::queue::QueueName;
use zkflow_core::witness::Way;

use crate::config::{LogFormat, LogLevel};

/// Requests by method, route and status.
pub const HTTP_REQUESTS: &str = "zkflow_http_requests_total";
/// Time to the head of a response, by method and route.
pub const HTTP_DURATION: &str = "zkflow_http_request_duration_seconds";
/// Whether the catalog, the store and the queue answered when they were asked last.
pub const BACKEND_UP: &str = "zkflow_backend_up";
/// Jobs by queue and state.
pub const QUEUE_JOBS: &str = "zkflow_queue_jobs";
/// Age of the job that waits longest, by queue.
pub const QUEUE_AGE: &str = "zkflow_queue_oldest_ready_seconds";
/// Time that a stage took, by flow and stage.
pub const STAGE_DURATION: &str = "zkflow_stage_duration_seconds";
/// Failures by queue and by the code of the error.
pub const FAILURES: &str = "zkflow_failures_total";
/// Witnesses by the way in which they were calculated.
pub const WITNESSES: &str = "zkflow_witnesses_total";

/// Upper bounds of the buckets of every duration, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Time between two moves of what was recorded.
const UPKEEP: Duration = Duration::from_secs(5);

/// Counts the time that a stage (`compile`, `setup`, `witness`, `prove`, …) of a flow (`circuit`,
/// `proof`) took.
pub fn stage_took(flow: &'static str, stage: &'static str, time: Duration) {
    histogram!(STAGE_DURATION, "flow" => flow, "stage" => stage).record(time);
}

/// Counts a witness; `module_after_mismatch` says that a tape is wrong.
pub fn witness_calculated(way: Way) {
    counter!(WITNESSES, "way" => way.as_str()).increment(1);
}

/// Counts a job that failed for good; `code` is the stable code of the error.
pub fn job_failed(queue: QueueName, code: String) {
    counter!(FAILURES, "queue" => queue.as_str(), "code" => code).increment(1);
}

/// Installs the recorder of metrics, the first time; the handle renders them.
///
/// # Panics
/// Another recorder was installed before.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &BUCKETS)
        .expect("there are buckets")
        .install_recorder()
        .expect("nothing else installs a recorder");
    describe_counter!(HTTP_REQUESTS, "Requests by method, route and status");
    describe_histogram!(HTTP_DURATION, Unit::Seconds, "Time to the head of a response");
    describe_gauge!(BACKEND_UP, "Whether the catalog, the store and the queue answered last");
    describe_gauge!(QUEUE_JOBS, "Jobs by queue and state");
    describe_gauge!(QUEUE_AGE, Unit::Seconds, "Age of the job that waits longest");
    describe_histogram!(STAGE_DURATION, Unit::Seconds, "Time that a stage took");
    describe_counter!(WITNESSES, "Witnesses by the way in which they were calculated");
    describe_counter!(FAILURES, "Failures by queue and code");
    handle
}

/// Moves what was recorded into the histograms now and then: without it, it heaps up until somebody
/// asks for the metrics. Never ends.
pub async fn upkeep(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

/// Lets a panic print its thread and place and never its message, which may hold private inputs.
pub fn panics_without_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        // Neither the log, which may be what panicked, nor `eprintln`, which may panic itself.
        let _ = match panic.location() {
            Some(place) => writeln!(std::io::stderr(), "zkflow: thread {thread} panicked at {place}"),
            None => writeln!(std::io::stderr(), "zkflow: thread {thread} panicked"),
        };
    }));
}

/// Sends the log to standard error.
///
/// Does nothing when a log is set up already.
pub fn log_to_stderr(level: LogLevel, format: LogFormat) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(level)).with_writer(std::io::stderr);
    // An error means that there is a log already.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Our own crates log at `level`, libraries never below info: at debug and trace an HTTP, TLS or
/// database library shows the bytes that pass through it, and those hold private inputs.
pub fn filter(level: LogLevel) -> EnvFilter {
    let (ours, others) = match level {
        LogLevel::Error => ("error", "error"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Debug => ("debug", "info"),
        LogLevel::Trace => ("trace", "info"),
    };
    let crates = ["zkflow", "zkflow_core", "zkflow_store", "zkflow_queue", "zkflow_server"];
    let ours = crates.map(|name| format!("{name}={ours}")).join(",");
    EnvFilter::new(format!("{others},sqlx=warn,{ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_do_not_log_their_bytes_at_any_level() {
        for level in [LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
            let filter = filter(level).to_string();
            let ours = |part: &str| part.starts_with("zkflow");
            for part in filter.split(',').filter(|part| !ours(part)) {
                assert!(["info", "warn", "sqlx=warn"].contains(&part), "{part}");
            }
        }
    }

    #[test]
    fn what_was_counted_is_rendered() {
        let handle = metrics();
        stage_took("proof", "prove", Duration::from_millis(20));
        job_failed(QueueName::ProofGeneration, "constraint_failed".to_owned());
        let text = handle.render();
        assert!(
            text.contains(r#"zkflow_stage_duration_seconds_count{flow="proof",stage="prove"} 1"#),
            "{text}"
        );
        assert!(text.contains(r#"code="constraint_failed""#), "{text}");
    }
}
