//! Events of the ends of documents, from the request to the receiver.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use zkflow_core::service::catalog::{
    Delivery, DeliveryStatus, Document as _, Failure, Named as _, Scope, Visibility,
};
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::QueueName;
use zkflow_queue::Reconciler;
use zkflow_server::work;
use zkflow_testbed::Receiver;

use crate::callers::{guarded_with, with_key};
use crate::support::{Server, age_proof, json_request, range_check, request};

async fn server() -> Server {
    guarded_with(|config| {
        config.webhooks.callbacks = true;
        config.webhooks.local_callbacks = true;
    })
    .await
}

fn put(body: &Value) -> axum::http::Request<Body> {
    let mut request = json_request("/v1/webhooks", &body.to_string());
    *request.method_mut() = Method::PUT;
    request
}

/// Sets the address of the key's tenant and returns the secret.
async fn set(server: &Server, key: &str, url: &str, every: bool) -> String {
    let made = server.send_as(key, put(&json!({"url": url, "every": every}))).await.ok();
    made["secret"].as_str().unwrap().to_owned()
}

fn work_on(server: &Server, queues: &'static [QueueName]) {
    let app = server.app.clone();
    tokio::spawn(async move { work::run(app, queues).await });
}

const DELIVERIES: &[QueueName] = &[QueueName::Webhooks];
const ALL: &[QueueName] = &QueueName::ALL;

/// Requests a proof that cannot be made, with a callback.
async fn ask(server: &Server, key: &str, circuit: &str, callback: Option<&str>) -> String {
    let mut body = age_proof(circuit, 7);
    if let Some(callback) = callback {
        body["callback"] = callback.into();
    }
    let reply = server.post_as(key, "/v1/proofs", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["proofRequestId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_end_of_a_proof_comes_signed_and_shows_nothing_private() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    let secret = set(&server, &key, &url, false).await;
    work_on(&server, ALL);
    let mut body = age_proof(circuit.as_str(), 42);
    body["callback"] = format!("{url}/42?token=t").into();
    let good = server.post_as(&key, "/v1/proofs", &body).await.json();
    let good = good["proofRequestId"].as_str().unwrap().to_owned();
    let [(headers, event)] = &receiver.receive(1).await[..] else { panic!("too many events") };
    assert_eq!((&event["type"], &event["data"]["proofRequestId"]), (&json!("proof.completed"), &json!(good)));
    assert_eq!(
        (&event["data"]["circuitId"], &event["data"]["status"]),
        (&json!(circuit), &json!("completed"))
    );
    let body = receiver.got()[0].1.clone();
    Webhook::new(&secret).unwrap().verify(body.as_bytes(), headers).unwrap();
    let other = server.key("other", Scope::ALL).await;
    let foreign = set(&server, &other, &url, false).await;
    assert!(Webhook::new(&foreign).unwrap().verify(body.as_bytes(), headers).is_err());
    for private in ["\"42\"", "pi_a", "age", "publicSignals", "one", "token"] {
        assert!(!body.contains(private), "{private}: {body}");
    }
    // A proof without a callback, and one whose witness does not exist.
    ask(&server, &key, circuit.as_str(), None).await;
    let bad = ask(&server, &key, circuit.as_str(), Some(&url)).await;
    let (_, event) = receiver.receive(2).await.remove(1);
    assert_eq!((&event["type"], &event["data"]["proofRequestId"]), (&json!("proof.failed"), &json!(bad)));
    assert!(event["data"]["code"].is_string() && event["data"]["message"].is_null(), "{event}");
    let listed = server.get_as(&key, "/v1/webhooks/deliveries").await.ok();
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["deliveries"][1]["subject"], format!("proof/{good}"));
    assert!(!listed.to_string().contains("token") && !listed.to_string().contains("127.0.0.1"), "{listed}");
    assert_eq!(server.get_as(&other, "/v1/webhooks/deliveries").await.ok()["deliveries"], json!([]));
    assert_eq!(receiver.got().len(), 2);
}

#[tokio::test]
async fn circuits_have_events_too_and_every_request_can_have_one() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    set(&server, &key, &url, true).await;
    let asked = server.post_as(&key, "/v1/circuits", &range_check()).await;
    assert_eq!(asked.status, 202);
    let id = asked.json()["circuitId"].clone();
    // The same callback again, and another one while the circuit is pending.
    let with = |callback: String| {
        let mut body = range_check();
        body["callback"] = callback.into();
        body
    };
    assert_eq!(server.post_as(&key, "/v1/circuits", &with(url.clone())).await.status, 202);
    let other = server.post_as(&key, "/v1/circuits", &with(format!("{url}/other"))).await;
    other.problem(409, "other_callback");
    work_on(&server, ALL);
    let [(_, event)] = &receiver.receive(1).await[..] else { panic!("too many events") };
    assert_eq!((&event["type"], &event["data"]["circuitId"]), (&json!("circuit.ready"), &id));
    assert_eq!(server.post_as(&key, "/v1/circuits", &with(url)).await.status, 200);
    let circuit = server.circuit(id.as_str().unwrap()).await;
    assert_eq!(circuit.life.callback, None, "a ready circuit waits for an event");
}

