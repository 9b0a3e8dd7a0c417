//! [`CircuitSource`]: where the files of a circuit are read from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zkflow_groth16::prove::{PreparedKey, Prover};

use super::{CircuitFiles, FileName, LoadError};

/// The files of a circuit: [`CircuitFiles`] in memory, the folder that `zkflow circuit build` wrote (`Path`), a map
/// of bytes, or files of your own.
///
/// A circuit needs [`FileName::Wasm`] and [`FileName::ProvingKey`]. With [`FileName::R1cs`] and [`FileName::Sym`]
/// every witness is checked, and errors name every input; [`FileName::Tape`] makes witnesses faster, and needs both.
pub trait CircuitSource {
    /// The bytes of a file; `None` if the circuit has no such file.
    ///
    /// # Errors
    /// The file cannot be read.
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError>;

    /// The key, prepared by `prover`. Override it if there is a shorter way than through the bytes of the file.
    ///
    /// # Errors
    /// The key cannot be read, or is inconsistent.
    fn key(&self, prover: &dyn Prover) -> Result<Arc<dyn PreparedKey>, LoadError> {
        Ok(prover.load(&self.required(FileName::ProvingKey)?)?)
    }

    /// The bytes of a file that every circuit has.
    ///
    /// # Errors
    /// The circuit has no such file, or it cannot be read.
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

    /// Maps the file, or reads the key that the prover stored on disk when it prepared this file before.
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
