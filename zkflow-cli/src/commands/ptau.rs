//! `zkflow ptau`: phase 1 of a trusted setup, for any circuit.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zkflow_core::format::ptau::{ContributionKind, ContributionName, Ptau};
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{Beacon, CeremonyError, DEFAULT_BEACON_EXPONENT, StepOptions, ptau};

#[cfg(feature = "setup")]
mod fetch;

use super::files::{self, in_file};
use super::output::{continued, written};
use super::progress::Progress;
use super::{Error, allocator};

/// Arguments of `zkflow ptau`.
#[derive(Debug, Args)]
pub(crate) struct PtauArgs {
    #[command(flatten)]
    limits: LimitArgs,
    #[command(subcommand)]
    command: PtauCommand,
}

/// Limits of a setup step.
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// Memory limit for points, in bytes or with the suffix KiB, MiB or GiB; at least 64MiB
    #[arg(long, global = true, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
    memory: u64,
    /// Verify beacons of up to 2^EXPONENT hashes; 2^30 take about a minute and a half
    #[arg(long, global = true, value_name = "EXPONENT", default_value_t = DEFAULT_BEACON_EXPONENT,
        value_parser = clap::value_parser!(u8).range(10..=63))]
    max_beacon_exponent: u8,
}

impl LimitArgs {
    pub(super) fn options(&self) -> StepOptions<'static> {
        StepOptions::default().with_memory(self.memory).with_beacon_exponent(self.max_beacon_exponent)
    }

    /// Fails if `bytes` exceeds the limit.
    pub(super) fn allow(&self, bytes: u64) -> Result<(), Error> {
        if bytes <= self.memory {
            return Ok(());
        }
        let needed = bytes.div_ceil(1 << 20);
        Err(format!("about {needed} MiB of memory are required: use --memory {needed}MiB").into())
    }
}

pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1u64 << 30,
        other => return Err(format!("unknown suffix {other:?}: expected KiB, MiB or GiB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} does not start with a number"))?;
    number.checked_mul(unit).ok_or_else(|| format!("{text} is too large"))
}

/// Subcommands of `zkflow ptau`.
#[derive(Debug, Subcommand)]
enum PtauCommand {
    /// Start a ceremony
    New {
        /// Largest circuit: 2^POWER rows
        power: u32,
        /// Output file (.ptau)
        out: PathBuf,
    },
    /// Make prepared powers of tau for development, of one secret of this process. This takes a small part of the time
    /// of a ceremony; never use their keys for anything of value
    Development {
        /// Largest circuit: 2^POWER rows
        power: u32,
        /// Output file (.ptau)
        out: PathBuf,
    },
    /// Add a secret contribution from the system's random generator and an optional text
    Contribute {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        contributor: ContributorArgs,
    },
    /// End a ceremony with a beacon, a public random value
    Beacon {
        #[command(flatten)]
        files: InOut,
        #[command(flatten)]
        beacon: BeaconArgs,
    },
    /// Compute the Lagrange forms for phase 2; continues an interrupted run from OUT.part
    Prepare {
        #[command(flatten)]
        files: InOut,
    },
    /// Extract the part for circuits of up to 2^POWER rows
    Truncate {
        #[command(flatten)]
        files: InOut,
        /// Largest circuit of the output: 2^POWER rows
        power: u32,
    },
    /// Write the challenge for a contribution by another program
    ExportChallenge {
        #[command(flatten)]
        files: InOut,
    },
    /// Write a response to a challenge, with a secret from the system's random generator and an optional text
    AnswerChallenge {
        /// Challenge
        challenge: PathBuf,
        /// Output file (response)
        out: PathBuf,
        #[command(flatten)]
        entropy: EntropyArgs,
    },
    /// Add a contribution of another program
    ImportResponse {
        /// File of the answered challenge (.ptau)
        input: PathBuf,
        /// Response of the other program
        response: PathBuf,
        /// Output file (.ptau)
        out: PathBuf,
        /// Name of the contribution, at most 255 bytes
        #[arg(long)]
        name: Option<String>,
    },
    /// Download a published file, or truncate a larger one beside it; continues an interrupted download
    #[cfg(feature = "setup")]
    Fetch(fetch::FetchArgs),
    /// Verify all contributions and points
    Verify {
        /// Powers of tau (.ptau)
        file: PathBuf,
    },
    /// Show the power, the label, the contributions and their hashes; names the published file if it is one
    Info {
        /// Powers of tau (.ptau)
        file: PathBuf,
        /// Hash the file even if it is larger than 1 GiB
        #[arg(long)]
        hash: bool,
    },
}

/// Input and output file.
#[derive(Debug, Args)]
pub(super) struct InOut {
    /// Input file
    input: PathBuf,
    /// Output file
    out: PathBuf,
}

impl InOut {
    pub(super) fn paths(&self) -> (&Path, &Path) {
        (&self.input, &self.out)
    }

    /// [`named`] for these files.
    fn named(&self) -> impl FnOnce(CeremonyError) -> Error {
        named(&self.input, &self.out)
    }
}

