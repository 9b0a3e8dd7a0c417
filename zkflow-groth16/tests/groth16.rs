//! Tests setup, prover and verifier together, on a circuit written by hand.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ark_bn254::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::Zero;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::constraints::ConstraintCheck;
use zkflow_groth16::format::r1cs::{Constraint, R1cs, R1csFile};
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::proof::{Proof, PublicSignals, SignalCountError};
use zkflow_groth16::prove::ark::ArkProver;
use zkflow_groth16::prove::{ProveError, Prover, prove_verified};
use zkflow_groth16::setup::{SetupError, circuit_specific};
use zkflow_groth16::verify::{PointProblem, Verifier, VerifyError};
use zkflow_groth16::witness::Witness;

/// `out = x^3 + 5`, with `out` public: wires 1, out, x, x^2.
fn cubic() -> R1cs {
    let one = |value: u64| Fr::from(value);
    let square = Constraint { a: vec![(2, one(1))], b: vec![(2, one(1))], c: vec![(3, one(1))] };
    let cube = Constraint { a: vec![(3, one(1))], b: vec![(2, one(1))], c: vec![(1, one(1)), (0, -one(5))] };
    R1cs {
        n_wires: 4,
        n_outputs: 1,
        n_public_inputs: 0,
        n_private_inputs: 1,
        n_labels: 4,
        constraints: vec![square, cube],
        labels: (0..4).collect(),
    }
}

fn witness(x: u64) -> Witness {
    Witness::new([1, x * x * x + 5, x, x * x].map(Fr::from).to_vec())
}

