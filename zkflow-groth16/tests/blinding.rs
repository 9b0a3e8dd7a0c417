//! Keys whose proofs would not hide the witness are refused by every prover.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::HashSet;
use std::sync::Arc;

use ark_bn254::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::format::r1cs::{Constraint, R1cs};
use zkflow_groth16::format::zkey::{Matrix, ZKey};
use zkflow_groth16::prove::ark::ArkProver;
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{ProveError, Prover, prove_verified};
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup::circuit_specific;
use zkflow_groth16::verify::Verifier;
use zkflow_groth16::witness::Witness;

/// `w_1 = w_2 w_2, w_3 = w_2 w_1, …`: every wire but the last occurs in A, wire 2 alone in B.
fn chain(constraints: u32) -> (R1cs, Witness) {
    let one = |wire: u32| vec![(wire, Fr::ONE)];
    let x = Fr::from(3u64);
    let (mut values, mut rows) = (vec![Fr::ONE, x * x, x], Vec::new());
    rows.push(Constraint { a: one(2), b: one(2), c: one(1) });
    for wire in 3..constraints + 2 {
        let last = if wire == 3 { 1 } else { wire - 1 };
        rows.push(Constraint { a: one(last), b: one(2), c: one(wire) });
        values.push(values[last as usize] * x);
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

fn key(r1cs: &R1cs) -> ZKey {
    circuit_specific(r1cs, &mut ChaCha20Rng::seed_from_u64(1)).unwrap()
}

fn provers() -> [Box<dyn Prover>; 2] {
    [Box::new(NativeProver::new(NativeOptions::default()).unwrap()), Box::new(ArkProver)]
}

#[test]
fn two_proofs_of_one_witness_never_share_a_point() {
    let (r1cs, witness) = chain(5);
    let key = Arc::new(key(&r1cs));
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    for prover in provers() {
        let prepared = prover.prepare(Arc::clone(&key)).unwrap();
        let mut points = (HashSet::new(), HashSet::new(), HashSet::new());
        for round in 0..100 {
            let (proof, _) = prove_verified(&*prepared, &verifier, &witness, &mut os_rng()).unwrap();
            assert!(points.0.insert(proof.a), "{}: pi_a repeats in round {round}", prover.name());
            assert!(points.1.insert(proof.b), "{}: pi_b repeats in round {round}", prover.name());
            assert!(points.2.insert(proof.c), "{}: pi_c repeats in round {round}", prover.name());
        }
    }
}

/// A point on the twist that is not a multiple of the generator.
fn outside() -> G2Affine {
    (0u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

/// A forgery, by what it changes, and a part of the refusal.
type Forgery = (&'static str, fn(&mut ZKey), &'static str);

const FORGERIES: [Forgery; 17] = [
    ("delta_1 is infinity", |key| key.head.delta_g1 = G1Affine::zero(), "infinity"),
    ("beta_1 is infinity", |key| key.head.beta_g1 = G1Affine::zero(), "infinity"),
    ("delta_2 is infinity", |key| key.head.vk.delta_g2 = G2Affine::zero(), "infinity"),
    ("beta_2 is infinity", |key| key.head.vk.beta_g2 = G2Affine::zero(), "infinity"),
    ("pi_a is a function of the witness, and verifies", unblinded, "infinity"),
    ("delta_1 is another one", |key| key.head.delta_g1 = double(key.head.delta_g1), "delta differs"),
    ("delta_2 is another one", |key| key.head.vk.delta_g2 = double(key.head.vk.delta_g2), "delta differs"),
    ("beta_1 is another one", |key| key.head.beta_g1 = double(key.head.beta_g1), "beta differs"),
    ("beta_2 is another one", |key| key.head.vk.beta_g2 = double(key.head.vk.beta_g2), "beta differs"),
    (
        "beta_1 and delta_1 are swapped",
        |key| std::mem::swap(&mut key.head.beta_g1, &mut key.head.delta_g1),
        "delta differs",
    ),
    ("one point of B1 is another one", |key| key.b1[2] = double(key.b1[2]), "B differs"),
    ("one point of B2 is another one", |key| key.b2[2] = double(key.b2[2]), "B differs"),
    ("a wire that is not in B has a point in B1", |key| key.b1[3] = G1Affine::generator(), "B differs"),
    ("two differences cancel in a sum", cancelling, "B differs"),
    ("B1 is infinity", |key| key.b1.fill(G1Affine::zero()), "wire 2 occurs in B"),
    (
        "B1 and B2 are infinity",
        |key| {
            key.b1.fill(G1Affine::zero());
            key.b2.fill(G2Affine::zero());
        },
        "wire 2 occurs in B",
    ),
    ("gamma is outside the group", |key| key.head.vk.gamma_g2 = outside(), "outside the group"),
];

fn double<C: AffineRepr>(point: C) -> C {
    (point + point).into()
}

/// delta_1 = beta_1 = O and B1 = O: proofs verify, but pi_a does not depend on the random numbers.
fn unblinded(key: &mut ZKey) {
    key.head.delta_g1 = G1Affine::zero();
    key.head.beta_g1 = G1Affine::zero();
    key.b1.fill(G1Affine::zero());
    // The matrix does not contradict the points of B1.
    key.coefficients.retain(|entry| entry.matrix == Matrix::A);
    key.b2.fill(G2Affine::zero());
}

/// The sum of B1 is still the sum of B2.
fn cancelling(key: &mut ZKey) {
    let difference = G1Affine::generator();
    key.b1[2] = (key.b1[2] + difference).into_affine();
    key.b1[3] = (key.b1[3] - difference).into_affine();
}

#[test]
fn forged_keys_whose_proofs_would_show_the_witness_are_refused_by_every_prover() {
    let (r1cs, witness) = chain(5);
    let honest = key(&r1cs);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.zkey");
    for prover in provers() {
        prover.prepare(Arc::new(honest.clone())).unwrap();
        for (name, forge, part) in FORGERIES {
            let mut forged = honest.clone();
            forge(&mut forged);
            let context = format!("{}: {name}", prover.name());
            let refused = prover.prepare(Arc::new(forged.clone()));
            let Err(ProveError::Key(detail)) = refused else { panic!("{context}: {refused:?}") };
            assert!(detail.contains(part), "{context}: {detail}");
            // The same through a file, where keys are also kept in prepared form.
            assert!(prover.load(&forged.write()).is_err(), "{context}");
            // A single proof is made while the key is checked, and discarded.
            std::fs::write(&path, forged.write()).unwrap();
            let refused = prover.prove_file(&path, &witness, &mut os_rng()).map(|made| made.proof);
            assert!(
                matches!(&refused, Err(ProveError::Key(detail)) if detail.contains(part)),
                "{context}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_forged_key_is_not_kept_in_prepared_form() {
    let temporary = tempfile::tempdir().unwrap();
    let cache_dir = Some(temporary.path().join("keys"));
    let prover = NativeProver::new(NativeOptions { cache_dir, ..NativeOptions::default() }).unwrap();
    let prover: &dyn Prover = &prover;
    let (r1cs, witness) = chain(5);
    for (name, forge, _) in FORGERIES {
        let mut forged = key(&r1cs);
        forge(&mut forged);
        let bytes = forged.write();
        std::fs::write(temporary.path().join("key.zkey"), &bytes).unwrap();
        for _ in 0..2 {
            assert!(prover.load(&bytes).is_err(), "{name}");
            let path = temporary.path().join("key.zkey");
            assert!(prover.prove_file(&path, &witness, &mut os_rng()).is_err(), "{name}");
        }
        assert!(prover.recall(&zkflow_groth16::digest::Digest::of(&bytes)).is_none(), "{name}");
    }
}

/// A circuit without B: all its points are infinity in both groups, honestly.
#[test]
fn an_honest_key_of_a_circuit_without_products_is_accepted() {
    let r1cs = R1cs { constraints: Vec::new(), ..chain(1).0 };
    for prover in provers() {
        prover.prepare(Arc::new(key(&r1cs))).unwrap();
    }
}
