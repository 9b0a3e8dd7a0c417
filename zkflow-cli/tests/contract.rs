//! The verifier contract on a real EVM: it agrees with the native verifier and uses less gas than snarkjs'
//! contract.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use num_bigint::BigUint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use zkflow_core::circuit::{FileName, LoadedCircuit};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{
    CircomWasm, CircuitCompiler, CompileLimits, CompileOptions, Compiled, SourceTree,
};
use zkflow_core::digest::Digest;
use zkflow_core::field::MODULUS_DECIMAL;
use zkflow_core::format::json as snarkjs;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::KeyHead;
use zkflow_core::proof::PublicSignals;
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::provenance::Label;
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::{Sandbox, SandboxConfig};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::chain::{CompiledContract, SolidityCompiler};
use zkflow_core::setup::{DevelopmentPowers, KeyOptions, make_key};
use zkflow_core::solidity::{
    CONTRACT_NAME, ContractCircuit, ContractHeader, verifier_contract, verify_signature,
};
use zkflow_core::verify::Verifier;
use zkflow_evm::Solc;
use zkflow_server::client::LocalChain;

const Q: &str = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
/// Numbers of public signals of the tested contracts.
const SIGNALS: [usize; 4] = [0, 1, 3, 16];
/// Number of random calls per contract.
const TUPLES: usize = 2500;
/// Enough for every contract here. The limit matters: a failing precompiled contract uses all of its gas.
const GAS: &str = "0x100000";

#[tokio::test]
async fn contracts_agree_with_the_native_verifier_and_cost_less_than_those_of_snarkjs() {
    let tools = CircomTools::discover().unwrap();
    let modules = tools.circom_wasm.ancestors().nth(2).unwrap();
    let statements: Vec<Statement> = SIGNALS.iter().map(|&n| Statement::new(&tools, n)).collect();
    let solc = Solc::find(None).unwrap();
    let compile = |source: &str| solc.compile(source, CONTRACT_NAME).unwrap();
    let chain = Chain::start().await;
    for statement in &statements {
        let n = statement.signals;
        let ours = chain.deploy(&compile(&statement.contract()), n).await;
        let cost = chain.cost(&ours, &statement.valid).await;
        // Without signals, snarkjs' contract would need an empty array, which Solidity does not have.
        if n > 0 {
            let theirs = chain.deploy(&compile(&statement.contract_of_snarkjs(modules)), n).await;
            let their_cost = chain.cost(&theirs, &statement.valid).await;
            println!(
                "{n} signals: deployment {} of {}, verifyProof {cost} of {their_cost} gas",
                ours.gas, theirs.gas
            );
            assert!(ours.gas < theirs.gas && cost < their_cost, "{n}: {cost} of {their_cost}");
        }

        let mut rng = StdRng::seed_from_u64(n as u64);
        let tuples: Vec<Tuple> =
            statement.edges().into_iter().chain((0..TUPLES).map(|_| statement.mutated(&mut rng))).collect();
        let mut accepted = 0;
        for tuples in tuples.chunks(250) {
            for (tuple, says) in tuples.iter().zip(chain.ask(&ours, tuples).await) {
                let native = statement.verdict(tuple);
                assert_eq!(says, native, "{n} signals: {tuple:?}");
                accepted += usize::from(native);
            }
        }
        assert!(accepted > 10, "only {accepted} calls were accepted");
    }
}

/// A circuit with a given number of public signals, and a valid proof.
struct Statement {
    signals: usize,
    key: KeyHead,
    label: Label,
    zkey: Vec<u8>,
    verifier: Verifier,
    valid: Tuple,
}

/// Arguments of a call: a.x, a.y, b.x.c1, b.x.c0, b.y.c1, b.y.c0, c.x, c.y, then the signals.
#[derive(Debug, Clone)]
struct Tuple(Vec<BigUint>);

