//! The reference prover, on the published crates of arkworks: ark-circom reads the key and reduces the circuit,
//! ark-groth16 proves, through the trait `ark_snark::SNARK`.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use ark_bn254::{Bn254, Fr};
use ark_circom::index::NPIndex;
use ark_circom::{CircomReduction, read_zkey};
use ark_ff::Field;
use ark_groth16::r1cs_to_qap::evaluate_constraint;
use ark_groth16::{Groth16, ProvingKey};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_snark::SNARK;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options};

use super::blinding::Blinding;
use super::consistency::check;
use super::{PreparedKey, ProveError, Prover};
use crate::domain::domain_size;
use crate::format::zkey::{KeyHead, Matrix, ZKey};
use crate::proof::{Proof, VerifyingKey};
use crate::rng::{SecureRng, os_rng};
use crate::witness::Witness;

/// Proves with ark-groth16: the reference for tests and measurements of other provers.
///
/// arkworks zeroises neither the blinding scalars nor its copies of the witness.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArkProver;

pub(super) const NAME: &str = "ark";

impl Prover for ArkProver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        check(&key)?;
        Ok(Arc::new(ArkKey::read(&key.write())?))
    }
}

/// The key as ark-circom reads it.
struct ArkKey {
    /// The points of H belong to [`CircomReduction`].
    points: ProvingKey<Bn254>,
    /// A and B without the rows that bind the public signals.
    rows: NPIndex<Fr>,
    n_vars: usize,
    vk: VerifyingKey,
}

impl ArkKey {
    /// Reads a `.zkey` file with ark-circom.
    ///
    /// ark-circom's reader panics on a malformed file. It therefore gets only bytes that pass [`ZKey::read`]
    /// and the checks below.
    fn read(bytes: &[u8]) -> Result<Self, ProveError> {
        let key = ZKey::read(bytes)?;
        check(&key)?;
        let kernel = Kernel::detect();
        let options = || Options { kernel, table_bytes: 0 };
        let (b1, b2) = (FixedBases::prepare(&key.b1, options()), FixedBases::prepare(&key.b2, options()));
        let KeyHead { vk, beta_g1, delta_g1, .. } = &key.head;
        let blinding = Blinding { vk, beta_g1: *beta_g1, delta_g1: *delta_g1, b1: &b1, b2: &b2 };
        blinding.check(&mut os_rng())?;
        check_binding_rows(&key)?;
        let (points, rows) =
            read_zkey(&mut Cursor::new(bytes)).map_err(|error| ProveError::Key(error.to_string()))?;
        Ok(Self { points, rows, n_vars: key.head.n_vars as usize, vk: key.head.vk })
    }
}

/// After the rows of the constraints comes one row per public wire, the constant one included: 1 in the column of
/// that wire in A, nothing in B. [`CircomReduction`] adds these rows itself, and derives the domain from them.
fn check_binding_rows(key: &ZKey) -> Result<(), ProveError> {
    let wrong = |detail: String| Err(ProveError::Key(format!("the rows of the public signals: {detail}")));
    let last = key.coefficients.iter().map(|entry| entry.constraint).max();
    let Some(constraints) = last.and_then(|last| last.checked_sub(key.head.n_public)) else {
        return wrong(format!("expected {} rows", u64::from(key.head.n_public) + 1));
    };
    let mut bound = 0;
    for entry in key.coefficients.iter().filter(|entry| entry.constraint >= constraints) {
        let wire = entry.constraint - constraints;
        if (entry.matrix, entry.signal, entry.value) != (Matrix::A, wire, Fr::ONE) {
            return wrong(format!("unexpected coefficient in row {}", entry.constraint));
        }
        bound += 1;
    }
    if bound != u64::from(key.head.n_public) + 1 {
        return wrong(format!("expected {}, found {bound}", u64::from(key.head.n_public) + 1));
    }
    let expected = domain_size(constraints.into(), key.head.n_public.into());
    if expected != u64::from(key.head.domain_size) {
        return wrong(format!("they need a domain of {expected} rows, the key has {}", key.head.domain_size));
    }
    Ok(())
}

/// The key's constraints with a witness, as a circuit of arkworks.
struct Circuit<'a> {
    rows: &'a NPIndex<Fr>,
    witness: &'a [Fr],
}

impl ConstraintSynthesizer<Fr> for Circuit<'_> {
    /// A key does not contain C. The product of A and B replaces it, as a multiple of the constant one: the
    /// reduction needs no other value.
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let Self { rows, witness } = self;
        let n_inputs = rows.num_instance_variables;
        for (wire, value) in witness.iter().enumerate().skip(1) {
            let _ = match wire < n_inputs {
                true => cs.new_input_variable(|| Ok(*value))?,
                false => cs.new_witness_variable(|| Ok(*value))?,
            };
        }
        let variable = |wire: usize| match wire.checked_sub(n_inputs) {
            None => Variable::instance(wire),
            Some(wire) => Variable::witness(wire),
        };
        let combination = |row: &[(Fr, usize)]| {
            LinearCombination(row.iter().map(|&(value, wire)| (value, variable(wire))).collect())
        };
        for (a, b) in rows.a.iter().zip(&rows.b) {
            let product = evaluate_constraint(a, witness) * evaluate_constraint(b, witness);
            let c = LinearCombination(vec![(product, Variable::One)]);
            cs.enforce_r1cs_constraint(|| combination(a), || combination(b), || c)?;
        }
        Ok(())
    }
}

