//! [`ProofFootprint`]: the one prediction of the memory of a proof.

use crate::format::zkey::ZKey;

/// Predicted peak memory of one proof with the native prover, from the sizes of its key. Circuit reports, the API,
/// the command line and the admission of proofs all use it.
///
/// With `m` wires, `n` rows of the domain and `k` coefficients in the key:
///
/// | part | bytes |
/// |---|---|
/// | the `.zkey` file, while it is prepared | its length |
/// | prepared key: points of G1 and G2, coefficients | `72 (3m + n) + 136 m + 48 k` |
/// | witness, as elements and as scalars of the sums | `64 m` |
/// | quotient: four vectors, and the scalars of its sum | `5 * 32 n` |
/// | buckets of the sums | 8 MiB, and no more than the parts above |
///
/// # Calibration
/// `zkflow bench` measures the peak of a process that loads a key and makes one proof. Peaks of the prover `native`
/// in `benches/results/results.csv`, less the 13 MB of a process with a key of four rows:
///
/// | key | predicted | measured |
/// |---|---|---|
/// | dense 2^16, 36.6 MB | 100 MB | 77 MB |
/// | bits 2^16, 30.9 MB | 88 MB | 64 MB |
/// | public 2^16, 29.5 MB | 85 MB | 79 MB |
/// | dense 2^14, 9.1 MB | 31 MB | 29 MB |
/// | public 2^14, 7.4 MB | 28 MB | 24 MB |
///
/// The prediction is an upper bound of all of them, and at most 1.4 times the measured peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofFootprint {
    /// The file of the key.
    pub file: u64,
    /// The prepared key.
    pub key: u64,
    /// Witness and quotient.
    pub proof: u64,
    /// Buckets of the sums.
    pub buckets: u64,
}

impl ProofFootprint {
    /// The footprint of a key with this many wires, rows of the domain and coefficients.
    pub fn new(wires: u64, domain_size: u64, coefficients: u64) -> Self {
        let sum = |terms: &[(u64, u64)]| {
            terms.iter().map(|(count, bytes)| count.saturating_mul(*bytes)).fold(0, u64::saturating_add)
        };
        let file = ZKey::file_len(wires, domain_size, coefficients);
        let key = sum(&[(wires, 3 * 72 + 136), (domain_size, 72), (coefficients, 48)]);
        let proof = sum(&[(wires, 64), (domain_size, 5 * 32)]);
        let buckets = MAX_BUCKETS.min(file.saturating_add(key).saturating_add(proof));
        Self { file, key, proof, buckets }
    }

    /// All parts together, in bytes.
    pub fn bytes(&self) -> u64 {
        [self.key, self.proof, self.buckets].into_iter().fold(self.file, u64::saturating_add)
    }
}

/// Buckets of all sums of a proof together, in bytes: measured as the rest of the peaks at 2^14 rows.
const MAX_BUCKETS: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Wires, rows and length of the key; peak of the process that was measured, all in bytes. From
    /// `benches/results/results.csv`, prover `native`.
    const MEASURED: [(u64, u64, u64, u64); 6] = [
        (65523, 65536, 36622068, 90230784),
        (65476, 65536, 30911932, 76943360),
        (65533, 65536, 29490932, 91688960),
        (16323, 16384, 9127260, 42610688),
        (16324, 16384, 7712188, 33644544),
        (16381, 16384, 7372532, 37445632),
    ];
    /// Peak of a process with the key of `tiny`.
    const PROCESS: u64 = 13127680;

    #[test]
    fn the_prediction_bounds_every_measured_peak_and_is_at_most_two_fifths_above() {
        for (wires, rows, file, peak) in MEASURED {
            let coefficients = (file - ZKey::file_len(wires, rows, 0)) / 44;
            let predicted = ProofFootprint::new(wires, rows, coefficients).bytes();
            let measured = peak - PROCESS;
            assert!(predicted >= measured, "{file}: {predicted} < {measured}");
            assert!(predicted * 5 <= measured * 7, "{file}: {predicted} > 1.4 * {measured}");
        }
    }

    #[test]
    fn sizes_beyond_any_machine_saturate() {
        assert_eq!(ProofFootprint::new(u64::MAX, u64::MAX, u64::MAX).bytes(), u64::MAX);
    }

    #[test]
    fn a_tiny_key_has_a_tiny_footprint() {
        assert!(ProofFootprint::new(4, 4, 8).bytes() < 64 * 1024);
    }
}
