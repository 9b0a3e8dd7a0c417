//! Compares the trusted setup with files of snarkjs 0.7.6.

#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used)]

#[path = "interop/keys.rs"]
#[allow(dead_code)]
mod keys;
#[path = "interop/tools.rs"]
#[allow(dead_code)]
mod tools;

use std::io::Cursor;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use tools::{circuit_files, powers_of_tau, snarkjs};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::format::ptau::{ContributionKind, ContributionName, Ptau};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::zkey::{KeyHead, ZKey};
use zkflow_groth16::proof::{Proof, PublicSignals};
use zkflow_groth16::provenance::Provenance;
use zkflow_groth16::rng::{SecureRng, os_rng};
use zkflow_groth16::setup::gate;
use zkflow_groth16::setup::{
    self, Beacon, DevelopmentPowers, KeyOptions, PowersSource, StepOptions, Weakness, ptau,
};
use zkflow_groth16::verify::Verifier;

/// A file in memory.
type Bytes = Cursor<Vec<u8>>;

fn open(bytes: &[u8]) -> Ptau<Bytes> {
    Ptau::open(Cursor::new(bytes.to_vec())).unwrap()
}

fn name(text: &str) -> Option<ContributionName> {
    Some(ContributionName::new(text).unwrap())
}

/// The beacon of snarkjs' documentation.
const BEACON: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

fn beacon() -> Beacon {
    format!("{BEACON}:10").parse().unwrap()
}

/// What the contributions of a key claim; `None` if it is forgeable.
fn provenance(key: &KeyHead) -> Option<Provenance> {
    gate::judge(key).phase2().provenance()
}

fn new(power: u32) -> Vec<u8> {
    let mut out = Vec::new();
    ptau::create(power, &mut out).unwrap();
    out
}

fn with_beacon(before: &[u8]) -> Vec<u8> {
    let mut out = Bytes::default();
    ptau::beacon(&mut open(before), &mut out, name("final"), &beacon(), StepOptions::default()).unwrap();
    out.into_inner()
}

fn contributed(before: &[u8]) -> Vec<u8> {
    let mut out = Bytes::default();
    ptau::contribute(
        &mut open(before),
        &mut out,
        name("someone"),
        "text",
        &mut os_rng(),
        StepOptions::default(),
    )
    .unwrap();
    out.into_inner()
}

fn prepared(before: &[u8]) -> Vec<u8> {
    let mut out = Bytes::default();
    ptau::prepare(&mut open(before), &mut out, &mut os_rng(), StepOptions::default()).unwrap();
    out.into_inner()
}

/// SHA-256 of the outputs of three steps: `powersoftau new bn128 8`, then `powersoftau beacon` with the
/// beacon `0102..20 10` and the name "final", then `powersoftau prepare phase2`.
const GOLDEN: [&str; 3] = [
    "199d173eb7abadfbe82650a9390813f641f9e5a27dd894dd5721304ac016da4f",
    "a254034cbd2f743645abdfcf0b134604d7a0ff7d36937df9a8a7e1b1b17f37dc",
    "278bdd576b824246816c4592cb34f5603721691629f14e934ea730282f446ed8",
];

#[test]
fn powers_of_tau_are_those_of_snarkjs_byte_for_byte() {
    let new = new(8);
    assert_eq!(Digest::of(&new).to_string(), GOLDEN[0], "new");
    let ended = with_beacon(&new);
    assert_eq!(Digest::of(&ended).to_string(), GOLDEN[1], "beacon");
    let prepared = prepared(&ended);
    assert_eq!(Digest::of(&prepared).to_string(), GOLDEN[2], "prepare");
    ptau::verify(&mut open(&prepared), &mut os_rng(), StepOptions::default()).unwrap();
}

#[test]
fn a_chain_of_contributions_verifies() {
    let chain = with_beacon(&contributed(&contributed(&new(3))));
    let mut file = open(&chain);
    assert_eq!(file.contributions().len(), 3);
    ptau::verify(&mut file, &mut os_rng(), StepOptions::default()).unwrap();
    ptau::verify(&mut open(&prepared(&chain)), &mut os_rng(), StepOptions::default()).unwrap();
}

