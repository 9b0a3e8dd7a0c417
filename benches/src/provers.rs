//! The installed provers.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use zkflow_core::compile::tools::CircomTools;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::native::{NativeOptions, Parallelism};
use zkflow_core::prove::{Prover, Provers, memory};
use zkflow_core::provers;

use super::circuits::Files;
use super::library::Library;
use super::{BenchArgs, Error, Progress};

/// One prover with one set of options.
pub(super) struct Contestant {
    pub(super) name: String,
    /// The prover in this process; `None` for external programs.
    pub(super) inside: Option<Inside>,
    /// The external prover's library, for warm proofs.
    pub(super) library: Option<Arc<Library>>,
    /// Threads of a prover in this process; `None` for external programs, which use all.
    pub(super) threads: Option<NonZeroUsize>,
    /// The program and its first arguments; empty if there is only a library.
    cold: Vec<OsString>,
    /// Whether its process stores a prepared key, so that a second kind of cold start is measured.
    pub(super) prepares: bool,
}

/// A prover in this process.
pub(super) struct Inside {
    /// For one proof at a time, over all threads.
    pub(super) latency: Arc<dyn Prover>,
    /// For one proof per thread; `None`: the same prover.
    pub(super) throughput: Option<Arc<dyn Prover>>,
}

/// Name of the prover on a GPU, in builds that contain it.
const GPU: &str = "cuda";

/// All provers to measure.
pub(super) struct Contestants(pub(super) Vec<Contestant>);

impl Contestants {
    pub(super) fn find(args: &BenchArgs, progress: &dyn Progress) -> Result<Self, Error> {
        let mut found = Vec::new();
        let counts = args.thread_counts();
        for threads in counts.iter().copied() {
            let options = Options { threads, kernel: Kernel::detect(), constant_work: false, args };
            found.push(ours(Provers::DEFAULT, "native", options)?);
            if args.constant_work {
                let options = Options { constant_work: true, ..options };
                found.push(ours(Provers::DEFAULT, "native-constant-work", options)?);
            }
            for kernel in Kernel::available().skip(1) {
                let name = format!("native-{}", kernel.name());
                found.push(ours(Provers::DEFAULT, &name, Options { kernel, ..options })?);
            }
            if provers::of_build().check("ark").is_ok() && threads == counts[counts.len() - 1] {
                found.push(ours("ark", "ark", options)?);
            }
        }
        if provers::of_build().check(GPU).is_ok() && args.wants(GPU) {
            let threads = counts[counts.len() - 1];
            match on_gpu(Options { threads, kernel: Kernel::detect(), constant_work: false, args })? {
                Some(contestant) => found.push(contestant),
                None => progress.line("the prover cuda is left out: no GPU can be used"),
            }
        }
        let library = args.rapidsnark_library.as_deref().map(Library::open).transpose()?;
        match (rapidsnark(args), library) {
            (None, None) => {}
            (command, library) => {
                found.push(Contestant { library, ..outside("rapidsnark", command.unwrap_or_default()) });
            }
        }
        if let Some(command) = snarkrs(args) {
            found.push(outside("snarkrs", command));
        }
        if let Some(command) = snarkjs(args) {
            found.push(outside("snarkjs", command));
        }
        let mut here: Vec<String> = found.iter().map(|contestant| contestant.name.clone()).collect();
        here.sort();
        here.dedup();
        if let Some(name) = args.prover.iter().find(|name| !here.contains(name)) {
            return Err(format!("there is no prover {name:?} to measure; found {}", here.join(", ")).into());
        }
        found.retain(|contestant| args.wants(&contestant.name));
        if found.is_empty() {
            return Err("no prover to measure: --without excludes all".into());
        }
        Ok(Self(found))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(Contestant::label).collect()
    }

    /// The index of the prover that the others are compared with.
    pub(super) fn reference(&self) -> usize {
        self.0.iter().position(|contestant| contestant.name == "ark").unwrap_or(0)
    }
}

