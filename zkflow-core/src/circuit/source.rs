//! [`CircuitSource`]: the source of a circuit's files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zkflow_groth16::prove::{PreparedKey, Prover};

use super::{CircuitFiles, FileName, LoadError};

/// Access to a circuit's files: [`CircuitFiles`] in memory, a folder written by `zkflow circuit build`
/// (`Path`), a map of bytes, or your own implementation.
///
/// Required are [`FileName::Wasm`] and [`FileName::ProvingKey`]. With [`FileName::R1cs`] and
/// [`FileName::Sym`], every witness is checked and errors name every input. [`FileName::Tape`] speeds up
/// witnesses and requires both.
pub trait CircuitSource {
    /// Bytes of a file; `None` if the circuit has no such file.
    ///
    /// # Errors
    /// The file cannot be read.
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError>;

    /// The key, prepared by `prover`. Override it if there is a faster way than through the bytes of the
    /// file.
    ///
    /// # Errors
    /// The key cannot be read, or is inconsistent.
    fn key(&self, prover: &dyn Prover) -> Result<Arc<dyn PreparedKey>, LoadError> {
        Ok(prover.load(&self.required(FileName::ProvingKey)?)?)
    }

    /// Bytes of a required file.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    fn required(&self, name: FileName) -> Result<Cow<'_, [u8]>, LoadError> {
        self.file(name)?.ok_or(LoadError::Missing(name))
    }
}

impl CircuitSource for CircuitFiles {
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError> {
        Ok(self.get(name).map(Cow::Borrowed))
    }
}

impl CircuitSource for BTreeMap<FileName, Vec<u8>> {
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError> {
        Ok(self.get(&name).map(|bytes| Cow::Borrowed(bytes.as_slice())))
    }
}

impl CircuitSource for Path {
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError> {
        match fs::read(self.join(name.as_str())) {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LoadError::Unreadable { file: name, source }),
        }
    }

    /// Maps the file, or reads the prepared key from the prover's disk cache.
    fn key(&self, prover: &dyn Prover) -> Result<Arc<dyn PreparedKey>, LoadError> {
        let path = self.join(FileName::ProvingKey.as_str());
        if !path.exists() {
            return Err(LoadError::Missing(FileName::ProvingKey));
        }
        Ok(prover.load_file(&path)?)
    }
}

impl CircuitSource for PathBuf {
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError> {
        self.as_path().file(name)
    }

    fn key(&self, prover: &dyn Prover) -> Result<Arc<dyn PreparedKey>, LoadError> {
        self.as_path().key(prover)
    }
}