#[test]
fn powers_without_a_contribution_do_not_verify() {
    let error = ptau::verify(&mut open(&new(2)), &mut os_rng(), StepOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no contribution"), "{error}");
}

/// A generator that always returns the byte 7, as snarkjs does in these tests.
struct Sevens;

impl rand::CryptoRng for Sevens {}

impl rand::RngCore for Sevens {
    fn next_u32(&mut self) -> u32 {
        0x0707_0707
    }

    fn next_u64(&mut self) -> u64 {
        0x0707_0707_0707_0707
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.fill(7);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
        dest.fill(7);
        Ok(())
    }
}

#[test]
fn the_same_entropy_gives_the_bytes_of_snarkjs_and_snarkjs_accepts_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let new = new(3);
    std::fs::write(path("new"), &new).unwrap();
    let mut ours = Bytes::default();
    let text = "some text, Zoë";
    ptau::contribute(&mut open(&new), &mut ours, name("someone"), text, &mut Sevens, StepOptions::default())
        .unwrap();
    std::fs::write(path("prepared"), prepared(&with_beacon(ours.get_ref()))).unwrap();
    let results = snarkjs(&[
        json!({"operation": "contributePowers", "ptau": path("new"), "out": path("theirs"),
               "name": "someone", "text": text}),
        json!({"operation": "verifyPowers", "ptau": path("prepared")}),
    ]);
    assert_eq!(results[1], json!(true), "snarkjs refuses our powers of tau");
    assert!(ours.into_inner() == std::fs::read(path("theirs")).unwrap(), "the contributions differ");
}

#[test]
fn keys_are_those_of_snarkjs_byte_for_byte_and_snarkjs_accepts_them() {
    let folder = tempfile::tempdir().unwrap();
    let ptau_path = powers_of_tau();
    let (mut tasks, mut checks) = (Vec::new(), Vec::new());
    for files in circuit_files() {
        let path = |kind: &str| folder.path().join(format!("{}.{kind}", files.name));
        let r1cs = R1cs::read(&std::fs::read(&files.r1cs).unwrap()).unwrap();
        let mut powers = Ptau::open(std::fs::File::open(&ptau_path).unwrap()).unwrap();
        let initial = keys::create(&r1cs, &mut powers);
        let contributed = keys::contribute(&initial, name("someone"), "text", &mut Sevens);
        let ended = keys::beacon(&contributed, name("final"), &beacon());
        std::fs::write(path("ours"), &ended).unwrap();
        keys::verify(&r1cs, &mut powers, &ended).unwrap();
        assert_eq!(provenance(keys::open(&ended).head()), Some(Provenance::SingleOperator));
        assert!(ZKey::read(&initial).unwrap().write_initial() == initial, "{}: initial", files.name);
        assert!(ZKey::read(&ended).unwrap().write() == ended, "{}: final", files.name);

        tasks.extend([
            json!({"operation": "initialKey", "r1cs": files.r1cs, "ptau": ptau_path, "out": path("initial")}),
            json!({"operation": "contributeKey", "zkey": path("initial"), "out": path("contributed"),
                   "name": "someone", "text": "text"}),
            json!({"operation": "beaconKey", "zkey": path("contributed"), "out": path("final"),
                   "name": "final", "beacon": BEACON, "exponent": 10}),
            json!({"operation": "verifyKey", "r1cs": files.r1cs, "ptau": ptau_path, "zkey": path("ours")}),
        ]);
        checks.push((files.name, path("initial"), initial));
        checks.push((files.name, path("contributed"), contributed));
        checks.push((files.name, path("final"), ended));
    }
    let results = snarkjs(&tasks);
    for (name, theirs, ours) in checks {
        let theirs_bytes = std::fs::read(&theirs).unwrap();
        assert!(theirs_bytes == ours, "{name}: our file differs: {:?}", theirs.extension());
    }
    for result in results.iter().skip(3).step_by(4) {
        assert_eq!(*result, json!(true), "snarkjs refuses our key");
    }
}

/// Forges a proof from public data. With delta = k gamma, A = alpha and B = beta, the equation holds for
/// C = -(public part) / k.
fn forge(key: &KeyHead, public: &[Fr], k: Fr) -> Proof {
    let bound = public.iter().zip(&key.vk.ic[1..]).map(|(value, point)| *point * value);
    let part = bound.fold(key.vk.ic[0].into_group(), |sum, point| sum + point);
    Proof { a: key.vk.alpha_g1, b: key.vk.beta_g2, c: (part * -k.inverse().unwrap()).into_affine() }
}

