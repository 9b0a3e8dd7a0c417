//! Keys and the chains that accept them.

use ark_ec::AffineRepr;
use serde_json::json;
use zkflow_core::digest::Digest;
use zkflow_core::format::json as snarkjs;
use zkflow_core::format::zkey::ZKey;
use zkflow_core::provenance::Provenance;
use zkflow_core::solidity::{ContractCircuit, ContractHeader, verifier_contract};
use zkflow_evm::deploy::{DeployError, admit};
use zkflow_server::client::LocalChain;

use crate::support::{PATIENCE, World};

#[tokio::test]
async fn a_key_for_development_goes_to_no_other_chain() {
    let args = ["--allow-request-rpc", "true", "--development", "true"];
    let world = World::on(LocalChain::start(&["--chain-id", "5"]).unwrap(), 5, &args);
    let id = world.circuit().await;
    let path = format!("/v1/circuits/{id}/deploy");
    let refused = world.client.post(&path, &json!({"chainId": 5, "signer": "deployer"})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("key_for_development")), "{refused:?}");
    let refused = world.client.post(&path, &json!({"chainId": 5, "unsigned": true})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("key_for_development")), "{refused:?}");
    // If only the worker can find out the chain, the worker refuses.
    let request = json!({"rpcUrl": world.chain.url(), "signer": "deployer"});
    let failed = world.client.deploy(&id, &request, PATIENCE).await.unwrap();
    assert_eq!(failed["error"]["code"], "key_for_development", "{failed}");
    assert_eq!(world.transactions().await, 0);

    // The chain is accepted if the operator lists it.
    drop(world);
    let world =
        World::on(LocalChain::start(&["--chain-id", "5"]).unwrap(), 5, &["--development-chains", "5,6"]);
    let id = world.circuit().await;
    let done =
        world.client.deploy(&id, &json!({"chainId": 5, "signer": "deployer"}), PATIENCE).await.unwrap();
    assert_eq!(done["status"], "confirmed", "{done}");
}

#[tokio::test]
async fn the_source_and_the_key_are_judged_again() {
    let world = World::new(&[]);
    let id = world.circuit().await;
    let file = async |name: &str| {
        let url = format!("{}/v1/circuits/{id}/artifacts/{name}", world.server.base());
        reqwest::get(url).await.unwrap().bytes().await.unwrap()
    };
    let key = ZKey::read(&file("proving_key.zkey").await).unwrap();
    let source = String::from_utf8(file("verifier.sol").await.into()).unwrap();
    assert_eq!(admit(&source, &key.head, None, 31_337, &[31_337]).unwrap(), Provenance::Development);
    assert!(matches!(admit(&source, &key.head, None, 1, &[31_337]), Err(DeployError::Development(1))));

    // A contract of a different key: only its constants differ.
    let changed = key.head.vk.ic[0] + key.head.vk.ic[0];
    let mut other = key.clone();
    other.head.vk.ic[0] = changed.into();
    assert!(matches!(admit(&source, &other.head, None, 31_337, &[31_337]), Err(DeployError::OtherKey)));
    assert!(matches!(admit("contract X {}", &key.head, None, 31_337, &[]), Err(DeployError::Unreadable(_))));

    // A forgeable key is refused on every chain.
    let mut forgeable = key.clone();
    forgeable.head.contributions.clear();
    forgeable.head.circuit_hash = [1; 64];
    forgeable.head.vk.delta_g2 = forgeable.head.vk.gamma_g2;
    assert!(!forgeable.head.vk.delta_g2.is_zero());
    let header = ContractHeader {
        circuit: ContractCircuit::Hash(forgeable.head.circuit_hash),
        provenance: Provenance::Ceremony(9),
        verification_key: Digest::of(snarkjs::vkey_text(&forgeable.head.vk)),
    };
    let source = verifier_contract(&forgeable.head.vk, &header);
    assert!(matches!(
        admit(&source, &forgeable.head, None, 31_337, &[31_337]),
        Err(DeployError::Forgeable(_))
    ));
}
