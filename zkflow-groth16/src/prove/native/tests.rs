//! Tests the prover against the reference, and against faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ark_bn254::Fr;
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zkflow_bn254::Row;
use zkflow_bn254::msm::{FixedBases, Memory};
use zkflow_bn254::points::Curve;

use super::*;
use crate::digest::Digest;
use crate::format::r1cs::{Constraint, LinearCombination, R1cs};
use crate::prove::{ProveError, prove_verified};
use crate::setup::circuit_specific;
use crate::verify::Verifier;
use crate::witness::Witness;

/// A random circuit in which every constraint defines a wire, and a witness of it.
fn circuit(n_public: u32, n_private: u32, constraints: usize, rng: &mut ChaCha20Rng) -> (R1cs, Witness) {
    let inputs = n_public + n_private;
    let mut values = vec![Fr::from(1u64)];
    values.extend((0..inputs).map(|i| match i % 3 {
        0 => Fr::from(u64::from(rng.r#gen::<bool>())),
        1 => -Fr::from(rng.r#gen::<u32>()),
        _ => Fr::rand(rng),
    }));
    let constraints: Vec<Constraint> = (0..constraints)
        .map(|_| {
            let mut combination = |terms: usize| -> LinearCombination {
                (0..terms)
                    .map(|_| {
                        let value = match rng.gen_range(0..4) {
                            0 => Fr::rand(rng),
                            1 => -Fr::from(1u64),
                            _ => Fr::from(1u64),
                        };
                        (rng.gen_range(0..values.len()) as u32, value)
                    })
                    .collect()
            };
            let (a, b) = (combination(3), combination(2));
            let value = |terms: &LinearCombination| -> Fr {
                terms.iter().map(|&(wire, value)| values[wire as usize] * value).sum()
            };
            values.push(value(&a) * value(&b));
            Constraint { a, b, c: vec![(values.len() as u32 - 1, Fr::from(1u64))] }
        })
        .collect();
    let n_wires = values.len() as u32;
    let r1cs = R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: n_public,
        n_private_inputs: n_private,
        n_labels: n_wires.into(),
        constraints,
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

#[cfg(feature = "ark")]
#[test]
fn proofs_are_those_of_the_reference_with_the_same_randomness() {
    let shapes =
        [(0, 0, 0), (0, 1, 1), (1, 0, 3), (0, 3, 6), (5, 5, 50), (40, 2, 20), (3, 3, 125), (0, 9, 1000)];
    for (seed, (public, private, constraints)) in (0..).zip(shapes) {
        let (r1cs, witness) = circuit(public, private, constraints, &mut rng(seed));
        let key = Arc::new(circuit_specific(&r1cs, &mut rng(seed)).unwrap());
        let reference = crate::prove::ark::ArkProver.prepare(Arc::clone(&key)).unwrap();
        let expected = reference.prove(&witness, &mut rng(99)).unwrap();
        for kernel in kernels() {
            for (key_memory, constant_work) in [(0, false), (1 << 22, false), (0, true), (1 << 22, true)] {
                let options = NativeOptions { kernel, key_memory, constant_work, ..NativeOptions::default() };
                let prover = prover(options);
                let prepared = prover.prepare(Arc::clone(&key)).unwrap();
                assert_eq!(prepared.verifying_key(), &key.head.vk);
                let context =
                    format!("{public}, {private}, {constraints}, {kernel:?}, {key_memory}, {constant_work}");
                assert_eq!(prepared.prove(&witness, &mut rng(99)).unwrap(), expected, "{context}");
            }
        }
    }
}

#[test]
fn a_prepared_key_from_disk_makes_the_same_proofs() {
    let (r1cs, witness) = circuit(2, 3, 100, &mut rng(1));
    let zkey = circuit_specific(&r1cs, &mut rng(1)).unwrap().write();
    for kernel in kernels() {
        for key_memory in [0, 1 << 20] {
            let temporary = tempfile::tempdir().unwrap();
            let cache_dir = Some(temporary.path().join("keys"));
            let options = NativeOptions { kernel, key_memory, cache_dir, ..NativeOptions::default() };
            let digest = Digest::of(&zkey);
            let first = prover(options.clone());
            assert!(first.recall(&digest).is_none());
            let fresh = first.load(&zkey).unwrap();
            let recalled = prover(options.clone()).recall(&digest).unwrap();
            assert_eq!(recalled.verifying_key(), fresh.verifying_key());
            assert_eq!(recalled.memory_bytes(), fresh.memory_bytes());
            let (one, other) = (fresh.prove(&witness, &mut rng(7)), recalled.prove(&witness, &mut rng(7)));
            assert_eq!(one.unwrap(), other.unwrap());
            // Other settings do not use the stored key.
            assert!(prover(NativeOptions { key_memory: 7, ..options }).recall(&digest).is_none());
        }
    }
}

#[test]
fn a_key_that_is_used_often_gets_multiples_and_makes_the_same_proofs() {
    let (r1cs, witness) = circuit(2, 3, 100, &mut rng(1));
    let key = Arc::new(circuit_specific(&r1cs, &mut rng(1)).unwrap());
    for (kernel, constant_work) in kernels().flat_map(|kernel| [(kernel, false), (kernel, true)]) {
        let later = NativeOptions {
            kernel,
            constant_work,
            key_memory: 1 << 20,
            multiples_after: NonZeroU32::new(3),
            ..NativeOptions::default()
        };
        let key = prover(later).prepare(Arc::clone(&key)).unwrap();
        let plain = key.memory_bytes();
        let expected = key.prove(&witness, &mut rng(7)).unwrap();
        assert_eq!(key.prove(&witness, &mut rng(7)).unwrap(), expected);
        assert_eq!(key.memory_bytes(), plain, "two proofs are too few");
        assert_eq!(key.prove(&witness, &mut rng(7)).unwrap(), expected);
        let began = Instant::now();
        while key.memory_bytes() == plain {
            assert!(began.elapsed() < Duration::from_secs(300), "there are no multiples");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(key.prove(&witness, &mut rng(7)).unwrap(), expected);
        // The indices of the points are not limited.
        assert!(key.memory_bytes() - plain <= (1 << 20) + plain);
    }
}

#[test]
fn a_key_stays_without_multiples_if_there_is_no_room() {
    let (r1cs, _) = circuit(2, 3, 100, &mut rng(1));
    let key = circuit_specific(&r1cs, &mut rng(1)).unwrap();
    let points = prover(NativeOptions::default()).prepare_native(Arc::new(key)).unwrap().points;
    assert!(points.with_multiples(points.bytes()).is_none());
    let twice = points.with_multiples(2 * points.bytes()).unwrap();
    assert!(twice.bytes() > points.bytes());
    assert!(twice.with_multiples(twice.bytes()).is_none(), "these multiples are there already");
}

#[test]
fn a_key_in_a_file_is_prepared_once_and_anew_when_the_file_changes() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("key.zkey");
    let cache_dir = Some(temporary.path().join("keys"));
    let kept = prover(NativeOptions { cache_dir, ..NativeOptions::default() });
    for prover in [&prover(NativeOptions::default()), &kept] {
        assert!(matches!(prover.load_file(&temporary.path().join("none")), Err(ProveError::File(_))));
        for seed in [1, 2] {
            let (r1cs, witness) = circuit(2, 3, 100, &mut rng(seed));
            let zkey = circuit_specific(&r1cs, &mut rng(seed)).unwrap().write();
            std::fs::write(&path, &zkey).unwrap();
            let expected = prover.load(&zkey).unwrap().prove(&witness, &mut rng(7)).unwrap();
            for _ in 0..2 {
                let key = prover.load_file(&path).unwrap();
                assert_eq!(key.prove(&witness, &mut rng(7)).unwrap(), expected);
            }
        }
    }
}

#[test]
fn a_damaged_file_is_made_anew() {
    let (r1cs, witness) = circuit(1, 2, 10, &mut rng(1));
    let zkey = circuit_specific(&r1cs, &mut rng(1)).unwrap().write();
    let temporary = tempfile::tempdir().unwrap();
    let cache_dir = temporary.path().join("keys");
    let options = NativeOptions { cache_dir: Some(cache_dir.clone()), ..NativeOptions::default() };
    let prover = prover(options);
    let digest = Digest::of(&zkey);
    let expected = prover.load(&zkey).unwrap().prove(&witness, &mut rng(7)).unwrap();
    let file = std::fs::read_dir(&cache_dir).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let last = whole.iter().rposition(|byte| *byte != 0).unwrap();
    // In the header, and in the last section.
    for at in [0, 20, 60, last] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert!(prover.recall(&digest).is_none(), "byte {at}");
        assert_eq!(prover.load(&zkey).unwrap().prove(&witness, &mut rng(7)).unwrap(), expected);
        assert!(prover.recall(&digest).is_some(), "the file was not replaced");
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let cache_dir = Some(temporary.path().to_owned());
    let refused = NativeProver::new(NativeOptions { cache_dir, ..NativeOptions::default() });
    assert!(matches!(refused, Err(ProveError::Folder { .. })));
}

#[test]
fn a_key_with_points_outside_the_subgroup_is_refused() {
    use ark_bn254::{Fq2, G2Affine};
    let outside = (0u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    let (r1cs, _) = circuit(1, 2, 10, &mut rng(1));
    let key = circuit_specific(&r1cs, &mut rng(1)).unwrap();
    let alterations: [&dyn Fn(&mut ZKey); 3] =
        [&|key| key.b2[3] = outside, &|key| key.head.vk.beta_g2 = outside, &|key| {
            key.head.vk.delta_g2 = outside
        }];
    for alter in alterations {
        let mut key = key.clone();
        alter(&mut key);
        let refused = prover(NativeOptions::default()).prepare(Arc::new(key));
        assert!(matches!(refused, Err(ProveError::Key(_))), "{refused:?}");
    }
}

#[test]
fn a_thousand_proofs_of_ten_circuits_verify() {
    let prover = prover(NativeOptions::default());
    for seed in 0..10 {
        let mut inputs = rng(seed);
        let (public, private) = (inputs.gen_range(0..6), inputs.gen_range(1..6));
        let constraints = inputs.gen_range(1..60);
        let (r1cs, _) = circuit(public, private, constraints, &mut rng(seed));
        let key = circuit_specific(&r1cs, &mut rng(seed)).unwrap();
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        let key = prover.prepare(Arc::new(key)).unwrap();
        for _ in 0..100 {
            let witness = solve(&r1cs, &mut inputs);
            prove_verified(&*key, &verifier, &witness, &mut inputs).unwrap();
        }
    }
}

/// A witness of a circuit by [`circuit`], with other inputs.
fn solve(r1cs: &R1cs, rng: &mut ChaCha20Rng) -> Witness {
    let inputs = r1cs.n_public_inputs + r1cs.n_private_inputs;
    let mut values = vec![Fr::from(1u64)];
    values.extend((0..inputs).map(|_| Fr::rand(rng)));
    for constraint in &r1cs.constraints {
        let value = |terms: &LinearCombination| -> Fr {
            terms.iter().map(|&(wire, value)| values[wire as usize] * value).sum()
        };
        values.push(value(&constraint.a) * value(&constraint.b));
    }
    Witness::new(values)
}

/// Flips one bit of the prover's memory: every proof that `prove_verified` returns is valid nevertheless.
#[test]
fn no_single_bit_fault_gets_past_the_verification() {
    const FAULTS: usize = 200;
    // All kernels sum 12 points with shared doublings, and 260 in buckets.
    for (kernel, constraints) in kernels().flat_map(|kernel| [(kernel, 12), (kernel, 260)]) {
        let (r1cs, witness) = circuit(1, 2, constraints, &mut rng(1));
        let key = circuit_specific(&r1cs, &mut rng(1)).unwrap();
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        let prover = prover(NativeOptions { kernel, ..NativeOptions::default() });
        let sound = prover.prepare_native(Arc::new(key)).unwrap();
        let mut rng = rng(2);
        let mut refused = 0;
        for _ in 0..FAULTS {
            let mut faulty = sound.clone();
            let points = &mut faulty.points;
            match rng.gen_range(0..6) {
                0 => flip(&mut points.a, kernel, &mut rng),
                1 => flip(&mut points.b1, kernel, &mut rng),
                2 => flip(&mut points.c, kernel, &mut rng),
                3 => flip(&mut points.h, kernel, &mut rng),
                4 => flip(&mut points.b2, kernel, &mut rng),
                _ => faulty.vk.alpha_g1.x.0.0[rng.gen_range(0..4)] ^= 1 << rng.gen_range(0..60),
            }
            match prove_verified(&faulty, &verifier, &witness, &mut rng) {
                Ok((proof, public)) => assert_eq!(verifier.verify(&public, &proof), Ok(true)),
                Err(ProveError::Unsatisfied) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        // Points of wires with value zero do not matter; most others do.
        assert!(refused > FAULTS / 2, "{refused} of {FAULTS} faults had an effect on {kernel:?}");
    }
}

fn flip<C: Curve>(bases: &mut FixedBases<C>, kernel: Kernel, rng: &mut ChaCha20Rng) {
    let words = bases.rows().as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word));
    let words: Vec<u64> = words.collect();
    let mut rows: Vec<Row> = words.as_chunks::<8>().0.iter().map(|row| Row(*row)).collect();
    let place = rng.gen_range(0..rows.len());
    rows[place].0[rng.gen_range(0..8)] ^= 1 << rng.gen_range(0..60);
    let rows = Memory::Owned(rows.into());
    *bases = FixedBases::from_parts(kernel, &bases.head(), rows).unwrap();
}
