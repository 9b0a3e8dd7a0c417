//! Exchanges keys, witnesses and proofs with the real snarkjs, on circuits compiled by the real circom.

#![cfg(feature = "ark")]
#![allow(clippy::unwrap_used)]

#[path = "interop/tools.rs"]
mod tools;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tools::{CIRCUITS, CircuitFiles, circuit_files, snarkjs};
use zkflow_groth16::calldata::calldata;
use zkflow_groth16::format::json as files;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::wtns;
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::proof::PublicSignals;
use zkflow_groth16::prove::ark::ArkProver;
use zkflow_groth16::prove::{Prover, prove_verified};
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup;
use zkflow_groth16::verify::Verifier;
use zkflow_groth16::witness::Witness;

/// snarkjs exports from our keys, proves with them, and verifies our proofs.
#[test]
fn snarkjs_works_with_keys_and_proofs_made_here() {
    let folder = tempfile::tempdir().unwrap();
    let made: Vec<Made> = circuit_files()
        .into_iter()
        .map(|files| {
            let r1cs = R1cs::read(&fs::read(&files.r1cs).unwrap()).unwrap();
            let key = setup::circuit_specific(&r1cs, &mut os_rng()).unwrap();
            let path = folder.path().join(format!("{}.zkey", files.name));
            fs::write(&path, key.write()).unwrap();
            Made::new(files, key, path)
        })
        .collect();

    let mut tasks = Vec::new();
    for made in &made {
        made.write_proof();
        tasks.push(json!({"operation": "vkey", "zkey": made.zkey, "out": made.file("their.vkey.json")}));
        tasks.push(json!({
            "operation": "verify",
            "vkey": made.file("their.vkey.json"),
            "publicSignals": made.file("public.json"),
            "proof": made.file("proof.json"),
        }));
        tasks.push(json!({
            "operation": "calldata",
            "publicSignals": made.file("public.json"),
            "proof": made.file("proof.json"),
        }));
        tasks.push(json!({
            "operation": "prove",
            "zkey": made.zkey,
            "wtns": made.files.wtns,
            "publicSignals": made.file("their.public.json"),
            "proof": made.file("their.proof.json"),
        }));
        tasks.push(json!({"operation": "contract", "zkey": made.zkey}));
    }
    let results = snarkjs(&tasks);
    for (made, results) in made.iter().zip(results.chunks(5)) {
        let name = made.files.name;
        assert_eq!(results[1], json!(true), "{name}: snarkjs refuses the proof");
        assert_eq!(results[2], json!(made.calldata()), "{name}");
        assert_eq!(results[4], json!(true), "{name}: snarkjs exports no contract");

        let exported = fs::read_to_string(made.file("their.vkey.json")).unwrap();
        assert_eq!(exported, files::vkey_text(&made.key.head.vk), "{name}");
        assert!(made.accepts_theirs(), "{name}: the proof by snarkjs is refused");
    }
}

/// The keys are from snarkjs: powers of tau, then one contribution.
#[test]
fn keys_and_witnesses_of_snarkjs_are_proved_here() {
    let folder = tempfile::tempdir().unwrap();
    let ptau = tools::powers_of_tau();
    let circuits = circuit_files();
    let key = |files: &CircuitFiles| folder.path().join(format!("{}.zkey", files.name));
    let mut tasks = Vec::new();
    for files in &circuits {
        let zkey = key(files);
        tasks.push(json!({"operation": "key", "r1cs": files.r1cs, "ptau": ptau, "out": zkey}));
        tasks.push(json!({"operation": "vkey", "zkey": zkey, "out": zkey.with_extension("vkey.json")}));
    }
    snarkjs(&tasks);

    let made: Vec<Made> = circuits
        .into_iter()
        .map(|files| {
            let path = key(&files);
            let key = ZKey::read(&fs::read(&path).unwrap()).unwrap();
            Made::new(files, key, path)
        })
        .collect();
    let tasks: Vec<Value> = made
        .iter()
        .map(|made| {
            made.write_proof();
            json!({
                "operation": "verify",
                "vkey": made.file("vkey.json"),
                "publicSignals": made.file("public.json"),
                "proof": made.file("proof.json"),
            })
        })
        .collect();
    for (made, accepted) in made.iter().zip(snarkjs(&tasks)) {
        let name = made.files.name;
        assert_eq!(accepted, json!(true), "{name}: snarkjs refuses the proof");
        assert_eq!(
            fs::read_to_string(made.file("vkey.json")).unwrap(),
            files::vkey_text(&made.key.head.vk),
            "{name}"
        );
        // Our setup has the same matrices and the same shape for the same circuit.
        let r1cs = R1cs::read(&fs::read(&made.files.r1cs).unwrap()).unwrap();
        let ours = setup::circuit_specific(&r1cs, &mut os_rng()).unwrap();
        assert_eq!(ours.coefficients, made.key.coefficients, "{name}");
        assert_eq!(
            (ours.head.domain_size, ours.c.len()),
            (made.key.head.domain_size, made.key.c.len()),
            "{name}"
        );
    }
}

