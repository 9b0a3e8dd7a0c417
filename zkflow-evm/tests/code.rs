//! The code that is generated without a compiler is the compiler's, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::{AdditiveGroup as _, PrimeField as _, UniformRand as _};
use num_bigint::BigUint;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use zkflow_core::compile::tools::ToolFolders;
use zkflow_core::digest::Digest;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::provenance::Label;
use zkflow_core::rng::os_rng;
use zkflow_core::service::chain::SolidityCompiler as _;
use zkflow_core::setup::{DevelopmentPowers, KeyOptions, make_key};
use zkflow_core::solidity::{
    CODE_LIMIT, CONTRACT_NAME, ContractCircuit, ContractCode, ContractHeader, NoCode, SOLC_BUILD,
    contract_code, verifier_contract,
};
use zkflow_evm::Solc;

#[test]
fn the_template_is_the_output_of_the_compiler() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut key = |n| random_key(&mut rng, n);
    let mut keys: Vec<_> = [0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 64, 100, 150].map(&mut key).into();
    let longest = (250..).map(&mut key).take_while(|key| contract_code(key).is_ok()).last().unwrap();
    let n = longest.n_public();
    assert!(n > 270, "{n} signals are the most that fit");
    let too_long = contract_code(&key(n + 1)).unwrap_err();
    assert!(matches!(too_long, NoCode::TooLong(length) if length > CODE_LIMIT), "{too_long}");
    keys.push(longest);
    assert_eq!(compare(&keys), keys.len());
}

#[test]
fn keys_with_unusual_coordinates_give_the_code_of_the_compiler_or_none() {
    let mut rng = StdRng::seed_from_u64(2);
    let keys: Vec<_> = (0..360).map(|i| unusual_key(&mut rng, i % 6)).collect();
    let generated = compare(&keys);
    assert!((100..350).contains(&generated), "{generated} of {}", keys.len());
}

#[test]
fn coordinates_that_the_compiler_would_shorten_are_refused() {
    let mut rng = StdRng::seed_from_u64(3);
    let key = random_key(&mut rng, 3);
    let x = key.ic[2].x;
    let with = |x: Fq| {
        let mut key = key.clone();
        key.ic[2].x = x;
        contract_code(&key).map(drop)
    };
    let refused = Err(NoCode::Unusual("IC2_X".to_owned()));
    assert_eq!(with(x), Ok(()));
    assert_eq!(with(with_run(x, 0, 64, false)), refused);
    assert_eq!(with(with_run(x, 100, 164, true)), refused);
    assert_eq!(with(Fq::from(u64::MAX)), refused);
    assert_eq!(with(key.alpha_g1.x), refused);
    // Zero, as of the point at infinity, and short runs.
    assert_eq!(with(Fq::ZERO), Ok(()));
    assert_eq!(with(with_run(x, 0, 56, false)), Ok(()));
}

#[test]
#[ignore = "minutes: make solc"]
fn every_number_of_signals_and_thousands_of_keys_give_the_code_of_the_compiler() {
    let mut rng = StdRng::from_entropy();
    let fits = |key: &VerifyingKey| !matches!(contract_code(key), Err(NoCode::TooLong(_)));
    let keys: Vec<_> = (0..).map(|n| random_key(&mut rng, n)).take_while(fits).collect();
    assert_eq!(compare(&keys), keys.len());
    let keys: Vec<_> = (0..4000).map(|i| unusual_key(&mut rng, i % 12)).collect();
    println!("generated: {} of {}", compare(&keys), keys.len());
}

/// Compares the generated code of each key with the compiler's. Returns the number of keys that have generated code.
///
/// On a difference, writes the compiler's code in the notation of the template, as the source of a new template.
fn compare(keys: &[VerifyingKey]) -> usize {
    let mut generated = 0;
    // solc as WebAssembly runs out of memory with 60 contracts of 250 signals.
    let large = keys.iter().any(|key| key.n_public() > 100);
    for keys in keys.chunks(if large { 15 } else { 60 }) {
        let pairs: Vec<_> = keys.iter().filter_map(|key| Some((key, contract_code(key).ok()?))).collect();
        let sources: Vec<String> = pairs.iter().map(|(key, _)| source(key)).collect();
        for ((key, ours), theirs) in pairs.iter().zip(compile(&sources)) {
            if *ours != theirs.code() {
                let name = format!("Groth16Verifier-{}.asm", key.n_public());
                let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
                std::fs::write(&path, theirs.listing(&source(key))).unwrap();
                let n = key.n_public();
                panic!("{n} signals: the compiler's code differs. It is in {}", path.display());
            }
        }
        generated += pairs.len();
    }
    generated
}

fn source(key: &VerifyingKey) -> String {
    let header = ContractHeader {
        circuit: ContractCircuit::Hash([7; 64]),
        label: label(),
        verification_key: Digest::of("key"),
    };
    verifier_contract(key, &header)
}

/// The label of a key for development: only a real key has one. The code does not depend on it.
fn label() -> Label {
    static LABEL: OnceLock<Label> = OnceLock::new();
    *LABEL.get_or_init(|| {
        let r1cs = R1cs::read(include_bytes!("../../zkflow-groth16/tests/data/tiny.r1cs")).unwrap();
        let (powers, options) = (DevelopmentPowers::in_memory(), KeyOptions::default());
        make_key(&r1cs, &powers, Vec::new(), options, &mut os_rng()).unwrap().label
    })
}

/// Output of the compiler for one source.
struct Compiled(Value);

