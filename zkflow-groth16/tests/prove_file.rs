//! Single proofs from files: the same proofs and the same refusals as by loading the key first.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::num::NonZeroUsize;

use ark_bn254::Fr;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::format::r1cs::{Constraint, R1cs};
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{Kernel, ProveError, Prover};
use zkflow_groth16::setup::circuit_specific;
use zkflow_groth16::witness::Witness;

/// `w_(i + 1) = w_i (w_i + w_2 + 1)`: wires are full-size elements, and most occur in A and B. The last one is public.
fn circuit(constraints: u32) -> (R1cs, Witness) {
    let one = Fr::from(1u64);
    let x = Fr::from(3u64);
    let (mut values, mut rows) = (vec![one, Fr::from(0u64), x], Vec::new());
    for row in 0..constraints {
        let wire = row + 2;
        let next = values[wire as usize] * (values[wire as usize] + x + one);
        let target = if row + 1 == constraints { 1 } else { wire + 1 };
        let b = [(wire, one), (2, one), (0, one)];
        rows.push(Constraint { a: vec![(wire, one)], b: b.into(), c: vec![(target, one)] });
        match target {
            1 => values[1] = next,
            _ => values.push(next),
        }
    }
    let n_wires = values.len() as u32;
    let r1cs = R1cs {
        n_wires,
        n_outputs: 1,
        n_public_inputs: 0,
        n_private_inputs: 1,
        n_labels: n_wires.into(),
        constraints: rows,
        labels: (0..n_wires.into()).collect(),
    };
    (r1cs, Witness::new(values))
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::available()
}

fn prover(options: NativeOptions) -> NativeProver {
    NativeProver::new(NativeOptions { threads: NonZeroUsize::new(2), ..options }).unwrap()
}

/// The digest of a stored key finds it.
fn is_stored(prover: &NativeProver, zkey: &[u8]) -> bool {
    let prover: &dyn Prover = prover;
    prover.recall(&Digest::of(zkey)).is_some()
}

#[test]
fn a_single_proof_from_a_file_is_that_of_the_loaded_key() {
    let (r1cs, witness) = circuit(300);
    let zkey = circuit_specific(&r1cs, &mut rng(1)).unwrap().write();
    for kernel in kernels() {
        for (key_memory, constant_work) in [(0, false), (1 << 20, false), (0, true)] {
            let temporary = tempfile::tempdir().unwrap();
            let path = temporary.path().join("key.zkey");
            std::fs::write(&path, &zkey).unwrap();
            let cache_dir = Some(temporary.path().join("keys"));
            let plain = NativeOptions { kernel, key_memory, ..NativeOptions::default() };
            let first = prover(plain.clone());
            let plain = NativeOptions { constant_work, ..plain };
            let first: &dyn Prover = &first;
            let expected = first.load(&zkey).unwrap().prove(&witness, &mut rng(7)).unwrap();
            let kept = prover(NativeOptions { cache_dir, ..plain.clone() });
            // Without a folder; then without and with a prepared key in it.
            for (prover, stored) in [(&prover(plain), false), (&kept, false), (&kept, true)] {
                assert_eq!(is_stored(prover, &zkey), stored);
                let prover: &dyn Prover = prover;
                let made = prover.prove_file(&path, &witness, &mut rng(7)).unwrap();
                assert_eq!(made.proof, expected, "{kernel:?}, {key_memory}, {constant_work}");
                assert_eq!(made.public.values(), &witness.values()[1..2]);
            }
            // In a folder with another key.
            let (r1cs, witness) = circuit(30);
            let other = circuit_specific(&r1cs, &mut rng(2)).unwrap().write();
            std::fs::write(&path, &other).unwrap();
            let prover: &dyn Prover = &kept;
            prover.prove_file(&path, &witness, &mut rng(7)).unwrap();
            assert!(is_stored(&kept, &other));
        }
    }
}

#[test]
fn a_single_proof_from_a_file_is_refused_as_by_load_file() {
    let (r1cs, witness) = circuit(300);
    let key = circuit_specific(&r1cs, &mut rng(1)).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("key.zkey");
    let whole = key.write();
    let cache_dir = Some(temporary.path().join("keys"));
    let provers = [
        prover(NativeOptions::default()),
        prover(NativeOptions { kernel: Kernel::Portable, ..NativeOptions::default() }),
        prover(NativeOptions { cache_dir, ..NativeOptions::default() }),
    ];
    let refusal = |prover: &dyn Prover, zkey: &[u8], witness: &Witness| {
        std::fs::write(&path, zkey).unwrap();
        prover.prove_file(&path, witness, &mut rng(7)).unwrap_err().to_string()
    };
    for prover in &provers {
        let prover: &dyn Prover = prover;
        // Damage anywhere: the error is that of the reader that decodes everything.
        for at in (0..whole.len()).step_by(1013) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            let Err(expected) = ZKey::read(&damaged) else { continue };
            assert_eq!(refusal(prover, &damaged, &witness), expected.to_string(), "byte {at}");
            assert_eq!(prover.load(&damaged).unwrap_err().to_string(), expected.to_string(), "byte {at}");
        }
        let short = Witness::new(witness.values()[1..].to_vec());
        assert!(refusal(prover, &whole, &short).contains("wires"));
        // A key that is refused is refused for every witness.
        let mut forged = key.clone();
        forged.b1.swap(3, 4);
        for witness in [&witness, &short, &Witness::new(vec![Fr::from(0u64); witness.values().len()])] {
            assert!(refusal(prover, &forged.write(), witness).contains("inconsistent"));
        }
        let mut wrong = witness.values().to_vec();
        *wrong.last_mut().unwrap() += Fr::from(1u64);
        assert!(refusal(prover, &whole, &Witness::new(wrong)).contains("does not verify"));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(prover.prove_file(&path, &witness, &mut rng(7)), Err(ProveError::File(_))));
    }
}
