//! What the log and the metrics of a server tell its operator.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zkflow_server::client::LocalServer;

const PATIENCE: Duration = Duration::from_secs(300);
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const MANIFEST: &str = "title = 't'\ndescription = 'd'\n[[inputs]]\nname = 'a'\ndescription = 'd'\n\
                        [[outputs]]\nname = 'b'\ndescription = 'd'\n[example.inputs]\na = 3\n";
/// A source that does not compile.
const BROKEN: &str = "pragma circom 2.0.0;\ntemplate Broken() { signal input a; signal output b; b <== a * missing; }\n\
                      component main = Broken();\n";

/// A server whose log goes to the file `log` in its data folder.
fn start(folder: &Path, args: &[&str]) -> LocalServer {
    let modules = std::env::temp_dir().join("zkflow-test-modules");
    let usual = ["--log-level", "info", "--module-cache", modules.to_str().unwrap()];
    let log = File::create(folder.join("log")).unwrap();
    let executable = Path::new(env!("CARGO_BIN_EXE_zkflow"));
    LocalServer::start(executable, folder, &[&usual, args].concat(), log.into()).unwrap()
}

/// The lines of a log in JSON.
fn lines(folder: &Path) -> Vec<Value> {
    let log = fs::read_to_string(folder.join("log")).unwrap();
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The only line that `is_meant`.
fn only(lines: &[Value], is_meant: impl Fn(&Value) -> bool) -> &Value {
    let found: Vec<&Value> = lines.iter().filter(|line| is_meant(line)).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0]
}

