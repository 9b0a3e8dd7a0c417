//! Keys and powers of tau that are forged or malformed: each is refused by every check, and where a forgery is known, it
//! is carried out.
//!
//! `UPDATE_FORGERIES=1` writes the files to `zkflow-cli/tests/forgeries`, where the command line is tested with them.

mod contributors;
mod honest;
mod keys;
mod powers;

use std::collections::HashMap;
use std::io::Cursor;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand};

use super::{KeyVerdict, Powers, StepOptions, gate, phase2, ptau};
use crate::digest::Digest;
use crate::format::ptau::{ContributionName, Ptau};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{ContributionKind, ZKey, ZKeyFile};
use crate::proof::{Proof, PublicSignals, VerifyingKey};
use crate::rng::os_rng;
use crate::verify::Verifier;

/// Rows of the circuit's domain, as a power of two.
const POWER: u32 = 4;

/// A forged key, with the powers of tau that it claims to come from.
struct Forgery {
    name: &'static str,
    ptau: Vec<u8>,
    zkey: Vec<u8>,
    /// delta as a multiple of gamma, if it is known: proofs are then made from public data.
    delta: Option<Fr>,
}

fn circuit() -> R1cs {
    R1cs::read(include_bytes!("../../tests/data/tiny.r1cs")).unwrap()
}

fn random() -> Fr {
    Fr::rand(&mut os_rng())
}

fn number(value: u64) -> Fr {
    Fr::from(value)
}

fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

fn name(text: &str) -> Option<ContributionName> {
    ContributionName::new(text)
}

/// Powers of tau with these secrets.
fn powers_with(secrets: [Fr; 3]) -> Vec<u8> {
    ptau::with_secrets(POWER, secrets, name("alice"))
}

/// The circuit's key without contributions.
fn initial(ptau: &[u8]) -> ZKey {
    let (mut key, mut powers) = (Vec::new(), Ptau::open(Cursor::new(ptau)).unwrap());
    phase2::create(&circuit(), &mut powers, &mut key, StepOptions::default()).unwrap();
    ZKey::read(&key).unwrap()
}

/// Multiplies secrets into delta, as contributors would, and divides C and H by them.
fn contributed(key: &mut ZKey, secrets: &[Fr]) {
    for (i, secret) in secrets.iter().enumerate() {
        let name = name(["alice", "bob", "carol"][i % 3]);
        phase2::multiply(&mut key.head, secret, g1(random()), ContributionKind::Secret, name);
        divide(key, secret);
    }
}

fn divide(key: &mut ZKey, secret: &Fr) {
    let inverse = secret.inverse().unwrap();
    for point in key.c.iter_mut().chain(&mut key.h) {
        *point = (*point * inverse).into_affine();
    }
}

/// Proves any signals from public data: with delta = k gamma, A = alpha and B = beta, the equation holds for
/// C = -(public part) / k.
fn forge(key: &VerifyingKey, k: Fr) -> bool {
    let public: Vec<Fr> = (0..key.n_public() as u64).map(|i| Fr::from(1234 + i)).collect();
    let bound = public.iter().zip(&key.ic[1..]).map(|(value, point)| *point * value);
    let part = bound.fold(key.ic[0].into_group(), |sum, point| sum + point);
    let proof = Proof { a: key.alpha_g1, b: key.beta_g2, c: (part * -k.inverse().unwrap()).into_affine() };
    let signals = PublicSignals::for_key(key, public).unwrap();
    Verifier::new(key.clone()).is_ok_and(|verifier| verifier.verify(&signals, &proof).unwrap_or(false))
}

/// Powers of tau by their bytes, each verified once; `None` if they are refused.
#[derive(Default)]
struct Verified(HashMap<Vec<u8>, Option<Powers>>);

impl Verified {
    /// The verdict with the circuit and the powers of tau; `None` if they refuse the key.
    fn verdict(&mut self, ptau: &[u8], zkey: &[u8]) -> Option<KeyVerdict> {
        let (rng, options) = (&mut os_rng(), StepOptions::default());
        let powers = self.0.entry(ptau.to_vec()).or_insert_with(|| {
            Powers::verify(Box::new(Cursor::new(ptau.to_vec())), &mut os_rng(), options).ok()
        });
        let mut key = ZKeyFile::open(Cursor::new(zkey)).ok()?;
        powers.as_mut()?.verify_key(&circuit(), &mut key, rng, options).ok()
    }
}

#[test]
fn every_forged_key_is_refused_and_known_forgeries_work() {
    let forgeries = keys::all();
    assert!(forgeries.len() >= 50, "{}", forgeries.len());
    let (mut forged, mut verified) = (0, Verified::default());
    for Forgery { name, ptau, zkey, delta } in &forgeries {
        save(name, ptau, Some(zkey));
        if let Some(delta) = delta {
            let key = ZKey::read(zkey).unwrap();
            assert!(forge(&key.head.vk, *delta), "{name}: the forgery fails");
            forged += 1;
        }
        let claimed = ZKeyFile::open(Cursor::new(zkey)).map(|key| gate::judge(key.head()));
        let claimed = claimed.ok().filter(|verdict| !verdict.is_forgeable());
        // Contributions of another circuit or of other powers are consistent: they are only claimed.
        let claims = keys::CLAIMS.contains(name);
        assert_eq!(claimed.is_some(), claims, "{name}: {claimed:?}");
        assert!(claimed.is_none_or(|verdict| verdict.admit(true).unwrap().is_claimed()), "{name}");
        let full = verified.verdict(ptau, zkey).filter(|verdict| !verdict.is_forgeable());
        assert!(full.is_none(), "{name}: {full:?}");
    }
    assert!(forged >= 15, "{forged}");
}

#[test]
fn every_forged_phase_1_is_refused() {
    let forgeries = powers::all();
    assert!(forgeries.len() >= 25, "{}", forgeries.len());
    for (name, ptau) in &forgeries {
        save(name, ptau, None);
        let judged = Ptau::open(Cursor::new(ptau)).ok().and_then(|mut file| ptau::judge(&mut file).ok());
        let judged = judged.and_then(|verdict| verdict.provenance());
        assert!(judged.is_none() || powers::POINTS.contains(name), "{name}: {judged:?}");
        let mut file = Ptau::open(Cursor::new(ptau)).unwrap();
        let verified = ptau::verify(&mut file, &mut os_rng(), StepOptions::default());
        let verified = verified.ok().and_then(|verdict| verdict.provenance());
        assert_eq!(verified, None, "{name}");
    }
}

/// Writes the files of a case, if asked to. The name of a key's file contains that of its powers of tau.
fn save(name: &str, ptau: &[u8], zkey: Option<&Vec<u8>>) {
    if std::env::var_os("UPDATE_FORGERIES").is_none() {
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-cli/tests/forgeries");
    let stem = name.replace(' ', "-");
    let powers = match zkey {
        Some(_) => Digest::of(ptau).to_string()[..8].to_owned(),
        None => stem.clone(),
    };
    std::fs::write(folder.join(format!("{powers}.ptau")), ptau).unwrap();
    if let Some(zkey) = zkey {
        std::fs::write(folder.join(format!("{stem}.{powers}.zkey")), zkey).unwrap();
    }
}
