//! `zkflow circuit import`: sends the files of a circuit to a server, and waits until they are checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use zkflow_client::{UploadFile, UploadProgress};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{SourceLimits, SourceSearch};
use zkflow_core::setup::ptau::Ceremony;

use super::Error;
use super::compile_errors::explain;
use super::files::{folder_of, in_file, open, read_text};
use super::output::tell;
use super::progress::Progress;
use super::server::ServerArgs;
use super::toolbox::{ignored_folders, include_folders};

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
    // An upload that is continued has its files already.
    if args.resume.is_none() {
        args.demand_parts()?;
    }
    let (main, mut files) = args.sources()?;
    for (role, path) in args.files() {
        files.push(opened(role, path)?);
    }
    let upload = match &args.resume {
        Some(id) => client.upload(id)?,
        None => client.create_upload(&files)?,
    };
    let id = upload["uploadId"].as_str().ok_or("the server gave no uploadId")?.to_owned();
    progress.line(&format!("upload {id}"));
    let mut warn = |step: UploadProgress<'_>| {
        if let UploadProgress::NotDirect(error) = step {
            progress.line(&format!("warning: {error}; the parts are sent through the server"));
        }
    };
    let sent = progress.step("send the files", || client.send_upload(&upload, &files, Some(&mut warn)));
    sent.map_err(|error| format!("{error}; continue with --resume {id}"))?;

    let mut choices = json!({"simplification": format!("{:?}", args.simplification)});
    if let Some(main) = main {
        choices["main"] = main.into();
    }
    if let Some(powers) = args.own_powers() {
        choices["powers"] = powers.into();
    }
    if args.public {
        choices["visibility"] = "public".into();
    }
    let circuit = progress.step("check the files", || {
        let circuit = client.request_import(&id, &choices)?;
        let circuit = circuit["circuitId"].as_str().unwrap_or_default();
        client.wait_for_circuit(circuit, Duration::from_secs(args.patience))
    })?;
    drop(progress);
    show(&circuit);
    Ok(())
}

impl ImportArgs {
    /// Without a source, nothing makes its parts: that is known before gigabytes are sent.
    fn demand_parts(&self) -> Result<(), Error> {
        let parts = [("--r1cs", &self.r1cs), ("--wasm", &self.wasm), ("--sym", &self.sym)];
        let missing: Vec<&str> =
            parts.into_iter().filter(|(_, path)| path.is_none()).map(|(flag, _)| flag).collect();
        match self.source.is_some() || missing.is_empty() {
            true => Ok(()),
            false => Err(format!("give the source, or also {}", missing.join(", ")).into()),
        }
    }

    /// The path of the main file in the source, and the files of the source.
    fn sources(&self) -> Result<(Option<String>, Vec<UploadFile>), Error> {
        let Some(path) = &self.source else { return Ok((None, Vec::new())) };
        if is_archive(path) {
            return self.archive(path);
        }
        if self.main.is_some() {
            return Err(
                format!("--main is a path in an archive, and {} is none: omit it", path.display()).into()
            );
        }
        if let Some(flag) = part_of(path) {
            return Err(in_file(path)(format!("not a source: give it with {flag}")));
        }
        let text = read_text(path)?;
        let name = path.file_name().ok_or("the source has no file name")?.to_string_lossy();
        // circomlib is searched if it is installed; the server has one of its own.
        let roots: Vec<PathBuf> =
            include_folders(&self.include).chain(CircomTools::include_roots()?).collect();
        ignored_folders(&self.include)
            .for_each(|warning| tell(format_args!("{}", super::printable(&warning))));
        // The server has limits of its own.
        let limits = SourceLimits { files: 1 << 20, bytes: 1 << 40 };
        let search = SourceSearch::new(&roots).beside(Some(folder_of(path))).anywhere().limits(limits);
        let tree = search.resolve(&name, &text).map_err(explain).map_err(in_file(path))?;
        let files = tree.files().map(|(path, content)| UploadFile::of_source(path, content));
        Ok((Some(tree.main().to_owned()), files.collect()))
    }

    /// The path of the main file in an archive, and the archive. It has all files but those of circomlib.
    fn archive(&self, path: &Path) -> Result<(Option<String>, Vec<UploadFile>), Error> {
        let main =
            self.main.clone().ok_or("--main is missing: give the path of the main file in the archive")?;
        if !self.include.is_empty() {
            return Err("-l has no effect on an archive: put the included files into it".into());
        }
        Ok((Some(main), vec![opened("source_archive", path)?]))
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

/// The flag for a file that is no source, by the end of its name.
fn part_of(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "r1cs" => Some("--r1cs"),
        "wasm" => Some("--wasm"),
        "sym" => Some("--sym"),
        "zkey" => Some("--zkey"),
        "ptau" => Some("--ptau"),
        _ => None,
    }
}

/// Whether a file is an archive by the end of its name.
fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// A file to send. It can be a pipe.
fn opened(role: &str, path: &Path) -> Result<UploadFile, Error> {
    Ok(UploadFile::of_file(role, path, open(path)?)?)
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
    if let Some(message) = circuit["import"]["claimed"]["message"].as_str() {
        println!("claimed              {message}");
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