#[tokio::test]
async fn an_event_is_tried_again_with_the_same_id_until_it_is_accepted() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    let secret = set(&server, &key, &url, false).await;
    receiver.answer(vec![StatusCode::INTERNAL_SERVER_ERROR]);
    ask(&server, &key, circuit.as_str(), Some(&url)).await;
    work_on(&server, ALL);
    let got = receiver.receive(2).await;
    let id = |at: usize| got[at].0["webhook-id"].clone();
    assert_eq!(id(0), id(1));
    // A replay has the id too, and the new secret signs beside the old one.
    let rotated =
        server.send_as(&key, request(Method::POST, "/v1/webhooks/rotate", Body::empty())).await.ok();
    assert_eq!(rotated["secrets"], 2);
    let listed = loop {
        let listed = server.get_as(&key, "/v1/webhooks/deliveries?status=delivered").await.ok();
        if listed["deliveries"] != json!([]) {
            break listed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let path =
        format!("/v1/webhooks/deliveries/{}/replay", listed["deliveries"][0]["deliveryId"].as_str().unwrap());
    let replayed = server.send_as(&key, request(Method::POST, &path, Body::empty())).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text());
    let got = receiver.receive(3).await;
    assert_eq!(got[2].0["webhook-id"], got[0].0["webhook-id"]);
    let body = receiver.got()[2].1.clone();
    for secret in [&secret, rotated["secret"].as_str().unwrap()] {
        Webhook::new(secret).unwrap().verify(body.as_bytes(), &got[2].0).unwrap();
    }
}

