//! Makes two thousand changes to powers of tau and to a key. No change may cause a panic, and each relevant
//! change must be detected.

#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used)]

#[path = "interop/keys.rs"]
#[allow(dead_code)]
mod keys;

use std::io::Cursor;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use zkflow_groth16::format::ptau::{ContributionName, HASH_STATE_LEN, Ptau};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::zkey::ZKeyFile;
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup::{Beacon, StepOptions, phase2, ptau};

/// Number of changes: to powers of tau (fewer, because verification is slow), to a key beside its initial key, to a
/// key alone.
const ROUNDS: [u64; 3] = [500, 1500, 300];

/// Bytes that verification does not cover.
type Free = Vec<std::ops::Range<usize>>;

#[test]
fn changes_to_powers_of_tau_are_noticed() {
    let bytes = powers(2);
    let free = free_of_powers(&bytes);
    tamper(ROUNDS[0], &bytes, &free, |bytes| match Ptau::open(Cursor::new(bytes)) {
        Ok(mut file) => ptau::verify(&mut file, &mut os_rng(), StepOptions::default()).is_ok(),
        Err(_) => false,
    });
}

#[test]
fn changes_to_a_key_are_noticed() {
    let r1cs = R1cs::read(include_bytes!("data/tiny.r1cs")).unwrap();
    let mut file = Ptau::open(Cursor::new(powers(4))).unwrap();
    let initial = keys::create(&r1cs, &mut file);
    let mut bytes = initial.clone();
    for text in ["a", "b"] {
        bytes = keys::contribute(&bytes, ContributionName::new(NAME), text, &mut os_rng());
    }
    let bytes = keys::beacon(&bytes, ContributionName::new(NAME), &beacon());
    let free = names(&bytes);
    tamper(ROUNDS[1], &bytes, &free, |bytes| keys::verify_from_initial(&initial, bytes).is_ok());
}

/// Uses the verifier that computes the initial key again.
#[test]
fn changes_to_a_key_are_noticed_without_its_initial_key() {
    let r1cs = R1cs::read(include_bytes!("data/tiny.r1cs")).unwrap();
    let powers = powers(4);
    let open = || Ptau::open(Cursor::new(&powers)).unwrap();
    let initial = keys::create(&r1cs, &mut open());
    let bytes = keys::contribute(&initial, ContributionName::new(NAME), "a", &mut os_rng());
    let free = names(&bytes);
    tamper(ROUNDS[2], &bytes, &free, |bytes| match ZKeyFile::open(Cursor::new(bytes)) {
        Ok(mut key) => {
            let options = StepOptions::default();
            phase2::verify(&r1cs, &mut open(), &mut key, &mut os_rng(), options).is_ok()
        }
        Err(_) => false,
    });
}

/// Beside the key that the contributor received.
#[test]
fn changes_to_a_contribution_are_noticed_by_its_step() {
    let r1cs = R1cs::read(include_bytes!("data/tiny.r1cs")).unwrap();
    let mut file = Ptau::open(Cursor::new(powers(4))).unwrap();
    let initial = keys::create(&r1cs, &mut file);
    let previous = keys::contribute(&initial, ContributionName::new("first"), "a", &mut os_rng());
    let bytes = keys::contribute(&previous, ContributionName::new(NAME), "b", &mut os_rng());
    let free = names(&bytes);
    tamper(ROUNDS[1], &bytes, &free, |bytes| match ZKeyFile::open(Cursor::new(bytes)) {
        Ok(mut key) => {
            let options = StepOptions::default();
            phase2::verify_step(&mut keys::open(&previous), &mut key, &mut os_rng(), options).is_ok()
        }
        Err(_) => false,
    });
}

#[test]
fn contributions_in_another_order_or_left_out_are_noticed() {
    let bytes = powers(2);
    let mut file = Ptau::open(Cursor::new(&bytes)).unwrap();
    let [first, second, last] = <[_; 3]>::try_from(file.contributions().to_vec()).unwrap();
    assert!(ptau::verify(&mut file, &mut os_rng(), StepOptions::default()).is_ok());
    for contributions in [
        vec![second.clone(), first.clone(), last.clone()],
        vec![first.clone(), last.clone()],
        vec![second.clone(), last.clone()],
        vec![first.clone(), second.clone()],
        vec![first, second, last.clone(), last],
        vec![],
    ] {
        let changed = with_contributions(&bytes, &contributions);
        let mut file = Ptau::open(Cursor::new(changed)).unwrap();
        assert!(
            ptau::verify(&mut file, &mut os_rng(), StepOptions::default()).is_err(),
            "{} of them",
            contributions.len()
        );
    }
}

/// A name that is easy to find in a file; names are free bytes.
const NAME: &str = "a name nobody proves";

fn beacon() -> Beacon {
    Beacon::new(b"a public value", 10).unwrap()
}

