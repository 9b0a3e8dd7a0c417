//! Whole proofs on an emulated device, and its faults.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use zkflow_groth16::format::r1cs::{Constraint, LinearCombination, R1cs};
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{Health, Kernel, PreparedKey, Prover, prove_verified};
use zkflow_groth16::setup::circuit_specific;
use zkflow_groth16::verify::Verifier;
use zkflow_groth16::witness::Witness;

use crate::device::Device;
use crate::device::cuda::Gpu;
use crate::device::emulated::Emulated;
use crate::prover::{CudaOptions, CudaProver};

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A random circuit with two public wires in which every constraint defines a wire. Some rows are long.
fn circuit(constraints: usize, rng: &mut ChaCha20Rng) -> R1cs {
    let inputs = INPUTS as u32;
    let constraints: Vec<Constraint> = (0..constraints as u32)
        .map(|i| {
            let wire = inputs + i;
            let mut combination = |terms: usize| -> LinearCombination {
                let value = |rng: &mut ChaCha20Rng| match rng.gen_range(0..3) {
                    0 => Fr::rand(rng),
                    1 => -Fr::one(),
                    _ => Fr::one(),
                };
                (0..terms).map(|_| (rng.gen_range(0..wire), value(rng))).collect()
            };
            let (a, b) = (combination(if i % 50 == 49 { 100 } else { 3 }), combination(2));
            Constraint { a, b, c: vec![(wire, Fr::one())] }
        })
        .collect();
    let n_wires = inputs + constraints.len() as u32;
    R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: 2,
        n_private_inputs: inputs - 3,
        n_labels: n_wires.into(),
        constraints,
        labels: (0..n_wires.into()).collect(),
    }
}

/// Wires that no constraint defines, the constant one included.
const INPUTS: usize = 8;

/// A witness with random inputs; half of them are ones.
fn witness(r1cs: &R1cs, rng: &mut ChaCha20Rng) -> Witness {
    let mut values = vec![Fr::one()];
    values.extend((1..INPUTS).map(|i| if i % 2 == 0 { Fr::one() } else { Fr::rand(rng) }));
    for Constraint { a, b, .. } in &r1cs.constraints {
        let value = |terms: &LinearCombination| -> Fr {
            terms.iter().map(|&(wire, value)| values[wire as usize] * value).sum()
        };
        values.push(value(a) * value(b));
    }
    Witness::new(values)
}

/// A key, and a witness of its circuit.
fn key(constraints: usize, seed: u64) -> (Arc<ZKey>, Witness) {
    let r1cs = circuit(constraints, &mut rng(seed));
    let key = circuit_specific(&r1cs, &mut rng(seed + 1)).unwrap();
    (Arc::new(key), witness(&r1cs, &mut rng(seed + 2)))
}

fn native() -> NativeProver {
    NativeProver::new(NativeOptions { threads: NonZeroUsize::new(2), ..NativeOptions::default() }).unwrap()
}

fn prover<D: Device + 'static>(device: &Arc<D>) -> CudaProver {
    let options = CudaOptions { min_rows: 0, ..CudaOptions::default() };
    CudaProver::on(Arc::clone(device) as _, &options, native(), Kernel::detect()).unwrap()
}

/// True if the key is on the device.
fn is_on_device(key: &dyn PreparedKey) -> bool {
    key.prover() == crate::NAME
}

