//! Files of other formats as JSON, byte for byte as `snarkjs r1cs export json`, `wtns export json` and `zkey export
//! json` write them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ff::PrimeField;
use serde::{Serialize, Serializer};

use super::document::{G1Text, G2Text, PROTOCOL, g1, g2};
use super::text;
use crate::field::to_decimal;
use crate::format::r1cs::{LinearCombination, R1cs};
use crate::format::zkey::{Coefficient, Matrix, ZKey};
use crate::witness::Witness;

/// Writes a constraint system as JSON.
///
/// # Errors
/// `out` fails.
pub fn write_r1cs(r1cs: &R1cs, out: impl Write) -> io::Result<()> {
    text::write(&R1csDocument::from(r1cs), out)
}

/// Writes the values of a witness as JSON. They contain every secret.
///
/// # Errors
/// `out` fails.
pub fn write_witness(witness: &Witness, out: impl Write) -> io::Result<()> {
    text::write(&Each(witness.values(), to_decimal), out)
}

/// Writes a proving key as JSON, without its contributions.
///
/// # Errors
/// `out` fails.
pub fn write_zkey(key: &ZKey, out: impl Write) -> io::Result<()> {
    text::write(&ZKeyDocument::from(key), out)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct R1csDocument<'a> {
    n8: u32,
    prime: String,
    n_vars: u32,
    n_outputs: u32,
    n_pub_inputs: u32,
    n_prv_inputs: u32,
    n_labels: u64,
    n_constraints: usize,
    use_custom_gates: bool,
    constraints: Constraints<'a>,
    map: &'a [u64],
    custom_gates: [(); 0],
    custom_gates_uses: [(); 0],
}

impl<'a> From<&'a R1cs> for R1csDocument<'a> {
    fn from(r1cs: &'a R1cs) -> Self {
        Self {
            n8: FIELD_BYTES,
            prime: Fr::MODULUS.to_string(),
            n_vars: r1cs.n_wires,
            n_outputs: r1cs.n_outputs,
            n_pub_inputs: r1cs.n_public_inputs,
            n_prv_inputs: r1cs.n_private_inputs,
            n_labels: r1cs.n_labels,
            n_constraints: r1cs.constraints.len(),
            use_custom_gates: false,
            constraints: Constraints(r1cs),
            map: &r1cs.labels,
            custom_gates: [],
            custom_gates_uses: [],
        }
    }
}

struct Constraints<'a>(&'a R1cs);

impl Serialize for Constraints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.constraints.iter().map(|row| [&row.a, &row.b, &row.c].map(by_wire)))
    }
}

/// Coefficients in the order of their wires.
fn by_wire(combination: &LinearCombination) -> BTreeMap<u32, String> {
    combination.iter().map(|(wire, value)| (*wire, to_decimal(value))).collect()
}

#[derive(Serialize)]
struct ZKeyDocument<'a> {
    protocol: &'static str,
    n8q: u32,
    q: String,
    n8r: u32,
    r: String,
    #[serde(rename = "nVars")]
    n_vars: u32,
    #[serde(rename = "nPublic")]
    n_public: u32,
    #[serde(rename = "domainSize")]
    domain_size: u32,
    power: u32,
    vk_alpha_1: G1Text,
    vk_beta_1: G1Text,
    vk_beta_2: G2Text,
    vk_gamma_2: G2Text,
    vk_delta_1: G1Text,
    vk_delta_2: G2Text,
    #[serde(rename = "IC")]
    ic: Each<'a, G1Affine, G1Text>,
    ccoefs: Each<'a, Coefficient, CoefficientDocument>,
    #[serde(rename = "A")]
    a: Each<'a, G1Affine, G1Text>,
    #[serde(rename = "B1")]
    b1: Each<'a, G1Affine, G1Text>,
    #[serde(rename = "B2")]
    b2: Each<'a, ark_bn254::G2Affine, G2Text>,
    #[serde(rename = "C")]
    c: PrivatePoints<'a>,
    #[serde(rename = "hExps")]
    h: Each<'a, G1Affine, G1Text>,
}

impl<'a> From<&'a ZKey> for ZKeyDocument<'a> {
    fn from(key: &'a ZKey) -> Self {
        let (head, vk) = (&key.head, &key.head.vk);
        Self {
            protocol: PROTOCOL,
            n8q: FIELD_BYTES,
            q: Fq::MODULUS.to_string(),
            n8r: FIELD_BYTES,
            r: Fr::MODULUS.to_string(),
            n_vars: head.n_vars,
            n_public: head.n_public,
            domain_size: head.domain_size,
            power: head.domain_size.ilog2(),
            vk_alpha_1: g1(&vk.alpha_g1),
            vk_beta_1: g1(&head.beta_g1),
            vk_beta_2: g2(&vk.beta_g2),
            vk_gamma_2: g2(&vk.gamma_g2),
            vk_delta_1: g1(&head.delta_g1),
            vk_delta_2: g2(&vk.delta_g2),
            ic: Each(&vk.ic, g1),
            ccoefs: Each(&key.coefficients, coefficient),
            a: Each(&key.a, g1),
            b1: Each(&key.b1, g1),
            b2: Each(&key.b2, g2),
            c: PrivatePoints { public: vk.ic.len(), points: &key.c },
            h: Each(&key.h, g1),
        }
    }
}

#[derive(Serialize)]
struct CoefficientDocument {
    matrix: u32,
    constraint: u32,
    signal: u32,
    value: String,
}

fn coefficient(entry: &Coefficient) -> CoefficientDocument {
    let matrix = match entry.matrix {
        Matrix::A => 0,
        Matrix::B => 1,
    };
    let (constraint, signal) = (entry.constraint, entry.signal);
    CoefficientDocument { matrix, constraint, signal, value: to_decimal(&entry.value) }
}

/// One point per wire: `null` for the constant one and the public signals, which have none.
struct PrivatePoints<'a> {
    public: usize,
    points: &'a [G1Affine],
}

impl Serialize for PrivatePoints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let none = std::iter::repeat_n(None, self.public);
        serializer.collect_seq(none.chain(self.points.iter().map(|point| Some(g1(point)))))
    }
}

/// A list whose items become text one at a time.
struct Each<'a, T, U>(&'a [T], fn(&T) -> U);

impl<T, U: Serialize> Serialize for Each<'_, T, U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

/// Length of a field element in files.
const FIELD_BYTES: u32 = 32;
