//! [`contract_code`]: the code of a verifier contract, without a compiler.

use std::collections::HashSet;
use std::fmt::Write as _;

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInteger as _, PrimeField};
use sha3::{Digest as _, Keccak256};

use super::assembler::assemble;
use super::{fill, verify_signature, words};
use crate::calldata::Word;
use crate::proof::VerifyingKey;

/// Build of the compiler whose output [`contract_code`] reproduces.
pub const SOLC_BUILD: &str = "0.8.30+commit.73712a01";

/// Maximum length of a contract's code in bytes (EIP-170).
pub const CODE_LIMIT: usize = 24_576;

/// The code of a verifier contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractCode {
    /// Data of the transaction that creates the contract. The contract has no constructor arguments.
    pub creation: Vec<u8>,
    /// Code at the contract's address, after its creation.
    pub runtime: Vec<u8>,
}

/// There is no code for the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCode {
    /// The length of the code in bytes is above [`CODE_LIMIT`].
    #[error(
        "the contract has {0} bytes of code, the limit is {CODE_LIMIT}: the circuit has too many public signals"
    )]
    TooLong(usize),
    /// The compiler may shorten this constant of the contract, so its code is unknown here.
    #[error(
        "{0} of the verification key occurs twice, is small, or has 64 equal bits in a row: a random key has no \
         such coordinate"
    )]
    Unusual(String),
}

/// The code of the contract that [`verifier_contract`](super::verifier_contract) writes for `key`: byte for byte what solc
/// [`SOLC_BUILD`] makes of this source, with the optimiser at 200 runs, for EVM version Istanbul, without CBOR metadata.
///
/// The code depends on the key only, not on the comments of the source.
///
/// ```
/// use zkflow_groth16::format::json;
/// use zkflow_groth16::solidity::contract_code;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))?;
/// let key = json::read_vkey(&std::fs::read("tiny.vkey.json")?)?;
/// let code = contract_code(&key)?;
/// assert!(code.creation.ends_with(&code.runtime));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// - [`NoCode::TooLong`] above about 290 public signals.
/// - [`NoCode::Unusual`] if solc would write a coordinate in another way than as one PUSH. A coordinate is refused if it is
///   not 0 and has at most 64 bits, is equal to another coordinate, or has 64 equal bits in a row after its first bit. A
///   random coordinate is one of these with a probability below 2^-50.
///
/// # Panics
/// If the key has no IC points; [`Verifier::new`](crate::verify::Verifier::new) refuses such a key.
pub fn contract_code(key: &VerifyingKey) -> Result<ContractCode, NoCode> {
    let words = words(key);
    check(&words)?;
    let n_public = key.n_public();
    // Expect safety: tests assemble every case of the template, and its values are numbers.
    let runtime = assemble(&runtime(&words, n_public)).expect("the template is well formed");
    if runtime.len() > CODE_LIMIT {
        return Err(NoCode::TooLong(runtime.len()));
    }
    let length = push(&runtime.len().to_be_bytes());
    // Expect safety: as above.
    let mut creation =
        assemble(&fill(CREATION, &[("LENGTH", &length)])).expect("the template is well formed");
    creation.extend(&runtime);
    Ok(ContractCode { creation, runtime })
}

/// Selector of `verifyProof` in a contract with `n_public` public signals: the start of the Keccak-256 of its signature.
pub fn verify_selector(n_public: usize) -> [u8; 4] {
    let [a, b, c, d, ..]: Word = Keccak256::digest(verify_signature(n_public)).into();
    [a, b, c, d]
}

/// Refuses ether, copies the runtime code from its end, at 0x1f, and returns it.
const CREATION: &str = "
    0x80 0x40 mstore callvalue dup1 iszero ->without_value jumpi 0x00 dup1 revert
without_value:
    pop @LENGTH@ dup1 0x001f 0x00 codecopy 0x00 return invalid";

const RUNTIME: &str = include_str!("Groth16Verifier.asm");

/// The template of the runtime code for `n_public` public signals, filled.
fn runtime(words: &[(String, Word)], n_public: usize) -> String {
    let numbers = [
        ("SELECTOR", push(&verify_selector(n_public))),
        ("ARGUMENTS", push(&(0x100 + 32 * n_public).to_be_bytes())),
        ("Q", push(&Fq::MODULUS.to_bytes_be())),
        ("R", push(&Fr::MODULUS.to_bytes_be())),
        ("ACCUMULATIONS", accumulations(words, n_public)),
    ];
    let fixed = words.iter().take(FIXED).map(|(name, word)| (name.as_str(), push(word)));
    let values: Vec<_> = fixed.chain(numbers).collect();
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fill(&select(RUNTIME, n_public), &values)
}

/// Number of words before IC1: alpha, beta, gamma, delta and IC0.
const FIXED: usize = 16;

/// The lines of the template for `n_public` public signals.
fn select(template: &str, n_public: usize) -> String {
    let number = n_public.to_string();
    let case = if matches!(n_public, 0 | 2 | 4) { &number } else { "many" };
    let mut selected = true;
    let mut lines = String::new();
    for line in template.lines() {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some("end") => selected = true,
            Some(cases) => selected = cases.split(' ').any(|one| one == case),
            None if selected => lines.extend([line, "\n"]),
            None => {}
        }
    }
    lines
}

