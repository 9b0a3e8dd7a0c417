//! Verification of proofs with the key of a circuit.

use serde_json::{Value, json};

use crate::support::{Server, completed_proof, range_check, ready_circuit, shared};

async fn verdict(proof: &Value, signals: &Value) -> (bool, String) {
    let path = format!("/v1/circuits/{}/verify", ready_circuit().await);
    let body = json!({"proof": proof, "publicSignals": signals});
    let verdict = shared().await.post(&path, &body).await.ok();
    let reason = verdict.get("reason").map_or("", |reason| reason.as_str().unwrap());
    (verdict["verified"].as_bool().unwrap(), reason.to_owned())
}

#[tokio::test]
async fn a_proof_verifies_with_its_signals_alone() {
    let artifacts = &completed_proof().await["artifacts"];
    let (proof, signals) = (&artifacts["proof"], &artifacts["publicSignals"]);
    assert_eq!(verdict(proof, signals).await, (true, String::new()));

    let modulus_and_seven = "21888242871839275222246405745257275088548364400416034343698204186575808495624";
    for (signals, part) in [
        (json!(["8"]), "is not valid"),
        (json!([]), "public signals, found 0"),
        (json!(["7", "7"]), "public signals, found 2"),
        (json!([modulus_and_seven]), "publicSignals"),
        (json!(["seven"]), "publicSignals"),
    ] {
        let (verified, reason) = verdict(proof, &signals).await;
        assert!(!verified && reason.contains(part), "{signals}: {reason}");
    }
}

#[tokio::test]
async fn an_altered_or_malformed_proof_is_refused_with_the_reason() {
    let artifacts = &completed_proof().await["artifacts"];
    let (proof, signals) = (&artifacts["proof"], &artifacts["publicSignals"]);
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut proof = proof.clone();
        change(&mut proof);
        proof
    };
    for (proof, part) in [
        (altered(&|proof| proof["pi_a"] = proof["pi_c"].clone()), "is not valid"),
        (altered(&|proof| proof["pi_a"][0] = json!("1")), "pi_a"),
        (altered(&|proof| proof["pi_b"][1][0] = json!("x")), "pi_b[1][0]"),
        (altered(&|proof| proof["pi_c"] = json!(["1"])), "pi_c"),
        (altered(&|proof| drop(proof.as_object_mut().unwrap().remove("pi_b"))), "pi_b"),
        (json!({}), "proof"),
    ] {
        let (verified, reason) = verdict(&proof, signals).await;
        assert!(!verified && reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn what_is_no_request_to_verify_is_refused() {
    let (server, id) = (shared().await, ready_circuit().await);
    let path = format!("/v1/circuits/{id}/verify");
    for (body, part) in [
        (json!({}), "missing field `proof`"),
        (json!({"proof": {}}), "missing field `publicSignals`"),
        (json!({"proof": {}, "publicSignals": [], "x": 1}), "unknown field"),
        (json!({"proof": null, "publicSignals": []}), "expected an object"),
        (json!({"proof": "proof", "publicSignals": []}), "expected an object"),
        (json!({"proof": {}, "publicSignals": "7"}), "expected an array"),
    ] {
        let problem = server.post(&path, &body).await.problem(422, "invalid_body");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
}

#[tokio::test]
async fn a_circuit_that_is_not_ready_verifies_nothing() {
    let server = Server::idle().await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    let body = json!({"proof": {}, "publicSignals": []});
    server.post(&format!("/v1/circuits/{id}/verify"), &body).await.problem(409, "circuit_pending");
}
