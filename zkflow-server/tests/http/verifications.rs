//! Progress of the verification of an imported key.

use serde_json::{Value, json};
use zkflow_core::service::queue::QueueName;
use zkflow_server::work;

use crate::events::Events;
use crate::imports::file;
use crate::support::Server;

/// A circuit of nearly 2^12 rows: its key has several pieces.
const MAIN: &str = "pragma circom 2.1.0;
template Main(n) {
    signal input x; signal output y; signal power[n];
    power[0] <== x * x;
    for (var i = 1; i < n; i++) { power[i] <== power[i - 1] * x; }
    y <== power[n - 1];
}
component main = Main(4000);
";

#[tokio::test]
async fn the_verification_of_a_key_shows_how_far_it_is() {
    let server = Server::idle().await;
    tokio::spawn(work::run(server.app.clone(), &[QueueName::KeyGeneration]));
    let source = [("source", Some("main.circom"), MAIN.into())];
    let (made, _) = server.imported(&source, json!({})).await;
    assert!(made["stageProgress"].is_null() && made["progress"] == 1.0, "{made}");
    let mut files = Vec::new();
    for (role, name) in [
        ("r1cs", "circuit.r1cs"),
        ("wasm", "circuit.wasm"),
        ("sym", "circuit.sym"),
        ("zkey", "proving_key.zkey"),
    ] {
        files.push(file(role, server.artifact(&made, name).await));
    }
    let upload = server.upload(&files).await;
    let asked = server.import(&json!({"uploadId": upload, "powers": "configured"})).await.json();
    let path = format!("/v1/circuits/{}", asked["circuitId"].as_str().unwrap());
    let events = Events::open(&server, &format!("{path}/events")).await.rest().await;
    let shown: Vec<&Value> = events
        .iter()
        .map(|event| &event.data)
        .filter(|circuit| !circuit["stageProgress"].is_null())
        .collect();
    assert!(!shown.is_empty());
    let mut before = (0, 0.0);
    for circuit in shown {
        let progress = &circuit["stageProgress"];
        assert_eq!(circuit["stage"], "setup");
        let step = (&progress["doing"], &progress["step"], &progress["steps"]);
        assert_eq!(step, (&json!("verify_key"), &json!(1), &json!(1)));
        let now = (progress["percent"].as_u64().unwrap(), circuit["progress"].as_f64().unwrap());
        // The stage is the third of four that follow the queue.
        let expected = (2.0 + now.0 as f64 / 100.0) / 4.0;
        assert!(before.0 <= now.0 && now.0 <= 100 && (now.1 - expected).abs() < 1e-6, "{circuit}");
        before = now;
    }
    let last = &events.last().unwrap().data;
    assert_eq!((&last["status"], &last["provenance"]), (&json!("ready"), &json!("development")), "{last}");
    assert!(last["stageProgress"].is_null() && last["progress"] == 1.0, "{last}");
    let stored = server.circuit(last["circuitId"].as_str().unwrap()).await;
    assert_eq!(stored.verification, None);
}