#[tokio::test]
async fn an_event_that_is_given_up_is_a_dead_letter_that_can_be_repeated() {
    let server = guarded_with(|config| {
        config.webhooks.callbacks = true;
        config.webhooks.local_callbacks = true;
        config.webhooks.callback_time_s = 0;
    })
    .await;
    let (receiver, url) = Receiver::start().await;
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    set(&server, &key, &url, false).await;
    receiver.answer(vec![StatusCode::BAD_GATEWAY]);
    ask(&server, &key, circuit.as_str(), Some(&url)).await;
    work_on(&server, ALL);
    let dead = loop {
        let dead = server.get_as(&key, "/v1/jobs?queue=webhooks&state=dead").await.ok();
        let failed = server.get_as(&key, "/v1/jobs?queue=webhooks&state=failed").await.ok();
        if let (Some(dead), Some(_)) = (dead["jobs"].get(0), failed["jobs"].get(0)) {
            break dead.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (&dead["error"]["code"], &dead["retryable"]),
        (&json!("callback_failed"), &json!(true)),
        "{dead}"
    );
    assert!(
        dead["lastError"].as_str().unwrap().contains("502") && !dead.to_string().contains("127.0.0.1"),
        "{dead}"
    );
    let again = json!({"queue": "webhooks", "subjects": [dead["subject"]]});
    let outcome = server.post_as(&key, "/v1/jobs/retry", &again).await.ok();
    assert_eq!(outcome["results"][0]["outcome"], "retried");
    receiver.receive(2).await;
}

#[tokio::test]
async fn a_host_that_the_tenant_left_gets_no_events() {
    let (server, (former, url), (present, other)) =
        (server().await, Receiver::start().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    set(&server, &key, &url, false).await;
    ask(&server, &key, circuit.as_str(), Some(&url)).await;
    let moved = async |url: &str| server.send_as(&key, put(&json!({"url": url, "every": false}))).await.ok();
    moved(&other).await;
    work_on(&server, ALL);
    let refused = async || {
        for _ in 0..1500 {
            let dead = server.get_as(&key, "/v1/jobs?queue=webhooks&state=dead").await.ok();
            // A replayed delivery has no error until it ends again.
            if let Some(dead) = dead["jobs"].get(0).filter(|dead| !dead["error"].is_null()) {
                return dead.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the delivery has no end");
    };
    let dead = refused().await;
    assert_eq!(dead["error"]["code"], "callback_moved", "{dead}");
    assert!(!dead.to_string().contains("127.0.0.1"), "{dead}");
    // A replay is refused too, until the tenant has the host again.
    let listed = server.get_as(&key, "/v1/webhooks/deliveries").await.ok();
    let path =
        format!("/v1/webhooks/deliveries/{}/replay", listed["deliveries"][0]["deliveryId"].as_str().unwrap());
    let replay = async || server.send_as(&key, request(Method::POST, &path, Body::empty())).await;
    assert_eq!(replay().await.status, 202);
    assert_eq!(refused().await["error"]["code"], "callback_moved");
    assert_eq!((former.got().len(), present.got().len()), (0, 0));
    moved(&url).await;
    assert_eq!(replay().await.status, 202);
    former.receive(1).await;
    assert_eq!(present.got().len(), 0);
}

#[tokio::test]
async fn callbacks_are_refused_unless_the_operator_and_the_tenant_allow_their_host() {
    let off = guarded_with(|_| ()).await;
    let key = off.key("one", Scope::ALL).await;
    let circuit = off.circuit_of("one", Visibility::Tenant).await.id;
    let mut body = age_proof(circuit.as_str(), 42);
    body["callback"] = "https://1.1.1.1/".into();
    off.post_as(&key, "/v1/proofs", &body).await.problem(403, "not_allowed");
    off.send_as(&key, put(&json!({"url": "https://1.1.1.1/"}))).await.problem(403, "not_allowed");

    let strict = guarded_with(|config| config.webhooks.callbacks = true).await;
    let (key, other) = (strict.key("one", Scope::ALL).await, strict.key("other", Scope::ALL).await);
    let circuit = strict.circuit_of("one", Visibility::Public).await.id;
    let ask = async |key: &str, callback: &str| {
        let mut body = age_proof(circuit.as_str(), 42);
        body["callback"] = callback.into();
        strict.post_as(key, "/v1/proofs", &body).await
    };
    ask(&key, "https://1.1.1.1/").await.problem(404, "no_webhooks");
    for url in [
        "http://1.1.1.1/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://a:b@1.1.1.1/",
        "x",
    ] {
        let refused = strict.send_as(&key, put(&json!({"url": url}))).await;
        refused.problem(422, "invalid_inputs");
        refused.fault("url");
    }
    set(&strict, &key, "https://1.1.1.1/hooks", false).await;
    for callback in ["https://1.1.1.2/", "https://1.1.1.1:8443/", "http://1.1.1.1/", "https://127.0.0.1/"] {
        let refused = ask(&key, callback).await;
        refused.problem(422, "invalid_inputs");
        assert!(!refused.fault("callback").contains("1.1.1"), "{}", refused.text());
    }
    assert_eq!(ask(&key, "https://1.1.1.1/other?x=y").await.status, 202);
    ask(&other, "https://1.1.1.1/").await.problem(404, "no_webhooks");
    // Without their address, there is nothing to read, rotate or delete.
    assert_eq!(strict.delete_as(&key, "/v1/webhooks").await.status, 204);
    strict.get_as(&key, "/v1/webhooks").await.problem(404, "no_webhooks");
    strict.delete_as(&key, "/v1/webhooks").await.problem(404, "no_webhooks");
}

#[tokio::test]
async fn secrets_and_addresses_are_sealed_and_shown_once() {
    let server = guarded_with(|config| config.webhooks.callbacks = true).await;
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    let secret = set(&server, &key, "https://1.1.1.1/canary", false).await;
    for reply in [
        server.get_as(&key, "/v1/webhooks").await,
        server.send_as(&key, put(&json!({"url": "https://1.1.1.1/canary", "every": false}))).await,
    ] {
        assert_eq!((reply.ok()["secrets"].clone(), reply.ok().get("secret")), (json!(1), None));
    }
    let id = ask(&server, &key, circuit.as_str(), Some("https://1.1.1.1/canary")).await;
    let proof = server.app.catalog.proofs().get(&id.parse().unwrap()).await.unwrap().unwrap();
    let stored = server.app.store.get(&"webhooks/one/1".parse().unwrap()).await.unwrap().body;
    let text = String::from_utf8_lossy(&stored).into_owned() + &serde_json::to_string(&proof).unwrap();
    assert!(!text.contains("canary") && !text.contains(&secret[6..]), "{text}");
    assert!(proof.life.callback.is_some());
}

/// A crash after the delivery is stored, and before the document ends: the event waits for the end.
#[tokio::test]
async fn an_event_is_not_sent_before_the_end_and_not_lost_with_its_job() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    set(&server, &key, &url, false).await;
    let id = ask(&server, &key, circuit.as_str(), Some(&url)).await.parse().unwrap();
    let app = &server.app;
    let mut proof = app.catalog.proofs().get(&id).await.unwrap().unwrap();
    let owed = Delivery::owed_by(&proof, app.now()).unwrap();
    zkflow_queue::deliveries::owe(&*app.catalog, owed).await.unwrap();
    let reconciler = Reconciler::new(app.catalog.clone(), app.queue.clone(), app.clock.clone());
    reconciler.pass().await.unwrap();
    work_on(&server, DELIVERIES);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.got().len(), 0, "an event came before the end of its document");
    proof.fail(Failure { code: "c".to_owned(), message: "m".to_owned() }, app.now()).unwrap();
    app.save(proof).await.unwrap();
    let [(_, event)] = &receiver.receive(1).await[..] else { panic!("too many events") };
    assert_eq!(event["data"]["code"], "c");
}

/// A request that is cancelled while its proof is made has no event, whatever its worker stored.
#[tokio::test]
async fn a_cancelled_proof_has_no_event() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    set(&server, &key, &url, false).await;
    let id: ProofId = ask(&server, &key, circuit.as_str(), Some(&url)).await.parse().unwrap();
    let app = &server.app;
    let proof = app.catalog.proofs().get(&id).await.unwrap().unwrap();
    let owed = Delivery::owed_by(&proof, app.now()).unwrap();
    let owed = zkflow_queue::deliveries::owe(&*app.catalog, owed).await.unwrap().id;
    server.send_as(&key, request(Method::POST, &format!("/v1/proofs/{id}/cancel"), Body::empty())).await.ok();
    Reconciler::new(app.catalog.clone(), app.queue.clone(), app.clock.clone()).pass().await.unwrap();
    work_on(&server, DELIVERIES);
    let delivery = loop {
        let delivery = app.catalog.deliveries().get(&owed).await.unwrap().unwrap();
        if delivery.is_final() {
            break delivery;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(delivery.life.error.unwrap().code, "subject_gone");
    assert_eq!(receiver.got().len(), 0);
}

/// A document that the reconciler fails has an event too.
#[tokio::test]
async fn a_document_whose_worker_died_has_an_event() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let key = server.key("one", Scope::ALL).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    set(&server, &key, &url, false).await;
    ask(&server, &key, circuit.as_str(), Some(&url)).await;
    let (app, minute) = (&server.app, Duration::from_secs(60));
    let lease = app.queue.lease(QueueName::ProofGeneration, 1, minute, minute).await.unwrap().remove(0);
    app.queue.fail(&lease.token, "lease expired", zkflow_core::service::queue::Retry::Never).await.unwrap();
    let reconciler = Reconciler::new(app.catalog.clone(), app.queue.clone(), app.clock.clone());
    reconciler.pass().await.unwrap();
    work_on(&server, DELIVERIES);
    let [(_, event)] = &receiver.receive(1).await[..] else { panic!("too many events") };
    assert_eq!(event["data"]["code"], "attempts_exhausted");
}

#[tokio::test]
async fn old_deliveries_are_removed_and_pending_ones_are_not() {
    let server = server().await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await;
    let (old, app) = (server.failed_delivery(&circuit).await, &server.app);
    let catalog = app.catalog.deliveries();
    let week = Duration::from_secs(8 * 24 * 3600);
    let moved = async |status: DeliveryStatus, other: &str| {
        let mut delivery = old.clone();
        delivery.id = zkflow_core::service::id::DeliveryId::generate(app.now());
        delivery.subject = format!("circuit/{other}").parse().unwrap();
        delivery.life.created_at = app.now() - week;
        delivery.life.updated_at = if other.starts_with('3') { app.now() } else { app.now() - week };
        delivery.life.status = status;
        catalog.insert(delivery).await.unwrap().0.id
    };
    let failed = moved(DeliveryStatus::Failed, &"0".repeat(32)).await;
    let delivered = moved(DeliveryStatus::Delivered, &"1".repeat(32)).await;
    let pending = moved(DeliveryStatus::Pending, &"2".repeat(32)).await;
    // The first end of its circuit was long ago, and the last one was not.
    let renewed = moved(DeliveryStatus::Delivered, &"3".repeat(32)).await;
    work_on(&server, &[QueueName::Cleanup]);
    for gone in [failed, delivered] {
        for _ in 0..500 {
            if catalog.get(&gone).await.unwrap().is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(catalog.get(&gone).await.unwrap().is_none());
    }
    for kept in [pending, renewed, old.id] {
        assert!(catalog.get(&kept).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_key_for_proofs_cannot_choose_the_host() {
    let server = server().await;
    let key = server.key("one", &[Scope::ProofsCreate, Scope::CircuitsBuild, Scope::Deploy]).await;
    let set = with_key(&key, put(&json!({"url": "http://127.0.0.1:9/"})));
    server.send(set).await.problem(403, "scope_missing");
}
