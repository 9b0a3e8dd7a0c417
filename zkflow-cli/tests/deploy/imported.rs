//! A circuit with a key of its own, imported over HTTP: the server deploys its contract, or binds one that is on the chain.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use zkflow_client::{Inputs, UploadFile};
use zkflow_core::format::ptau::Ptau;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{StepOptions, phase2};
use zkflow_server::client::LocalChain;

use crate::contracts::{SNARKJS, contract};
use crate::support::{ANVIL, PATIENCE, World};

/// The published powers of tau for 2^8 rows.
const POWERS: &str = "powersOfTau28_hez_final_08.ptau";

fn data(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data");
    std::fs::read(folder.join(name)).unwrap()
}

/// A key of `tiny.r1cs` from published powers of tau, with one contribution.
fn own_key() -> Vec<u8> {
    let r1cs = R1cs::read(&data("tiny.r1cs")).unwrap();
    let mut powers = Ptau::open(Cursor::new(data(POWERS))).unwrap();
    let (mut initial, mut key) = (Vec::new(), Vec::new());
    phase2::create(&r1cs, &mut powers, &mut initial, StepOptions::default()).unwrap();
    let mut initial = ZKeyFile::open(Cursor::new(initial)).unwrap();
    phase2::contribute(&mut initial, &mut key, None, "", &mut os_rng(), StepOptions::default()).unwrap();
    key
}

/// Whether the key is compared with its powers of tau.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Verified,
    Claimed,
}

impl World {
    /// Imports the circuit with its source and a key; returns its document.
    async fn imports(&self, key: &[u8], label: Label) -> Value {
        let mut files = vec![
            UploadFile::of_source("tiny.circom", data("tiny.circom")),
            UploadFile::of_bytes("zkey", key),
        ];
        if label == Label::Verified {
            files.push(UploadFile::of_bytes("ptau", data(POWERS)));
        }
        let circuit = self.client.import_circuit(&files, &json!({}), PATIENCE, None).await.unwrap();
        let (shown, absent) = match label {
            Label::Verified => ("provenance", "claimed"),
            Label::Claimed => ("claimed", "provenance"),
        };
        assert_eq!(
            (&circuit[shown], &circuit[absent]),
            (&json!("single-operator"), &Value::Null),
            "{circuit}"
        );
        circuit
    }

    /// A proof of the circuit with its public signals.
    async fn statement(&self, circuit: &str) -> Value {
        let mut inputs: Value = serde_json::from_slice(&data("tiny.input.json")).unwrap();
        let public = json!({"a": inputs["a"].take(), "b": inputs["b"].take()});
        let private = json!({"secret": inputs["secret"], "unused": inputs["unused"]});
        let proved =
            self.client.prove(circuit, &Inputs { private, public, user: None }, PATIENCE).await.unwrap();
        json!({"proof": proved.proof, "publicSignals": proved.public_signals})
    }