/// A request with ids of its own; returns the document.
async fn post(server: &LocalServer, path: &str, id: &str, body: Value) -> Value {
    let request = reqwest::Client::new().post(format!("{}{path}", server.base())).json(&body);
    let request = request.header("x-request-id", id).header("traceparent", TRACEPARENT);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202, "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

/// The document at `path`, when it is final.
async fn ended(server: &LocalServer, path: &str) -> Value {
    let began = Instant::now();
    loop {
        let document = server.client().get(&format!("{path}?wait=30")).await.unwrap().body;
        if document["status"] != "pending" {
            return document;
        }
        assert!(began.elapsed() < PATIENCE, "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_circuit_proof_and_job_ends_with_one_line_that_names_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    fs::create_dir_all(templates.join("broken")).unwrap();
    fs::write(templates.join("broken/manifest.toml"), MANIFEST).unwrap();
    fs::write(templates.join("broken/template.circom"), BROKEN).unwrap();
    let server = start(folder.path(), &["--log-format", "json", "--templates", templates.to_str().unwrap()]);
    let broken = post(&server, "/v1/circuits", "for-broken", json!({"templateName": "broken"})).await;
    let broken = broken["circuitId"].as_str().unwrap();
    let uncompiled = ended(&server, &format!("/v1/circuits/{broken}")).await;
    assert_eq!(uncompiled["status"], "failed", "{uncompiled}");
    let wanted = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120, "bits": 8}});
    let circuit = post(&server, "/v1/circuits", "for-circuit", wanted).await;
    let circuit = circuit["circuitId"].as_str().unwrap();
    assert_eq!(ended(&server, &format!("/v1/circuits/{circuit}")).await["status"], "ready");
    let prove = async |id: &str, age: u64| {
        let (private, public) = (json!({"age": age}), json!({"randomPublicSignal": 7}));
        let body = json!({"circuitId": circuit, "privateInputs": private, "publicInputs": public});
        let proof = post(&server, "/v1/proofs", id, body).await;
        let proof = proof["proofRequestId"].as_str().unwrap().to_owned();
        (ended(&server, &format!("/v1/proofs/{proof}")).await, proof)
    };
    let (made, proof) = prove("for-proof", 42).await;
    assert_eq!(made["status"], "completed", "{made}");
    let (refused, wrong) = prove("for-wrong-proof", 17).await;
    assert_eq!(refused["error"]["code"], "constraint_failed", "{refused}");
    assert_eq!(server.terminate().unwrap(), Some(0));

    let lines = lines(folder.path());
    for (kind, id, status, request, failure, queue) in [
        ("circuit", circuit, "ready", "for-circuit", None, "key-generation"),
        ("circuit", broken, "failed", "for-broken", Some(&uncompiled), "key-generation"),
        ("proof request", proof.as_str(), "completed", "for-proof", None, "proof-generation"),
        ("proof request", wrong.as_str(), "failed", "for-wrong-proof", Some(&refused), "proof-generation"),
    ] {
        let of_document = |line: &Value| line["fields"]["message"] == "ended" && line["fields"]["id"] == id;
        let line = only(&lines, of_document);
        let fields = &line["fields"];
        assert_eq!((&fields["kind"], &fields["status"]), (&json!(kind), &json!(status)), "{line}");
        assert_eq!((&fields["request"], &fields["attempt"]), (&json!(request), &json!(1)), "{line}");
        assert_eq!(fields["traceparent"], TRACEPARENT, "{line}");
        assert!(fields["ms"].is_u64(), "{line}");
        let level = if failure.is_some() { "WARN" } else { "INFO" };
        assert_eq!(line["level"], level, "{line}");
        match failure {
            None => assert!(fields.get("code").is_none() && fields.get("reason").is_none(), "{line}"),
            Some(document) => {
                assert_eq!(fields["code"], document["error"]["code"], "{line}");
                let told = document["error"]["message"].as_str().unwrap();
                assert!(fields["reason"].as_str().unwrap().starts_with(told), "{line}");
            }
        }

        let of_job = |line: &Value| line["fields"]["message"] == "job ended" && line["span"]["subject"] == id;
        let line = only(&lines, of_job);
        let (fields, span) = (&line["fields"], &line["span"]);
        assert_eq!((&span["queue"], &span["attempt"]), (&json!(queue), &json!(1)), "{line}");
        assert_eq!(
            (&span["request"], &span["traceparent"]),
            (&json!(request), &json!(TRACEPARENT)),
            "{line}"
        );
        assert!(span["id"].is_string() && fields["ms"].is_u64(), "{line}");
        assert_eq!((&line["level"], &fields["outcome"]), (&json!("INFO"), &json!("completed")), "{line}");
    }

    // Without workers, requests stay pending until their callers end them.
    let server = start(folder.path(), &["--log-format", "json", "--no-workers"]);
    let ask = async |id: &str| {
        let (private, public) = (json!({"age": 42}), json!({"randomPublicSignal": 7}));
        let body = json!({"circuitId": circuit, "privateInputs": private, "publicInputs": public});
        let proof = post(&server, "/v1/proofs", id, body).await;
        proof["proofRequestId"].as_str().unwrap().to_owned()
    };
    let (cancelled, deleted) = (ask("for-cancelled").await, ask("for-deleted").await);
    let (http, proofs) = (reqwest::Client::new(), format!("{}/v1/proofs", server.base()));
    let cancel = http.post(format!("{proofs}/{cancelled}/cancel")).send();
    cancel.await.unwrap().error_for_status().unwrap();
    http.delete(format!("{proofs}/{deleted}")).send().await.unwrap().error_for_status().unwrap();
    assert_eq!(server.terminate().unwrap(), Some(0));
    let lines = self::lines(folder.path());
    for (id, status, request) in
        [(cancelled, "cancelled", "for-cancelled"), (deleted, "deleted", "for-deleted")]
    {
        let of_document = |line: &Value| line["fields"]["message"] == "ended" && line["fields"]["id"] == *id;
        let line = only(&lines, of_document);
        assert_eq!((&line["level"], &line["fields"]["status"]), (&json!("INFO"), &json!(status)), "{line}");
        assert_eq!(line["fields"]["request"], request, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_is_one_line_with_what_runs_and_warnings_follow() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--log-format", "json", "--proof-concurrency", "3", "--keygen-concurrency", "2"];
    let server = start(folder.path(), &args);
    assert_eq!(server.terminate().unwrap(), Some(0));
    let lines = lines(folder.path());
    let line = only(&lines, |line| line["fields"]["message"] == "listening");
    let fields = &line["fields"];
    for (name, value) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("catalog", json!("SQLite")),
        ("queue", json!("SQLite")),
        ("store", json!("files")),
        ("data_dir", json!(folder.path())),
        ("proofs", json!(3)),
        ("circuits", json!(2)),
        ("prover", json!("native")),
    ] {
        assert_eq!(fields[name], value, "{name}: {line}");
    }
    assert_eq!(line["level"], "INFO");
    for name in ["address", "kernel", "queues"] {
        assert!(fields[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {line}");
    }
    for part in ["PTAU_PATH is not set", "ZKFLOW_SECRET_KEY is not set"] {
        let is_meant =
            |line: &Value| line["fields"]["message"].as_str().is_some_and(|text| text.contains(part));
        assert_eq!(only(&lines, is_meant)["level"], "WARN");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_a_file_has_no_colours_and_names_a_server_without_authentication() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        start(folder.path(), &["--bind", "0.0.0.0", "--insecure-no-auth", "true", "--log-format", "text"]);
    assert_eq!(server.terminate().unwrap(), Some(0));
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("listening") && log.contains("there is no authentication"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_contain_the_time_of_commits() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let get = async |path: &str| {
        reqwest::get(format!("{}{path}", server.base())).await.unwrap().text().await.unwrap()
    };
    // It writes to the catalog.
    get("/ready").await;
    let metrics = get("/metrics").await;
    let name = "zkflow_database_commit_duration_seconds";
    let count = format!("{name}_count{{durability=\"now\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&count)).expect("no commit was measured");
    assert!(count.parse::<u64>().unwrap() > 0, "{count}");
    for line in [format!("# HELP {name} "), format!("# TYPE {name} histogram")] {
        assert!(metrics.contains(&line), "{line} is missing");
    }
    assert!(metrics.contains(&format!("{name}_bucket{{durability=\"now\",le=\"0.001\"}}")), "{metrics}");
}
