//! JSON documents with snarkjs' keys, in snarkjs' order.

use ark_bn254::{Bn254, Fq, Fq2, Fq6, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use serde::Serialize;
use serde_json::Value;

use crate::field::to_decimal;
use crate::proof::{Proof, VerifyingKey};

/// `proof.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofDocument {
    pi_a: G1Text,
    pi_b: G2Text,
    pi_c: G1Text,
    protocol: &'static str,
    curve: &'static str,
}

impl From<&Proof> for ProofDocument {
    fn from(proof: &Proof) -> Self {
        Self { pi_a: g1(&proof.a), pi_b: g2(&proof.b), pi_c: g1(&proof.c), protocol: PROTOCOL, curve: CURVE }
    }
}

/// `verification_key.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyDocument {
    protocol: &'static str,
    curve: &'static str,
    #[serde(rename = "nPublic")]
    n_public: usize,
    vk_alpha_1: G1Text,
    vk_beta_2: G2Text,
    vk_gamma_2: G2Text,
    vk_delta_2: G2Text,
    /// `e(alpha, beta)`.
    vk_alphabeta_12: [[Fq2Text; 3]; 2],
    #[serde(rename = "IC")]
    ic: Vec<G1Text>,
    /// Not in snarkjs: the label of a key, if it is only claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<String>,
}

impl KeyDocument {
    pub(super) fn with_provenance(self, provenance: Option<String>) -> Self {
        Self { provenance, ..self }
    }
}

impl From<&VerifyingKey> for KeyDocument {
    fn from(key: &VerifyingKey) -> Self {
        let alpha_beta = Bn254::pairing(key.alpha_g1, key.beta_g2).0;
        Self {
            protocol: PROTOCOL,
            curve: CURVE,
            n_public: key.n_public(),
            vk_alpha_1: g1(&key.alpha_g1),
            vk_beta_2: g2(&key.beta_g2),
            vk_gamma_2: g2(&key.gamma_g2),
            vk_delta_2: g2(&key.delta_g2),
            vk_alphabeta_12: [fq6(&alpha_beta.c0), fq6(&alpha_beta.c1)],
            ic: key.ic.iter().map(g1).collect(),
            provenance: None,
        }
    }
}

/// `public.json`.
pub(super) fn public_signals(signals: &[Fr]) -> Vec<String> {
    signals.iter().map(to_decimal).collect()
}

pub(super) fn to_value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("keys are strings, and nothing else can fail")
}

type Fq2Text = [String; 2];
pub(super) type G1Text = [String; 3];
pub(super) type G2Text = [Fq2Text; 3];

pub(super) fn g1(point: &G1Affine) -> G1Text {
    let (x, y, z) = match point.xy() {
        Some((x, y)) => (x, y, Fq::from(1u64)),
        None => (Fq::from(0u64), Fq::from(1u64), Fq::from(0u64)),
    };
    [x, y, z].map(|coordinate| to_decimal(&coordinate))
}

pub(super) fn g2(point: &G2Affine) -> G2Text {
    let (x, y, z) = match point.xy() {
        Some((x, y)) => (x, y, Fq2::from(1u64)),
        None => (Fq2::from(0u64), Fq2::from(1u64), Fq2::from(0u64)),
    };
    [x, y, z].map(|coordinate| fq2(&coordinate))
}

fn fq2(element: &Fq2) -> Fq2Text {
    [to_decimal(&element.c0), to_decimal(&element.c1)]
}

fn fq6(element: &Fq6) -> [Fq2Text; 3] {
    [fq2(&element.c0), fq2(&element.c1), fq2(&element.c2)]
}

pub(super) const PROTOCOL: &str = "groth16";
pub(super) const CURVE: &str = "bn128";
