//! [`Keyring`]: the accounts of the operator that sign transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use zkflow_core::service::chain::{Address, ChainError, TransactionSigner};
use zkflow_core::service::secret_file::SecretFile;
use zkflow_core::service::tenant::TenantId;

use super::spending::CappedSigner;
use super::{LocalSigner, RemoteSigner};

/// Variables with the credentials of AWS, for keys in its KMS: id and secret of an access key, and the token of a session, which
/// is optional. Without them, its client searches credentials elsewhere.
#[cfg(feature = "kms")]
const AWS_CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The source of signatures: `env:VARIABLE`, `file:PATH`, `keystore:PATH:VARIABLE`, `web3signer:ADDRESS:URL` or
/// `kms:ADDRESS:KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `env:VARIABLE`: the environment variable contains the key.
    Variable(String),
    /// `file:PATH`: the file contains the key, and only its owner may access it. A path can name a file descriptor: `/dev/fd/3`.
    File(PathBuf),
    /// `keystore:PATH:VARIABLE`: an encrypted keystore file.
    Keystore {
        /// Path of the file.
        path: PathBuf,
        /// Name of the environment variable that contains the password.
        password: String,
    },
    /// `web3signer:ADDRESS:URL`: a signing service that has the key of the account.
    Remote {
        /// Address of the account.
        address: Address,
        /// URL of the service. It may contain a password and is never shown.
        url: SecretText,
    },
    /// `kms:ADDRESS:KEY`: a key of AWS KMS. Needs the feature `kms`.
    Kms {
        /// Address of the account.
        address: Address,
        /// Id, alias or ARN of the key.
        key: String,
    },
}

