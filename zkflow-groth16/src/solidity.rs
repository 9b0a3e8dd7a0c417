//! Writes the Solidity source of a contract that verifies proofs for one key, and reads the key back.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::{PrimeField, Zero};
use num_bigint::BigUint;

use crate::calldata::{Word, g1_words, g2_words, hex_word};
use crate::digest::Digest;
use crate::digest::Hash;
use crate::id::CircuitId;
use crate::proof::VerifyingKey;
use crate::provenance::{Label, Provenance};
use crate::verify::Verifier;

mod assembler;
mod code;

pub use code::{CODE_LIMIT, ContractCode, NoCode, SOLC_BUILD, contract_code, verify_selector};

/// Facts in the comment at the top of a contract. The types exclude arbitrary text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractHeader {
    /// Id or hash of the circuit.
    pub circuit: ContractCircuit,
    /// The parties that could forge proofs, with the evidence for it.
    pub label: Label,
    /// SHA-256 of `verification_key.json`.
    pub verification_key: Digest,
}

/// Name of the circuit in a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractCircuit {
    /// Id of a circuit made from a template.
    Id(CircuitId),
    /// Circuit hash of the key, if only the key is known.
    Hash(Hash),
}

impl fmt::Display for ContractCircuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id.as_str()),
            Self::Hash(hash) => write!(f, "blake2b {}", hex::encode(hash)),
        }
    }
}

/// Name of the contract.
pub const CONTRACT_NAME: &str = "Groth16Verifier";

/// Signature of `verifyProof` in a contract with `n_public` public signals; its hash is the function's selector.
pub fn verify_signature(n_public: usize) -> String {
    match n_public {
        0 => "verifyProof(uint256[2],uint256[2][2],uint256[2])".to_owned(),
        n => format!("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{n}])"),
    }
}

/// The source with its markers. Any change of this text, comments too, makes stored contracts of earlier versions fail
/// with `contract_altered`: a stored source must equal the one that is written again.
const TEMPLATE: &str = include_str!("solidity/Groth16Verifier.sol");

/// The Solidity source of a contract that verifies proofs for `key`.
///
/// ```solidity
/// function verifyProof(uint256[2], uint256[2][2], uint256[2], uint256[N]) external view returns (bool)
/// ```
///
/// This is the ABI of the contracts that snarkjs exports. Solidity has no empty arrays: for `N = 0` the last
/// argument is omitted.
///
/// # Behaviour of the contract
/// - Returns `false` and does not revert if a signal is not below r, a coordinate is not below q, a point is off its
///   curve, or the proof is wrong.
/// - A transaction costs about `207 000 + 6 700 N` gas, less than with the contracts of snarkjs 0.7.6.
/// - The code grows by about 85 bytes per signal. About 290 signals reach the limit of 24 576 bytes (EIP-170).
/// - A precompiled contract that fails consumes all its gas, and a lack of gas looks like a wrong proof. Set a gas
///   limit: `eth_estimateGas` returns the cost of `false`.
/// - The point at infinity is `(0, 0)`, as in EIP-196.
///
/// # Panics
/// If the key has no IC points; [`Verifier::new`] refuses such a key.
pub fn verifier_contract(key: &VerifyingKey, header: &ContractHeader) -> String {
    let warning = match header.label.provenance() {
        Provenance::Development => {
            "//\n// NOT FOR PRODUCTION: a single process made this key, and its operator could forge proofs.\n"
        }
        _ => "",
    };
    source(key, &header.circuit, &header.label.to_string(), &header.verification_key, warning)
}

/// The same source for a key that any person can forge proofs for, with a warning at its top. No check of a deployment
/// admits it: it is not the [`verifier_contract`] of any label.
pub fn forgeable_contract(
    key: &VerifyingKey,
    circuit: &ContractCircuit,
    verification_key: &Digest,
) -> String {
    let warning = "//\n// NEVER DEPLOY THIS CONTRACT: any person can forge proofs for its key. Replace every deployed one.\n";
    source(key, circuit, "forgeable", verification_key, warning)
}

