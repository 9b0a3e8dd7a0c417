//! Audits the code of a deployed contract by its constants.

use sha3::{Digest as _, Keccak256};

use super::checks::Unchecked;
use super::constants::{Constant, base_field, is_wrong_modulus, points, scalar_field};
use super::finding::{Audit, Place, Rule, Subject};
use super::machine::pushed_bytes;
use super::{checks, layout};
use crate::calldata::Word;
use crate::proof::VerifyingKey;

/// Audits the code at a contract's address, or the code that creates it; `None` if it is no verifier of Groth16 over
/// BN254.
///
/// # Behaviour
/// - Points are found by their curve equations, and their roles by their order, so any compiler's output can be read.
/// - A point of IC that is infinity is not visible.
/// - The functions of snarkjs, gnark and this crate are run, with precompiled contracts whose answers are given. A range check
///   of a public signal is missing if the contract accepts r or more in its place. The pairing check is missing if the contract
///   accepts a proof although the pairings fail, or uses a part of its key nowhere.
/// - Of another contract, only a code that does not contain r is seen to lack range checks.
pub fn audit_bytecode(code: &[u8]) -> Option<Audit> {
    let constants = pushed(code);
    let (found, left) = points(&constants);
    let is_gnark = is_of_gnark(code);
    // Compilers store a number that occurs often once, as data behind the code.
    let contains = |value: &Word| code.windows(value.len()).any(|window| window == value);
    let Some(key) = layout::key(&found, left, is_gnark) else {
        // A pairing library has q too, but no points of a key.
        let looks_like_one = contains(&base_field()) && found.len() >= 4;
        return looks_like_one.then(|| {
            let mut audit = Audit::new(Subject::Bytecode);
            audit.add(
                Rule::UnreadableKey,
                "some numbers of the key are not points of the curves",
                Place::Whole,
            );
            audit
        });
    };
    let mut audit = Audit::of_contract(Subject::Bytecode, &key, is_gnark);
    match checks::unchecked(code, &key, is_gnark) {
        Some(unchecked) => report(&mut audit, &unchecked, key.n_public()),
        None => {
            audit.add(Rule::NotRun, Rule::NotRun.about(), Place::Whole);
            if key.n_public() > 0 && !contains(&scalar_field()) {
                let detail = "the code does not contain r, so no public signal is compared with it";
                audit.add(Rule::RangeCheck, detail, Place::Whole);
            }
        }
    }
    for constant in constants.iter().filter(|constant| is_wrong_modulus(&constant.value)) {
        let detail = format!("0x{} is almost a modulus of BN254", hex::encode(constant.value));
        audit.add(Rule::Modulus, detail, constant.place);
    }
    Some(audit)
}

/// The verification key in the code at a contract's address; `None` if there is none that can be read, see
/// [`audit_bytecode`].
pub fn key_in_bytecode(code: &[u8]) -> Option<VerifyingKey> {
    let (found, left) = points(&pushed(code));
    layout::key(&found, left, is_of_gnark(code))
}

fn is_of_gnark(code: &[u8]) -> bool {
    GNARK_ERRORS.iter().all(|signature| contains_selector(code, signature))
}

/// Reports what a run of the contract showed.
fn report(audit: &mut Audit, unchecked: &Unchecked, signals: usize) {
    let Unchecked { ranges, pairings, parts } = unchecked;
    if !ranges.is_empty() {
        let checked = signals - ranges.len();
        let detail = format!(
            "{checked} of {signals} public signals are compared with r: the contract accepts r or more in place of others"
        );
        audit.add(Rule::RangeCheck, detail, Place::Whole);
    }
    if *pairings {
        audit.add(Rule::Pairing, "the contract accepts a proof although the pairings fail", Place::Whole);
    }
    if !parts.is_empty() {
        let detail =
            format!("the contract checks no proof with these parts of its key: {}", parts.join(", "));
        audit.add(Rule::Pairing, detail, Place::Whole);
    }
}

/// The numbers that the code pushes, in their order.
fn pushed(code: &[u8]) -> Vec<Constant> {
    let (mut constants, mut at) = (Vec::new(), 0);
    while let Some(instruction) = code.get(at) {
        let length = pushed_bytes(*instruction);
        if let Some(bytes) = code.get(at + 1..at + 1 + length).filter(|bytes| !bytes.is_empty()) {
            let mut value = [0; 32];
            value[32 - length..].copy_from_slice(bytes);
            constants.push(Constant { value, place: Place::Byte(at) });
        }
        at += 1 + length;
    }
    constants
}

/// Errors that only gnark's contracts have.
const GNARK_ERRORS: [&str; 2] = ["ProofInvalid()", "PublicInputNotInField()"];

/// Whether the code contains the selector, which a compiler may shift when it drops zeros at its end.
fn contains_selector(code: &[u8], signature: &str) -> bool {
    let hash: [u8; 32] = Keccak256::digest(signature).into();
    let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let shifted = number >> number.trailing_zeros().min(31);
    [number, shifted].iter().any(|number| {
        let bytes = number.to_be_bytes();
        let bytes = &bytes[(number.leading_zeros() / 8) as usize..];
        code.windows(bytes.len()).any(|window| window == bytes)
    })
}