impl Statement {
    fn new(tools: &CircomTools, signals: usize) -> Self {
        let source = match signals {
            0 => "template T() { signal input x; signal input y; x * y === 6; }".to_owned(),
            n => format!(
                "template T() {{ signal input x; signal input y; signal output o[{n}];
                    for (var i = 0; i < {n}; i++) {{ o[i] <== (x + i) * y; }} }}"
            ),
        };
        let compiled = circuit(tools, &format!("pragma circom 2.1.6; {source} component main = T();"));
        let r1cs = R1cs::read(&compiled.r1cs).unwrap();
        let powers = DevelopmentPowers::in_memory();
        let mut zkey = Vec::new();
        let made = make_key(&r1cs, &powers, &mut zkey, KeyOptions::default(), &mut os_rng()).unwrap();
        let (key, label) = (made.head, made.label);
        let prover = NativeProver::new(NativeOptions::default()).unwrap();
        let files = BTreeMap::from([(FileName::Wasm, compiled.wasm), (FileName::ProvingKey, zkey.clone())]);
        let circuit = LoadedCircuit::open(&files, &prover, &sandbox()).unwrap();
        let inputs = CircuitInputs::from_json(json!({"x": 2, "y": 3}).to_string());
        let (proof, public) = circuit.full_prove(&inputs, &mut os_rng()).unwrap();
        let proof = snarkjs::proof_to_json(&proof);
        let number = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let b = &proof["pi_b"];
        let [a, c] = [&proof["pi_a"], &proof["pi_c"]];
        let words = [&a[0], &a[1], &b[0][1], &b[0][0], &b[1][1], &b[1][0], &c[0], &c[1]];
        let public = snarkjs::public_to_json(public.values());
        let words = words.into_iter().chain(public.as_array().unwrap()).map(number).collect();
        let verifier = Verifier::new(key.vk.clone()).unwrap();
        Self { signals, key, label, zkey, verifier, valid: Tuple(words) }
    }

    fn contract(&self) -> String {
        let header = ContractHeader {
            circuit: ContractCircuit::Hash(self.key.circuit_hash),
            label: self.label,
            verification_key: Digest::of(snarkjs::vkey_text(&self.key.vk)),
        };
        verifier_contract(&self.key.vk, &header)
    }

    fn contract_of_snarkjs(&self, modules: &Path) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.zkey");
        std::fs::write(&path, &self.zkey).unwrap();
        String::from_utf8(node(include_str!("contract/export.mjs"), &[modules, &path], "")).unwrap()
    }

    /// Result of the native verifier.
    fn verdict(&self, Tuple(words): &Tuple) -> bool {
        let text = |i: usize| words[i].to_string();
        let zero = |places: std::ops::Range<usize>| words[places].iter().all(|word| *word == BigUint::ZERO);
        let g1 = |x: usize| match zero(x..x + 2) {
            true => json!(["0", "1", "0"]),
            false => json!([text(x), text(x + 1), "1"]),
        };
        let b = match zero(2..6) {
            true => json!([["0", "0"], ["1", "0"], ["0", "0"]]),
            false => json!([[text(3), text(2)], [text(5), text(4)], ["1", "0"]]),
        };
        let proof = json!({"pi_a": g1(0), "pi_b": b, "pi_c": g1(6), "protocol": "groth16", "curve": "bn128"});
        let signals: Vec<String> = words[8..].iter().map(ToString::to_string).collect();
        let Ok(proof) = snarkjs::proof_from_json(&proof) else { return false };
        let Ok(signals) = snarkjs::public_from_json(&json!(signals)) else { return false };
        let Ok(public) = PublicSignals::for_key(self.verifier.key(), signals) else { return false };
        self.verifier.verify(&public, &proof).unwrap_or(false)
    }

    /// Edge cases: aliased signals in every slot, infinity for each point, coordinates above q and others.
    fn edges(&self) -> Vec<Tuple> {
        let (q, r) = (modulus(Q), modulus(MODULUS_DECIMAL));
        let largest = (BigUint::from(1u32) << 256u32) - 1u32;
        let valid = &self.valid;
        let mut edges =
            vec![valid.clone(), self.negated(&q, &[1, 4, 5]), self.negated(&q, &[1]), self.negated(&q, &[7])];
        for slot in 8..valid.0.len() {
            let signal = &valid.0[slot];
            for word in
                [signal + &r, r.clone(), &r - 1u32, &r + 1u32, largest.clone(), BigUint::ZERO, signal + 1u32]
            {
                edges.push(valid.with(slot, word));
            }
        }
        for slot in 0..8 {
            let word = &valid.0[slot];
            for word in [word + &q, q.clone(), &q - 1u32, largest.clone(), BigUint::ZERO, word + 1u32] {
                edges.push(valid.with(slot, word));
            }
        }
        for infinity in [0..2, 2..6, 6..8, 0..6, 0..8] {
            edges.push(infinity.fold(valid.clone(), |tuple, slot| tuple.with(slot, BigUint::ZERO)));
        }
        let swapped = [6, 7, 2, 3, 4, 5, 0, 1].map(|slot| valid.0[slot].clone());
        edges.push(Tuple(swapped.into_iter().chain(valid.0[8..].iter().cloned()).collect()));
        edges
    }

    /// The proof with negated y-coordinates at `places`.
    fn negated(&self, q: &BigUint, places: &[usize]) -> Tuple {
        places.iter().fold(self.valid.clone(), |tuple, &place| tuple.with(place, q - &self.valid.0[place]))
    }

    /// The valid proof or a second valid one, with up to two random changes.
    fn mutated(&self, rng: &mut StdRng) -> Tuple {
        let q = modulus(Q);
        let mut tuple = if rng.r#gen() { self.valid.clone() } else { self.negated(&q, &[1, 4, 5]) };
        for _ in 0..rng.gen_range(0..3) {
            let slot = rng.gen_range(0..tuple.0.len());
            let word = tuple.0[slot].clone();
            let random = BigUint::from_bytes_le(&rng.r#gen::<[u8; 32]>());
            tuple = tuple.with(
                slot,
                match rng.gen_range(0..6) {
                    0 => word ^ (BigUint::from(1u32) << rng.gen_range(0..256u32)),
                    1 => random,
                    2 => random % &q,
                    // A different point of the curve.
                    3 if slot < 2 || (6..8).contains(&slot) => (&q - word % &q) % &q,
                    4 => word + modulus(MODULUS_DECIMAL),
                    _ => tuple.0[rng.gen_range(0..tuple.0.len())].clone(),
                } % (BigUint::from(1u32) << 256u32),
            );
        }
        tuple
    }
}