fn source(
    key: &VerifyingKey,
    circuit: &ContractCircuit,
    provenance: &str,
    verification_key: &Digest,
    warning: &str,
) -> String {
    let n_public = key.n_public();
    let signals_parameter = match n_public {
        0 => String::new(),
        n => format!(",\n        uint256[{n}] calldata pubSignals"),
    };
    let constants = lines(
        words(key)
            .iter()
            .map(|(name, word)| format!("    uint256 private constant {name} = {};", hex_word(word))),
    );
    fill(
        TEMPLATE,
        &[
            ("circuit", &circuit.to_string()),
            ("provenance", provenance),
            ("digest", &verification_key.to_string()),
            ("warning\n", warning),
            ("constants\n", &constants),
            ("signals_parameter", &signals_parameter),
            ("accumulations\n", &accumulations(n_public)),
        ],
    )
}

/// Replaces each `@name@` of a template. For a name that ends with a line break, replaces the marker and the line
/// break after it.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| {
        let marker = match name.strip_suffix('\n') {
            Some(name) => format!("@{name}@\n"),
            None => format!("@{name}@"),
        };
        text.replace(&marker, value)
    })
}

/// The constants of a contract by name, in the order of the source.
fn words(key: &VerifyingKey) -> Vec<(String, Word)> {
    let mut words = Vec::new();
    let mut push = |name: &str, suffixes: &[&str], values: &[Word]| {
        words.extend(suffixes.iter().zip(values).map(|(suffix, value)| (format!("{name}_{suffix}"), *value)));
    };
    const G1: &[&str] = &["X", "Y"];
    const G2: &[&str] = &["X1", "X0", "Y1", "Y0"];
    push("ALPHA", G1, &g1_words(&key.alpha_g1));
    push("BETA", G2, &g2_words(&key.beta_g2));
    push("GAMMA", G2, &g2_words(&key.gamma_g2));
    push("DELTA", G2, &g2_words(&key.delta_g2));
    for (i, point) in key.ic.iter().enumerate() {
        push(&format!("IC{i}"), G1, &g1_words(point));
    }
    words
}

/// Reads the verification key from the source of a contract that [`verifier_contract`] made. Checks its points as
/// [`Verifier::new`] does.
///
/// # Errors
/// [`UnreadableContract`] contains the name of a constant that is missing or malformed, or the reason why the key is
/// refused.
pub fn verifying_key_of(source: &str) -> Result<VerifyingKey, UnreadableContract> {
    let words: BTreeMap<&str, &str> = source
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("uint256 private constant ")?.strip_suffix(';')?.split_once(" = ")
        })
        .collect();
    let missing = |name: &str| UnreadableContract(name.to_owned());
    let coordinate = |name: &str| {
        let digits = words.get(name).and_then(|word| word.strip_prefix("0x")).ok_or_else(|| missing(name))?;
        let value = BigUint::parse_bytes(digits.as_bytes(), 16).ok_or_else(|| missing(name))?;
        Fq::from_bigint(value.try_into().map_err(|_| missing(name))?).ok_or_else(|| missing(name))
    };
    let g1 = |name: &str| {
        let (x, y) = (coordinate(&format!("{name}_X"))?, coordinate(&format!("{name}_Y"))?);
        Ok(if x.is_zero() && y.is_zero() { G1Affine::identity() } else { G1Affine::new_unchecked(x, y) })
    };
    let g2 = |name: &str| {
        let half = |suffix: &str| coordinate(&format!("{name}_{suffix}"));
        let (x, y) = (Fq2::new(half("X0")?, half("X1")?), Fq2::new(half("Y0")?, half("Y1")?));
        Ok(if x.is_zero() && y.is_zero() { G2Affine::identity() } else { G2Affine::new_unchecked(x, y) })
    };
    let ic =
        (0..).map(|i| format!("IC{i}")).take_while(|name| words.contains_key(format!("{name}_X").as_str()));
    let key = VerifyingKey {
        alpha_g1: g1("ALPHA")?,
        beta_g2: g2("BETA")?,
        gamma_g2: g2("GAMMA")?,
        delta_g2: g2("DELTA")?,
        ic: ic.map(|name| g1(&name)).collect::<Result<_, _>>()?,
    };
    let verifier = Verifier::new(key).map_err(|error| UnreadableContract(error.to_string()))?;
    Ok(verifier.key().clone())
}

