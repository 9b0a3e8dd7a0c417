//! Health, readiness and metrics.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use zkflow_server::config::{AuthMethod, Config};

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

#[tokio::test]
async fn settings_without_effect_or_for_one_machine_are_warned_of() {
    let warned = async |change: fn(&mut Config), part: &str| {
        let server = Server::idle_with(change).await;
        server.app.warnings().iter().any(|warning| warning.contains(part))
    };
    assert!(warned(|config| config.auth.jwt_issuer = Some("https://x".to_owned()), "contain jwt").await);
    assert!(warned(|config| config.auth.proxy_addresses = vec![[10, 0, 0, 7].into()], "contain proxy").await);
    for (bind, expected) in [([0, 0, 0, 0], true), ([127, 0, 0, 1], false)] {
        let server = Server::idle_with(|config| {
            config.http.bind = IpAddr::from(bind);
            config.auth.methods = vec![AuthMethod::Keys];
            (config.webhooks.callbacks, config.webhooks.local_callbacks) = (true, true);
            (config.chain.allow_request_rpc, config.chain.development) = (true, true);
        })
        .await;
        for part in ["local_callbacks", "ZKFLOW_DEVELOPMENT"] {
            let found = server.app.warnings().iter().any(|warning| warning.contains(part));
            assert_eq!(found, expected, "{part} at {bind:?}");
        }
    }
    let warnings = Server::idle().await.app.warnings();
    assert!(warnings.iter().all(|warning| !warning.contains("no effect")), "{warnings:?}");
}
