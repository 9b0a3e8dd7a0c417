//! `zkflow audit` over a corpus of sound and weak keys and contracts, in source, in code and on a chain: every verdict is
//! right, and there is no finding on a sound one.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod contracts;
mod keys;
mod snarkjs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use zkflow_core::format::json as format;
use zkflow_core::service::chain::SolidityCompiler as _;
use zkflow_core::solidity::CONTRACT_NAME;
use zkflow_evm::Solc;
use zkflow_server::client::LocalChain;

use contracts::{EARLY, LAYOUTS, Layout, SNARKJS, compilable, contract, contracts};
use keys::{cases, sound};
use snarkjs::{VERSIONS, Version};

/// The broken rules of an audit, without repetition, and the number of errors.
fn broken(audit: &Value) -> (Vec<String>, usize) {
    let findings = audit["findings"].as_array().unwrap_or_else(|| panic!("{audit}"));
    let errors = findings.iter().filter(|finding| finding["level"] == "error").count();
    let rules: BTreeSet<&str> = findings.iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    (rules.into_iter().map(str::to_owned).collect(), errors)
}

const R: &str = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
const Q: &str = "21888242871839275222246405745257275088696311157297823662689037894645226208583";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .arg("audit")
            .args(args)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// The report in JSON, with the exit code.
    fn report(&self, args: &[&str]) -> (Value, i32) {
        let output = self.run(&[args, &["--format", "json"]].concat());
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        (serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}")), output.status.code().unwrap())
    }

    /// The broken rules of one file, without repetition.
    fn rules(&self, path: &str) -> Vec<String> {
        let (report, code) = self.report(&[path]);
        let audit = &report["audits"][0];
        let (rules, errors) = broken(audit);
        assert_eq!(code, i32::from(errors > 0), "{path}: {audit}");
        rules
    }

    /// The broken rules of each file of a folder by its path.
    fn rules_of_folder(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        let path = self.0.path().join(name).display().to_string();
        let (report, _) = self.report(&[&path]);
        let audits = report["audits"].as_array().unwrap().iter();
        audits.map(|audit| (audit["target"].as_str().unwrap().to_owned(), broken(audit).0)).collect()
    }
}

/// The rules that a case breaks in a layout. gnark's own setup draws gamma; snarkjs 0.7.2 compares with the wrong number.
fn expected(rule: Option<&'static str>, layout: Layout) -> Vec<String> {
    let rule = match rule {
        Some("gamma-not-generator") if layout == Layout::Gnark => Some("single-party"),
        other => other,
    };
    let own = (layout == Layout::Snarkjs(Version::V072)).then_some("range-check");
    rule.into_iter().chain(own).map(str::to_owned).collect()
}

fn runtime(source: &str) -> String {
    let source = compilable(source);
    hex::encode(Solc::find(None).unwrap().compile(&source, CONTRACT_NAME).unwrap().runtime_code)
}

#[test]
fn every_key_gets_the_right_verdict_as_json_and_in_every_contract() {
    let place = Place::new();
    let cases = cases();
    let keys: Vec<_> = cases.iter().map(|case| &case.key).collect();
    let mut wanted = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        let path = place.put(&format!("all/{number}.json"), format::vkey_text(&case.key));
        wanted.insert(path, (case.name, None, expected(case.rule, SNARKJS)));
    }
    for layout in LAYOUTS {
        for (number, source) in contracts(layout, &keys).iter().enumerate() {
            let path = place.put(&format!("all/{number} {layout:?}.sol"), source);
            wanted.insert(path, (cases[number].name, Some(layout), expected(cases[number].rule, layout)));
        }
    }
    let found = place.rules_of_folder("all");
    println!("{} keys and sources", found.len());
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (path, (name, layout, rules)) in wanted {
        assert_eq!(found[&path], rules, "{name} {layout:?}");
    }
}

#[test]
fn the_code_of_contracts_shows_the_same() {
    let place = Place::new();
    let cases: Vec<_> = cases().into_iter().filter(|case| case.in_code).collect();
    let mut wanted = BTreeMap::new();
    for layout in LAYOUTS {
        // Every case in the two most different layouts, the first and the sound ones in all. The templates of snarkjs 0.4 and
        // 0.6 are the same.
        let is_wanted = |rule: Option<&str>| match layout {
            SNARKJS | Layout::Gnark => true,
            Layout::Snarkjs(Version::V04) => false,
            _ => rule.is_none_or(|rule| rule == "gamma-is-delta"),
        };
        let cases: Vec<_> = cases.iter().filter(|case| is_wanted(case.rule)).collect();
        if cases.is_empty() {
            continue;
        }
        let sources = contracts(layout, &cases.iter().map(|case| &case.key).collect::<Vec<_>>());
        for (number, (case, source)) in cases.iter().zip(sources).enumerate() {
            let path = place.put(&format!("all/{number} {layout:?}.hex"), runtime(&source));
            wanted.insert(path, (case.name, layout, expected(case.rule, layout)));
        }
    }
    let found = place.rules_of_folder("all");
    println!("{} codes", found.len());
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (path, (name, layout, rules)) in wanted {
        assert_eq!(found[&path], rules, "{name} {layout:?}");
    }
}