/// Prepared powers of tau with two secret contributions and a beacon.
fn powers(power: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    ptau::create(power, &mut bytes).unwrap();
    let name = || ContributionName::new(NAME);
    for text in ["a", "b"] {
        let mut next = Cursor::new(Vec::new());
        ptau::contribute(
            &mut Ptau::open(bytes).unwrap(),
            &mut next,
            name(),
            text,
            &mut os_rng(),
            StepOptions::default(),
        )
        .unwrap();
        bytes = next;
    }
    let mut ended = Cursor::new(Vec::new());
    ptau::beacon(&mut Ptau::open(bytes).unwrap(), &mut ended, name(), &beacon(), StepOptions::default())
        .unwrap();
    let mut prepared = Cursor::new(Vec::new());
    ptau::prepare(&mut Ptau::open(ended).unwrap(), &mut prepared, &mut os_rng(), StepOptions::default())
        .unwrap();
    prepared.into_inner()
}

/// Replaces the contributions in section 7 of the file.
fn with_contributions(
    bytes: &[u8],
    contributions: &[zkflow_groth16::format::ptau::PtauContribution],
) -> Vec<u8> {
    use zkflow_groth16::format::ptau::{ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, PtauWriter, TAU_G1, TAU_G2};
    let mut file = Ptau::open(Cursor::new(bytes)).unwrap();
    let power = file.power();
    let mut writer = PtauWriter::new(Vec::new(), power, power, false).unwrap();
    macro_rules! copy {
        ($($section:ident)*) => { $(
            writer.begin($section).unwrap();
            writer.points(&file.points($section, 0, $section.count(power)).unwrap()).unwrap();
        )* };
    }
    copy!(TAU_G1 TAU_G2 ALPHA_TAU_G1 BETA_TAU_G1 BETA_G2);
    writer.contributions(contributions).unwrap();
    writer.finish().unwrap()
}

fn names(bytes: &[u8]) -> Free {
    let name = NAME.as_bytes();
    bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, at)| *at == name)
        .map(|(i, _)| i..i + name.len())
        .collect()
}

/// The free bytes: names, and the hash states of responses, which cannot be checked against the file. Of the
/// last contribution's hash state only the stale end of the block is free.
fn free_of_powers(bytes: &[u8]) -> Free {
    let mut free = names(bytes);
    let file = Ptau::open(Cursor::new(bytes)).unwrap();
    let (last, earlier) = file.contributions().split_last().unwrap();
    let place = |state: &[u8]| bytes.windows(state.len()).position(|window| window == state).unwrap();
    free.extend(earlier.iter().map(|one| place(&one.response_state)).map(|at| at..at + HASH_STATE_LEN));
    let (at, waiting) = (place(&last.response_state), usize::from(last.response_state[200]));
    free.extend([at + waiting..at + 128, at + 208..at + HASH_STATE_LEN]);
    free
}

/// Changes the file `rounds` times. A change outside free bytes must make it invalid.
fn tamper(rounds: u64, bytes: &[u8], free: &Free, holds: impl Fn(&[u8]) -> bool + Sync) {
    assert!(holds(bytes), "the unchanged file must be valid");
    (0..rounds).into_par_iter().for_each(|round| {
        let mut rng = StdRng::seed_from_u64(round);
        let changed = changed(bytes, &mut rng);
        let differs = |i: &usize| bytes.get(*i) != changed.get(*i);
        let matters = changed.len() != bytes.len()
            || (0..bytes.len()).filter(differs).any(|i| !free.iter().any(|range| range.contains(&i)));
        if holds(&changed) {
            assert!(
                !matters,
                "round {round}: a change at {:?} is not noticed",
                (0..bytes.len()).find(differs)
            );
        }
    });
}

/// A copy with one change. Half of the changes replace a point by another valid point.
fn changed(bytes: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let at = rng.gen_range(0..bytes.len());
    match rng.gen_range(0..6) {
        0 => changed[at] ^= 1 << rng.gen_range(0..8),
        1 => changed[at] = rng.r#gen(),
        2 => changed.truncate(at),
        _ => {
            let (g1, g2) = points(bytes);
            let (places, length) = if rng.r#gen() { (g1, 64) } else { (g2, 128) };
            let [from, to] = [(); 2].map(|()| places[rng.gen_range(0..places.len())]);
            changed.copy_within(from..from + length, to);
        }
    }
    changed
}

/// Offsets of the points of G1 and of G2 in sections that only contain points.
fn points(bytes: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let (g1_sections, g2_sections): (&[u32], &[u32]) = match &bytes[..4] {
        b"ptau" => (&[2, 4, 5, 12, 14, 15], &[3, 6, 13]),
        _ => (&[3, 5, 6, 8, 9], &[7]),
    };
    let (mut g1, mut g2) = (Vec::new(), Vec::new());
    let mut at = 12;
    while at < bytes.len() {
        let id = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let size = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap()) as usize;
        let body = at + 12..at + 12 + size;
        at = body.end;
        if g1_sections.contains(&id) {
            g1.extend(body.step_by(64));
        } else if g2_sections.contains(&id) {
            g2.extend(body.step_by(128));
        }
    }
    (g1, g2)
}
