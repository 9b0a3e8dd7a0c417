//! Verdicts on keys, for transactions that the caller signs.

use std::sync::mpsc;

use futures::FutureExt as _;
use serde_json::json;
use zkflow_core::service::tenant::TenantId;
use zkflow_server::state::Asker;

use crate::support::{Server, ready_circuit, shared};

#[tokio::test]
async fn a_refusal_is_kept_and_the_key_is_not_read_again() {
    // A server that has workers made the circuit, so its record is accepted. No other test uses the circuit.
    let server = shared().await;
    let wanted = json!({"templateName": "rangeCheck", "params": {"min": 19, "max": 121, "bits": 8}});
    let asked = server.post("/v1/circuits", &wanted).await.json();
    let id = asked["circuitId"].as_str().unwrap();
    let circuit = server.get(&format!("/v1/circuits/{id}?wait=60")).await.ok();
    assert_eq!(circuit["status"], "ready", "{circuit}");
    let ask = async || {
        let body = json!({"chainId": 1, "unsigned": true});
        server.post(&format!("/v1/circuits/{id}/deploy"), &body).await
    };
    ask().await.problem(409, "key_for_development");
    let key = &server.circuit(id).await.artifacts["proving_key.zkey"].key;
    server.app.store.delete(key).await.unwrap();
    ask().await.problem(409, "key_for_development");
}

#[test]
fn a_verdict_keeps_its_turn_if_the_caller_disconnects() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let server = Server::idle().await;
        let id = ready_circuit().await;
        server.adopt(shared().await, shared().await.circuit(id).await).await;
        // The verdict waits for the only thread.
        let (end, ended) = mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || ended.recv());
        let app = server.app.clone();
        let is_free =
            || app.verdicts.turn(Asker::Request, &TenantId::default()).now_or_never().flatten().is_some();
        let asked = tokio::spawn(async move {
            let body = json!({"chainId": 31_337, "unsigned": true});
            server.post(&format!("/v1/circuits/{id}/deploy"), &body).await;
        });
        while is_free() {
            assert!(!asked.is_finished(), "the request had no turn");
            tokio::task::yield_now().await;
        }
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert!(!is_free(), "the turn has ended before the work");
        drop(end);
        busy.await.unwrap().unwrap_err();
        assert!(app.verdicts.turn(Asker::Request, &TenantId::default()).await.is_some());
    });
}
