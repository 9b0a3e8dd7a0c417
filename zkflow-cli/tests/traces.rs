//! The server sends its spans to a collector: those of a request and of the work for it are parts of the caller's trace.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zkflow_server::client::LocalServer;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_request_and_of_its_work_are_parts_of_the_callers_trace() {
    let received: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let kept = Arc::clone(&received);
    let collector =
        Router::new().route("/v1/traces", post(async move |body: Bytes| kept.lock().unwrap().push(body)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let folder = tempfile::tempdir().unwrap();
    let modules = std::env::temp_dir().join("zkflow-test-modules");
    let args = ["--log-level", "error", "--module-cache", modules.to_str().unwrap()];
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let executable = Path::new(env!("CARGO_BIN_EXE_zkflow"));
    let server =
        LocalServer::start_with(executable, folder.path(), &args, &variables, Stdio::inherit()).unwrap();
    let http = reqwest::Client::new();
    let post = async |path: &str, body: Value| -> Value {
        let request = http.post(format!("{}{path}", server.base())).json(&body);
        let answer =
            request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.unwrap()
    };
    let params = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120}});
    let circuit = post("/v1/circuits", params).await;
    let client = server.client();
    let circuit = circuit["circuitId"].as_str().unwrap();
    client.get(&format!("/v1/circuits/{circuit}?wait=60")).await.unwrap();
    let (private, public) = (json!({"age": 73}), json!({"randomPublicSignal": 1}));
    let request = json!({"circuitId": circuit, "privateInputs": private, "publicInputs": public});
    let proof = post("/v1/proofs", request).await;
    let proof = proof["proofRequestId"].as_str().unwrap();
    let done = client.get(&format!("/v1/proofs/{proof}?wait=60")).await.unwrap().body;
    assert_eq!(done["status"], "completed", "{done}");
    // The end of the process sends the rest.
    assert_eq!(server.terminate().unwrap(), Some(0));

    let spans = received.lock().unwrap().concat();
    let count = |bytes: &[u8]| spans.windows(bytes.len()).filter(|window| *window == bytes).count();
    // Two requests, a circuit and a proof.
    assert!(count(&hex::decode(TRACE).unwrap()) >= 4, "{}", count(&hex::decode(TRACE).unwrap()));
    for text in ["service.name", "zkflow", "request", "work", circuit, proof] {
        assert!(count(text.as_bytes()) > 0, "no {text}");
    }
}