#[test]
fn a_check_from_a_file_is_that_of_its_constraints() {
    let bytes = cubic().write();
    let from_file = || ConstraintCheck::read(&mut R1csFile::open(&bytes).unwrap(), &mut rng()).unwrap();
    for check in [from_file(), ConstraintCheck::new(&cubic(), &mut rng())] {
        assert!(check.holds(&witness(3)) && check.holds(&witness(0)));
        for wrong in [[1, 33, 3, 9], [1, 32, 3, 8], [1, 32, 2, 9], [2, 32, 3, 9]] {
            assert!(!check.holds(&Witness::new(wrong.map(Fr::from).to_vec())), "{wrong:?}");
        }
        assert!(!check.holds(&Witness::new([1, 32, 3].map(Fr::from).to_vec())));
    }
    let file = R1csFile::open(&bytes).unwrap();
    assert_eq!((file.remaining(), file.head().constraints.len(), file.head().n_wires), (2, 0, 4));
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn key() -> ZKey {
    circuit_specific(&cubic(), &mut rng()).unwrap()
}

fn proved() -> (Verifier, Proof, PublicSignals) {
    let key = key();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    let prepared = ArkProver.prepare(Arc::new(key)).unwrap();
    let (proof, public) = prove_verified(&*prepared, &verifier, &witness(3), &mut rng()).unwrap();
    assert_eq!(public.values(), [Fr::from(32u64)]);
    assert!(prepared.memory_bytes() > 0);
    (verifier, proof, public)
}

/// A point on the twist that is not a multiple of the generator.
fn outside_the_subgroup() -> G2Affine {
    (0u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

#[test]
fn a_witness_that_breaks_a_constraint_gives_no_proof() {
    let key = key();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    let prepared = ArkProver.prepare(Arc::new(key)).unwrap();
    for wire in 0..4 {
        let mut values = witness(3).values().to_vec();
        values[wire] += Fr::from(1u64);
        let made = prove_verified(&*prepared, &verifier, &Witness::new(values), &mut rng());
        assert!(matches!(made, Err(ProveError::Unsatisfied)), "wire {wire}: {made:?}");
    }
    for length in [0, 3, 5] {
        let values = vec![Fr::from(1u64); length];
        let made = prove_verified(&*prepared, &verifier, &Witness::new(values), &mut rng());
        assert!(matches!(made, Err(ProveError::WitnessLength { expected: 4, found }) if found == length));
    }
}

#[test]
fn an_altered_proof_is_refused() {
    let (verifier, proof, public) = proved();
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    for altered in [
        Proof { a: g1, ..proof },
        Proof { a: -proof.a, ..proof },
        Proof { b: g2, ..proof },
        Proof { c: g1, ..proof },
        Proof { a: G1Affine::zero(), ..proof },
        Proof { a: G1Affine::zero(), b: G2Affine::zero(), c: G1Affine::zero() },
    ] {
        assert_eq!(verifier.verify(&public, &altered), Ok(false), "{altered:?}");
    }
    // Negating both factors is another proof of the same statement: Groth16 is malleable.
    assert_eq!(verifier.verify(&public, &Proof { a: -proof.a, b: -proof.b, ..proof }), Ok(true));
}

#[test]
fn other_public_signals_are_refused() {
    let (verifier, proof, public) = proved();
    assert_eq!(verifier.verify(&public, &proof), Ok(true));
    let other = PublicSignals::for_key(verifier.key(), vec![Fr::from(33u64)]).unwrap();
    assert_eq!(verifier.verify(&other, &proof), Ok(false));
}

#[test]
fn a_missing_or_extra_public_signal_is_refused() {
    let (verifier, proof, public) = proved();
    let signal = public.values()[0];
    for signals in [vec![], vec![signal, Fr::zero()], vec![signal, Fr::from(999u64)]] {
        let found = signals.len();
        let refused = PublicSignals::for_key(verifier.key(), signals);
        assert_eq!(refused, Err(SignalCountError { expected: 1, found }));
    }
    // Signals for another key are refused too.
    let mut longer = verifier.key().clone();
    longer.ic.push(G1Affine::zero());
    let foreign = PublicSignals::for_key(&longer, vec![signal, Fr::zero()]).unwrap();
    assert_eq!(
        verifier.verify(&foreign, &proof),
        Err(VerifyError::PublicCount(SignalCountError { expected: 1, found: 2 }))
    );
}

#[test]
fn points_off_their_curve_or_outside_the_subgroup_are_refused() {
    let (verifier, proof, public) = proved();
    let error = |point, problem| Err(VerifyError::Point { point, problem });
    let off_g1 = G1Affine::new_unchecked(1u64.into(), 3u64.into());
    let off_g2 = G2Affine::new_unchecked(Fq2::from(1u64), Fq2::from(1u64));
    let outside = outside_the_subgroup();
    assert!(outside.is_on_curve());
    for (altered, point, problem) in [
        (Proof { a: off_g1, ..proof }, "pi_a", PointProblem::OffCurve),
        (Proof { b: off_g2, ..proof }, "pi_b", PointProblem::OffCurve),
        (Proof { b: outside, ..proof }, "pi_b", PointProblem::OutsideSubgroup),
        (Proof { c: off_g1, ..proof }, "pi_c", PointProblem::OffCurve),
    ] {
        assert_eq!(verifier.verify(&public, &altered), error(point, problem));
    }
}

#[test]
fn an_altered_or_degenerate_verification_key_is_refused() {
    let (verifier, proof, public) = proved();
    let key = verifier.key();
    let refused = |alter: fn(&mut zkflow_groth16::proof::VerifyingKey)| {
        let mut altered = key.clone();
        alter(&mut altered);
        Verifier::new(altered).map(|verifier| verifier.verify(&public, &proof).unwrap())
    };
    assert!(!refused(|key| key.alpha_g1 = G1Affine::generator()).unwrap());
    assert!(!refused(|key| key.beta_g2 = G2Affine::generator()).unwrap());
    assert!(!refused(|key| key.gamma_g2 = G2Affine::generator()).unwrap());
    assert!(!refused(|key| key.delta_g2 = G2Affine::generator()).unwrap());
    assert!(!refused(|key| key.ic.swap(0, 1)).unwrap());
    let problem = |result: Result<bool, VerifyError>| match result {
        Err(VerifyError::Point { problem, .. }) => Some(problem),
        _ => None,
    };
    assert_eq!(problem(refused(|key| key.delta_g2 = G2Affine::zero())), Some(PointProblem::Infinity));
    assert_eq!(problem(refused(|key| key.alpha_g1 = G1Affine::zero())), Some(PointProblem::Infinity));
    assert_eq!(
        problem(refused(|key| key.gamma_g2 = outside_the_subgroup())),
        Some(PointProblem::OutsideSubgroup)
    );
    assert_eq!(refused(|key| key.ic.clear()), Err(VerifyError::EmptyKey));
}

#[test]
fn proofs_of_one_witness_differ() {
    let key = key();
    let prepared = ArkProver.prepare(Arc::new(key)).unwrap();
    let mut rng = rng();
    let first = prepared.prove(&witness(3), &mut rng).unwrap();
    assert_ne!(first, prepared.prove(&witness(3), &mut rng).unwrap());
}

#[test]
fn a_key_that_does_not_fit_together_is_refused() {
    let alterations: [fn(&mut ZKey); 7] = [
        |key| key.head.domain_size = 3,
        |key| key.a.truncate(3),
        |key| key.h.push(G1Affine::zero()),
        |key| key.c.clear(),
        |key| key.head.n_public = u32::MAX - 1,
        |key| key.coefficients[0].signal = 4,
        |key| key.coefficients[0].constraint = 4,
    ];
    for (i, alter) in alterations.into_iter().enumerate() {
        let mut key = key();
        alter(&mut key);
        let refused = ArkProver.prepare(Arc::new(key));
        assert!(matches!(refused, Err(ProveError::Key(_))), "alteration {i}: {refused:?}");
    }
}

#[test]
fn a_circuit_that_does_not_fit_together_gets_no_key() {
    let mut r1cs = cubic();
    r1cs.constraints[1].c.push((4, Fr::from(1u64)));
    let refused = circuit_specific(&r1cs, &mut rng());
    assert_eq!(refused, Err(SetupError::UnknownWire { constraint: 1, wire: 4, wires: 4 }));
    let mut r1cs = cubic();
    (r1cs.n_outputs, r1cs.n_public_inputs) = (u32::MAX, u32::MAX);
    assert!(matches!(circuit_specific(&r1cs, &mut rng()), Err(SetupError::TooFewWires { .. })));
}

#[test]
fn a_circuit_without_constraints_can_be_proved() {
    let r1cs = R1cs {
        n_wires: 1,
        n_outputs: 0,
        n_public_inputs: 0,
        n_private_inputs: 0,
        n_labels: 1,
        constraints: vec![],
        labels: vec![0],
    };
    let key = circuit_specific(&r1cs, &mut rng()).unwrap();
    let verifier = Verifier::new(key.head.vk.clone()).unwrap();
    let prepared = ArkProver.prepare(Arc::new(key)).unwrap();
    let witness = Witness::new(vec![Fr::from(1u64)]);
    assert!(prove_verified(&*prepared, &verifier, &witness, &mut rng()).is_ok());
}
