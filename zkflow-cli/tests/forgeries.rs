//! The doors of the command line: `info`, `verify`, `export-vkey`, `export-solidity`, `new` and `deploy` refuse forged
//! files, and show honest ones with the right label.
//!
//! The files in `forgeries/` are made by the tests of `zkflow-groth16` with `UPDATE_FORGERIES=1`. `NAME.POWERS.zkey` claims to come
//! from `POWERS.ptau`; `ptau-NAME.ptau` is forged itself.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use zkflow_server::client::LocalChain;

/// A folder with data and cache folders of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(args)
            .current_dir(self.0.path())
            .env("XDG_DATA_HOME", self.0.path().join("data"))
            .env("XDG_CACHE_HOME", self.0.path().join("cache"))
            .env("SIGNER", "0x0000000000000000000000000000000000000000000000000000000000000001")
            .output()
            .unwrap()
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the command printed to standard output before it failed, and its error.
    fn fails(&self, args: &[&str]) -> (String, String) {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

fn forgeries(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forgeries");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn groth16_data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data").join(name);
    path.display().to_string()
}

/// Keys whose contributions are consistent, and belong to another circuit or to other powers.
const CLAIMS: [&str; 5] =
    ["powers-of-a-beacon", "key-of-other-powers", "A-of-another-key", "C-not-divided", "H-not-divided"];

/// The case of a key, its powers of tau, and whether it is shown to every door: a claim, or the first of its kind.
///
/// A kind has the same first two words: `delta-is-2` and `delta-is-a-half`. `info` judges each key by its head, and `verify`
/// by all its points. The other doors judge by the same two functions.
fn cases() -> Vec<(PathBuf, String, String, bool)> {
    let keys = forgeries("zkey");
    assert!(keys.len() >= 60, "{}", keys.len());
    let mut kinds = HashSet::new();
    let case = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (case, powers) = name.split_once('.').unwrap();
        let kind: Vec<String> = case.split('-').take(2).map(str::to_owned).collect();
        let everywhere = kinds.insert(kind) || CLAIMS.contains(&case);
        let ptau = path.with_file_name(format!("{powers}.ptau")).display().to_string();
        (path.clone(), case.to_owned(), ptau, everywhere)
    };
    keys.into_iter().map(case).collect()
}

#[test]
fn every_door_refuses_forged_keys() {
    let place = Place::new();
    let chain = LocalChain::start(&["--chain-id", "5"]).unwrap();
    let r1cs = groth16_data("tiny.r1cs");
    let folder = place.path("circuit");
    fs::create_dir(&folder).unwrap();
    let mut everywhere = 0;
    for (path, case, ptau, to_every_door) in cases() {
        let zkey = path.to_str().unwrap();
        let claims = CLAIMS.contains(&case.as_str());

        let info = place.run(&["zkey", "info", zkey]);
        let told = String::from_utf8(info.stdout).unwrap();
        assert_eq!(told.contains("claimed"), claims, "{case}: {told}");
        assert!(claims || told.contains("forgeable:") || !info.status.success(), "{case}: {told}");

        let (told, _) = place.fails(&["zkey", "verify", &r1cs, &ptau, zkey]);
        assert!(!told.contains("record"), "{case}: {told}");

        if !to_every_door {
            continue;
        }
        everywhere += 1;
        let (sol, vkey) = (place.path("circuit/verifier.sol"), place.path("vkey.json"));
        let exports = [["zkey", "export-solidity", zkey, &sol], ["zkey", "export-vkey", zkey, &vkey]];
        for export in exports {
            if claims {
                place.succeeds(&export);
                let text = fs::read_to_string(export[3]).unwrap();
                assert!(text.contains("claimed ") && text.contains("not verified"), "{case}: {text}");
            } else {
                place.fails(&export);
            }
            let evidence = [&export[..], &["--r1cs", &r1cs, "--ptau", &ptau]].concat();
            place.fails(&evidence);
        }

        fs::copy(&path, place.path("circuit/proving_key.zkey")).unwrap();
        if !claims {
            // The contract of another key.
            fs::write(&sol, "contract Groth16Verifier {}").unwrap();
        }
        let deploy = ["deploy", &folder, "--rpc", chain.url(), "--signer", "env:SIGNER"];
        let (_, error) = place.fails(&deploy);
        let reasons = ["only claimed", "forgeable", "no verification key", "not valid", "expected"];
        assert!(reasons.iter().any(|reason| error.contains(reason)), "{case}: {error}");
    }
    assert!(everywhere >= 25, "{everywhere}");
}

