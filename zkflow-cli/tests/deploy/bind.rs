//! Contracts that are on a chain before a circuit is bound to them.

use std::process::Command;

use serde_json::{Value, json};
use zkflow_core::format::json as snarkjs;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::service::chain::SolidityCompiler as _;
use zkflow_core::solidity::CONTRACT_NAME;
use zkflow_evm::Solc;

use crate::contracts::{EARLY, Layout, SNARKJS, compilable, contract};
use crate::support::{ANVIL, PATIENCE, World};

impl World {
    /// Deploys a contract from an account that the server does not have; returns the address.
    pub(crate) async fn has(&self, source: &str) -> String {
        let code =
            Solc::find(None).unwrap().compile(&compilable(source), CONTRACT_NAME).unwrap().creation_code;
        self.has_code(&code).await
    }

    async fn has_code(&self, code: &[u8]) -> String {
        let account = self.chain.call("eth_accounts", json!([])).await.unwrap()[1].clone();
        let data = format!("0x{}", hex::encode(code));
        let sent = json!([{"from": account, "data": data}]);
        let hash = self.chain.call("eth_sendTransaction", sent).await.unwrap();
        loop {
            let receipt = self.chain.call("eth_getTransactionReceipt", json!([hash])).await.unwrap();
            match receipt["contractAddress"].as_str() {
                Some(address) => return address.to_owned(),
                None => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    }

    pub(crate) async fn key(&self, circuit: &str) -> VerifyingKey {
        snarkjs::read_vkey(&self.client.file(circuit, "verification_key.json").await.unwrap()).unwrap()
    }

    pub(crate) async fn refuses(&self, circuit: &str, (chain, address): (u64, &str), code: &str) -> String {
        let body = json!({"chainId": chain, "address": address});
        let reply = self.client.post(&format!("/v1/circuits/{circuit}/deployments"), &body).await.unwrap();
        assert_eq!((reply.status, reply.body["code"].as_str()), (422, Some(code)), "{reply:?}");
        reply.body["detail"].as_str().unwrap().to_owned()
    }

    async fn deployments(&self, circuit: &str) -> Vec<Value> {
        let list = self.client.get(&format!("/v1/circuits/{circuit}/deployments")).await.unwrap().body;
        list["deployments"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_contract_with_the_key_of_the_circuit_is_bound_and_nothing_is_signed() {
    let world = World::new(&[]);
    let (client, id) = (&world.client, world.circuit().await);
    let key = world.key(&id).await;
    for (count, layout) in (1..).zip([EARLY, SNARKJS, Layout::Gnark, Layout::ZkFlow]) {
        let address = world.has(&contract(layout, &key)).await;
        let bound = client.bind_contract(&id, ANVIL, &address).await.unwrap();
        assert_eq!(
            (&bound["status"], &bound["contract"]["kind"]),
            (&json!("confirmed"), &json!("bound")),
            "{bound}"
        );
        let found = bound["contract"]["address"].as_str().unwrap();
        assert!(found.eq_ignore_ascii_case(&address), "{bound}");
        assert!(bound["signer"].is_null() && bound["transaction"].is_null(), "{bound}");
        assert!(bound["contract"]["transactionHash"].is_null(), "{bound}");
        let circuit = client.get(&format!("/v1/circuits/{id}")).await.unwrap().body;
        assert_eq!(circuit["artifacts"]["deployment"], bound["contract"]);
        assert_eq!(
            circuit["artifacts"]["verification_key.json"]["sha256"],
            bound["contract"]["verificationKey"]
        );
        // Again: the same deployment.
        let again =
            client.bind_contract(&id, ANVIL, &address.to_uppercase().replace("0X", "0x")).await.unwrap();
        assert_eq!(again, bound);
        assert_eq!(world.deployments(&id).await.len(), count);
        if matches!(layout, Layout::Gnark) {
            continue;
        }
        // The contract verifies proofs.
        let (private, public) = (json!({"age": "42"}), json!({"randomPublicSignal": "7"}));
        let request = client.request_proof(&id, private, public).await.unwrap();
        let proof = client.proof(&request, PATIENCE).await.unwrap();
        let (proof, signals) = (&proof["artifacts"]["proof"], &proof["artifacts"]["publicSignals"]);
        let on_chain =
            format!("/v1/circuits/{id}/verify?onChain={}", bound["deploymentId"].as_str().unwrap());
        let statement = json!({"proof": proof, "publicSignals": signals});
        assert_eq!(client.post(&on_chain, &statement).await.unwrap().body, json!({"verified": true}));
    }
    assert_eq!(world.transactions().await, 0, "the signer of the server");
    let address = world.has(&contract(SNARKJS, &key)).await;
    let bind = |address: &str| {
        let (chain, server) = (ANVIL.to_string(), world.server.base());
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(["circuit", "bind", &id, address, "--chain-id", &chain, "--server", server])
            .output()
            .unwrap()
    };
    let wrong = bind("0x1234");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("0xADDRESS"), "{wrong:?}");
    let output = bind(&address);
    let printed = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(output.status.success() && printed.contains(&address.to_lowercase()), "{output:?}");
}

#[tokio::test]
async fn another_contract_is_refused_with_what_differs_and_leaves_no_document() {
    let world = World::new(&[]);
    let id = world.circuit().await;
    let key = world.key(&id).await;
    let other = json!({"min": 18, "max": 121, "bits": 8});
    let other = world.client.circuit("rangeCheck", other, PATIENCE).await.unwrap();
    let other = world.key(other["circuitId"].as_str().unwrap()).await;
    let of_other = world.has(&contract(SNARKJS, &other)).await;
    let said = world.refuses(&id, (ANVIL, &of_other), "contract_key_differs").await;
    assert!(said.contains("delta") && said.contains("IC["), "{said}");
    // One point differs.
    let mut changed = key.clone();
    changed.ic.swap(0, 1);
    let swapped = world.has(&contract(Layout::ZkFlow, &changed)).await;
    let said = world.refuses(&id, (ANVIL, &swapped), "contract_key_differs").await;
    assert!(said.contains("IC[0], IC[1]") && !said.contains("delta"), "{said}");
    let mut longer = key.clone();
    longer.ic.push(key.alpha_g1);
    let longer = world.has(&contract(SNARKJS, &longer)).await;
    let said = world.refuses(&id, (ANVIL, &longer), "contract_key_differs").await;
    assert!(said.contains("2 public signals"), "{said}");
    let unchecked = contract(SNARKJS, &key).replace("lt(v, r)", "1");
    let unchecked = world.has(&unchecked).await;
    let said = world.refuses(&id, (ANVIL, &unchecked), "contract_unsafe").await;
    assert!(said.contains("compared with r"), "{said}");

    let blind = contract(SNARKJS, &key).replace("and(success, mload(_pPairing))", "success");
    let blind = world.has(&blind).await;
    let said = world.refuses(&id, (ANVIL, &blind), "contract_unsafe").await;
    assert!(said.contains("the pairings fail"), "{said}");

    // A contract that returns one for every call: PUSH1 1 PUSH0 MSTORE PUSH1 32 PUSH0 RETURN.
    let code = hex::decode("6760015f5260205ff35f5260086018f3").unwrap();
    let liar = world.has_code(&code).await;
    world.refuses(&id, (ANVIL, &liar), "contract_not_verifier").await;
    world.refuses(&id, (ANVIL, &format!("0x{}", "aa".repeat(20))), "no_contract").await;
    world.refuses(&id, (1, &of_other), "unknown_chain").await;
    for body in [
        json!({"chainId": ANVIL, "address": "0x12"}),
        json!({"chainId": ANVIL}),
        json!({"chainId": ANVIL, "address": of_other, "rpcUrl": "http://127.0.0.1:1"}),
    ] {
        let reply = world.client.post(&format!("/v1/circuits/{id}/deployments"), &body).await.unwrap();
        assert_eq!((reply.status, reply.body["code"].as_str()), (422, Some("invalid_body")), "{reply:?}");
    }
    assert_eq!(world.deployments(&id).await, Vec::<Value>::new());
    let circuit = world.client.get(&format!("/v1/circuits/{id}")).await.unwrap().body;
    assert!(circuit["artifacts"]["deployment"].is_null(), "{circuit}");
    assert_eq!(world.transactions().await, 0);
}

#[tokio::test]
async fn a_circuit_that_is_made_again_is_compared_again() {
    let world = World::new(&[]);
    let id = world.circuit().await;
    let (first, address) = (world.key(&id).await, world.has(&contract(SNARKJS, &world.key(&id).await)).await);
    world.client.bind_contract(&id, ANVIL, &address).await.unwrap();
    world.client.delete_circuit(&id, true).await.unwrap();

    assert_eq!(world.circuit().await, id);
    let second = world.key(&id).await;
    assert_ne!(first, second);
    let said = world.refuses(&id, (ANVIL, &address), "contract_key_differs").await;
    assert!(said.contains("delta"), "{said}");
    let circuit = world.client.get(&format!("/v1/circuits/{id}")).await.unwrap().body;
    assert!(circuit["artifacts"]["deployment"].is_null(), "{circuit}");
    let address = world.has(&contract(SNARKJS, &second)).await;
    let bound = world.client.bind_contract(&id, ANVIL, &address).await.unwrap();
    assert_eq!(bound["contract"]["verificationKey"], circuit["artifacts"]["verification_key.json"]["sha256"]);
}
