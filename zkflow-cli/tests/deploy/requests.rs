//! Valid and invalid requests.

use std::time::Duration;

use serde_json::json;
use zkflow_core::service::chain::{Fees, TransactionSigner as _, UnsignedTransaction};
use zkflow_evm::LocalSigner;

use crate::support::{ANVIL, PATIENCE, World, circuit, number};

#[tokio::test]
async fn wrong_requests_are_refused_with_a_reason_and_without_an_echo() {
    let world = World::new(&[]);
    let id = world.circuit().await;
    let path = format!("/v1/circuits/{id}/deploy");
    let key = &world.chain.keys()[1];
    for (body, status, code) in [
        (json!({}), 422, "invalid_inputs"),
        (json!({"chainId": ANVIL}), 422, "invalid_inputs"),
        (json!({"signer": "deployer"}), 422, "invalid_inputs"),
        (json!({"chainId": 1, "signer": "deployer"}), 422, "unknown_chain"),
        (json!({"chainId": 1337, "signer": "deployer"}), 422, "unknown_chain"),
        (json!({"chainId": ANVIL, "signer": "nobody"}), 422, "unknown_signer"),
        (json!({"chainId": ANVIL, "signer": "deployer", "privateKey": key}), 422, "invalid_inputs"),
        (json!({"chainId": ANVIL, "privateKey": key}), 403, "not_allowed"),
        (json!({"rpcUrl": "https://node.example/", "signer": "deployer"}), 403, "foreign_node"),
        (
            json!({"chainId": ANVIL, "rpcUrl": "https://node.example/", "signer": "deployer"}),
            403,
            "foreign_node",
        ),
        (
            json!({"chainId": ANVIL, "signer": "deployer", "from": format!("0x{:040}", 1)}),
            422,
            "invalid_inputs",
        ),
        (json!({"chainId": ANVIL, "unsigned": true, "privateKey": key}), 422, "invalid_inputs"),
        (json!({"unsigned": true}), 422, "invalid_inputs"),
        (json!({"chainId": ANVIL, "signer": "deployer", "gas": 1}), 422, "invalid_body"),
        (json!({"chainId": "31337", "signer": "deployer"}), 422, "invalid_body"),
    ] {
        let reply = world.client.post(&path, &body).await.unwrap();
        assert_eq!((reply.status, reply.body["code"].as_str()), (status, Some(code)), "{body}: {reply:?}");
        assert!(!reply.body.to_string().contains(&key[2..]), "{reply:?}");
    }
    let unknown = "/v1/circuits/00000000000000000000000000000000/deploy";
    let reply = world.client.post(unknown, &json!({"chainId": ANVIL, "signer": "deployer"})).await.unwrap();
    assert_eq!(reply.status, 404);
    let none = "01890a5d-ac96-774b-bcce-b302099a8057";
    for path in [
        format!("/v1/circuits/{id}/deployments/{none}"),
        format!("/v1/circuits/{id}/deployments/{none}/events"),
        format!("/v1/circuits/{id}/deployments/x"),
        "/v1/circuits/00000000000000000000000000000000/deployments".to_owned(),
    ] {
        assert_eq!(world.client.get(&path).await.unwrap().status, 404, "{path}");
    }
    assert_eq!(world.transactions().await, 0);
}

#[tokio::test]
async fn hostile_addresses_are_refused_at_once() {
    let world = World::new(&["--allow-request-rpc", "true", "--allow-request-keys", "true"]);
    let key = &world.chain.keys()[1];
    let id = world.circuit().await;
    for url in
        ["http://127.0.0.1:1/", "https://0x7f.1/", "https://[::1]/", "https://169.254.169.254/", "x", ""]
    {
        let body = json!({"chainId": ANVIL, "rpcUrl": url, "privateKey": key});
        let reply = world.client.post(&format!("/v1/circuits/{id}/deploy"), &body).await.unwrap();
        assert_eq!(
            (reply.status, reply.body["code"].as_str()),
            (422, Some("rpc_refused")),
            "{url}: {reply:?}"
        );
    }
    // The worker resolves the host name and refuses it.
    let body = json!({"chainId": ANVIL, "rpcUrl": "https://localhost:1/", "privateKey": key});
    let failed = world.client.deploy(&id, &body, PATIENCE).await.unwrap();
    assert_eq!(failed["error"]["code"], "rpc_refused", "{failed}");
}

