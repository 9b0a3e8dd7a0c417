//! `zkflow circuit import`: sends the files of a circuit to a server, and waits until they are checked.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use zkflow_client::blocking::Client;
use zkflow_core::compile::SourceSearch;
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::digest::Digest;
use zkflow_core::setup::ptau::Ceremony;

use super::Error;
use super::compile::explain;
use super::files::{Watched, folder_of, in_file, read_text};
use super::progress::Progress;
use super::server::ServerArgs;

/// Arguments of `zkflow circuit import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Main file of the source (.circom), which is sent with all files that it includes; or an archive of the source (.zip,
    /// .tar, .tar.gz or .tgz)
    source: Option<PathBuf>,
    /// Path of the main file in the archive
    #[arg(long, value_name = "PATH", requires = "source")]
    main: Option<String>,
    /// Folder of include files, searched before circomlib; can be repeated
    #[arg(short = 'l', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Constraint system (.r1cs) (default: made from the source)
    #[arg(long, value_name = "FILE")]
    r1cs: Option<PathBuf>,
    /// Witness calculator (.wasm) (default: made from the source)
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
    /// Names of the signals (.sym) (default: made from the source)
    #[arg(long, value_name = "FILE")]
    sym: Option<PathBuf>,
    /// Proving key (.zkey) (default: made by the server)
    #[arg(long, value_name = "FILE")]
    zkey: Option<PathBuf>,
    /// Verification key (.json) to compare with the proving key
    #[arg(long, value_name = "FILE", requires = "zkey")]
    verification_key: Option<PathBuf>,
    /// Prepared powers of tau of the key (.ptau); `configured` for those of the server; or the name of a published file, for
    /// those of the server if they are published (default: the label of the key is only claimed)
    #[arg(long, value_name = "FILE|configured|NAME")]
    ptau: Option<PathBuf>,
    /// Record of the key's ceremony (ceremony.json) to compare with the proving key; requires --ptau
    #[arg(long, value_name = "FILE", requires = "zkey", requires = "ptau")]
    transcript: Option<PathBuf>,
    /// Simplification of the source's constraints
    #[arg(long, value_enum, default_value_t = Level::O1)]
    simplification: Level,
    /// Let every tenant that knows the id prove and verify with the circuit
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// Continue an interrupted upload of the same files
    #[arg(long, value_name = "UPLOAD_ID")]
    resume: Option<String>,
    /// Time limit of the checks in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600)]
    patience: u64,
}

/// Simplification levels of circom.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "verbatim")]
enum Level {
    /// No simplification
    O0,
    /// Remove equalities of signals with signals or constants
    O1,
    /// Remove all linear constraints
    O2,
}

/// Name of the server's powers of tau.
const CONFIGURED: &str = "configured";

pub(super) fn import(args: &ImportArgs) -> Result<(), Error> {
    let progress = Progress::new();
    let client = args.server.client()?;
    let (main, mut contents) = args.sources()?;
    for (role, path) in args.files() {
        contents.push(Content::open(role, path)?);
    }
    if contents.is_empty() {
        return Err("nothing to import: give a source or files".into());
    }
    let declared: Value = contents.iter().map(Content::declaration).collect();
    let upload = match &args.resume {
        Some(id) => client.upload(id)?,
        None => client.create_upload(&declared)?,
    };
    let id = upload["uploadId"].as_str().ok_or("the server gave no uploadId")?.to_owned();
    progress.line(&format!("upload {id}"));
    let sent = progress.step("send the files", || send(&client, &upload, &contents));
    sent.map_err(|error| format!("{error}; continue with --resume {id}"))?;

    let mut request = json!({"uploadId": id, "simplification": format!("{:?}", args.simplification)});
    if let Some(main) = main {
        request["main"] = main.into();
    }
    if let Some(powers) = args.own_powers() {
        request["powers"] = powers.into();
    }
    if args.public {
        request["visibility"] = "public".into();
    }
    let patience = Duration::from_secs(args.patience);
    let circuit = progress.step("check the files", || client.import_circuit(&request, patience))?;
    drop(progress);
    show(&circuit);
    Ok(())
}

impl ImportArgs {
    /// The path of the main file in the source, and the files of the source.
    fn sources(&self) -> Result<(Option<String>, Vec<Content>), Error> {
        let Some(path) = &self.source else { return Ok((None, Vec::new())) };
        if is_archive(path) {
            return self.archive(path);
        }
        if self.main.is_some() {
            return Err(
                format!("--main is a path in an archive, and {} is none: omit it", path.display()).into()
            );
        }
        let text = read_text(path)?;
        let name = path.file_name().ok_or("the source has no file name")?.to_string_lossy();
        // circomlib is searched if it is installed; the server has one of its own.
        let roots: Vec<PathBuf> = self.include.iter().cloned().chain(CircomTools::include_roots()?).collect();
        let search = SourceSearch::new(&roots).beside(Some(folder_of(path))).anywhere();
        let tree = search.resolve(&name, &text).map_err(explain).map_err(in_file(path))?;
        let files = tree.files().map(|(path, content)| Content {
            role: "source",
            path: Some(path.to_owned()),
            size: content.len() as u64,
            sha256: Digest::of(content),
            bytes: Bytes::Memory(content.to_vec()),
        });
        Ok((Some(tree.main().to_owned()), files.collect()))
    }

