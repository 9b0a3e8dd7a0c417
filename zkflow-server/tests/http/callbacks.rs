//! The parts of a callback: signatures, events, and rules for addresses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Delivery, Document as _, Failure, Idempotency, ProofArtifacts, ProofRequest, Sealed,
};
use zkflow_core::service::clock::{Clock as _, SystemClock, Timestamp};
use zkflow_core::service::id::ProofId;
use zkflow_evm::{Policy, Resolver};
use zkflow_server::callbacks::{Event, Hooks, Postman, Unsent};

fn hooks() -> Hooks {
    Hooks::new(&SecretString::from("https://a.example/hooks".to_owned()), false)
}

/// Whether the reference implementation accepts the signatures with a secret.
fn accepts(secret: &str, signatures: &str, now: Timestamp, body: &str) -> bool {
    let mut headers = HeaderMap::new();
    let seconds = (now.as_millis() / 1000).to_string();
    for (name, value) in
        [("webhook-id", "msg_1"), ("webhook-timestamp", &*seconds), ("webhook-signature", signatures)]
    {
        headers.insert(name, value.parse().unwrap());
    }
    Webhook::new(secret).unwrap().verify(body.as_bytes(), &headers).is_ok()
}

#[test]
fn the_reference_implementation_accepts_the_signatures_of_every_secret_in_time() {
    let (mut hooks, now, body) = (hooks(), SystemClock.now(), "{\"type\":\"proof.completed\"}");
    let first = hooks.secret().unwrap().expose().to_owned();
    assert!(accepts(&first, &hooks.signatures("msg_1", now, body), now, body));
    assert!(!accepts(&first, &hooks.signatures("msg_1", now, body), now, "{}"));
    assert!(!accepts(&first, &hooks.signatures("msg_2", now, body), now, body));
    let minute = Duration::from_secs(60);
    hooks.rotate(minute, now);
    let second = hooks.secret().unwrap().expose().to_owned();
    let both = hooks.signatures("msg_1", now, body);
    assert!(first != second && accepts(&first, &both, now, body) && accepts(&second, &both, now, body));
    let later = now + minute;
    let one = hooks.signatures("msg_1", later, body);
    assert!(!accepts(&first, &one, later, body), "an old secret signs after the overlap");
    assert!(accepts(&second, &one, later, body));
    hooks.rotate(Duration::ZERO, later);
    assert_eq!(hooks.signing(later), 1, "a secret without an overlap signs at once no more");
    for _ in 0..5 {
        hooks.rotate(minute, later);
    }
    assert_eq!(hooks.signing(later), 3);
}

#[test]
fn callbacks_are_on_the_host_of_the_tenants_address() {
    let hooks = hooks();
    for callback in ["https://a.example/", "https://A.example:443/x?y=z", "https://a.example/hooks"] {
        assert!(hooks.admits(callback), "{callback}");
    }
    for callback in [
        "http://a.example/",
        "https://a.example:8443/",
        "https://b.example/",
        "https://a.example.evil.example/",
        "https://a.example@evil.example/",
        "data:text/plain,x",
        "",
    ] {
        assert!(!hooks.admits(callback), "{callback}");
    }
}

#[test]
fn neither_secrets_nor_addresses_are_shown() {
    let hooks = hooks();
    let shown = format!("{hooks:?} {:?}", hooks.secret());
    assert!(!shown.contains("example") && !shown.contains(&hooks.secret().unwrap().expose()[6..]), "{shown}");
}

#[test]
fn an_event_shows_ids_state_times_and_code_and_nothing_else() {
    let now = Timestamp::from_millis(0);
    let circuit = CircuitId::from_hash(&Digest::of("c"));
    let idempotency = Idempotency { key: "canary".to_owned(), fingerprint: "canary".to_owned() };
    let user = Some("canary".parse().unwrap());
    let week = Duration::from_secs(7 * 24 * 3600);
    let mut proof = ProofRequest::new(ProofId::generate(now), circuit, user, Some(idempotency), now, week);
    proof.inputs = Some(Sealed(b"canary".to_vec()));
    proof.life.callback = Some(Sealed(b"canary".to_vec()));
    proof.life.tenant = "canary".parse().unwrap();
    let delivery = Delivery::owed_by(&proof, Timestamp::from_millis(1)).unwrap();
    let (mut completed, mut failed) = (proof.clone(), proof);
    let artifacts = ProofArtifacts {
        proof: json!("canary"),
        public_signals: vec!["canary".to_owned()],
        proving_key: Digest::of("canary"),
        prover: "canary".to_owned(),
    };
    completed.complete(artifacts, Duration::ZERO, Timestamp::from_millis(1)).unwrap();
    let failure = Failure { code: "assert_failed".to_owned(), message: "canary".to_owned() };
    failed.fail(failure, Timestamp::from_millis(1)).unwrap();
    for (proof, kind) in [(&completed, "proof.completed"), (&failed, "proof.failed")] {
        let event = Event::of_proof(&delivery, proof);
        assert!(!event.body.contains("canary"), "{}", event.body);
        let body: Value = serde_json::from_str(&event.body).unwrap();
        let circuit = json!(proof.circuit_id.as_str());
        assert_eq!((&body["type"], &body["data"]["circuitId"]), (&json!(kind), &circuit));
        assert_eq!(body["timestamp"], "1970-01-01T00:00:00.001Z");
        let code = if kind == "proof.failed" { json!("assert_failed") } else { Value::Null };
        assert_eq!(body["data"]["code"], code);
    }
    let id = |delivery: &Delivery| Event::of_proof(delivery, &failed).id;
    let mut again = delivery.clone();
    again.restart(Timestamp::from_millis(9));
    assert_eq!(id(&again), id(&delivery), "a repeat has another id");
    again.renew(&delivery);
    assert_ne!(id(&again), id(&delivery), "another end has the same id");
}

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn some_event() -> Event {
    Event { id: "msg_1".to_owned(), body: "{}".to_owned() }
}

