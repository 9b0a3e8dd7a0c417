//! Keys of the API: made once, used, rotated, revoked.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use zkflow_core::service::catalog::{KeyChange, Scope};
use zkflow_server::auth::KeyText;
use zkflow_server::state::ClientAddress;

use crate::callers::{guarded, guarded_with, with_key};
use crate::support::{Reply, Server, request};

#[tokio::test]
async fn a_key_is_shown_once_used_and_revoked_at_once() {
    let server = guarded().await;
    let admin = server.key("ops", &[Scope::Admin]).await;
    let new = json!({"name": "CI", "tenant": "acme", "scopes": ["circuits:read", "verify", "verify"]});
    let made = server.post_as(&admin, "/v1/keys", &new).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("zk_") && key.len() == 67, "{key}");
    assert_eq!(made["scopes"], json!(["circuits:read", "verify"]));
    assert_eq!(server.get_as(key, "/v1/circuits").await.status, 200);
    server.get_as(key, "/v1/keys").await.problem(403, "scope_missing");

    let path = format!("/v1/keys/{}", made["keyId"].as_str().unwrap());
    for path in [path.as_str(), "/v1/keys", "/v1/keys?tenant=acme"] {
        let reply = server.get_as(&admin, path).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.text().contains(&key[3..]) && reply.text().contains("\"CI\""), "{}", reply.text());
    }
    assert_eq!(server.get_as(&admin, "/v1/keys?tenant=other").await.ok()["keys"], json!([]));
    // The use is noted without delaying the request.
    for _ in 0..500 {
        if server.get_as(&admin, &path).await.ok()["lastUsedAt"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(server.get_as(&admin, &path).await.ok()["lastUsedAt"].is_string());
    assert_eq!(server.delete_as(&admin, &path).await.status, 204);
    server.get_as(key, "/v1/circuits").await.problem(401, "credentials_refused");
    assert!(server.get_as(&admin, &path).await.ok()["revokedAt"].is_string());
    let rotate = request(Method::POST, &format!("{path}/rotate"), Body::empty());
    server.send_as(&admin, rotate).await.problem(404, "key_not_found");
    server.get_as(&admin, "/v1/keys/x").await.problem(404, "key_not_found");
}

#[tokio::test]
async fn a_rotated_key_is_replaced_and_an_expired_one_refused() {
    let server = guarded().await;
    let admin = server.key("ops", &[Scope::Admin]).await;
    let (old, text) = server.key_until("acme", &[Scope::CircuitsRead], None).await;
    let rotate = async |overlap: &str| {
        let path = format!("/v1/keys/{}/rotate{overlap}", old.id);
        server.send_as(&admin, request(Method::POST, &path, Body::empty())).await
    };
    let next = rotate("?overlap=3600").await.json();
    assert_eq!((&next["tenant"], &next["name"]), (&json!("acme"), &json!("test")));
    let next = next["key"].as_str().unwrap();
    assert_ne!(next, text);
    for key in [&*text, next] {
        assert_eq!(server.get_as(key, "/v1/circuits").await.status, 200, "both are accepted for an hour");
    }
    let last = rotate("").await.json();
    server.get_as(&text, "/v1/circuits").await.problem(401, "credentials_refused");
    assert_eq!(server.get_as(last["key"].as_str().unwrap(), "/v1/circuits").await.status, 200);

    let past = server.app.now() - Duration::from_secs(1);
    let (_, expired) = server.key_until("acme", &[Scope::CircuitsRead], Some(past)).await;
    server.get_as(&expired, "/v1/circuits").await.problem(401, "credentials_refused");
}

#[tokio::test]
async fn a_key_that_expires_while_it_is_in_memory_is_refused() {
    let server = guarded().await;
    let soon = server.app.now() + Duration::from_millis(300);
    let (_, key) = server.key_until("acme", &[Scope::CircuitsRead], Some(soon)).await;
    let mut statuses = Vec::new();
    while server.app.now() < soon + Duration::from_millis(50) {
        statuses.push(server.get_as(&key, "/v1/circuits").await.status.as_u16());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.get_as(&key, "/v1/circuits").await.problem(401, "credentials_refused");
}

#[tokio::test]
async fn wrong_keys_to_make_are_refused_with_the_field() {
    let server = guarded().await;
    let admin = server.key("ops", &[Scope::Admin]).await;
    for (body, code) in [
        (json!({"name": "", "tenant": "a", "scopes": []}), "invalid_inputs"),
        (json!({"name": "x".repeat(129), "tenant": "a", "scopes": []}), "invalid_inputs"),
        (json!({"name": "a\nb", "tenant": "a", "scopes": []}), "invalid_inputs"),
        (json!({"name": "a", "tenant": "A", "scopes": []}), "invalid_body"),
        (json!({"name": "a", "tenant": "a", "scopes": ["root"]}), "invalid_body"),
        (json!({"name": "a", "tenant": "a", "scopes": [], "key": "zk_1"}), "invalid_body"),
        (json!({"name": "a", "tenant": "a", "scopes": [], "expiresAt": "tomorrow"}), "invalid_body"),
    ] {
        server.post_as(&admin, "/v1/keys", &body).await.problem(422, code);
    }
    let keys = server.app.catalog.keys();
    keys.change(&"01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(), KeyChange::Used(server.app.now()))
        .await
        .unwrap();
}

/// The answer to a new key that no one made, from this address.
async fn guess(server: &Server, from: &str) -> Reply {
    ask(server, KeyText::generate().expose(), from).await
}

async fn ask(server: &Server, key: &str, from: &str) -> Reply {
    let mut request = with_key(key, request(Method::GET, "/v1/circuits", Body::empty()));
    request.extensions_mut().insert(ClientAddress(from.parse().unwrap()));
    server.send(request).await
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_refused_by_address_and_known_keys_are_not() {
    let server = guarded().await;
    let known = server.key("acme", &[Scope::CircuitsRead]).await;
    let (flood, other) = ("192.0.2.1", "192.0.2.2");
    assert_eq!(ask(&server, &known, flood).await.status, 200);
    let mut sent = 0;
    let refused = loop {
        let reply = guess(&server, flood).await;
        if reply.status == 429 {
            break reply;
        }
        reply.problem(401, "credentials_refused");
        sent += 1;
        assert!(sent < 100_000, "there is no limit");
    };
    assert!(sent > 900, "{sent} keys at once are too few for a process that starts");
    refused.problem(429, "too_many_requests");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(ask(&server, &known, flood).await.status, 200, "a key that was used before");
    guess(&server, other).await.problem(401, "credentials_refused");
    let unused = server.key("acme", &[Scope::CircuitsRead]).await;
    assert_eq!(ask(&server, &unused, other).await.status, 200);
}

#[tokio::test]
async fn behind_a_proxy_with_the_address_of_all_clients_unknown_keys_have_no_limit() {
    let server = guarded_with(|config| config.http.address_share_percent = 100).await;
    for _ in 0..1200 {
        guess(&server, "192.0.2.1").await.problem(401, "credentials_refused");
    }
}
