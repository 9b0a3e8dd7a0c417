//! Tests with a circuit of arkworks, against ark-groth16.

use ark_bn254::Bn254;
use ark_ff::Field;
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSystemRef, LinearCombination, Variable};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::calldata::calldata;
use crate::constraints::ConstraintCheck;
use crate::proof::{Proof, PublicSignals, VerifyingKey};
use crate::verify::Verifier;

/// `y = x^5 + 3 x`, with `y` public. It uses symbolic linear combinations, as gadgets do.
#[derive(Clone, Copy)]
struct Polynomial {
    x: Option<Fr>,
    y: Option<Fr>,
}

impl Polynomial {
    fn of(x: u64) -> Self {
        let x = Fr::from(x);
        Self { x: Some(x), y: Some(x.pow([5]) + Fr::from(3u64) * x) }
    }

    const EMPTY: Self = Self { x: None, y: None };
}

impl ConstraintSynthesizer<Fr> for Polynomial {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let value = |value: Option<Fr>| value.ok_or(SynthesisError::AssignmentMissing);
        let y = cs.new_input_variable(|| value(self.y))?;
        let x = cs.new_witness_variable(|| value(self.x))?;
        let square = cs.new_witness_variable(|| value(self.x).map(|x| x.square()))?;
        let fourth = cs.new_witness_variable(|| value(self.x).map(|x| x.pow([4])))?;
        let sum = |terms: &[(u64, Variable)]| {
            LinearCombination(terms.iter().map(|&(value, variable)| (Fr::from(value), variable)).collect())
        };
        cs.enforce_r1cs_constraint(|| sum(&[(1, x)]), || sum(&[(1, x)]), || sum(&[(1, square)]))?;
        cs.enforce_r1cs_constraint(|| sum(&[(1, square)]), || sum(&[(1, square)]), || sum(&[(1, fourth)]))?;
        // (x^4 + 1 + 2) * x = y, written with a symbolic combination and a repeated variable.
        let factor = cs.new_lc(|| sum(&[(1, fourth), (1, Variable::One)]))?;
        cs.enforce_r1cs_constraint(
            || sum(&[(1, factor), (1, Variable::One), (1, Variable::One)]),
            || sum(&[(1, x)]),
            || sum(&[(1, y)]),
        )
    }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

#[test]
fn a_circuit_of_arkworks_is_proved_by_the_native_prover_and_verified_by_both() {
    let (key, vk) = NativeGroth16::setup(Polynomial::EMPTY, &mut rng()).unwrap();
    let circuit = Polynomial::of(3);
    let y = circuit.y.unwrap();
    let proof = NativeGroth16::prove(&key, circuit, &mut rng()).unwrap();
    for (signal, expected) in [(y, true), (y + Fr::ONE, false)] {
        assert_eq!(NativeGroth16::verify(&vk, &[signal], &proof).unwrap(), expected);
        assert_eq!(Groth16::<Bn254>::verify(&vk, &[signal], &proof).unwrap(), expected);
    }
    for signals in [&[][..], &[y, Fr::from(0u64)]] {
        let refused = NativeGroth16::verify(&vk, signals, &proof);
        assert!(matches!(refused, Err(SnarkError::Verify(VerifyError::PublicCount(_)))), "{refused:?}");
    }
    let empty = ark_groth16::VerifyingKey { gamma_abc_g1: Vec::new(), ..vk.clone() };
    let refused = NativeGroth16::verify(&empty, &[], &proof);
    assert!(matches!(refused, Err(SnarkError::Verify(VerifyError::EmptyKey))), "{refused:?}");
    // The types of this crate accept the same proof.
    let (vk, proof) = (VerifyingKey::from(vk), Proof::from(proof));
    let public = PublicSignals::for_key(&vk, vec![y]).unwrap();
    assert!(!calldata(&proof, &public).is_empty());
    assert_eq!(Verifier::new(vk).unwrap().verify(&public, &proof), Ok(true));
}

#[test]
fn a_circuit_that_is_not_satisfied_or_not_the_keys_gives_no_proof() {
    let (key, _) = NativeGroth16::setup(Polynomial::EMPTY, &mut rng()).unwrap();
    let wrong = Polynomial { y: Some(Fr::ONE), ..Polynomial::of(3) };
    let refused = NativeGroth16::prove(&key, wrong, &mut rng());
    assert!(matches!(refused, Err(SnarkError::Prove(ProveError::Unsatisfied))), "{refused:?}");
    let refused = NativeGroth16::prove(&key, Polynomial::EMPTY, &mut rng());
    assert!(matches!(refused, Err(SnarkError::Synthesis(SynthesisError::AssignmentMissing))), "{refused:?}");
    let refused = NativeGroth16::prove(&key, Empty, &mut rng());
    assert!(matches!(refused, Err(SnarkError::Prove(ProveError::WitnessLength { .. }))), "{refused:?}");
}

/// No constraints and no variables.
struct Empty;

