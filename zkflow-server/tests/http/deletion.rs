//! Deletion of circuits.

use axum::http::StatusCode;
use futures::TryStreamExt as _;
use serde_json::json;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{Circuit, DeployedContract, Document as _, Failure};
use zkflow_core::service::id::DeploymentId;

use crate::support::{Server, age_proof, range_check, ready_circuit, shared};

/// Number of stored files of circuits.
async fn stored(server: &Server) -> usize {
    server.app.store.list("circuits").try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn a_circuit_goes_with_its_artifacts_once_no_work_on_it_is_owed() {
    let (server, id) = Server::idle_with_circuit().await;
    let path = format!("/v1/circuits/{id}");
    let proof = server.ask_for_proof(&id, 42).await;
    server.delete(&path).await.problem(409, "circuit_busy");
    assert_eq!(server.get(&path).await.ok()["status"], "ready");

    server.post(&format!("/v1/proofs/{proof}/cancel"), &json!({})).await.ok();
    let proving_key = server.circuit(&id).await.artifacts["proving_key.zkey"].sha256.to_string();
    let deleted = server.delete(&path).await;
    assert_eq!((deleted.status, deleted.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(stored(&server).await, 0);
    server.get(&path).await.problem(404, "circuit_not_found");
    server.get(&format!("{path}/artifacts/circuit.wasm")).await.problem(404, "circuit_not_found");
    server.post("/v1/proofs", &age_proof(&id, 42)).await.problem(404, "circuit_not_found");
    server.delete(&path).await.problem(404, "circuit_not_found");

    // The circuit can be requested again, and says that its keys are others.
    let again = server.post("/v1/circuits", &range_check()).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(again.json()["circuitId"], id);
    assert_eq!(again.json()["replaces"]["provingKey"], proving_key, "{}", again.text());
}

#[tokio::test]
async fn a_circuit_with_a_contract_or_with_keys_of_a_ceremony_is_deleted_only_by_force() {
    let deployed = |circuit: &mut Circuit| circuit.deployment = Some(contract());
    let ceremony = |circuit: &mut Circuit| circuit.provenance = Some(Provenance::Ceremony(3));
    for change in [deployed as fn(&mut Circuit), ceremony] {
        let (server, id) = Server::idle_with_circuit().await;
        let mut circuit = server.circuit(&id).await;
        change(&mut circuit);
        server.app.catalog.circuits().replace(circuit).await.unwrap();
        let path = format!("/v1/circuits/{id}");
        let before = stored(&server).await;
        for refused in [path.clone(), format!("{path}?force=false")] {
            server.delete(&refused).await.problem(409, "circuit_in_use");
        }
        for wrong in ["?force=maybe", "?force", "?Force=true", "?forced=true"] {
            server.delete(&format!("{path}{wrong}")).await.problem(400, "invalid_query");
        }
        assert_eq!(stored(&server).await, before);
        assert_eq!(server.get(&path).await.ok()["status"], "ready");
        assert_eq!(server.delete(&format!("{path}?force=true")).await.status, StatusCode::NO_CONTENT);
    }
}

/// A circuit that was accepted while an old one is being deleted keeps its document.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_that_race_with_a_request_never_remove_the_circuit_that_it_accepted() {
    let (server, id) = Server::idle_with_circuit().await;
    let path = format!("/v1/circuits/{id}");
    let ready = server.circuit(&id).await;
    for round in 0..50 {
        let deletions = (0..24).map(|_| server.delete(&path));
        let request = async {
            // Until the old circuit is gone, the answer is that of the old one.
            loop {
                let reply = server.post("/v1/circuits", &range_check()).await;
                if reply.status == StatusCode::ACCEPTED {
                    return reply.json();
                }
            }
        };
        let (_, accepted) = futures::join!(futures::future::join_all(deletions), request);
        assert_eq!(accepted["status"], "pending");
        let found = server.get(&path).await;
        assert_eq!(found.status, StatusCode::OK, "round {round}: the accepted circuit is gone");
        assert_eq!(found.json()["createdAt"], accepted["createdAt"]);

        // Makes it ready, for the next round.
        let mut next = server.circuit(&id).await;
        next.life.status = ready.life.status;
        next.artifacts.clone_from(&ready.artifacts);
        server.app.catalog.circuits().replace(next).await.unwrap();
    }
}

fn contract() -> DeployedContract {
    serde_json::from_value(json!({
        "chain_id": 1,
        "address": format!("0x{}", "11".repeat(20)),
        "transaction": format!("0x{}", "22".repeat(32)),
        "block": 1,
        "gas_used": 1,
        "compiler": "solc",
        "verification_key": "33".repeat(32),
        "code": "44".repeat(32),
    }))
    .unwrap()
}

#[tokio::test]
async fn a_pending_circuit_is_not_removed() {
    let server = Server::idle().await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    server.delete(&format!("/v1/circuits/{id}")).await.problem(409, "circuit_busy");
    assert_eq!(server.get(&format!("/v1/circuits/{id}")).await.ok()["status"], "pending");
}

#[tokio::test]
async fn a_proof_outlives_its_circuit() {
    let (server, id) = Server::idle_with_circuit().await;
    let proof = server.ask_for_proof(&id, 42).await;
    server.post(&format!("/v1/proofs/{proof}/cancel"), &json!({})).await.ok();
    assert_eq!(server.delete(&format!("/v1/circuits/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&format!("/v1/proofs/{proof}")).await.ok()["circuitId"], id);
}

#[tokio::test]
async fn a_circuit_goes_with_its_deployments_once_none_is_owed() {
    let server = Server::idle_with(|config| {
        config.chain.allow_request_keys = true;
        config.chain.rpc_urls = Some("31337=http://127.0.0.1:9".parse().unwrap());
    })
    .await;
    let shared = shared().await;
    let id = ready_circuit().await;
    server.adopt(shared, shared.circuit(id).await).await;
    let request = json!({"chainId": 31_337, "privateKey": "1".repeat(64)});
    let taken = server.post(&format!("/v1/circuits/{id}/deploy"), &request).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text());
    let deployment: DeploymentId = taken.json()["deploymentId"].as_str().unwrap().parse().unwrap();
    let path = format!("/v1/circuits/{id}");
    server.delete(&path).await.problem(409, "circuit_busy");

    let mut failed = server.app.catalog.deployments().get(&deployment).await.unwrap().unwrap();
    let why = Failure { code: "given_up".to_owned(), message: "given up".to_owned() };
    failed.fail(why, server.app.now()).unwrap();
    server.app.catalog.deployments().replace(failed).await.unwrap();
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.app.catalog.deployments().get(&deployment).await.unwrap(), None);
    let left: Vec<_> = server.app.store.list("").try_collect().await.unwrap();
    assert!(left.iter().all(|key| !key.as_str().contains(deployment.as_str())), "{left:?}");
}

#[tokio::test]
async fn a_proof_request_goes_with_its_inputs_and_its_proof() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let pending = server.ask_for_proof(&circuit, 42).await;
    let path = format!("/v1/proofs/{pending}");
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert!(!server.has_sealed(&pending).await);
    server.get(&path).await.problem(404, "proof_not_found");
    server.delete(&path).await.problem(404, "proof_not_found");
    // Nothing holds the circuit any more.
    assert_eq!(server.delete(&format!("/v1/circuits/{circuit}")).await.status, StatusCode::NO_CONTENT);
}
