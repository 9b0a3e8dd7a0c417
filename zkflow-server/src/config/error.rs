//! [`ConfigError`].

use std::fmt;
use std::path::PathBuf;

use zkflow_core::service::secret_file::SecretFileError;

/// The settings cannot be used. Contains no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file of the settings cannot be read.
    #[error("cannot read the settings in {path}", path = path.display())]
    Unreadable {
        /// Path as it was given.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A line of the file is not TOML, names an unknown setting, or has a wrong value.
    #[error("{path}:{line}: {detail}", path = path.display())]
    File {
        /// Path as it was given.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The fault and its remedy.
        detail: String,
    },
    /// The value of a variable is wrong.
    #[error("variable {name}: {fault}")]
    Variable {
        /// Name of the variable.
        name: &'static str,
        /// The expected and the found value.
        fault: Fault,
    },
    /// The file of a secret is accessible to other users, or cannot be read.
    #[error("variable {name}_FILE: {fault}")]
    SecretFile {
        /// Name of the secret's variable.
        name: &'static str,
        /// Why the file is refused.
        fault: SecretFileError,
    },
    /// A variable begins with `ZKFLOW_` and is not a setting.
    #[error(
        "variable {0} is not a setting: correct its name or unset it; docs/settings.md lists all settings"
    )]
    UnknownVariable(String),
    /// The value of a flag is wrong.
    #[error("--{name}: {fault}")]
    Flag {
        /// Name of the flag.
        name: &'static str,
        /// The expected and the found value.
        fault: Fault,
    },
    /// Two settings contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

/// A value that a setting does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) expected: String,
    /// `None` for secrets.
    pub(super) found: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)?;
        self.found.as_ref().map_or(Ok(()), |found| write!(f, ", found {found}"))
    }
}
