//! `Idempotency-Key`.

use axum::http::StatusCode;
use serde_json::{Value, json};
use zkflow_core::service::catalog::CircuitStatus;
use zkflow_core::service::queue::QueueName;

use crate::support::{Reply, Server, age_proof, json_request, range_check, ready_circuit, shared};

async fn ask(server: &Server, key: &str, body: &Value) -> Reply {
    ask_at(server, "/v1/proofs", key, body).await
}

async fn ask_at(server: &Server, path: &str, key: &str, body: &Value) -> Reply {
    let mut request = json_request(path, &body.to_string());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    server.send(request).await
}

#[tokio::test]
async fn the_same_key_and_body_are_the_same_request() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let body = age_proof(&circuit, 42);
    let first = ask(&server, "k1", &body).await;
    let again = ask(&server, "k1", &body).await;
    assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, first.json()));
    assert_eq!(again.header("location"), first.header("location"));
    let other = ask(&server, "k2", &body).await.json();
    assert_ne!(other, first.json());
    let owed = server.app.queue.stats(QueueName::ProofGeneration).await.unwrap();
    assert_eq!(owed.ready, 2);
    let sealed: Vec<_> = futures::TryStreamExt::try_collect(server.app.store.list("sealed")).await.unwrap();
    assert_eq!(sealed.len(), 0, "small inputs are part of their request");
}

#[tokio::test]
async fn a_repetition_is_answered_when_nothing_new_is_taken() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let body = age_proof(&circuit, 42);
    let first = ask(&server, "k", &body).await;
    let proof = first.json()["proofRequestId"].as_str().unwrap().to_owned();
    server.post(&format!("/v1/proofs/{proof}/cancel"), &json!({})).await.ok();
    assert_eq!(server.delete(&format!("/v1/circuits/{circuit}")).await.status, StatusCode::NO_CONTENT);
    let again = ask(&server, "k", &body).await;
    assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, first.json()));
    ask(&server, "other", &body).await.problem(404, "circuit_not_found");
}

#[tokio::test]
async fn a_repeated_deployment_is_answered_when_nothing_new_is_taken() {
    let server = Server::idle_with(|config| {
        config.chain.allow_request_keys = true;
        config.chain.rpc_urls = Some("31337=http://127.0.0.1:9".parse().unwrap());
        config.limits.max_pending_deployments = 1;
    })
    .await;
    let shared = shared().await;
    let id = ready_circuit().await;
    server.adopt(shared, shared.circuit(id).await).await;
    let path = format!("/v1/circuits/{id}/deploy");
    let body = json!({"chainId": 31_337, "privateKey": "1".repeat(64)});
    let first = ask_at(&server, &path, "k", &body).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text());
    let same = async |what: &str| {
        let again = ask_at(&server, &path, "k", &body).await;
        assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, first.json()), "{what}");
    };

    ask_at(&server, &path, "other", &body).await.problem(429, "overloaded");
    same("the server is overloaded").await;
    let other = json!({"chainId": 31_337, "privateKey": "2".repeat(64)});
    ask_at(&server, &path, "k", &other).await.problem(422, "idempotency_key_reused");
    let mut circuit = server.circuit(id).await;
    circuit.life.status = CircuitStatus::Failed;
    server.app.save(circuit).await.unwrap();
    ask_at(&server, &path, "other", &body).await.problem(409, "circuit_failed");
    same("the circuit is not ready any more").await;
    let sealed = server.app.store.list("sealed-deployments");
    let sealed: Vec<_> = futures::TryStreamExt::try_collect(sealed).await.unwrap();
    assert_eq!(sealed.len(), 1, "the key of a repeated request is not stored");
}

#[tokio::test]
async fn many_with_one_key_at_once_are_one_request() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let body = age_proof(&circuit, 42);
    let replies = futures::future::join_all((0..20).map(|_| ask(&server, "k", &body))).await;
    assert!(replies.iter().all(|reply| reply.json() == replies[0].json()));
    assert_eq!(server.get("/v1/proofs").await.ok()["proofs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let first = ask(&server, "k", &age_proof(&circuit, 42)).await.json();
    let refused = ask(&server, "k", &age_proof(&circuit, 43)).await;
    refused.problem(422, "idempotency_key_reused");
    let proofs = server.get("/v1/proofs").await.ok()["proofs"].clone();
    assert_eq!(proofs.as_array().unwrap().len(), 1);
    assert_eq!(proofs[0]["proofRequestId"], first["proofRequestId"]);
}

#[tokio::test]
async fn another_user_has_keys_of_its_own() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let by = |user: &str| {
        let mut body = age_proof(&circuit, 42);
        body["userId"] = json!(user);
        body
    };
    let (alice, bob) = (ask(&server, "k", &by("alice")).await, ask(&server, "k", &by("bob")).await);
    assert_eq!((alice.status, bob.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_ne!(alice.json(), bob.json());
}

#[tokio::test]
async fn a_key_is_given_once_and_modest() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let body = age_proof(&circuit, 42);
    for key in ["", "a b", &"k".repeat(129)] {
        ask(&server, key, &body).await.problem(400, "invalid_idempotency_key");
    }
    let mut twice = json_request("/v1/proofs", &body.to_string());
    twice.headers_mut().append("idempotency-key", "a".parse().unwrap());
    twice.headers_mut().append("idempotency-key", "b".parse().unwrap());
    server.send(twice).await.problem(400, "invalid_idempotency_key");
    assert_eq!(ask(&server, &"k".repeat(128), &body).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_circuit_may_be_asked_for_with_a_key() {
    let server = Server::idle().await;
    let mut request = json_request("/v1/circuits", &range_check().to_string());
    request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    assert_eq!(server.send(request).await.status, StatusCode::ACCEPTED);
}
