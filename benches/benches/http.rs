//! A whole proof over HTTP: from POST to the completed, verified proof, on the embedded backends.

use std::process::Stdio;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use zkflow_benches::binary;
use zkflow_server::client::LocalServer;

const PATIENCE: Duration = Duration::from_secs(600);

fn http(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = LocalServer::start(&binary(), folder.path(), &["--log-level", "warn"], Stdio::inherit())
        .expect("the server starts");
    let client = server.client();
    let circuit = runtime
        .block_on(client.circuit("rangeCheck", json!({"min": 18, "max": 120}), PATIENCE))
        .expect("the circuit becomes ready");
    let circuit = circuit["circuitId"].as_str().expect("a circuit has an id");
    let mut group = c.benchmark_group("http");
    group.sample_size(30);
    group.bench_function("POST to verified proof, rangeCheck", |b| {
        b.to_async(&runtime).iter(async || {
            let inputs = json!({"age": "42", "randomPublicSignal": "7"});
            let request = client.request_proof(circuit, inputs).await.expect("the request is taken");
            let proof = client.proof(&request, PATIENCE).await.expect("the proof is made");
            assert_eq!(proof["status"], json!("completed"));
        });
    });
    group.finish();
}

criterion_group!(benches, http);
criterion_main!(benches);
