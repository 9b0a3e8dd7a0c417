//! Commands of snarkjs about powers of tau and keys.

use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;

use zkflow_core::calldata::calldata_of;
use zkflow_core::format::json;
use zkflow_core::format::ptau::{ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1};
use zkflow_core::format::zkey::{KeyHead, ZKey};
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{
    CeremonyError, Powers, PowersFile, PowersSource as _, Refused, StepOptions, gate, phase2,
};

use super::super::Error;
use super::super::evidence::{checked_powers, open};
use super::super::files::{in_file, map, read};
use super::super::output::written;
use super::super::progress::Progress;
use super::super::ptau;

/// `powersoftau truncate`: a file for each smaller power.
pub(super) fn truncate(arguments: &[String]) -> Result<ExitCode, Error> {
    let [input] = paths(arguments);
    let progress = Progress::new();
    let text = input.to_string_lossy();
    let stem = text.rsplit_once('.').map_or("", |(stem, _)| stem);
    for power in 1..ptau::open(input)?.power() {
        ptau::truncate(input, Path::new(&format!("{stem}_{power:02}.ptau")), power, &progress)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `zkey verify init`: the initial key is trusted, except for its alpha and beta.
pub(super) fn verify_initial(arguments: &[String]) -> Result<ExitCode, Error> {
    let [initial_path, ptau, zkey] = paths(arguments);
    let (progress, options) = (Progress::new(), StepOptions::default());
    let (mut initial, mut key) = (open(initial_path)?, open(zkey)?);
    let checked = checked_powers()?;
    progress
        .measured("verify the powers of tau", options, |options| {
            let powers = PowersFile::check(ptau, checked.as_ref(), &mut os_rng(), options)?;
            expect_powers_of(initial.head(), &mut powers.powers(initial.head().domain_size.ilog2())?)
        })
        .map_err(in_file(ptau))?;
    progress
        .measured("verify the key", options, |options| {
            phase2::verify_from_initial(&mut initial, &mut key, &mut os_rng(), options)
        })
        .map_err(in_file(zkey))?;
    let verdict = gate::judge(key.head());
    println!("OK: the key has {} contributions to the initial key", key.head().contributions.len());
    println!("keys                 {verdict}");
    match verdict.is_forgeable() {
        true => Err(in_file(zkey)(Refused::from(verdict))),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn expect_powers_of(initial: &KeyHead, powers: &mut Powers) -> Result<(), CeremonyError> {
    let file = powers.file();
    let same = file.points(ALPHA_TAU_G1, 0, 1)? == [initial.vk.alpha_g1]
        && file.points(BETA_TAU_G1, 0, 1)? == [initial.beta_g1]
        && file.points(BETA_G2, 0, 1)? == [initial.vk.beta_g2];
    match same {
        true => Ok(()),
        false => {
            Err(CeremonyError::Invalid("the initial key has alpha or beta of other powers of tau".to_owned()))
        }
    }
}

/// `zkey export json`.
pub(super) fn export_json(arguments: &[String]) -> Result<ExitCode, Error> {
    let [zkey, out] = paths(arguments);
    let key = ZKey::read(&map(zkey)?).map_err(in_file(zkey))?;
    written(out, |file| Ok(json::write_zkey(&key, BufWriter::new(file))?))?;
    Ok(ExitCode::SUCCESS)
}

/// `zkey export soliditycalldata`, on standard output.
pub(super) fn calldata(arguments: &[String]) -> Result<ExitCode, Error> {
    let [public, proof] = paths(arguments);
    let signals = json::read_public(&read(public)?).map_err(in_file(public))?;
    println!("{}", calldata_of(&json::read_proof(&read(proof)?).map_err(in_file(proof))?, &signals));
    Ok(ExitCode::SUCCESS)
}

fn paths<const N: usize>(arguments: &[String]) -> [&Path; N] {
    std::array::from_fn(|index| Path::new(arguments.get(index).map_or("", String::as_str)))
}
