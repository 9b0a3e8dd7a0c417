//! The binary with real files under `kill -9`, SIGTERM and many identical requests.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::Rng;
use serde_json::{Value, json};
use zkflow_server::client::{Client, LocalServer};

const PATIENCE: Duration = Duration::from_secs(300);
const RANGE_CHECK: &str = "rangeCheck";

fn start(data_dir: &Path, args: &[&str]) -> LocalServer {
    let cache = std::env::temp_dir().join("zkflow-test-modules");
    let cache = cache.to_str().unwrap();
    let args = [&["--log-level", "warn", "--module-cache", cache], args].concat();
    LocalServer::start(Path::new(env!("CARGO_BIN_EXE_zkflow")), data_dir, &args, Stdio::inherit()).unwrap()
}

async fn range_check(client: &Client) -> String {
    let circuit = client.circuit(RANGE_CHECK, json!({"min": 18, "max": 120}), PATIENCE).await.unwrap();
    circuit["circuitId"].as_str().unwrap().to_owned()
}

/// Requests a proof of an age and returns the id of the request.
async fn ask(client: &Client, circuit: &str, age: usize) -> String {
    let (private, public) =
        (json!({"age": age.to_string()}), json!({"randomPublicSignal": (age * 1000).to_string()}));
    client.request_proof(circuit, private, public).await.unwrap()
}

/// Asserts that a completed request contains a valid proof of its statement, with the server's verifier.
async fn assert_verifies(client: &Client, circuit: &str, age: usize, request: &Value) {
    let signals = &request["artifacts"]["publicSignals"];
    assert!(
        signals.as_array().unwrap().contains(&json!((age * 1000).to_string())),
        "the proof is for a different statement: {signals}"
    );
    let statement = json!({"proof": request["artifacts"]["proof"], "publicSignals": signals});
    let verdict = client.post(&format!("/v1/circuits/{circuit}/verify"), &statement).await.unwrap();
    assert_eq!(verdict.body["verified"], json!(true), "{verdict:?}");
}

#[tokio::test]
async fn every_request_ends_and_every_proof_verifies_after_twenty_kills() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--lease-s", "2", "--reconcile-interval-s", "1"];
    let mut server = start(folder.path(), &args);

    // A kill during key generation.
    let body = json!({"templateName": RANGE_CHECK, "params": {"min": 18, "max": 120}});
    server.client().post("/v1/circuits", &body).await.unwrap();
    server.kill();
    server = start(folder.path(), &args);
    let circuit = range_check(&server.client()).await;

    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    let mut age = 18;
    let mut kills_in_flight = 0;
    for _ in 0..20 {
        let client = server.client();
        let mut pending = 0;
        for id in requests.keys() {
            let reply = client.get(&format!("/v1/proofs/{id}")).await.unwrap();
            assert_eq!(reply.status, 200, "request {id} is lost");
            pending += usize::from(reply.body["status"] == json!("pending"));
        }
        for _ in pending..50 {
            let id = ask(&client, &circuit, age).await;
            requests.insert(id, age);
            age = if age == 120 { 18 } else { age + 1 };
        }
        // The kill comes after a random part of the work, independent of the machine's speed.
        let left = rand::thread_rng().gen_range(10..=50);
        let open = loop {
            let page = client.get("/v1/proofs?status=pending&limit=50").await.unwrap();
            let open = page.body["proofs"].as_array().unwrap().len();
            if open <= left {
                break open;
            }
        };
        kills_in_flight += usize::from(open > 0);
        server.kill();
        server = start(folder.path(), &args);
    }
    assert!(kills_in_flight >= 15, "only {kills_in_flight} kills found work in flight");

    let client = server.client();
    let mut completed = 0;
    for (id, age) in &requests {
        let request = client.proof(id, PATIENCE).await.unwrap();
        if request["status"] == json!("completed") {
            assert_verifies(&client, &circuit, *age, &request).await;
            completed += 1;
        } else {
            // A request fails after three killed workers in a row, with this code.
            assert_eq!(request["error"]["code"], json!("attempts_exhausted"), "{request}");
        }
    }
    println!("{completed} of {} requests completed after 20 kills", requests.len());
    assert!(completed + 5 >= requests.len(), "{completed} of {}", requests.len());
}

