//! Verification of many proofs at once, compared with one by one.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{UniformRand, Zero};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::format::r1cs::{Constraint, R1cs};
use zkflow_groth16::proof::{Proof, PublicSignals, VerifyingKey};
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{PreparedKey, Prover, prove_verified};
use zkflow_groth16::setup::circuit_specific;
use zkflow_groth16::verify::{PointProblem, Verifier, VerifyError};
use zkflow_groth16::witness::Witness;

type Statement = (PublicSignals, Proof);

/// `out = x y` with `out` and `x` public.
fn product() -> R1cs {
    let one = Fr::from(1u64);
    R1cs {
        n_wires: 4,
        n_outputs: 1,
        n_public_inputs: 1,
        n_private_inputs: 1,
        n_labels: 4,
        constraints: vec![Constraint { a: vec![(2, one)], b: vec![(3, one)], c: vec![(1, one)] }],
        labels: (0..4).collect(),
    }
}

struct Subject {
    verifier: Verifier,
    key: Arc<dyn PreparedKey>,
    rng: ChaCha20Rng,
}

impl Subject {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let key = circuit_specific(&product(), &mut rng).unwrap();
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        let key = NativeProver::new(NativeOptions::default()).unwrap().prepare(Arc::new(key)).unwrap();
        Self { verifier, key, rng }
    }

    fn proofs(&mut self, n: usize) -> Vec<Statement> {
        let mut proof = || {
            let (x, y) = (Fr::rand(&mut self.rng), Fr::rand(&mut self.rng));
            let witness = Witness::new(vec![Fr::from(1u64), x * y, x, y]);
            let (proof, public) =
                prove_verified(&*self.key, &self.verifier, &witness, &mut self.rng).unwrap();
            (public, proof)
        };
        (0..n).map(|_| proof()).collect()
    }

    fn one_by_one(&self, proofs: &[Statement]) -> Vec<Result<bool, VerifyError>> {
        proofs.iter().map(|(public, proof)| self.verifier.verify(public, proof)).collect()
    }
}

