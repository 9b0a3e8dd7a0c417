//! The installed provers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use zkflow_core::compile::tools::CircomTools;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::native::{NativeOptions, Parallelism};
use zkflow_core::prove::{Prover, Provers};

use super::circuits::Files;
use super::{BenchArgs, Error};

/// One prover with one set of options.
pub(super) struct Contestant {
    pub(super) name: String,
    /// The prover in this process; `None` for external programs.
    pub(super) inside: Option<Inside>,
    cold: Vec<OsString>,
    /// Whether its process stores a prepared key, so that a second kind of cold start is measured.
    pub(super) prepares: bool,
}

/// A prover in this process: one proof over all threads, and one proof per thread.
pub(super) struct Inside {
    pub(super) latency: Arc<dyn Prover>,
    pub(super) throughput: Arc<dyn Prover>,
}

/// All provers to measure.
pub(super) struct Contestants(pub(super) Vec<Contestant>);

impl Contestants {
    pub(super) fn find(args: &BenchArgs) -> Result<Self, Error> {
        let mut found = vec![ours(Provers::DEFAULT, Kernel::detect(), args)?];
        if Kernel::detect() != Kernel::Portable {
            found.push(ours(Provers::DEFAULT, Kernel::Portable, args)?);
        }
        if Provers::default().check("ark").is_ok() {
            found.push(ours("ark", Kernel::Portable, args)?);
        }
        if let Some(command) = rapidsnark(args) {
            found.push(outside("rapidsnark", command));
        }
        if let Some(command) = snarkjs(args) {
            found.push(outside("snarkjs", command));
        }
        found.retain(|contestant| !args.without.contains(&contestant.name));
        if found.is_empty() {
            return Err("no prover to measure: --without excludes all".into());
        }
        Ok(Self(found))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|contestant| contestant.name.as_str()).collect()
    }

    /// The index of the prover that the others are compared with.
    pub(super) fn reference(&self) -> usize {
        self.0.iter().position(|contestant| contestant.name == "ark").unwrap_or(0)
    }
}

impl Contestant {
    /// The command that makes a cold proof in the folder of `files`; with `prepared` it may use a prepared
    /// key in that folder.
    pub(super) fn command(&self, files: &Files, prepared: bool) -> Command {
        let [proof, public] = self.outputs(files);
        let (program, arguments) = self.cold.split_first().expect("a command starts with a program");
        let mut command = Command::new(program);
        command.args(arguments).args([&files.zkey, &files.wtns, &proof, &public]);
        if prepared {
            command.env("XDG_CACHE_HOME", &files.folder);
        } else if self.inside.is_some() {
            command.arg("--no-key-cache");
        }
        command
    }

    /// Output files of the command: proof and public signals.
    pub(super) fn outputs(&self, files: &Files) -> [PathBuf; 2] {
        ["proof", "public"].map(|what| files.folder.join(format!("{}.{what}.json", self.name)))
    }
}

fn ours(name: &str, kernel: Kernel, args: &BenchArgs) -> Result<Contestant, Error> {
    let key_memory = args.key_memory.saturating_mul(1 << 20);
    let open = |parallelism| {
        let threads = args.threads;
        let options = NativeOptions { threads, parallelism, kernel, key_memory, ..NativeOptions::default() };
        Provers::default().open(name, options)
    };
    let native = name == Provers::DEFAULT;
    let portable = native && kernel == Kernel::Portable;
    let mut cold: Vec<OsString> = vec![std::env::current_exe()?.into(), "prove".into()];
    cold.extend(["--prover".into(), name.into()]);
    cold.extend(["--key-memory".into(), args.key_memory.to_string().into()]);
    if portable {
        cold.push("--portable".into());
    }
    if let Some(threads) = args.threads {
        cold.extend(["--threads".into(), threads.to_string().into()]);
    }
    Ok(Contestant {
        name: if portable { "native-portable".to_owned() } else { name.to_owned() },
        inside: Some(Inside {
            latency: open(Parallelism::Latency)?,
            throughput: open(Parallelism::Throughput)?,
        }),
        cold,
        prepares: native,
    })
}

fn outside(name: &str, cold: Vec<OsString>) -> Contestant {
    Contestant { name: name.to_owned(), inside: None, cold, prepares: false }
}

/// The command `snarkjs groth16 prove`: from the option, beside circom in the tools, or in `PATH`.
fn snarkjs(args: &BenchArgs) -> Option<Vec<OsString>> {
    let installed = || {
        let roots = CircomTools::discover().ok()?.include_roots;
        roots.iter().map(|root| root.join("snarkjs/build/cli.cjs")).find(|path| path.is_file())
    };
    let path = args.snarkjs.clone().or_else(installed).or_else(|| in_path(&["snarkjs"]))?;
    let script = path.extension().is_some_and(|extension| extension == "cjs" || extension == "js");
    let mut command: Vec<OsString> = if script { vec!["node".into()] } else { Vec::new() };
    command.extend([path.into(), "groth16".into(), "prove".into()]);
    Some(command)
}

fn rapidsnark(args: &BenchArgs) -> Option<Vec<OsString>> {
    let path = args.rapidsnark.clone().or_else(|| in_path(&["rapidsnark"]))?;
    Some(vec![path.into()])
}

fn in_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = folders.iter().flat_map(|folder| names.iter().map(|name| Path::new(folder).join(name)));
    candidates.into_iter().find(|path| path.is_file())
}
