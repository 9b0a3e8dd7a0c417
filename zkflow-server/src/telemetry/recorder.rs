//! Records the metrics of this crate, and renders all.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use zkflow_core::prove::Kernel;
use zkflow_core::witness::Way;

use super::list::{METRICS, MetricKind};

pub(crate) const HTTP_REQUESTS: &str = "zkflow_http_requests_total";
pub(crate) const HTTP_DURATION: &str = "zkflow_http_request_duration_seconds";
pub(crate) const CONNECTIONS: &str = "zkflow_http_connections";
pub(crate) const CONNECTIONS_REFUSED: &str = "zkflow_http_connections_refused_total";
pub(crate) const BACKEND_UP: &str = "zkflow_backend_up";
pub(crate) const QUEUE_JOBS: &str = "zkflow_queue_jobs";
pub(crate) const QUEUE_AGE: &str = "zkflow_queue_oldest_ready_seconds";
const STAGE_DURATION: &str = "zkflow_stage_duration_seconds";
const WITNESSES: &str = "zkflow_witnesses_total";
const BUILD: &str = "zkflow_build_info";

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Interval of [`upkeep`].
const UPKEEP: Duration = Duration::from_secs(5);

/// Records the duration of a stage (`compile`, `setup`, `witness`, `prove`, …) of a flow (`circuit`, `proof`
/// or `deployment`).
pub(crate) fn stage_took(flow: &'static str, stage: &'static str, time: Duration) {
    histogram!(STAGE_DURATION, "flow" => flow, "stage" => stage).record(time);
}

/// Counts a witness. The method `module_after_mismatch` shows that a tape is wrong.
pub(crate) fn witness_calculated(way: Way) {
    counter!(WITNESSES, "way" => way.as_str()).increment(1);
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
    let histograms = METRICS.iter().filter(|metric| metric.kind == MetricKind::Histogram);
    let builder = histograms.fold(PrometheusBuilder::new(), |builder, metric| {
        builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &BUCKETS)
            .expect("the list of buckets is not empty")
    });
    let handle = builder.install_recorder().expect("no other recorder is installed");
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.help),
        }
    }
    Collector::default().describe();
    // From zero on: Prometheus sees no increase in a series that begins with its first event.
    for way in [Way::Tape, Way::Module, Way::ModuleAfterGuard, Way::ModuleAfterMismatch] {
        counter!(WITNESSES, "way" => way.as_str()).increment(0);
    }
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION"), "kernel" => Kernel::detect().name()).set(1.0);
    handle
}

/// The metrics in the text format of Prometheus, with those of the process as they are now.
pub(crate) fn render(metrics: &PrometheusHandle) -> String {
    Collector::default().collect();
    metrics.run_upkeep();
    metrics.render()
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

#[cfg(test)]
mod tests {
    use zkflow_core::service::queue::QueueName;
    use zkflow_queue::ended::count_failed;

    use super::*;

    #[test]
    fn recorded_values_are_rendered_with_their_type_and_meaning() {
        let handle = metrics();
        stage_took("proof", "prove", Duration::from_millis(20));
        count_failed(QueueName::ProofGeneration, "constraint_failed".to_owned());
        let text = render(&handle);
        for line in [
            r#"zkflow_stage_duration_seconds_count{flow="proof",stage="prove"} 1"#,
            "# TYPE zkflow_stage_duration_seconds histogram",
            r#"zkflow_documents_failed_total{queue="proof-generation",code="constraint_failed"} 1"#,
            r#"zkflow_witnesses_total{way="module_after_mismatch"} 0"#,
            "# TYPE process_cpu_seconds_total counter",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        // Every metric that is rendered has a meaning.
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no HELP");
        }
    }
}