#[test]
fn every_door_refuses_forged_powers_of_tau() {
    let place = Place::new();
    let r1cs = groth16_data("tiny.r1cs");
    let mut files = forgeries("ptau");
    files.retain(|path| path.file_stem().unwrap().to_str().unwrap().starts_with("ptau-"));
    assert!(files.len() >= 25, "{}", files.len());
    for path in &files {
        let ptau = path.to_str().unwrap();
        // Honest contributions beside other points: found by the full verification only.
        let points = ptau.contains("ptau-point-replaced");
        place.fails(&["ptau", "verify", ptau]);
        let info = place.run(&["ptau", "info", ptau]);
        let told = String::from_utf8(info.stdout).unwrap();
        assert!(points || told.contains("forgeable:") || !info.status.success(), "{ptau}: {told}");
        if !points {
            let (_, error) = place.fails(&["zkey", "new", &r1cs, ptau, &place.path("new.zkey")]);
            assert!(error.contains("refused") || error.contains("not valid"), "{ptau}: {error}");
        }
        let build = ["circuit", "build", "rangeCheck", "--param", "min=1", "--param", "max=3", "--out"];
        let (_, error) = place.fails(&[&build[..], &[&place.path("out"), "--ptau", ptau]].concat());
        assert!(error.contains(ptau), "{error}");
    }
}

#[test]
fn honest_keys_earn_their_label_by_a_record_or_by_their_files() {
    let place = Place::new();
    let r1cs = groth16_data("tiny.r1cs");
    let ptau = groth16_data("powersOfTau28_hez_final_08.ptau");
    let [initial, first, second] = ["0.zkey", "1.zkey", "2.zkey"].map(|name| place.path(name));
    place.succeeds(&["zkey", "new", &r1cs, &ptau, &initial]);
    place.succeeds(&["zkey", "contribute", &initial, &first]);
    place.succeeds(&["zkey", "contribute", &first, &second]);
    let sol = place.path("v.sol");
    let export = ["zkey", "export-solidity", &second, &sol];
    let label = || {
        fs::read_to_string(&sol).unwrap().lines().find(|line| line.contains("provenance")).unwrap().to_owned()
    };

    place.succeeds(&export);
    assert!(label().ends_with("claimed ceremony(2), not verified against the circuit and the powers of tau"));
    place.succeeds(&[&export[..], &["--r1cs", &r1cs, "--ptau", &ptau]].concat());
    assert!(label().ends_with("provenance:   ceremony(2)"), "{}", label());

    let told = place.succeeds(&["zkey", "verify", &r1cs, &ptau, &second]);
    assert!(told.contains("ceremony(2) (phase 1: ceremony(54), phase 2: ceremony(2))"), "{told}");
    place.succeeds(&export);
    assert!(label().ends_with("provenance:   ceremony(2)"), "{}", label());
    let vkey = place.path("vkey.json");
    place.succeeds(&["zkey", "export-vkey", &second, &vkey]);
    assert!(!fs::read_to_string(&vkey).unwrap().contains("provenance"));

    // The record of another machine, and one that was changed, prove nothing.
    let record = format!("{second}.record.json");
    let elsewhere = Place::new();
    let with_record = [&export[..], &["--record", &record]].concat();
    let (_, error) = elsewhere.fails(&with_record);
    assert!(error.contains("did not make it"), "{error}");
    let changed = fs::read_to_string(&record).unwrap().replace("\"ceremony\": 2", "\"ceremony\": 7");
    fs::write(&record, changed).unwrap();
    let (_, error) = place.fails(&with_record);
    assert!(error.contains("did not make it"), "{error}");
    place.succeeds(&export);
    assert!(label().contains("claimed"), "{}", label());
    // The record of one key does not speak for another.
    place.succeeds(&["zkey", "verify", &r1cs, &ptau, &first]);
    let (_, error) = place.fails(&[&export[..], &["--record", &format!("{first}.record.json")]].concat());
    assert!(error.contains("another key"), "{error}");
}
