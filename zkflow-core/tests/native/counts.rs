//! A long run: proofs of random inputs by each kernel and number of threads, as a table.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ark_bn254::{Bn254, Fr};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ff::{One, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use zkflow_core::format::json as files;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::proof::{Proof, PublicSignals, VerifyingKey};
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::prove::{Kernel, Prover};
use zkflow_core::setup::circuit_specific;
use zkflow_core::verify::Verifier;
use zkflow_core::witness::{Witness, WitnessCalculator, WitnessLimits};

use super::circuits::circuits;
use super::{support, tools};

const THREADS: [usize; 3] = [1, 2, 4];

/// Proofs of a circuit by each kernel and number of threads.
const EACH: usize = 100;

/// snarkjs verifies one proof in so many.
const SAMPLE: usize = 10;

/// Each proof must be accepted by the verifier and by the pairings of arkworks. Each public signal that is changed must be
/// refused by both.
#[test]
#[ignore = "minutes: make proofs"]
fn proofs_of_random_inputs_are_valid() {
    let seed = std::env::var("PROOFS_SEED").map_or(1, |text| text.parse().expect("PROOFS_SEED is a number"));
    println!("PROOFS_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let mut rows: Vec<Row> =
        Kernel::available().flat_map(|kernel| THREADS.map(|threads| Row::new(kernel, threads))).collect();
    for (number, circuit) in circuits().iter().enumerate() {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(number as u64);
        let compiled = circuit.compile();
        let r1cs = R1cs::read(&compiled.r1cs).unwrap();
        println!(
            "{}: {} constraints, {} public signals",
            circuit.name,
            r1cs.constraints.len(),
            r1cs.n_public()
        );
        let calculator =
            WitnessCalculator::new(&support::sandbox(), &compiled.wasm, WitnessLimits::default()).unwrap();
        let witnesses: Vec<Witness> =
            (0..EACH).map(|_| calculator.calculate(&circuit.inputs(&mut rng)).unwrap()).collect();
        let key = Arc::new(circuit_specific(&r1cs, &mut rng).unwrap());
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        let vkey = folder.path().join(format!("{number}.vkey.json"));
        fs::write(&vkey, files::vkey_text(verifier.key())).unwrap();
        for row in &mut rows {
            let prepared = row.prover.prepare(Arc::clone(&key)).unwrap();
            for (i, witness) in witnesses.iter().enumerate() {
                let proof = prepared.prove(witness, &mut rng).unwrap();
                let public = PublicSignals::of_witness(verifier.key(), witness).unwrap();
                let name = format!("{}, {i}", circuit.name);
                let accepted =
                    |public| (verifier.verify(public, &proof), by_arkworks(&key.head.vk, public, &proof));
                row.verified.add(accepted(&public) == (Ok(true), true), &name);
                if let Some(changed) = changed(&verifier, &public, &mut rng) {
                    row.refused.add(accepted(&changed) == (Ok(false), false), &name);
                }
                if i % SAMPLE == 0 {
                    let file =
                        folder.path().join(format!("{number}.{}.{}.{i}", row.kernel.name(), row.threads));
                    row.for_snarkjs.push((name, task(&vkey, &file, &proof, &public)));
                }
            }
            row.circuits += 1;
        }
    }
    ask_snarkjs(&mut rows);
    println!(
        "\n| kernel | threads | circuits | proofs | verified here | changed signals refused | accepted by snarkjs |"
    );
    println!("|---|---|---|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
    for row in &rows {
        for tally in [&row.verified, &row.refused, &row.accepted] {
            assert!(
                tally.failed.is_empty(),
                "{} by {} threads: {:?}",
                row.kernel.name(),
                row.threads,
                tally.failed
            );
        }
    }
}

/// The proofs of a kernel with a number of threads.
struct Row {
    kernel: Kernel,
    threads: usize,
    prover: NativeProver,
    circuits: usize,
    verified: Tally,
    refused: Tally,
    accepted: Tally,
    /// Names of proofs, and the tasks that verify them.
    for_snarkjs: Vec<(String, Value)>,
}

impl Row {
    fn new(kernel: Kernel, threads: usize) -> Self {
        let options =
            NativeOptions { kernel, threads: NonZeroUsize::new(threads), ..NativeOptions::default() };
        Self {
            kernel,
            threads,
            prover: NativeProver::new(options).unwrap(),
            circuits: 0,
            verified: Tally::default(),
            refused: Tally::default(),
            accepted: Tally::default(),
            for_snarkjs: Vec::new(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, threads, circuits, verified, refused, accepted, .. } = self;
        let (kernel, proofs) = (kernel.name(), verified.total);
        write!(f, "| {kernel} | {threads} | {circuits} | {proofs} | {verified} | {refused} | {accepted} |")
    }
}

/// Checks that held, and the names of those that did not.
#[derive(Default)]
struct Tally {
    total: usize,
    failed: Vec<String>,
}

impl Tally {
    fn add(&mut self, holds: bool, name: &str) {
        self.total += 1;
        if !holds {
            self.failed.push(name.to_owned());
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.total - self.failed.len(), self.total)
    }
}

/// The signals with one of them changed; `None` without signals.
fn changed(verifier: &Verifier, public: &PublicSignals, rng: &mut ChaCha20Rng) -> Option<PublicSignals> {
    let mut values = public.values().to_vec();
    if values.is_empty() {
        return None;
    }
    let at = rng.gen_range(0..values.len());
    values[at] += Fr::one();
    Some(PublicSignals::for_key(verifier.key(), values).unwrap())
}

/// Whether a proof is valid, by arkworks alone.
fn by_arkworks(key: &VerifyingKey, public: &PublicSignals, proof: &Proof) -> bool {
    let signals = key.ic[1..].iter().zip(public.values());
    let inputs = signals.fold(key.ic[0].into_group(), |sum, (point, signal)| sum + *point * signal);
    let g1 = [proof.a.into_group(), -key.alpha_g1.into_group(), -inputs, -proof.c.into_group()];
    Bn254::multi_pairing(g1, [proof.b, key.beta_g2, key.gamma_g2, key.delta_g2]).is_zero()
}

/// Writes a proof and its signals. Returns the task of snarkjs that verifies them.
fn task(vkey: &Path, file: &Path, proof: &Proof, public: &PublicSignals) -> Value {
    let path = |what: &str| PathBuf::from(format!("{}.{what}.json", file.display()));
    let (proof_file, signals) = (path("proof"), path("public"));
    fs::write(&proof_file, files::proof_text(proof)).unwrap();
    fs::write(&signals, files::public_text(public.values())).unwrap();
    json!({"operation": "verify", "vkey": vkey, "publicSignals": signals, "proof": proof_file})
}

/// Verifies the samples of all rows in one process.
fn ask_snarkjs(rows: &mut [Row]) {
    let tasks: Vec<Value> =
        rows.iter().flat_map(|row| &row.for_snarkjs).map(|(_, task)| task.clone()).collect();
    let mut verdicts = tools::snarkjs(&tasks).into_iter();
    for row in rows {
        for (name, _) in &row.for_snarkjs {
            row.accepted.add(verdicts.next().unwrap() == json!(true), name);
        }
    }
}
