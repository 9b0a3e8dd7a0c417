//! Exchanges contributions as files with another program, snarkjs 0.7.6, and reads a published file of powers
//! of tau.

#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used)]

#[path = "interop/keys.rs"]
#[allow(dead_code)]
mod keys;
#[path = "interop/tools.rs"]
#[allow(dead_code)]
mod tools;

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use serde_json::json;
use tools::{circuit_files, powers_of_tau, snarkjs};
use zkflow_groth16::format::ptau::{ContributionName, Ptau};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::provenance::Provenance;
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup::gate;
use zkflow_groth16::setup::{KeyOptions, Origin, PowersFile, StepOptions, make_key, phase2, ptau};

type Bytes = Cursor<Vec<u8>>;

fn open(bytes: &[u8]) -> Ptau<Bytes> {
    Ptau::open(Cursor::new(bytes.to_vec())).unwrap()
}

/// Powers of tau with one contribution.
fn contributed(power: u32) -> Vec<u8> {
    let (mut new, mut out) = (Bytes::default(), Bytes::default());
    ptau::create(power, &mut new).unwrap();
    let name = ContributionName::new("someone");
    ptau::contribute(
        &mut Ptau::open(new).unwrap(),
        &mut out,
        name,
        "",
        &mut os_rng(),
        StepOptions::default(),
    )
    .unwrap();
    out.into_inner()
}

#[test]
fn a_response_of_snarkjs_to_our_challenge_is_imported_to_the_bytes_that_snarkjs_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let before = contributed(3);
    fs::write(path("before"), &before).unwrap();
    let mut challenge = Vec::new();
    let hash = ptau::export_challenge(&mut open(&before), &mut challenge).unwrap();
    assert_eq!(hash, open(&before).contributions()[0].next_challenge);
    fs::write(path("challenge"), &challenge).unwrap();
    snarkjs(&[
        json!({"operation": "exportChallenge", "ptau": path("before"), "out": path("their challenge")}),
        json!({"operation": "answerChallenge", "challenge": path("challenge"), "out": path("response")}),
        json!({"operation": "importResponse", "ptau": path("before"), "response": path("response"),
               "out": path("theirs"), "name": "other"}),
    ]);
    assert!(fs::read(path("their challenge")).unwrap() == challenge, "the challenges differ");

    let response = fs::read(path("response")).unwrap();
    let import = |response: &[u8]| {
        let (mut out, name) = (Bytes::default(), ContributionName::new("other"));
        ptau::import_response(&mut open(&before), response, &mut out, name, StepOptions::default())
            .map(|_| out.into_inner())
    };
    let imported = import(&response).unwrap();
    assert!(imported == fs::read(path("theirs")).unwrap(), "the imported powers differ");
    ptau::verify(&mut open(&imported), &mut os_rng(), StepOptions::default()).unwrap();

    let refusal = |response: &[u8]| import(response).unwrap_err().to_string();
    assert!(refusal(&[&response[..], b"x"].concat()).contains("too long"));
    assert!(refusal(&response[..response.len() - 1]).contains("too short"));
    let changed = |at: usize| {
        let mut response = response.clone();
        response[at] ^= 1;
        response
    };
    assert!(refusal(&changed(0)).contains("another challenge"));
    // Changes the last byte of the public key's last point, so that the point is not on the curve.
    assert!(refusal(&changed(response.len() - 1)).contains("invalid point"));
    // Two swapped points of the key do not prove anything.
    let mut swapped = response.clone();
    let key = response.len() - (6 * 64 + 3 * 128);
    swapped[key..key + 128].rotate_left(64);
    assert!(refusal(&swapped).contains("knowledge"));
}

