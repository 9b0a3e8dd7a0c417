//! Keys of ceremonies that templates name in their manifests.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use zkflow_circom::template::{KeyFile, KeySpec, Params, Template, TemplateName};
use zkflow_groth16::digest::{Digest, Hasher};
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::ReadError;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::rng::SecureRng;
use zkflow_groth16::setup::{CeremonyError, KeyOptions, PowersFile, PowersSource, StepOptions};

use super::files::JudgedKey;
use super::import::{Forgeable, GivenKey, ImportError, judge, require_published};
use super::transcript::{ReadTranscript, Transcript};

/// The key that a template names for one choice of parameters.
#[derive(Debug, Clone)]
pub struct TemplateKey {
    template: TemplateName,
    /// Folder of the template; `None` if it has none.
    folder: Option<PathBuf>,
    spec: KeySpec,
    /// Reads a transcript; `None`: one is refused.
    read_transcript: Option<ReadTranscript>,
}

impl TemplateKey {
    /// The key of `template` for `params`; `None` if its manifest names none.
    pub(super) fn of(
        template: &Template,
        params: &Params,
        read_transcript: Option<ReadTranscript>,
    ) -> Option<Self> {
        let (spec, folder) = (template.key(params)?.clone(), template.folder().map(Path::to_owned));
        Some(Self { template: template.name.clone(), folder, spec, read_transcript })
    }

    /// What the manifest says about the key.
    pub fn spec(&self) -> &KeySpec {
        &self.spec
    }

    /// Identity of a circuit with this key. `compiled` is that of the circuit without it.
    pub(super) fn identity(&self, compiled: &Digest) -> Digest {
        let mut hasher = Hasher::default();
        hasher.field(compiled.as_bytes());
        hasher.field(self.spec.digest().as_bytes());
        hasher.finish()
    }

    /// Checks the files of the key, as those of an import: digests, the circuit `r1cs`, and the powers of tau if the manifest
    /// names some. `powers` serve for a published name.
    ///
    /// # Errors
    /// The first problem, with the template and the file.
    pub fn check(
        &self,
        r1cs: &R1cs,
        powers: &dyn PowersSource,
        options: KeyOptions<'_>,
        rng: &mut dyn SecureRng,
    ) -> Result<(), TemplateKeyError> {
        self.judge(r1cs, powers, options, rng).map(drop)
    }

    /// Checks the files. The key is copied to the [file](KeyOptions::key_file) of the options, or read into memory if they have
    /// none.
    pub(super) fn judge(
        &self,
        r1cs: &R1cs,
        powers: &dyn PowersSource,
        options: KeyOptions<'_>,
        rng: &mut dyn SecureRng,
    ) -> Result<JudgedKey, TemplateKeyError> {
        // What is judged is what is used: a copy that does not change.
        match options.key_file() {
            Some(path) => {
                self.copy(&self.spec.zkey, &path)?;
                let file =
                    File::open(path).map_err(|error| self.broken(&self.spec.zkey, ReadError::Io(error)))?;
                self.judge_copy(BufReader::new(file), r1cs, powers, options, rng)
            }
            None => {
                let zkey = self.read(&self.spec.zkey)?;
                let judged = self.judge_copy(Cursor::new(&zkey), r1cs, powers, options, rng)?;
                Ok(JudgedKey { zkey: Some(zkey), ..judged })
            }
        }
    }

    fn judge_copy(
        &self,
        zkey: impl Read + Seek,
        r1cs: &R1cs,
        powers: &dyn PowersSource,
        options: KeyOptions<'_>,
        rng: &mut dyn SecureRng,
    ) -> Result<JudgedKey, TemplateKeyError> {
        let (spec, steps) = (&self.spec, options.verification);
        let read = |file: &Option<KeyFile>| file.as_ref().map(|file| self.read(file)).transpose();
        let verification_key = read(&spec.verification_key)?;
        let transcript = spec.transcript.as_ref().map(|file| self.transcript(file)).transpose()?;
        let own = spec.ptau.as_ref().map(|file| self.powers(file, rng, steps)).transpose()?;
        if let Some(name) = &spec.published_ptau {
            require_published(powers, name).map_err(|error| self.fault(&spec.zkey, error.into()))?;
        }
        let given = GivenKey {
            file: zkey,
            digest: spec.zkey.sha256,
            verification_key: verification_key.as_deref(),
            powers: match &own {
                Some(own) => Some(own as &dyn PowersSource),
                None => spec.published_ptau.is_some().then_some(powers),
            },
            transcript: transcript.as_deref(),
            steps,
            forgeable: Forgeable::Refuse,
        };
        judge(r1cs, given, options, rng).map_err(|error| {
            let file = match &error {
                ImportError::OtherKey | ImportError::Json(_) => spec.verification_key.as_ref(),
                ImportError::Transcript(_) => spec.transcript.as_ref(),
                _ => None,
            };
            self.fault(file.unwrap_or(&spec.zkey), KeyProblem::Refused(error))
        })
    }

