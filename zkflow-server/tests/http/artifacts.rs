//! The files of a circuit.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use zkflow_core::digest::Digest;
use zkflow_core::service::store::PutMode;

use crate::support::{Reply, Server, range_check, ready_circuit, request, shared};

async fn get_unless(server: &Server, path: &str, known: &str) -> Reply {
    let mut request = request(Method::GET, path, Body::empty());
    request.headers_mut().insert("if-none-match", known.parse().unwrap());
    server.send(request).await
}

#[tokio::test]
async fn every_artifact_is_what_the_circuit_says_it_is() {
    let (server, id) = (shared().await, ready_circuit().await);
    let circuit = server.get(&format!("/v1/circuits/{id}")).await.ok();
    let artifacts = circuit["artifacts"].as_object().unwrap();
    let names: Vec<&str> = artifacts.keys().map(String::as_str).collect();
    let expected = [
        "circuit.circom",
        "circuit.r1cs",
        "circuit.sym",
        "circuit.tape",
        "circuit.wasm",
        "proving_key.zkey",
        "setup.json",
        "verification_key.json",
        "verifier.sol",
    ];
    assert_eq!(names, expected);
    for (name, artifact) in artifacts {
        let reply = server.get(artifact["url"].as_str().unwrap()).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.body.len() as u64, artifact["size"].as_u64().unwrap());
        let digest = artifact["sha256"].as_str().unwrap();
        assert_eq!(Digest::of(&reply.body).to_string(), digest);
        assert_eq!(reply.header("etag"), format!("\"{digest}\""));
        assert_eq!(reply.header("content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    let artifact = async |name: &str| server.get(&format!("/v1/circuits/{id}/artifacts/{name}")).await;
    assert_eq!(artifact("circuit.wasm").await.header("content-type"), "application/wasm");
    assert!(artifact("circuit.wasm").await.body.starts_with(b"\0asm"));
    assert!(artifact("proving_key.zkey").await.body.starts_with(b"zkey"));
    assert_eq!(artifact("verification_key.json").await.ok()["protocol"], "groth16");
    let setup = artifact("setup.json").await.ok();
    assert_eq!(
        (&setup["provenance"], &setup["phase1"]["origin"]),
        (&json!("development"), &json!("development"))
    );
    assert_eq!(setup["phase2"][0]["name"], "zkflow development");
    assert!(artifact("verifier.sol").await.text().contains("function verifyProof"));
}

#[tokio::test]
async fn an_artifact_that_the_caller_has_is_not_sent_again() {
    let (server, id) = (shared().await, ready_circuit().await);
    let path = format!("/v1/circuits/{id}/artifacts/verification_key.json");
    let etag = server.get(&path).await.header("etag").to_owned();
    for known in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
        let reply = get_unless(server, &path, &known).await;
        assert_eq!(reply.status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(reply.header("etag"), etag);
        assert!(reply.body.is_empty());
    }
    for other in ["\"other\"", "", etag.trim_matches('"')] {
        assert_eq!(get_unless(server, &path, other).await.status, StatusCode::OK, "{other}");
    }
}

#[tokio::test]
async fn an_artifact_that_is_not_there_is_not_found() {
    let (server, id) = (shared().await, ready_circuit().await);
    for name in ["other.txt", "..%2Fcircuit.wasm", "circuit.wasm%00"] {
        server.get(&format!("/v1/circuits/{id}/artifacts/{name}")).await.problem(404, "artifact_not_found");
    }
    let idle = Server::idle().await;
    let pending = idle.post("/v1/circuits", &range_check()).await.json();
    let path = format!("/v1/circuits/{}/artifacts/circuit.wasm", pending["circuitId"].as_str().unwrap());
    idle.get(&path).await.problem(404, "artifact_not_found");
}

#[tokio::test]
async fn an_artifact_that_was_altered_is_never_sent() {
    let (server, id) = Server::idle_with_circuit().await;
    let key = server.circuit(&id).await.artifacts["circuit.wasm"].key.clone();
    server.app.store.put(&key, "forged".into(), PutMode::Overwrite).await.unwrap();
    let reply = server.get(&format!("/v1/circuits/{id}/artifacts/circuit.wasm")).await;
    reply.problem(500, "artifact_corrupt");
    assert!(!reply.text().contains("forged"));
}

#[tokio::test]
async fn a_download_can_be_continued_and_its_head_read_alone() {
    let (server, id) = (shared().await, ready_circuit().await);
    let path = format!("/v1/circuits/{id}/artifacts/circuit.wasm");
    let whole = server.get(&path).await;
    let (etag, size) = (whole.header("etag").to_owned(), whole.body.len());
    assert_eq!(
        (whole.header("accept-ranges"), whole.header("content-length")),
        ("bytes", &*size.to_string())
    );
    let part = async |headers: &[(&'static str, &str)]| {
        let mut request = request(Method::GET, &path, Body::empty());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        server.send(request).await
    };
    for (range, expected) in [("bytes=0-9", 0..10), ("bytes=700-", 700..size), ("bytes=-5", size - 5..size)] {
        let reply = part(&[("range", range), ("if-range", &etag)]).await;
        assert_eq!(reply.status, StatusCode::PARTIAL_CONTENT, "{range}");
        let shown = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(reply.header("content-range"), shown);
        assert!(reply.body == whole.body[expected], "{range}");
    }
    let other = part(&[("range", "bytes=0-9"), ("if-range", "\"other\"")]).await;
    assert_eq!(
        (other.status, other.body.len()),
        (StatusCode::OK, size),
        "a part of another file is of no use"
    );
    let behind = part(&[("range", &format!("bytes={size}-"))]).await;
    behind.problem(416, "range_not_satisfiable");
    assert_eq!(behind.header("content-range"), format!("bytes */{size}"));

    let head = server.send(request(Method::HEAD, &path, Body::empty())).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!((head.header("content-length"), head.header("etag")), (&*size.to_string(), &*etag));
}

#[tokio::test]
async fn there_are_only_so_many_downloads_and_a_finished_one_makes_room() {
    let (server, id) = Server::idle_with_circuit_and(|config| config.http.max_downloads = 1).await;
    let path = format!("/v1/circuits/{id}/artifacts/circuit.wasm");
    let held = server.open(request(Method::GET, &path, Body::empty())).await;
    assert_eq!(held.status(), StatusCode::OK);
    let refused = server.get(&path).await;
    refused.problem(429, "too_many_downloads");
    assert_eq!(refused.header("retry-after"), "5");
    drop(held);
    assert_eq!(server.get(&path).await.status, StatusCode::OK);
    assert_eq!(server.get(&path).await.status, StatusCode::OK);
}
