//! Whole proofs on an emulated device, and its faults.

use std::num::NonZeroUsize;
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::format::r1cs::{Constraint, LinearCombination, R1cs};
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{Kernel, PreparedKey, Prover, prove_verified};
use zkflow_groth16::setup::circuit_specific;
use zkflow_groth16::verify::Verifier;
use zkflow_groth16::witness::Witness;

use crate::device::emulated::Emulated;
use crate::prover::{CudaOptions, CudaProver};

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A random circuit with two public wires in which every constraint defines a wire, and a witness of it. Some rows are
/// long.
fn circuit(constraints: usize, rng: &mut ChaCha20Rng) -> (R1cs, Witness) {
    let (public, private) = (2, 5);
    let mut values = vec![Fr::one()];
    values.extend((0..public + private).map(|i| if i % 2 == 0 { Fr::one() } else { Fr::rand(rng) }));
    let constraints: Vec<Constraint> = (0..constraints)
        .map(|i| {
            let mut combination = |terms: usize| -> LinearCombination {
                let value = |rng: &mut ChaCha20Rng| match rng.gen_range(0..3) {
                    0 => Fr::rand(rng),
                    1 => -Fr::one(),
                    _ => Fr::one(),
                };
                (0..terms).map(|_| (rng.gen_range(0..values.len()) as u32, value(rng))).collect()
            };
            let (a, b) = (combination(if i % 50 == 49 { 100 } else { 3 }), combination(2));
            let value = |terms: &LinearCombination| -> Fr {
                terms.iter().map(|&(wire, value)| values[wire as usize] * value).sum()
            };
            values.push(value(&a) * value(&b));
            Constraint { a, b, c: vec![(values.len() as u32 - 1, Fr::one())] }
        })
        .collect();
    let n_wires = values.len() as u32;
    let r1cs = R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: public,
        n_private_inputs: private,
        n_labels: n_wires.into(),
        constraints,
        labels: (0..n_wires.into()).collect(),
    };
    (r1cs, Witness::new(values))
}

fn native() -> NativeProver {
    NativeProver::new(NativeOptions { threads: NonZeroUsize::new(2), ..NativeOptions::default() }).unwrap()
}

fn prover(device: &Arc<Emulated>) -> CudaProver {
    let options = CudaOptions { min_rows: 0, ..CudaOptions::default() };
    CudaProver::on(Arc::clone(device) as _, &options, native(), Kernel::detect()).unwrap()
}

/// True if the key is on the device.
fn is_on_device(key: &dyn PreparedKey) -> bool {
    key.prover() == crate::NAME
}

#[test]
fn proofs_are_those_of_the_processor_with_the_same_randomness() {
    // Domains of one row up to two passes over the layers above a tile.
    for constraints in [1, 6, 60, 500, 1100, 2500] {
        let (r1cs, witness) = circuit(constraints, &mut rng(constraints as u64));
        let key = Arc::new(circuit_specific(&r1cs, &mut rng(2)).unwrap());
        let expected = native().prepare(Arc::clone(&key)).unwrap().prove(&witness, &mut rng(3)).unwrap();
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        for most in [None, Some(key.write().len() * 4)] {
            let device = Arc::new(Emulated { most, ..Emulated::default() });
            let prepared = prover(&device).prepare(Arc::clone(&key)).unwrap();
            for _ in 0..2 {
                let (proof, _) = prove_verified(&*prepared, &verifier, &witness, &mut rng(3)).unwrap();
                // With too little memory, a proof starts on the device and ends on the processor.
                assert!(proof == expected || most.is_some(), "{constraints} constraints");
            }
        }
    }
}

#[test]
fn a_wrong_device_makes_no_wrong_proof_and_is_set_aside() {
    let (r1cs, witness) = circuit(40, &mut rng(1));
    let key = Arc::new(circuit_specific(&r1cs, &mut rng(2)).unwrap());
    let device = Arc::new(Emulated { wrong: true, ..Emulated::default() });
    let prover = prover(&device);
    let prepared = prover.prepare(Arc::clone(&key)).unwrap();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    for faults in 1..=5u64 {
        prove_verified(&*prepared, &verifier, &witness, &mut rng(faults)).unwrap();
        let health = prover.health();
        assert_eq!(health.wrong_proofs, faults.min(3));
        assert_eq!(health.set_aside, faults >= 3);
    }
    assert!(!is_on_device(&*prover.prepare(key).unwrap()));
}

#[test]
fn a_wrong_witness_is_no_fault_of_the_device() {
    let (r1cs, witness) = circuit(40, &mut rng(1));
    let key = Arc::new(circuit_specific(&r1cs, &mut rng(2)).unwrap());
    let prover = prover(&Arc::default());
    let prepared = prover.prepare(Arc::clone(&key)).unwrap();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    let mut values = witness.values().to_vec();
    *values.last_mut().unwrap() += Fr::one();
    assert!(prove_verified(&*prepared, &verifier, &Witness::new(values.clone()), &mut rng(3)).is_err());
    values.push(Fr::zero());
    assert!(prepared.prove(&Witness::new(values), &mut rng(3)).is_err());
    assert_eq!(prover.health(), zkflow_groth16::prove::Health::default());
}

#[test]
fn a_lost_device_costs_no_proof_and_is_set_aside() {
    let (r1cs, witness) = circuit(40, &mut rng(1));
    let key = Arc::new(circuit_specific(&r1cs, &mut rng(2)).unwrap());
    let device = Arc::new(Emulated::default());
    let prover = prover(&device);
    let prepared = prover.prepare(Arc::clone(&key)).unwrap();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    let prove = || prove_verified(&*prepared, &verifier, &witness, &mut rng(4)).unwrap();
    for lost_after in [0, 5, 20] {
        *device.launches.lock().unwrap() = Some(lost_after);
        prove();
        *device.launches.lock().unwrap() = None;
        prove();
        assert!(!prover.health().set_aside, "a proof in between ends the row of failures");
    }
    *device.launches.lock().unwrap() = Some(0);
    for _ in 0..3 {
        prove();
    }
    assert!(prover.health().set_aside);
    *device.launches.lock().unwrap() = None;
    prove();
    assert_eq!(prover.health().wrong_proofs, 0);
}

#[test]
fn the_least_recently_used_key_makes_room() {
    let keys: Vec<_> = (0..3)
        .map(|seed| {
            let (r1cs, witness) = circuit(300, &mut rng(seed));
            (Arc::new(circuit_specific(&r1cs, &mut rng(seed)).unwrap()), witness)
        })
        .collect();
    let device = Arc::new(Emulated { most: Some(keys[0].0.write().len() * 60), ..Emulated::default() });
    let prover = prover(&device);
    let prepared: Vec<_> = keys.iter().map(|(key, _)| prover.prepare(Arc::clone(key)).unwrap()).collect();
    for (prepared, (key, witness)) in prepared.iter().zip(&keys) {
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        prove_verified(&**prepared, &verifier, witness, &mut rng(9)).unwrap();
    }
    assert_eq!(prover.health(), zkflow_groth16::prove::Health::default());
}

#[test]
fn small_circuits_stay_on_the_processor() {
    let (r1cs, _) = circuit(40, &mut rng(1));
    let key = Arc::new(circuit_specific(&r1cs, &mut rng(2)).unwrap());
    let device: Arc<Emulated> = Arc::default();
    let options = CudaOptions::default();
    let prover = CudaProver::on(device, &options, native(), Kernel::detect()).unwrap();
    assert!(!is_on_device(&*prover.prepare(key).unwrap()));
}
