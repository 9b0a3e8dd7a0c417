//! The installed provers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use zkflow_core::compile::tools::CircomTools;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::native::{NativeOptions, Parallelism};
use zkflow_core::prove::{Prover, Provers};
use zkflow_core::provers;

use super::circuits::Files;
use super::{BenchArgs, Error, Progress};

/// One prover with one set of options.
pub(super) struct Contestant {
    pub(super) name: String,
    /// The prover in this process; `None` for external programs.
    pub(super) inside: Option<Inside>,
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
        let mut found = vec![ours(Provers::DEFAULT, Kernel::detect(), args)?];
        if Kernel::detect() != Kernel::Portable {
            found.push(ours(Provers::DEFAULT, Kernel::Portable, args)?);
        }
        if provers::of_build().check("ark").is_ok() {
            found.push(ours("ark", Kernel::Portable, args)?);
        }
        if provers::of_build().check(GPU).is_ok() && args.wants(GPU) {
            match on_gpu(args)? {
                Some(contestant) => found.push(contestant),
                None => progress.line("the prover cuda is left out: no GPU can be used"),
            }
        }
        if let Some(command) = rapidsnark(args) {
            found.push(outside("rapidsnark", command));
        }
        if let Some(command) = snarkjs(args) {
            found.push(outside("snarkjs", command));
        }
        let here: Vec<String> = found.iter().map(|contestant| contestant.name.clone()).collect();
        if let Some(name) = args.prover.iter().find(|name| !here.contains(name)) {
            return Err(format!("there is no prover {name:?} to measure; found {}", here.join(", ")).into());
        }
        found.retain(|contestant| args.wants(&contestant.name));
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
    let open = |parallelism| provers::of_build().open(name, options(kernel, parallelism, args));
    let native = name == Provers::DEFAULT;
    let portable = native && kernel == Kernel::Portable;
    let mut cold = command(name, args)?;
    if portable {
        cold.push("--portable".into());
    }
    Ok(Contestant {
        name: if portable { "native-portable".to_owned() } else { name.to_owned() },
        inside: Some(Inside {
            latency: open(Parallelism::Latency)?,
            throughput: Some(open(Parallelism::Throughput)?),
        }),
        cold,
        prepares: native,
    })
}

/// The prover on the GPU; `None` if the processor's prover took its place.
fn on_gpu(args: &BenchArgs) -> Result<Option<Contestant>, Error> {
    let latency = provers::of_build().open(GPU, options(Kernel::detect(), Parallelism::Latency, args))?;
    let inside = (latency.name() == GPU).then_some(Inside { latency, throughput: None });
    let cold = command(GPU, args)?;
    Ok(inside.map(|inside| Contestant { name: GPU.to_owned(), inside: Some(inside), cold, prepares: true }))
}

fn options(kernel: Kernel, parallelism: Parallelism, args: &BenchArgs) -> NativeOptions {
    let key_memory = args.key_memory.saturating_mul(1 << 20);
    NativeOptions { threads: args.threads, parallelism, kernel, key_memory, ..NativeOptions::default() }
}

/// The command `zkflow prove` with a prover.
fn command(prover: &str, args: &BenchArgs) -> Result<Vec<OsString>, Error> {
    let mut command: Vec<OsString> = vec![std::env::current_exe()?.into(), "prove".into()];
    command.extend(["--prover".into(), prover.into()]);
    command.extend(["--key-memory".into(), args.key_memory.to_string().into()]);
    if let Some(threads) = args.threads {
        command.extend(["--threads".into(), threads.to_string().into()]);
    }
    Ok(command)
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
