//! Deletion of circuits.

use axum::http::StatusCode;
use futures::TryStreamExt as _;
use serde_json::json;
use zkflow_core::service::catalog::{Document as _, Failure};
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
    let deleted = server.delete(&path).await;
    assert_eq!((deleted.status, deleted.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(stored(&server).await, 0);
    server.get(&path).await.problem(404, "circuit_not_found");
    server.get(&format!("{path}/artifacts/circuit.wasm")).await.problem(404, "circuit_not_found");
    server.post("/v1/proofs", &age_proof(&id, 42)).await.problem(404, "circuit_not_found");
    server.delete(&path).await.problem(404, "circuit_not_found");

    // The circuit can be requested again.
    let again = server.post("/v1/circuits", &range_check()).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(again.json()["circuitId"], id);
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