#[test]
fn proofs_are_forged_for_keys_without_a_secret_and_for_no_others() {
    let files = circuit_files().into_iter().find(|files| files.name == "product").unwrap();
    let r1cs = R1cs::read(&std::fs::read(&files.r1cs).unwrap()).unwrap();
    let mut powers = Ptau::open(std::fs::File::open(powers_of_tau()).unwrap()).unwrap();
    let initial = keys::create(&r1cs, &mut powers);
    let beacon_only = keys::beacon(&initial, None, &beacon());
    let ours = keys::contribute(&initial, None, "", &mut os_rng());
    let ours = keys::beacon(&ours, None, &beacon());
    let [initial, beacon_only, ours] =
        [initial, beacon_only, ours].map(|key| keys::open(&key).head().clone());
    let development = setup::circuit_specific(&r1cs, &mut os_rng()).unwrap().head;

    for (key, weakness, forgeable) in [
        (&initial, Some(Weakness::NoContribution), true),
        (&beacon_only, Some(Weakness::BeaconOnly), true),
        (&ours, None, false),
        // No forgery is known, but without contributions nothing shows that.
        (&development, Some(Weakness::Gamma), false),
    ] {
        let verdict = gate::judge(key);
        assert_eq!(verdict.weakness(), weakness.as_ref());
        // The factor that an attacker computes from the file, or guesses.
        let k = gate::known_delta(key);
        assert_eq!(k.is_some(), forgeable, "{verdict}");
        let guesses = [k, Some(Fr::from(1u64)), gate::known_delta(&beacon_only)];
        let public: Vec<Fr> = (0..key.n_public).map(|i| Fr::from(1234 + u64::from(i))).collect();
        let verifier = Verifier::new(key.vk.clone()).unwrap();
        let signals = PublicSignals::for_key(verifier.key(), public.clone()).unwrap();
        let accepted = guesses
            .into_iter()
            .flatten()
            .any(|k| verifier.verify(&signals, &forge(key, &public, k)).unwrap());
        assert_eq!(accepted, forgeable, "{verdict}");
    }
}

#[test]
fn a_beacon_passed_off_as_a_secret_is_seen_through_where_its_value_is_known() {
    let files = circuit_files().into_iter().find(|files| files.name == "product").unwrap();
    let r1cs = R1cs::read(&std::fs::read(&files.r1cs).unwrap()).unwrap();
    let mut powers = Ptau::open(std::fs::File::open(powers_of_tau()).unwrap()).unwrap();
    let initial = keys::create(&r1cs, &mut powers);
    let relabelled = |beacons: &[&Beacon]| {
        let mut key = initial.clone();
        for beacon in beacons {
            key = keys::beacon(&key, None, beacon);
        }
        let mut key = ZKey::read(&key).unwrap();
        key.head.contributions[0].kind = ContributionKind::Secret;
        keys::verify_from_initial(&initial, &key.write()).expect("no hash contains the label");
        key
    };
    let unknown = Beacon::new(b"said by nobody", 10).unwrap();
    let forgeable = Some(&Weakness::BeaconOnly);
    assert_eq!(
        gate::judge(&relabelled(&[&beacon()]).head).weakness(),
        forgeable,
        "the beacon of snarkjs' documentation"
    );
    assert_eq!(
        gate::judge(&relabelled(&[&unknown, &unknown]).head).weakness(),
        forgeable,
        "another beacon of the file"
    );
    let hidden = relabelled(&[&unknown]).head;
    assert_eq!(
        gate::judge_knowing(&hidden, &[unknown]).weakness(),
        forgeable,
        "a beacon known to the caller"
    );
    // A file alone cannot reveal this; the documentation states it.
    assert_eq!(provenance(&hidden), Some(Provenance::SingleOperator));
    // Next to a true secret the beacon is harmless and does not count.
    let key = keys::contribute(&relabelled(&[&beacon()]).write(), None, "", &mut os_rng());
    assert_eq!(provenance(keys::open(&key).head()), Some(Provenance::SingleOperator));
}

