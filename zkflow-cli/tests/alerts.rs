//! The alert rules for Prometheus, on the metrics of a server that works, fails, is killed, started again, and loses its queue.
//!
//! Each look at `/metrics` stands for ten minutes, in which its values do not change. A short run causes no job of five minutes and no full
//! disk: the rules for these are tested with lower thresholds on recorded metrics, and with their own on written ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zkflow_server::client::{Client, LocalChain, LocalServer};
use zkflow_testbed::{RedisOptions, RedisServer};

const PATIENCE: Duration = Duration::from_secs(60);
/// Minutes that a look stands for.
const LOOK: usize = 10;

/// The values of all series of `/metrics`, look by look.
#[derive(Default)]
struct Recording(Vec<BTreeMap<String, String>>);

impl Recording {
    async fn look(&mut self, server: &LocalServer) {
        let text = metrics(server).await;
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        self.0.push(
            lines
                .map(|line| line.rsplit_once(' ').unwrap())
                .map(|(series, value)| (scraped(series), value.to_owned()))
                .collect(),
        );
    }

    /// Nothing has changed at the next look.
    fn look_again(&mut self) {
        self.0.extend(self.0.last().cloned());
    }

    /// A test of promtool: the series, and the expected state of each alert in a minute.
    fn test(&self, rules: &Path, expected: &[(&str, usize, Option<&str>)]) -> String {
        let mut names: Vec<&String> = self.0.iter().flat_map(BTreeMap::keys).collect();
        names.sort();
        names.dedup();
        let mut test = format!("rule_files: [{}]\nevaluation_interval: 1m\ntests:\n", rules.display());
        test += "  - interval: 1m\n    input_series:\n";
        for name in names {
            let values = self.0.iter().map(|look| look.get(name).map_or("_", String::as_str));
            let values: Vec<String> = values.map(|value| [value; LOOK].join(" ")).collect();
            test += &format!("      - {{series: '{name}', values: '{}'}}\n", values.join(" "));
        }
        test += "    alert_rule_test:\n";
        for (alert, at, fired) in expected {
            test += &format!("      - alertname: {alert}\n        eval_time: {at}m\n");
            test += &match fired {
                None => "        exp_alerts: []\n".to_owned(),
                Some(fired) => format!("        exp_alerts:\n          - {fired}\n"),
            };
        }
        test
    }
}

/// The series with the labels that Prometheus adds.
fn scraped(series: &str) -> String {
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let more = if labels == "}" { "" } else { "," };
    format!(r#"{name}{{job="zkflow",instance="one"{more}{labels}"#)
}

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/alerts.yml").canonicalize().unwrap()
}

/// The rules for a queue that waits and for a full disk, with thresholds that a short run reaches.
fn easier(rules: &str) -> String {
    let changes = [
        ("zkflow_queue_oldest_ready_seconds) > 300", "zkflow_queue_oldest_ready_seconds) > 0.5"),
        ("{{ $value | humanizeDuration }}", "some time"),
        ("zkflow_disk_free_bytes < 2 * 1024^3", "zkflow_disk_free_bytes < 1024^6"),
    ];
    changes.iter().fold(rules.to_owned(), |rules, (from, to)| {
        assert_eq!(rules.matches(from).count(), 1, "{from}");
        rules.replace(from, to)
    })
}

/// Runs a test of promtool.
#[track_caller]
fn passes(test: &Path) {
    let done = Command::new("promtool").args(["test", "rules"]).arg(test).output();
    let done = done.expect("promtool is installed by `make setup`");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}