/// The circuit that the header of a contract names; `None` if there is none.
///
/// The name is not checked: compare the source with [`verifier_contract`].
pub fn circuit_of(source: &str) -> Option<ContractCircuit> {
    let named = source.lines().find_map(|line| line.strip_prefix("// circuit:"))?.trim();
    match named.strip_prefix("blake2b ") {
        Some(hash) => Some(ContractCircuit::Hash(hex::decode(hash).ok()?.try_into().ok()?)),
        None => Some(ContractCircuit::Id(named.parse().ok()?)),
    }
}

/// The source of a contract contains no valid verification key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the contract contains no verification key: {0}")]
pub struct UnreadableContract(String);

fn accumulations(n_public: usize) -> String {
    lines((0..n_public).map(|i| {
        let (point, signal) = (i + 1, signal(i));
        format!("            valid := and(valid, accumulate(IC{point}_X, IC{point}_Y, {signal}))")
    }))
}

fn signal(i: usize) -> String {
    match i {
        0 => "calldataload(pubSignals)".to_owned(),
        i => format!("calldataload(add(pubSignals, {}))", 32 * i),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").expect("writing to a string does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ec::AffineRepr;

    use super::*;

    /// A key whose points all differ; one of them is infinity.
    fn key(n_public: usize) -> VerifyingKey {
        let g1 = |n: u64| (G1Affine::generator() * Fr::from(n)).into();
        let g2 = |n: u64| (G2Affine::generator() * Fr::from(n)).into();
        let ic = (0..=n_public as u64).map(|i| g1(i * 10));
        VerifyingKey { alpha_g1: g1(2), beta_g2: g2(3), gamma_g2: g2(4), delta_g2: g2(5), ic: ic.collect() }
    }

    fn contract(n_public: usize, provenance: Provenance) -> String {
        let key = key(n_public);
        let digest = Digest::of("key");
        let circuit = ContractCircuit::Id(CircuitId::from_hash(&digest));
        let header =
            ContractHeader { circuit, label: Label::new(provenance, false), verification_key: digest };
        verifier_contract(&key, &header)
    }

    #[test]
    fn every_marker_is_filled_and_every_signal_checked_and_used() {
        for n in [0, 1, 3, 16] {
            let source = contract(n, Provenance::Development);
            assert!(!source.contains('@'), "{source}");
            // `accumulate` is the only use of a signal, and compares it with r first.
            assert_eq!(source.matches("done := lt(scalar, R)\n").count(), 1);
            assert_eq!(source.matches("and(valid, accumulate(").count(), n);
            assert_eq!(source.matches("calldataload(pubSignals)").count(), n.min(1));
            assert_eq!(source.matches("calldataload(add(pubSignals, ").count(), n.saturating_sub(1));
            assert_eq!(source.contains(&format!("uint256[{n}] calldata pubSignals")), n > 0);
            assert_eq!(source.contains("pubSignals"), n > 0);
        }
    }

    #[test]
    fn a_contract_holds_its_key() {
        for n in [0, 1, 16] {
            let source = contract(n, Provenance::Development);
            assert_eq!(verifying_key_of(&source), Ok(key(n)));
            for (from, to) in [
                ("DELTA_Y0", "DELTA_Y9"),
                ("ALPHA_X = 0x", "ALPHA_X = 0xf"),
                ("ALPHA_X = 0x0", "ALPHA_X = 0x1"),
            ] {
                let spoiled = source.replace(from, to);
                assert!(spoiled == source || verifying_key_of(&spoiled).is_err(), "{from} → {to}");
            }
        }
        assert!(verifying_key_of("").is_err());
    }

    #[test]
    fn the_header_names_circuit_provenance_and_key() {
        let source = contract(1, Provenance::Development);
        let digest = Digest::of("key");
        assert!(source.contains(&format!("sha256 {digest}")));
        assert!(source.contains(&digest.to_string()[..32]));
        assert_eq!(circuit_of(&source), Some(ContractCircuit::Id(CircuitId::from_hash(&digest))));
        assert_eq!(circuit_of("contract X {}"), None);
        assert!(source.contains("provenance:   development") && source.contains("NOT FOR PRODUCTION"));
        let source = contract(1, Provenance::Ceremony(3));
        assert!(source.contains("provenance:   ceremony(3)") && !source.contains("NOT FOR PRODUCTION"));
    }
}