/// Checks the order of the public signals, which the type system cannot check.
#[test]
fn outputs_come_first_and_public_inputs_follow_as_declared() {
    let files = circuit_files().into_iter().find(|files| files.name == "order").unwrap();
    let witness = wtns::read(&fs::read(&files.wtns).unwrap()).unwrap();
    // a = 3, b = 5, c = 11: o[0] = 15, o[1] = 62, a, c.
    let public: Vec<String> = witness.values()[1..5].iter().map(|value| value.to_string()).collect();
    assert_eq!(public, ["15", "62", "3", "11"]);
}

/// A circuit with its key and our proof.
struct Made {
    files: CircuitFiles,
    zkey: PathBuf,
    key: ZKey,
    verifier: Verifier,
    proof: zkflow_groth16::proof::Proof,
    public: PublicSignals,
}

impl Made {
    fn new(files: CircuitFiles, key: ZKey, zkey: PathBuf) -> Self {
        let witness: Witness = wtns::read(&fs::read(&files.wtns).unwrap()).unwrap();
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        let prepared = ArkProver.prepare(Arc::new(key.clone())).unwrap();
        let (proof, public) = prove_verified(&*prepared, &verifier, &witness, &mut os_rng())
            .unwrap_or_else(|error| panic!("{}: {error}", files.name));
        Self { files, zkey, key, verifier, proof, public }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.zkey.with_extension(extension)
    }

    fn write_proof(&self) {
        fs::write(self.file("proof.json"), files::proof_text(&self.proof)).unwrap();
        fs::write(self.file("public.json"), files::public_text(self.public.values())).unwrap();
    }

    fn calldata(&self) -> String {
        calldata(&self.proof, &self.public)
    }

    /// Verifies `their.proof.json` with `their.public.json`.
    fn accepts_theirs(&self) -> bool {
        let proof = files::read_proof(&fs::read(self.file("their.proof.json")).unwrap()).unwrap();
        let public = files::read_public(&fs::read(self.file("their.public.json")).unwrap()).unwrap();
        let public = PublicSignals::for_key(self.verifier.key(), public).unwrap();
        public == self.public && self.verifier.verify(&public, &proof).unwrap()
    }
}

#[test]
fn the_circuits_cover_the_corner_cases() {
    let shapes: Vec<(u32, u32, u32)> = circuit_files()
        .iter()
        .map(|files| {
            let r1cs = R1cs::read(&fs::read(&files.r1cs).unwrap()).unwrap();
            (r1cs.n_outputs, r1cs.n_public_inputs, r1cs.n_private_inputs)
        })
        .collect();
    assert_eq!(shapes.len(), CIRCUITS.len());
    assert!(shapes.contains(&(0, 0, 3)), "no public signal: {shapes:?}");
    assert!(shapes.contains(&(1, 2, 0)), "no private input: {shapes:?}");
    assert!(shapes.contains(&(2, 2, 1)), "outputs and public inputs: {shapes:?}");
}
