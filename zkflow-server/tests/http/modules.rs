//! Imported modules that are not the calculators of their circuits.

use axum::http::StatusCode;
use serde_json::{Value, json};
use zkflow_core::service::queue::QueueName;
use zkflow_server::work;

use crate::imports::{Sent, file};
use crate::support::{Server, shared};

/// A module whose start function never ends.
const ENDLESS: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x08\x01\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";
/// A module with 128 MiB of memory.
const LARGE: &[u8] = b"\0asm\x01\0\0\0\x05\x04\x01\0\x80\x10";

impl Server {
    /// A circuit with one input and one output.
    async fn with_statement(&self, statement: &str) -> Value {
        let source = format!(
            "pragma circom 2.1.0;\ntemplate A() {{ signal input x; signal output y; {statement} }}\ncomponent main = A();\n"
        );
        let (circuit, _) =
            self.imported(&[("source", Some("a.circom"), source.into_bytes())], json!({})).await;
        assert_eq!(circuit["status"], "ready", "{circuit}");
        circuit
    }

    /// The constraints and the names of a circuit with another module, imported or refused.
    async fn with_module(&self, circuit: &Value, module: &[u8]) -> Value {
        let files: [Sent; 3] = [
            file("r1cs", self.artifact(circuit, "circuit.r1cs").await),
            file("wasm", module),
            file("sym", self.artifact(circuit, "circuit.sym").await),
        ];
        let (imported, upload) = self.imported(&files, json!({})).await;
        self.nothing_is_left(&upload).await;
        assert_ne!(imported["circuitId"], circuit["circuitId"]);
        imported
    }

    async fn refuses_module(&self, circuit: &Value, module: &[u8], code: &str, part: &str) {
        let refused = self.with_module(circuit, module).await;
        let error = &refused["error"];
        assert_eq!((&refused["status"], &error["code"]), (&json!("failed"), &json!(code)), "{refused}");
        assert!(error["message"].as_str().unwrap().contains(part), "{refused}");
    }

    async fn fails_to_prove(&self, circuit: &Value, x: u32, code: &str) {
        let body = json!({"circuitId": circuit["circuitId"], "privateInputs": {"x": x}, "publicInputs": {}});
        let asked = self.post("/v1/proofs", &body).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
        let id = asked.json()["proofRequestId"].as_str().unwrap().to_owned();
        let proof = self.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
        assert_eq!((&proof["status"], &proof["error"]["code"]), (&json!("failed"), &json!(code)), "{proof}");
        assert!(proof["artifacts"]["proof"].is_null(), "{proof}");
    }
}

#[tokio::test]
async fn a_module_of_another_circuit_with_the_same_inputs_proves_nothing_that_the_constraints_forbid() {
    let server = shared().await;
    let own = server.with_statement("y <== x * x;").await;
    let other = server.with_statement("y <== x * (x + 1);").await;
    let module = server.artifact(&other, "circuit.wasm").await;
    let mixed = server.with_module(&own, &module).await;
    assert_eq!(mixed["status"], "ready", "{mixed}");
    server.fails_to_prove(&mixed, 3, "constraint_failed").await;
    // Both circuits have this witness.
    assert_eq!(server.proves(&mixed, json!({"x": 0}), json!({})).await, json!(["0"]));
}

/// Published keys are imported by many. What one of them imports beside the key is not used for the others.
#[tokio::test]
async fn a_circuit_with_the_same_key_and_another_module_hinders_no_proof() {
    let server = shared().await;
    let own = server.with_statement("y <== x * x + 5;").await;
    let other = server.with_statement("y <== x * (x + 5);").await;
    let files: [Sent; 4] = [
        file("r1cs", server.artifact(&own, "circuit.r1cs").await),
        file("wasm", server.artifact(&other, "circuit.wasm").await),
        file("sym", server.artifact(&own, "circuit.sym").await),
        file("zkey", server.artifact(&own, "proving_key.zkey").await),
    ];
    let (mixed, _) = server.imported(&files, json!({})).await;
    assert_eq!(mixed["status"], "ready", "{mixed}");
    let key = |circuit: &Value| circuit["artifacts"]["proving_key.zkey"]["sha256"].clone();
    assert_eq!(key(&mixed), key(&own));
    server.fails_to_prove(&mixed, 3, "constraint_failed").await;
    assert_eq!(server.proves(&own, json!({"x": 3}), json!({})).await, json!(["14"]));
    server.fails_to_prove(&mixed, 4, "constraint_failed").await;
}

#[tokio::test]
async fn a_module_with_another_interface_is_refused() {
    let server = shared().await;
    let own = server.with_statement("y <== x * x;").await;
    let other = server.with_statement("signal z; z <== x * x; y <== z * x;").await;
    let module = server.artifact(&other, "circuit.wasm").await;
    server.refuses_module(&own, &module, "parts_differ", "wires").await;
    server.refuses_module(&own, b"\0asm\x01\0\0\0", "parts_differ", "no memory").await;
}

#[tokio::test]
async fn modules_without_end_or_with_much_memory_are_refused_alone() {
    let server = Server::idle_with(|config| {
        config.limits.witness_time_s = 5;
        config.limits.witness_memory_mib = 64;
    })
    .await;
    tokio::spawn(work::run(server.app.clone(), &[QueueName::KeyGeneration, QueueName::ProofGeneration]));
    let own = server.with_statement("y <== x * x;").await;
    for module in [ENDLESS, LARGE] {
        server.refuses_module(&own, module, "witness_limit", "limit").await;
    }
    assert_eq!(server.proves(&own, json!({"x": 3}), json!({})).await, json!(["9"]));
}
