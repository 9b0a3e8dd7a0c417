//! One contribution, compared with the key that its contributor received.

#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used)]

#[path = "interop/keys.rs"]
#[allow(dead_code)]
mod keys;

use std::io::Cursor;

use zkflow_groth16::error::Classified as _;
use zkflow_groth16::format::ptau::ContributionName;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::zkey::ZKeyFile;
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup::{
    Beacon, CeremonyError, DevelopmentPowers, PowersSource as _, StepOptions, phase2,
};

fn initial(r1cs: &[u8]) -> Vec<u8> {
    let r1cs = R1cs::read(r1cs).unwrap();
    let mut powers = DevelopmentPowers::in_memory().powers(r1cs.domain_size().ilog2()).unwrap();
    keys::create(&r1cs, powers.file())
}

fn contribute(key: &[u8], name: &str) -> Vec<u8> {
    keys::contribute(key, ContributionName::new(name), "", &mut os_rng())
}

/// The name of the contribution, if it is the next one.
fn step(previous: &[u8], key: &[u8]) -> Result<Option<String>, CeremonyError> {
    let mut key = ZKeyFile::open(Cursor::new(key))?;
    let options = StepOptions::default();
    let one = phase2::verify_step(&mut keys::open(previous), &mut key, &mut os_rng(), options)?;
    Ok(one.name.map(|name| name.as_str().to_owned()))
}

#[track_caller]
fn refused(previous: &[u8], key: &[u8], code: &str, part: &str) {
    let error = step(previous, key).unwrap_err();
    assert!(error.code() == code && error.to_string().contains(part), "{}: {error}", error.code());
}

#[test]
fn only_the_next_contribution_is_accepted() {
    let tiny = include_bytes!("data/tiny.r1cs");
    let first = initial(tiny);
    let ann = contribute(&first, "ann");
    let ben = contribute(&ann, "ben");
    assert_eq!(step(&first, &ann).unwrap().as_deref(), Some("ann"));
    assert_eq!(step(&ann, &ben).unwrap().as_deref(), Some("ben"));

    let not_next = "contribution_not_next";
    refused(&ann, &ann, not_next, "has 1 contributions, expected 2");
    refused(&ben, &ann, not_next, "has 1 contributions, expected 3");
    refused(&first, &ben, not_next, "has 2 contributions, expected 1");
    let fork = contribute(&contribute(&first, "another ann"), "ben");
    refused(&ann, &fork, not_next, "contribution 1 differs");
    // Other powers of tau: another ceremony of the same circuit.
    let other = contribute(&contribute(&initial(tiny), "ann"), "ben");
    refused(&ann, &other, not_next, "another ceremony");
    let beacon = keys::beacon(&ann, None, &Beacon::new(b"a public value", 10).unwrap());
    refused(&ann, &beacon, "ceremony_invalid", "beacon");
}

/// Every section of points, one byte at a time: a point is off its curve, or another one than expected.
#[test]
fn a_change_of_any_section_is_noticed() {
    let first = initial(include_bytes!("data/tiny.r1cs"));
    let ann = contribute(&first, "ann");
    let ben = contribute(&ann, "ben");
    for at in (12..ben.len()).step_by(29) {
        let mut changed = ben.clone();
        changed[at] ^= 1;
        if let Ok(name) = step(&ann, &changed) {
            assert_ne!(name.as_deref(), Some("ben"), "byte {at} was changed, and only the name is free");
        }
    }
    // The contributions of one file with the points of another one.
    let cleo = contribute(&ann, "cleo");
    let length = ben.len().min(cleo.len());
    let swapped = [&cleo[..length / 2], &ben[length / 2..]].concat();
    assert!(step(&ann, &swapped).is_err());
}
