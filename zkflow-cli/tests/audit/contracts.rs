//! Verifier contracts in the layouts of other programs.
//!
//! The contracts of snarkjs are written by the templates in its npm packages. That of gnark is written here, with the layout of
//! the original.

use std::path::Path;

use ark_bn254::{Fq, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::zkey::KeyHead;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::setup::gate;
use zkflow_core::solidity::{CONTRACT_NAME, ContractCircuit, ContractHeader, verifier_contract};

use super::snarkjs::Version;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Snarkjs(Version),
    Gnark,
    ZkFlow,
}

pub(crate) const LAYOUTS: [Layout; 6] = [
    Layout::Snarkjs(Version::V04),
    EARLY,
    Layout::Snarkjs(Version::V072),
    SNARKJS,
    Layout::Gnark,
    Layout::ZkFlow,
];

/// snarkjs before 0.7.
pub(crate) const EARLY: Layout = Layout::Snarkjs(Version::V06);
pub(crate) const SNARKJS: Layout = Layout::Snarkjs(Version::Present);

pub(crate) fn contract(layout: Layout, key: &VerifyingKey) -> String {
    contracts(layout, &[key]).remove(0)
}

pub(crate) fn contracts(layout: Layout, keys: &[&VerifyingKey]) -> Vec<String> {
    match layout {
        Layout::Snarkjs(version) => version.contracts(keys),
        Layout::Gnark => keys.iter().map(|key| of_gnark(key)).collect(),
        Layout::ZkFlow => keys.iter().map(|key| verifier_contract(key, &header(key))).collect(),
    }
}

/// The source for the compiler and the name of contract of the tests: early ones ask for another.
pub(crate) fn compilable(source: &str) -> String {
    source
        .replace("pragma solidity ^0.6.11;", "pragma solidity >=0.6.11;")
        .replace("contract Verifier {", &format!("contract {CONTRACT_NAME} {{"))
}

fn of_gnark(key: &VerifyingKey) -> String {
    [("n", key.n_public().to_string()), ("key", constants(key)), ("sums", sums(key))]
        .iter()
        .fold(include_str!("gnark.sol").to_owned(), |text, (name, value)| {
            text.replace(&format!("@{name}@"), value)
        })
}

fn constants(key: &VerifyingKey) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: Fq| text += &format!("    uint256 constant {name} = {value};\n");
    let [x, y] = self::x(&key.alpha_g1);
    put("ALPHA_X", x);
    put("ALPHA_Y", y);
    for (name, point) in [("BETA", key.beta_g2), ("GAMMA", key.gamma_g2), ("DELTA", key.delta_g2)] {
        for (part, value) in ["X_1", "X_0", "Y_1", "Y_0"].into_iter().zip(xy(&-point)) {
            put(&format!("{name}_NEG_{part}"), value);
        }
    }
    for (i, point) in key.ic.iter().enumerate() {
        let name = if i == 0 { "CONSTANT".to_owned() } else { format!("PUB_{}", i - 1) };
        let [x, y] = self::x(point);
        put(&format!("{name}_X"), x);
        put(&format!("{name}_Y"), y);
    }
    text
}

fn sums(key: &VerifyingKey) -> String {
    let one = |i: usize| {
        format!(
            "mstore(g, PUB_{i}_X)\nmstore(add(g, 0x20), PUB_{i}_Y)\ns := calldataload(add(input, {}))\n\
             mstore(add(g, 0x40), s)\nsuccess := and(success, lt(s, R))\n\
             success := and(success, staticcall(gas(), 0x07, g, 0x60, g, 0x40))\n\
             success := and(success, staticcall(gas(), 0x06, f, 0x80, f, 0x40))\n",
            32 * i
        )
    };
    (0..key.n_public()).map(one).collect()
}

fn x(point: &G1Affine) -> [Fq; 2] {
    point.xy().map_or_else(Default::default, |(x, y)| [x, y])
}

/// Coordinates in the order of the pairing precompile.
fn xy(point: &G2Affine) -> [Fq; 4] {
    point.xy().map_or_else(Default::default, |(x, y)| [x.c1, x.c0, y.c1, y.c0])
}

fn header(key: &VerifyingKey) -> ContractHeader {
    // The label of an honest key: only a check makes one.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data/tiny.zkey");
    let honest: KeyHead = zkflow_core::format::zkey::ZKey::read(&std::fs::read(path).unwrap()).unwrap().head;
    ContractHeader {
        circuit: ContractCircuit::Hash([7; 64]),
        label: gate::judge(&honest).admit(true).unwrap(),
        verification_key: Digest::of(json::vkey_text(key)),
    }
}