#[tokio::test]
async fn fifty_identical_requests_are_one_circuit_and_one_key_generation() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let client = server.client();
    let body = json!({"templateName": RANGE_CHECK, "params": {"min": 18, "max": 120}});
    let same = json!({"templateName": RANGE_CHECK, "params": {"max": "120", "min": "18"}});
    let posts = (0..50).map(|i| {
        let (client, body) = (client.clone(), if i % 2 == 0 { body.clone() } else { same.clone() });
        tokio::spawn(async move { client.post("/v1/circuits", &body).await.unwrap() })
    });
    let mut ids = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        let reply = post.await.unwrap();
        assert!(matches!(reply.status, 200 | 202), "{reply:?}");
        ids.push(reply.body["circuitId"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);

    let first = client.circuit(RANGE_CHECK, json!({"min": 18, "max": 120}), PATIENCE).await.unwrap();
    assert_eq!(first["attempt"], json!(1));
    let again = client.post("/v1/circuits", &body).await.unwrap();
    assert_eq!((again.status, &again.body["artifacts"]), (200, &first["artifacts"]));
    let listed = client.get("/v1/circuits").await.unwrap();
    assert_eq!(listed.body["circuits"].as_array().unwrap().len(), 1);
    let metrics = reqwest::get(format!("{}/metrics", server.base())).await.unwrap().text().await.unwrap();
    let setups = metrics.lines().find(|line| {
        line.starts_with("zkflow_stage_duration_seconds_count") && line.contains("stage=\"setup\"")
    });
    assert!(setups.is_some_and(|line| line.ends_with(" 1")), "{setups:?}");
}

#[tokio::test]
async fn the_bounds_of_range_check_bind_and_the_refusal_names_the_constraint() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let client = server.client();
    let circuit = range_check(&client).await;
    for (age, proves) in [(17, false), (18, true), (42, true), (120, true), (121, false)] {
        let id = ask(&client, &circuit, age).await;
        let request = client.proof(&id, PATIENCE).await.unwrap();
        if proves {
            assert_verifies(&client, &circuit, age, &request).await;
        } else {
            assert_eq!(request["error"]["code"], json!("constraint_failed"), "{request}");
            let message = request["error"]["message"].as_str().unwrap();
            assert!(message.contains("constraint") && message.contains("line"), "{message}");
        }
    }
}

#[tokio::test]
async fn sigterm_under_load_ends_with_success_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--drain-s", "20"]);
    let client = server.client();
    let circuit = range_check(&client).await;
    let mut ids = Vec::new();
    for age in 18..48 {
        ids.push((ask(&client, &circuit, age).await, age));
    }
    let began = Instant::now();
    assert_eq!(server.terminate().unwrap(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20));

    let server = start(folder.path(), &[]);
    let client = server.client();
    for (id, age) in ids {
        let request = client.proof(&id, PATIENCE).await.unwrap();
        assert_verifies(&client, &circuit, age, &request).await;
        assert!(request["attempt"].as_u64().unwrap() <= 2);
    }
}

/// The status of `/ready`, and whether each part answers, in the order catalog, queue, store.
async fn readiness(server: &LocalServer) -> (u16, Vec<bool>) {
    let answer = reqwest::get(format!("{}/ready", server.base())).await.unwrap();
    let (status, body): (u16, Value) = (answer.status().as_u16(), answer.json().await.unwrap());
    (status, body["checks"].as_object().unwrap().values().map(|check| check == "ok").collect())
}

