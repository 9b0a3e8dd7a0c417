//! Health, readiness and metrics.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use crate::support::{Server, completed_proof, range_check, request, shared};

#[tokio::test]
async fn the_process_says_that_it_lives_and_for_how_long() {
    let health = Server::idle().await.get("/health").await.ok();
    assert_eq!(health["status"], "ok");
    assert!(health["uptime_s"].as_u64().unwrap() < 60);
}

#[tokio::test]
async fn readiness_is_told_part_by_part_and_ends_with_draining() {
    let server = Server::idle().await;
    let parts = json!({"catalog": "ok", "queue": "ok", "store": "ok"});
    assert_eq!(server.get("/ready").await.ok(), json!({"status": "ready", "checks": parts}));
    server.app.shutdown.cancel();
    let draining = server.get("/ready").await;
    assert_eq!(draining.status, 503);
    assert_eq!(draining.json(), json!({"status": "draining", "checks": parts}));
    assert_eq!(server.get("/health").await.status, 200);
}

#[tokio::test]
async fn metrics_tell_requests_queues_and_stages() {
    completed_proof().await;
    let server = Server::idle().await;
    server.post("/v1/circuits", &range_check()).await;
    server.get("/v1/circuits/unheard-of-id").await;
    server.get("/unheard-of-path").await;
    let reply = server.get("/metrics").await;
    assert!(reply.header("content-type").starts_with("text/plain"));
    let text = reply.text();
    for line in [
        r#"zkflow_http_requests_total{method="POST",route="/v1/circuits",status="202"} "#,
        r#"zkflow_http_requests_total{method="GET",route="/v1/circuits/{circuitId}",status="404"} "#,
        r#"zkflow_http_requests_total{method="GET",route="unmatched",status="404"} "#,
        r#"zkflow_http_request_duration_seconds_bucket{method="POST",route="/v1/circuits",le="0.001"} "#,
        r#"zkflow_queue_jobs{queue="key-generation",state="ready"} "#,
        r#"zkflow_queue_jobs{queue="proof-generation",state="dead"} "#,
        r#"zkflow_queue_oldest_ready_seconds{queue="key-generation"} "#,
        r#"zkflow_stage_duration_seconds_count{flow="circuit",stage="compile"} "#,
        r#"zkflow_stage_duration_seconds_count{flow="circuit",stage="setup"} "#,
        r#"zkflow_stage_duration_seconds_count{flow="proof",stage="witness"} "#,
        r#"zkflow_stage_duration_seconds_count{flow="proof",stage="prove"} "#,
        r#"zkflow_witnesses_total{way="tape"} "#,
        "# TYPE zkflow_http_requests_total counter",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    assert!(!text.contains("unheard-of"), "paths are not labels");
}

#[tokio::test]
async fn failures_are_counted_by_their_code() {
    let server = shared().await;
    let id = server.ask_for_proof(crate::support::ready_circuit().await, 17).await;
    server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
    let metrics = server.get("/metrics").await;
    let line = metrics.text().lines().find(|line| line.contains(r#"code="constraint_failed""#)).unwrap();
    assert!(
        line.starts_with("zkflow_documents_failed_total{") && line.contains("proof-generation"),
        "{line}"
    );
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let server = Server::idle().await;
    let (one, two) = (server.get("/health").await, server.get("/nothing").await);
    assert!(!one.header("x-request-id").is_empty());
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    for (given, taken) in [("caller-1", true), ("no spaces", false), (&"x".repeat(65), false)] {
        let mut request = request(Method::GET, "/health", Body::empty());
        request.headers_mut().insert("x-request-id", given.parse().unwrap());
        assert_eq!(server.send(request).await.header("x-request-id") == given, taken, "{given}");
    }
}