/// A server that answers each connection with `answer`; also returns the number of connections.
async fn answering(answer: String) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                // Sends until the other side has enough.
                while answer.contains("chunked") && stream.write_all(&[b'x'; 65536]).await.is_ok() {}
            });
        }
    });
    (address, seen)
}

async fn post(address: &str, local: bool) -> Result<(), Unsent> {
    let (postman, address) = (Postman::new(Policy { local }, 16), secret(address));
    postman.post(&address, &Hooks::new(&address, false), &some_event(), NOW).await
}

#[tokio::test]
async fn answers_decide_and_redirects_are_not_followed() {
    let (victim, seen) = answering("HTTP/1.1 204 No Content\r\n\r\n".to_owned()).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: http://{victim}/\r\ncontent-length: 0\r\n\r\n");
    let (redirecting, _) = answering(redirect).await;
    assert_eq!(post(&format!("http://{redirecting}/"), true).await, Err(Unsent::Status(302)));
    assert_eq!(seen.load(Ordering::SeqCst), 0, "a redirect was followed");
    assert_eq!(post(&format!("http://{victim}/"), true).await, Ok(()));
    let (gone, _) = answering("HTTP/1.1 410 Gone\r\n\r\n".to_owned()).await;
    assert!(post(&format!("http://{gone}/"), true).await.unwrap_err().is_gone());
    let (other, _) = answering("not HTTP\r\n\r\n".to_owned()).await;
    assert_eq!(post(&format!("http://{other}/"), true).await, Err(Unsent::Silent));
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let (endless, _) =
        answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\n".to_owned()).await;
    let sent = tokio::time::timeout(Duration::from_secs(5), post(&format!("http://{endless}/"), true)).await;
    assert_eq!(sent.expect("it ends with the head"), Ok(()));
}

#[tokio::test]
async fn internal_addresses_are_refused_and_closed_ports_look_like_silent_ones() {
    let (internal, seen) = answering("HTTP/1.1 200 OK\r\n\r\n".to_owned()).await;
    for address in [
        format!("http://{internal}/"),
        format!("https://{internal}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[::1]/".to_owned(),
        "https://0x7f000001/".to_owned(),
    ] {
        assert!(matches!(post(&address, false).await, Err(Unsent::Refused(_))), "{address}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0, "an internal address was connected to");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(post(&format!("http://{closed}/"), true).await, Err(Unsent::Silent));
}

/// A name that is public when it is checked first, and internal afterwards.
struct Rebinding(AtomicUsize, SocketAddr);

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![if first { "1.1.1.1:443".parse().unwrap() } else { self.1 }])
    }
}

#[tokio::test]
async fn a_name_that_leads_to_an_internal_address_later_is_refused_then() {
    let (internal, seen) = answering("HTTP/1.1 200 OK\r\n\r\n".to_owned()).await;
    let resolver = Arc::new(Rebinding(AtomicUsize::new(0), internal));
    let postman = Postman::new(Policy { local: false }, 16).with_resolver(resolver);
    let address = secret("https://rebinding.example/");
    assert_eq!(postman.resolve(&address).await, Ok(()));
    let sent = postman.post(&address, &Hooks::new(&address, false), &some_event(), NOW).await;
    assert_eq!(sent, Err(Unsent::Silent), "as for a name without an address");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[test]
fn a_tenant_has_a_rate_of_its_own() {
    let postman = Postman::new(Policy { local: false }, 16);
    let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
    let sent = (0..50).filter(|_| postman.admits(&one).is_some()).count();
    assert!((10..=12).contains(&sent), "{sent}");
    assert!(postman.admits(&other).is_some());
}

#[test]
fn a_tenant_with_a_silent_receiver_leaves_room_for_others() {
    let postman = Postman::new(Policy { local: false }, 16);
    let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
    let held: Vec<_> = (0..8).filter_map(|_| postman.admits(&one)).collect();
    assert_eq!(held.len(), 4);
    assert!(postman.admits(&other).is_some());
    drop(held);
    assert!(postman.admits(&one).is_some());
    let small = Postman::new(Policy { local: false }, 1);
    assert!(small.admits(&one).is_some(), "one event can always be sent");
}
