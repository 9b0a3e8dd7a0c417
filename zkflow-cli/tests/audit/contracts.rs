//! Verifier contracts in the layouts of other programs.
//!
//! The contracts of snarkjs are written by its own template, from its npm package. The others are written here, with the
//! layout of the originals.

use std::path::{Path, PathBuf};
use std::process::Command;

use ark_bn254::{Fq, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::zkey::KeyHead;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::setup::gate;
use zkflow_core::solidity::{ContractCircuit, ContractHeader, verifier_contract};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// snarkjs 0.4 to 0.6.
    Early,
    /// snarkjs 0.7.6.
    Snarkjs,
    Gnark,
    ZkFlow,
}

pub(crate) const LAYOUTS: [Layout; 4] = [Layout::Early, Layout::Snarkjs, Layout::Gnark, Layout::ZkFlow];

pub(crate) fn contract(layout: Layout, key: &VerifyingKey) -> String {
    let fill = |template: &str, values: &[(&str, String)]| {
        values
            .iter()
            .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
    };
    let n = ("n", key.n_public().to_string());
    match layout {
        Layout::Early => fill(include_str!("early.sol"), &[n, ("key", assignments(key))]),
        Layout::Gnark => fill(include_str!("gnark.sol"), &[n, ("key", constants(key)), ("sums", sums(key))]),
        Layout::Snarkjs => of_snarkjs(key),
        Layout::ZkFlow => verifier_contract(key, &header(key)),
    }
}

fn assignments(key: &VerifyingKey) -> String {
    let g1 = |point: &G1Affine| format!("Pairing.G1Point({}, {})", x(point)[0], x(point)[1]);
    let g2 = |point: &G2Affine| {
        let [x1, x0, y1, y0] = xy(point);
        format!("Pairing.G2Point([{x1},\n {x0}], [{y1}, {y0}])")
    };
    let mut text = format!(
        "vk.alfa1 = {};\nvk.beta2 = {};\nvk.gamma2 = {};\nvk.delta2 = {};\nvk.IC = new Pairing.G1Point[]({});\n",
        g1(&key.alpha_g1),
        g2(&key.beta_g2),
        g2(&key.gamma_g2),
        g2(&key.delta_g2),
        key.ic.len()
    );
    for (i, point) in key.ic.iter().enumerate() {
        text += &format!("vk.IC[{i}] = {};\n", g1(point));
    }
    text
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

/// What `snarkjs zkey export solidityverifier` writes, by the template in its package.
fn of_snarkjs(key: &VerifyingKey) -> String {
    let script = "
        const [modules, key] = process.argv.slice(1);
        const ejs = require(modules + '/ejs');
        const template = require('fs').readFileSync(modules + '/snarkjs/templates/verifier_groth16.sol.ejs', 'utf8');
        process.stdout.write(ejs.render(template, JSON.parse(key)));
    ";
    let output =
        Command::new("node").args(["-e", script]).arg(modules()).arg(json::vkey_text(key)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn modules() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    std::env::var_os("ZKFLOW_TOOLS").map_or(own, PathBuf::from).join("node_modules").canonicalize().unwrap()
}
