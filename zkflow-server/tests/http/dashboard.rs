//! The files of the dashboard.

use axum::body::Body;
use axum::http::Method;

use crate::callers::guarded;
use crate::support::{Server, request};

#[tokio::test]
async fn the_page_is_public_and_confined() {
    let server = guarded().await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/dashboard.js", "text/javascript"),
        ("/dashboard.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").starts_with(kind), "{path}");
        let policy = reply.header("content-security-policy");
        for rule in
            ["default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "connect-src 'self'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cache-control"), "no-cache");
        let mut again = request(Method::GET, path, Body::empty());
        again.headers_mut().insert("if-none-match", reply.header("etag").parse().unwrap());
        let again = server.send(again).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
    }
}

/// Addresses that begin with a slash would not work under a base path; inline scripts would break the policy.
#[tokio::test]
async fn the_page_works_under_a_base_path() {
    let page = Server::idle().await.get("/").await.text().to_owned();
    for attribute in ["src=\"", "href=\""] {
        assert!(page.contains(attribute), "{page}");
        for value in page.split(attribute).skip(1) {
            assert!(value.starts_with("./"), "{attribute}{value}");
        }
    }
    assert!(!page.contains("<style") && !page.contains("style=\""), "{page}");
}

#[tokio::test]
async fn the_page_has_the_limits_of_a_session() {
    for (idle, session) in [(900, 28_800), (60, 0)] {
        let server = Server::idle_with(|config| {
            (config.http.dashboard_idle_s, config.http.dashboard_session_s) = (idle, session);
        });
        let page = server.await.get("/").await;
        let limits = format!("<html lang=\"en\" data-idle-s=\"{idle}\" data-session-s=\"{session}\">");
        assert!(page.text().contains(&limits), "{}", page.text());
    }
}

#[tokio::test]
async fn the_page_can_be_switched_off() {
    let server = Server::idle_with(|config| config.http.dashboard = false).await;
    for path in ["/", "/dashboard.js"] {
        server.get(path).await.problem(404, "route_not_found");
    }
}

#[tokio::test]
async fn the_page_is_refused_under_a_foreign_name() {
    let server = Server::idle().await;
    let mut foreign = request(Method::GET, "/", Body::empty());
    foreign.headers_mut().insert("host", "evil.example".parse().unwrap());
    server.send(foreign).await.problem(421, "host_refused");
}
