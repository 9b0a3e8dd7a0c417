//! Proofs: requested, made, waited for and cancelled.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::PutMode;
use zkflow_server::work;

use crate::support::{NO_PROOF, Server, age_proof, completed_proof, range_check, ready_circuit, shared};

#[tokio::test]
async fn a_proof_is_taken_and_then_completed() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let mut asked = age_proof(circuit, 120);
    asked["userId"] = json!("alice");
    let reply = server.post("/v1/proofs", &asked).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
    let taken = reply.json();
    let id = taken["proofRequestId"].as_str().unwrap();
    assert_eq!(taken, json!({"proofRequestId": id}));
    assert_eq!(reply.header("location"), format!("/v1/proofs/{id}"));

    let done = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!((&done["stage"], &done["progress"]), (&json!("done"), &json!(1.0)));
    assert_eq!(done["proofRequestId"], id);
    assert_eq!(done["circuitId"], circuit);
    assert_eq!(done["userId"], "alice");
    assert_eq!(done["artifacts"]["publicSignals"], json!(["7"]));
    assert_eq!(done["artifacts"]["proof"]["protocol"], "groth16");
    let key = server.circuit(circuit).await.artifacts["proving_key.zkey"].sha256.to_string();
    assert_eq!(done["artifacts"]["provingKey"], key);
    assert!(done["timings"]["witness"].is_u64() && done["timings"]["prove"].is_u64(), "{done}");
    assert!(done.get("error").is_none());
    let [attempt] = &done["attempts"].as_array().unwrap()[..] else { panic!("{done}") };
    assert_eq!((&attempt["number"], &attempt["stage"]), (&json!(1), &json!("done")));
    assert!(attempt.get("cause").is_none() && attempt["endedAt"].as_str() >= attempt["beganAt"].as_str());
    assert!(done["expiresAt"].as_str() > done["createdAt"].as_str());
    server.inputs_are_destroyed(id).await;
}

#[tokio::test]
async fn an_age_outside_the_range_fails_with_the_constraint() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    for age in [17, 121] {
        let id = server.ask_for_proof(circuit, age).await;
        let failed = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
        assert_eq!(failed["status"], "failed", "{failed}");
        assert_eq!(failed["error"]["code"], "constraint_failed");
        let message = failed["error"]["message"].as_str().unwrap();
        assert!(message.contains("constraint") && message.contains("line"), "{message}");
        let [attempt] = &failed["attempts"].as_array().unwrap()[..] else { panic!("{failed}") };
        assert_eq!((&attempt["stage"], &attempt["cause"]), (&json!("witness"), &json!("constraint_failed")));
        assert!(failed.get("artifacts").is_none());
        server.inputs_are_destroyed(&id).await;
        server.get(&format!("/v1/proofs/{id}/calldata")).await.problem(409, "no_proof");
        server.post(&format!("/v1/proofs/{id}/cancel"), &json!({})).await.problem(409, "proof_final");
    }
}

#[tokio::test]
async fn a_proof_for_a_circuit_that_is_not_ready_is_refused() {
    let server = Server::idle().await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    server.post("/v1/proofs", &age_proof(&id, 42)).await.problem(409, "circuit_pending");
    assert_eq!(server.get("/v1/proofs").await.ok()["proofs"], json!([]));
}

#[tokio::test]
async fn a_pending_proof_is_cancelled_and_its_inputs_are_destroyed() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    assert!(server.has_sealed(&id).await);
    let cancel = format!("/v1/proofs/{id}/cancel");
    let cancelled = server.post(&cancel, &json!({})).await.ok();
    assert_eq!(cancelled["status"], "cancelled");
    assert!(!server.has_sealed(&id).await);
    // A second cancellation changes nothing, with or without a body.
    assert_eq!(server.post(&cancel, &json!({})).await.ok(), cancelled);
    let bare = crate::support::request(axum::http::Method::POST, &cancel, axum::body::Body::empty());
    assert_eq!(server.send(bare).await.ok(), cancelled);
    assert_eq!(server.get(&format!("/v1/proofs/{id}?wait=30")).await.ok(), cancelled);
    server.get(&format!("/v1/proofs/{id}/calldata")).await.problem(409, "no_proof");
}

