//! `zkflow zkey`: phase 2 of a trusted setup, for one circuit.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::zkey::{ContributionName, KeyHead, ZKey};
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{CeremonyError, KeyVerdict, PowersFile, PowersSource as _, Refused, gate, phase2};
use zkflow_core::solidity::{ContractCircuit, ContractHeader, verifier_contract};

use super::Error;
use super::evidence::{self, EvidenceArgs, Verified, checked_powers, circuit, open, record_of};
use super::files::{in_file, map, read};
use super::output::{write, written};
use super::progress::Progress;
use super::ptau::{self, BeaconArgs, ContributorArgs, EntropyArgs, InOut, LimitArgs};

/// Arguments of `zkflow zkey`.
#[derive(Debug, Args)]
pub(crate) struct ZkeyArgs {
    #[command(flatten)]
    limits: LimitArgs,
    #[command(subcommand)]
    command: ZkeyCommand,
}

/// Subcommands of `zkflow zkey`.
#[derive(Debug, Subcommand)]
enum ZkeyCommand {
    /// Make the initial key of a circuit. Proofs can be forged until a contribution is added
    New {
        /// Circuit (.r1cs)
        r1cs: PathBuf,
        /// Prepared powers of tau (.ptau)
        ptau: PathBuf,
        /// Output file (.zkey)
        out: PathBuf,
        /// Accept powers of tau for development, with secrets that anyone can compute, or with more than 80
        /// contributions, which `zkey new` does not check
        #[arg(long)]
        allow_development: bool,
    },
    /// Add a secret contribution from the system's random generator and an optional text
    Contribute {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        contributor: ContributorArgs,
    },
    /// Apply a beacon, a public random value, after the secret contributions
    Beacon {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        beacon: BeaconArgs,
    },
    /// Verify a key against its circuit and its powers of tau, which are verified too. Writes a record that
    /// other commands accept as evidence
    Verify {
        /// Circuit (.r1cs)
        r1cs: PathBuf,
        /// Powers of tau of the key (.ptau)
        ptau: PathBuf,
        /// Key (.zkey)
        zkey: PathBuf,
        /// Path of the record (default: the key's path, then .record.json)
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
    },
    /// Write the verification key as JSON. Without evidence it says that the contributions are only claimed
    ExportVkey {
        /// Key (.zkey)
        zkey: PathBuf,
        /// Output file (.json)
        out: PathBuf,
        #[command(flatten)]
        evidence: EvidenceArgs,
        /// Leave out the member `provenance`, so that the file is that of snarkjs, byte for byte
        #[arg(long)]
        snarkjs: bool,
    },
    /// Write the verifier contract in Solidity. Without evidence its header says that the contributions are only
    /// claimed
    ExportSolidity {
        /// Key (.zkey)
        zkey: PathBuf,
        /// Output file (.sol)
        out: PathBuf,
        /// Accept a key for development; never deploy its contract to a real chain
        #[arg(long)]
        allow_development: bool,
        #[command(flatten)]
        evidence: EvidenceArgs,
    },
    /// Write the parameters for a contribution by another program (snarkjs: `zkey export bellman`)
    ExportMpcParams {
        #[command(flatten)]
        files: InOut,
    },
    /// Add a secret contribution to parameters (snarkjs: `zkey bellman contribute`)
    ContributeMpcParams {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        entropy: EntropyArgs,
    },
    /// Add the contributions of another program (snarkjs: `zkey import bellman`)
    ImportMpcParams {
        /// Key whose parameters were exported (.zkey)
        input: PathBuf,
        /// Parameters with the new contributions
        params: PathBuf,
        /// Output file (.zkey)
        out: PathBuf,
        /// Name of the new contributions, at most 255 bytes
        #[arg(long)]
        name: Option<String>,
    },
    /// Show the contributions, the circuit hash and the label: forgeable, development, single-operator or
    /// ceremony; claimed without evidence
    Info {
        /// Key (.zkey)
        zkey: PathBuf,
        #[command(flatten)]
        evidence: EvidenceArgs,
    },
}

