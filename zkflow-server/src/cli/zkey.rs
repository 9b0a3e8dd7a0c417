//! `zkflow zkey`: the key of a circuit, phase 2 of a trusted setup.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::{ContributionName, ZKey};
use zkflow_core::prove::os_rng;
use zkflow_core::setup::{gate, phase2};
use zkflow_core::solidity::{ContractCircuit, ContractHeader, verifier_contract};

use super::Error;
use super::files::{in_file, read, write};
use super::progress::Progress;
use super::ptau::{self, BeaconArgs, ContributorArgs, InOut};

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub enum ZkeyCommand {
    /// Make the initial key of a circuit, with which anybody can still forge proofs
    New {
        /// The circuit, .r1cs
        r1cs: PathBuf,
        /// Prepared powers of tau
        ptau: PathBuf,
        /// The .zkey to write
        out: PathBuf,
    },
    /// Multiply a secret in: random bytes of the system, mixed with a text
    Contribute {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        contributor: ContributorArgs,
    },
    /// Apply a public random value, after the secret contributions
    Beacon {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        beacon: BeaconArgs,
    },
    /// Check a key against its circuit and its powers of tau
    Verify {
        /// The circuit, .r1cs
        r1cs: PathBuf,
        /// The powers of tau that it was made from
        ptau: PathBuf,
        /// The key
        zkey: PathBuf,
    },
    /// Write the verification key
    ExportVkey {
        /// The key
        zkey: PathBuf,
        /// The JSON file to write
        out: PathBuf,
    },
    /// Write the verifier contract in Solidity
    ExportSolidity {
        /// The key
        zkey: PathBuf,
        /// The .sol file to write
        out: PathBuf,
        /// Accept a key for development, which must never stand on a real chain
        #[arg(long)]
        allow_development: bool,
    },
    /// Write the parameters for a contributor with another program (snarkjs: `zkey export bellman`)
    ExportMpcParams {
        #[command(flatten)]
        files: InOut,
    },
    /// Add the contributions of another program (snarkjs: `zkey import bellman`)
    ImportMpcParams {
        /// The key whose parameters were exported
        input: PathBuf,
        /// The parameters with new contributions
        params: PathBuf,
        /// The .zkey to write
        out: PathBuf,
        /// A name for the new contributions
        #[arg(long)]
        name: Option<String>,
    },
    /// Show the contributions, the circuit hash, and who could forge proofs
    Info {
        /// The key
        zkey: PathBuf,
    },
}

pub(super) fn run(command: &ZkeyCommand) -> Result<(), Error> {
    let progress = Progress::new();
    match command {
        ZkeyCommand::New { r1cs, ptau, out } => {
            let circuit = R1cs::read(&read(r1cs)?).map_err(in_file(r1cs))?;
            let mut powers = ptau::open(ptau)?;
            let key = progress.step("make the key", || phase2::create(&circuit, &mut powers))?;
            write(out, &key.write_initial())?;
            println!("circuit hash         {}", hex::encode(key.circuit_hash));
            println!("keys                 {}", gate::judge(&key));
        }
        ZkeyCommand::Contribute { files, contributor } => {
            let (name, text) = contributor.read()?;
            let (input, out) = files.paths();
            let mut key = open(input)?;
            let hash = progress.step("contribute", || {
                Ok::<_, Error>(phase2::contribute(&mut key, name, text, &mut os_rng()))
            })?;
            finish(out, &key, &hash)?;
        }
        ZkeyCommand::Beacon { files, beacon } => {
            let (name, beacon) = beacon.read()?;
            let (input, out) = files.paths();
            let mut key = open(input)?;
            let hash = progress
                .step("apply the beacon", || Ok::<_, Error>(phase2::beacon(&mut key, name, &beacon)))?;
            finish(out, &key, &hash)?;
        }
        ZkeyCommand::Verify { r1cs, ptau, zkey } => {
            let circuit = R1cs::read(&read(r1cs)?).map_err(in_file(r1cs))?;
            let mut powers = ptau::open(ptau)?;
            let key = open(zkey)?;
            progress
                .step("verify", || phase2::verify(&circuit, &mut powers, &key, &mut os_rng()))
                .map_err(in_file(zkey))?;
            println!("OK: the key is that of the circuit and of {} contributions", key.contributions.len());
            println!("keys                 {}", gate::judge(&key));
        }
        ZkeyCommand::ExportVkey { zkey, out } => {
            let key = open(zkey)?;
            let provenance = gate::judge(&key).admit(true).map_err(in_file(zkey))?;
            write(out, json::vkey_text(&key.vk).as_bytes())?;
            println!("keys                 {provenance}");
        }
        ZkeyCommand::ExportSolidity { zkey, out, allow_development } => {
            let key = open(zkey)?;
            let provenance = gate::judge(&key).admit(*allow_development).map_err(in_file(zkey))?;
            let header = ContractHeader {
                circuit: ContractCircuit::Hash(key.circuit_hash),
                provenance,
                verification_key: Digest::of(json::vkey_text(&key.vk)),
            };
            write(out, verifier_contract(&key.vk, &header).as_bytes())?;
            println!("keys                 {provenance}");
        }
        ZkeyCommand::ExportMpcParams { files } => {
            let (input, out) = files.paths();
            let key = open(input)?;
            write(out, &progress.step("export the parameters", || phase2::export_params(&key))?)?;
        }
        ZkeyCommand::ImportMpcParams { input, params, out, name } => {
            let name = ptau::contribution_name(name.as_deref())?;
            let (key, bytes) = (open(input)?, read(params)?);
            let key = progress
                .step("import the parameters", || phase2::import_params(&key, &bytes, name))
                .map_err(in_file(params))?;
            let hash = key.contributions.last().map(phase2::contribution_hash).unwrap_or([0; 64]);
            finish(out, &key, &hash)?;
        }
        ZkeyCommand::Info { zkey } => info(&open(zkey)?),
    }
    Ok(())
}

fn info(key: &ZKey) {
    println!("circuit hash         {}", hex::encode(key.circuit_hash));
    for (number, contribution) in (1..).zip(&key.contributions) {
        let name = contribution.name.as_ref().map_or("", ContributionName::as_str);
        println!("contribution {number:<7} {} {name:?}", ptau::kind_text(&contribution.kind));
        println!("  hash               {}", hex::encode(phase2::contribution_hash(contribution)));
    }
    println!("keys                 {}", gate::judge(key));
}

fn open(path: &Path) -> Result<ZKey, Error> {
    ZKey::read(&read(path)?).map_err(in_file(path))
}

fn finish(out: &Path, key: &ZKey, hash: &[u8]) -> Result<(), Error> {
    write(out, &key.write())?;
    println!("contribution         {}", hex::encode(hash));
    println!("keys                 {}", gate::judge(key));
    Ok(())
}
