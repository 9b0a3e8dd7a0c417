//! Calldata of the verifier contract.

use std::process::Command;

use zkflow_core::compile::tools::CircomTools;

use crate::support::{Server, completed_proof, shared};

#[tokio::test]
async fn calldata_is_what_snarkjs_prints() {
    let proof = completed_proof().await;
    let id = proof["proofRequestId"].as_str().unwrap();
    let calldata = shared().await.get(&format!("/v1/proofs/{id}/calldata")).await.ok();

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &serde_json::Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    };
    let modules = CircomTools::discover().unwrap().include_roots[0].clone();
    let printed = Command::new("node")
        .arg(modules.join("snarkjs/build/cli.cjs"))
        .args(["zkey", "export", "soliditycalldata"])
        .arg(write("public.json", &proof["artifacts"]["publicSignals"]))
        .arg(write("proof.json", &proof["artifacts"]["proof"]))
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    assert_eq!(calldata["calldata"].as_str().unwrap(), String::from_utf8(printed.stdout).unwrap().trim());
}

#[tokio::test]
async fn a_proof_that_is_not_made_has_no_calldata() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let problem = server.get(&format!("/v1/proofs/{id}/calldata")).await.problem(409, "no_proof");
    assert!(problem["detail"].as_str().unwrap().contains("pending"), "{problem}");
}
