//! `zkflow ptau fetch`: downloads published powers of tau.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _};
use std::path::{Path, PathBuf};

use clap::Args;
use zkflow_core::setup::ptau::{self, Ceremony};

use super::super::Error;
use super::super::files::{folder_of, in_file, open};
use super::super::output::{continued, written};
use super::super::progress::Progress;

mod mirror;
mod transfer;

use mirror::Mirror;
use transfer::{Partial, forget};

/// Arguments of `zkflow ptau fetch`.
#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    /// Power of the file, 8 to 28: it serves circuits of up to 2^POWER rows
    power: u32,
    /// Output file (default: the published name, in this folder)
    out: Option<PathBuf>,
    /// URL of a folder with the published files; can be repeated. The mirrors are tried in their order
    #[arg(
        long = "mirror",
        value_name = "URL",
        env = "ZKFLOW_PTAU_MIRRORS",
        value_delimiter = ',',
        default_value = "https://storage.googleapis.com/zkevm/ptau/"
    )]
    mirrors: Vec<String>,
}

pub(super) fn fetch(args: &FetchArgs, progress: &Progress) -> Result<(), Error> {
    let wanted = Ceremony::of_power(args.power)
        .ok_or_else(|| format!("there is no published file of power {}: expected 8 to 28", args.power))?;
    let out = args.out.clone().unwrap_or_else(|| wanted.file_name().into());
    if out.exists() {
        return match is_published(&out, wanted)? {
            true => told(&out, wanted, "present"),
            false => Err(format!("{} exists and is another file", out.display()).into()),
        };
    }
    if let Some(larger) = truncated(&out, wanted, progress)? {
        return told(&out, wanted, &format!("truncated from {}", larger.display()));
    }
    let mirrors: Vec<Mirror> = args.mirrors.iter().map(|url| Mirror::open(url)).collect::<Result<_, _>>()?;
    let host = progress.step("download", || download(&mirrors, &out, wanted, progress))?;
    told(&out, wanted, &format!("downloaded from {host}"))
}

fn told(out: &Path, ceremony: Ceremony, how: &str) -> Result<(), Error> {
    println!("{} {how}", out.display());
    println!("published            {ceremony}");
    println!("blake2b              {}", ceremony.hash_text());
    Ok(())
}

/// Writes the file from a larger published one in the same folder; returns its path. `None` if there is none.
fn truncated(out: &Path, wanted: Ceremony, progress: &Progress) -> Result<Option<PathBuf>, Error> {
    let larger = (wanted.power + 1..).map_while(Ceremony::of_power);
    let paths = larger.map(|larger| folder_of(out).join(larger.file_name()));
    for path in paths.filter(|path| path.is_file()) {
        // The hash of the result counts, so the large file is not hashed.
        let made = progress.step("truncate a larger file", || {
            written(out, |file| {
                let mut input = super::open(&path)?;
                ptau::truncate(&mut input, wanted.power, BufWriter::new(&mut *file))
                    .map_err(super::named(&path, out))?;
                check(&mut *file, wanted).map_err(in_file(&path))
            })
        });
        match made {
            Ok(()) => return Ok(Some(path)),
            Err(error) => progress.line(&format!("not used: {error}")),
        }
    }
    Ok(None)
}

fn is_published(path: &Path, wanted: Ceremony) -> Result<bool, Error> {
    let hash = ptau::file_hash(BufReader::new(open(path)?)).map_err(in_file(path))?;
    Ok(ptau::published(&hash) == Some(wanted))
}

fn check(file: &mut File, wanted: Ceremony) -> Result<(), Error> {
    file.rewind()?;
    let found = ptau::file_hash(&mut *file)?;
    match ptau::published(&found) == Some(wanted) {
        true => Ok(()),
        false => Err(format!("the bytes are not the published ones: BLAKE2b {}", hex::encode(found)).into()),
    }
}

/// Downloads to `OUT.part`, checks the hash, and gives the file its name. Returns the host of the last mirror.
///
/// Bytes of an earlier run are kept. A file that begins with them and has a wrong hash is downloaded again as a whole.
fn download(mirrors: &[Mirror], out: &Path, wanted: Ceremony, progress: &Progress) -> Result<String, Error> {
    let mut reasons = Vec::new();
    let downloaded = continued(out, |file| {
        let mut partial = Partial::new(file, out);
        for mirror in mirrors {
            match from(mirror, &mut partial, wanted, progress) {
                Ok(()) => return Ok(mirror.host()),
                Err(reason) => reasons.push(format!("{}: {reason}", mirror.host())),
            }
        }
        partial.abandon();
        Err(format!("no mirror has the file; {}", reasons.join("; ")).into())
    });
    if downloaded.is_ok() {
        forget(out);
    }
    downloaded
}

/// Completes the file from one mirror. The position of the file is then its end.
fn from(
    mirror: &Mirror,
    partial: &mut Partial<'_>,
    wanted: Ceremony,
    progress: &Progress,
) -> Result<(), Error> {
    let whole = mirror.complete(wanted, partial, progress)?;
    let Err(wrong) = check(partial.file(), wanted) else { return Ok(()) };
    partial.clear()?;
    if whole {
        return Err(wrong);
    }
    progress.line("the pieces are of different files: the download starts again");
    mirror.complete(wanted, partial, progress)?;
    check(partial.file(), wanted).or_else(|wrong| {
        partial.clear()?;
        Err(wrong)
    })
}
