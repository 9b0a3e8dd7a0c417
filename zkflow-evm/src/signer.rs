//! [`LocalSigner`]: an account whose private key is in memory.

use std::fmt;

use alloy::network::TxSignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use async_trait::async_trait;
use zeroize::Zeroizing;
use zkflow_core::service::chain::{
    Address, ChainError, SignedTransaction, TransactionSigner, UnsignedTransaction,
};
use zkflow_core::service::locked::Locked;

use super::transaction::{assemble, typed};

/// The private key of an account, in locked memory. Zeroised on drop and never shown.
pub struct LocalSigner {
    key: Locked<[u8; 32]>,
    address: Address,
}

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
        let digits = key.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut read = Ok(());
        let key = Locked::filled(|key: &mut [u8; 32]| read = hex::decode_to_slice(digits, key));
        read.map_err(|_| wrong())?;
        let account = PrivateKeySigner::from_slice(&*key).map_err(|_| wrong())?;
        let address = Address(account.address().into_array());
        Ok(Self { key, address })
    }

    /// Opens an encrypted keystore file (Web3 Secret Storage, version 3).
    ///
    /// # Errors
    /// [`ChainError::Signer`] if the file cannot be read or the password is wrong.
    pub fn from_keystore(path: &std::path::Path, password: &str) -> Result<Self, ChainError> {
        let account = PrivateKeySigner::decrypt_keystore(path, password).map_err(|error| {
            ChainError::Signer(format!("cannot open keystore {}: {error}", path.display()))
        })?;
        let bytes = Zeroizing::new(account.to_bytes().0);
        let key = Locked::filled(|key: &mut [u8; 32]| *key = *bytes);
        Ok(Self { key, address: Address(account.address().into_array()) })
    }

    /// The account with a copy of the key for one use, which is zeroised on drop.
    fn account(&self) -> Result<PrivateKeySigner, ChainError> {
        PrivateKeySigner::from_slice(&*self.key).map_err(|error| ChainError::Signer(error.to_string()))
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalSigner").field(&self.address()).finish()
    }
}

#[async_trait]
impl TransactionSigner for LocalSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        let signature = self.account()?.sign_transaction_sync(&mut typed(transaction));
        let signature = signature.map_err(|error| ChainError::Signer(error.to_string()))?;
        Ok(assemble(transaction, self.address(), signature))
    }
}

#[cfg(test)]
mod tests {
    use alloy::consensus::{Transaction as _, TxEnvelope};
    use alloy::eips::Decodable2718 as _;

    use zkflow_core::service::chain::Fees;

    use super::*;

    /// The first account of test nodes, a published key.
    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

    #[tokio::test]
    async fn a_key_signs_for_its_address_and_shows_that_alone() {
        let signer = LocalSigner::from_hex(&format!(" 0x{KEY}\n")).unwrap();
        assert_eq!(signer.address().to_string(), ADDRESS);
        assert!(!format!("{signer:?}").to_lowercase().contains(&KEY[..8]));
        for (fees, kind) in [(Fees::Market { max: 9, priority: 2 }, 2), (Fees::Legacy { price: 9 }, 0)] {
            let code = bytes::Bytes::from_static(&[0x60, 0x00]);
            let unsigned =
                UnsignedTransaction { chain_id: 5, nonce: 3, gas: 70_000, fees, code: code.clone() };
            let signed = signer.sign(&unsigned).await.unwrap();
            let raw = hex::decode(&signed.raw[2..]).unwrap();
            let read = TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap();
            assert_eq!(read.tx_type() as u8, kind);
            assert_eq!((read.chain_id(), read.nonce(), read.gas_limit()), (Some(5), 3, 70_000));
            assert_eq!((read.max_fee_per_gas(), read.input().as_ref()), (9, code.as_ref()));
            assert!(read.is_create());
            assert_eq!(read.tx_hash().0, signed.hash.0);
            assert_eq!(crate::transaction::unsigned(&signed).unwrap(), unsigned);
            let damaged = SignedTransaction { raw: signed.raw.replacen("6000", "6001", 1), ..signed };
            assert!(crate::transaction::unsigned(&damaged).is_err());
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
}