#[tokio::test]
async fn readiness_shows_a_store_that_is_away_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let client = server.client();
    let circuit = range_check(&client).await;
    assert_eq!(readiness(&server).await, (200, vec![true; 3]));

    // The disk of the store is away.
    let (store, aside) = (folder.path().join("artifacts"), folder.path().join("aside"));
    std::fs::rename(&store, &aside).unwrap();
    // The next check that writes.
    let began = Instant::now();
    while readiness(&server).await != (503, vec![true, true, false]) {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let inputs = json!({"circuitId": circuit, "privateInputs": {"age": "42"}, "publicInputs": {"randomPublicSignal": "42000"}});
    let during = client.post("/v1/proofs", &inputs).await.unwrap();
    assert!([202, 503].contains(&during.status), "{during:?}");

    std::fs::rename(&aside, &store).unwrap();
    let began = Instant::now();
    while readiness(&server).await != (200, vec![true; 3]) {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let after = ask(&client, &circuit, 43).await;
    assert_verifies(&client, &circuit, 43, &client.proof(&after, PATIENCE).await.unwrap()).await;
    if during.status == 202 {
        let id = during.body["proofRequestId"].as_str().unwrap();
        assert_verifies(&client, &circuit, 42, &client.proof(id, PATIENCE).await.unwrap()).await;
    }
}

#[test]
fn commands_on_stored_data_refuse_a_folder_that_is_not_there_and_make_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("mistyped");
    let backups = folder.path().join("backups");
    let backups = backups.to_str().unwrap();
    for command in [
        vec!["backup", backups],
        vec!["store", "adopt"],
        vec!["store", "gc"],
        vec!["store", "repair", "--from", backups],
        vec!["store", "rebuild-catalog"],
    ] {
        let mut zkflow = std::process::Command::new(env!("CARGO_BIN_EXE_zkflow"));
        let ended = zkflow.args(&command).arg("--data-dir").arg(&missing).output().unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && error.contains("no such data folder"), "{command:?}: {error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_secret_key_is_changed_by_commands_while_the_server_works() {
    let folder = tempfile::tempdir().unwrap();
    let command = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(args).arg("--data-dir").arg(folder.path());
        command
    };
    let run = |args: &[&str]| command(args).output().unwrap();
    let server = start(folder.path(), &[]);
    let circuit = range_check(&server.client()).await;
    drop(server);
    assert!(run(&["vault", "new-key"]).status.success());
    let refused = run(&["vault", "rotate"]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && text.contains("no server has started"), "{text}");
    let refused = run(&["vault", "remove-old-keys", "--wait-s", "0"]);
    assert!(!refused.status.success(), "the keys that everything is sealed with are removed");

    let server = start(folder.path(), &[]);
    let client = server.client();
    let mut requests = Vec::new();
    for age in 18..38 {
        requests.push((ask(&client, &circuit, age).await, age));
    }
    // The first run dies at once, the second one continues.
    let mut killed = command(&["vault", "rotate"]).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let rotated = run(&["vault", "rotate"]);
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    for (id, age) in requests {
        let request = client.proof(&id, PATIENCE).await.unwrap();
        assert_verifies(&client, &circuit, age, &request).await;
    }
    drop(server);
    let removed = run(&["vault", "remove-old-keys", "--wait-s", "0"]);
    let text = String::from_utf8_lossy(&removed.stdout);
    assert!(removed.status.success() && text.contains("removed") && text.contains("Backups"), "{text}");
    let server = start(folder.path(), &[]);
    let client = server.client();
    let id = ask(&client, &circuit, 42).await;
    assert_verifies(&client, &circuit, 42, &client.proof(&id, PATIENCE).await.unwrap()).await;
    drop(server);
    assert!(run(&["audit-log", "verify"]).status.success());
}

#[tokio::test]
async fn a_backup_beside_a_server_that_works_is_restored_onto_an_empty_machine() {
    let (folder, backups, empty) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let zkflow = |command: &str, data: &Path| {
        let mut zkflow = std::process::Command::new(env!("CARGO_BIN_EXE_zkflow"));
        zkflow.arg(command).arg(backups.path()).arg("--data-dir").arg(data).stdout(Stdio::null());
        zkflow
    };
    let server = start(folder.path(), &[]);
    let client = server.client();
    let circuit = range_check(&client).await;
    let within = folder.path().join("backups");
    let mut refused = std::process::Command::new(env!("CARGO_BIN_EXE_zkflow"));
    let refused = refused.arg("backup").arg(&within).arg("--data-dir").arg(folder.path()).output().unwrap();
    assert!(!refused.status.success() && !within.exists(), "a backup that is lost with the data");
    let (mut before, mut during) = (Vec::new(), Vec::new());
    for age in 18..68 {
        before.push((ask(&client, &circuit, age).await, age));
    }
    let mut backup = zkflow("backup", folder.path()).spawn().unwrap();
    let ended = loop {
        during.push((ask(&client, &circuit, 70).await, 70));
        if let Some(ended) = backup.try_wait().unwrap() {
            break ended;
        }
    };
    assert!(ended.success(), "{ended}");
    let mut after = None;
    for (id, age) in before.iter().chain(&during) {
        let request = client.proof(id, PATIENCE).await.unwrap();
        assert_verifies(&client, &circuit, *age, &request).await;
        after = Some((request, *age));
    }
    server.kill();

    std::fs::copy(folder.path().join("secret.key"), empty.path().join("secret.key")).unwrap();
    drop(folder);
    let restored = zkflow("restore", empty.path()).status().unwrap();
    assert!(restored.success(), "{restored}");
    let server = start(empty.path(), &["--reconcile-interval-s", "1"]);
    let client = server.client();
    // Requests that were pending in the backup are completed here.
    for (id, age) in &before {
        assert_verifies(&client, &circuit, *age, &client.proof(id, PATIENCE).await.unwrap()).await;
    }
    let (request, age) = after.unwrap();
    assert_verifies(&client, &circuit, age, &request).await;
    let id = ask(&client, &circuit, 42).await;
    assert_verifies(&client, &circuit, 42, &client.proof(&id, PATIENCE).await.unwrap()).await;
}