/// Calls `accumulate` for each signal. Each sum but the last is combined with `valid` before the next call.
fn accumulations(words: &[(String, Word)], n_public: usize) -> String {
    let points = words.iter().skip(FIXED).map(|(_, word)| word).collect::<Vec<_>>();
    let mut text = String::new();
    for (i, point) in (1..=n_public).zip(points.chunks_exact(2)) {
        let signal = match i {
            1 => format!("->added_{i} dup5"),
            _ => format!("and ->added_{i} {} dup6 add", push(&(32 * (i - 1)).to_be_bytes())),
        };
        let (x, y) = (push(point[0]), push(point[1]));
        // The point at infinity: solc duplicates the zero.
        let x = if x == y { "dup1" } else { &x };
        writeln!(text, "    {signal} calldataload {y} {x} ->accumulate jump\nadded_{i}:")
            .expect("writing to a string does not fail");
    }
    text
}

/// The shortest PUSH of a big-endian number.
fn push(number: &[u8]) -> String {
    let zeros = number.iter().take_while(|byte| **byte == 0).count().min(number.len() - 1);
    format!("0x{}", hex::encode(&number[zeros..]))
}

/// Refuses words that the compiler's optimiser may write in another way than as one PUSH.
///
/// It duplicates or copies a word that occurs several times, and computes a word with a long run of equal bits by shifts. A
/// run pays when it is longer than 9 bytes: a byte of code costs 200 gas; the two more instructions cost 3 gas in each of 200
/// runs, and are three bytes. A small word can be equal to another number of the template. Zeros are never computed, and are
/// duplicated only as the arguments of one call.
fn check(words: &[(String, Word)]) -> Result<(), NoCode> {
    let mut seen = HashSet::new();
    for (name, word) in words {
        if *word != [0; 32] && (is_unusual(word) || !seen.insert(word)) {
            return Err(NoCode::Unusual(name.clone()));
        }
    }
    Ok(())
}

/// Whether a number other than 0 has at most 64 bits, or 64 equal bits in a row after its first bit.
fn is_unusual(word: &Word) -> bool {
    let bits = word.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1));
    let bits: Vec<bool> = bits.skip_while(|bit| !bit).skip(1).collect();
    bits.len() < 64 || bits.chunk_by(|one, next| one == next).any(|run| run.len() >= 64)
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr as _;

    use super::*;
    use crate::digest::Digest;

    /// A key of multiples of the generators, all different.
    fn key(n_public: usize) -> VerifyingKey {
        let g1 = |n: usize| (G1Affine::generator() * Fr::from(n as u64)).into();
        let g2 = |n: u64| (G2Affine::generator() * Fr::from(n)).into();
        let ic = (0..=n_public).map(|i| g1(10 + i));
        VerifyingKey { alpha_g1: g1(2), beta_g2: g2(3), gamma_g2: g2(4), delta_g2: g2(5), ic: ic.collect() }
    }

    #[test]
    fn selectors_are_those_of_the_signatures() {
        let selectors = [0, 1, 2, 3].map(verify_selector).map(hex::encode);
        assert_eq!(selectors, ["6668a9fa", "43753b4d", "f5c9d69e", "11479fea"]);
    }

    /// Comparisons with the compiler are in the tests of zkflow-evm.
    #[test]
    fn every_number_of_signals_has_code_until_it_is_too_long() {
        let codes: Vec<_> =
            (0..).map(|n| contract_code(&key(n))).take_while(Result::is_ok).flatten().collect();
        assert!((280..300).contains(&codes.len()), "{}", codes.len());
        assert!(codes.iter().all(|code| code.creation.ends_with(&code.runtime)));
        assert!(codes.windows(2).all(|pair| pair[0].runtime != pair[1].runtime));
        let too_long = contract_code(&key(codes.len())).unwrap_err();
        assert!(matches!(too_long, NoCode::TooLong(24_577..24_700)), "{too_long}");
    }

    #[test]
    fn an_equal_or_small_coordinate_gives_no_code() {
        let mut twice = key(2);
        twice.delta_g2 = twice.gamma_g2;
        assert_eq!(contract_code(&twice), Err(NoCode::Unusual("DELTA_X1".to_owned())));
        let mut small = key(2);
        // (1, 2)
        small.ic[1] = G1Affine::generator();
        assert_eq!(contract_code(&small), Err(NoCode::Unusual("IC1_X".to_owned())));
        let mut infinity = key(2);
        infinity.ic[1] = G1Affine::identity();
        assert!(contract_code(&infinity).is_ok());
    }

    #[test]
    fn the_code_does_not_change_unnoticed() {
        let digest = |n| Digest::of(contract_code(&key(n)).unwrap().creation).to_string();
        assert_eq!(
            [0, 2, 3, 4].map(digest),
            [
                "25e3dc5ca0b881ca3ef1769a09ef9e793842de54ef543257f4b2f7ec092f07f3",
                "b8a40643457b352bd92e6d440b137831457669faff33d3a02952e29fded4353b",
                "2893edaf64f45bb1f61a78290f52997ca18967f4e5918b0d7d27c4a2bbe84465",
                "1dff05829482fcb5341ce5ce408c0bc28875e0d9ef831c29e81df6790ecad991",
            ]
        );
    }
}
