//! The steps of phase 2 for keys in memory.

use std::io::{Cursor, Read, Seek};

use zkflow_groth16::format::ptau::{ContributionName, Ptau};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::zkey::ZKeyFile;
use zkflow_groth16::rng::{SecureRng, os_rng};
use zkflow_groth16::setup::{Beacon, CeremonyError, StepOptions, phase2};

pub(crate) fn open(key: &[u8]) -> ZKeyFile<Cursor<&[u8]>> {
    ZKeyFile::open(Cursor::new(key)).unwrap()
}

pub(crate) fn create(r1cs: &R1cs, powers: &mut Ptau<impl Read + Seek>) -> Vec<u8> {
    let mut key = Vec::new();
    let head = phase2::create(r1cs, powers, &mut key, StepOptions::default()).unwrap();
    assert_eq!(*open(&key).head(), head);
    key
}

pub(crate) fn contribute(
    key: &[u8],
    name: Option<ContributionName>,
    text: &str,
    rng: &mut dyn SecureRng,
) -> Vec<u8> {
    let mut contributed = Vec::new();
    let options = StepOptions::default();
    let head = phase2::contribute(&mut open(key), &mut contributed, name, text, rng, options).unwrap();
    assert_eq!(*open(&contributed).head(), head);
    contributed
}

pub(crate) fn beacon(key: &[u8], name: Option<ContributionName>, beacon: &Beacon) -> Vec<u8> {
    let mut ended = Vec::new();
    let head = phase2::beacon(&mut open(key), &mut ended, name, beacon, StepOptions::default()).unwrap();
    assert_eq!(*open(&ended).head(), head);
    ended
}

pub(crate) fn verify(
    r1cs: &R1cs,
    powers: &mut Ptau<impl Read + Seek>,
    key: &[u8],
) -> Result<(), CeremonyError> {
    phase2::verify(r1cs, powers, &mut open(key), &mut os_rng(), StepOptions::default())
}

/// Whether the key parses and verifies against the initial key.
pub(crate) fn verify_from_initial(initial: &[u8], key: &[u8]) -> Result<(), CeremonyError> {
    phase2::verify_from_initial(
        &mut open(initial),
        &mut ZKeyFile::open(Cursor::new(key))?,
        &mut os_rng(),
        StepOptions::default(),
    )
}
