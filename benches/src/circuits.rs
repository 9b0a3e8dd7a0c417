//! The circuits of the benchmark. Keys and witnesses are made once and cached on disk.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use zkflow_core::compile::{CompileOptions, Simplification, SourceSearch};
use zkflow_core::digest::Hasher;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::wtns;
use zkflow_core::rng::os_rng;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup;
use zkflow_core::witness::{WitnessCalculator, WitnessLimits};

use super::files::{read, write, write_secret};
use super::{Error, Workshop};

/// Families of circuits, by the kind of their witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Family {
    /// Chain of Poseidon hashes: wires are full-size field elements
    Dense,
    /// Boolean operations on words: wires are bits
    Bits,
    /// Blocks of SHA-256, for sizes of at least 16: mostly bits, with long linear combinations
    Sha256,
    /// Half of the rows bind public inputs
    Public,
    /// Product of two numbers, without sizes
    Tiny,
}

impl Family {
    pub(super) const ALL: [Self; 5] = [Self::Dense, Self::Bits, Self::Sha256, Self::Public, Self::Tiny];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Bits => "bits",
            Self::Sha256 => "sha256",
            Self::Public => "public",
            Self::Tiny => "tiny",
        }
    }

    pub(super) fn has_sizes(self) -> bool {
        self != Self::Tiny
    }

    /// The largest circuit of this family in a domain of 2^`size` rows; `None` if none fills more than half.
    pub(super) fn workload(self, size: u32) -> Option<Workload> {
        let rows = 1u64 << size;
        let (count, fits) = match self {
            // 240 rows per hash, plus the rows of the output and the constant one.
            Self::Dense => ((rows - 3) / 240, rows >= 512),
            // 32 rows per word in each round, plus fewer than 100 other rows.
            Self::Bits => ((rows - 100) / 64, rows >= 256),
            // Two compressions per 512 bits of message: 59 313 rows and 257 outputs, in 2^16 rows.
            Self::Sha256 => (rows >> 16, rows >= 1 << 16),
            Self::Public => (rows / 2 - 2, rows >= 64),
            Self::Tiny => (1, true),
        };
        (fits && count > 0).then_some(Workload::BuiltIn { family: self, size, count })
    }

    fn source(self, count: u64) -> String {
        let template = match self {
            Self::Dense => include_str!("circuits/dense.circom"),
            Self::Bits => include_str!("circuits/bits.circom"),
            Self::Sha256 => include_str!("circuits/sha256.circom"),
            Self::Public => include_str!("circuits/public.circom"),
            Self::Tiny => include_str!("circuits/tiny.circom"),
        };
        template.replace("COUNT", &count.to_string())
    }

    fn input(self, count: u64) -> String {
        let numbers = |count: u64, of: fn(u64) -> u64| -> String {
            let texts: Vec<String> = (0..count).map(|i| of(i).to_string()).collect();
            format!("[{}]", texts.join(","))
        };
        match self {
            Self::Dense => r#"{"in": ["3", "4"]}"#.to_owned(),
            Self::Bits => r#"{"a": "2654435769", "b": "1367130551"}"#.to_owned(),
            Self::Sha256 => {
                format!(r#"{{"in": {}}}"#, numbers(512, |i| (0x9e37_79b9u64 >> (i % 31)) & 1))
            }
            Self::Public => format!(r#"{{"in": {}}}"#, numbers(count, |i| i * i + 7)),
            Self::Tiny => r#"{"a": "3", "b": "11"}"#.to_owned(),
        }
    }

    fn simplification(self) -> Simplification {
        match self {
            // Usual for such circuits: without it most rows are linear.
            Self::Dense => Simplification::Full,
            _ => Simplification::default(),
        }
    }
}

/// A circuit to measure.
#[derive(Debug, Clone)]
pub(super) enum Workload {
    BuiltIn { family: Family, size: u32, count: u64 },
    File { circuit: PathBuf, input: PathBuf },
}

/// Paths of a circuit's files.
pub(super) struct Files {
    pub(super) zkey: PathBuf,
    pub(super) wtns: PathBuf,
    /// Folder for the outputs and prepared keys of other processes.
    pub(super) folder: PathBuf,
}

impl Workload {
    pub(super) fn name(&self) -> String {
        match self {
            Self::BuiltIn { family, .. } if !family.has_sizes() => family.name().to_owned(),
            Self::BuiltIn { family, size, .. } => format!("{} 2^{size}", family.name()),
            Self::File { circuit, .. } => stem(circuit).to_owned(),
        }
    }

    /// Name of the chart's panel.
    pub(super) fn family(&self) -> String {
        match self {
            Self::BuiltIn { family, .. } => family.name().to_owned(),
            Self::File { circuit, .. } => stem(circuit).to_owned(),
        }
    }

    /// Returns the files of an earlier run, or makes them.
    pub(super) fn files(
        &self,
        folder: &Path,
        workshop: &dyn Fn() -> Result<Workshop, Error>,
        opened: &mut Option<Workshop>,
    ) -> Result<Files, Error> {
        let (source, input, simplification) = self.parts()?;
        let mut hasher = Hasher::default();
        hasher.field(env!("CARGO_PKG_VERSION"));
        hasher.field(&source);
        hasher.field(&input);
        hasher.field(format!("{simplification:?}"));
        let name = format!("{}-{}", self.family(), &hasher.finish().to_string()[..16]);
        let folder = folder.join(name);
        let files = Files { zkey: folder.join("key.zkey"), wtns: folder.join("witness.wtns"), folder };
        // The key is written last, so it shows that all files are complete.
        if !files.zkey.exists() {
            let workshop = match opened {
                Some(workshop) => workshop,
                None => opened.insert(workshop()?),
            };
            self.make(&files, workshop, &source, &input, simplification)?;
        }
        Ok(files)
    }

    /// Source, inputs and simplification level.
    fn parts(&self) -> Result<(String, String, Simplification), Error> {
        Ok(match self {
            Self::BuiltIn { family, count, .. } => {
                (family.source(*count), family.input(*count), family.simplification())
            }
            Self::File { circuit, input } => {
                let text = |path: &Path| {
                    String::from_utf8(read(path)?)
                        .map_err(|_| Error::from(format!("{}: not UTF-8", path.display())))
                };
                (text(circuit)?, text(input)?, Simplification::default())
            }
        })
    }

    fn make(
        &self,
        files: &Files,
        workshop: &Workshop,
        source: &str,
        input: &str,
        simplification: Simplification,
    ) -> Result<(), Error> {
        let folder = match self {
            Self::File { circuit, .. } => circuit.parent().map(|folder| Path::new(".").join(folder)),
            _ => None,
        };
        let search = SourceSearch::new(&workshop.include_roots).beside(folder.as_deref()).anywhere();
        let tree = search.resolve("bench.circom", source)?;
        let options = CompileOptions { simplification, ..CompileOptions::default() };
        let compiled = workshop.compiler.compile(&tree, &options)?;
        let calculator = WitnessCalculator::new(&workshop.sandbox, &compiled.wasm, WitnessLimits::default())?;
        let witness = calculator.calculate(&CircuitInputs::from_json(input.to_owned()))?;
        let key = setup::circuit_specific(&R1cs::read(&compiled.r1cs)?, &mut os_rng())?;
        write_secret(&files.wtns, &wtns::write(&witness))?;
        write(&files.zkey, &key.write())
    }
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("circuit")
}
