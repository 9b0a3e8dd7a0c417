//! The evaluation domain of a circuit.

/// The largest domain: the quotient needs roots of unity of twice its size, and r - 1 is divisible by 2^28.
pub const MAX_DOMAIN_SIZE: u64 = 1 << 27;

/// The number of rows of the domain: `2^(floor(log2(n_constraints + n_public)) + 1)`, at least 2. It can exceed
/// [`MAX_DOMAIN_SIZE`].
///
/// Formula of snarkjs; `n_public` counts outputs and public inputs.
///
/// ```
/// use zkflow_groth16::domain::domain_size;
///
/// assert_eq!(domain_size(3, 1), 8);
/// assert_eq!(domain_size(60_000, 1), 65_536);
/// ```
pub fn domain_size(n_constraints: u64, n_public: u64) -> u64 {
    2u64 << n_constraints.saturating_add(n_public).clamp(1, 1 << 62).ilog2()
}
