//! Logs and metrics.

use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use zkflow_core::service::queue::QueueName;
use zkflow_core::witness::Way;

use crate::config::{LogFormat, LogLevel};

/// Counter of requests, by method, route and status.
pub const HTTP_REQUESTS: &str = "zkflow_http_requests_total";
/// Histogram of the time until a response's headers, by method and route.
pub const HTTP_DURATION: &str = "zkflow_http_request_duration_seconds";
/// Gauge: 1 if the last check of the backend succeeded, else 0; by backend.
pub const BACKEND_UP: &str = "zkflow_backend_up";
/// Gauge of jobs, by queue and state.
pub const QUEUE_JOBS: &str = "zkflow_queue_jobs";
/// Gauge of the age of the oldest ready job, by queue.
pub const QUEUE_AGE: &str = "zkflow_queue_oldest_ready_seconds";
/// Histogram of the duration of stages, by flow and stage.
pub const STAGE_DURATION: &str = "zkflow_stage_duration_seconds";
/// Counter of failures, by queue and error code.
pub const FAILURES: &str = "zkflow_failures_total";
/// Counter of witnesses, by calculation method.
pub const WITNESSES: &str = "zkflow_witnesses_total";

/// Upper bounds of the histogram buckets, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Interval of [`upkeep`].
const UPKEEP: Duration = Duration::from_secs(5);

/// Records the duration of a stage (`compile`, `setup`, `witness`, `prove`, …) of a flow (`circuit`, `proof`
/// or `deployment`).
pub fn stage_took(flow: &'static str, stage: &'static str, time: Duration) {
    histogram!(STAGE_DURATION, "flow" => flow, "stage" => stage).record(time);
}

/// Counts a witness. The method `module_after_mismatch` shows that a tape is wrong.
pub fn witness_calculated(way: Way) {
    counter!(WITNESSES, "way" => way.as_str()).increment(1);
}

/// Counts a job that failed permanently; `code` is the stable error code.
pub fn job_failed(queue: QueueName, code: String) {
    counter!(FAILURES, "queue" => queue.as_str(), "code" => code).increment(1);
}

/// Returns the handle that renders the metrics. The first call installs the recorder.
///
/// # Panics
/// A different recorder is already installed.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &BUCKETS)
        .expect("the list of buckets is not empty")
        .install_recorder()
        .expect("no other recorder is installed");
    describe_counter!(HTTP_REQUESTS, "Requests by method, route and status");
    describe_histogram!(HTTP_DURATION, Unit::Seconds, "Time until the headers of a response");
    describe_gauge!(BACKEND_UP, "Whether the last check of the backend succeeded");
    describe_gauge!(QUEUE_JOBS, "Jobs by queue and state");
    describe_gauge!(QUEUE_AGE, Unit::Seconds, "Age of the oldest ready job");
    describe_histogram!(STAGE_DURATION, Unit::Seconds, "Duration of a stage");
    describe_counter!(WITNESSES, "Witnesses by calculation method");
    describe_counter!(FAILURES, "Failures by queue and error code");
    handle
}

/// Regularly moves recorded values into the histograms; without it they use memory until the metrics are
/// read. Never returns.
pub async fn upkeep(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

/// Makes panics print their thread and location, but not their message, which may contain private inputs.
pub fn panics_without_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        // The log may be the part that panicked, and `eprintln` may panic itself: neither is used here.
        let _ = match panic.location() {
            Some(place) => writeln!(std::io::stderr(), "zkflow: thread {thread} panicked at {place}"),
            None => writeln!(std::io::stderr(), "zkflow: thread {thread} panicked"),
        };
    }));
}

/// Sends the log to standard error. Does nothing if a log is already set up.
pub fn log_to_stderr(level: LogLevel, format: LogFormat) {
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    // An error means that a log is already set up.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// The log filter: `level` for our own crates, at most info for libraries. Debug and trace messages of HTTP,
/// TLS and database libraries show transferred bytes, which contain private inputs.
pub fn filter(level: LogLevel) -> EnvFilter {
    let (ours, others) = match level {
        LogLevel::Error => ("error", "error"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Debug => ("debug", "info"),
        LogLevel::Trace => ("trace", "info"),
    };
    let crates = [
        "zkflow",
        "zkflow_bn254",
        "zkflow_circom",
        "zkflow_core",
        "zkflow_evm",
        "zkflow_groth16",
        "zkflow_queue",
        "zkflow_server",
        "zkflow_store",
    ];
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
