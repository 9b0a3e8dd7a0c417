//! `ETag` and 304 for documents, gzip, and answers for web pages of other sites.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{Method, Request};
use flate2::read::GzDecoder;

use crate::support::{Reply, Server, range_check, ready_circuit, request, shared};

fn with(method: Method, path: &str, headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = request(method, path, Body::empty());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

async fn get(server: &Server, path: &str, headers: &[(&'static str, &str)]) -> Reply {
    server.send(with(Method::GET, path, headers)).await
}

#[tokio::test]
async fn a_document_that_has_not_changed_is_not_sent_again() {
    let server = Server::idle().await;
    let asked = server.post("/v1/circuits", &range_check()).await.json();
    let path = format!("/v1/circuits/{}", asked["circuitId"].as_str().unwrap());
    for path in [&*path, "/v1/circuits", "/v1/templates"] {
        let first = get(&server, path, &[]).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\"") && tag.len() > 30, "{path}: {tag}");
        for known in [tag.clone(), tag.replace("W/", ""), format!("\"another\", {tag}"), "*".to_owned()] {
            let again = get(&server, path, &[("if-none-match", &known)]).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), tag);
        }
        let other = get(&server, path, &[("if-none-match", "W/\"another\"")]).await;
        assert_eq!((other.status.as_u16(), &other.body), (200, &first.body), "{path}");
    }
    let list = get(&server, "/v1/circuits", &[]).await;
    let another =
        serde_json::json!({"templateName": "rangeCheck", "params": {"min": 19, "max": 120, "bits": 8}});
    server.post("/v1/circuits", &another).await;
    let changed = get(&server, "/v1/circuits", &[("if-none-match", list.header("etag"))]).await;
    assert_eq!(changed.status, 200);
    // A problem is never a copy.
    get(&server, "/v1/circuits/nothing", &[("if-none-match", "*")]).await.problem(404, "circuit_not_found");
}

#[tokio::test]
async fn long_texts_are_compressed_and_artifacts_are_not() {
    let server = shared().await;
    let id = ready_circuit().await;
    let asked = [("accept-encoding", "gzip, br")];
    for path in ["/openapi.json", "/v1/templates", "/dashboard.js", "/dashboard.css"] {
        let (plain, packed) = (get(server, path, &[]).await, get(server, path, &asked).await);
        assert_eq!(
            (plain.header("content-encoding"), packed.header("content-encoding")),
            ("", "gzip"),
            "{path}"
        );
        assert!(
            packed.body.len() * 2 < plain.body.len(),
            "{path}: {} {}",
            packed.body.len(),
            plain.body.len()
        );
        let mut text = Vec::new();
        GzDecoder::new(&*packed.body).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.body, "{path}");
        assert_eq!(packed.header("etag"), plain.header("etag"), "{path}");
    }
    let key = format!("/v1/circuits/{id}/artifacts/verification_key.json");
    for path in ["/health", &key, &format!("/v1/circuits/{id}/events")] {
        assert_eq!(get(server, path, &asked).await.header("content-encoding"), "", "{path}");
    }
}

#[tokio::test]
async fn pages_that_are_named_may_read_answers_and_others_may_not() {
    let server =
        Server::idle_with(|config| config.auth.origins = vec!["https://App.example".to_owned()]).await;
    let page = ("origin", "https://app.example");
    let asks = [
        page,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,idempotency-key"),
    ];
    let preflight = Reply::of(server.open(with(Method::OPTIONS, "/v1/proofs", &asks)).await).await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), page.1);
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    for name in ["authorization", "content-type", "idempotency-key", "last-event-id"] {
        assert!(preflight.header("access-control-allow-headers").contains(name), "{name}");
    }
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    for path in ["/v1/proofs", "/v1/circuits/nothing"] {
        let answer = get(&server, path, &[page]).await;
        assert_eq!(answer.header("access-control-allow-origin"), page.1, "{path}");
        assert!(answer.header("access-control-expose-headers").contains("etag"), "{path}");
    }
    for origin in ["https://evil.example", "http://app.example", "https://app.example.evil.example", "null"] {
        let answer = get(&server, "/v1/proofs", &[("origin", origin)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
    // Without named pages, there is no preflight.
    let closed = Server::idle().await;
    let preflight = Reply::of(closed.open(with(Method::OPTIONS, "/v1/proofs", &asks)).await).await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (405, ""));
}