impl Contestant {
    /// The name with the number of threads, if it is known.
    fn label(&self) -> String {
        let threads = self.threads.map(|threads| format!(" ({threads} threads)"));
        self.name.clone() + &threads.unwrap_or_default()
    }

    /// The command that makes a cold proof in the folder of `files`; with `prepared` it may use a prepared
    /// key in that folder. `None` if there is only a library.
    pub(super) fn command(&self, files: &Files, prepared: bool) -> Option<Command> {
        let [proof, public] = self.outputs(files);
        let (program, arguments) = self.cold.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).args([&files.zkey, &files.wtns, &proof, &public]);
        if prepared {
            command.env("XDG_CACHE_HOME", &files.folder);
        } else if self.inside.is_some() {
            command.arg("--no-key-cache");
        }
        Some(command)
    }

    /// Output files of the command: proof and public signals.
    pub(super) fn outputs(&self, files: &Files) -> [PathBuf; 2] {
        ["proof", "public"].map(|what| files.folder.join(format!("{}.{what}.json", self.name)))
    }
}

/// Options of a prover in this process, and of its command.
#[derive(Clone, Copy)]
struct Options<'a> {
    threads: NonZeroUsize,
    kernel: Kernel,
    constant_work: bool,
    args: &'a BenchArgs,
}

impl Options<'_> {
    fn native(&self, parallelism: Parallelism) -> NativeOptions {
        NativeOptions {
            threads: Some(self.threads),
            parallelism,
            kernel: self.kernel,
            key_memory: self
                .args
                .key_memory
                .map_or_else(|| memory::for_key() as usize, |mib| mib.saturating_mul(1 << 20)),
            constant_work: self.constant_work,
            ..NativeOptions::default()
        }
    }

    /// The command `zkflow prove` with a prover.
    fn command(&self, prover: &str) -> Result<Vec<OsString>, Error> {
        let mut command: Vec<OsString> = vec![std::env::current_exe()?.into(), "prove".into()];
        command.extend(["--prover".into(), prover.into()]);
        command.extend(["--threads".into(), self.threads.to_string().into()]);
        if prover == Provers::DEFAULT {
            command.extend(["--kernel".into(), self.kernel.name().into()]);
        }
        if self.constant_work {
            command.push("--constant-work".into());
        }
        Ok(command)
    }
}

/// The prover `prover`, with a name for the table.
fn ours(prover: &str, name: &str, options: Options<'_>) -> Result<Contestant, Error> {
    let open = |parallelism| provers::of_build().open(prover, options.native(parallelism));
    Ok(Contestant {
        inside: Some(Inside {
            latency: open(Parallelism::Latency)?,
            throughput: Some(open(Parallelism::Throughput)?),
        }),
        threads: Some(options.threads),
        prepares: prover == Provers::DEFAULT,
        ..outside(name, options.command(prover)?)
    })
}

/// The prover on the GPU; `None` if the processor's prover took its place.
fn on_gpu(options: Options<'_>) -> Result<Option<Contestant>, Error> {
    let latency = provers::of_build().open(GPU, options.native(Parallelism::Latency))?;
    let inside = (latency.name() == GPU).then_some(Inside { latency, throughput: None });
    let (threads, command) = (Some(options.threads), options.command(GPU)?);
    Ok(inside.map(|inside| Contestant {
        inside: Some(inside),
        threads,
        prepares: true,
        ..outside(GPU, command)
    }))
}

fn outside(name: &str, cold: Vec<OsString>) -> Contestant {
    Contestant { name: name.to_owned(), inside: None, library: None, threads: None, cold, prepares: false }
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

/// The command `snarkrs groth16 prove` on the processor.
fn snarkrs(args: &BenchArgs) -> Option<Vec<OsString>> {
    let path = args.snarkrs.clone().or_else(|| in_path(&["snarkrs"]))?;
    Some([path.into()].into_iter().chain(["groth16", "prove", "--backend", "cpu"].map(Into::into)).collect())
}

fn in_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = folders.iter().flat_map(|folder| names.iter().map(|name| Path::new(folder).join(name)));
    candidates.into_iter().find(|path| path.is_file())
}
