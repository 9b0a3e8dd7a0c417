//! Requests of foreign web pages.

use axum::body::Body;
use axum::http::Method;
use zkflow_core::service::catalog::Scope;

use crate::callers::{guarded, with_key};
use crate::support::{NO_PROOF, Reply, Server, request};

async fn send(server: &Server, method: Method, headers: &[(&'static str, &str)]) -> Reply {
    let path = match method {
        Method::GET => "/v1/proofs".to_owned(),
        Method::DELETE => format!("/v1/proofs/{NO_PROOF}"),
        _ => format!("/v1/proofs/{NO_PROOF}/cancel"),
    };
    let mut request = request(method, &path, Body::empty());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    server.send(request).await
}

#[tokio::test]
async fn without_authentication_only_names_of_this_machine_are_answered() {
    let server = Server::idle().await;
    for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST"] {
        assert_eq!(send(&server, Method::GET, &[("host", host)]).await.status, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "10.0.0.1"] {
        send(&server, Method::GET, &[("host", host)]).await.problem(421, "host_refused");
    }
    let named = Server::idle_with(|config| config.auth.hosts = vec!["api.example".to_owned()]).await;
    assert_eq!(send(&named, Method::GET, &[("host", "api.example:443")]).await.status, 200);
    send(&named, Method::GET, &[("host", "localhost")]).await.problem(421, "host_refused");
    let open = Server::idle_with(|config| config.auth.insecure_no_auth = true).await;
    assert_eq!(send(&open, Method::GET, &[("host", "anything.example")]).await.status, 200);
}

#[tokio::test]
async fn no_answer_is_part_of_another_page() {
    let server = Server::idle().await;
    // Without authentication, a click in a frame would be enough to change something.
    for path in ["/", "/docs/", "/openapi.json", "/health", "/v1/circuits", "/v1/circuits/nothing"] {
        let reply = server.get(path).await;
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin", "{path}");
    }
}

#[tokio::test]
async fn another_page_changes_nothing() {
    let server =
        Server::idle_with(|config| config.auth.origins = vec!["https://app.example".to_owned()]).await;
    let host = ("host", "localhost:3000");
    let passes: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", "http://localhost:3000")],
        &[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")],
        &[("origin", "HTTPS://APP.example")],
    ];
    for headers in passes {
        let reply = send(&server, Method::POST, &[&[host], headers].concat()).await;
        reply.problem(404, "proof_not_found");
    }
    let refused: [&[(&str, &str)]; 7] = [
        &[("origin", "https://evil.example")],
        &[("origin", "http://localhost:8080")],
        &[("origin", "null")],
        &[("origin", "https://app.example.evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")],
        &[("origin", "localhost:3000")],
    ];
    for headers in refused {
        let headers = [&[host], headers].concat();
        send(&server, Method::POST, &headers).await.problem(403, "origin_refused");
        send(&server, Method::DELETE, &headers).await.problem(403, "origin_refused");
        assert_eq!(send(&server, Method::GET, &headers).await.status, 200, "{headers:?} reads");
    }
    // Pages cannot read answers either: no answer allows a foreign origin.
    let reply = send(&server, Method::GET, &[host, ("origin", "https://evil.example")]).await;
    assert!(reply.headers.get("access-control-allow-origin").is_none());
    assert!(reply.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn with_keys_any_host_is_answered_and_pages_are_still_refused() {
    let server = guarded().await;
    let key = server.key("own", &[Scope::ProofsCreate]).await;
    let path = format!("/v1/proofs/{NO_PROOF}/cancel");
    let mut asked = with_key(&key, request(Method::POST, &path, Body::empty()));
    asked.headers_mut().insert("host", "api.example".parse().unwrap());
    server.send(asked).await.problem(404, "proof_not_found");
    let mut asked = with_key(&key, request(Method::POST, &path, Body::empty()));
    asked.headers_mut().insert("host", "api.example".parse().unwrap());
    asked.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    server.send(asked).await.problem(403, "origin_refused");
}
