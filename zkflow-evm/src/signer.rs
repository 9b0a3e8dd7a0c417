//! [`Keyring`]: the accounts that sign transactions.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy::eips::Encodable2718;
use alloy::network::TxSignerSync;
use alloy::primitives::{Signature, TxKind, U256};
use alloy::signers::local::PrivateKeySigner;
use zeroize::Zeroizing;
use zkflow_core::service::chain::{
    Address, ChainError, Fees, SignedTransaction, TransactionHash, TransactionSigner, UnsignedTransaction,
};

use super::spending::{CappedSigner, SpendingLimits};

/// The private key of an account, in memory. Zeroised on drop and never shown.
pub struct LocalSigner(PrivateKeySigner);

impl LocalSigner {
    /// Reads a private key of 64 hex digits, with or without `0x`.
    ///
    /// # Errors
    /// [`ChainError::Signer`], which does not show the key.
    pub fn from_hex(key: &str) -> Result<Self, ChainError> {
        let wrong = || {
            ChainError::Signer(
                "invalid private key: expected 64 hex digits, above zero and below the order of secp256k1"
                    .to_owned(),
            )
        };
        let mut bytes = Zeroizing::new([0_u8; 32]);
        let digits = key.trim();
        hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), &mut *bytes)
            .map_err(|_| wrong())?;
        PrivateKeySigner::from_slice(&*bytes).map(Self).map_err(|_| wrong())
    }

    /// Opens an encrypted keystore file (Web3 Secret Storage, version 3).
    ///
    /// # Errors
    /// [`ChainError::Signer`] if the file cannot be read or the password is wrong.
    pub fn from_keystore(path: &std::path::Path, password: &str) -> Result<Self, ChainError> {
        PrivateKeySigner::decrypt_keystore(path, password)
            .map(Self)
            .map_err(|error| ChainError::Signer(format!("cannot open keystore {}: {error}", path.display())))
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalSigner").field(&self.address()).finish()
    }
}

impl TransactionSigner for LocalSigner {
    fn address(&self) -> Address {
        Address(self.0.address().into_array())
    }

    fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        let UnsignedTransaction { chain_id, nonce, gas, fees, ref code } = *transaction;
        let (to, value, input) = (TxKind::Create, U256::ZERO, code.clone().into());
        let envelope = match fees {
            Fees::Market { max, priority } => self.envelope(TxEip1559 {
                chain_id,
                nonce,
                gas_limit: gas,
                max_fee_per_gas: max,
                max_priority_fee_per_gas: priority,
                to,
                value,
                access_list: Default::default(),
                input,
            }),
            Fees::Legacy { price } => self.envelope(TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price: price,
                gas_limit: gas,
                to,
                value,
                input,
            }),
        }?;
        Ok(SignedTransaction {
            sender: self.address(),
            nonce,
            hash: TransactionHash(envelope.tx_hash().0),
            raw: format!("0x{}", hex::encode(envelope.encoded_2718())),
        })
    }
}

impl LocalSigner {
    fn envelope<T>(&self, mut transaction: T) -> Result<TxEnvelope, ChainError>
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy::consensus::Signed<T>>,
    {
        let signature = self.0.sign_transaction_sync(&mut transaction);
        let signature = signature.map_err(|error| ChainError::Signer(error.to_string()))?;
        Ok(transaction.into_signed(signature).into())
    }
}

/// The source of a private key: `env:VARIABLE` or `keystore:PATH:VARIABLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `env:VARIABLE`: the environment variable contains the key.
    Variable(String),
    /// `keystore:PATH:VARIABLE`: an encrypted keystore file.
    Keystore {
        /// Path of the file.
        path: PathBuf,
        /// Name of the environment variable that contains the password.
        password: String,
    },
}

impl FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not shown: it may be the key itself.
        let wrong = || "expected env:VARIABLE or keystore:PATH:VARIABLE".to_owned();
        let variable = |name: &str| {
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if valid { Ok(name.to_owned()) } else { Err(wrong()) }
        };
        match text.split_once(':') {
            Some(("env", name)) => Ok(Self::Variable(variable(name)?)),
            Some(("keystore", rest)) => {
                let (path, name) = rest.rsplit_once(':').ok_or_else(wrong)?;
                Ok(Self::Keystore { path: path.into(), password: variable(name)? })
            }
            _ => Err(wrong()),
        }
    }
}

impl KeySource {
    /// Reads the key from the variable or the file.
    ///
    /// # Errors
    /// [`ChainError::Signer`] names the variable or the file.
    pub fn open(&self) -> Result<LocalSigner, ChainError> {
        let read = |name: &str| {
            let missing = |_| ChainError::Signer(format!("environment variable {name} is not set"));
            std::env::var(name).map(Zeroizing::new).map_err(missing)
        };
        match self {
            Self::Variable(name) => LocalSigner::from_hex(&read(name)?)
                .map_err(|error| ChainError::Signer(format!("environment variable {name}: {error}"))),
            Self::Keystore { path, password } => LocalSigner::from_keystore(path, &read(password)?),
        }
    }
}

