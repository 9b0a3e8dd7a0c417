//! Malformed requests.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Method;
use zkflow_core::service::catalog::{Named as _, Scope};
use zkflow_server::state::ClientAddress;

use crate::callers::{guarded_with, with_key};
use crate::support::{
    BODY_LIMIT, NO_CIRCUIT, NO_PROOF, SEALED_LIMIT, Server, json_request, range_check, request,
};

const POSTS: [&str; 3] =
    ["/v1/circuits", "/v1/proofs", "/v1/circuits/00000000000000000000000000000000/verify"];

#[tokio::test]
async fn malformed_json_is_said_by_line_and_column_and_never_by_value() {
    let server = Server::idle().await;
    for path in POSTS {
        for (body, place) in [
            ("", "line 1, column 0"),
            ("{", "line 1, column 1"),
            ("{\n canary}", "line 2, column 2"),
            ("{\"canary", "line 1, column 8"),
            ("\u{feff}{}", "line 1, column 1"),
        ] {
            let reply = server.post_text(path, body).await;
            let problem = reply.problem(400, "malformed_json");
            assert!(problem["detail"].as_str().unwrap().starts_with(place), "{body}: {problem}");
            assert!(!reply.text().contains("canary"), "{}", reply.text());
        }
        let mut bytes = json_request(path, "");
        *bytes.body_mut() = Body::from(&b"{\"a\": \"\xff\xfe\"}"[..]);
        assert!(server.send(bytes).await.status.is_client_error());
    }
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let server = Server::idle().await;
    let deep = "[".repeat(10_000);
    let body = format!("{{\"circuitId\":\"{NO_CIRCUIT}\",\"privateInputs\":{{\"a\":{deep}");
    server.post_text("/v1/proofs", &body).await.problem(400, "malformed_json");
}

