//! `zkflow zkey`: phase 2 of a trusted setup, for one circuit.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::{ContributionName, KeyHead, ZKey, ZKeyFile};
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{gate, phase2};
use zkflow_core::solidity::{ContractCircuit, ContractHeader, verifier_contract};

use super::Error;
use super::files::{in_file, map, read, write, written};
use super::progress::Progress;
use super::ptau::{self, BeaconArgs, ContributorArgs, InOut, MemoryArgs};

/// Arguments of `zkflow zkey`.
#[derive(Debug, Args)]
pub(crate) struct ZkeyArgs {
    #[command(flatten)]
    memory: MemoryArgs,
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
    /// Verify a key against its circuit and its powers of tau
    Verify {
        /// Circuit (.r1cs)
        r1cs: PathBuf,
        /// Powers of tau of the key (.ptau)
        ptau: PathBuf,
        /// Key (.zkey)
        zkey: PathBuf,
    },
    /// Write the verification key as JSON
    ExportVkey {
        /// Key (.zkey)
        zkey: PathBuf,
        /// Output file (.json)
        out: PathBuf,
    },
    /// Write the verifier contract in Solidity
    ExportSolidity {
        /// Key (.zkey)
        zkey: PathBuf,
        /// Output file (.sol)
        out: PathBuf,
        /// Accept a key for development; never deploy its contract to a real chain
        #[arg(long)]
        allow_development: bool,
    },
    /// Write the parameters for a contribution by another program (snarkjs: `zkey export bellman`)
    ExportMpcParams {
        #[command(flatten)]
        files: InOut,
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
    /// Show the contributions, the circuit hash and the trust level: forgeable, development, single-operator
    /// or ceremony
    Info {
        /// Key (.zkey)
        zkey: PathBuf,
    },
}

pub(super) fn run(args: &ZkeyArgs) -> Result<(), Error> {
    let progress = Progress::new();
    let memory = args.memory.bytes();
    match &args.command {
        ZkeyCommand::New { r1cs, ptau, out } => {
            let circuit = circuit(r1cs)?;
            let mut powers = ptau::open(ptau)?;
            let key = progress.measured("make the key", memory, |options| {
                written(out, |file| Ok(phase2::create(&circuit, &mut powers, BufWriter::new(file), options)?))
            })?;
            println!("circuit hash         {}", hex::encode(key.circuit_hash));
            println!("keys                 {}", gate::judge(&key));
        }
        ZkeyCommand::Contribute { files, contributor } => {
            let (name, text) = contributor.read()?;
            let (input, out) = files.paths();
            let mut key = open(input)?;
            let key = progress.measured("contribute", memory, |options| {
                written(out, |file| {
                    let out = BufWriter::new(file);
                    Ok(phase2::contribute(&mut key, out, name, text, &mut os_rng(), options)?)
                })
            })?;
            show_last(&key);
        }
        ZkeyCommand::Beacon { files, beacon } => {
            let (name, beacon) = beacon.read()?;
            let (input, out) = files.paths();
            let mut key = open(input)?;
            let key = progress.measured("apply the beacon", memory, |options| {
                written(out, |file| {
                    Ok(phase2::beacon(&mut key, BufWriter::new(file), name, &beacon, options)?)
                })
            })?;
            show_last(&key);
        }
        ZkeyCommand::Verify { r1cs, ptau, zkey } => {
            let circuit = circuit(r1cs)?;
            let mut powers = ptau::open(ptau)?;
            let mut key = open(zkey)?;
            progress
                .measured("verify", memory, |options| {
                    phase2::verify(&circuit, &mut powers, &mut key, &mut os_rng(), options)
                })
                .map_err(in_file(zkey))?;
            let key = key.head();
            println!("OK: the key matches the circuit and has {} contributions", key.contributions.len());
            println!("keys                 {}", gate::judge(key));
        }
        ZkeyCommand::ExportVkey { zkey, out } => {
            let key = open(zkey)?;
            let key = key.head();
            let provenance = gate::judge(key).admit(true).map_err(in_file(zkey))?;
            write(out, json::vkey_text(&key.vk).as_bytes())?;
            println!("keys                 {provenance}");
        }
        ZkeyCommand::ExportSolidity { zkey, out, allow_development } => {
            let key = open(zkey)?;
            let key = key.head();
            let provenance = gate::judge(key).admit(*allow_development).map_err(in_file(zkey))?;
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
            let key = whole(input, &args.memory)?;
            write(out, &progress.step("export the parameters", || phase2::export_params(&key))?)?;
        }
        ZkeyCommand::ImportMpcParams { input, params, out, name } => {
            let name = ptau::contribution_name(name.as_deref())?;
            let (key, bytes) = (whole(input, &args.memory)?, read(params)?);
            let key = progress
                .step("import the parameters", || phase2::import_params(&key, &bytes, name))
                .map_err(in_file(params))?;
            write(out, &key.write())?;
            show_last(&key.head);
        }
        ZkeyCommand::Info { zkey } => info(open(zkey)?.head()),
    }
    Ok(())
}

fn info(key: &KeyHead) {
    println!("circuit hash         {}", hex::encode(key.circuit_hash));
    for (number, contribution) in (1..).zip(&key.contributions) {
        let name = contribution.name.as_ref().map_or("", ContributionName::as_str);
        println!("contribution {number:<7} {} {name:?}", ptau::kind_text(&contribution.kind));
        println!("  hash               {}", hex::encode(phase2::contribution_hash(contribution)));
    }
    println!("keys                 {}", gate::judge(key));
}

/// Reads a circuit and unmaps its file.
fn circuit(path: &Path) -> Result<R1cs, Error> {
    R1cs::read(&map(path)?).map_err(in_file(path))
}

fn open(path: &Path) -> Result<ZKeyFile<BufReader<File>>, Error> {
    let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    ZKeyFile::open(BufReader::new(file)).map_err(in_file(path))
}

/// Reads a whole key into memory, for the exchange with other programs.
fn whole(path: &Path, memory: &MemoryArgs) -> Result<ZKey, Error> {
    let bytes = map(path)?;
    memory.allow(COPIES * bytes.len() as u64)?;
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
