//! Quotas of circuits, and circuits that are not used.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use zkflow_core::service::catalog::{Hour, Scope};
use zkflow_core::service::tenant::TenantId;
use zkflow_server::service::idle;

use crate::callers::{guarded_with, with_key};
use crate::support::{Server, json_request, range_check, ready_circuit, request, shared};

#[tokio::test]
async fn a_tenant_has_no_more_circuits_than_its_quota() {
    let server = guarded_with(|config| config.limits.max_circuits = 2).await;
    let scopes = [Scope::CircuitsBuild, Scope::CircuitsRead];
    let keys = [server.key("own", &scopes).await, server.key("other", &scopes).await];
    let ask = async |key: &str, min: u64| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
        server.send(with_key(key, json_request("/v1/circuits", &body.to_string()))).await
    };
    for key in &keys {
        for min in [1, 2] {
            assert_eq!(ask(key, min).await.status, StatusCode::ACCEPTED);
        }
        let refused = ask(key, 3).await;
        refused.problem(429, "too_many_circuits");
        assert!(refused.text().contains("max_circuits"), "{}", refused.text());
        // A circuit that exists is no further one.
        assert_eq!(ask(key, 1).await.status, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn the_time_for_building_circuits_has_a_quota_by_tenant() {
    let server = guarded_with(|config| config.limits.build_seconds_per_hour = 10).await;
    let keys = [
        server.key("own", &[Scope::CircuitsBuild]).await,
        server.key("other", &[Scope::CircuitsBuild]).await,
    ];
    let ask = async |key: &str, min: u64| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
        server.send(with_key(key, json_request("/v1/circuits", &body.to_string()))).await
    };
    let (log, own) = (server.app.catalog.usage_log(), "own".parse().unwrap());
    let hour = Hour::of(server.app.now());
    log.spend(&own, hour, 9_999).await.unwrap();
    assert_eq!(ask(&keys[0], 1).await.status, StatusCode::ACCEPTED);
    log.spend(&own, hour, 1).await.unwrap();
    let refused = ask(&keys[0], 2).await;
    refused.problem(429, "too_many_circuits");
    assert!(refused.text().contains("build_seconds_per_hour"), "{}", refused.text());
    assert_eq!(ask(&keys[0], 1).await.status, StatusCode::ACCEPTED, "a circuit that exists costs nothing");
    assert_eq!(ask(&keys[1], 2).await.status, StatusCode::ACCEPTED, "another tenant has its own time");
}

#[tokio::test]
async fn building_a_circuit_takes_of_the_time_of_its_tenant() {
    ready_circuit().await;
    let server = shared().await;
    let spent = server.app.catalog.usage_log().spent(&TenantId::default(), Hour::of(server.app.now())).await;
    let before =
        server.app.catalog.usage_log().spent(&TenantId::default(), Hour::of(server.app.now()).before());
    assert!(spent.unwrap() + before.await.unwrap() > 0);
}

#[tokio::test]
async fn the_backlog_of_a_tenant_leaves_room_for_others() {
    let server = guarded_with(|config| {
        config.limits.max_pending_circuits = 5;
        config.limits.tenant_share_percent = 50;
    })
    .await;
    let scopes = [Scope::CircuitsBuild];
    let keys = [server.key("own", &scopes).await, server.key("other", &scopes).await];
    let ask = async |key: &str, min: u64| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
        server.send(with_key(key, json_request("/v1/circuits", &body.to_string()))).await
    };
    for min in 1..=3 {
        assert_eq!(ask(&keys[0], min).await.status, StatusCode::ACCEPTED);
    }
    let refused = ask(&keys[0], 4).await;
    refused.problem(429, "overloaded");
    assert!(refused.text().contains("share"), "{}", refused.text());
    for min in 1..=2 {
        assert_eq!(ask(&keys[1], min).await.status, StatusCode::ACCEPTED);
    }
    let full = ask(&keys[1], 3).await;
    full.problem(429, "overloaded");
    assert!(full.text().contains("full"), "{}", full.text());
}

#[tokio::test]
async fn a_caller_has_a_burst_and_then_a_rate_and_others_are_untouched() {
    let server = guarded_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.requests_burst = 3;
    })
    .await;
    let keys = [server.key("own", &[Scope::ProofsRead]).await, server.key("own", &[Scope::ProofsRead]).await];
    let ask =
        async |key: &str| server.send(with_key(key, request(Method::GET, "/v1/proofs", Body::empty()))).await;
    for key in &keys {
        let mut refused = None;
        // The clock goes on, so a request more may pass.
        for sent in 0..10 {
            let reply = ask(key).await;
            assert_eq!(reply.header("ratelimit-policy"), "\"caller\";q=3;w=3");
            if sent == 0 {
                assert_eq!(reply.header("ratelimit"), "\"caller\";r=2;t=1");
            }
            assert!(sent >= 3 || reply.status == StatusCode::OK, "{}", reply.text());
            if reply.status != StatusCode::OK {
                refused = Some(reply);
                break;
            }
        }
        let refused = refused.expect("the tenth request at once is refused");
        refused.problem(429, "too_many_requests");
        assert!(refused.header("ratelimit").starts_with("\"caller\";r=0"), "{}", refused.header("ratelimit"));
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=2).contains(&seconds)));
    }
    for _ in 0..5 {
        server.get("/v1/proofs").await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_files_of_circuits_have_a_quota() {
    let server = Server::idle_with(|config| config.limits.circuits_mib = 3).await;
    let mut circuit = shared().await.circuit(ready_circuit().await).await;
    circuit.artifacts.retain(|name, _| name == "circuit.wasm" || name == "proving_key.zkey");
    circuit.artifacts.values_mut().for_each(|file| file.size = (3 << 19) - 1);
    server.app.catalog.circuits().insert(circuit.clone()).await.unwrap();
    let another =
        |min: u64| json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
    assert_eq!(server.post("/v1/circuits", &another(1)).await.status, StatusCode::ACCEPTED);
    circuit = server.circuit(circuit.id.as_str()).await;
    circuit.artifacts.values_mut().for_each(|file| file.size = 3 << 19);
    server.app.save(circuit).await.unwrap();
    let refused = server.post("/v1/circuits", &another(2)).await;
    refused.problem(429, "too_many_circuits");
    assert!(refused.text().contains("circuits_mib"), "{}", refused.text());
    assert!(server.post("/v1/circuits", &range_check()).await.status.is_success());
}

#[tokio::test]
async fn a_circuit_without_proof_requests_is_deleted_when_it_is_old() {
    let (server, id) = Server::idle_with_circuit().await;
    let changed = server.circuit(&id).await.life.updated_at;
    let later = changed + Duration::from_millis(1);
    let delete = async |before| idle::delete_unused(&server.app, before, || true).await.unwrap();
    assert_eq!(delete(changed).await, 0, "it is not old enough");
    let proof = server.ask_for_proof(&id, 42).await;
    assert_eq!(delete(later).await, 0, "it has a proof request");
    server.post_text(&format!("/v1/proofs/{proof}/cancel"), "").await;
    assert_eq!(delete(later).await, 0, "it has a proof request that is final");
    assert_eq!(server.delete(&format!("/v1/proofs/{proof}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(idle::delete_unused(&server.app, later, || false).await.unwrap(), 0, "the work was cancelled");
    assert_eq!(delete(later).await, 1);
    server.get(&format!("/v1/circuits/{id}")).await.problem(404, "circuit_not_found");
    let again = server.post("/v1/circuits", &range_check()).await.json();
    assert!(again["replaces"]["provingKey"].is_string(), "{again}");
}