    /// Waits until more milliseconds of work are counted for the circuit: the count follows the end of the work.
    async fn work_ms_above(&self, circuit: &str, before: u64) -> u64 {
        loop {
            let found = self.client.get(&format!("/v1/usage?circuitId={circuit}")).await.unwrap().body;
            let days = found["usage"].as_array().unwrap();
            let sum = days.iter().map(|day| day["workMs"].as_u64().unwrap()).sum();
            if sum > before {
                return sum;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes a proof, and deploys the contract that is checked with it.
    async fn deploys(&self, circuit: &str, chain: u64) -> Value {
        let request = json!({"chainId": chain, "signer": "deployer"});
        let built = self.work_ms_above(circuit, 0).await;
        let before = self.client.deploy(circuit, &request, PATIENCE).await.unwrap();
        assert_eq!(before["error"]["code"], "no_proof_to_check", "a source has no example: {before}");
        // The work of a deployment that failed counts too.
        self.work_ms_above(circuit, built).await;
        assert_eq!(self.transactions().await, 0);
        self.statement(circuit).await;
        let deployed = self.client.deploy(circuit, &request, PATIENCE).await.unwrap();
        assert_eq!(deployed["status"], "confirmed", "{deployed}");
        deployed
    }

    /// The contract of the deployment accepts a proof, and refuses it with another signal.
    async fn accepts_a_proof(&self, circuit: &str, deployment: &Value) {
        let mut statement = self.statement(circuit).await;
        let id = deployment["deploymentId"].as_str().unwrap();
        let path = format!("/v1/circuits/{circuit}/verify?onChain={id}");
        let verdict = self.client.post(&path, &statement).await.unwrap();
        assert_eq!(verdict.body, json!({"verified": true}));
        statement["publicSignals"][3] = json!("4");
        let verdict = self.client.post(&path, &statement).await.unwrap();
        assert_eq!(verdict.body["verified"], false, "{verdict:?}");
    }
}

fn id(circuit: &Value) -> &str {
    circuit["circuitId"].as_str().unwrap()
}

#[tokio::test]
async fn an_imported_key_is_deployed_and_contracts_with_it_are_bound() {
    let world = World::new(&[]);
    let client = &world.client;
    let zkey = own_key();
    let circuit = world.imports(&zkey, Label::Verified).await;
    let key = world.key(id(&circuit)).await;
    assert_eq!(key, ZKeyFile::open(Cursor::new(&zkey)).unwrap().head().vk);

    let deployed = world.deploys(id(&circuit), ANVIL).await;
    let digest = &circuit["artifacts"]["verification_key.json"]["sha256"];
    assert_eq!(&deployed["contract"]["verificationKey"], digest);
    world.accepts_a_proof(id(&circuit), &deployed).await;

    // The same key without its powers of tau: its circuit is bound to this contract.
    let claimed = world.imports(&zkey, Label::Claimed).await;
    assert_ne!(id(&claimed), id(&circuit));
    let address = deployed["contract"]["address"].as_str().unwrap();
    let bound = client.bind_contract(id(&claimed), ANVIL, address).await.unwrap();
    assert_eq!((&bound["status"], &bound["contract"]["kind"]), (&json!("confirmed"), &json!("bound")));
    world.accepts_a_proof(id(&claimed), &bound).await;

    // A contract of snarkjs that another account deployed.
    let address = world.has(&contract(SNARKJS, &key)).await;
    let bound = client.bind_contract(id(&circuit), ANVIL, &address).await.unwrap();
    assert_eq!((&bound["status"], &bound["contract"]["kind"]), (&json!("confirmed"), &json!("bound")));
    assert_eq!(&bound["contract"]["verificationKey"], digest);
    world.accepts_a_proof(id(&circuit), &bound).await;
    let shown = client.get(&format!("/v1/circuits/{}", id(&circuit))).await.unwrap().body;
    assert_eq!(shown["artifacts"]["deployment"], bound["contract"]);

    // Another key of the same circuit does not fit it.
    let other = world.imports(&own_key(), Label::Verified).await;
    assert_ne!(id(&other), id(&circuit));
    let said = world.refuses(id(&other), (ANVIL, &address), "contract_key_differs").await;
    assert!(said.contains("delta"), "{said}");
    assert_eq!(world.transactions().await, 1, "a binding sends nothing");
}

#[tokio::test]
async fn only_a_verified_key_goes_to_a_chain_that_is_not_for_development() {
    let world = World::on(LocalChain::start(&["--chain-id", "5", "--block-time", "1"]).unwrap(), 5, &[]);
    let zkey = own_key();
    let claimed = world.imports(&zkey, Label::Claimed).await;
    let request = json!({"chainId": 5, "signer": "deployer"});
    let path = format!("/v1/circuits/{}/deploy", id(&claimed));
    for body in [&request, &json!({"chainId": 5, "unsigned": true})] {
        let refused = world.client.post(&path, body).await.unwrap();
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("key_claimed")), "{refused:?}");
    }
    assert_eq!(world.transactions().await, 0);

    let circuit = world.imports(&zkey, Label::Verified).await;
    let deployed = world.deploys(id(&circuit), 5).await;
    world.accepts_a_proof(id(&circuit), &deployed).await;
    // A binding deploys nothing, so a claimed key can be bound.
    let address = deployed["contract"]["address"].as_str().unwrap();
    let bound = world.client.bind_contract(id(&claimed), 5, address).await.unwrap();
    assert_eq!(bound["status"], "confirmed", "{bound}");
    world.accepts_a_proof(id(&claimed), &bound).await;
}