/// The age of the oldest waiting job of a queue in seconds.
fn age(metrics: &str, queue: &str) -> f64 {
    let series = format!("zkflow_queue_oldest_ready_seconds{{queue=\"{queue}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

async fn metrics(server: &LocalServer) -> String {
    reqwest::get(format!("{}/metrics", server.base())).await.unwrap().text().await.unwrap()
}

/// A server that keeps the last circuit alone in memory.
fn serve(data: &Path, redis: &RedisServer, chain: &LocalChain) -> LocalServer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command
        .args([
            "serve",
            "--port",
            "0",
            "--log-level",
            "error",
            "--job-attempts",
            "1",
            "--lease-s",
            "3",
            "--data-dir",
        ])
        .arg(data)
        .arg("--module-cache")
        .arg(std::env::temp_dir().join("zkflow-test-modules"))
        .args(["--circuit-cache-mib", "0", "--signers", "ops=env:DEPLOYER_KEY", "--rpc-urls"])
        .arg(format!("31337={}", chain.url()))
        .env("DEPLOYER_KEY", &chain.keys()[0])
        .env("REDIS_URL", redis.url())
        .env("ZKFLOW_SECRET_KEY", "00112233445566778899aabbccddeeff".repeat(2))
        .stderr(Stdio::inherit());
    LocalServer::spawn(command).unwrap()
}

/// Asks for proofs of an age with one circuit after the other, and returns their codes of failure.
async fn prove(client: &Client, circuits: &[String], age: u64, times: usize) -> Vec<Value> {
    let mut codes = Vec::new();
    for circuit in circuits.iter().cycle().take(times) {
        let (private, public) = (json!({"age": age}), json!({"randomPublicSignal": "7"}));
        let id = client.request_proof(circuit, private, public).await.unwrap();
        let proof = client.proof(&id, PATIENCE).await.unwrap();
        codes.push(proof["error"]["code"].clone());
    }
    codes
}

/// Waits until the metrics of the server contain this line.
async fn until(server: &LocalServer, line: &str) {
    let began = Instant::now();
    while !metrics(server).await.contains(line) {
        assert!(began.elapsed() < PATIENCE, "no {line}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alert_rules_fire_on_the_metrics_of_a_server_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start(RedisOptions::default()).unwrap();
    let chain = LocalChain::start(&[]).unwrap();
    let balance = r#"zkflow_signer_balance_ether{signer="ops",chain="31337"} "#;
    let mut recording = Recording::default();

    // Minute 0: it works.
    let mut server = serve(folder.path(), &redis, &chain);
    let client = server.client();
    let mut circuits = Vec::new();
    for max in [120, 121] {
        let params = json!({"min": 18, "max": max, "bits": 8});
        let circuit = client.circuit("rangeCheck", params, PATIENCE).await.unwrap();
        circuits.push(circuit["circuitId"].as_str().unwrap().to_owned());
    }
    assert_eq!(prove(&client, &circuits, 42, 2).await, [Value::Null, Value::Null]);
    until(&server, &format!("{balance}1")).await;
    recording.look(&server).await;
    // Minutes 10 to 50: requests with inputs that violate a constraint. Each loads the key.
    for _ in 0..5 {
        let codes = prove(&client, &circuits, 5, 16).await;
        assert!(codes.iter().all(|code| code == "constraint_failed"), "{codes:?}");
        recording.look(&server).await;
    }
    // Minute 60: the process was killed while it made the key of another circuit, which it may try once.
    client.request_circuit("batchRangeCheck", json!({"n": 64, "min": 18, "max": 120})).await.unwrap();
    until(&server, r#"zkflow_queue_jobs{queue="key-generation",state="leased"} 1"#).await;
    server.kill();
    // The account of anvil's first key.
    let account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    chain.call("anvil_setBalance", json!([account, "0xb1a2bc2ec50000"])).await.unwrap();
    server = serve(folder.path(), &redis, &chain);
    until(&server, r#"zkflow_queue_jobs{queue="key-generation",state="dead"} 1"#).await;
    recording.look(&server).await;
    // Minutes 70 to 90: it is started again and again, and its signer owns 0.05 coins.
    for _ in 0..3 {
        assert_eq!(server.terminate().unwrap(), Some(0));
        server = serve(folder.path(), &redis, &chain);
        until(&server, &format!("{balance}0.05")).await;
        recording.look(&server).await;
    }
    // Beside it: a request for a proof waits in a paused queue.
    let pause = format!("{}/v1/queues/proof-generation/pause", server.base());
    assert!(reqwest::Client::new().post(pause).send().await.unwrap().status().is_success());
    let (client, began) = (server.client(), Instant::now());
    loop {
        let age = age(&metrics(&server).await, "proof-generation");
        if age > 1.0 {
            break;
        }
        // A worker that waited for a job before the pause may take one.
        if age == 0.0 {
            let (private, public) = (json!({"age": 42}), json!({"randomPublicSignal": "7"}));
            client.request_proof(&circuits[0], private, public).await.unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "no job waits in the paused queue");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut waiting = Recording::default();
    waiting.look(&server).await;
    // Minute 100: Redis is down.
    redis.stop().unwrap();
    until(&server, r#"zkflow_backend_up{backend="queue"} 0"#).await;
    recording.look(&server).await;

    let text = std::fs::read_to_string(rules()).unwrap();
    let alerts = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut expected: Vec<(&str, usize, Option<&str>)> = alerts.map(|alert| (alert, 9, None)).collect();
    let never = ["WrongTape", "GpuFaults", "GpuSetAside", "BudgetUsedUp", "QueueWaits"];
    let never = never.map(|name| format!("Zkflow{name}"));
    expected.extend(never.iter().map(|alert| (&**alert, 109, None)));
    expected.extend([
        ("ZkflowDocumentsFail", 59, Some(r#"{exp_labels: {severity: ticket, queue: proof-generation}, exp_annotations: {summary: "proof-generation: more than half of the requests fail", description: "zkflow_documents_failed_total has the codes. Codes such as constraint_failed are the callers' faults."}}"#)),
        ("ZkflowDeadLetters", 59, None),
        ("ZkflowSignerIsPoor", 59, None),
        ("ZkflowKeysAreLoadedAgain", 59, Some(r#"{exp_labels: {severity: ticket, instance: one}, exp_annotations: {summary: "one: more than half of the proofs load their key", description: "The circuits in use do not fit into circuit_cache_mib."}}"#)),
        ("ZkflowSignerIsPoor", 95, Some(r#"{exp_labels: {severity: ticket, signer: ops, chain: "31337"}, exp_annotations: {summary: "ops owns 0.05 coins on chain 31337", description: "Deployments fail with insufficient_funds when it cannot pay for them. Send coins to its address."}}"#)),
        ("ZkflowDeadLetters", 65, Some(r#"{exp_labels: {severity: ticket, queue: key-generation}, exp_annotations: {summary: "key-generation: 1 jobs failed at every attempt", description: "The log has the reason of each attempt under the id of the job."}}"#)),
        ("ZkflowRestarts", 89, None),
        ("ZkflowRestarts", 95, Some(r#"{exp_labels: {severity: ticket, job: zkflow, instance: one}, exp_annotations: {summary: "one has started 4 times in an hour", description: "Look for out-of-memory kills: proof_memory_mib must fit into the memory of the container."}}"#)),
        ("ZkflowBackendDown", 99, None),
        ("ZkflowBackendDown", 105, Some(r#"{exp_labels: {severity: page, job: zkflow, instance: one, backend: queue}, exp_annotations: {summary: "one: queue does not answer", description: "Requests that need it get 503, and jobs are given back uncharged. GET /ready names the reason."}}"#)),
    ]);
    let test = folder.path().join("recorded.test.yml");
    std::fs::write(&test, recording.test(&rules(), &expected)).unwrap();
    passes(&test);

    let (rules, test) = (folder.path().join("easier.yml"), folder.path().join("easier.test.yml"));
    std::fs::write(&rules, easier(&text)).unwrap();
    let folders = waiting.0[0].keys().filter_map(|series| {
        let labels = series.strip_prefix("zkflow_disk_free_bytes{")?;
        Some(labels.split_once("folder=\"")?.1.split_once('"')?.0)
    });
    let full = folders.map(|folder| format!(r#"{{exp_labels: {{severity: page, job: zkflow, instance: one, folder: {folder}}}, exp_annotations: {{summary: "one: the disk of the folder {folder} is or will soon be full", description: "Without space, requests get 503. Nothing that was accepted is lost."}}}}"#));
    let full = full.collect::<Vec<_>>().join("\n          - ");
    let expected = [
        ("ZkflowQueueWaits", 4, None),
        (
            "ZkflowQueueWaits",
            9,
            Some(
                r#"{exp_labels: {severity: page, queue: proof-generation}, exp_annotations: {summary: "proof-generation: a job has waited for some time", description: "Start more workers of this queue, or look in the log for jobs given back."}}"#,
            ),
        ),
        ("ZkflowDiskFull", 9, None),
        ("ZkflowDiskFull", 19, Some(&*full)),
    ];
    // The alert of the disk needs ten minutes.
    waiting.look_again();
    std::fs::write(&test, waiting.test(&rules, &expected)).unwrap();
    passes(&test);
}
