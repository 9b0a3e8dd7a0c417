//! Nodes that want a signature: for another chain, at any price, or again and again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::support::{ANVIL, PATIENCE, circuit, serve};

/// A node that answers what its owner wants, and keeps what it is sent.
#[derive(Clone)]
struct Node {
    chain_id: u64,
    /// Base fee of its blocks, in gwei.
    base_fee: u64,
    gas: u64,
    /// The number of used nonces grows with each question.
    takes_nonces: bool,
    /// The price of gas is a thousand gwei after the first transaction.
    becomes_dear: bool,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Node {
    fn new() -> Self {
        let (takes_nonces, becomes_dear) = (false, false);
        Self { chain_id: ANVIL, base_fee: 1, gas: 300_000, takes_nonces, becomes_dear, asked: Arc::default() }
    }

    /// Starts the node and returns its URL.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    /// The signed transactions that it received.
    fn signed(&self) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let sent = asked.iter().filter(|(method, _)| method == "eth_sendRawTransaction");
        sent.map(|(_, params)| params[0].clone()).collect()
    }

    fn result(&self, method: &str) -> Value {
        let asked = self.asked.lock().unwrap().len() as u64;
        let gwei = if self.becomes_dear && !self.signed().is_empty() { 1_000 } else { self.base_fee };
        let wei = format!("{:#x}", u128::from(gwei) * 1_000_000_000);
        match method {
            "eth_chainId" => json!(format!("{:#x}", self.chain_id)),
            "eth_blockNumber" => json!(format!("{:#x}", 100 + asked)),
            "eth_getTransactionCount" if self.takes_nonces => json!(format!("{:#x}", 7 + asked)),
            "eth_getTransactionCount" => json!("0x7"),
            "eth_gasPrice" => json!(wei),
            "eth_estimateGas" => json!(format!("{:#x}", self.gas)),
            "eth_sendRawTransaction" => json!(format!("0x{}", "11".repeat(32))),
            // No answer that estimates EIP-1559 fees: the price of gas is used.
            _ => Value::Null,
        }
    }
}

async fn answer(State(node): State<Node>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    let result = node.result(&method);
    node.asked.lock().unwrap().push((method, request["params"].clone()));
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string().into_response()
}

/// A published key of test nodes.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// The final state of a deployment by the operator's signer through the operator's node.
async fn deployed_through(node: &Node, args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &format!("{ANVIL}={}", node.start().await), KEY, args);
    let id = circuit(&server.client()).await;
    let request = json!({"chainId": ANVIL, "signer": "deployer"});
    server.client().deploy(&id, &request, PATIENCE).await.unwrap()
}

#[tokio::test]
async fn a_node_of_a_request_gets_no_signature_of_the_operator() {
    let node = Node { chain_id: 1, base_fee: 50_000_000, gas: 25_000_000, ..Node::new() };
    let url = node.start().await;
    let folder = tempfile::tempdir().unwrap();
    let args = ["--allow-request-rpc", "true", "--allow-request-keys", "true", "--development", "true"];
    let server = serve(folder.path(), &format!("{ANVIL}=http://127.0.0.1:9"), KEY, &args);
    let client = server.client();
    let path = format!("/v1/circuits/{}/deploy", circuit(&client).await);
    for body in [
        json!({"rpcUrl": url, "signer": "deployer"}),
        json!({"rpcUrl": url, "signer": "deployer", "chainId": 1}),
        json!({"rpcUrl": url, "signer": "deployer", "chainId": ANVIL}),
        json!({"rpcUrl": url, "signer": "nobody"}),
    ] {
        let reply = client.post(&path, &body).await.unwrap();
        assert_eq!((reply.status, &reply.body["code"]), (403, &json!("foreign_node")), "{reply:?}");
    }
    assert!(node.asked.lock().unwrap().is_empty(), "the node was asked something");
    let list = client.get(&path.replace("/deploy", "/deployments")).await.unwrap().body;
    assert_eq!(list["deployments"], json!([]));
}