#[tokio::test]
async fn a_completed_proof_is_not_cancelled() {
    let id = completed_proof().await["proofRequestId"].as_str().unwrap();
    let server = shared().await;
    let problem =
        server.post(&format!("/v1/proofs/{id}/cancel"), &json!({})).await.problem(409, "proof_final");
    assert!(problem["detail"].as_str().unwrap().contains("completed"), "{problem}");
    assert_eq!(server.get(&format!("/v1/proofs/{id}")).await.ok()["status"], "completed");
}

#[tokio::test]
async fn whoever_waits_is_answered_as_soon_as_the_proof_is_final() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let (path, cancel) = (format!("/v1/proofs/{id}?wait=60"), format!("/v1/proofs/{id}/cancel"));
    let began = Instant::now();
    let (waited, ()) = tokio::join!(server.get(&path), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.post(&cancel, &json!({})).await.ok();
    });
    assert_eq!(waited.ok()["status"], "cancelled");
    let spent = began.elapsed();
    assert!(spent >= Duration::from_millis(200) && spent < Duration::from_secs(20), "{spent:?}");
}

#[tokio::test]
async fn whoever_waits_is_answered_when_the_process_stops() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let path = format!("/v1/proofs/{id}?wait=60");
    let began = Instant::now();
    let (waited, ()) = tokio::join!(server.get(&path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.app.shutdown.cancel();
    });
    assert_eq!(waited.ok()["status"], "pending");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn too_many_owed_proofs_are_refused_until_later() {
    let server = Server::idle_with(|config| config.limits.max_pending_proofs = 1).await;
    let circuit = ready_circuit().await;
    server.adopt(shared().await, shared().await.circuit(circuit).await).await;
    server.ask_for_proof(circuit, 42).await;
    let refused = server.post("/v1/proofs", &age_proof(circuit, 43)).await;
    refused.problem(429, "overloaded");
    assert_eq!(refused.header("retry-after"), "5");
}

#[tokio::test]
async fn ids_of_no_proof_are_not_found() {
    let server = shared().await;
    for id in [NO_PROOF, "0", "..%2F..%2Fetc", NO_PROOF.to_uppercase().as_str()] {
        for path in ["", "?wait=1", "/calldata", "/events"] {
            server.get(&format!("/v1/proofs/{id}{path}")).await.problem(404, "proof_not_found");
        }
        server.post(&format!("/v1/proofs/{id}/cancel"), &json!({})).await.problem(404, "proof_not_found");
    }
}

/// Exchanges the names of two inputs with one value each, at the end of a tape.
fn with_swapped_inputs(tape: &[u8]) -> Vec<u8> {
    let mut tape = tape.to_vec();
    let second = tape.len() - 32 - 16;
    let (head, tail) = tape.split_at_mut(second);
    head[second - 16..second - 8].swap_with_slice(&mut tail[..8]);
    tape
}

/// The tape swaps the age and the public signal: both are in the range, so its witness satisfies the constraints.
#[tokio::test]
async fn a_stored_tape_that_swaps_inputs_never_publishes_a_private_one() {
    let (source, id) = (shared().await, ready_circuit().await);
    let honest = source.app.artifact(&source.circuit(id).await, "circuit.tape").await.unwrap().unwrap();
    for is_sealed in [false, true] {
        let server = Server::idle().await;
        let mut circuit = source.circuit(id).await;
        let mut forged = with_swapped_inputs(&honest.body);
        if is_sealed {
            // The best that a holder of the vault's key could do.
            let key = server.app.vault.derived_key("tapes");
            zkflow_core::witness::tape::seal(&mut forged, |body| key.mac(&[id.as_bytes(), body].concat()));
        }
        server.adopt(source, circuit.clone()).await;
        let key = circuit.artifacts["circuit.tape"].key.clone();
        let stored = server.app.store.put(&key, forged.into(), PutMode::Overwrite).await.unwrap();
        circuit = server.circuit(id).await;
        circuit.artifacts.insert("circuit.tape".to_owned(), stored);
        server.app.save(circuit).await.unwrap();

        let workers = tokio::spawn(work::run(server.app.clone(), &[QueueName::ProofGeneration]));
        let body = json!({
            "circuitId": id,
            "privateInputs": {"age": "42"},
            "publicInputs": {"randomPublicSignal": "43"},
        });
        let asked = server.post("/v1/proofs", &body).await.json();
        let path = format!("/v1/proofs/{}?wait=60", asked["proofRequestId"].as_str().unwrap());
        let done = server.get(&path).await.ok();
        assert_eq!(done["artifacts"]["publicSignals"], json!(["43"]), "{done}");
        server.app.shutdown.cancel();
        workers.await.unwrap();
    }
}
