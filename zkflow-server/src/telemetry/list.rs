//! The list of all metrics, from which they are described and documented.

/// A metric of the processes `zkflow serve` and `zkflow worker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name in Prometheus.
    pub name: &'static str,
    /// Type in Prometheus.
    pub kind: MetricKind,
    /// Names of the labels, separated by commas.
    pub labels: &'static str,
    /// Meaning, with the unit.
    pub help: &'static str,
}

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Grows until the process ends.
    Counter,
    /// A present value.
    Gauge,
    /// Counts of values up to the bounds of buckets, in seconds.
    Histogram,
}

impl MetricKind {
    /// Name in Prometheus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(name: &'static str, labels: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, help }
}

/// All metrics but those of the process (`process_*`), by subject. Other crates record some of them by name.
pub const METRICS: &[Metric] = &[
    gauge(
        "zkflow_build_info",
        "version,kernel",
        "1; the labels name the version and the kernel of the prover",
    ),
    counter("zkflow_http_requests_total", "method,route,status", "Requests answered"),
    histogram("zkflow_http_request_duration_seconds", "method,route", "Time until the headers of an answer"),
    gauge("zkflow_http_connections", "", "Open connections"),
    counter(
        "zkflow_http_connections_refused_total",
        "",
        "Connections closed because their address had its share",
    ),
    gauge(
        "zkflow_budget_used",
        "budget",
        "Used part of a budget: bytes of bodies, downloads, or waiting requests",
    ),
    gauge("zkflow_budget_limit", "budget", "Size of a budget"),
    gauge("zkflow_backend_up", "backend", "1 if the last check of the backend succeeded, else 0"),
    counter("zkflow_backend_errors_total", "backend", "Failed calls to a backend"),
    counter("zkflow_backend_refused_total", "backend", "Calls not made after too many failures"),
    gauge(
        "zkflow_clock_behind_seconds",
        "",
        "Difference of the clock of Redis from that of the machine, which it corrects",
    ),
    gauge("zkflow_queue_jobs", "queue,state", "Jobs"),
    gauge("zkflow_queue_oldest_ready_seconds", "queue", "Age of the oldest waiting job, in seconds"),
    histogram(
        "zkflow_queue_wait_seconds",
        "queue",
        "Time from the moment a job is due until a worker takes it",
    ),
    counter("zkflow_queue_errors_total", "queue", "Failed attempts to take jobs"),
    counter(
        "zkflow_reconciled_total",
        "action",
        "Jobs restored or documents failed by comparing catalog and queue",
    ),
    counter("zkflow_jobs_started_total", "queue", "Attempts of jobs that started"),
    counter("zkflow_jobs_finished_total", "queue,outcome", "Attempts of jobs that ended"),
    histogram("zkflow_job_duration_seconds", "queue,outcome", "Duration of an attempt of a job"),
    counter(
        "zkflow_job_attempts_failed_total",
        "queue,kind",
        "Attempts of jobs that failed, also those tried again",
    ),
    counter("zkflow_jobs_given_back_total", "queue,kind", "Attempts of jobs given back uncharged"),
    counter(
        "zkflow_documents_failed_total",
        "queue,code",
        "Circuits, proofs and deployments that failed for good",
    ),
    histogram(
        "zkflow_stage_duration_seconds",
        "flow,stage",
        "Duration of a stage of a circuit, proof or deployment",
    ),
    counter("zkflow_witnesses_total", "way", "Witnesses, by calculation method"),
    counter(
        "zkflow_tenant_proofs_total",
        "tenant",
        "Proofs that were made; this and the next five only with `metrics_tenants`",
    ),
    counter("zkflow_tenant_failed_proofs_total", "tenant", "Proof requests that failed for good"),
    counter(
        "zkflow_tenant_work_milliseconds_total",
        "tenant",
        "Time of workers on circuits, proofs and deployments, also on attempts that failed",
    ),
    counter(
        "zkflow_tenant_cpu_milliseconds_total",
        "tenant,stage",
        "Processor time of a stage, also in attempts that failed",
    ),
    counter(
        "zkflow_tenant_stored_bytes_total",
        "tenant",
        "Bytes of the files that builds of circuits stored",
    ),
    counter(
        "zkflow_tenant_requests_refused_total",
        "tenant",
        "Requests answered with 429: a limit of the caller, the tenant or the server is reached",
    ),
    counter("zkflow_artifact_cache_total", "outcome", "Reads of artifacts through the local cache"),
    counter(
        "zkflow_circuit_cache_total",
        "outcome",
        "Uses of circuits in memory: `hit`, or `miss` if it was loaded",
    ),
    counter(
        "zkflow_gpu_faults_total",
        "",
        "Wrong proofs of the GPU; none was published, the processor made them again",
    ),
    gauge(
        "zkflow_gpu_set_aside",
        "",
        "1 if the processor makes the proofs of the configured GPU: it was set aside after faults, or cannot be used",
    ),
    gauge(
        "zkflow_signer_balance_ether",
        "signer,chain",
        "What a signer of the operator owns on a chain, in coins of 10^18 wei; NaN if its node does not answer",
    ),
    gauge("zkflow_disk_free_bytes", "folder", "Free space of the file system of a folder"),
    gauge("zkflow_database_bytes", "", "Size of the SQLite file with its log"),
    histogram(
        "zkflow_database_commit_duration_seconds",
        "durability",
        "Duration of a commit to the SQLite file: `now` contains the wait for the disk (fsync), `soon` does not",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Adds the names of metrics in the sources in `folder`: literals that start with `zkflow_`.
    fn recorded(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                recorded(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("telemetry/list.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let names = source.split("\"zkflow_").skip(1).filter_map(|rest| rest.split_once('"'));
                found.extend(names.map(|(name, _)| format!("zkflow_{name}")));
            }
        }
    }

    /// Literals that are names of crates.
    fn is_crate(name: &str) -> bool {
        Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(name.replace('_', "-")).is_dir()
    }

    #[test]
    fn the_list_has_every_metric_that_is_recorded_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut found = BTreeSet::new();
        for name in ["zkflow-server", "zkflow-queue", "zkflow-store", "zkflow-evm"] {
            recorded(&root.join(name).join("src"), &mut found);
        }
        let listed: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
        // Tests contain lines with labels.
        found.retain(|name| !is_crate(name) && !name.contains('{'));
        assert_eq!(found, listed);
        assert_eq!(listed.len(), METRICS.len(), "a name occurs twice");
    }
}
