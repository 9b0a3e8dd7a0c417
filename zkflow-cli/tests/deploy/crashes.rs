//! Kills of the server while it sends a transaction.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use zkflow_server::client::LocalChain;

use crate::support::{ANVIL, PATIENCE, circuit, serve, transactions};

/// Chains, each with a server of its own: most of the time is spent on leases and starts.
const CHAINS: usize = 5;
/// Kills of the server of each chain.
const KILLS: usize = 10;

/// Proxy between the server and the chain. When a transaction is sent for the first time, it notifies the
/// test and never answers. It forwards only every second one of these transactions to the chain.
#[derive(Clone)]
struct Trap {
    node: String,
    seen: Arc<Mutex<HashSet<String>>>,
    caught: mpsc::UnboundedSender<()>,
}

async fn pass(State(trap): State<Trap>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let first = request["method"] == "eth_sendRawTransaction" && {
        let mut seen = trap.seen.lock().unwrap();
        let new = seen.insert(request["params"][0].to_string());
        new.then_some(seen.len()).is_some()
    };
    let number = trap.seen.lock().unwrap().len();
    let forward = async || {
        let request = reqwest::Client::new().post(&trap.node).header("content-type", "application/json");
        request.body(body.clone()).send().await.unwrap().bytes().await.unwrap()
    };
    if !first {
        return forward().await.into_response();
    }
    if number.is_multiple_of(2) {
        forward().await;
    }
    trap.caught.send(()).unwrap();
    std::future::pending().await
}

#[test]
fn fifty_kills_between_sending_and_noting_leave_one_contract_each() {
    // The start of a server blocks its thread.
    std::thread::scope(|scope| {
        for _ in 0..CHAINS {
            scope.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(kills_leave_one_contract_each()));
        }
    });
}

async fn kills_leave_one_contract_each() {
    let chain = LocalChain::start(&[]).unwrap();
    let (caught, mut kill_now) = mpsc::unbounded_channel();
    let trap = Trap { node: chain.url().to_owned(), seen: Arc::default(), caught };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = format!("{ANVIL}=http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(pass).with_state(trap);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let folder = tempfile::tempdir().unwrap();
    let args = ["--lease-s", "2", "--reconcile-interval-s", "1"];
    let start = || serve(folder.path(), &node, &chain.keys()[0], &args);
    let mut server = start();
    let id = circuit(&server.client()).await;
    let mut asked = Vec::new();
    for _ in 0..KILLS {
        let path = format!("/v1/circuits/{id}/deploy");
        let body = json!({"chainId": ANVIL, "signer": "deployer"});
        let taken = server.client().post(&path, &body).await.unwrap();
        assert_eq!(taken.status, 202, "{taken:?}");
        asked.push(taken.body["deploymentId"].as_str().unwrap().to_owned());
        tokio::time::timeout(PATIENCE, kill_now.recv()).await.unwrap().unwrap();
        server.kill();
        server = start();
    }
    // Transactions that are signed again from here on are trapped too, and each leads to one more kill.
    let mut addresses = BTreeSet::new();
    let mut more = 0;
    for deployment in &asked {
        let path = format!("/v1/circuits/{id}/deployments/{deployment}?wait=10");
        let done = loop {
            tokio::select! {
                _ = kill_now.recv() => {
                    server.kill();
                    server = start();
                    more += 1;
                }
                reply = async { server.client().get(&path).await } => {
                    let body = reply.unwrap().body;
                    if body["status"] != "pending" {
                        break body;
                    }
                }
            }
        };
        assert_eq!(done["status"], "confirmed", "{done}");
        addresses.insert(done["contract"]["address"].as_str().unwrap().to_owned());
    }
    println!("{KILLS} kills and {more} more, {} contracts", addresses.len());
    assert_eq!(addresses.len(), KILLS);
    assert_eq!(transactions(&chain).await, KILLS as u64, "no transaction created a further contract");
}
