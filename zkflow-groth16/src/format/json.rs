//! `proof.json`, `public.json` and `verification_key.json`.
//!
//! - A number is a string of decimal digits below its modulus.
//! - A point of G1 is `[x, y, "1"]`, a point of G2 `[[x.c0, x.c1], [y.c0, y.c1], ["1", "0"]]`. Infinity is
//!   `["0", "1", "0"]` and `[["0", "0"], ["1", "0"], ["0", "0"]]`.
//! - `curve` and `protocol` may be missing, as in the proofs of other programs. `curve` is a name of BN254 that
//!   snarkjs accepts: bn128, bn254, altbn128, with any case and punctuation.
//! - `vk_alphabeta_12` is ignored, as by other verifiers. Unknown keys are ignored too.
//!
//! The documents ([`ProofDocument`], [`KeyDocument`]) and the texts made from them have keys in snarkjs'
//! order. A [`Value`] may sort its keys.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{One, Zero};
use serde_json::Value;

use crate::field::{Fq, Fq2};
use crate::proof::{Proof, VerifyingKey};
use crate::provenance::Label;
use node::Node;

mod document;
mod error;
mod export;
mod node;
mod text;

pub use document::{KeyDocument, ProofDocument};
pub use error::{JsonError, JsonProblem};
pub use export::{write_r1cs, write_witness, write_zkey};

/// A proof as JSON.
pub fn proof_to_json(proof: &Proof) -> Value {
    document::to_value(&ProofDocument::from(proof))
}

/// The text of `proof.json`, byte for byte as snarkjs writes it.
pub fn proof_text(proof: &Proof) -> String {
    text::to_text(&ProofDocument::from(proof))
}

/// Reads a proof.
///
/// # Errors
/// The path of the first value that is missing, has another type, is not below its modulus, or is off the
/// curve.
pub fn proof_from_json(value: &Value) -> Result<Proof, JsonError> {
    let document = Node::root(value);
    let proof = Proof {
        a: g1(&document.key("pi_a")?)?,
        b: g2(&document.key("pi_b")?)?,
        c: g1(&document.key("pi_c")?)?,
    };
    expect_protocol_and_curve(&document)?;
    Ok(proof)
}

/// Reads the text of `proof.json`.
///
/// # Errors
/// Those of [`proof_from_json`]; the text is not JSON.
pub fn read_proof(text: &[u8]) -> Result<Proof, JsonError> {
    proof_from_json(&parse(text)?)
}

/// Public signals as JSON.
pub fn public_to_json(signals: &[Fr]) -> Value {
    document::to_value(&document::public_signals(signals))
}

/// The text of `public.json`, byte for byte as snarkjs writes it.
pub fn public_text(signals: &[Fr]) -> String {
    text::to_text(&document::public_signals(signals))
}

/// Reads public signals.
///
/// # Errors
/// The path of the first value that is not a number below r.
pub fn public_from_json(value: &Value) -> Result<Vec<Fr>, JsonError> {
    Node::root(value).items(None)?.map(|item| item.number()).collect()
}

/// Reads the text of `public.json`.
///
/// # Errors
/// Those of [`public_from_json`]; the text is not JSON.
pub fn read_public(text: &[u8]) -> Result<Vec<Fr>, JsonError> {
    public_from_json(&parse(text)?)
}

/// A verification key as JSON.
pub fn vkey_to_json(key: &VerifyingKey) -> Value {
    document::to_value(&KeyDocument::from(key))
}

/// The text of `verification_key.json`, byte for byte as snarkjs writes it.
pub fn vkey_text(key: &VerifyingKey) -> String {
    text::to_text(&KeyDocument::from(key))
}

/// Like [`vkey_text`]; if the label is only claimed, the last member, `"provenance"`, says so.
pub fn labelled_vkey_text(key: &VerifyingKey, label: &Label) -> String {
    let provenance = label.is_claimed().then(|| label.to_string());
    text::to_text(&KeyDocument::from(key).with_provenance(provenance))
}

/// Reads a verification key.
///
/// # Errors
/// The path of the first value that is missing, has another type, is not below its modulus, or is off the
/// curve. `IC` must have `nPublic + 1` points.
pub fn vkey_from_json(value: &Value) -> Result<VerifyingKey, JsonError> {
    let document = Node::root(value);
    expect_protocol_and_curve(&document)?;
    let n_public = document.key("nPublic")?.count()?;
    let ic = document.key("IC")?;
    Ok(VerifyingKey {
        alpha_g1: g1(&document.key("vk_alpha_1")?)?,
        beta_g2: g2(&document.key("vk_beta_2")?)?,
        gamma_g2: g2(&document.key("vk_gamma_2")?)?,
        delta_g2: g2(&document.key("vk_delta_2")?)?,
        ic: ic.items(Some(n_public.saturating_add(1)))?.map(|item| g1(&item)).collect::<Result<_, _>>()?,
    })
}

/// Reads the text of `verification_key.json`.
///
/// # Errors
/// Those of [`vkey_from_json`]; the text is not JSON.
pub fn read_vkey(text: &[u8]) -> Result<VerifyingKey, JsonError> {
    vkey_from_json(&parse(text)?)
}

fn parse(text: &[u8]) -> Result<Value, JsonError> {
    serde_json::from_slice(text).map_err(|error| JsonError {
        path: String::new(),
        problem: JsonProblem::Syntax { line: error.line(), column: error.column() },
    })
}

fn expect_protocol_and_curve(document: &Node<'_>) -> Result<(), JsonError> {
    if let Some(protocol) = document.optional("protocol")? {
        protocol.expect_text(document::PROTOCOL)?;
    }
    document.optional("curve")?.map_or(Ok(()), |curve| curve.expect_bn254())
}

fn g1(node: &Node<'_>) -> Result<G1Affine, JsonError> {
    let [x, y, z] = node.array()?;
    let (x, y, z) = (x.number::<Fq>()?, y.number::<Fq>()?, z.number::<Fq>()?);
    if x.is_zero() && y.is_one() && z.is_zero() {
        return Ok(G1Affine::identity());
    }
    let point = G1Affine::new_unchecked(x, y);
    check(node, z.is_one(), point.is_on_curve())?;
    Ok(point)
}

fn g2(node: &Node<'_>) -> Result<G2Affine, JsonError> {
    let [x, y, z] = node.array()?;
    let (x, y, z) = (fq2(&x)?, fq2(&y)?, fq2(&z)?);
    if x.is_zero() && y.is_one() && z.is_zero() {
        return Ok(G2Affine::identity());
    }
    let point = G2Affine::new_unchecked(x, y);
    check(node, z.is_one(), point.is_on_curve())?;
    Ok(point)
}

fn fq2(node: &Node<'_>) -> Result<Fq2, JsonError> {
    let [c0, c1] = node.array()?;
    Ok(Fq2::new(c0.number()?, c1.number()?))
}

fn check(node: &Node<'_>, is_affine: bool, is_on_curve: bool) -> Result<(), JsonError> {
    match (is_affine, is_on_curve) {
        (false, _) => Err(node.error(JsonProblem::NotAffine)),
        (true, false) => Err(node.error(JsonProblem::NotOnCurve)),
        (true, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
