//! Circuits: requested, built and read.

use axum::http::StatusCode;
use serde_json::json;
use zkflow_core::service::catalog::{CircuitStatus, Document as _, Failure};

use crate::support::{NO_CIRCUIT, Server, age_proof, range_check, ready_circuit, shared};

#[tokio::test]
async fn a_circuit_is_taken_and_then_ready() {
    let server = shared().await;
    // A separate circuit, since the shared one may already be ready.
    let asked = json!({"templateName": "rangeCheck", "params": {"min": 1, "max": 2, "bits": 2}});
    let reply = server.post("/v1/circuits", &asked).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
    let pending = reply.json();
    let id = pending["circuitId"].as_str().unwrap();
    assert_eq!(reply.header("location"), format!("/v1/circuits/{id}"));
    assert_eq!(pending["status"], "pending");
    assert_eq!(pending["params"], json!({"min": 1, "max": 2, "bits": 2}));

    let ready = server.get(&format!("/v1/circuits/{id}?wait=60")).await.ok();
    assert_eq!(ready["status"], "ready", "{ready}");
    assert_eq!((&ready["stage"], &ready["progress"]), (&json!("done"), &json!(1.0)));
    assert_eq!(ready["provenance"], "development");
    assert_eq!(ready["report"]["publicInputs"], 1);
    assert_eq!(ready["report"]["privateInputs"], 1);
    assert!(ready.get("error").is_none(), "{ready}");
    for stage in ["compile", "setup", "store"] {
        assert!(ready["timings"][stage].is_u64(), "{ready}");
    }

    let again = server.post("/v1/circuits", &asked).await;
    assert_eq!(again.ok(), ready);
    assert_eq!(again.header("location"), format!("/v1/circuits/{id}"));
}

#[tokio::test]
async fn the_same_parameters_in_another_spelling_are_the_same_circuit() {
    let server = Server::idle().await;
    let id = server.post("/v1/circuits", &range_check()).await.json()["circuitId"].clone();
    for body in [
        r#"{"params": {"bits": "8", "max": "120", "min": "18"}, "templateName": "rangeCheck"}"#,
        r#"{ "templateName" : "rangeCheck", "params" : { "max" : 120 , "bits" : 8, "min" : "18" } }"#,
    ] {
        assert_eq!(server.post_text("/v1/circuits", body).await.json()["circuitId"], id, "{body}");
    }
    let defaults = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120}});
    let spelled = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120, "bits": 64}});
    let wide = server.post("/v1/circuits", &defaults).await.json();
    assert_ne!(wide["circuitId"], id);
    assert_eq!(server.post("/v1/circuits", &spelled).await.json()["circuitId"], wide["circuitId"]);
    assert_eq!(server.get("/v1/circuits").await.ok()["circuits"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn fifty_who_ask_at_once_get_one_circuit_and_one_job() {
    let server = Server::idle().await;
    let asked = range_check();
    let replies = (0..50).map(|_| server.post("/v1/circuits", &asked));
    let mut ids: Vec<_> = futures::future::join_all(replies)
        .await
        .into_iter()
        .map(|reply| reply.json()["circuitId"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let jobs = server.app.queue.stats(zkflow_core::service::queue::QueueName::KeyGeneration).await.unwrap();
    assert_eq!(jobs.ready + jobs.delayed + jobs.leased, 1);
}

#[tokio::test]
async fn a_circuit_that_failed_says_why_and_is_tried_again_when_asked_for() {
    let server = Server::idle().await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    let mut circuit = server.circuit(&id).await;
    circuit.begin(1, server.app.now()).unwrap();
    let failure = Failure { code: "compile_limit".to_owned(), message: "too large".to_owned() };
    circuit.fail(failure, server.app.now()).unwrap();
    server.app.save(circuit).await.unwrap();

    let path = format!("/v1/circuits/{id}");
    let failed = server.get(&format!("{path}?wait=30")).await.ok();
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"], json!({"code": "compile_limit", "message": "too large"}));
    server.post("/v1/proofs", &age_proof(&id, 42)).await.problem(409, "circuit_failed");
    let body = json!({"proof": {}, "publicSignals": []});
    server.post(&format!("{path}/verify"), &body).await.problem(409, "circuit_failed");

    let again = server.post("/v1/circuits", &range_check()).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(again.json()["circuitId"], id);
    assert!(again.json().get("error").is_none());
    assert_eq!(server.circuit(&id).await.life.status, CircuitStatus::Pending);
}

#[tokio::test]
async fn too_many_owed_circuits_are_refused_until_later() {
    let server = Server::idle_with(|config| config.limits.max_pending_circuits = 1).await;
    assert_eq!(server.post("/v1/circuits", &range_check()).await.status, StatusCode::ACCEPTED);
    let other = json!({"templateName": "rangeCheck", "params": {"min": 1, "max": 2}});
    let refused = server.post("/v1/circuits", &other).await;
    refused.problem(429, "overloaded");
    assert_eq!(refused.header("retry-after"), "5");
    // An existing circuit is accepted, since it causes no further work.
    assert_eq!(server.post("/v1/circuits", &range_check()).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn ids_of_no_circuit_are_not_found() {
    let server = shared().await;
    for id in [
        NO_CIRCUIT,
        "0",
        "ABCDEF0123456789ABCDEF0123456789",
        "..%2F..%2Fetc",
        "x y".replace(' ', "%20").as_str(),
    ] {
        for path in ["", "?wait=1", "/artifacts/circuit.wasm", "/events"] {
            server.get(&format!("/v1/circuits/{id}{path}")).await.problem(404, "circuit_not_found");
        }
        server.delete(&format!("/v1/circuits/{id}")).await.problem(404, "circuit_not_found");
        let body = json!({"proof": {}, "publicSignals": []});
        server.post(&format!("/v1/circuits/{id}/verify"), &body).await.problem(404, "circuit_not_found");
    }
    server.post("/v1/proofs", &age_proof(NO_CIRCUIT, 42)).await.problem(404, "circuit_not_found");
}

#[tokio::test]
async fn waiting_for_a_pending_circuit_ends_with_the_time_asked_for() {
    let server = Server::idle().await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    let began = std::time::Instant::now();
    let pending = server.get(&format!("/v1/circuits/{id}?wait=1")).await.ok();
    assert_eq!(pending["status"], "pending");
    assert!(began.elapsed().as_millis() >= 1000);
}

#[tokio::test]
async fn a_ready_circuit_is_answered_without_waiting() {
    let (server, id) = (shared().await, ready_circuit().await);
    let began = std::time::Instant::now();
    server.get(&format!("/v1/circuits/{id}?wait=60")).await.ok();
    assert!(began.elapsed().as_secs() < 10);
}