#[tokio::test]
async fn json_of_another_kind_is_said_by_expectation_and_never_by_value() {
    let server = Server::idle().await;
    for (path, body, part) in [
        ("/v1/circuits", "[]".to_owned(), "expected "),
        ("/v1/circuits", "{}".to_owned(), "missing field `templateName`"),
        ("/v1/circuits", r#"{"templateName":"canary/canary"}"#.to_owned(), "not a valid"),
        (
            "/v1/circuits",
            r#"{"templateName":"rangeCheck","params":"canary"}"#.to_owned(),
            "expected an object",
        ),
        (
            "/v1/circuits",
            r#"{"templateName":"rangeCheck","params":{"min":1,"max":2,"min":1}}"#.to_owned(),
            "duplicate entry",
        ),
        ("/v1/circuits", r#"{"templateName":"rangeCheck","canary":1}"#.to_owned(), "`templateName`"),
        ("/v1/proofs", r#"{"circuitId":"canary","privateInputs":{}}"#.to_owned(), "not a valid circuit id"),
        ("/v1/proofs", r#"{"privateInputs":{}}"#.to_owned(), "missing field `circuitId`"),
        (
            "/v1/proofs",
            format!(r#"{{"circuitId":"{NO_CIRCUIT}","privateInputs":{{"canary":1,"canary":2}}}}"#),
            "duplicate entry",
        ),
        (
            "/v1/proofs",
            format!(r#"{{"circuitId":"{NO_CIRCUIT}","privateInputs":{{"p":[{{"canary":1,"canary":2}}]}}}}"#),
            "duplicate entry",
        ),
        (
            "/v1/proofs",
            format!(r#"{{"circuitId":"{NO_CIRCUIT}","privateInputs":{{}},"userId":"ca nary"}}"#),
            "not a valid user id",
        ),
    ] {
        let reply = server.post_text(path, &body).await;
        let problem = reply.problem(422, "invalid_body");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("line 1, column ") && detail.contains(part), "{body}: {detail}");
        assert!(!detail.contains("canary") && !detail.contains("nary\""), "{detail}");
    }
}

#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let server = Server::idle().await;
    for path in POSTS {
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json")] {
            let mut request = json_request(path, "{}");
            request.headers_mut().remove("content-type");
            if let Some(kind) = kind {
                request.headers_mut().insert("content-type", kind.parse().unwrap());
            }
            server.send(request).await.problem(415, "unsupported_media_type");
        }
        for kind in ["application/json; charset=utf-8", "Application/JSON", "application/x+json"] {
            let mut request = json_request(path, "{");
            request.headers_mut().insert("content-type", kind.parse().unwrap());
            server.send(request).await.problem(400, "malformed_json");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let server = Server::idle().await;
    for (path, most) in POSTS.into_iter().zip([BODY_LIMIT, SEALED_LIMIT, BODY_LIMIT]) {
        let fits = " ".repeat(most);
        server.post_text(path, &fits).await.problem(400, "malformed_json");
        server.post_text(path, &format!("{fits} ")).await.problem(413, "body_too_large");
        // The same without a Content-Length.
        let chunks = (0..most / 1024 + 1).map(|_| Ok::<_, std::io::Error>(" ".repeat(1024)));
        let mut request = json_request(path, "");
        *request.body_mut() = Body::from_stream(futures::stream::iter(chunks));
        server.send(request).await.problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn what_is_not_there_and_methods_that_are_not_taken_are_problems() {
    let server = Server::idle().await;
    for path in
        ["/x", "/v1", "/v2/circuits", "/v1/circuits/", "/v1/circuits/x/y", "/health/", "/v1/proofs/x/y/z"]
    {
        server.get(path).await.problem(404, "route_not_found");
    }
    let (circuit, proof) = (format!("/v1/circuits/{NO_CIRCUIT}"), format!("/v1/proofs/{NO_PROOF}"));
    for (method, path, allowed) in [
        (Method::DELETE, "/health", "GET"),
        (Method::POST, "/metrics", "GET"),
        (Method::PUT, "/v1/circuits", "POST"),
        (Method::PATCH, &circuit, "DELETE"),
        (Method::PUT, &proof, "DELETE"),
        (Method::GET, &format!("{proof}/cancel"), "POST"),
        (Method::GET, &format!("{circuit}/verify"), "POST"),
    ] {
        let reply = server.send(request(method, path, Body::empty())).await;
        reply.problem(405, "method_not_allowed");
        assert!(reply.header("allow").contains(allowed), "{path}: {:?}", reply.headers);
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem() {
    let server = Server::idle().await;
    for path in ["/v1/circuits/%FF", "/v1/circuits/%FF/artifacts/x", "/v1/proofs/%FF", "/v1/templates/%FF"] {
        server.get(path).await.problem(400, "invalid_path");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let server = Server::idle_with(|config| config.http.request_time_s = 1).await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    let began = Instant::now();
    server.get(&format!("/v1/circuits/{id}?wait=60")).await.problem(503, "timeout");
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// A body of which a part is sent, and then nothing.
fn stalling(path: &str, sent: usize) -> axum::http::Request<Body> {
    let start =
        futures::stream::once(
            async move { Ok::<_, std::io::Error>(axum::body::Bytes::from(vec![b' '; sent])) },
        );
    let mut request = json_request(path, "");
    *request.body_mut() = Body::from_stream(futures::StreamExt::chain(start, futures::stream::pending()));
    request
}

#[tokio::test]
async fn a_body_that_stops_halfway_is_the_clients_fault() {
    let server = Server::idle().await;
    let began = Instant::now();
    server.send(stalling("/v1/circuits", 10)).await.problem(408, "body_too_slow");
    assert!(began.elapsed() < Duration::from_secs(30));
    // Also where the time of the whole request ends first.
    let server = Server::idle_with(|config| config.http.request_time_s = 3).await;
    let problem = server.send(stalling("/v1/circuits", 10)).await.problem(408, "body_too_slow");
    assert!(problem["detail"].as_str().unwrap().contains("within 2 s"), "{problem}");
}

#[tokio::test]
async fn bodies_have_a_budget_of_which_one_address_has_a_share() {
    let server = Server::idle_with(|config| {
        config.http.max_body_bytes = 64 * 1024;
        config.http.body_memory_mib = 1;
    })
    .await;
    let address = |n: u8| ClientAddress([192, 0, 2, n].into());
    let send = async |from, mut request: axum::http::Request<Body>| {
        request.extensions_mut().insert(address(from));
        server.send(request).await
    };
    // A quarter of the budget, in two bodies that do not end.
    let halves = futures::future::join_all((0..2).map(|_| send(1, stalling("/v1/proofs", 120 * 1024))));
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let refused = send(1, stalling("/v1/proofs", 120 * 1024)).await;
        refused.problem(503, "bodies_over_budget");
        assert_eq!(refused.header("retry-after"), "1");
        let other = send(2, json_request("/v1/circuits", &range_check().to_string())).await;
        assert_eq!(other.status, 202, "another client: {}", other.text());
    };
    let (halves, ()) = futures::join!(halves, others);
    assert!(halves.iter().all(|reply| reply.status == 408));
    assert_eq!(send(1, json_request("/v1/circuits", &range_check().to_string())).await.status, 202);
}

#[tokio::test]
async fn bodies_have_a_budget_of_which_one_tenant_has_a_share() {
    let server = guarded_with(|config| {
        config.http.max_body_bytes = 64 * 1024;
        config.http.body_memory_mib = 1;
        // As behind a proxy: all clients have its address.
        config.http.address_share_percent = 100;
        config.limits.tenant_share_percent = 25;
    })
    .await;
    let [own, other] = [server.key("own", Scope::ALL).await, server.key("other", Scope::ALL).await];
    let stalls = |key: &str| server.send(with_key(key, stalling("/v1/proofs", 120 * 1024)));
    let halves = futures::future::join_all((0..2).map(|_| stalls(&own)));
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let refused = stalls(&own).await;
        let problem = refused.problem(503, "bodies_over_budget");
        assert!(problem["detail"].as_str().unwrap().contains("for the tenant"), "{problem}");
        let build = json_request("/v1/circuits", &range_check().to_string());
        let reply = server.send(with_key(&other, build)).await;
        assert_eq!(reply.status, 202, "another tenant: {}", reply.text());
    };
    let (halves, ()) = futures::join!(halves, others);
    assert!(halves.iter().all(|reply| reply.status == 408));
}

#[tokio::test]
async fn each_route_has_its_own_limit_of_the_body() {
    let server = Server::idle_with(|config| config.http.max_body_bytes = 4 << 20).await;
    let spaces = |n: usize| " ".repeat(n);
    for (path, most) in [(POSTS[0], 256 * 1024), (POSTS[2], 4 << 20)] {
        server.post_text(path, &spaces(most)).await.problem(400, "malformed_json");
        server.post_text(path, &spaces(most + 1)).await.problem(413, "body_too_large");
    }
}
