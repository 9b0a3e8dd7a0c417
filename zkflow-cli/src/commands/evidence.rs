//! Evidence for the label of a key: a record of its verification, or the circuit and the powers of tau.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use zkflow_core::compile::tools::ToolFolders;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::{KeyHead, ZKeyFile};
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{
    CeremonyError, CheckedPowers, KeyVerdict, PowersFile, PowersSource as _, RecordKey, RecordedFiles,
    SetupRecord, StepOptions, gate,
};

use super::files::{self, Watched, in_file, map, read_found};
use super::progress::Progress;
use super::{Error, cache_dir};

/// Evidence for the label of a key. Without any, its contributions are only claimed.
#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    /// Record of `zkflow zkey verify` for this key, made by this user on this machine (default: the key's
    /// FILE.record.json, if present; for `zkflow deploy`, before it, setup.json in the folder)
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
    /// Judges the key in `zkey` by the given evidence, by the first record in `present` that exists, or by the key alone.
    pub(super) fn judge(
        &self,
        zkey: &Path,
        present: &[PathBuf],
        progress: &Progress,
        options: StepOptions<'_>,
    ) -> Result<(KeyHead, KeyVerdict), Error> {
        if let (Some(r1cs), Some(ptau)) = (&self.r1cs, &self.ptau) {
            let Verified { head, verdict, .. } = verify(r1cs, ptau, zkey, progress, options)?;
            return Ok((head, verdict));
        }
        let key = Watched::open(zkey)?;
        let head = of_key(&key, zkey)?.head().clone();
        let verdict = match &self.record {
            Some(record) => of_record(record, zkey, &key, &head)?,
            None => {
                let records = present.iter().filter(|path| path.exists());
                let mut verdicts = records.filter_map(|path| match of_record(path, zkey, &key, &head) {
                    Ok(verdict) => Some(verdict),
                    Err(error) => {
                        progress.line(&format!("the record is ignored: {error}"));
                        None
                    }
                });
                verdicts.next().unwrap_or_else(|| gate::judge(&head))
            }
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

fn of_record(record: &Path, zkey: &Path, key: &Watched, head: &KeyHead) -> Result<KeyVerdict, Error> {
    let text = read_found(record, LARGEST_RECORD)?;
    let parsed = SetupRecord::from_json(&text).map_err(in_file(record))?;
    parsed.verdict(&record_key()?, head, &key.digest(zkey)?).map_err(in_file(record))
}

/// Size limit of a record in bytes.
const LARGEST_RECORD: u64 = 4 << 20;

/// Opens the .zkey file that is watched.
fn of_key(key: &Watched, path: &Path) -> Result<ZKeyFile<BufReader<File>>, Error> {
    let file = key.reader().map_err(in_file(path))?;
    ZKeyFile::open(BufReader::new(file)).map_err(in_file(path))
}

/// The key of this user for records, in the user's data folder; made on first use.
pub(super) fn record_key() -> Result<RecordKey, Error> {
    let tools = ToolFolders::of_setup().ok_or("neither XDG_DATA_HOME nor HOME is an absolute path")?;
    let path = tools.with_file_name("record.key");
    RecordKey::load_or_create(&path).map_err(in_file(&path))
}

/// The powers of tau that this user verified, in the user's cache folder.
pub(super) fn checked_powers() -> Result<Option<CheckedPowers>, Error> {
    let Some(folder) = cache_dir("ptau") else { return Ok(None) };
    Ok(Some(CheckedPowers::new(folder.join("verified"), record_key()?)))
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
    // The digests in the record are those of the bytes that are verified.
    let (watched_r1cs, watched_key) = (Watched::open(r1cs)?, Watched::open(zkey)?);
    let circuit = R1cs::read(&watched_r1cs.map(r1cs)?).map_err(in_file(r1cs))?;
    let checked = checked_powers()?;
    let powers = progress
        .measured("verify the powers of tau", options, |options| {
            PowersFile::check(ptau, checked.as_ref(), &mut os_rng(), options)
        })
        .map_err(in_file(ptau))?;
    let mut powers = powers.powers(circuit.domain_size().ilog2()).map_err(in_file(ptau))?;
    let mut key = of_key(&watched_key, zkey)?;
    let verdict = progress
        .measured("verify the key", options, |options| {
            powers.verify_key(&circuit, &mut key, &mut os_rng(), options)
        })
        .map_err(|error| match error {
            CeremonyError::Setup(_) => in_file(r1cs)(error),
            CeremonyError::TooFewPowers { .. } | CeremonyError::NotPrepared => in_file(ptau)(error),
            _ => in_file(zkey)(error),
        })?;
    let head = key.head().clone();
    let record = match verdict.is_forgeable() {
        true => None,
        false => {
            let files =
                RecordedFiles { r1cs: Some(watched_r1cs.digest(r1cs)?), zkey: watched_key.digest(zkey)? };
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
    ZKeyFile::open(BufReader::new(files::open(path)?)).map_err(in_file(path))
}