impl Tuple {
    fn with(&self, slot: usize, word: BigUint) -> Self {
        let mut words = self.0.clone();
        words[slot] = word;
        Self(words)
    }

    /// Calldata of `verifyProof`, whose arguments are all arrays of fixed length.
    fn calldata(&self, selector: &str) -> String {
        self.0.iter().fold(format!("0x{selector}"), |data, word| format!("{data}{word:064x}"))
    }
}

fn modulus(decimal: &str) -> BigUint {
    decimal.parse().unwrap()
}

fn sandbox() -> std::sync::Arc<Sandbox> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-modules");
    Sandbox::new(SandboxConfig { cache_dir: Some(folder), ..SandboxConfig::default() }).unwrap()
}

fn circuit(tools: &CircomTools, source: &str) -> Compiled {
    let circom = CircomWasm::new(sandbox(), &tools.circom_wasm, CompileLimits::default()).unwrap();
    let tree = SourceTree::resolve("circuit.circom", source, &tools.include_roots).unwrap();
    circom.compile(&tree, &CompileOptions::default()).unwrap()
}

/// Runs a script with Node.js and returns its output.
fn node(script: &str, arguments: &[&Path], input: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.mjs");
    std::fs::write(&file, script).unwrap();
    let mut child = Command::new("node")
        .arg(file)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is required: install Node.js");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

/// A chain with a funded account.
struct Chain {
    node: LocalChain,
    account: String,
}

/// A deployed contract.
struct Deployed {
    address: String,
    selector: String,
    /// Gas of the deployment.
    gas: u64,
}

impl Chain {
    async fn start() -> Self {
        let node = LocalChain::start(&["--accounts", "1"]).unwrap();
        let account = node.call("eth_accounts", json!([])).await.unwrap();
        Self { account: account[0].as_str().unwrap().to_owned(), node }
    }

    async fn deploy(&self, compiled: &CompiledContract, signals: usize) -> Deployed {
        let hex = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        let receipt = self.send(json!({"data": hex(&compiled.creation_code)})).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let address = text(&receipt["contractAddress"]);
        let code = self.call("eth_getCode", json!([address, "latest"])).await;
        assert_eq!(code, hex(&compiled.runtime_code), "the code on chain is the compiled code");
        let signature = format!("0x{}", hex::encode(verify_signature(signals)));
        let hash = self.call("web3_sha3", json!([signature])).await;
        Deployed { address, selector: text(&hash)[2..10].to_owned(), gas: number(&receipt["gasUsed"]) }
    }

    /// Gas of a transaction that verifies a valid proof.
    async fn cost(&self, contract: &Deployed, valid: &Tuple) -> u64 {
        let call = json!({"to": contract.address, "data": valid.calldata(&contract.selector)});
        number(&self.send(call).await["gasUsed"])
    }

    /// Answers of the contract. Each must be a boolean, never a revert.
    async fn ask(&self, contract: &Deployed, tuples: &[Tuple]) -> Vec<bool> {
        let requests = tuples.iter().enumerate().map(|(id, tuple)| {
            let call =
                json!({"to": contract.address, "data": tuple.calldata(&contract.selector), "gas": GAS});
            json!({"jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [call, "latest"]})
        });
        let answers: Vec<Value> = self.node.post(&requests.collect()).await.unwrap();
        let word = |answer: &Value| {
            let text = answer["result"].as_str().unwrap_or_else(|| panic!("no result: {answer}"));
            BigUint::parse_bytes(&text.as_bytes()[2..], 16).unwrap()
        };
        let mut says = vec![None; tuples.len()];
        for answer in &answers {
            let word = word(answer);
            assert!(word <= 1u32.into(), "{answer}");
            says[answer["id"].as_u64().unwrap() as usize] = Some(word == 1u32.into());
        }
        says.into_iter().map(Option::unwrap).collect()
    }

    /// Sends a transaction and returns its receipt.
    async fn send(&self, mut transaction: Value) -> Value {
        transaction["from"] = self.account.clone().into();
        transaction["gas"] = "0x1000000".into();
        let hash = self.call("eth_sendTransaction", json!([transaction])).await;
        loop {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return receipt;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.node.call(method, params).await.unwrap()
    }
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}