/// Adds a file to an error of a step: the output if it cannot be written, else the input. The rare error of an output that cannot be read
/// again names the input.
pub(super) fn named(input: &Path, out: &Path) -> impl FnOnce(CeremonyError) -> Error {
    move |error| match error {
        CeremonyError::Write(_) => in_file(out)(error),
        _ => in_file(input)(error),
    }
}

/// Name and entropy of a contribution.
#[derive(Debug, Args)]
pub(super) struct ContributorArgs {
    /// Name of the contribution, at most 255 bytes
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    entropy: EntropyArgs,
}

/// Entropy of a contribution.
#[derive(Debug, Args)]
pub(super) struct EntropyArgs {
    /// Text that is mixed with the system's randomness
    #[arg(long, env = "ZKFLOW_ENTROPY", hide_env_values = true, default_value = "")]
    pub(super) entropy: String,
}

impl ContributorArgs {
    pub(super) fn read(&self) -> Result<(Option<ContributionName>, &str), Error> {
        Ok((contribution_name(self.name.as_deref())?, &self.entropy.entropy))
    }
}

/// A beacon: a public random value.
#[derive(Debug, Args)]
pub(super) struct BeaconArgs {
    /// Value of the beacon in hexadecimal, 1 to 255 bytes
    hash: String,
    /// Exponent, 10 to 63: the value is hashed 2^ITERATIONS times
    iterations: u8,
    /// Name of the contribution, at most 255 bytes
    #[arg(long)]
    name: Option<String>,
}

impl BeaconArgs {
    pub(super) fn read(&self) -> Result<(Option<ContributionName>, Beacon), Error> {
        let text = self.hash.strip_prefix("0x").unwrap_or(&self.hash);
        let value = hex::decode(text).map_err(|error| format!("invalid beacon value: {error}"))?;
        Ok((contribution_name(self.name.as_deref())?, Beacon::new(&value, self.iterations)?))
    }
}

/// Sets up the allocator for the steps of a setup. They ask for buffers of some MiB again and again: `ptau prepare` would spend an
/// eighth of its time in page faults, where the kernel clears memory.
pub(super) fn set_up_allocator() {
    allocator::keep_buffers_below(32 << 20);
}

pub(super) fn run(args: &PtauArgs) -> Result<(), Error> {
    set_up_allocator();
    let progress = Progress::new();
    let options = args.limits.options();
    match &args.command {
        PtauCommand::New { power, out } => {
            let challenge = progress.step("write the powers", || {
                written(out, |file| {
                    ptau::create(*power, BufWriter::new(file)).map_err(|error| match error {
                        CeremonyError::Write(_) => in_file(out)(error),
                        _ => error.into(),
                    })
                })
            })?;
            println!("first challenge      {}", hex::encode(challenge));
        }
        PtauCommand::Development { power, out } => {
            let temporary = std::env::temp_dir();
            let scratch = tempfile::tempfile_in(&temporary).map_err(in_file(&temporary))?;
            let made = progress.step("make the powers", || {
                written(out, |file| {
                    ptau::development(*power, scratch, BufWriter::new(file), &mut os_rng()).map_err(|error| {
                        match error {
                            CeremonyError::Write(_) => {
                                let (out, temporary) = (out.display(), temporary.display());
                                format!("{out}, or a temporary file in {temporary}: {error}").into()
                            }
                            _ => error.into(),
                        }
                    })
                })
            })?;
            print_contributed(&made);
        }
        PtauCommand::Contribute { files, contributor } => {
            let (name, text) = contributor.read()?;
            let mut input = open(&files.input)?;
            let made = progress.measured("contribute", options, |options| {
                written(&files.out, |file| {
                    ptau::contribute(&mut input, file, name, text, &mut os_rng(), options)
                        .map_err(files.named())
                })
            })?;
            print_contributed(&made);
        }
        PtauCommand::Beacon { files, beacon } => {
            let (name, beacon) = beacon.read()?;
            let mut input = open(&files.input)?;
            let made = progress.measured("apply the beacon", options, |options| {
                written(&files.out, |file| {
                    ptau::beacon(&mut input, file, name, &beacon, options).map_err(files.named())
                })
            })?;
            print_contributed(&made);
        }
        PtauCommand::Prepare { files } => {
            let mut input = open(&files.input)?;
            progress.measured("prepare phase 2", options, |options| {
                continued(&files.out, |file| {
                    ptau::prepare(&mut input, file, &mut os_rng(), options).map_err(files.named())
                })
            })?;
        }
        PtauCommand::Truncate { files, power } => truncate(&files.input, &files.out, *power, &progress)?,
        PtauCommand::ExportChallenge { files } => {
            let mut input = open(&files.input)?;
            let hash = progress.step("write the challenge", || {
                written(&files.out, |file| {
                    ptau::export_challenge(&mut input, BufWriter::new(file)).map_err(files.named())
                })
            })?;
            println!("challenge            {}", hex::encode(hash));
        }
        PtauCommand::AnswerChallenge { challenge, out, entropy } => {
            let mut input = BufReader::new(files::open(challenge)?);
            let response = progress.measured("contribute", options, |options| {
                written(out, |file| {
                    let writer = BufWriter::new(file);
                    ptau::answer_challenge(&mut input, writer, &entropy.entropy, &mut os_rng(), options)
                        .map_err(named(challenge, out))
                })
            })?;
            println!("response             {}", hex::encode(response));
        }
        PtauCommand::ImportResponse { input, response, out, name } => {
            let name = contribution_name(name.as_deref())?;
            let mut powers = open(input)?;
            let answer = BufReader::new(files::open(response)?);
            let about = |error| match error {
                CeremonyError::Truncated { .. } => in_file(input)(error),
                _ => named(response, out)(error),
            };
            let made = progress.measured("import the response", options, |options| {
                written(out, |file| {
                    ptau::import_response(&mut powers, answer, file, name, options).map_err(about)
                })
            })?;
            print_contributed(&made);
        }
        #[cfg(feature = "setup")]
        PtauCommand::Fetch(args) => fetch::fetch(args, &progress)?,
        PtauCommand::Verify { file } => {
            let mut input = open(file)?;
            let verdict = progress
                .measured("verify", options, |options| ptau::verify(&mut input, &mut os_rng(), options))
                .map_err(in_file(file))?;
            println!("OK: the powers of tau have {} contributions", input.contributions().len());
            println!("secrets              {verdict}");
            if verdict.weakness().is_some() {
                return Err(in_file(file)(CeremonyError::WeakPowers(Box::new(verdict))));
            }
        }
        PtauCommand::Info { file, hash } => info(file, *hash)?,
    }
    Ok(())
}