impl PreparedKey for ArkKey {
    fn prover(&self) -> &'static str {
        NAME
    }

    fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    fn prove(&self, witness: &Witness, mut rng: &mut dyn SecureRng) -> Result<Proof, ProveError> {
        let witness = witness.values();
        if witness.len() != self.n_vars {
            return Err(ProveError::WitnessLength { expected: self.n_vars, found: witness.len() });
        }
        // arkworks has its own constant one.
        if witness[0] != Fr::ONE {
            return Err(ProveError::Unsatisfied);
        }
        let circuit = Circuit { rows: &self.rows, witness };
        let proof = <Groth16<Bn254, CircomReduction> as SNARK<Fr>>::prove(&self.points, circuit, &mut rng)
            .map_err(|error| ProveError::Key(error.to_string()))?;
        Ok(proof.into())
    }

    fn memory_bytes(&self) -> u64 {
        let points = &self.points;
        let g1 = points.vk.gamma_abc_g1.len()
            + points.a_query.len()
            + points.b_g1_query.len()
            + points.l_query.len()
            + points.h_query.len();
        let matrices = [&self.rows.a, &self.rows.b];
        let rows = matrices.iter().map(|rows| rows.len()).sum::<usize>();
        let entries = matrices.into_iter().flatten().map(Vec::capacity).sum::<usize>();
        let bytes = g1 * size_of_val(&points.vk.alpha_g1)
            + points.b_g2_query.len() * size_of_val(&points.vk.beta_g2)
            + rows * size_of::<Vec<(Fr, usize)>>()
            + entries * size_of::<(Fr, usize)>();
        bytes as u64
    }
}

impl fmt::Debug for ArkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArkKey({} wires, {} constraints)", self.n_vars, self.rows.num_constraints)
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::{UniformRand, Zero};
    use ark_groth16::r1cs_to_qap::R1CSToQAP;
    use ark_poly::{EvaluationDomain, GeneralEvaluationDomain};
    use ark_relations::utils::matrix::Matrix as Rows;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::format::r1cs::{Constraint, R1cs};
    use crate::setup::circuit_specific;

    type Domain = GeneralEvaluationDomain<Fr>;

    /// The identity on which the H points of a key depend, at a point outside both domains: the values of `A B - C`
    /// at the odd roots of unity determine it, because it vanishes at the even ones.
    #[test]
    fn values_at_the_odd_roots_give_the_quotient_times_the_vanishing_polynomial() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let assignment: Vec<Fr> = (0..5).map(|_| Fr::rand(&mut rng)).collect();
        let mut rows = || -> Rows<Fr> {
            (0..7)
                .map(|row| vec![(Fr::rand(&mut rng), row % 5), (Fr::rand(&mut rng), (row + 2) % 5)])
                .collect()
        };
        let matrices = [rows(), rows()];
        let values =
            CircomReduction::witness_map_from_matrices::<Fr, Domain>(&matrices, 1, 7, &assignment).unwrap();
        assert_eq!(values.len(), 8);

        let tau = Fr::from(987_654_321u64);
        let [mut a, mut b] = matrices
            .map(|rows| rows.iter().map(|row| evaluate_constraint(row, &assignment)).collect::<Vec<_>>());
        // The row that binds the constant one.
        a.push(assignment[0]);
        b.push(Fr::zero());
        let even = Domain::new(8).unwrap().evaluate_all_lagrange_coefficients(tau);
        let at_tau = |values: &[Fr]| values.iter().zip(&even).map(|(v, l)| *v * l).sum::<Fr>();
        let c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        let expected = at_tau(&a) * at_tau(&b) - at_tau(&c);

        let odd = Domain::new(16).unwrap().evaluate_all_lagrange_coefficients(tau);
        let odd = odd.into_iter().skip(1).step_by(2);
        let found: Fr = values.iter().zip(odd).map(|(v, l)| *v * l).sum();
        assert_eq!(found, expected);
        assert!(!(tau.pow([8]) - Fr::ONE).is_zero() && !found.is_zero());
    }

    /// ark-circom's reader would panic on most of these keys.
    #[test]
    fn a_key_on_which_ark_circom_would_panic_is_refused_before_it_reads() {
        use ark_bn254::{Fq2, G1Affine, G2Affine};
        let outside = (0u64..)
            .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true))
            .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
            .unwrap();
        let square = Constraint { a: vec![(2, Fr::ONE)], b: vec![(2, Fr::ONE)], c: vec![(1, Fr::ONE)] };
        let r1cs = R1cs {
            n_wires: 3,
            n_outputs: 1,
            n_public_inputs: 0,
            n_private_inputs: 1,
            n_labels: 3,
            constraints: vec![square],
            labels: vec![0, 1, 2],
        };
        let key = circuit_specific(&r1cs, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        assert!(ArkProver.prepare(Arc::new(key.clone())).is_ok());
        let off_curve = G1Affine::new_unchecked(1u64.into(), 3u64.into());
        let alterations: [&dyn Fn(&mut ZKey); 9] = [
            &|key| key.a[1] = off_curve,
            &|key| key.head.delta_g1 = off_curve,
            &|key| key.b2[1] = outside,
            &|key| key.head.vk.gamma_g2 = outside,
            &|key| key.coefficients.clear(),
            // Without the rows of the public signals, the last row is that of the constraint.
            &|key| key.coefficients.retain(|entry| entry.constraint == 0),
            &|key| key.coefficients.truncate(key.coefficients.len() - 1),
            &|key| key.coefficients.last_mut().unwrap().value = Fr::from(2u64),
            &|key| key.coefficients.last_mut().unwrap().constraint = 3,
        ];
        for (i, alter) in alterations.into_iter().enumerate() {
            let mut key = key.clone();
            alter(&mut key);
            let refused = ArkProver.prepare(Arc::new(key));
            assert!(
                matches!(refused, Err(ProveError::Key(_) | ProveError::Format(_))),
                "alteration {i}: {refused:?}"
            );
        }
    }
}