pub(super) fn run(args: &ZkeyArgs) -> Result<(), Error> {
    ptau::set_up_allocator();
    let progress = Progress::new();
    let options = args.limits.options();
    match &args.command {
        ZkeyCommand::New { r1cs, ptau, out, allow_development } => {
            let circuit = circuit(r1cs)?;
            let checked = checked_powers()?;
            let powers = progress
                .measured("check the powers of tau", options, |options| {
                    let powers = PowersFile::check(ptau, checked.as_ref(), &mut os_rng(), options)?;
                    if *allow_development { Ok(powers) } else { powers.for_production() }
                })
                .map_err(in_file(ptau))?;
            let mut powers = powers.powers(circuit.domain_size().ilog2()).map_err(in_file(ptau))?;
            let about = |error| match error {
                CeremonyError::Setup(_) | CeremonyError::Invalid(_) => in_file(r1cs)(error),
                _ => ptau::named(ptau, out)(error),
            };
            let key = progress.measured("make the key", options, |options| {
                let powers = powers.file();
                written(out, |file| {
                    phase2::create(&circuit, powers, BufWriter::new(file), options).map_err(about)
                })
            })?;
            println!("circuit hash         {}", hex::encode(key.circuit_hash));
            println!("keys                 {}", gate::judge(&key));
        }
        ZkeyCommand::Contribute { files, contributor } => {
            let (name, text) = contributor.read()?;
            let (input, out) = files.paths();
            let mut key = open(input)?;
            let key = progress.measured("contribute", options, |options| {
                written(out, |file| {
                    phase2::contribute(&mut key, BufWriter::new(file), name, text, &mut os_rng(), options)
                        .map_err(ptau::named(input, out))
                })
            })?;
            show_last(&key);
        }
        ZkeyCommand::Beacon { files, beacon } => {
            let (name, beacon) = beacon.read()?;
            let (input, out) = files.paths();
            let mut key = open(input)?;
            let key = progress.measured("apply the beacon", options, |options| {
                written(out, |file| {
                    phase2::beacon(&mut key, BufWriter::new(file), name, &beacon, options)
                        .map_err(ptau::named(input, out))
                })
            })?;
            show_last(&key);
        }
        ZkeyCommand::Verify { r1cs, ptau, zkey, record: out } => {
            let Verified { head, verdict, record } = evidence::verify(r1cs, ptau, zkey, &progress, options)?;
            println!("OK: the key matches the circuit and has {} contributions", head.contributions.len());
            println!("keys                 {verdict}");
            let Some(record) = record else { return Err(in_file(zkey)(Refused::from(verdict))) };
            let path = out.clone().unwrap_or_else(|| record_of(zkey));
            write(&path, record.to_json().as_bytes())?;
            println!("record               {}", path.display());
        }
        ZkeyCommand::ExportVkey { zkey, out, evidence, snarkjs } => {
            let (key, verdict) = evidence.judge(zkey, &[record_of(zkey)], &progress, options)?;
            let label = verdict.admit(true).map_err(in_file(zkey))?;
            let text =
                if *snarkjs { json::vkey_text(&key.vk) } else { json::labelled_vkey_text(&key.vk, &label) };
            write(out, text.as_bytes())?;
            println!("keys                 {label}");
        }
        ZkeyCommand::ExportSolidity { zkey, out, allow_development, evidence } => {
            let (key, verdict) = evidence.judge(zkey, &[record_of(zkey)], &progress, options)?;
            let label = verdict.admit(*allow_development).map_err(in_file(zkey))?;
            let header = ContractHeader {
                circuit: ContractCircuit::Hash(key.circuit_hash),
                label,
                verification_key: Digest::of(json::vkey_text(&key.vk)),
            };
            write(out, verifier_contract(&key.vk, &header).as_bytes())?;
            println!("keys                 {label}");
        }
        ZkeyCommand::ExportMpcParams { files } => {
            let (input, out) = files.paths();
            let key = whole(input, &args.limits)?;
            let params = progress.step("export the parameters", || phase2::export_params(&key));
            write(out, &params.map_err(in_file(input))?)?;
        }
        ZkeyCommand::ContributeMpcParams { files, entropy } => {
            let (input, out) = files.paths();
            let params = map(input)?;
            args.limits.allow(COPIES * params.len() as u64)?;
            let contribute = || phase2::contribute_to_params(&params, &entropy.entropy, &mut os_rng());
            let (params, hash) = progress.step("contribute", contribute).map_err(in_file(input))?;
            write(out, &params)?;
            println!("contribution         {}", hex::encode(hash));
        }
        ZkeyCommand::ImportMpcParams { input, params, out, name } => {
            let name = ptau::contribution_name(name.as_deref())?;
            let (key, bytes) = (whole(input, &args.limits)?, read(params)?);
            let key = progress
                .step("import the parameters", || phase2::import_params(&key, &bytes, name))
                .map_err(in_file(params))?;
            write(out, &key.write())?;
            show_last(&key.head);
        }
        ZkeyCommand::Info { zkey, evidence } => {
            let (key, verdict) = evidence.judge(zkey, &[record_of(zkey)], &progress, options)?;
            info(&key, &verdict);
        }
    }
    Ok(())
}

fn info(key: &KeyHead, verdict: &KeyVerdict) {
    println!("circuit hash         {}", hex::encode(key.circuit_hash));
    for (number, contribution) in (1..).zip(&key.contributions) {
        let name = contribution.name.as_ref().map_or("", ContributionName::as_str);
        println!("contribution {number:<7} {} {name:?}", ptau::kind_text(&contribution.kind));
        println!("  hash               {}", hex::encode(phase2::contribution_hash(contribution)));
    }
    println!("keys                 {verdict}");
}

/// Reads a whole key into memory, for the exchange with other programs.
fn whole(path: &Path, limits: &LimitArgs) -> Result<ZKey, Error> {
    let bytes = map(path)?;
    limits.allow(COPIES * bytes.len() as u64)?;
    ZKey::read(&bytes).map_err(in_file(path))
}

/// Memory of the exchange, in multiples of the key's file size.
const COPIES: u64 = 4;

fn show_last(key: &KeyHead) {
    if let Some(last) = key.contributions.last() {
        println!("contribution         {}", hex::encode(phase2::contribution_hash(last)));
    }
    println!("keys                 {}", gate::judge(key));
}