#[test]
fn parameters_travel_through_snarkjs_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let ptau_path = powers_of_tau();
    let mut tasks = Vec::new();
    let mut keys = Vec::new();
    for files in circuit_files() {
        let path = |kind: &str| folder.path().join(format!("{}.{kind}", files.name));
        let r1cs = R1cs::read(&fs::read(&files.r1cs).unwrap()).unwrap();
        let mut powers = Ptau::open(File::open(&ptau_path).unwrap()).unwrap();
        let initial = keys::create(&r1cs, &mut powers);
        let key = keys::contribute(&initial, ContributionName::new("first"), "", &mut os_rng());
        fs::write(path("zkey"), &key).unwrap();
        let key = ZKey::read(&key).unwrap();
        fs::write(path("params"), phase2::export_params(&key).unwrap()).unwrap();
        tasks.extend([
            json!({"operation": "exportParams", "zkey": path("zkey"), "out": path("their params")}),
            json!({"operation": "contributeParams", "params": path("params"), "out": path("response")}),
            json!({"operation": "importParams", "zkey": path("zkey"), "params": path("response"),
                   "out": path("theirs"), "name": "second"}),
            json!({"operation": "verifyKey", "r1cs": files.r1cs, "ptau": ptau_path, "zkey": path("theirs")}),
        ]);
        keys.push((files.name, r1cs, key, ["params", "their params", "response", "theirs"].map(path)));
    }
    let results = snarkjs(&tasks);
    assert!(
        results.iter().skip(3).step_by(4).all(|result| *result == json!(true)),
        "snarkjs verifies its own"
    );
    for (name, r1cs, key, files) in keys {
        let [ours, theirs, response, imported] = files.map(|path: PathBuf| fs::read(path).unwrap());
        assert!(ours == theirs, "{name}: the parameters differ");
        let second = || ContributionName::new("second");
        let key_after = phase2::import_params(&key, &response, second()).unwrap();
        assert!(key_after == ZKey::read(&imported).unwrap(), "{name}: the imported keys differ");
        let mut powers = Ptau::open(File::open(&ptau_path).unwrap()).unwrap();
        keys::verify(&r1cs, &mut powers, &key_after.write()).unwrap();
        assert_eq!(gate::judge(&key_after.head).phase2().provenance(), Some(Provenance::Ceremony(2)));

        let refusal = |params: &[u8]| phase2::import_params(&key, params, second()).unwrap_err().to_string();
        assert!(refusal(&response[..response.len() - 1]).contains("too short"));
        assert!(refusal(&[&response[..], b"x"].concat()).contains("too long"));
        let mut other = response.clone();
        other[..128].rotate_left(64);
        assert!(refusal(&other).contains("a different key"));
        let mut lying = response.clone();
        *lying.last_mut().unwrap() ^= 1;
        assert!(refusal(&lying).contains("transcript"));
    }
}

/// Path of the prepared file for 2^8 of the perpetual powers of tau.
fn published_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/powersOfTau28_hez_final_08.ptau")
}

#[test]
fn the_published_powers_of_tau_are_recognised_and_verify_and_give_a_key() {
    let path = published_file();
    let source = PowersFile::check(&path, None, &mut os_rng(), StepOptions::default()).unwrap();
    let Origin::Published(ceremony) = source.origin() else {
        panic!("not recognised: {:?}", source.origin())
    };
    assert_eq!(ceremony.power, 8);
    assert_eq!(source.verdict().provenance(), Some(Provenance::Ceremony(54)));

    // Verifies every contribution of the ceremony, from the first challenge of 2^28 on, and every point.
    let mut powers = Ptau::open(BufReader::new(File::open(&path).unwrap())).unwrap();
    assert_eq!((powers.power(), powers.ceremony_power()), (8, 28));
    assert!(powers.contributions().len() > 50);
    ptau::verify(&mut powers, &mut os_rng(), StepOptions::default()).unwrap();

    let files = circuit_files().into_iter().find(|files| files.name == "bits").unwrap();
    let r1cs = R1cs::read(&fs::read(&files.r1cs).unwrap()).unwrap();
    let mut key = Vec::new();
    let record = make_key(&r1cs, &source, &mut key, KeyOptions::default(), &mut os_rng()).unwrap().record;
    keys::verify(&r1cs, &mut powers, &key).unwrap();
    assert_eq!(record.provenance, Provenance::SingleOperator);
    assert!(record.phase1.origin.contains("perpetual powers of tau"));
    assert_eq!(record.phase1.contributions.len(), powers.contributions().len());

    // After another truncation it is no longer a published file, but still verifies.
    let mut smaller = Vec::new();
    ptau::truncate(&mut powers, 5, &mut smaller).unwrap();
    ptau::verify(&mut open(&smaller), &mut os_rng(), StepOptions::default()).unwrap();
    assert_eq!(ptau::published(&ptau::file_hash(smaller.as_slice()).unwrap()), None);
}