    fn transcript(&self, file: &KeyFile) -> Result<Box<dyn Transcript>, TemplateKeyError> {
        let bytes = self.read(file)?;
        let parsed = match self.read_transcript {
            Some(read) => read(&bytes),
            None => Err("this program reads no transcripts".to_owned()),
        };
        parsed.map_err(|why| self.fault(file, KeyProblem::Refused(ImportError::Transcript(why))))
    }

    fn read(&self, file: &KeyFile) -> Result<Vec<u8>, TemplateKeyError> {
        let bytes = fs::read(self.path(file)?).map_err(|error| self.fault(file, error.into()))?;
        match Digest::of(&bytes) == file.sha256 {
            true => Ok(bytes),
            false => Err(self.fault(file, KeyProblem::Digest)),
        }
    }

    /// Copies a file in pieces, and compares the copy with the digest.
    fn copy(&self, file: &KeyFile, to: &Path) -> Result<(), TemplateKeyError> {
        let mut source = File::open(self.path(file)?).map_err(|error| self.fault(file, error.into()))?;
        let copied = File::create(to).and_then(|mut copy| io::copy(&mut source, &mut copy));
        copied.map_err(|error| self.broken(file, error))?;
        match digest(to).map_err(|error| self.broken(file, ReadError::Io(error)))? == file.sha256 {
            true => Ok(()),
            false => Err(self.fault(file, KeyProblem::Digest)),
        }
    }

    /// A disk that is full or broken is no fault of the template.
    fn broken(&self, file: &KeyFile, error: impl Into<CeremonyError>) -> TemplateKeyError {
        self.fault(file, KeyProblem::Refused(error.into().into()))
    }

    /// Checks powers of tau. A change of the file after that is noticed when they are used.
    fn powers(
        &self,
        file: &KeyFile,
        rng: &mut dyn SecureRng,
        steps: StepOptions<'_>,
    ) -> Result<PowersFile, TemplateKeyError> {
        let path = self.path(file)?;
        if digest(&path).map_err(|error| self.fault(file, error.into()))? != file.sha256 {
            return Err(self.fault(file, KeyProblem::Digest));
        }
        let checked = PowersFile::check(&path, None, rng, steps);
        let powers = checked.map_err(|error| self.fault(file, KeyProblem::Refused(error.into())))?;
        // The digest is that of the file that was checked.
        match digest(&path).map_err(|error| self.fault(file, error.into()))? == file.sha256 {
            true => Ok(powers),
            false => Err(self.fault(file, KeyProblem::Digest)),
        }
    }

    fn path(&self, file: &KeyFile) -> Result<PathBuf, TemplateKeyError> {
        let unreadable = |why: String| self.fault(file, KeyProblem::Unreadable(why));
        let folder =
            self.folder.as_deref().ok_or_else(|| unreadable("the template has no folder".to_owned()))?;
        file.path_in(folder).map_err(|error| unreadable(error.to_string()))
    }

    fn fault(&self, file: &KeyFile, problem: KeyProblem) -> TemplateKeyError {
        TemplateKeyError {
            template: self.template.clone(),
            file: file.file.clone(),
            problem: Box::new(problem),
        }
    }
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finish())
}

/// The key that a template names cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("template {template}: {file}: {problem}")]
pub struct TemplateKeyError {
    /// Name of the template.
    pub template: TemplateName,
    /// Path of the file in the template's folder.
    pub file: String,
    problem: Box<KeyProblem>,
}

#[derive(Debug, thiserror::Error)]
enum KeyProblem {
    #[error("{0}")]
    Unreadable(String),
    #[error("its SHA-256 is not the one in the manifest")]
    Digest,
    #[error(transparent)]
    Refused(#[from] ImportError),
}

impl From<io::Error> for KeyProblem {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Classified for TemplateKeyError {
    fn kind(&self) -> ErrorKind {
        match &*self.problem {
            KeyProblem::Refused(error) => error.kind(),
            KeyProblem::Unreadable(_) | KeyProblem::Digest => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match &*self.problem {
            KeyProblem::Unreadable(_) => "template_key_unreadable",
            KeyProblem::Digest => "template_key_digest",
            KeyProblem::Refused(error) => error.code(),
        }
    }
}
