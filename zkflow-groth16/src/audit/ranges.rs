//! Whether the code of a contract refuses public signals of r and more, as a run of it shows.

use sha3::{Digest as _, Keccak256};

use super::constants::scalar_field;
use super::machine::{End, run};
use super::number::Number;

/// Numbers of public signals whose range a contract does not check, from 0; `None` if the contract has no known function, or a
/// run of it shows nothing.
///
/// The contract is called with a proof that its precompiled contracts accept, whatever the proof is. What it refuses then, it
/// refuses by its own checks.
pub(super) fn unchecked(code: &[u8], signals: usize) -> Option<Vec<usize>> {
    if signals > MOST_SIGNALS {
        return None;
    }
    let call = Call::all(signals).into_iter().find(|call| call.accepts(code, None))?;
    Some((0..signals).filter(|signal| call.accepts(code, Some(*signal))).collect())
}

/// Signals whose checks are run: every one is a run of the whole contract.
const MOST_SIGNALS: usize = 256;

/// A function that verifies a proof.
struct Call {
    selector: [u8; 4],
    /// Words of the proof before the signals.
    proof: usize,
    signals: usize,
    /// Whether it fails for a wrong proof, and returns nothing for a right one.
    fails: bool,
}

impl Call {
    fn all(signals: usize) -> [Self; 2] {
        let call = |signature: String, fails| {
            let hash: [u8; 32] = Keccak256::digest(signature).into();
            Self { selector: [hash[0], hash[1], hash[2], hash[3]], proof: 8, signals, fails }
        };
        [
            // snarkjs and this crate.
            call(format!("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{signals}])"), false),
            // gnark.
            call(format!("verifyProof(uint256[8],uint256[{signals}])"), true),
        ]
    }

    /// Whether the contract accepts signals of one, one of which may be r.
    fn accepts(&self, code: &[u8], large: Option<usize>) -> bool {
        let mut data = self.selector.to_vec();
        let words = std::iter::repeat_n(Number::ONE.word(), self.proof + self.signals);
        data.extend(words.flatten());
        if let Some(signal) = large {
            let from = 4 + 32 * (self.proof + signal);
            data[from..from + 32].copy_from_slice(&scalar_field());
        }
        match run(code, &data) {
            End::Returned(bytes) if self.fails => bytes.is_empty(),
            End::Returned(bytes) => bytes == Number::ONE.word(),
            End::Reverted | End::Unknown => false,
        }
    }
}
