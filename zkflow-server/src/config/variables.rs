//! [`SecretVariables`]: secrets of the environment that are no settings.

use std::collections::BTreeMap;

#[cfg(feature = "evm")]
use secrecy::SecretString;

use super::environment::Environment;
use super::secret::SecretSetting;

/// Credentials of AWS, for S3 and KMS. The last one is optional.
const AWS_CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The secrets that settings only name, and that other parts would read from the environment by themselves: keys and passwords
/// of signers, and the credentials of AWS. With them here, a process can remove its secrets from its environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SecretVariables(BTreeMap<String, SecretSetting>);

impl SecretVariables {
    /// Takes the variables of signers, and the credentials of AWS if they are complete.
    pub(super) fn of(environment: &Environment, signers: Vec<String>) -> Self {
        let read = |name: &str| environment.get(name)?.to_str()?.parse::<SecretSetting>().ok();
        let has_credentials = AWS_CREDENTIALS[..2].iter().all(|name| read(name).is_some());
        let credentials = AWS_CREDENTIALS.iter().filter(|_| has_credentials).map(|name| (*name).to_owned());
        let names = signers.into_iter().chain(credentials);
        Self(names.filter_map(|name| read(&name).map(|value| (name, value))).collect())
    }

    /// Names of the variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&SecretSetting> {
        self.0.get(name)
    }

    /// The values by name.
    #[cfg(feature = "evm")]
    pub(super) fn to_secrets(&self) -> BTreeMap<String, SecretString> {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone().into_secret())).collect()
    }

    /// Id, secret and session token of the credentials of AWS; `None`: the AWS SDK searches them elsewhere.
    #[cfg(feature = "s3")]
    pub(crate) fn aws_credentials(&self) -> Option<(&str, &str, Option<&str>)> {
        let [id, secret, token] = AWS_CREDENTIALS.map(|name| self.get(name).map(SecretSetting::expose));
        Some((id?, secret?, token))
    }
}
