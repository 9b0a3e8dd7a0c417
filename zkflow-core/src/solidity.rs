//! A verification key as a contract that verifies on chain.

use std::fmt::{self, Write as _};

use crate::calldata::{g1_words, g2_words};
use crate::digest::Digest;
use crate::id::CircuitId;
use crate::setup::{Hash, Provenance};
use crate::verify::VerifyingKey;

/// What the contract says about itself in a comment. Nothing textual from outside can stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractHeader {
    /// The circuit.
    pub circuit: ContractCircuit,
    /// Who could forge proofs.
    pub provenance: Provenance,
    /// The SHA-256 of `verification_key.json`.
    pub verification_key: Digest,
}

/// How a contract names its circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractCircuit {
    /// By its identity, where the circuit came from a template.
    Id(CircuitId),
    /// By the circuit hash of its key, where the key is all there is.
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

/// The name of the contract.
pub const CONTRACT_NAME: &str = "Groth16Verifier";

const TEMPLATE: &str = include_str!("solidity/Groth16Verifier.sol");

/// The Solidity source of a contract that verifies proofs for `key`, with
/// `verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[N]) view returns (bool)`, the ABI of the
/// contracts that snarkjs exports. Solidity has no empty arrays: for `N = 0` the last argument is absent.
///
/// # Behaviour of the contract
/// - `false`, and never a revert, on signals at or above r, coordinates at or above q, points off their
///   curve and proofs that do not verify.
/// - A transaction costs about 207 000 gas and 6 700 for each signal, less than with the contracts of snarkjs 0.7.6. The
///   code grows by some 110 bytes for each signal, so the limit of 24 576 bytes (EIP-170) is met at some 200 signals.
/// - A precompiled contract that fails takes the gas it was given, and running out of gas looks like a
///   proof that does not verify: give a limit, since `eth_estimateGas` finds the cost of `false`.
/// - The point at infinity is `(0, 0)`, as in EIP-196.
///
/// # Panics
/// If the key has no IC points; a [`Verifier`](crate::verify::Verifier) has checked that.
pub fn verifier_contract(key: &VerifyingKey, header: &ContractHeader) -> String {
    let n_public = key.n_public();
    let warning = match header.provenance {
        Provenance::Development => {
            "//\n// NOT FOR PRODUCTION: a single process made this key, and its operator could forge proofs.\n"
        }
        _ => "",
    };
    let signals_parameter = match n_public {
        0 => String::new(),
        n => format!(",\n        uint256[{n}] calldata pubSignals"),
    };
    fill(&[
        ("circuit", &header.circuit.to_string()),
        ("provenance", &header.provenance.to_string()),
        ("digest", &header.verification_key.to_string()),
        ("warning\n", warning),
        ("constants\n", &constants(key)),
        ("signals_parameter", &signals_parameter),
        ("range_checks\n", &range_checks(n_public)),
        ("accumulations\n", &accumulations(n_public)),
    ])
}

/// Replaces each `@name@` of the template; a name that ends in a line break takes that of its line.
fn fill(values: &[(&str, &str)]) -> String {
    values.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| {
        let marker = match name.strip_suffix('\n') {
            Some(name) => format!("@{name}@\n"),
            None => format!("@{name}@"),
        };
        text.replace(&marker, value)
    })
}

fn constants(key: &VerifyingKey) -> String {
    let mut words = Vec::new();
    let mut push = |name: &str, suffixes: &[&str], values: &[String]| {
        words.extend(
            suffixes.iter().zip(values).map(|(suffix, value)| (format!("{name}_{suffix}"), value.clone())),
        );
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
    lines(words.iter().map(|(name, value)| format!("    uint256 private constant {name} = {value};")))
}

fn range_checks(n_public: usize) -> String {
    let check = |i| {
        let signal = signal(i);
        format!("            valid := and(valid, lt({signal}, R))")
    };
    if n_public == 0 {
        return String::new();
    }
    format!(
        "            // Signals below r: another number that is equal modulo r would pass as a second signal.\n{}",
        lines((0..n_public).map(check))
    )
}

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
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr;

    use super::*;

    fn contract(n_public: usize, provenance: Provenance) -> String {
        let key = VerifyingKey {
            alpha_g1: G1Affine::generator(),
            beta_g2: G2Affine::generator(),
            gamma_g2: G2Affine::generator(),
            delta_g2: G2Affine::generator(),
            ic: vec![G1Affine::generator(); n_public + 1],
        };
        let digest = Digest::of("key");
        let circuit = ContractCircuit::Id(CircuitId::from_hash(&digest));
        let header = ContractHeader { circuit, provenance, verification_key: digest };
        verifier_contract(&key, &header)
    }

    #[test]
    fn every_marker_is_filled_and_every_signal_checked_and_used() {
        for n in [0, 1, 3, 16] {
            let source = contract(n, Provenance::Development);
            assert!(!source.contains('@'), "{source}");
            assert_eq!(source.matches(", R))").count(), n);
            assert_eq!(source.matches("and(valid, accumulate(").count(), n);
            assert_eq!(source.contains(&format!("uint256[{n}] calldata pubSignals")), n > 0);
            assert_eq!(source.contains("pubSignals"), n > 0);
        }
    }

    #[test]
    fn the_header_names_circuit_provenance_and_key() {
        let source = contract(1, Provenance::Development);
        let digest = Digest::of("key");
        assert!(source.contains(&format!("sha256 {digest}")));
        assert!(source.contains(&digest.to_string()[..32]));
        assert!(source.contains("provenance:   development") && source.contains("NOT FOR PRODUCTION"));
        let source = contract(1, Provenance::Ceremony(3));
        assert!(source.contains("provenance:   ceremony(3)") && !source.contains("NOT FOR PRODUCTION"));
    }
}