fn on_the_twist() -> G2Affine {
    (0u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

/// A change that makes a statement false.
type Change = Box<dyn Fn(&mut Statement, &VerifyingKey)>;

#[test]
fn valid_proofs_of_any_number_are_accepted() {
    let mut subject = Subject::new();
    let proofs = subject.proofs(70);
    for n in [0, 1, 2, 3, 16, 17, 33, 70] {
        assert_eq!(subject.verifier.verify_batch(&proofs[..n]), vec![Ok(true); n], "{n} proofs");
    }
}

#[test]
fn a_bad_proof_is_named_at_every_place() {
    let mut subject = Subject::new();
    let good = subject.proofs(6);
    let shift = |signal: usize| {
        move |(public, _): &mut Statement, key: &VerifyingKey| {
            let mut values = public.values().to_vec();
            values[signal] += Fr::from(1u64);
            *public = PublicSignals::for_key(key, values).unwrap();
        }
    };
    let point = |change: fn(&mut Proof)| move |(_, proof): &mut Statement, _: &VerifyingKey| change(proof);
    let changes: [Change; 8] = [
        Box::new(shift(0)),
        Box::new(shift(1)),
        Box::new(point(|proof| proof.a = -proof.a)),
        Box::new(point(|proof| proof.b = (proof.b + G2Affine::generator()).into_affine())),
        Box::new(point(|proof| proof.c = (proof.c + G1Affine::generator()).into_affine())),
        Box::new(point(|proof| proof.a = G1Affine::zero())),
        Box::new(point(|proof| proof.b = G2Affine::zero())),
        Box::new(point(|proof| proof.c = G1Affine::zero())),
    ];
    for (number, change) in changes.iter().enumerate() {
        for place in 0..good.len() {
            let mut proofs = good.clone();
            change(&mut proofs[place], subject.verifier.key());
            let expected: Vec<_> = (0..good.len()).map(|i| Ok(i != place)).collect();
            assert_eq!(subject.verifier.verify_batch(&proofs), expected, "change {number} at {place}");
        }
    }
}

#[test]
fn a_malformed_point_is_named_at_every_place() {
    let mut subject = Subject::new();
    let good = subject.proofs(5);
    let off = |x: Fq, y: Fq| G1Affine::new_unchecked(x, y + Fq::from(1u64));
    let error = |point, problem| Err(VerifyError::Point { point, problem });
    for place in 0..good.len() {
        let proof = good[place].1;
        let twisted = (on_the_twist() + proof.b).into_affine();
        let cases = [
            (Proof { a: off(proof.a.x, proof.a.y), ..proof }, error("pi_a", PointProblem::OffCurve)),
            (Proof { c: off(proof.c.x, proof.c.y), ..proof }, error("pi_c", PointProblem::OffCurve)),
            (
                Proof { b: G2Affine::new_unchecked(proof.b.x, proof.b.x), ..proof },
                error("pi_b", PointProblem::OffCurve),
            ),
            (Proof { b: twisted, ..proof }, error("pi_b", PointProblem::OutsideSubgroup)),
            (Proof { b: on_the_twist(), ..proof }, error("pi_b", PointProblem::OutsideSubgroup)),
            // A pairing with infinity does not read the other point; it is checked all the same.
            (
                Proof { a: G1Affine::zero(), b: on_the_twist(), ..proof },
                error("pi_b", PointProblem::OutsideSubgroup),
            ),
        ];
        for (bad, expected) in cases {
            let mut proofs = good.clone();
            proofs[place].1 = bad;
            let mut results = vec![Ok(true); good.len()];
            results[place] = expected;
            assert_eq!(subject.verifier.verify_batch(&proofs), results, "place {place}");
        }
    }
}

#[test]
fn errors_that_cancel_in_an_unweighted_sum_are_found() {
    let mut subject = Subject::new();
    let mut proofs = subject.proofs(4);
    // The product of all factors stays 1 without weights: what one proof gains, another loses.
    let shift = G1Affine::generator();
    proofs[1].1.c = (proofs[1].1.c + shift).into_affine();
    proofs[2].1.c = (proofs[2].1.c - shift).into_affine();
    assert_eq!(subject.verifier.verify_batch(&proofs), [Ok(true), Ok(false), Ok(false), Ok(true)]);
    // The same with public signals.
    let mut proofs = subject.proofs(2);
    for (place, sign) in [(0, Fr::from(1u64)), (1, -Fr::from(1u64))] {
        let mut values = proofs[place].0.values().to_vec();
        values[1] += sign;
        proofs[place].0 = PublicSignals::for_key(subject.verifier.key(), values).unwrap();
    }
    assert_eq!(subject.verifier.verify_batch(&proofs), [Ok(false), Ok(false)]);
}

#[test]
fn proofs_of_another_key_or_with_other_signals_are_refused() {
    let mut subject = Subject::new();
    let mut proofs = subject.proofs(3);
    let (first, second) = (proofs[0].0.clone(), proofs[1].0.clone());
    proofs[0].0 = second;
    proofs[1].0 = first;
    assert_eq!(subject.verifier.verify_batch(&proofs), [Ok(false), Ok(false), Ok(true)]);
    // The same proof twice is two valid proofs.
    let twice = [proofs[2].clone(), proofs[2].clone()];
    assert_eq!(subject.verifier.verify_batch(&twice), [Ok(true), Ok(true)]);
    let key = subject.verifier.key();
    let short = VerifyingKey { ic: key.ic[..2].to_vec(), ..key.clone() };
    let few = PublicSignals::for_key(&short, vec![Fr::zero()]).unwrap();
    proofs[1] = (few, proofs[2].1);
    let results = subject.verifier.verify_batch(&proofs);
    assert_eq!(results, subject.one_by_one(&proofs));
    assert!(matches!(results[1], Err(VerifyError::PublicCount(_))), "{results:?}");
}

#[test]
fn a_key_without_public_signals_has_batches_too() {
    let mut subject = Subject::new();
    let proofs = subject.proofs(2);
    let key = subject.verifier.key();
    // Without signals, L is IC_0 alone: move the sum of one proof into it.
    let sum = |public: &PublicSignals| {
        let mut sum = key.ic[0].into_group();
        for (point, signal) in key.ic[1..].iter().zip(public.values()) {
            sum += *point * signal;
        }
        sum.into_affine()
    };
    let bare = VerifyingKey { ic: vec![sum(&proofs[0].0)], ..key.clone() };
    let verifier = Verifier::new(bare).unwrap();
    let none = PublicSignals::for_key(verifier.key(), Vec::new()).unwrap();
    let proofs = [(none.clone(), proofs[0].1), (none, proofs[1].1)];
    assert_eq!(verifier.verify_batch(&proofs), [Ok(true), Ok(false)]);
    assert_eq!(verifier.verify_batch(&[proofs[0].clone(), proofs[0].clone()]), [Ok(true), Ok(true)]);
}