#[tokio::test]
async fn a_node_of_another_chain_and_an_empty_account_are_named() {
    let args = ["--allow-request-rpc", "true", "--development", "true", "--allow-request-keys", "true"];
    let world = World::new(&args);
    let id = world.circuit().await;
    let key = &world.chain.keys()[0];
    let body = json!({"chainId": 1337, "rpcUrl": world.chain.url(), "privateKey": key});
    let failed = world.client.deploy(&id, &body, PATIENCE).await.unwrap();
    assert_eq!(failed["error"]["code"], "wrong_chain", "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("31337"), "{failed}");
    let body = json!({"chainId": ANVIL, "privateKey": format!("0x{:064}", 7)});
    let failed = world.client.deploy(&id, &body, PATIENCE).await.unwrap();
    assert_eq!(failed["error"]["code"], "insufficient_funds", "{failed}");
    assert_eq!(world.transactions().await, 0);
}

#[tokio::test]
async fn an_idempotency_key_deploys_once() {
    let world = World::new(&[]);
    let id = world.circuit().await;
    let url = format!("{}/v1/circuits/{id}/deploy", world.server.base());
    let post = async |body: serde_json::Value| {
        let request = reqwest::Client::new().post(&url).header("idempotency-key", "once").json(&body);
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.json::<serde_json::Value>().await.unwrap())
    };
    let body = json!({"chainId": ANVIL, "signer": "deployer"});
    let (status, first) = post(body.clone()).await;
    assert_eq!(status, 202, "{first}");
    for _ in 0..3 {
        let (status, again) = post(body.clone()).await;
        assert_eq!((status, &again["deploymentId"]), (202, &first["deploymentId"]));
    }
    let (status, other) =
        post(json!({"chainId": ANVIL, "signer": "deployer", "unsigned": false, "rpcUrl": null})).await;
    assert_eq!((status, &other["deploymentId"]), (202, &first["deploymentId"]), "the requests are equal");
    let path = format!("/v1/circuits/{id}/deployments/{}?wait=30", first["deploymentId"].as_str().unwrap());
    let done = world.client.get(&path).await.unwrap().body;
    assert_eq!(done["status"], "confirmed", "{done}");
    assert_eq!(world.transactions().await, 1);
}

#[tokio::test]
async fn an_unsigned_transaction_is_signed_elsewhere() {
    let world = World::new(&[]);
    let id = world.circuit().await;
    let path = format!("/v1/circuits/{id}/deploy");
    let bare = world.client.post(&path, &json!({"chainId": ANVIL, "unsigned": true})).await.unwrap();
    assert_eq!(bare.status, 200, "{bare:?}");
    assert_eq!(bare.body["transaction"]["nonce"], json!(null));

    let signer = LocalSigner::from_hex(&world.chain.keys()[2]).unwrap();
    let body = json!({"chainId": ANVIL, "unsigned": true, "from": signer.address().to_string()});
    let reply = world.client.post(&path, &body).await.unwrap().body;
    let fields = &reply["transaction"];
    assert_eq!(fields["data"], bare.body["transaction"]["data"]);
    let code = hex::decode(fields["data"].as_str().unwrap().strip_prefix("0x").unwrap()).unwrap();
    let unsigned = UnsignedTransaction {
        chain_id: number(&fields["chainId"]),
        nonce: number(&fields["nonce"]),
        gas: number(&fields["gas"]),
        fees: Fees::Market {
            max: number(&fields["maxFeePerGas"]).into(),
            priority: number(&fields["maxPriorityFeePerGas"]).into(),
        },
        code: code.into(),
    };
    let signed = signer.sign(&unsigned).await.unwrap();
    let hash = world.chain.call("eth_sendRawTransaction", json!([signed.raw])).await.unwrap();
    assert_eq!(hash, json!(signed.hash.to_string()));
    let receipt = loop {
        let receipt = world.chain.call("eth_getTransactionReceipt", json!([hash])).await.unwrap();
        if !receipt.is_null() {
            break receipt;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let compiled = world.client.get(&format!("/v1/circuits/{id}/contract")).await.unwrap().body;
    let code = world.chain.call("eth_getCode", json!([receipt["contractAddress"], "latest"])).await.unwrap();
    assert_eq!(code, compiled["runtimeCode"]);
    assert_eq!(
        world.client.get(&format!("/v1/circuits/{id}/deployments")).await.unwrap().body["deployments"],
        json!([])
    );
    assert!(world.folder.path().exists());
}

#[tokio::test]
async fn the_metrics_have_the_balance_of_each_signer() {
    let world = World::new(&[]);
    let line = format!("zkflow_signer_balance_ether{{signer=\"deployer\",chain=\"{ANVIL}\"}} ");
    for _ in 0..600 {
        let metrics = reqwest::get(format!("{}/metrics", world.server.base())).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        if let Some(value) = metrics.lines().find_map(|found| found.strip_prefix(&line)) {
            // The accounts of anvil.
            assert_eq!(value, "10000");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no balance in the metrics");
}

#[tokio::test]
async fn a_process_that_does_not_deploy_asks_for_no_balance() {
    let world = World::new(&["--workers", "false"]);
    let metrics =
        reqwest::get(format!("{}/metrics", world.server.base())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("zkflow_build_info") && !metrics.contains("zkflow_signer_balance"), "{metrics}");
}

#[tokio::test]
async fn a_deployment_that_waits_for_its_node_says_so() {
    let World { chain, server, client, folder: _folder } = World::new(&[]);
    let id = circuit(&client).await;
    drop(chain);
    let body = json!({"chainId": ANVIL, "signer": "deployer"});
    let asked = client.post(&format!("/v1/circuits/{id}/deploy"), &body).await.unwrap().body;
    let path = format!("/v1/circuits/{id}/deployments/{}", asked["deploymentId"].as_str().unwrap());
    for _ in 0..600 {
        let waiting = client.get(&path).await.unwrap().body;
        assert_eq!(waiting["status"], "pending", "{waiting}");
        if waiting["delayedBy"]["code"] == "chain_unavailable" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} does not say why it waits: {:?}", path, server.base());
}
