//! `zkflow ceremony`: fetches what a hosted ceremony made, and verifies it without the server.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use zkflow_core::digest::Digest;
use zkflow_core::service::ceremony::{Attestation, CeremonyFiles, CeremonyRecord, ReceivedContribution};
use zkflow_core::setup::Refused;

use super::Error;
use super::evidence::{self, Verified, record_of};
use super::files::{in_file, read_found};
use super::output::write;
use super::progress::Progress;
use super::ptau::LimitArgs;
use super::remote::{CeremonyArgs, Wanted};

/// Subcommands of `zkflow ceremony`.
#[derive(Debug, Subcommand)]
pub(crate) enum CeremonyCommand {
    /// Download the record, the key and the constraints of a finished ceremony to a folder
    Fetch(FetchArgs),
    /// Verify a finished ceremony without its server: the whole chain of contributions against the constraints and the
    /// powers of tau, and the record against the key
    Verify(VerifyArgs),
}

/// Arguments of `zkflow ceremony fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    ceremony: CeremonyArgs,
    /// Output folder
    folder: PathBuf,
}

/// Arguments of `zkflow ceremony verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    limits: LimitArgs,
    /// Folder with ceremony.json, circuit.r1cs and proving_key.zkey
    folder: PathBuf,
    /// Powers of tau of the ceremony (.ptau)
    #[arg(long, value_name = "FILE")]
    ptau: PathBuf,
    /// Attestation of a contributor, to compare with the record; can be repeated
    #[arg(long, value_name = "FILE")]
    attestation: Vec<PathBuf>,
}

const RECORD: &str = "ceremony.json";
const CONSTRAINTS: &str = "circuit.r1cs";
const KEY: &str = "proving_key.zkey";
/// Size limit of a record or an attestation in bytes.
const LARGEST: u64 = 4 << 20;

pub(super) fn run(command: &CeremonyCommand) -> Result<(), Error> {
    match command {
        CeremonyCommand::Fetch(args) => fetch(args),
        CeremonyCommand::Verify(args) => verify(args),
    }
}

fn fetch(args: &FetchArgs) -> Result<(), Error> {
    let (id, client) = args.ceremony.open()?;
    let ceremony = client.ceremony(&id)?;
    if ceremony["status"] != "completed" {
        return Err(format!("the ceremony is {}, not completed", ceremony["status"]).into());
    }
    fs::create_dir_all(&args.folder).map_err(in_file(&args.folder))?;
    let progress = Progress::new();
    let text = client.ceremony_file(&id, RECORD, 0..LARGEST)?;
    let record = CeremonyRecord::from_json(&text)?;
    let (size, sha256) = described(&ceremony["key"])?;
    let constraints = Wanted { name: CONSTRAINTS, size: None, sha256: record.circuit.r1cs };
    for wanted in [Wanted { name: KEY, size: Some(size), sha256 }, constraints] {
        let path = args.folder.join(wanted.name);
        progress.step(&format!("download {}", wanted.name), || {
            args.ceremony.download(&client, &id, &wanted, &path)
        })?;
    }
    write(&args.folder.join(RECORD), &text)?;
    drop(progress);
    println!("ceremony             {}", record.ceremony);
    println!(
        "powers of tau        {} (BLAKE2b-512 {})",
        super::printable(&record.circuit.powers_origin),
        record.circuit.powers
    );
    println!("next                 zkflow ceremony verify {} --ptau FILE", args.folder.display());
    Ok(())
}

/// Length and SHA-256 of a key in an answer of the server.
pub(super) fn described(key: &Value) -> Result<(u64, Digest), Error> {
    let size = key["size"].as_u64().ok_or("the server gave no size of the key")?;
    let sha256 = key["sha256"].as_str().and_then(|text| text.parse().ok());
    Ok((size, sha256.ok_or("the server gave no SHA-256 of the key")?))
}

fn verify(args: &VerifyArgs) -> Result<(), Error> {
    let progress = Progress::new();
    let path = |name: &str| args.folder.join(name);
    let record = path(RECORD);
    let parsed = CeremonyRecord::from_json(&read_found(&record, LARGEST)?).map_err(in_file(&record))?;
    let attestations: Vec<(&PathBuf, Attestation)> =
        args.attestation.iter().map(|path| Ok((path, attestation(path)?))).collect::<Result<_, Error>>()?;
    let (r1cs, zkey) = (path(CONSTRAINTS), path(KEY));
    let Verified { head, verdict, record: setup } =
        evidence::verify(&r1cs, &args.ptau, &zkey, &progress, args.limits.options())?;
    let Some(setup) = setup else { return Err(in_file(&zkey)(Refused::from(verdict))) };
    let files = CeremonyFiles {
        r1cs: setup.r1cs.as_ref().ok_or("the constraints have no digest")?,
        zkey: &setup.zkey,
        head: &head,
        powers: &setup.phase1.blake2b,
    };
    parsed.check(files).map_err(in_file(&record))?;
    let label = verdict.admit(true).map_err(in_file(&zkey))?;
    if label.provenance() != parsed.provenance {
        return Err(in_file(&record)(format!("the label is {label}, the record says {}", parsed.provenance)));
    }
    for (path, attestation) in &attestations {
        attestation.check(&parsed).map_err(in_file(path))?;
    }
    drop(progress);
    show(&parsed, attestations.len());
    println!("keys                 {verdict}");
    let out = record_of(&zkey);
    write(&out, setup.to_json().as_bytes())?;
    println!("record               {}", out.display());
    Ok(())
}

fn attestation(path: &Path) -> Result<Attestation, Error> {
    Attestation::from_json(&read_found(path, LARGEST)?).map_err(in_file(path))
}

/// What people must look at: names and hashes of contributors, and the value of the beacon.
fn show(record: &CeremonyRecord, attestations: usize) {
    println!(
        "OK: the ceremony has {} contributions, and its key matches the circuit",
        record.contributions.len()
    );
    println!("announced            {}", record.announced_at);
    println!("deadline             {}", record.rules.deadline);
    for ReceivedContribution { number, name, hash, received_at, .. } in &record.contributions {
        let name = name.as_deref().unwrap_or_default();
        println!("contribution {number:<7} {received_at} {name:?}");
        println!("  hash               {hash}");
    }
    println!("attestations         {attestations} compared");
    println!(
        "beacon               {:?}, not known before {}",
        record.rules.beacon.source, record.rules.beacon.at
    );
    println!("  value              {} (compare it with the source)", record.beacon.value);
}