    /// The path of the main file in an archive, and the archive. It has all files but those of circomlib.
    fn archive(&self, path: &Path) -> Result<(Option<String>, Vec<Content>), Error> {
        let main =
            self.main.clone().ok_or("--main is missing: give the path of the main file in the archive")?;
        if !self.include.is_empty() {
            return Err("-l has no effect on an archive: put the included files into it".into());
        }
        Ok((Some(main), vec![Content::open("source_archive", path)?]))
    }

    /// Powers of tau that the server has.
    fn own_powers(&self) -> Option<&str> {
        let text = self.ptau.as_deref()?.to_str()?;
        let is_published = Ceremony::of_file_name(text).is_some() && !Path::new(text).exists();
        (text == CONFIGURED || is_published).then_some(text)
    }

    fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let ptau = self.ptau.as_ref().filter(|_| self.own_powers().is_none());
        [
            ("r1cs", self.r1cs.as_ref()),
            ("wasm", self.wasm.as_ref()),
            ("sym", self.sym.as_ref()),
            ("zkey", self.zkey.as_ref()),
            ("verification_key", self.verification_key.as_ref()),
            ("ptau", ptau),
            ("transcript", self.transcript.as_ref()),
        ]
        .into_iter()
        .filter_map(|(role, path)| Some((role, path?)))
    }
}

/// Whether a file is an archive by the end of its name.
fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// A file to send.
struct Content {
    role: &'static str,
    /// Path in the source.
    path: Option<String>,
    size: u64,
    sha256: Digest,
    bytes: Bytes,
}

enum Bytes {
    Memory(Vec<u8>),
    Disk(PathBuf, File),
}

impl Content {
    /// Hashes a file on disk.
    fn open(role: &'static str, path: &Path) -> Result<Self, Error> {
        let watched = Watched::open(path)?;
        let sha256 = watched.digest(path)?;
        let file = watched.reader().map_err(in_file(path))?;
        let size = file.metadata().map_err(in_file(path))?.len();
        Ok(Self { role, path: None, size, sha256, bytes: Bytes::Disk(path.to_path_buf(), file) })
    }

    fn declaration(&self) -> Value {
        let mut file = json!({"role": self.role, "size": self.size, "sha256": self.sha256});
        if let Some(path) = &self.path {
            file["path"] = path.as_str().into();
        }
        file
    }

    /// The bytes of a part; the server compares the whole file with its digest.
    fn part(&self, part: u64, length: u64) -> Result<Vec<u8>, Error> {
        let start = part.saturating_mul(length).min(self.size);
        let length = length.min(self.size - start);
        match &self.bytes {
            Bytes::Memory(bytes) => Ok(bytes[start as usize..(start + length) as usize].to_vec()),
            Bytes::Disk(path, file) => {
                let mut bytes = Vec::new();
                let mut file = file;
                file.seek(SeekFrom::Start(start)).map_err(in_file(path))?;
                file.take(length).read_to_end(&mut bytes).map_err(in_file(path))?;
                Ok(bytes)
            }
        }
    }
}

/// Sends the missing parts.
fn send(client: &Client, upload: &Value, contents: &[Content]) -> Result<(), Error> {
    let id = upload["uploadId"].as_str().unwrap_or_default();
    let length = upload["partBytes"].as_u64().filter(|length| *length > 0).ok_or("no partBytes")?;
    let files = upload["files"].as_array().ok_or("the server gave no files")?;
    let is_same = |(file, content): (&Value, &Content)| {
        file["sha256"].as_str() == Some(content.sha256.to_string().as_str()) && file["role"] == content.role
    };
    if files.len() != contents.len() || !files.iter().zip(contents).all(is_same) {
        return Err("the upload is of other files".into());
    }
    let mut direct = upload["direct"] == true;
    for (number, (file, content)) in files.iter().zip(contents).enumerate() {
        for part in file["missing"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
            let bytes = content.part(part, length)?;
            if direct {
                match send_direct(client, id, (number, part), bytes.clone()) {
                    Ok(()) => continue,
                    // The bucket cannot be reached from here: the server can.
                    Err(error) => eprintln!("warning: {error}; the parts are sent through the server"),
                }
                direct = false;
            }
            client.put_part(id, number, part, bytes)?;
        }
    }
    Ok(())
}

/// Sends a part to the bucket of the server.
fn send_direct(
    client: &Client,
    upload: &str,
    (file, part): (usize, u64),
    bytes: Vec<u8>,
) -> Result<(), Error> {
    let signed = client.sign_parts(upload, file, &[(part, Digest::of(&bytes).to_string())])?;
    let signed = signed["parts"].get(0).ok_or("the server signed no part")?;
    Ok(client.put_signed(signed, bytes)?)
}

/// Prints a circuit of a server.
pub(super) fn show(circuit: &Value) {
    println!("circuit {}", circuit["circuitId"].as_str().unwrap_or_default());
    for input in circuit["import"]["inputs"].as_array().into_iter().flatten() {
        let kind = if input["public"] == true { "public" } else { "private" };
        let (name, shape) = (&input["name"], &input["shape"]);
        println!(
            "input                {kind} {}: {}",
            name.as_str().unwrap_or_default(),
            shape.as_str().unwrap_or_default()
        );
    }
    let label = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => format!("ceremony({})", value["ceremony"]),
    };
    match &circuit["claimed"] {
        Value::Null => println!("keys                 {}", label(&circuit["provenance"])),
        claimed => println!(
            "keys                 claimed {}, not verified against the circuit and the powers of tau: give --ptau",
            label(claimed)
        ),
    }
}
