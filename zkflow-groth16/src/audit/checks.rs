//! The checks of a contract, found by running its code.

use ark_ec::AffineRepr as _;
use ruint::aliases::U256;
use sha3::{Digest as _, Keccak256};

use super::constants::scalar_field;
use super::machine::{End, Pairings, Run, run};
use crate::calldata::{Word, word};
use crate::proof::VerifyingKey;

/// The checks that a contract lacks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unchecked {
    /// Numbers of public signals in whose place numbers of r and more are accepted, from 0.
    pub(super) ranges: Vec<usize>,
    /// Whether a proof is accepted although the pairings do not hold.
    pub(super) pairings: bool,
    /// Parts of the key that no precompiled contract was given.
    pub(super) parts: Vec<String>,
}

/// The checks that a contract with this key lacks; `None` if the contract has no known function, or a run of it shows nothing.
///
/// The contract is called with a proof that its precompiled contracts accept, whatever the proof is. A refusal is then
/// due to a check of its own.
pub(super) fn unchecked(code: &[u8], key: &VerifyingKey, is_gnark: bool) -> Option<Unchecked> {
    let signals = key.n_public();
    if signals > MOST_SIGNALS {
        return None;
    }
    let work = &mut { MOST_WORK };
    let call = Call::of(signals, is_gnark);
    let honest = call.run(code, None, Pairings::Hold, work);
    if !call.accepts(&honest.end) {
        return None;
    }
    let mut accepts = |large, pairings| call.accepts(&call.run(code, large, pairings, work).end);
    let pairings = accepts(None, Pairings::Fail);
    let mut in_range =
        |signal| too_large().into_iter().all(|large| !accepts(Some((signal, large)), Pairings::Hold));
    let ranges = (0..signals).filter(|signal| !in_range(*signal)).collect();
    // A run that ended early shows nothing.
    (*work > 0).then(|| Unchecked { ranges, pairings, parts: unused(key, &honest) })
}

/// Work of all runs together, about two seconds.
const MOST_WORK: usize = 1 << 26;

/// Signals whose checks are run: every one is some runs of the whole contract. EIP-170 leaves no room for more.
const MOST_SIGNALS: usize = 384;

/// The order r, the number behind it, and the largest.
fn too_large() -> [U256; 3] {
    let order = U256::from_be_bytes(scalar_field());
    [order, order + U256::ONE, U256::MAX]
}

/// The parts of the key that an accepting run did not use. Contracts contain some of them with the opposite sign, so only x is
/// looked for.
fn unused(key: &VerifyingKey, run: &Run) -> Vec<String> {
    let paired = |words: &[Word]| words.iter().all(|word| run.paired.iter().any(|input| has(input, word)));
    let g2 = |point: &ark_bn254::G2Affine| [word(&point.x.c0), word(&point.x.c1)];
    let parts = [
        ("alpha", paired(&[word(&key.alpha_g1.x)])),
        ("beta", paired(&g2(&key.beta_g2))),
        ("gamma", paired(&g2(&key.gamma_g2))),
        ("delta", paired(&g2(&key.delta_g2))),
    ];
    let parts = parts.into_iter().filter(|(_, used)| !used).map(|(name, _)| name.to_owned());
    // Infinity is not visible in a contract.
    let ic = key.ic.iter().enumerate().filter(|(_, point)| !point.is_zero());
    let ic = ic.filter(|(index, point)| {
        let x = word(&point.x);
        !match index.checked_sub(1) {
            None => [&run.added, &run.paired].into_iter().flatten().any(|input| has(input, &x)),
            Some(signal) => run.multiplied.iter().any(|input| {
                input.get(..32) == Some(&x) && input.get(64..96) == Some(&value(signal).to_be_bytes::<32>())
            }),
        }
    });
    parts.chain(ic.map(|(index, _)| format!("IC[{index}]"))).collect()
}