/// Writes the part of the file `input` for circuits of up to 2^power rows.
pub(super) fn truncate(input: &Path, out: &Path, power: u32, progress: &Progress) -> Result<(), Error> {
    let mut powers = open(input)?;
    progress.step("truncate", || {
        written(out, |file| {
            ptau::truncate(&mut powers, power, BufWriter::new(file)).map_err(named(input, out))
        })
    })
}

/// Files up to this size are hashed by `info`, which takes seconds.
const HASHED: u64 = 1 << 30;

fn info(path: &Path, hash: bool) -> Result<(), Error> {
    let mut file = open(path)?;
    println!("power                {} of {}", file.power(), file.ceremony_power());
    println!("prepared             {}", file.is_prepared());
    let verdict = ptau::judge(&mut file).map_err(in_file(path))?;
    let claimed = if verdict.weakness().is_none() { "claimed " } else { "" };
    println!("secrets              {claimed}{verdict}");
    if !claimed.is_empty() {
        println!(
            "                     only the contributions are checked: run `zkflow ptau verify` for all points"
        );
    }
    for (number, contribution) in (1..).zip(file.contributions()) {
        let name = contribution.name.as_ref().map_or("", ContributionName::as_str);
        println!("contribution {number:<7} {} {name:?}", kind_text(&contribution.kind));
        let response = ptau::response_hash(contribution).map_err(in_file(path))?;
        println!("  response           {}", hex::encode(response));
        println!("  next challenge     {}", hex::encode(contribution.next_challenge));
    }
    let opened = files::open(path)?;
    let length = opened.metadata().map_err(in_file(path))?.len();
    if length > HASHED && !hash {
        println!("blake2b              not computed for {length} bytes: use --hash");
        return Ok(());
    }
    let hash = ptau::file_hash(opened).map_err(in_file(path))?;
    println!("blake2b              {}", hex::encode(hash));
    let ceremony = ptau::published(&hash).map_or_else(|| "no known ceremony".to_owned(), |it| it.to_string());
    println!("published            {ceremony}");
    Ok(())
}

pub(super) fn kind_text(kind: &ContributionKind) -> String {
    match kind {
        ContributionKind::Secret => "secret".to_owned(),
        ContributionKind::Beacon { exponent, hash } => {
            format!("beacon 2^{exponent} {}", hex::encode(hash.as_bytes()))
        }
    }
}

/// Opens a .ptau file.
pub(super) fn open(path: &Path) -> Result<Ptau<BufReader<File>>, Error> {
    Ptau::open(BufReader::new(files::open(path)?)).map_err(in_file(path))
}

pub(super) fn contribution_name(name: Option<&str>) -> Result<Option<ContributionName>, Error> {
    let parse = |name| ContributionName::new(name).ok_or("the name is longer than 255 bytes".into());
    name.map(parse).transpose()
}

fn print_contributed(made: &ptau::Contributed) {
    println!("response             {}", hex::encode(made.response_hash));
    println!("next challenge       {}", hex::encode(made.next_challenge));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("64 MiB"), Ok(64 << 20));
        assert_eq!(parse_size("4096"), Ok(4096));
        for wrong in ["", "GiB", "1GB", "-1", "99999999999GiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
