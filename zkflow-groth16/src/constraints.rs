//! Checks that a witness satisfies the constraints of its circuit.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, UniformRand, Zero};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rayon::prelude::*;
use zeroize::Zeroizing;
use zkflow_bn254::sparse::SparseMatrix;

use crate::format::FormatError;
use crate::format::r1cs::{Constraint, R1cs, R1csFile};
use crate::rng::SecureRng;
use crate::witness::Witness;

/// Checks witnesses against the constraints `<a, w> * <b, w> = <c, w>` of one circuit.
///
/// Tests one equation with secret random numbers ρᵢ: Σ ρᵢ⟨aᵢ, w⟩⟨bᵢ, w⟩ = ⟨Σ ρᵢcᵢ, w⟩. The sum Σ ρᵢcᵢ is
/// precomputed. A witness that violates a constraint and is independent of the ρᵢ passes with probability
/// 1/r, below 2^-253.
///
/// ```
/// use zkflow_groth16::constraints::ConstraintCheck;
/// use zkflow_groth16::format::{r1cs::R1cs, wtns};
/// use zkflow_groth16::rng::os_rng;
///
/// # std::env::set_current_dir("tests/data")?;
/// let r1cs = R1cs::read(&std::fs::read("tiny.r1cs")?)?;
/// let witness = wtns::read(&std::fs::read("tiny.wtns")?)?;
/// assert!(ConstraintCheck::new(&r1cs, &mut os_rng()).holds(&witness));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ConstraintCheck {
    wires: usize,
    a: SparseMatrix,
    b: SparseMatrix,
    weights: Vec<Fr>,
    weighted_c: Vec<Fr>,
}

/// Number of rows per task.
const TASK: usize = 1 << 10;

impl ConstraintCheck {
    /// Prepares the constraints of a circuit.
    pub fn new(r1cs: &R1cs, rng: &mut dyn SecureRng) -> Self {
        let mut check = Builder::new(r1cs.n_wires, r1cs.constraints.len(), rng);
        for Constraint { a, b, c } in &r1cs.constraints {
            check.add(a, b, c);
        }
        check.done()
    }

    /// Prepares the constraints of a file, without a copy of them in memory.
    ///
    /// # Errors
    /// See [`R1cs::read`].
    pub fn read(file: &mut R1csFile<'_>, rng: &mut dyn SecureRng) -> Result<Self, FormatError> {
        let mut check = Builder::new(file.head().n_wires, file.remaining(), rng);
        while let Some([a, b, c]) = file.next()? {
            check.add(a, b, c);
        }
        Ok(check.done())
    }

    /// True if the witness has the right length, begins with one, and satisfies every constraint. Uses the
    /// threads of the current pool for more than a thousand constraints or wires.
    pub fn holds(&self, witness: &Witness) -> bool {
        let values = witness.values();
        if values.len() != self.wires || values.first() != Some(&Fr::ONE) {
            return false;
        }
        let products = |(task, weights): (usize, &[Fr])| {
            let rows = (task * TASK..).zip(weights);
            let product = |row| self.a.row_product(row, values) * self.b.row_product(row, values);
            rows.map(|(row, weight)| product(row) * weight).sum::<Fr>()
        };
        let linear = |(c, values): (&[Fr], &[Fr])| {
            c.iter().zip(values).map(|(c, value)| product(c, value)).sum::<Fr>()
        };
        let (left, right) = if self.weights.len().max(values.len()) <= TASK {
            // To wake another thread would take longer.
            (products((0, &self.weights)), linear((&self.weighted_c, values)))
        } else {
            rayon::join(
                || self.weights.par_chunks(TASK).enumerate().map(products).sum::<Fr>(),
                || self.weighted_c.par_chunks(TASK).zip(values.par_chunks(TASK)).map(linear).sum::<Fr>(),
            )
        };
        left == right
    }

    /// Approximate size in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let sums = (self.weights.len() + self.weighted_c.len()) * size_of::<Fr>();
        self.a.memory_bytes() + self.b.memory_bytes() + sums as u64
    }
}

/// A check to which constraints are added one by one.
struct Builder {
    check: ConstraintCheck,
    /// The source of the weights. The system's generator costs a system call for each number.
    weights: StdRng,
}

impl Builder {
    fn new(wires: u32, constraints: usize, rng: &mut dyn SecureRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let check = ConstraintCheck {
            wires: wires as usize,
            a: SparseMatrix::with_rows(constraints),
            b: SparseMatrix::with_rows(constraints),
            weights: Vec::with_capacity(constraints),
            weighted_c: vec![Fr::ZERO; wires as usize],
        };
        Self { check, weights: StdRng::from_seed(*seed) }
    }

    fn add(&mut self, a: &[(u32, Fr)], b: &[(u32, Fr)], c: &[(u32, Fr)]) {
        let Self { check, weights } = self;
        let weight = Fr::rand(weights);
        check.a.push(a);
        check.b.push(b);
        for (wire, value) in c {
            check.weighted_c[*wire as usize] += product(&weight, value);
        }
        check.weights.push(weight);
    }

    fn done(self) -> ConstraintCheck {
        self.check
    }
}

/// factor · value, with shortcuts for the common values zero, one and minus one.
fn product(factor: &Fr, value: &Fr) -> Fr {
    if value.is_zero() {
        Fr::ZERO
    } else if *value == Fr::ONE {
        *factor
    } else if *value == -Fr::ONE {
        -*factor
    } else {
        *factor * value
    }
}

impl std::fmt::Debug for ConstraintCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConstraintCheck({} constraints, {} wires)", self.weights.len(), self.wires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::os_rng;

    /// x * x = y, y * x = z.
    fn check() -> ConstraintCheck {
        let one = |wire| vec![(wire, Fr::ONE)];
        let constraints = vec![
            Constraint { a: one(1), b: one(1), c: one(2) },
            Constraint { a: one(2), b: one(1), c: one(3) },
        ];
        let r1cs = R1cs {
            n_wires: 4,
            n_outputs: 0,
            n_public_inputs: 0,
            n_private_inputs: 1,
            n_labels: 4,
            constraints,
            labels: vec![0, 1, 2, 3],
        };
        ConstraintCheck::new(&r1cs, &mut os_rng())
    }

    fn witness(values: &[u64]) -> Witness {
        Witness::new(values.iter().map(|&value| Fr::from(value)).collect())
    }

    #[test]
    fn a_witness_holds_where_every_constraint_does() {
        let check = check();
        assert!(check.holds(&witness(&[1, 3, 9, 27])));
        assert!(check.holds(&witness(&[1, 0, 0, 0])));
        for broken in [[1, 3, 9, 28], [1, 3, 10, 30], [1, 2, 9, 27], [2, 3, 9, 27], [0, 0, 0, 0]] {
            assert!(!check.holds(&witness(&broken)), "{broken:?}");
        }
        assert!(!check.holds(&witness(&[1, 3, 9])));
        assert!(!check.holds(&witness(&[1, 3, 9, 27, 0])));
        assert!(!check.holds(&witness(&[])));
    }

    /// The error in x * x = y has the opposite sign of the error in y * x = z.
    #[test]
    fn errors_do_not_cancel() {
        let check = check();
        let (x, off) = (Fr::from(3u64), Fr::from(5u64));
        let y = x * x + off;
        let z = y * x - off;
        assert!(!check.holds(&Witness::new(vec![Fr::ONE, x, y, z])));
    }
}