/// The signers that the operator configured, by name.
#[derive(Debug, Clone, Default)]
pub struct Keyring(BTreeMap<String, Arc<CappedSigner<LocalSigner>>>);

impl Keyring {
    /// Reads `NAME=SOURCE[,NAME=SOURCE..]` and opens each [`KeySource`]. The signers sign for `chains` only, each within
    /// `limits`.
    ///
    /// # Errors
    /// An entry is invalid, or its key cannot be opened. The message names the signer.
    pub fn open(text: &str, limits: SpendingLimits, chains: &[u64]) -> Result<Self, String> {
        let mut signers = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, source) = entry.split_once('=').ok_or("expected NAME=SOURCE, separated by commas")?;
            let named = |error: String| format!("signer {name:?}: {error}");
            let source: KeySource = source.parse().map_err(named)?;
            let signer = source.open().map_err(|error| named(error.to_string()))?;
            let signer = CappedSigner::new(signer, limits).only_on(chains.to_vec());
            if signers.insert(name.to_owned(), Arc::new(signer)).is_some() {
                return Err(format!("signer {name:?} occurs twice"));
            }
        }
        Ok(Self(signers))
    }

    /// The signer of this name; `None` if the operator configured none.
    pub fn get(&self, name: &str) -> Option<Arc<CappedSigner<LocalSigner>>> {
        self.0.get(name).cloned()
    }

    /// Names of the signers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use alloy::consensus::Transaction as _;
    use alloy::eips::Decodable2718 as _;

    use super::*;

    /// The first account of test nodes, a published key.
    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

    #[test]
    fn a_key_signs_for_its_address_and_shows_that_alone() {
        let signer = LocalSigner::from_hex(&format!(" 0x{KEY}\n")).unwrap();
        assert_eq!(signer.address().to_string(), ADDRESS);
        assert!(!format!("{signer:?}").to_lowercase().contains(&KEY[..8]));
        for (fees, kind) in [(Fees::Market { max: 9, priority: 2 }, 2), (Fees::Legacy { price: 9 }, 0)] {
            let code = bytes::Bytes::from_static(&[0x60, 0x00]);
            let unsigned =
                UnsignedTransaction { chain_id: 5, nonce: 3, gas: 70_000, fees, code: code.clone() };
            let signed = signer.sign(&unsigned).unwrap();
            let raw = hex::decode(&signed.raw[2..]).unwrap();
            let read = TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap();
            assert_eq!(read.tx_type() as u8, kind);
            assert_eq!((read.chain_id(), read.nonce(), read.gas_limit()), (Some(5), 3, 70_000));
            assert_eq!((read.max_fee_per_gas(), read.input().as_ref()), (9, code.as_ref()));
            assert!(read.is_create());
            assert_eq!(read.tx_hash().0, signed.hash.0);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for key in [
            "",
            "0x",
            "31415926",
            order,
            &"0".repeat(64),
            &format!("{KEY}31415926"),
            &format!("zz{}", &KEY[2..]),
        ] {
            let error = LocalSigner::from_hex(key).unwrap_err().to_string();
            assert!(key.len() < 4 || !error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_source_is_a_variable_or_an_encrypted_file() {
        assert_eq!("env:KEY_1".parse(), Ok(KeySource::Variable("KEY_1".to_owned())));
        let file = KeySource::Keystore { path: "/a:b/k.json".into(), password: "P".to_owned() };
        assert_eq!("keystore:/a:b/k.json:P".parse(), Ok(file));
        for text in [KEY, "env:", "env:A B", "keystore:/k.json", "file:/k", ""] {
            let error = text.parse::<KeySource>().unwrap_err();
            assert!(text.is_empty() || !error.contains(KEY), "{error}");
        }
    }

    #[test]
    fn a_keystore_opens_with_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let key = hex::decode(KEY).unwrap();
        let mut rng = rand::thread_rng();
        PrivateKeySigner::encrypt_keystore(folder.path(), &mut rng, key, "right", Some("key")).unwrap();
        let path = folder.path().join("key");
        assert_eq!(LocalSigner::from_keystore(&path, "right").unwrap().address().to_string(), ADDRESS);
        let error = LocalSigner::from_keystore(&path, "wrong").unwrap_err().to_string();
        assert!(error.contains("key") && !error.contains("wrong password: wrong"), "{error}");
    }

    #[test]
    fn a_keyring_names_what_is_wrong_with_which_signer() {
        for (text, part) in [
            ("x", "NAME=SOURCE"),
            ("ops=env:ZKFLOW_NO_SUCH_VARIABLE", "ops"),
            ("ops=env:ZKFLOW_NO_SUCH_VARIABLE", "ZKFLOW_NO_SUCH_VARIABLE is not set"),
            ("ops=secretkey", "expected env:VARIABLE"),
            ("ops=keystore:/nowhere/k.json:PATH", "/nowhere/k.json"),
        ] {
            let error = Keyring::open(text, SpendingLimits::default(), &[]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(Keyring::open(" , ", SpendingLimits::default(), &[]).unwrap().names().count(), 0);
    }
}