impl FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not shown: it may be the key itself.
        let wrong = || {
            "expected env:VARIABLE, file:PATH, keystore:PATH:VARIABLE, web3signer:ADDRESS:URL or kms:ADDRESS:KEY"
                .to_owned()
        };
        let variable = |name: &str| {
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if valid { Ok(name.to_owned()) } else { Err(wrong()) }
        };
        match text.split_once(':') {
            Some(("env", name)) => Ok(Self::Variable(variable(name)?)),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("keystore", rest)) => {
                let (path, name) = rest.rsplit_once(':').ok_or_else(wrong)?;
                Ok(Self::Keystore { path: path.into(), password: variable(name)? })
            }
            Some(("web3signer", rest)) => {
                let (address, url) = rest.split_once(':').ok_or_else(wrong)?;
                let address = address.parse().map_err(|_| wrong())?;
                Ok(Self::Remote { address, url: SecretText(url.to_owned()) })
            }
            Some(("kms", rest)) => {
                let (address, key) =
                    rest.split_once(':').filter(|(_, key)| !key.is_empty()).ok_or_else(wrong)?;
                let address = address.parse().map_err(|_| wrong())?;
                Ok(Self::Kms { address, key: key.to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

impl KeySource {
    /// Reads the key from a variable of this process's environment, or from the file. A remote signer is not asked yet.
    ///
    /// # Errors
    /// [`ChainError::Signer`] names the variable or the file.
    pub fn open(&self) -> Result<Arc<dyn TransactionSigner>, ChainError> {
        self.open_with(|name| std::env::var(name).ok().map(SecretString::from))
    }

    /// As [`open`](Self::open), with variables from elsewhere.
    ///
    /// # Errors
    /// [`ChainError::Signer`] names the variable or the file.
    pub fn open_with(
        &self,
        variable: impl Fn(&str) -> Option<SecretString>,
    ) -> Result<Arc<dyn TransactionSigner>, ChainError> {
        let read = |name: &str| {
            let missing = || ChainError::Signer(format!("environment variable {name} is not set"));
            variable(name).ok_or_else(missing)
        };
        Ok(match self {
            Self::Variable(name) => {
                let signer = LocalSigner::from_hex(read(name)?.expose_secret());
                Arc::new(
                    signer.map_err(|error| {
                        ChainError::Signer(format!("environment variable {name}: {error}"))
                    })?,
                )
            }
            Self::File(path) => {
                let file = SecretFile::read(path).map_err(|error| ChainError::Signer(error.to_string()))?;
                warn(file.exposure.map(|exposure| exposure.to_string()));
                let signer = LocalSigner::from_hex(&file.text);
                Arc::new(
                    signer
                        .map_err(|error| ChainError::Signer(format!("file {}: {error}", path.display())))?,
                )
            }
            Self::Keystore { path, password } => {
                // The file is encrypted, so that access of others is no error.
                warn(SecretFile::complaint(path));
                Arc::new(LocalSigner::from_keystore(path, read(password)?.expose_secret())?)
            }
            Self::Remote { address, url } => Arc::new(RemoteSigner::new(*address, &url.0)?),
            #[cfg(feature = "kms")]
            Self::Kms { address, key } => {
                let signer = super::KmsSigner::new(*address, key.as_str());
                let [id, secret, token] = AWS_CREDENTIALS.map(&variable);
                let token = token.as_ref().map(ExposeSecret::expose_secret);
                Arc::new(match (id, secret) {
                    (Some(id), Some(secret)) => {
                        signer.with_credentials(id.expose_secret(), secret.expose_secret(), token)
                    }
                    _ => signer,
                })
            }
            #[cfg(not(feature = "kms"))]
            Self::Kms { .. } => {
                let missing = "this build does not contain the feature kms: build with `--features kms`";
                return Err(ChainError::Signer(missing.to_owned()));
            }
        })
    }
}

fn warn(exposed: Option<String>) {
    if let Some(exposed) = exposed {
        tracing::warn!("the key of a signer: {exposed}");
    }
}

/// The signers that the operator configured, by name.
///
/// A process that makes no deployments has their names only. A signer serves all tenants, or those that it is kept for.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    signers: BTreeMap<String, Option<Arc<OperatorSigner>>>,
    tenants: BTreeMap<String, BTreeSet<TenantId>>,
}

/// A signer of the operator, with its limits.
pub type OperatorSigner = CappedSigner<Arc<dyn TransactionSigner>>;

impl Keyring {
    /// Reads `NAME=SOURCE[,NAME=SOURCE..]` and opens each [`KeySource`] with these variables. `capped` gives a signer its
    /// limits.
    ///
    /// # Errors
    /// An entry is invalid, or its key cannot be opened. The message names the signer.
    pub fn open(
        text: &str,
        variables: &BTreeMap<String, SecretString>,
        capped: impl Fn(Arc<dyn TransactionSigner>) -> OperatorSigner,
    ) -> Result<Self, String> {
        Self::read(text, |source| {
            let signer = source.open_with(|name| variables.get(name).cloned());
            let signer = signer.map_err(|error| error.to_string())?;
            Ok(Some(Arc::new(capped(signer))))
        })
    }

    /// Reads the names alone: no key is opened, so no variable and no file is needed.
    ///
    /// # Errors
    /// An entry is invalid.
    pub fn names_only(text: &str) -> Result<Self, String> {
        Self::read(text, |_| Ok(None))
    }

    /// Names of the variables that contain keys and passwords of the signers, without the credentials of AWS. An invalid entry
    /// has none.
    pub fn variables(text: &str) -> Vec<String> {
        let sources = entries(text).filter_map(|entry| entry.split_once('=')?.1.parse::<KeySource>().ok());
        let variable = |source| match source {
            KeySource::Variable(name) | KeySource::Keystore { password: name, .. } => Some(name),
            KeySource::File(_) | KeySource::Remote { .. } | KeySource::Kms { .. } => None,
        };
        sources.filter_map(variable).collect()
    }

    fn read(
        text: &str,
        open: impl Fn(KeySource) -> Result<Option<Arc<OperatorSigner>>, String>,
    ) -> Result<Self, String> {
        let mut signers = BTreeMap::new();
        for entry in entries(text) {
            let (name, source) = entry.split_once('=').ok_or("expected NAME=SOURCE, separated by commas")?;
            let named = |error: String| format!("signer {name:?}: {error}");
            let source: KeySource = source.parse().map_err(named)?;
            if signers.insert(name.to_owned(), open(source).map_err(named)?).is_some() {
                return Err(format!("signer {name:?} occurs twice"));
            }
        }
        Ok(Self { signers, tenants: BTreeMap::new() })
    }

    /// Keeps signers for tenants, as `NAME=TENANT[|TENANT..][,NAME=TENANT..]` says. A signer that it does not name serves
    /// all.
    ///
    /// # Errors
    /// An entry is invalid, or names a signer that is unknown or occurs twice.
    pub fn kept_for(mut self, text: &str) -> Result<Self, String> {
        for entry in entries(text) {
            let (name, tenants) =
                entry.split_once('=').ok_or("expected NAME=TENANT|TENANT, separated by commas")?;
            if !self.signers.contains_key(name) {
                return Err(format!("signer {name:?} is not configured"));
            }
            let tenant =
                |text: &str| text.trim().parse().map_err(|error| format!("signer {name:?}: {error}"));
            let tenants = tenants.split('|').map(tenant).collect::<Result<_, String>>()?;
            if self.tenants.insert(name.to_owned(), tenants).is_some() {
                return Err(format!("signer {name:?} occurs twice"));
            }
        }
        Ok(self)
    }

    /// The signer of this name; `None` if the operator configured none, or if its key is in other processes only.
    pub fn get(&self, name: &str) -> Option<Arc<OperatorSigner>> {
        self.signers.get(name).cloned().flatten()
    }

    /// Whether the operator configured a signer of this name that serves the tenant.
    pub fn serves(&self, name: &str, tenant: &TenantId) -> bool {
        self.signers.contains_key(name) && self.tenants.get(name).is_none_or(|kept| kept.contains(tenant))
    }

    /// Names of the signers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.signers.keys().map(String::as_str)
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::spending::SpendingLimits;

    fn capped(signer: Arc<dyn TransactionSigner>) -> OperatorSigner {
        CappedSigner::new(signer, SpendingLimits::default())
    }

    /// The first account of test nodes, a published key.
    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

    #[test]
    fn a_source_is_a_variable_or_an_encrypted_file() {
        assert_eq!("env:KEY_1".parse(), Ok(KeySource::Variable("KEY_1".to_owned())));
        let file = KeySource::Keystore { path: "/a:b/k.json".into(), password: "P".to_owned() };
        assert_eq!("keystore:/a:b/k.json:P".parse(), Ok(file));
        let service: KeySource =
            format!("web3signer:{ADDRESS}:https://u:secret-31415@signer.example:9000/a").parse().unwrap();
        assert!(matches!(&service, KeySource::Remote { address, url }
            if address.to_string() == ADDRESS && url.0.ends_with(":9000/a")));
        assert!(!format!("{service:?}").contains("31415"));
        for text in ["web3signer:", "web3signer:0x12:http://a", "web3signer:http://a"] {
            assert!(text.parse::<KeySource>().is_err(), "{text}");
        }
        for text in [KEY, "env:", "env:A B", "keystore:/k.json", "file:", ""] {
            let error = text.parse::<KeySource>().unwrap_err();
            assert!(text.is_empty() || !error.contains(KEY), "{error}");
        }
    }

    #[test]
    fn a_keyring_names_what_is_wrong_with_which_signer() {
        let variables = [("PASSWORD".to_owned(), SecretString::from("1"))].into();
        for (text, part) in [
            ("x", "NAME=SOURCE"),
            ("ops=env:ZKFLOW_NO_SUCH_VARIABLE", "ops"),
            ("ops=env:ZKFLOW_NO_SUCH_VARIABLE", "ZKFLOW_NO_SUCH_VARIABLE is not set"),
            ("ops=secretkey", "expected env:VARIABLE"),
            ("ops=keystore:/nowhere/k.json:PASSWORD", "/nowhere/k.json"),
        ] {
            let error = Keyring::open(text, &variables, capped).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(Keyring::open(" , ", &variables, capped).unwrap().names().count(), 0);
    }

    #[test]
    fn a_keyring_reads_the_variables_that_it_is_given() {
        let text =
            "ops=env:OPS_KEY, cold=file:/k, wrong, old=keystore:/a:b/k.json:OLD_PASSWORD, hsm=web3signer:x:y";
        assert_eq!(Keyring::variables(text), ["OPS_KEY", "OLD_PASSWORD"]);
        let variables = [("OPS_KEY".to_owned(), SecretString::from(KEY))].into();
        let keyring = Keyring::open("ops=env:OPS_KEY", &variables, capped).unwrap();
        assert_eq!(keyring.get("ops").unwrap().address().to_string(), ADDRESS);
    }

    #[cfg(feature = "kms")]
    #[test]
    fn a_key_in_kms_gets_the_credentials_of_the_given_variables() {
        let source: KeySource = format!("kms:{ADDRESS}:alias/deployer").parse().unwrap();
        let asked = std::cell::RefCell::new(Vec::new());
        let signer = source.open_with(|name| {
            asked.borrow_mut().push(name.to_owned());
            Some(SecretString::from("canary-31415"))
        });
        assert_eq!(asked.into_inner(), AWS_CREDENTIALS);
        let shown = format!("{:?}", signer.unwrap());
        assert!(shown.contains("alias/deployer") && !shown.contains("31415"), "{shown}");
    }

    #[test]
    fn a_key_can_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("0x{KEY}\n")).unwrap();
        let allow = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        allow(0o622);
        let source: KeySource = format!("file:{}", path.display()).parse().unwrap();
        let error = source.open().unwrap_err().to_string();
        assert!(error.contains("mode 622") && !error.contains(KEY), "{error}");
        allow(0o600);
        assert_eq!(source.open().unwrap().address().to_string(), ADDRESS);
        std::fs::write(&path, format!("{KEY}00")).unwrap();
        let error = source.open().unwrap_err().to_string();
        assert!(error.contains("key:") && !error.contains(KEY), "{error}");
    }

    #[test]
    fn a_signer_serves_the_tenants_that_it_is_kept_for() {
        let names = || Keyring::names_only("ops=env:A, open=env:B").unwrap();
        let tenant = |name: &str| -> TenantId { name.parse().unwrap() };
        let kept = names().kept_for("ops=acme|beta").unwrap();
        for (signer, name, serves) in [
            ("ops", "acme", true),
            ("ops", "beta", true),
            ("ops", "other", false),
            ("open", "other", true),
            ("none", "acme", false),
        ] {
            assert_eq!(kept.serves(signer, &tenant(name)), serves, "{signer} {name}");
        }
        for (text, part) in [
            ("ops", "NAME=TENANT"),
            ("other=acme", "not configured"),
            ("ops=acme,ops=beta", "twice"),
            ("ops=", "ops"),
            ("ops=a b", "ops"),
        ] {
            let error = names().kept_for(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(names().kept_for("").unwrap().serves("ops", &tenant("any")));
    }

    #[test]
    fn names_alone_need_no_keys() {
        let text = "ops=env:ZKFLOW_NO_SUCH_VARIABLE, kept=keystore:/nowhere/k.json:P";
        let names = Keyring::names_only(text).unwrap();
        assert_eq!(names.names().collect::<Vec<_>>(), ["kept", "ops"]);
        let anyone = TenantId::default();
        assert!(
            names.serves("ops", &anyone) && names.get("ops").is_none() && !names.serves("other", &anyone)
        );
        assert!(Keyring::names_only("ops=secretkey").is_err());
    }
}
