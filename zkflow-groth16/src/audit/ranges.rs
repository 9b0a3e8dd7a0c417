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
pub(super) fn unchecked(code: &[u8], signals: usize, is_gnark: bool) -> Option<Vec<usize>> {
    if signals > MOST_SIGNALS {
        return None;
    }
    let work = &mut { MOST_WORK };
    let call = Call::of(signals, is_gnark);
    if !call.accepts(code, None, work) {
        return None;
    }
    let unchecked = (0..signals).filter(|signal| call.accepts(code, Some(*signal), work)).collect();
    // A run that ended early shows nothing.
    (*work > 0).then_some(unchecked)
}

/// Work of all runs together, about a second.
const MOST_WORK: usize = 1 << 25;

/// Signals whose checks are run: every one is a run of the whole contract.
const MOST_SIGNALS: usize = 256;

/// A function that verifies a proof.
struct Call {
    selector: [u8; 4],
    /// Words of the proof before the signals.
    proof: usize,
    signals: usize,
    /// Whether it fails for a wrong proof, and returns nothing for a right one, as in gnark's contracts.
    fails: bool,
}

impl Call {
    fn of(signals: usize, is_gnark: bool) -> Self {
        let signature = match is_gnark {
            true => format!("verifyProof(uint256[8],uint256[{signals}])"),
            // snarkjs and this crate.
            false => format!("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{signals}])"),
        };
        let hash: [u8; 32] = Keccak256::digest(signature).into();
        Self { selector: [hash[0], hash[1], hash[2], hash[3]], proof: 8, signals, fails: is_gnark }
    }

    /// Whether the contract accepts signals of one, one of which may be r.
    fn accepts(&self, code: &[u8], large: Option<usize>, work: &mut usize) -> bool {
        let mut data = self.selector.to_vec();
        let words = std::iter::repeat_n(Number::ONE.word(), self.proof + self.signals);
        data.extend(words.flatten());
        if let Some(signal) = large {
            let from = 4 + 32 * (self.proof + signal);
            data[from..from + 32].copy_from_slice(&scalar_field());
        }
        match run(code, &data, work) {
            End::Returned(bytes) if self.fails => bytes.is_empty(),
            End::Returned(bytes) => bytes == Number::ONE.word(),
            End::Reverted | End::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `JUMPDEST … PUSH0 JUMP`: the instructions again and again.
    fn endless(instructions: &[u8]) -> Vec<u8> {
        [&[0x5b][..], instructions, &[0x5f, 0x56]].concat()
    }

    #[test]
    fn what_is_no_verifier_shows_nothing_and_ends() {
        // A hash of 256 KiB, a power, a copy of the code, a growing stack.
        let hash: &[u8] = &[0x62, 0x03, 0xff, 0xff, 0x5f, 0x20, 0x50];
        let power: &[u8] = &[0x5f, 0x19, 0x5f, 0x19, 0x0a, 0x50];
        let copy: &[u8] = &[0x62, 0x03, 0xff, 0xff, 0x5f, 0x5f, 0x39];
        for code in [hash, power, copy, &[0x5f], &[], &[0x90], &[0x20], &[0xff]] {
            assert_eq!(unchecked(&endless(code), 3, true), None, "{code:02x?}");
            assert_eq!(unchecked(code, 3, false), None, "{code:02x?}");
        }
        assert_eq!(unchecked(&[], usize::MAX, true), None);
    }

    #[test]
    fn a_contract_that_accepts_everything_checks_nothing() {
        // PUSH1 1 PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
        let code = [0x60, 0x01, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
        assert_eq!(unchecked(&code, 2, false), Some(vec![0, 1]));
    }
}
