//! A proof as arguments of a verifier contract.

use std::fmt::Write as _;

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};

use crate::proof::{Proof, PublicSignals};

/// The arguments of `verifyProof` on one line, as `snarkjs zkey export soliditycalldata` writes them:
///
/// ```text
/// ["0xA.x", "0xA.y"],[["0xB.x.c1", "0xB.x.c0"],["0xB.y.c1", "0xB.y.c0"]],["0xC.x", "0xC.y"],["0xs1","0xs2"]
/// ```
///
/// - Every number has 64 hex digits. The halves of an Fq2 element are swapped, as the pairing precompile
///   (EIP-197) expects.
/// - Only commas inside points are followed by a space.
/// - The point at infinity is `0, 0`, as in EIP-196 and EIP-197.
/// - Without public signals the last group is `[]`, and the contract's function has three arguments; see
///   [`solidity`](crate::solidity).
///
/// ```
/// use zkflow_groth16::calldata::calldata;
/// use zkflow_groth16::format::json;
/// use zkflow_groth16::proof::PublicSignals;
///
/// # std::env::set_current_dir("tests/data")?;
/// let key = json::read_vkey(&std::fs::read("tiny.vkey.json")?)?;
/// let proof = json::read_proof(&std::fs::read("tiny.proof.json")?)?;
/// let public = PublicSignals::for_key(&key, json::read_public(&std::fs::read("tiny.public.json")?)?)?;
/// assert!(calldata(&proof, &public).starts_with("[\"0x"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn calldata(proof: &Proof, public: &PublicSignals) -> String {
    calldata_of(proof, public.values())
}

/// Like [`calldata`], for signals whose number was not compared with a key.
pub fn calldata_of(proof: &Proof, signals: &[Fr]) -> String {
    let mut text = format!("{},{},{},[", g1(&proof.a), g2(&proof.b), g1(&proof.c));
    for (i, signal) in signals.iter().enumerate() {
        let separator = if i == 0 { "" } else { "," };
        write!(text, "{separator}\"{}\"", hex_word(&word(signal)))
            .expect("writing to a string does not fail");
    }
    text.push(']');
    text
}

/// The arguments of `verifyProof` as ABI words, in order; all of them are arrays of fixed length.
pub fn words(proof: &Proof, public: &PublicSignals) -> Vec<[u8; 32]> {
    let (a, b, c) = (g1_coordinates(&proof.a), g2_coordinates(&proof.b), g1_coordinates(&proof.c));
    let points = a.into_iter().chain(b).chain(c).map(|coordinate| word(&coordinate));
    points.chain(public.values().iter().map(word)).collect()
}

/// A number of the EVM, big-endian.
pub(crate) type Word = [u8; 32];

/// `value` as an EVM word.
pub(crate) fn word<F: PrimeField>(value: &F) -> Word {
    let bytes = value.into_bigint().to_bytes_be();
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(&bytes);
    word
}

/// `0x` and 64 hex digits.
pub(crate) fn hex_word(word: &Word) -> String {
    format!("0x{}", hex::encode(word))
}

/// Coordinates of a point as EVM words; zeros for the point at infinity.
pub(crate) fn g1_words(point: &G1Affine) -> [Word; 2] {
    g1_coordinates(point).map(|coordinate| word(&coordinate))
}

/// Coordinates of a point as EVM words, `x.c1, x.c0, y.c1, y.c0`; zeros for the point at infinity.
pub(crate) fn g2_words(point: &G2Affine) -> [Word; 4] {
    g2_coordinates(point).map(|coordinate| word(&coordinate))
}

fn g1_coordinates(point: &G1Affine) -> [Fq; 2] {
    let (x, y) = point.xy().unwrap_or_default();
    [x, y]
}

fn g2_coordinates(point: &G2Affine) -> [Fq; 4] {
    let (x, y) = point.xy().unwrap_or_default();
    [x.c1, x.c0, y.c1, y.c0]
}

fn g1(point: &G1Affine) -> String {
    let [x, y] = g1_words(point).each_ref().map(hex_word);
    format!(r#"["{x}", "{y}"]"#)
}

fn g2(point: &G2Affine) -> String {
    let [x1, x0, y1, y0] = g2_words(point).each_ref().map(hex_word);
    format!(r#"[["{x1}", "{x0}"],["{y1}", "{y0}"]]"#)
}