/// Keys, verification keys and contracts of a small circuit, as each version of snarkjs makes them.
#[test]
fn what_each_version_of_snarkjs_writes_gets_the_right_verdict() {
    let place = Place::new();
    let written = |version: Version| {
        let folder = place.0.path().join(version.number());
        fs::create_dir(&folder).unwrap();
        let manifest = fs::read_to_string(version.home().join("package.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        assert!(manifest["version"].as_str().unwrap().starts_with(version.number()), "{manifest}");
        version.keys(&folder);
        // The contract of the sound key, compiled.
        let source = fs::read_to_string(folder.join("contributed.sol")).unwrap();
        fs::write(folder.join("contributed.hex"), runtime(&source)).unwrap();
    };
    std::thread::scope(|scope| {
        for version in VERSIONS {
            scope.spawn(move || written(version));
        }
    });
    let data = snarkjs::project("zkflow-groth16/tests/data");
    for version in VERSIONS {
        let ranges: &[&str] = if version == Version::V072 { &["range-check"] } else { &[] };
        let without: &[&str] = &[&["gamma-is-delta"][..], ranges].concat();
        let beacon: &[&str] = &[&["beacon-only"][..], ranges].concat();
        let found = place.rules_of_folder(version.number());
        assert_eq!(found.len(), 10, "{found:?}");
        for (name, rules) in [
            ("initial.zkey", &["no-contribution"][..]),
            ("initial.vkey.json", &["gamma-is-delta"]),
            ("initial.sol", without),
            ("beacon.zkey", &["beacon-only"]),
            // The beacon of the guide of snarkjs is found in the key alone.
            ("beacon.vkey.json", &["beacon-only"]),
            ("beacon.sol", beacon),
            ("contributed.zkey", &[]),
            ("contributed.vkey.json", &[]),
            ("contributed.sol", ranges),
            ("contributed.hex", ranges),
        ] {
            let path = place.0.path().join(version.number()).join(name).display().to_string();
            assert_eq!(found[&path], rules, "{path}");
        }
        // The whole key of each version is verified. snarkjs from 0.7 on refuses those of earlier versions.
        let verified = Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(["zkey", "verify"])
            .args([data.join("tiny.r1cs"), data.join("powersOfTau28_hez_final_08.ptau")])
            .arg(place.0.path().join(version.number()).join("contributed.zkey"))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{version:?}: {verified:?}");
    }
}

#[test]
fn missing_range_checks_and_wrong_moduli_are_found_in_source_and_code() {
    let place = Place::new();
    let key = sound(3);
    let changed = |layout: Layout, from: &str, to: &str| {
        let source = contract(layout, &key);
        assert!(source.contains(from), "{layout:?}: {from}");
        source.replace(from, to)
    };
    let (wrong_r, wrong_q) = (R.replace("495617", "495671"), Q.replace("208583", "208538"));
    let field = format!("uint256 snark_scalar_field = {R};");
    let require = "require(input[i] < snark_scalar_field,\"verifier-gte-snark-scalar-field\");";
    let verify = "function verifyProof(";
    let uncalled = "function fits(uint256 x) internal pure returns (bool) { uint256 snark_scalar_field = \
                    21888242871839275222246405745257275088548364400416034343698204186575808495617; \
                    return x < snark_scalar_field; } function verifyProof(";
    for (source, rules, in_code) in [
        // The modulus stays in the contract, and nothing is compared with it.
        (changed(EARLY, require, ""), &["range-check"][..], true),
        (changed(EARLY, require, "require(proof.A.X < snark_scalar_field);"), &["range-check"], true),
        (
            changed(EARLY, require, "require(input.length < 9);").replace(verify, uncalled),
            &["range-check"],
            true,
        ),
        (changed(EARLY, require, "").replace(&field, ""), &["range-check"], true),
        (
            changed(
                SNARKJS,
                "checkField(calldataload(add(_pubSignals, ",
                "pop(calldataload(add(_pubSignals, ",
            ),
            &["range-check"],
            true,
        ),
        (changed(SNARKJS, "checkField(calldataload(add(_pubSignals, 32)))", ""), &["range-check"], true),
        // snarkjs 0.7.0 to 0.7.3
        (contract(Layout::Snarkjs(Version::V072), &key), &["range-check"], true),
        (changed(SNARKJS, "lt(v, r)", "lt(v, q)"), &["range-check"], true),
        (changed(Layout::Gnark, "success := and(success, lt(s, R))", ""), &["range-check"], true),
        (changed(Layout::ZkFlow, "done := lt(scalar, R)", "done := 1"), &["range-check"], true),
        (changed(SNARKJS, R, &wrong_r), &["modulus", "range-check"], true),
        (changed(SNARKJS, Q, &wrong_q), &["modulus"], true),
        (changed(EARLY, Q, &wrong_q), &["modulus"], true),
        (changed(Layout::Gnark, R, Q), &["modulus", "range-check"], false),
        (changed(Layout::ZkFlow, &format!("Q = {Q}"), &format!("Q = {R}")), &["modulus"], false),
    ] {
        let path = place.put("verifier.sol", &source);
        assert_eq!(place.rules(&path), rules, "{source}");
        if in_code {
            let code = place.put("code.hex", runtime(&source));
            assert_eq!(place.rules(&code), rules, "{source}");
        }
    }
    // A digit of delta.
    let digits = key.delta_g2.y.c0.to_string();
    let other = format!("{}{}", &digits[..digits.len() - 1], if digits.ends_with('1') { '2' } else { '1' });
    let off_curve = place.put("verifier.sol", changed(SNARKJS, &digits, &other));
    assert_eq!(place.rules(&off_curve), ["bad-point"]);
    let code = place.put("code.hex", runtime(&changed(SNARKJS, &digits, &other)));
    assert_eq!(place.rules(&code), ["unreadable-key"]);
}

#[test]
fn code_that_does_not_check_proofs_with_its_key_is_found() {
    let place = Place::new();
    let key = sound(2);
    let rules_of = |layout: Layout, from: &str, to: &str| {
        let source = contract(layout, &key);
        assert!(source.contains(from), "{layout:?}: {from}");
        let code = place.put("code.hex", runtime(&source.replacen(from, to, 1)));
        place.rules(&code)
    };
    for (layout, check, without) in [
        (EARLY, "return out[0] != 0;", "return true;"),
        (SNARKJS, "and(success, mload(_pPairing))", "success"),
        (Layout::Gnark, "if (!success || out[0] != 1)", "if (!success)"),
        (Layout::ZkFlow, "mstore(0x00, and(valid, mload(0x00)))", "mstore(0x00, valid)"),
    ] {
        assert_eq!(rules_of(layout, check, without), ["pairing-check"], "{layout:?}");
    }
    // The number stays in the code, and the pairings do not contain it.
    let delta = "mstore(add(_pPairing, 672), deltax2)";
    assert_eq!(rules_of(SNARKJS, delta, "if iszero(gas()) { revert(0, deltax2) }"), ["pairing-check"]);
    // The second signal is multiplied with nothing.
    let signal = "calldataload(add(pubSignals, 32))";
    assert_eq!(rules_of(SNARKJS, signal, "0"), ["pairing-check"]);
    // Another function, and a contract that decides by its chain.
    let name = "function verifyProof(";
    assert_eq!(rules_of(Layout::ZkFlow, name, "function verify("), ["not-run"]);
    let chain = "if iszero(chainid()) { revert(0, 0) } mstore(0x00, and(valid, mload(0x00)))";
    let check = "mstore(0x00, and(valid, mload(0x00)))";
    assert_eq!(rules_of(Layout::ZkFlow, check, chain), ["not-run"]);
    // Only the order itself is refused.
    assert_eq!(rules_of(SNARKJS, "lt(v, r)", "iszero(eq(v, r))"), ["range-check"]);
}

#[test]
fn proving_keys_are_judged_with_their_contributions() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data");
    let place = Place::new();
    let path = |name: &str| data.join(name).display().to_string();
    assert_eq!(place.rules(&path("tiny.zkey")), [""; 0]);
    assert_eq!(place.rules(&path("tiny.vkey.json")), [""; 0]);
    assert_eq!(place.rules(&path("tiny.initial.zkey")), ["no-contribution"]);

    // Forged keys; what belongs to another circuit or to other powers is not visible in the key.
    let forgeries = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forgeries").display().to_string();
    let (report, code) = place.report(&[&forgeries]);
    let audits = report["audits"].as_array().unwrap();
    let claims =
        ["powers-of-a-beacon", "key-of-other-powers", "A-of-another-key", "C-not-divided", "H-not-divided"];
    for audit in audits {
        let name = audit["target"].as_str().unwrap();
        let visible = !claims.iter().any(|claim| name.contains(claim));
        let is_found = audit["level"] == "error" || audit["error"].is_string();
        assert_eq!(is_found, visible, "{audit}");
    }
    assert!(audits.len() >= 60 && code == 1, "{}", audits.len());
}

#[tokio::test]
async fn contracts_on_a_chain_are_read_by_their_address() {
    let place = Place::new();
    let chain = LocalChain::start(&["--accounts", "1"]).unwrap();
    let account = chain.call("eth_accounts", json!([])).await.unwrap()[0].clone();
    let deployed = async |source: &str| {
        let code =
            Solc::find(None).unwrap().compile(&compilable(source), CONTRACT_NAME).unwrap().creation_code;
        let data = format!("0x{}", hex::encode(code));
        let hash = chain.call("eth_sendTransaction", json!([{"from": account, "data": data}])).await.unwrap();
        // The chain mines the transaction after its answer.
        loop {
            let receipt = chain.call("eth_getTransactionReceipt", json!([hash])).await.unwrap();
            match receipt["contractAddress"].as_str() {
                Some(address) => return address.to_owned(),
                None => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    };
    let good = deployed(&contract(SNARKJS, &sound(2))).await;
    let weak = deployed(&contract(EARLY, &keys::cases()[0].key)).await;
    let nothing = "0x00000000000000000000000000000000000000aa";
    let (report, code) = place.report(&[&good, &weak, nothing, "--rpc", chain.url()]);
    let audits = &report["audits"];
    assert_eq!((&audits[0]["level"], &audits[0]["publicSignals"]), (&json!("none"), &json!(2)));
    assert_eq!(audits[1]["findings"][0]["rule"], "gamma-is-delta");
    assert!(audits[2]["error"].as_str().unwrap().contains("no contract"));
    assert_eq!(code, 1);
    assert_eq!(place.report(&[&good, "--rpc", chain.url()]).1, 0);
    assert!(!place.run(&[&good]).status.success(), "without a node");
    // A node that is away hides no other target.
    let weak = place.put("weak.sol", contract(EARLY, &keys::cases()[0].key));
    let (report, code) = place.report(&[&weak, &good, "--rpc", "http://127.0.0.1:1"]);
    let audits = &report["audits"];
    assert!(audits[0]["findings"].to_string().contains("gamma-is-delta") && code == 1, "{audits}");
    assert!(audits[1]["error"].as_str().unwrap().contains("unavailable"), "{audits}");
}

#[test]
fn reports_name_files_and_lines_and_other_files_are_left_out() {
    let place = Place::new();
    let source = contract(SNARKJS, &sound(1)).replace("lt(v, r)", "lt(v, q)");
    let line = 1 + source.lines().position(|line| line.contains("lt(v, q)")).unwrap();
    place.put("all/a b/verifier.sol", &source);
    place.put("all/other.sol", "contract Other { uint256 constant N = 1; }");
    place.put("all/rubbish.zkey", "rubbish");
    place.put("all/package.json", "{}");
    place.put("all/artifact.json", json!({"deployedBytecode": {"object": "0x6000"}}).to_string());
    place.put("all/.hidden/verifier.sol", &source);

    let sarif = place.run(&["all", "--format", "sarif"]);
    let sarif: Value = serde_json::from_slice(&sarif.stdout).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 1, "{sarif}");
    let result = &run["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&json!("range-check"), &json!("error")));
    let place_of = &result["locations"][0]["physicalLocation"];
    assert_eq!(place_of["artifactLocation"]["uri"], "all/a%20b/verifier.sol");
    assert_eq!(place_of["region"]["startLine"], line);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false, "rubbish.zkey cannot be read");

    let text = String::from_utf8(place.run(&["all"]).stdout).unwrap();
    assert!(
        text.contains(&format!("error [range-check] in line {line}"))
            && text.contains("2 audited, 2 with errors"),
        "{text}"
    );
    for wrong in ["missing", "all/other.sol", "all/package.json", "all/.hidden/../a b"] {
        let output = place.run(&[wrong]);
        let is_folder = wrong.ends_with("a b");
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().contains("not read"), !is_folder, "{wrong}");
    }
}
