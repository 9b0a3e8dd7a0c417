//! The quotient as circom's proving keys expect it: its values at the odd roots of unity.

use ark_ff::PrimeField;
use ark_groth16::r1cs_to_qap::R1CSToQAP;
use ark_poly::EvaluationDomain;
use ark_relations::gr1cs::{ConstraintSystemRef, Matrix, SynthesisError};
use rayon::prelude::*;

/// The reduction from R1CS to QAP used by a `.zkey`.
///
/// `A`, `B` and `C` are the polynomials with the values `a`, `b`, `c` of the `n` rows at the `n`-th roots of
/// unity. With `t(x) = x^n - 1` the quotient is `h = (A B - C) / t`.
///
/// The key does not refer to the coefficients of `h`. It contains the Lagrange polynomials of the odd
/// `2n`-th roots of unity, divided by delta. `A B - C` has a degree below `2n` and vanishes at the even
/// roots, so its values at the odd roots determine `(h t)(tau)`.
///
/// C is not stored: a witness that satisfies the constraints has `c = a b` in every row.
///
/// Unlike in ark-groth16's own reduction, the matrices contain *all* rows, including those that bind the
/// public signals. `num_constraints` counts them too.
#[derive(Debug)]
pub(super) struct CircomReduction;

impl R1CSToQAP for CircomReduction {
    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Matrix<F>],
        _num_inputs: usize,
        num_constraints: usize,
        full_assignment: &[F],
    ) -> Result<Vec<F>, SynthesisError> {
        let [rows_a, rows_b, ..] = matrices else {
            return Err(SynthesisError::ArityMismatch);
        };
        let domain = D::new(num_constraints).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        // The values of the rows, zero after the last one.
        let evaluate = |rows: &Matrix<F>| {
            let mut values: Vec<F> = rows.par_iter().map(|row| row_value(row, full_assignment)).collect();
            values.resize(domain.size(), F::zero());
            values
        };
        let (mut a, mut b) = rayon::join(|| evaluate(rows_a), || evaluate(rows_b));
        let mut c: Vec<F> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();

        let odd = odd_coset::<F, D>(&domain)?;
        for values in [&mut a, &mut b, &mut c] {
            domain.ifft_in_place(values);
            odd.fft_in_place(values);
        }
        a.par_iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = *a * b - c);
        Ok(a)
    }

    /// Refused: keys come from [`setup`](crate::setup), not from the generator of ark-groth16.
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        _cs: ConstraintSystemRef<F>,
        _t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize), SynthesisError> {
        Err(SynthesisError::MissingCS)
    }

    /// Refused, like [`Self::instance_map_with_evaluation`].
    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        _max_power: usize,
        _t: F,
        _zt: F,
        _delta_inverse: F,
    ) -> Result<Vec<F>, SynthesisError> {
        Err(SynthesisError::MissingCS)
    }
}

fn row_value<F: PrimeField>(row: &[(F, usize)], assignment: &[F]) -> F {
    row.iter().map(|&(value, wire)| value * assignment[wire]).sum()
}

/// The odd roots of unity of the domain of twice the size.
fn odd_coset<F: PrimeField, D: EvaluationDomain<F>>(domain: &D) -> Result<D, SynthesisError> {
    F::get_root_of_unity(2 * domain.size() as u64)
        .and_then(|root| domain.get_coset(root))
        .ok_or(SynthesisError::PolynomialDegreeTooLarge)
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::{Field, UniformRand, Zero};
    use ark_poly::GeneralEvaluationDomain;
    use rand::SeedableRng;

    use super::*;

    /// The identity on which the key's H points depend, at a point outside both domains.
    #[test]
    fn values_at_the_odd_roots_give_the_quotient_times_the_vanishing_polynomial() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let assignment: Vec<Fr> = (0..5).map(|_| Fr::rand(&mut rng)).collect();
        let mut rows = || -> Matrix<Fr> {
            (0..7)
                .map(|row| vec![(Fr::rand(&mut rng), row % 5), (Fr::rand(&mut rng), (row + 2) % 5)])
                .collect()
        };
        let matrices = [rows(), rows()];
        type Domain = GeneralEvaluationDomain<Fr>;
        let values =
            CircomReduction::witness_map_from_matrices::<Fr, Domain>(&matrices, 1, 7, &assignment).unwrap();
        assert_eq!(values.len(), 8);

        let tau = Fr::from(987_654_321u64);
        let [a, b] =
            matrices.map(|rows| rows.iter().map(|row| row_value(row, &assignment)).collect::<Vec<_>>());
        let even = Domain::new(8).unwrap().evaluate_all_lagrange_coefficients(tau);
        let at_tau = |values: &[Fr]| values.iter().zip(&even).map(|(v, l)| *v * l).sum::<Fr>();
        let c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        let expected = at_tau(&a) * at_tau(&b) - at_tau(&c);

        let odd: Vec<Fr> = Domain::new(16)
            .unwrap()
            .evaluate_all_lagrange_coefficients(tau)
            .into_iter()
            .skip(1)
            .step_by(2)
            .collect();
        let found: Fr = values.iter().zip(odd).map(|(v, l)| *v * l).sum();
        assert_eq!(found, expected);
        assert!(!(tau.pow([8]) - Fr::ONE).is_zero() && !found.is_zero());
    }
}
