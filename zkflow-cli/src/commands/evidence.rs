//! Evidence for the label of a key: a record of its verification, or the circuit and the powers of tau.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use zkflow_core::compile::tools::ToolFolders;
use zkflow_core::digest::{Digest, Hasher};
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::{KeyHead, ZKeyFile};
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{
    KeyVerdict, PowersFile, PowersSource as _, RecordKey, RecordedFiles, SetupRecord, StepOptions, gate,
};

use super::files::{in_file, map, read};
use super::progress::Progress;
use super::{Error, cache_dir};

/// Evidence for the label of a key. Without any, its contributions are only claimed.
#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    /// Record of `zkflow zkey verify` for this key, made by this user on this machine (default: the key's
    /// FILE.record.json, if present)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["r1cs", "ptau"])]
    record: Option<PathBuf>,
    /// Circuit (.r1cs) to verify the key against, with --ptau
    #[arg(long, value_name = "FILE", requires = "ptau")]
    r1cs: Option<PathBuf>,
    /// Powers of tau of the key (.ptau), with --r1cs
    #[arg(long, value_name = "FILE", requires = "r1cs")]
    ptau: Option<PathBuf>,
}

impl EvidenceArgs {
    /// Judges the key in `zkey` by the given evidence, by the record in `present` if that file exists, or by the key alone.
    pub(super) fn judge(
        &self,
        zkey: &Path,
        present: &Path,
        progress: &Progress,
        options: StepOptions<'_>,
    ) -> Result<(KeyHead, KeyVerdict), Error> {
        if let (Some(r1cs), Some(ptau)) = (&self.r1cs, &self.ptau) {
            let Verified { head, verdict, .. } = verify(r1cs, ptau, zkey, progress, options)?;
            return Ok((head, verdict));
        }
        let head = open(zkey)?.head().clone();
        let verdict = match &self.record {
            Some(record) => of_record(record, zkey, &head)?,
            None if present.exists() => of_record(present, zkey, &head).unwrap_or_else(|error| {
                progress.line(&format!("the record is ignored: {error}"));
                gate::judge(&head)
            }),
            None => gate::judge(&head),
        };
        Ok((head, verdict))
    }
}

/// Path of the record beside a key.
pub(super) fn record_of(zkey: &Path) -> PathBuf {
    let mut path = zkey.as_os_str().to_owned();
    path.push(".record.json");
    path.into()
}

fn of_record(record: &Path, zkey: &Path, head: &KeyHead) -> Result<KeyVerdict, Error> {
    let parsed = SetupRecord::from_json(&read(record)?).map_err(in_file(record))?;
    parsed.verdict(&record_key()?, head, &digest(zkey)?).map_err(in_file(record))
}

/// The key of this user for records, in the user's data folder; made on first use.
pub(super) fn record_key() -> Result<RecordKey, Error> {
    let tools = ToolFolders::of_setup().ok_or("neither XDG_DATA_HOME nor HOME is an absolute path")?;
    let path = tools.with_file_name("record.key");
    RecordKey::load_or_create(&path).map_err(in_file(&path))
}

/// A key that was compared with its circuit and its powers of tau.
pub(super) struct Verified {
    pub(super) head: KeyHead,
    pub(super) verdict: KeyVerdict,
    /// The sealed record; `None` if anyone could forge proofs.
    pub(super) record: Option<SetupRecord>,
}

/// Verifies the powers of tau, then the key. Powers that were verified before are recognised by their hash.
pub(super) fn verify(
    r1cs: &Path,
    ptau: &Path,
    zkey: &Path,
    progress: &Progress,
    options: StepOptions<'_>,
) -> Result<Verified, Error> {
    let circuit = circuit(r1cs)?;
    let verified = cache_dir("ptau").map(|folder| folder.join("verified"));
    let powers = progress
        .measured("verify the powers of tau", options, |options| {
            PowersFile::check(ptau, verified.as_deref(), &mut os_rng(), options)
        })
        .map_err(in_file(ptau))?;
    let mut powers = powers.powers(circuit.domain_size().ilog2()).map_err(in_file(ptau))?;
    let mut key = open(zkey)?;
    let verdict = progress
        .measured("verify the key", options, |options| {
            powers.verify_key(&circuit, &mut key, &mut os_rng(), options)
        })
        .map_err(in_file(zkey))?;
    let head = key.head().clone();
    let record = match verdict.is_forgeable() {
        true => None,
        false => {
            let files = RecordedFiles { r1cs: Some(digest(r1cs)?), zkey: digest(zkey)? };
            Some(SetupRecord::new(&powers, &head, &verdict, files)?.sealed(&record_key()?))
        }
    };
    Ok(Verified { head, verdict, record })
}

/// Reads a circuit and unmaps its file.
pub(super) fn circuit(path: &Path) -> Result<R1cs, Error> {
    R1cs::read(&map(path)?).map_err(in_file(path))
}

/// Opens a .zkey file.
pub(super) fn open(path: &Path) -> Result<ZKeyFile<BufReader<File>>, Error> {
    let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    ZKeyFile::open(BufReader::new(file)).map_err(in_file(path))
}

/// SHA-256 of a file.
fn digest(path: &Path) -> Result<Digest, Error> {
    let mut hasher = Hasher::default();
    let mut file = File::open(path).map_err(in_file(path))?;
    std::io::copy(&mut file, &mut hasher).map_err(in_file(path))?;
    Ok(hasher.finish())
}
