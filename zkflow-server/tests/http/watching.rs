//! Metrics, and the dashboard and alert rules that use them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zkflow_server::telemetry::METRICS;
use zkflow_testbed::page;

use crate::support::{Server, completed_proof};

const HEAD: &str = "\
# Metrics

`GET /metrics` answers in the text format of Prometheus. Histograms have buckets from 1 ms to 5 minutes. A dashboard for Grafana
and alert rules are in [`deploy/grafana`](../deploy/grafana).

| metric | type | labels | meaning |
|---|---|---|---|
";

const FOOT: &str = "\
| `process_*` | gauge, counter | | Processor time, memory, files, threads and start of the process, as in all clients of Prometheus |

`zkflow_witnesses_total`, `zkflow_circuit_cache_total` and `zkflow_gpu_faults_total` begin with 0; another counter is absent until its
first event. This page is generated from the sources: `UPDATE_PAGES=1 make test` writes it again.
";

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let rows = METRICS.iter().map(|metric| {
        let labels: Vec<String> = metric
            .labels
            .split(',')
            .filter(|label| !label.is_empty())
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        format!("| `{name}` | {kind} | {labels} | {} |\n", metric.help)
    });
    page::check("docs/metrics.md", &[HEAD.to_owned(), rows.collect(), FOOT.to_owned()].concat());
}

/// Runs promtool, a part of Prometheus.
fn promtool(arguments: &[&str], folder: &Path, input: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `make setup`");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), text)
}

fn grafana() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana")
}

#[tokio::test]
async fn promtool_finds_no_fault_in_the_metrics_of_a_server_that_has_worked() {
    completed_proof().await;
    let server = Server::idle().await;
    let text = server.get("/metrics").await.text().to_owned();
    assert_eq!(promtool(&["check", "metrics"], &grafana(), &text), (true, String::new()));
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert_ne!(kind, "summary", "{name}: its quantiles cannot be combined");
        let listed = METRICS.iter().any(|metric| metric.name == name && metric.kind.as_str() == kind);
        assert!(listed || name.starts_with("process_"), "{name} is not in the list");
    }
    for name in [
        "zkflow_queue_wait_seconds_bucket",
        "zkflow_job_duration_seconds_bucket",
        "process_cpu_seconds_total",
    ] {
        assert!(text.contains(name), "no {name} in\n{text}");
    }
}

#[test]
fn alert_rules_fire_when_they_should() {
    let (passed, text) = promtool(&["test", "rules", "alerts.test.yml"], &grafana(), "");
    assert!(passed, "{text}");
}

/// The words of `text` that are names of metrics of ZKFlow.
fn used(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("zkflow_"))
        .map(|word| word.trim_end_matches("_bucket").to_owned())
        .collect()
}

#[test]
fn the_dashboard_and_every_alert_use_metrics_that_exist_and_every_alert_is_tested() {
    let read = |name: &str| std::fs::read_to_string(grafana().join(name)).unwrap();
    let (rules, tests, dashboard) = (read("alerts.yml"), read("alerts.test.yml"), read("dashboard.json"));
    let exists: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    for name in used(&rules).into_iter().chain(used(&dashboard)) {
        assert!(exists.contains(&name), "{name} does not exist");
    }
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10);
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} never fires in a test");
    }
}