#[test]
fn proofs_are_those_of_the_processor_with_the_same_randomness() {
    for constraints in [1, 60, 1100] {
        let (key, witness) = key(constraints, constraints as u64);
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
    let (key, witness) = key(40, 1);
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
    let (key, witness) = key(40, 1);
    let prover = prover(&Arc::<Emulated>::default());
    let prepared = prover.prepare(Arc::clone(&key)).unwrap();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    let mut values = witness.values().to_vec();
    *values.last_mut().unwrap() += Fr::one();
    assert!(prove_verified(&*prepared, &verifier, &Witness::new(values.clone()), &mut rng(3)).is_err());
    values.push(Fr::zero());
    assert!(prepared.prove(&Witness::new(values), &mut rng(3)).is_err());
    assert_eq!(prover.health(), Health::default());
}

#[test]
fn a_lost_device_costs_no_proof_and_is_set_aside() {
    let (key, witness) = key(40, 1);
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
    let keys: Vec<_> = (0..3).map(|seed| key(100, 10 * seed)).collect();
    let uploaded = |device: &Arc<Emulated>| {
        let prover = prover(device);
        let prepared: Vec<_> = keys.iter().map(|(key, _)| prover.prepare(Arc::clone(key)).unwrap()).collect();
        let launches = prepared.iter().zip(&keys).map(|(prepared, (key, witness))| {
            let verifier = Verifier::new(key.head.vk.clone()).unwrap();
            let before = device.launched.load(Ordering::Relaxed);
            prove_verified(&**prepared, &verifier, witness, &mut rng(9)).unwrap();
            device.launched.load(Ordering::Relaxed) > before
        });
        let launches: Vec<bool> = launches.collect();
        assert_eq!(prover.health(), Health::default());
        launches
    };
    assert_eq!(uploaded(&Arc::default()), [true, true, true]);
    // Room for one key and a half, and their proofs.
    let device: Arc<Emulated> = Arc::default();
    let prepared = prover(&device).prepare(Arc::clone(&keys[0].0)).unwrap();
    prepared.prove(&keys[0].1, &mut rng(1)).unwrap();
    let used = (1 << 32) - device.free_bytes().unwrap();
    let device = Arc::new(Emulated { most: Some(used * 3 / 2), ..Emulated::default() });
    let on_device = uploaded(&device);
    assert!(!on_device[0] && on_device[2], "{on_device:?}");
}

#[test]
fn threads_of_rayon_can_load_and_prove() {
    let keys = [key(40, 1), key(60, 2)];
    let prover = prover(&Arc::<Emulated>::default());
    // More tasks than threads, and than proofs that fit on the device.
    (0..24).into_par_iter().for_each(|i| {
        let (key, witness) = &keys[i % 2];
        let prepared = prover.prepare(Arc::clone(key)).unwrap();
        (0..2).into_par_iter().for_each(|_| {
            prepared.prove(witness, &mut rng(i as u64)).unwrap();
        });
    });
    assert_eq!(prover.health(), Health::default());
}

/// 1000 proofs over 10 circuits are those of the processor.
#[test]
#[ignore = "needs a GPU"]
fn many_proofs_on_a_gpu() {
    let prover = prover(&Arc::new(Gpu::open(0).unwrap()));
    for seed in 0..10u64 {
        let r1cs = circuit(100 << seed, &mut rng(seed));
        let key = Arc::new(circuit_specific(&r1cs, &mut rng(seed)).unwrap());
        let (on_gpu, on_cpu) = (prover.prepare(Arc::clone(&key)).unwrap(), native().prepare(key).unwrap());
        assert!(is_on_device(&*on_gpu));
        for number in 0..100 {
            let witness = witness(&r1cs, &mut rng(1000 * seed + number));
            let [proof, expected] =
                [&on_gpu, &on_cpu].map(|key| key.prove(&witness, &mut rng(number)).unwrap());
            assert_eq!(proof, expected, "circuit {seed}, proof {number}");
        }
        println!("{} constraints: 100 proofs", r1cs.constraints.len());
    }
    assert_eq!(prover.health(), Health::default());
}

#[test]
fn small_circuits_stay_on_the_processor() {
    let (key, _) = key(40, 1);
    let options = CudaOptions::default();
    let prover = CudaProver::on(Arc::<Emulated>::default(), &options, native(), Kernel::detect()).unwrap();
    assert!(!is_on_device(&*prover.prepare(key).unwrap()));
}