fn has(input: &[u8], word: &Word) -> bool {
    input.chunks_exact(32).any(|chunk| chunk == word)
}

/// The value of a public signal, which differs from all others.
fn value(signal: usize) -> U256 {
    U256::from(signal + 2)
}

/// A function that verifies a proof.
struct Call {
    selector: [u8; 4],
    signals: usize,
    /// Whether it fails for a wrong proof, and returns nothing for a right one, as in gnark's contracts.
    fails: bool,
}

/// Words of the proof before the signals.
const PROOF: usize = 8;

impl Call {
    fn of(signals: usize, is_gnark: bool) -> Self {
        let signature = match is_gnark {
            true => format!("verifyProof(uint256[8],uint256[{signals}])"),
            // snarkjs and this crate.
            false => format!("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{signals}])"),
        };
        let hash: [u8; 32] = Keccak256::digest(signature).into();
        Self { selector: [hash[0], hash[1], hash[2], hash[3]], signals, fails: is_gnark }
    }

    /// Calls the function with a proof of ones and small signals, one of which may be large.
    fn run(&self, code: &[u8], large: Option<(usize, U256)>, pairings: Pairings, work: &mut usize) -> Run {
        let signals = (0..self.signals).map(|signal| match large {
            Some((other, large)) if other == signal => large,
            _ => value(signal),
        });
        let words = std::iter::repeat_n(U256::ONE, PROOF).chain(signals);
        let words = words.flat_map(|word| word.to_be_bytes::<32>());
        let data: Vec<u8> = self.selector.into_iter().chain(words).collect();
        run(code, &data, pairings, work)
    }

    fn accepts(&self, end: &End) -> bool {
        match end {
            End::Returned(bytes) if self.fails => bytes.is_empty(),
            End::Returned(bytes) => *bytes == U256::ONE.to_be_bytes::<32>(),
            End::Reverted | End::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};

    use super::*;

    fn key(signals: usize) -> VerifyingKey {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        VerifyingKey { alpha_g1: g1, beta_g2: g2, gamma_g2: g2, delta_g2: g2, ic: vec![g1; signals + 1] }
    }

    /// `JUMPDEST … PUSH0 JUMP`: the instructions again and again.
    fn endless(instructions: &[u8]) -> Vec<u8> {
        [&[0x5b][..], instructions, &[0x5f, 0x56]].concat()
    }

    #[test]
    fn what_is_no_verifier_shows_nothing_and_ends() {
        // A hash of 256 KiB, a power, a product in a ring, a copy of the code, a growing stack.
        let hash: &[u8] = &[0x62, 0x03, 0xff, 0xff, 0x5f, 0x20, 0x50];
        let power: &[u8] = &[0x5f, 0x19, 0x5f, 0x19, 0x0a, 0x50];
        let product: &[u8] = &[0x60, 2, 0x5f, 0x19, 0x03, 0x5f, 0x19, 0x5f, 0x19, 0x09, 0x50];
        let copy: &[u8] = &[0x62, 0x03, 0xff, 0xff, 0x5f, 0x5f, 0x39];
        for code in [hash, power, product, copy, &[0x5f], &[], &[0x90], &[0x20], &[0xff]] {
            assert_eq!(unchecked(&endless(code), &key(3), true), None, "{code:02x?}");
            assert_eq!(unchecked(code, &key(3), false), None, "{code:02x?}");
        }
        assert_eq!(unchecked(&[], &key(MOST_SIGNALS + 1), true), None);
    }

    #[test]
    fn a_contract_that_accepts_everything_checks_nothing() {
        // PUSH1 1 PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
        let code = [0x60, 0x01, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
        let parts = ["alpha", "beta", "gamma", "delta", "IC[0]", "IC[1]", "IC[2]"].map(str::to_owned);
        let nothing = Unchecked { ranges: vec![0, 1], pairings: true, parts: parts.to_vec() };
        assert_eq!(unchecked(&code, &key(2), false), Some(nothing));
    }
}
