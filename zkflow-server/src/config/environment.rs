//! [`Environment`]: the variables of a process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use zeroize::Zeroize as _;
use zkflow_core::service::secret_file::SecretFile;

use super::args::FILE_VARIABLE;
use super::value::Said;
use super::{Config, ConfigError, SecretSetting, settings};

/// Variables that begin with [`PREFIX`] and are used by other parts: tools, single commands, tests.
const OTHERS: [&str; 11] = [
    FILE_VARIABLE,
    "ZKFLOW_TOOLS",
    "ZKFLOW_RPC",
    "ZKFLOW_URL",
    "ZKFLOW_API_KEY",
    "ZKFLOW_ENTROPY",
    "ZKFLOW_PTAU_MIRRORS",
    "ZKFLOW_DEMO_KEY",
    "ZKFLOW_GOLDEN",
    "ZKFLOW_MODEL_CASES",
    "ZKFLOW_TEST_WORKER",
];

const PREFIX: &str = "ZKFLOW_";
/// End of variables that name a file with the value.
const IN_FILE: &str = "_FILE";

/// The variables of a process. A variable that is set and empty counts as unset. The values are zeroised on drop.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Applies the variables of all settings. The value of a secret may be in a file, which the variable with [`IN_FILE`] at
    /// its end names: other processes of the user can read variables.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        for setting in settings() {
            let in_file = setting.is_secret().then(|| self.get(&(setting.variable.to_owned() + IN_FILE)));
            let file;
            let value = match (self.get(setting.variable), in_file.flatten()) {
                (Some(_), Some(_)) => {
                    let name = setting.variable;
                    let detail = format!("{name} and {name}{IN_FILE} are set: set one of them");
                    return Err(ConfigError::Contradiction(detail));
                }
                (Some(value), None) => value,
                (None, Some(path)) => {
                    let name = setting.variable;
                    let failed = |fault| ConfigError::SecretFile { name, fault };
                    file = SecretFile::read(path.as_ref()).map_err(failed)?;
                    let exposed = file.exposure.iter().map(|exposure| format!("{name}{IN_FILE}: {exposure}"));
                    config.warnings.extend(exposed);
                    OsStr::new(file.text.trim_end_matches(['\r', '\n']))
                }
                (None, None) => continue,
            };
            let applied = setting.apply(config, Said::Text(value));
            applied.map_err(|fault| ConfigError::Variable { name: setting.variable, fault })?;
        }
        Ok(())
    }

    /// Refuses variables that look like settings but are not, so that a misspelt setting is noticed.
    ///
    /// Accepted are the variables that the signers of `config` name, and those that Kubernetes sets for a
    /// service named `zkflow…`.
    pub(super) fn refuse_unknown(&self, config: &Config) -> Result<(), ConfigError> {
        let signers = config.chain.signers.as_ref().map_or("", SecretSetting::expose);
        let of_a_signer = |name: &str| signers.split([',', ':', '=']).any(|part| part.trim() == name);
        for (name, value) in &self.0 {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            let known = !name.starts_with(PREFIX)
                || settings().any(|setting| setting.variable == name)
                || settings().any(|setting| {
                    setting.is_secret() && name.strip_suffix(IN_FILE) == Some(setting.variable)
                })
                || OTHERS.contains(&name.as_ref())
                || of_a_signer(&name)
                || is_service_link(&name, &value);
            if !known {
                return Err(ConfigError::UnknownVariable(name.into_owned()));
            }
        }
        Ok(())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            std::mem::take(value).into_encoded_bytes().zeroize();
        }
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(variables.filter(|(_, value)| !value.is_empty()).collect())
    }
}

/// Whether a variable is one that Kubernetes sets in each container for each service of its namespace:
/// `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT…`, `NAME_PORT=tcp://…` and `NAME_PORT_80_TCP…`.
fn is_service_link(name: &str, value: &str) -> bool {
    let of_port = |(_, rest): (&str, &str)| rest.starts_with(|first: char| first.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(of_port)
}