impl ConstraintSynthesizer<Fr> for Empty {
    fn generate_constraints(self, _: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        Ok(())
    }
}

#[test]
fn the_constraint_system_of_a_circuit_holds_for_its_witness_only() {
    let system = r1cs(Polynomial::EMPTY).unwrap();
    assert_eq!((system.n_wires, system.n_public(), system.constraints.len()), (5, 1, 3));
    let repeated = &system.constraints[2].a;
    assert_eq!(*repeated, [(0, Fr::from(3u64)), (4, Fr::ONE)], "wires occur once");
    let check = ConstraintCheck::new(&system, &mut rng());
    let right = witness(Polynomial::of(3)).unwrap();
    assert!(check.holds(&right));
    let wrong = witness(Polynomial { y: Some(Fr::ONE), ..Polynomial::of(3) }).unwrap();
    assert!(!check.holds(&wrong));
    // It is a file of circom, too.
    let bytes = system.write();
    assert_eq!(crate::format::r1cs::R1cs::read(&bytes).unwrap(), system);
}

#[test]
fn a_constraint_that_is_not_rank_one_is_refused() {
    struct Cubic;
    impl ConstraintSynthesizer<Fr> for Cubic {
        fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
            use ark_relations::gr1cs::predicate::PredicateConstraintSystem;
            let cubic = PredicateConstraintSystem::new_polynomial_predicate_cs(
                2,
                vec![(Fr::ONE, vec![(0, 3)]), (-Fr::ONE, vec![(1, 1)])],
            );
            cs.register_predicate("cubic", cubic)?;
            let x = cs.new_witness_variable(|| Ok(Fr::ONE))?;
            cs.enforce_constraint_arity_2("cubic", || x.into(), || x.into())
        }
    }
    assert!(matches!(r1cs(Cubic), Err(SnarkError::NotR1cs)));
}

#[test]
fn a_key_is_the_same_after_serialisation() {
    let (key, _) = NativeGroth16::setup(Polynomial::EMPTY, &mut rng()).unwrap();
    let mut bytes = Vec::new();
    key.serialize_compressed(&mut bytes).unwrap();
    assert_eq!(bytes.len(), key.compressed_size());
    assert_eq!(bytes[8..], key.zkey().write());
    let read = ProvingKey::deserialize_compressed(bytes.as_slice()).unwrap();
    assert_eq!(read.zkey(), key.zkey());
}

#[test]
fn malformed_bytes_are_no_key() {
    let (key, _) = NativeGroth16::setup(Polynomial::EMPTY, &mut rng()).unwrap();
    let mut bytes = Vec::new();
    key.serialize_uncompressed(&mut bytes).unwrap();
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        assert!(ProvingKey::deserialize_uncompressed_unchecked(&bytes[..length]).is_err(), "{length} bytes");
    }
    // A length that no memory could hold.
    bytes[..8].fill(0xff);
    assert!(ProvingKey::deserialize_uncompressed(&bytes[..100]).is_err());
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    assert!(ProvingKey::deserialize_uncompressed_unchecked(bytes.as_slice()).is_err());
}

#[test]
fn proofs_and_verification_keys_are_the_same_after_conversion_and_back() {
    let (key, vk) = NativeGroth16::setup(Polynomial::EMPTY, &mut rng()).unwrap();
    assert_eq!(VerifyingKey::from(vk.clone()), key.zkey().head.vk);
    assert_eq!(ark_groth16::VerifyingKey::from(key.zkey().head.vk.clone()), vk);
    let proof = NativeGroth16::prove(&key, Polynomial::of(2), &mut rng()).unwrap();
    assert_eq!(ark_groth16::Proof::from(Proof::from(proof.clone())), proof);
}

/// With circom's reduction the converted key proves; with the default one its proofs do not verify.
#[cfg(feature = "ark")]
#[test]
fn a_converted_key_proves_with_the_reduction_of_circom_only() {
    use ark_circom::{CircomReduction, read_zkey};

    let (key, vk) = NativeGroth16::setup(Polynomial::EMPTY, &mut rng()).unwrap();
    let zkey = key.zkey().clone();
    let (read, _) = read_zkey(&mut std::io::Cursor::new(zkey.write())).unwrap();
    let converted = ark_groth16::ProvingKey::from(zkey);
    assert_eq!(converted, read);
    let circuit = Polynomial::of(3);
    let public = [circuit.y.unwrap()];
    let proof = Groth16::<Bn254, CircomReduction>::prove(&converted, circuit, &mut rng()).unwrap();
    assert!(NativeGroth16::verify(&vk, &public, &proof).unwrap());
    let same = NativeGroth16::prove(&key, circuit, &mut rng()).unwrap();
    assert_eq!(same, proof, "the same randomness gives the same proof");
    let proof = Groth16::<Bn254>::prove(&converted, circuit, &mut rng()).unwrap();
    assert!(!NativeGroth16::verify(&vk, &public, &proof).unwrap());
}
