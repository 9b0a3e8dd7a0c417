//! From a template to a contract that accepts its proof.

use serde_json::{Value, json};
use zkflow_core::format::json as snarkjs;
use zkflow_evm::deploy::Code;
use zkflow_server::client::LocalChain;

use crate::support::{ANVIL, PATIENCE, World, number};

#[tokio::test]
async fn a_server_without_a_compiler_deploys_the_code_of_the_key() {
    let world = World::new(&["--solc-path", "/nonexistent/solc"]);
    let (client, id) = (&world.client, world.circuit().await);
    let refused = client.get(&format!("/v1/circuits/{id}/contract")).await.unwrap();
    assert_eq!(refused.body["code"], "solc_failed", "{refused:?}");
    let deployment =
        client.deploy(&id, &json!({"chainId": ANVIL, "signer": "deployer"}), PATIENCE).await.unwrap();
    assert_eq!(deployment["status"], "confirmed", "{deployment}");
    let address = &deployment["contract"]["address"];
    let code = world.chain.call("eth_getCode", json!([address, "latest"])).await.unwrap();
    let url = format!("{}/v1/circuits/{id}/artifacts/verification_key.json", world.server.base());
    let key = snarkjs::read_vkey(&reqwest::get(url).await.unwrap().bytes().await.unwrap()).unwrap();
    let expected = Code::of_key(&key).unwrap();
    assert_eq!(code, json!(format!("0x{}", hex::encode(&expected.runtime))));
    let unsigned = json!({"chainId": ANVIL, "unsigned": true});
    let unsigned = client.post(&format!("/v1/circuits/{id}/deploy"), &unsigned).await.unwrap();
    assert_eq!(unsigned.body["transaction"]["data"], json!(format!("0x{}", hex::encode(&expected.creation))));
}

#[tokio::test]
async fn a_template_becomes_a_contract_that_accepts_its_proof_and_refuses_a_changed_one() {
    let world = World::new(&[]);
    let (client, id) = (&world.client, world.circuit().await);
    let deployment =
        client.deploy(&id, &json!({"chainId": ANVIL, "signer": "deployer"}), PATIENCE).await.unwrap();
    assert_eq!(deployment["status"], "confirmed", "{deployment}");
    let contract = &deployment["contract"];
    assert_eq!(contract["chainId"], ANVIL);
    assert!(contract["gasUsed"].as_u64().unwrap() < 400_000, "{contract}");

    // The API and the chain agree about the code.
    let code = world.chain.call("eth_getCode", json!([contract["address"], "latest"])).await.unwrap();
    let compiled = client.get(&format!("/v1/circuits/{id}/contract")).await.unwrap().body;
    assert_eq!(code, compiled["runtimeCode"]);
    assert!(compiled["compiler"].as_str().unwrap().starts_with("0.8.30+commit."), "{}", compiled["compiler"]);
    assert_eq!(contract["compiler"], compiled["compiler"]);
    let metadata: Value = serde_json::from_str(compiled["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata["settings"]["optimizer"]["enabled"], true);
    let input = &compiled["standardJsonInput"];
    assert_eq!(input["settings"]["optimizer"], metadata["settings"]["optimizer"]);
    assert!(input["sources"]["Groth16Verifier.sol"]["content"].as_str().unwrap().contains(&id));
    let circuit = client.get(&format!("/v1/circuits/{id}")).await.unwrap().body;
    assert_eq!(&circuit["artifacts"]["deployment"], contract);
    assert_eq!(
        circuit["artifacts"]["verification_key.json"]["sha256"], contract["verificationKey"],
        "the key is named by its digest"
    );
    let receipt =
        world.chain.call("eth_getTransactionReceipt", json!([contract["transactionHash"]])).await.unwrap();
    assert_eq!(number(&receipt["blockNumber"]), contract["blockNumber"].as_u64().unwrap());
    assert_eq!(number(&receipt["gasUsed"]), contract["gasUsed"].as_u64().unwrap());

    // The contract verifies the proof.
    let request =
        client.request_proof(&id, json!({"age": "42"}), json!({"randomPublicSignal": "7"})).await.unwrap();
    let proof = client.proof(&request, PATIENCE).await.unwrap();
    let mut statement = json!({
        "proof": proof["artifacts"]["proof"], "publicSignals": proof["artifacts"]["publicSignals"],
    });
    let on_chain =
        format!("/v1/circuits/{id}/verify?onChain={}", deployment["deploymentId"].as_str().unwrap());
    let verdict = client.post(&on_chain, &statement).await.unwrap();
    assert_eq!(verdict.body, json!({"verified": true}));
    statement["publicSignals"][0] = json!("8");
    let verdict = client.post(&on_chain, &statement).await.unwrap();
    assert_eq!(verdict.body["verified"], false, "{verdict:?}");
    assert!(verdict.body["reason"].as_str().unwrap().contains("0x"), "{verdict:?}");

    // A second deployment creates a second contract, and the list contains both.
    let again = client.deploy(&id, &json!({"chainId": ANVIL, "signer": "deployer"}), PATIENCE).await.unwrap();
    assert_ne!(again["contract"]["address"], contract["address"]);
    let list = client.get(&format!("/v1/circuits/{id}/deployments")).await.unwrap().body;
    assert_eq!(list["deployments"], json!([again, deployment]));
    assert_eq!(world.transactions().await, 2);
}

#[tokio::test]
async fn deployments_at_the_same_time_by_one_signer_are_one_contract_each() {
    let world = World::new(&["--deploy-concurrency", "6"]);
    let id = world.circuit().await;
    let deployments = (0..12).map(|_| {
        let (client, id) = (world.client.clone(), id.clone());
        tokio::spawn(async move {
            client.deploy(&id, &json!({"chainId": ANVIL, "signer": "deployer"}), PATIENCE).await.unwrap()
        })
    });
    let mut addresses = Vec::new();
    for deployment in deployments.collect::<Vec<_>>() {
        let deployment = deployment.await.unwrap();
        assert_eq!(deployment["status"], "confirmed", "{deployment}");
        addresses.push(deployment["contract"]["address"].as_str().unwrap().to_owned());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 12);
    assert_eq!(world.transactions().await, 12, "each mined transaction belongs to a deployment");
}

#[tokio::test]
async fn a_chain_without_a_base_fee_takes_one_price() {
    let chain = LocalChain::start(&["--hardfork", "berlin"]).unwrap();
    let world = World::on(chain, ANVIL, &[]);
    let id = world.circuit().await;
    let request = json!({"chainId": ANVIL, "signer": "deployer"});
    let deployment = world.client.deploy(&id, &request, PATIENCE).await.unwrap();
    assert_eq!(deployment["status"], "confirmed", "{deployment}");
    let hash = &deployment["transaction"]["hash"];
    let sent = world.chain.call("eth_getTransactionByHash", json!([hash])).await.unwrap();
    assert_eq!(sent["type"], "0x0", "{sent}");
    assert!(sent["maxFeePerGas"].is_null(), "{sent}");
}