#[test]
fn keys_for_development_are_reproducible_labelled_and_kept_from_export() {
    let files = circuit_files().into_iter().find(|files| files.name == "product").unwrap();
    let r1cs = R1cs::read(&std::fs::read(&files.r1cs).unwrap()).unwrap();
    let source = DevelopmentPowers::in_memory();
    let beacon = beacon();
    let options = KeyOptions::default().with_beacon(Some(&beacon));
    let seeded = || StdRng::seed_from_u64(7);
    let make = |rng: &mut dyn SecureRng| {
        let mut key = Vec::new();
        let made = setup::make_key(&r1cs, &source, &mut key, options, rng).unwrap();
        assert_eq!(*keys::open(&key).head(), made.head);
        assert_eq!(made.label.to_string(), "development");
        (key, made.record)
    };
    let (key, record) = make(&mut seeded());
    assert!(make(&mut seeded()) == (key.clone(), record.clone()), "the same seed gives the same key");
    assert!(make(&mut os_rng()).0 != key, "another seed gives another key");

    let mut powers = source.powers(record.phase1.power).unwrap();
    keys::verify(&r1cs, powers.file(), &key).unwrap();
    let verdict = gate::judge(keys::open(&key).head());
    assert_eq!(verdict.admit(true).unwrap().provenance(), Provenance::Development);
    assert!(verdict.admit(false).is_err());
    let initial = keys::create(&r1cs, powers.file());
    assert!(
        gate::judge(keys::open(&initial).head()).admit(true).is_err(),
        "a forgeable key is always refused"
    );
    assert_eq!(record.phase2[1].beacon.as_deref(), Some(&*format!("{BEACON}:10")));
}

#[test]
fn a_change_to_any_part_of_a_key_is_noticed() {
    let files = circuit_files().into_iter().find(|files| files.name == "order").unwrap();
    let r1cs = R1cs::read(&std::fs::read(&files.r1cs).unwrap()).unwrap();
    let mut powers = Ptau::open(std::fs::File::open(powers_of_tau()).unwrap()).unwrap();
    let initial = keys::create(&r1cs, &mut powers);
    let key = keys::contribute(&initial, None, "a", &mut os_rng());
    let key = keys::contribute(&key, None, "b", &mut os_rng());
    let key = ZKey::read(&keys::beacon(&key, None, &beacon())).unwrap();
    let verify = |key: &ZKey| keys::verify_from_initial(&initial, &key.write());
    verify(&key).unwrap();

    let (g1, g2) = (key.head.contributions[0].g1_s, key.head.contributions[0].g2_spx);
    type Change = fn(&mut ZKey, G1Affine, G2Affine);
    let changes: [(&str, Change); 15] = [
        ("alpha", |key, g1, _| key.head.vk.alpha_g1 = g1),
        ("beta", |key, g1, _| key.head.beta_g1 = g1),
        ("gamma", |key, _, g2| key.head.vk.gamma_g2 = g2),
        ("IC", |key, g1, _| key.head.vk.ic[0] = g1),
        ("matrices", |key, _, _| key.coefficients[0].signal ^= 1),
        ("A", |key, g1, _| key.a[0] = g1),
        ("B", |key, _, g2| key.b2[0] = g2),
        ("C", |key, g1, _| key.c[0] = g1),
        ("H", |key, g1, _| key.h[0] = g1),
        ("delta in G1", |key, g1, _| key.head.delta_g1 = g1),
        ("delta in G2", |key, _, g2| key.head.vk.delta_g2 = g2),
        ("order", |key, _, _| key.head.contributions.swap(0, 1)),
        ("missing contribution", |key, _, _| drop(key.head.contributions.remove(0))),
        ("transcript", |key, _, _| key.head.contributions[1].transcript[9] ^= 1),
        ("beacon", |key, _, _| key.head.contributions[2].kind = key.head.contributions[1].kind.clone()),
    ];
    for (what, change) in changes {
        let mut changed = key.clone();
        change(&mut changed, g1, g2);
        // As in snarkjs, the hash of a contribution does not include its kind. The claim of a beacon is
        // checked; a secret contribution needs no proof that it is not a beacon.
        assert_eq!(verify(&changed).is_err(), what != "beacon", "{what}");
    }
}
