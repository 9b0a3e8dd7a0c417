//! Server-sent events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, StatusCode};
use futures::StreamExt as _;
use serde_json::{Value, json};
use zkflow_core::service::catalog::{Document as _, Failure};

use crate::support::{Server, range_check, ready_circuit, request, shared};

/// One server-sent event.
pub(crate) struct Event {
    name: String,
    id: u64,
    pub(crate) data: Value,
}

/// Reads events from the body of an answer.
pub(crate) struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        let response = server.open(request(Method::GET, path, Body::empty())).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.map(|value| value.trim_start().to_owned())
                };
                // Blocks without data are comments that keep the connection open.
                let event = field("data").map(|data| Event {
                    name: field("event").unwrap(),
                    id: field("id").unwrap().parse().unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                });
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

#[tokio::test]
async fn a_proof_is_followed_from_its_state_to_its_end() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let id = server.ask_for_proof(circuit, 42).await;
    let events = Events::open(server, &format!("/v1/proofs/{id}/events")).await.rest().await;
    assert!(events.iter().all(|event| event.name == "proof" && event.data["proofRequestId"] == id));
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id), "changes arrive once and in order");
    let last = events.last().unwrap();
    assert_eq!(last.data["status"], "completed");
    assert_eq!(last.data, server.get(&format!("/v1/proofs/{id}")).await.ok());

    // A late client receives the final document immediately.
    let late = Events::open(server, &format!("/v1/proofs/{id}/events")).await.rest().await;
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].data, last.data);
}

#[tokio::test]
async fn the_state_comes_at_once_and_a_change_when_it_happens() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let mut events = Events::open(&server, &format!("/v1/proofs/{id}/events")).await;
    assert_eq!(events.next().await.unwrap().data["status"], "pending");
    server.post(&format!("/v1/proofs/{id}/cancel"), &json!({})).await.ok();
    assert_eq!(events.next().await.unwrap().data["status"], "cancelled");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_circuit_is_followed_to_its_end() {
    let server = Server::idle().await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    let mut events = Events::open(&server, &format!("/v1/circuits/{id}/events")).await;
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["stage"]), ("circuit", &json!("queued")));
    let mut circuit = server.circuit(&id).await;
    circuit.begin(1, server.app.now()).unwrap();
    let mut circuit = server.app.save(circuit).await.unwrap();
    assert_eq!(events.next().await.unwrap().data["stage"], "compile");
    circuit.fail(Failure { code: "c".to_owned(), message: "m".to_owned() }, server.app.now()).unwrap();
    server.app.save(circuit).await.unwrap();
    let last = events.next().await.unwrap();
    assert_eq!((&last.data["status"], &last.data["error"]["code"]), (&json!("failed"), &json!("c")));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn streams_end_when_the_process_stops() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let mut events = Events::open(&server, &format!("/v1/proofs/{id}/events")).await;
    events.next().await.unwrap();
    server.app.shutdown.cancel();
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_closing_one_makes_room() {
    let server = Server::idle_with(|config| config.http.max_watchers = 1).await;
    let id =
        server.post("/v1/circuits", &range_check()).await.json()["circuitId"].as_str().unwrap().to_owned();
    let path = format!("/v1/circuits/{id}/events");
    let events = Events::open(&server, &path).await;
    server.get(&path).await.problem(429, "too_many_watchers");
    // A long-poll above the limit is answered immediately.
    assert_eq!(server.get(&format!("/v1/circuits/{id}?wait=60")).await.ok()["status"], "pending");
    drop(events);
    Events::open(&server, &path).await;
}

#[tokio::test]
async fn a_client_that_connects_again_gets_what_it_has_not_seen_and_204_at_the_end() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let path = format!("/v1/proofs/{id}/events");
    let again = async |last: u64| {
        let mut request = request(Method::GET, &path, Body::empty());
        request.headers_mut().insert("last-event-id", last.into());
        server.open(request).await
    };
    let first = Events::open(&server, &path).await.next().await.unwrap();
    let response = again(first.id).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut events = Events { body: response.into_body().into_data_stream(), text: String::new() };
    server.post(&format!("/v1/proofs/{id}/cancel"), &json!({})).await.ok();
    let last = events.next().await.unwrap();
    assert_eq!(last.data["status"], "cancelled", "the state that the client has is not sent again");
    assert!(events.next().await.is_none());
    assert_eq!(again(last.id).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(again(first.id).await.status(), StatusCode::OK, "the client has not seen the end");
}
