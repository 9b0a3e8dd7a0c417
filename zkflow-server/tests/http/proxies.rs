//! Headers of a proxy that authenticates.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use zkflow_core::service::catalog::Scope;
use zkflow_server::config::AuthMethod;
use zkflow_server::state::ClientAddress;

use crate::callers::with_key;
use crate::support::{Server, request};

#[tokio::test]
async fn only_the_proxy_names_callers_by_headers() {
    let server = Server::idle_with(|config| {
        config.auth.methods = vec![AuthMethod::Keys, AuthMethod::Proxy];
        config.auth.proxy_addresses = vec!["10.0.0.7".parse().unwrap()];
    })
    .await;
    server.documents_of("acme").await;
    let ask = async |from: &str, scopes: &str, key: Option<&str>| {
        let mut asked = request(Method::GET, "/v1/circuits", Body::empty());
        asked.headers_mut().insert("x-zkflow-tenant", "acme".parse().unwrap());
        asked.headers_mut().insert("x-zkflow-scopes", scopes.parse().unwrap());
        asked.extensions_mut().insert(ClientAddress(from.parse::<IpAddr>().unwrap()));
        server.send(key.into_iter().fold(asked, |asked, key| with_key(key, asked))).await
    };
    let list = ask("10.0.0.7", "circuits:read,verify", None).await.ok();
    assert_eq!(list["circuits"].as_array().unwrap().len(), 1);
    ask("10.0.0.7", "verify", None).await.problem(403, "scope_missing");
    ask("10.0.0.8", "circuits:read", None).await.problem(401, "unauthenticated");
    ask("127.0.0.1", "circuits:read", None).await.problem(401, "unauthenticated");
    // Beside a key from elsewhere, the headers mean nothing.
    let key = server.key("other", &[Scope::CircuitsRead]).await;
    assert_eq!(ask("10.0.0.8", "admin", Some(&key)).await.ok()["circuits"], json!([]));
}
