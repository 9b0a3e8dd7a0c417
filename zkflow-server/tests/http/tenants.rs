//! Two tenants on one server.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use zkflow_core::service::catalog::{Named as _, Scope, Visibility};
use zkflow_core::service::queue::QueueName;

use crate::callers::{guarded, guarded_with, with_key};
use crate::support::{Server, age_proof, json_request, range_check, request};

async fn two() -> (Server, String, String) {
    let server = guarded().await;
    let (one, other) = (server.key("one", Scope::ALL).await, server.key("other", Scope::ALL).await);
    (server, one, other)
}

fn ids(list: &Value, kind: &str, id: &str) -> Vec<String> {
    list[kind].as_array().unwrap().iter().map(|entry| entry[id].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_same_circuit_of_two_tenants_is_two_circuits() {
    let (server, one, other) = two().await;
    let mut made = Vec::new();
    for key in [&one, &other, &one] {
        let reply = server.post_as(key, "/v1/circuits", &range_check()).await;
        assert_eq!(reply.status, 202, "a tenant notices the circuit of another: {}", reply.text());
        made.push(reply.json());
    }
    let id = |at: usize| made[at]["circuitId"].as_str().unwrap().to_owned();
    assert_eq!(id(0), id(2));
    assert_ne!(id(0), id(1));
    assert_ne!(made[0]["circuitHash"], made[1]["circuitHash"], "the hash shows the same circuit");
    for (key, at) in [(&one, 0), (&other, 1)] {
        let list = server.get_as(key, "/v1/circuits").await.ok();
        assert_eq!(ids(&list, "circuits", "circuitId"), [id(at)]);
        server.get_as(key, &format!("/v1/circuits/{}", id(1 - at))).await.problem(404, "circuit_not_found");
    }
}

#[tokio::test]
async fn proofs_lists_cursors_and_idempotency_keys_are_by_tenant() {
    let (server, one, other) = two().await;
    let circuits = [server.documents_of("one").await.circuit, server.documents_of("other").await.circuit];
    let ask = async |key: &str, circuit: &str, age: u64| {
        let mut asked = json_request("/v1/proofs", &age_proof(circuit, age).to_string());
        asked.headers_mut().insert("idempotency-key", "the-same".parse().unwrap());
        server.send_as(key, asked).await
    };
    let mut made = Vec::new();
    for (key, circuit) in [(&one, &circuits[0]), (&other, &circuits[1])] {
        let reply = ask(key, circuit.id.as_str(), 42).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        made.push(reply.json()["proofRequestId"].as_str().unwrap().to_owned());
        let again = ask(key, circuit.id.as_str(), 42).await.json();
        assert_eq!(again["proofRequestId"], json!(made.last()));
        ask(key, circuit.id.as_str(), 43).await.problem(422, "idempotency_key_reused");
    }
    assert_ne!(made[0], made[1]);
    for (key, at) in [(&one, 0), (&other, 1)] {
        let list = server.get_as(key, "/v1/proofs").await.ok();
        let listed = ids(&list, "proofs", "proofRequestId");
        assert!(listed.len() == 2 && listed.contains(&made[at]), "{listed:?}");
        let of_the_other = format!("/v1/proofs?circuitId={}", circuits[1 - at].id);
        assert_eq!(server.get_as(key, &of_the_other).await.ok()["proofs"], json!([]));
        let foreign = &made[1 - at];
        for (method, path) in [
            (Method::GET, format!("/v1/proofs/{foreign}")),
            (Method::GET, format!("/v1/proofs/{foreign}?wait=1")),
            (Method::GET, format!("/v1/proofs/{foreign}/events")),
            (Method::POST, format!("/v1/proofs/{foreign}/cancel")),
            (Method::DELETE, format!("/v1/proofs/{foreign}")),
        ] {
            server.send_as(key, request(method, &path, Body::empty())).await.problem(404, "proof_not_found");
        }
    }
    // A cursor of one tenant is none of another.
    let page = server.get_as(&one, "/v1/proofs?limit=1").await.ok();
    let path = format!("/v1/proofs?limit=1&cursor={}", page["nextCursor"].as_str().unwrap());
    server.get_as(&one, &path).await.ok();
    server.get_as(&other, &path).await.problem(400, "invalid_cursor");
}

#[tokio::test]
async fn the_entries_of_a_batch_are_by_tenant() {
    let (server, one, other) = two().await;
    let private = [server.documents_of("one").await.circuit, server.documents_of("other").await.circuit];
    let public = server.circuit_of("third", Visibility::Public).await;
    let circuits = [&private[0], &private[1], &public].map(|circuit| circuit.id.to_string());
    let ask = async |key: &str| {
        let proofs: Vec<Value> = circuits.iter().map(|circuit| age_proof(circuit, 42)).collect();
        let mut batch = json_request("/v1/proofs:batch", &json!({"proofs": proofs}).to_string());
        batch.headers_mut().insert("idempotency-key", "the-same".parse().unwrap());
        server.send_as(key, batch).await.ok()["results"].clone()
    };
    let mut made = Vec::new();
    for (key, at) in [(&one, 0), (&other, 1)] {
        let results = ask(key).await;
        assert_eq!(results[1 - at]["problem"]["code"], "circuit_not_found", "{results}");
        for place in [at, 2] {
            let id = results[place]["proofRequestId"].as_str().unwrap().to_owned();
            assert_eq!(server.get_as(key, &format!("/v1/proofs/{id}")).await.ok()["status"], "pending");
            made.push(id);
        }
        assert_eq!(ask(key).await, results, "a repeated batch is the same requests");
    }
    for (key, foreign) in [(&one, &made[2..]), (&other, &made[..2])] {
        for id in foreign {
            server.get_as(key, &format!("/v1/proofs/{id}")).await.problem(404, "proof_not_found");
        }
    }
    let list = json!([{"proof": {}, "publicSignals": []}]);
    let path = |circuit: &str| format!("/v1/circuits/{circuit}/verify");
    server.post_as(&other, &path(&circuits[0]), &list).await.problem(404, "circuit_not_found");
    for circuit in &circuits[1..] {
        assert_eq!(server.post_as(&other, &path(circuit), &list).await.ok()[0]["verified"], false);
    }
}

#[tokio::test]
async fn a_public_circuit_is_proved_with_by_all_and_belongs_to_one() {
    let (server, one, other) = two().await;
    let circuit = server.circuit_of("one", Visibility::Public).await;
    let path = format!("/v1/circuits/{}", circuit.id);
    assert_eq!(server.get_as(&other, &path).await.ok()["visibility"], "public");
    assert_eq!(server.get_as(&other, "/v1/circuits").await.ok()["circuits"], json!([]));
    let file = server.get_as(&other, &format!("{path}/artifacts/verification_key.json")).await;
    assert_eq!(file.status, 200);
    let asked = server.post_as(&other, "/v1/proofs", &age_proof(circuit.id.as_str(), 42)).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let statement = json!({"proof": {}, "publicSignals": []});
    assert_eq!(server.post_as(&other, &format!("{path}/verify"), &statement).await.ok()["verified"], false);
    server.delete_as(&other, &path).await.problem(403, "not_owner");
    let deploy = json!({"chainId": 31337, "signer": "deployer"});
    server.post_as(&other, &format!("{path}/deploy"), &deploy).await.problem(403, "not_owner");
    let unsigned = json!({"chainId": 31337, "unsigned": true});
    server.post_as(&other, &format!("{path}/deploy"), &unsigned).await.problem(403, "not_owner");
    // The owner does not see the proof of the other tenant, which keeps the circuit from being deleted.
    assert_eq!(server.get_as(&one, "/v1/proofs").await.ok()["proofs"], json!([]));
    server.delete_as(&one, &path).await.problem(409, "circuit_busy");
}

#[tokio::test]
async fn an_operator_lists_the_circuits_of_every_tenant_without_their_content() {
    let server = guarded().await;
    let reader = server.key("one", &[Scope::CircuitsRead]).await;
    let operator = server.key("one", &[Scope::CircuitsRead, Scope::Operate]).await;
    let own = server.circuit_of("one", Visibility::Tenant).await;
    let other = server.circuit_of("other", Visibility::Tenant).await;
    let listed = async |key: &str, query: &str| {
        let page = server.get_as(key, &format!("/v1/circuits?{query}")).await.ok();
        page["circuits"].as_array().unwrap().clone()
    };
    for query in ["tenant=other", "tenant=*", "tenant=nobody"] {
        let refused = server.get_as(&reader, &format!("/v1/circuits?{query}")).await;
        let detail = refused.problem(403, "scope_missing")["detail"].clone();
        assert!(detail.as_str().unwrap().contains("operate"), "{detail}");
    }
    for key in [&reader, &operator] {
        for query in ["", "tenant=one"] {
            let [entry] = listed(key, query).await.try_into().unwrap();
            assert_eq!(entry["circuitId"], json!(own.id), "{query}");
            assert_eq!(entry.get("tenant"), (!query.is_empty()).then_some(&json!("one")), "{query}");
            assert!(!entry["params"].as_object().unwrap().is_empty(), "{entry}");
        }
    }
    assert!(listed(&operator, "tenant=nobody").await.is_empty());
    let [foreign] = listed(&operator, "tenant=other").await.try_into().unwrap();
    for (field, expected) in [
        ("circuitId", json!(other.id)),
        ("circuitHash", json!(other.circuit_hash)),
        ("tenant", json!("other")),
        ("templateName", json!("rangeCheck")),
        ("status", json!("ready")),
        ("params", json!({})),
        ("artifacts", json!({})),
    ] {
        assert_eq!(foreign[field], expected, "{field}");
    }
    assert_eq!(foreign["report"]["wires"], json!(other.report.as_ref().unwrap().wires));
    // Neither the digests of its files nor the names of its signals are shown.
    let text = foreign.to_string();
    assert!(!text.contains("randomPublicSignal") && !text.contains("artifacts/"), "{text}");
    for meta in other.artifacts.values() {
        assert!(!text.contains(&meta.sha256.to_string()), "{text}");
    }
    let mut every = listed(&operator, "tenant=*&search=range").await;
    every.sort_by_key(|entry| entry["tenant"].to_string());
    let tenants: Vec<_> = every.iter().map(|entry| entry["tenant"].as_str().unwrap()).collect();
    assert_eq!(tenants, ["one", "other"]);
    assert_eq!((&every[1], every[0]["params"].as_object().unwrap().is_empty()), (&foreign, false));
    // The circuit itself remains its tenant's, and so does a cursor.
    let path = format!("/v1/circuits/{}", other.id);
    server.get_as(&operator, &path).await.problem(404, "circuit_not_found");
    // An operator does not learn whether another tenant has a file.
    let digest = "0".repeat(64);
    for (tenant, status) in [("other", 400), ("*", 400), ("one", 200)] {
        let asked = server.get_as(&operator, &format!("/v1/circuits?tenant={tenant}&sha256={digest}")).await;
        assert_eq!(asked.status, status, "{tenant}: {}", asked.text());
    }
    let page = server.get_as(&operator, "/v1/circuits?tenant=*&limit=1").await.ok();
    let cursor = page["nextCursor"].as_str().unwrap();
    server.get_as(&operator, &format!("/v1/circuits?tenant=*&limit=1&cursor={cursor}")).await.ok();
    let elsewhere = format!("/v1/circuits?tenant=other&cursor={cursor}");
    server.get_as(&operator, &elsewhere).await.problem(400, "invalid_cursor");
}

#[tokio::test]
async fn the_owner_changes_who_may_use_a_circuit() {
    let (server, one, other) = two().await;
    let ask = async |visibility: Option<&str>| {
        let mut body = range_check();
        if let Some(visibility) = visibility {
            body["visibility"] = json!(visibility);
        }
        server.post_as(&one, "/v1/circuits", &body).await
    };
    let made = ask(None).await.json();
    assert_eq!(made["visibility"], "tenant");
    let path = format!("/v1/circuits/{}", made["circuitId"].as_str().unwrap());
    let seen = async || server.get_as(&other, &path).await.status.as_u16();
    assert_eq!(seen().await, 404);
    assert_eq!(ask(Some("public")).await.json()["visibility"], "public");
    assert_eq!(seen().await, 200);
    assert_eq!(ask(None).await.json()["visibility"], "public", "a repeat without a wish changes nothing");
    assert_eq!(ask(Some("tenant")).await.json()["visibility"], "tenant");
    assert_eq!(seen().await, 404);
    ask(Some("everyone")).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn a_stream_ends_when_its_circuit_is_not_visible_any_more() {
    let (server, one, other) = two().await;
    let mut body = range_check();
    body["visibility"] = json!("public");
    let made = server.post_as(&one, "/v1/circuits", &body).await.json();
    let path = format!("/v1/circuits/{}/events", made["circuitId"].as_str().unwrap());
    let stream = server.open(with_key(&other, request(Method::GET, &path, Body::empty()))).await;
    assert_eq!(stream.status(), 200);
    body["visibility"] = json!("tenant");
    server.post_as(&one, "/v1/circuits", &body).await;
    let seen = axum::body::to_bytes(stream.into_body(), usize::MAX).await.unwrap();
    let seen = String::from_utf8(seen.into()).unwrap();
    assert_eq!(seen.matches("event: circuit").count(), 1, "{seen}");
}

#[tokio::test]
async fn a_signer_that_is_kept_for_a_tenant_does_not_exist_for_others() {
    let server = guarded_with(|config| {
        let secret = |text: &str| Some(text.parse().unwrap());
        let remote = "web3signer:0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266:http://127.0.0.1:9";
        config.chain.signers = secret(&format!("kept={remote},open={remote}"));
        config.chain.rpc_urls = secret("31337=http://127.0.0.1:9");
        config.chain.signer_tenants = Some("kept=one".to_owned());
    })
    .await;
    let mut paths = HashMap::new();
    for tenant in ["one", "other"] {
        let circuit = server.circuit_of(tenant, Visibility::Tenant).await;
        paths.insert(tenant, format!("/v1/circuits/{}/deploy", circuit.id));
    }
    for (tenant, signer, refusal) in [
        ("one", "kept", None),
        ("one", "open", None),
        ("other", "kept", Some("unknown_signer")),
        ("other", "open", None),
        ("other", "none", Some("unknown_signer")),
    ] {
        let key = server.key(tenant, &[Scope::Deploy]).await;
        let reply = server.post_as(&key, &paths[tenant], &json!({"chainId": 31337, "signer": signer})).await;
        match refusal {
            Some(code) => drop(reply.problem(422, code)),
            None => assert_eq!(reply.status, 202, "{tenant} {signer}: {}", reply.text()),
        }
    }
}

/// The number of users of the review's attack.
const INVENTED: usize = 1500;

#[tokio::test]
async fn invented_users_of_a_tenant_do_not_delay_another_one() {
    for loud in ["loud", "default"] {
        invented_users_do_not_delay(loud).await;
    }
}

async fn invented_users_do_not_delay(loud: &str) {
    let server = guarded_with(|config| config.limits.requests_per_second = 0).await;
    let mut asked = Vec::new();
    for (tenant, number) in [(loud, INVENTED), ("quiet", 2)] {
        let key = server.key(tenant, &[Scope::ProofsCreate]).await;
        let circuit = server.circuit_of(tenant, Visibility::Tenant).await.id;
        for user in 0..number {
            let mut body = age_proof(circuit.as_str(), 42);
            body["userId"] = json!(format!("invented-{user}"));
            let reply = server.post_as(&key, "/v1/proofs", &body).await;
            assert_eq!(reply.status, 202, "{}", reply.text());
            asked.push(reply.json()["proofRequestId"].as_str().unwrap().to_owned());
        }
    }
    let minute = Duration::from_secs(60);
    let mut order = Vec::new();
    loop {
        let leased =
            server.app.queue.lease(QueueName::ProofGeneration, 100, minute, Duration::ZERO).await.unwrap();
        if leased.is_empty() {
            break;
        }
        order.extend(leased.into_iter().map(|lease| lease.job.subject));
    }
    assert_eq!(order.len(), INVENTED + 2);
    // Requests of one millisecond are in the order of their random ids.
    let quiet = &asked[INVENTED..];
    let places = order.iter().enumerate().filter(|(_, subject)| quiet.contains(subject));
    for (turn, (place, _)) in places.enumerate() {
        assert!(
            place < 2 * (turn + 1),
            "{place} requests are handed out before request {turn} of the tenant beside {loud}"
        );
    }
}