impl Compiled {
    fn code(&self) -> ContractCode {
        let bytes = |part: &str| hex::decode(self.0["evm"][part]["object"].as_str().unwrap()).unwrap();
        ContractCode { creation: bytes("bytecode"), runtime: bytes("deployedBytecode") }
    }

    /// The runtime code in the notation of the template, one block a line.
    fn listing(&self, source: &str) -> String {
        let constants = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("uint256 private constant ")?.split_once(" = "));
        let names: BTreeMap<BigUint, &str> =
            constants.map(|(name, value)| (number(value.trim_end_matches(';')), name)).collect();
        let items = self.0["evm"]["legacyAssembly"][".data"]["0"][".code"].as_array().unwrap();
        let token = |item: &Value| {
            let value = item["value"].as_str().unwrap_or_default();
            match item["name"].as_str().unwrap() {
                "PUSH" => match names.get(&number(&format!("0x{value}"))) {
                    Some(name) => format!("@{name}@ "),
                    None if value.len() % 2 == 1 => format!("0x0{} ", value.to_lowercase()),
                    None => format!("0x{} ", value.to_lowercase()),
                },
                "PUSH [tag]" => format!("->tag_{value} "),
                "tag" => format!("\ntag_{value}:\n    "),
                "JUMPDEST" => String::new(),
                name => format!("{} ", name.to_lowercase()),
            }
        };
        items.iter().map(token).collect()
    }
}

/// A number as in the source: decimal, or hexadecimal with `0x`.
fn number(text: &str) -> BigUint {
    match text.strip_prefix("0x") {
        Some(digits) => BigUint::parse_bytes(digits.as_bytes(), 16).unwrap(),
        None => text.parse().unwrap(),
    }
}

/// Compiles sources in one process, with the settings of [`Solc`].
fn compile(sources: &[String]) -> Vec<Compiled> {
    const SCRIPT: &str = r#"
        const solc = require(process.argv[1] + "/solc/soljson.js");
        const compile = solc.cwrap("solidity_compile", "string", ["string", "number", "number"]);
        process.stdout.write(compile(require("fs").readFileSync(0, "utf8"), 0, 0), () => process.exit(0));
    "#;
    let Some(first) = sources.first() else { return Vec::new() };
    let contract = Solc::find(None).unwrap().compile(first, CONTRACT_NAME).unwrap();
    assert_eq!(contract.compiler, SOLC_BUILD);
    let mut input = contract.standard_json_input;
    input["sources"] =
        sources.iter().enumerate().map(|(i, text)| (i.to_string(), json!({"content": text}))).collect();
    input["settings"]["outputSelection"] = json!({"*": {"*": [
        "evm.bytecode.object", "evm.deployedBytecode.object", "evm.legacyAssembly"
    ]}});
    let modules = ToolFolders::new().find("solc").unwrap().unwrap().modules;
    let mut child = Command::new("node")
        .args(["-e", SCRIPT])
        .arg(std::path::absolute(modules).unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let mut output: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut contract = |i: usize| output["contracts"][i.to_string()][CONTRACT_NAME].take();
    (0..sources.len()).map(|i| Compiled(contract(i))).collect()
}

/// A key of random coordinates, whose points are on no curve.
fn random_key(rng: &mut StdRng, n_public: usize) -> VerifyingKey {
    key_of(n_public, &mut || Fq::rand(rng))
}

/// A key of which some coordinates have leading zeros or long runs of equal bits, are small, zero or equal.
fn unusual_key(rng: &mut StdRng, n_public: usize) -> VerifyingKey {
    // Half of these keys have changes that the generator must cope with.
    let kinds = if rng.r#gen() { 3 } else { 8 };
    let rate = rng.gen_range(0.02..0.5);
    let mut last = Fq::rand(rng);
    let mut key = key_of(n_public, &mut || {
        let word = Fq::rand(rng);
        if !rng.gen_bool(rate) {
            last = word;
            return word;
        }
        let (low, bit) = (rng.gen_range(0..200), rng.r#gen());
        match rng.gen_range(0..kinds) {
            0 => with_run(word, rng.gen_range(70..254), 254, false),
            1 => with_run(word, 0, rng.gen_range(1..60), bit),
            2 => with_run(word, low, low + rng.gen_range(1..60).min(248 - low), bit),
            3 => Fq::ZERO,
            4 => Fq::from(rng.gen_range(0..0x400u64)),
            5 => with_run(word, 0, rng.gen_range(60..250), bit),
            6 => with_run(word, low, rng.gen_range(low..250), bit),
            _ => last,
        }
    });
    for i in 0..=n_public {
        if rng.gen_bool(0.2) {
            key.ic[i] = G1Affine::identity();
        }
    }
    key
}

fn key_of(n_public: usize, word: &mut impl FnMut() -> Fq) -> VerifyingKey {
    fn g1(word: &mut impl FnMut() -> Fq) -> G1Affine {
        G1Affine::new_unchecked(word(), word())
    }
    fn g2(word: &mut impl FnMut() -> Fq) -> G2Affine {
        G2Affine::new_unchecked(Fq2::new(word(), word()), Fq2::new(word(), word()))
    }
    VerifyingKey {
        alpha_g1: g1(word),
        beta_g2: g2(word),
        gamma_g2: g2(word),
        delta_g2: g2(word),
        ic: (0..=n_public).map(|_| g1(word)).collect(),
    }
}

/// `number` with equal bits at `from..to`; from 250 on, bits are 0.
fn with_run(number: Fq, from: u64, to: u64, bit: bool) -> Fq {
    let mut number: BigUint = number.into_bigint().into();
    for i in from..to {
        number.set_bit(i, bit && i < 250);
    }
    Fq::from(number)
}
