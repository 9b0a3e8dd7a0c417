//! The log of changes with their callers.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use zkflow_core::service::catalog::{AuditEntry, Named as _, Scope};
use zkflow_server::maintenance::audit::{Check, Fault, Sealer};

use crate::callers::{guarded, guarded_with, with_key};
use crate::imports::{declaration, tiny};
use crate::support::{Server, json_request, range_check, request};

async fn log(server: &Server, key: &str) -> Vec<Value> {
    server.get_as(key, "/v1/audit-log").await.ok()["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_change_has_an_entry_with_its_caller() {
    let server = guarded_with(|config| config.webhooks.callbacks = true).await;
    let (admin, key) = server.key_until("operators", Scope::ALL, None).await;
    assert!(log(&server, &key).await.is_empty());
    let body = json!({"name": "a", "tenant": "acme", "scopes": ["circuits:build", "circuits:read"]});
    let made = server.post_as(&key, "/v1/keys", &body).await.json();
    let (id, other) = (made["keyId"].as_str().unwrap(), made["key"].as_str().unwrap());
    let circuit = server.post_as(other, "/v1/circuits", &range_check()).await.json()["circuitId"].clone();
    // Neither a repeat nor a refusal is a change.
    server.post_as(other, "/v1/circuits", &range_check()).await;
    server.post_as(other, "/v1/keys", &body).await.problem(403, "scope_missing");
    let mut public = range_check();
    public["visibility"] = json!("public");
    server.post_as(other, "/v1/circuits", &public).await;
    let send = async |method: Method, path: &str| {
        let reply = server.send_as(&key, request(method, path, Body::empty())).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text());
    };
    send(Method::POST, "/v1/queues/deploy/pause").await;
    send(Method::POST, "/v1/queues/deploy/resume").await;
    let mut set = json_request("/v1/webhooks", &json!({"url": "https://1.1.1.1/"}).to_string());
    *set.method_mut() = Method::PUT;
    assert_eq!(server.send(with_key(&key, set)).await.status, 200);
    send(Method::POST, "/v1/webhooks/rotate").await;
    send(Method::DELETE, "/v1/webhooks").await;
    let owned = server.documents_of("operators").await;
    server.app.erase(server.app.catalog.proofs().get(&owned.proof).await.unwrap().unwrap()).await.unwrap();
    server
        .app
        .erase(server.app.catalog.deployments().get(&owned.deployment).await.unwrap().unwrap())
        .await
        .unwrap();
    send(Method::DELETE, &format!("/v1/ceremonies/{}", owned.ceremony)).await;
    send(Method::DELETE, &format!("/v1/circuits/{}", owned.circuit.id)).await;
    let rotate = request(Method::POST, &format!("/v1/keys/{id}/rotate"), Body::empty());
    let next = server.send_as(&key, rotate).await.json()["keyId"].as_str().unwrap().to_owned();
    send(Method::DELETE, &format!("/v1/keys/{id}")).await;

    let entries = log(&server, &key).await;
    let (by, of) = (format!("key:{}", admin.id), format!("key:{id}"));
    let rotated = format!("{id} {next}");
    let (deleted, circuit) = (owned.circuit.id.to_string(), circuit.as_str().unwrap());
    let expected = [
        ("key.create", id, &by, "operators"),
        ("circuit.build", circuit, &of, "acme"),
        ("circuit.share", circuit, &of, "acme"),
        ("queue.pause", "deploy", &by, "operators"),
        ("queue.resume", "deploy", &by, "operators"),
        ("webhooks.set", "operators", &by, "operators"),
        ("webhooks.rotate", "operators", &by, "operators"),
        ("webhooks.delete", "operators", &by, "operators"),
        ("ceremony.delete", owned.ceremony.as_str(), &by, "operators"),
        ("circuit.delete", &deleted, &by, "operators"),
        ("key.rotate", &rotated, &by, "operators"),
        ("key.revoke", id, &by, "operators"),
    ];
    let found: Vec<_> = entries
        .iter()
        .map(|entry| ["action", "subject", "actor", "tenant"].map(|field| entry[field].as_str().unwrap()))
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(action, subject, actor, tenant)| [*action, subject, actor, tenant]).collect();
    assert_eq!(found, expected);
    let shown = Value::from(entries.clone()).to_string();
    assert!(!shown.contains(&other[3..]) && !shown.contains("1.1.1.1"), "{shown}");
    let rest = server.get_as(&key, "/v1/audit-log?after=9&limit=1").await.ok();
    assert_eq!(rest["entries"], json!([entries[9]]));
    let newest = server.get_as(&key, "/v1/audit-log?limit=2").await.ok();
    assert_eq!(newest["entries"], json!(entries[10..]));
    server.get_as(&key, "/v1/audit-log?limit=0").await.problem(400, "invalid_limit");
    server.get_as(&key, "/v1/audit-log?after=9223372036854775808").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn deployments_and_imports_have_entries_with_their_callers() {
    let server = guarded_with(|config| {
        config.chain.rpc_urls = Some("31337=http://127.0.0.1:9".parse().unwrap());
        config.chain.allow_request_keys = true;
    })
    .await;
    let admin = server.key("operators", Scope::ALL).await;
    let (by, key) = server.key_until("acme", Scope::ALL, None).await;
    let circuit = server.circuit_of("acme", Default::default()).await.id;
    let deploy = async |chain: u64| {
        let body = json!({"chainId": chain, "privateKey": "1".repeat(64)});
        server.post_as(&key, &format!("/v1/circuits/{circuit}/deploy"), &body).await
    };
    // A refusal is no change.
    deploy(5).await.problem(422, "unknown_chain");
    let deployment = deploy(31_337).await.json()["deploymentId"].clone();
    let source = ("source", Some("tiny.circom"), tiny("tiny.circom"));
    let upload = server.post_as(&key, "/v1/uploads", &json!({"files": [declaration(&source)]})).await.json();
    let upload = upload["uploadId"].as_str().unwrap();
    let part = request(Method::PUT, &format!("/v1/uploads/{upload}/files/0/parts/0"), source.2);
    assert_eq!(server.send_as(&key, part).await.status, 204);
    let import = server.post_as(&key, "/v1/circuits/import", &json!({"uploadId": upload})).await;
    let imported = import.json()["circuitId"].clone();

    let actor = format!("key:{}", by.id);
    let entry = |action: &str, subject: &Value| json!([action, subject, actor, "acme"]);
    let expected = [entry("deployment.request", &deployment), entry("circuit.import", &imported)];
    let found: Vec<_> = log(&server, &admin).await;
    let fields = ["action", "subject", "actor", "tenant"];
    let found: Vec<_> =
        found.iter().map(|entry| Value::from(fields.map(|field| entry[field].clone()).to_vec())).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn many_changes_at_once_are_one_sealed_chain() {
    let server = guarded().await;
    let key = server.key("operators", Scope::ALL).await;
    let body = json!({"name": "a", "tenant": "acme", "scopes": ["verify"]});
    let made = (0..20).map(|_| server.post_as(&key, "/v1/keys", &body));
    for reply in futures::future::join_all(made).await {
        assert_eq!(reply.status, 201);
    }
    let data = server.app.data();
    let entries = data.catalog.audit_log().entries(0, 99).await.unwrap();
    assert_eq!(entries.len(), 20);
    let check = |entries: &[AuditEntry]| {
        let mut check = Check::sealed_by(Sealer::of(&data));
        entries.iter().cloned().try_for_each(|entry| check.next(entry))?;
        check.finish()
    };
    assert_eq!(check(&entries), Ok(()));
    // A writer of the database can make a chain again, but no seal.
    let mut forged: Vec<AuditEntry> = Vec::new();
    for entry in &entries {
        forged.push(AuditEntry::after(forged.last(), entry.event.clone(), |_| entry.seal.clone()));
    }
    assert_eq!(forged, entries);
    forged.truncate(3);
    let event =
        zkflow_core::service::catalog::AuditEvent { actor: "key:x".to_owned(), ..entries[3].event.clone() };
    forged.push(AuditEntry::after(forged.last(), event, |_| entries[3].seal.clone()));
    assert_eq!(check(&forged), Err(Fault::Seal(4)));
}

#[tokio::test]
async fn a_change_without_effect_has_no_entry_and_other_changes_have_a_rate() {
    let server = guarded_with(|config| {
        config.webhooks.callbacks = true;
        config.limits.changes_per_hour = 3;
    })
    .await;
    let (_, key) = server.key_until("operators", Scope::ALL, None).await;
    let (_, other) = server.key_until("acme", Scope::ALL, None).await;
    let set = async |key: &str, url: &str| {
        let mut set = json_request("/v1/webhooks", &json!({"url": url}).to_string());
        *set.method_mut() = Method::PUT;
        server.send(with_key(key, set)).await
    };
    for _ in 0..10 {
        assert!(set(&key, "https://1.1.1.1/").await.status.is_success());
    }
    assert_eq!(log(&server, &key).await.len(), 1);
    for url in ["https://1.1.1.1/a", "https://1.1.1.1/b"] {
        assert!(set(&key, url).await.status.is_success());
    }
    let refused = set(&key, "https://1.1.1.1/c").await;
    refused.problem(429, "too_many_requests");
    assert!(refused.text().contains("changes_per_hour"), "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 1);
    assert!(set(&key, "https://1.1.1.1/b").await.status.is_success(), "a repeat is no change");
    assert!(set(&other, "https://1.1.1.1/c").await.status.is_success(), "another tenant has its own rate");
    assert_eq!(log(&server, &key).await.len(), 4);

    // The other tenant has two changes left.
    let build = async |min: u64| {
        let params = json!({"min": min, "max": 120, "bits": 8});
        server.post_as(&other, "/v1/circuits", &json!({"templateName": "rangeCheck", "params": params})).await
    };
    for min in [18, 19] {
        assert_eq!(build(min).await.status, 202);
        assert_eq!(build(min).await.status, 202, "a repeat is no change");
    }
    build(20).await.problem(429, "too_many_requests");
    assert_eq!(log(&server, &key).await.len(), 6);
}