#[tokio::test]
async fn what_a_node_says_of_fees_and_gas_stays_within_the_limits() {
    for (node, part) in [
        (Node { base_fee: 301, ..Node::new() }, "price of gas"),
        (Node { gas: 8_000_000, ..Node::new() }, "gas limit"),
        (Node { base_fee: 299, gas: 2_000_000, ..Node::new() }, "the transaction can cost"),
        (Node { base_fee: u64::MAX, gas: u64::MAX, ..Node::new() }, "price of gas"),
    ] {
        let failed = deployed_through(&node, &[]).await;
        assert_eq!(failed["error"]["code"], "spending_limit", "{failed}");
        assert!(failed["error"]["message"].as_str().unwrap().contains(part), "{failed}");
        assert_eq!(node.signed(), Vec::<Value>::new());
    }
    // The same node, for a chain that it is not the node of.
    let node = Node { chain_id: 1, ..Node::new() };
    let failed = deployed_through(&node, &[]).await;
    assert_eq!(failed["error"]["code"], "wrong_chain", "{failed}");
    assert_eq!(node.signed(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_node_whose_nonces_grow_gets_four_signatures_and_no_more() {
    let node = Node { takes_nonces: true, ..Node::new() };
    let failed = deployed_through(&node, &[]).await;
    assert_eq!(failed["error"]["code"], "nonce_contested", "{failed}");
    assert_eq!(node.signed().len(), 4);
}

#[tokio::test]
async fn a_node_that_mines_nothing_gets_four_signatures_of_one_nonce_within_the_limits() {
    let node = Node::new();
    let args = ["--replace-after-s", "1", "--deploy-time-s", "15"];
    let dear = Node { becomes_dear: true, ..Node::new() };
    // Four transactions of at most 360 000 gas and a salt, of which the dearest costs 1.43 gwei for each.
    let daily = ["--max-daily-gwei", "530000"];
    let args = [&args[..], &daily[..]].concat();
    let (failed, too_dear) = tokio::join!(deployed_through(&node, &args), deployed_through(&dear, &args));
    for (failed, node, signatures) in [(failed, node, 4), (too_dear, dear, 1)] {
        assert_eq!(failed["error"]["code"], "deployment_timeout", "{failed}");
        let sent: BTreeSet<String> = node.signed().iter().map(Value::to_string).collect();
        assert_eq!(sent.len(), signatures, "{failed}");
        assert_eq!(failed["transaction"]["nonce"], 7);
        let replaced = failed["transaction"]["replaced"].as_array().map_or(0, Vec::len);
        assert_eq!(replaced + 1, signatures, "{failed}");
    }
}

#[tokio::test]
async fn the_sum_of_a_day_ends_the_signatures() {
    let node = Node { takes_nonces: true, ..Node::new() };
    // Each transaction costs at most 360 000 gas and a salt, times 1.001 gwei.
    let failed = deployed_through(&node, &["--max-daily-gwei", "800000"]).await;
    assert_eq!(failed["error"]["code"], "spending_limit", "{failed}");
    assert_eq!(node.signed().len(), 2);
}

#[tokio::test]
async fn the_sum_of_a_day_outlives_the_process() {
    let node = Node { takes_nonces: true, ..Node::new() };
    let folder = tempfile::tempdir().unwrap();
    let nodes = format!("{ANVIL}={}", node.start().await);
    let request = json!({"chainId": ANVIL, "signer": "deployer"});
    // Two transactions, as above. The second process begins with their sum.
    for _ in 0..2 {
        let server = serve(folder.path(), &nodes, KEY, &["--max-daily-gwei", "800000"]);
        let id = circuit(&server.client()).await;
        let failed = server.client().deploy(&id, &request, PATIENCE).await.unwrap();
        assert_eq!(failed["error"]["code"], "spending_limit", "{failed}");
        assert_eq!(node.signed().len(), 2);
        server.kill();
    }
}

#[tokio::test]
async fn a_deadline_ends_a_deployment_that_is_never_mined() {
    let node = Node::new();
    let failed = deployed_through(&node, &["--deploy-time-s", "2"]).await;
    assert_eq!(failed["error"]["code"], "deployment_timeout", "{failed}");
    assert!(node.signed().len() <= 1, "one transaction at most");

    let url = Node::new().start().await;
    let folder = tempfile::tempdir().unwrap();
    let zkflow = |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_zkflow"));
        let output = command.args(args).current_dir(folder.path()).env("DEPLOYER_KEY", KEY).output();
        async { output.await.unwrap() }
    };
    let build = ["circuit", "build", "rangeCheck", "--param", "min=18", "--param", "max=120"];
    assert!(zkflow(&[&build[..], &["--out", "age"]].concat()).await.status.success());
    let deploy = ["deploy", "age", "--rpc", &url, "--signer", "env:DEPLOYER_KEY", "--deploy-time-s", "1"];
    let output = zkflow(&deploy).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("in time"), "{said}");
}
