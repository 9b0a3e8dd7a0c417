//! [`KmsSigner`]: a key in AWS KMS, which never leaves it.

use std::fmt;
use std::time::Duration;

use alloy::consensus::SignableTransaction as _;
use alloy::primitives::{self, B256, Signature};
use alloy::signers::utils::public_key_to_address;
use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Credentials;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use k256::ecdsa::{self, VerifyingKey};
use k256::pkcs8::DecodePublicKey as _;
use tokio::sync::OnceCell;
use zkflow_core::service::chain::{
    Address, ChainError, SignedTransaction, TransactionSigner, UnsignedTransaction,
};

use super::transaction::{assemble, typed};

/// Time limits of a call and of its connection.
const CALL: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);
/// Longest text of the service in an error, in characters.
const LONGEST: usize = 200;

/// Signs with an asymmetric key of AWS KMS of the kind `ECC_SECG_P256K1`.
///
/// # Behaviour
/// - Before the first signature, the service is asked for the public key. It must be one of secp256k1, and that of the address.
/// - The service gets the 32 bytes of a transaction's hash. The permissions `kms:GetPublicKey` and `kms:Sign` are enough.
/// - Its signature must be that of the configured address over exactly this hash. Anything else is [`ChainError::Signer`], and
///   nothing is sent. A signature with a high `s`, which KMS makes and chains refuse, gets the equivalent low one.
/// - The limits of [`CappedSigner`](super::CappedSigner) are checked before the service is asked.
pub struct KmsSigner {
    address: Address,
    key: String,
    /// `None`: the client searches them.
    credentials: Option<Credentials>,
    client: OnceCell<Client>,
    /// Set when the service has shown the key of the address.
    checked: OnceCell<()>,
}

impl KmsSigner {
    /// A signer for `address` with the key of this id, alias or ARN. Credentials are those of the environment, the profile or the
    /// machine, and so is the region, unless the ARN names it. Does not connect.
    pub fn new(address: Address, key: impl Into<String>) -> Self {
        let (client, checked) = (OnceCell::new(), OnceCell::new());
        Self { address, key: key.into(), credentials: None, client, checked }
    }

    /// The same, with the id and the secret of an access key, and the token of a session.
    #[must_use]
    pub fn with_credentials(self, id: &str, secret: &str, token: Option<&str>) -> Self {
        let mut credentials = Credentials::builder().access_key_id(id).secret_access_key(secret);
        credentials.set_session_token(token.map(str::to_owned));
        Self { credentials: Some(credentials.provider_name("ZKFlow").build()), ..self }
    }

    /// As [`new`](Self::new), with the given configuration.
    pub fn with(address: Address, key: impl Into<String>, config: &SdkConfig) -> Self {
        let client = OnceCell::new_with(Some(Client::new(config)));
        Self { address, key: key.into(), credentials: None, client, checked: OnceCell::new() }
    }

    async fn client(&self) -> &Client {
        let connect = async || {
            // Deadlines and retries are those of the caller: a job is tried again.
            let limits = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CALL).build();
            let mut loader = aws_config::defaults(BehaviorVersion::latest())
                .timeout_config(limits)
                .retry_config(RetryConfig::disabled());
            if let Some(region) = region(&self.key) {
                loader = loader.region(Region::new(region.to_owned()));
            }
            if let Some(credentials) = &self.credentials {
                loader = loader.credentials_provider(credentials.clone());
            }
            Client::new(&loader.load().await)
        };
        self.client.get_or_init(connect).await
    }

    /// Refuses a key of another curve or account, before anything is signed with it.
    async fn check(&self) -> Result<(), ChainError> {
        let answer = self.client().await.get_public_key().key_id(&self.key).send().await.map_err(failed)?;
        let Some(found) = account(answer.public_key().map(AsRef::as_ref).unwrap_or_default()) else {
            return Err(wrong("a public key that is not one of secp256k1 (ECC_SECG_P256K1)"));
        };
        let expected = self.address;
        if found.0 != expected.0 {
            return Err(wrong(&format!("the key of the account {found}, expected that of {expected}")));
        }
        Ok(())
    }
}

#[async_trait]
impl TransactionSigner for KmsSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        self.checked.get_or_try_init(|| self.check()).await?;
        let hash = typed(transaction).signature_hash();
        let call = self.client().await.sign().key_id(&self.key).message(Blob::new(hash.as_slice()));
        let call =
            call.message_type(MessageType::Digest).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let answer = call.send().await.map_err(failed)?;
        let der = answer.signature().map(AsRef::as_ref).unwrap_or_default();
        Ok(assemble(transaction, self.address, read(der, &hash, self.address)?))
    }
}

/// The region in an ARN: `arn:aws:kms:REGION:ACCOUNT:key/ID`.
fn region(key: &str) -> Option<&str> {
    let mut parts = key.split(':');
    let is_arn = parts.next() == Some("arn");
    parts.nth(2).filter(|region| is_arn && !region.is_empty())
}

/// The account of a public key of secp256k1 in DER (SubjectPublicKeyInfo of RFC 5480); `None` if it is something else.
fn account(der: &[u8]) -> Option<Address> {
    let key = VerifyingKey::from_public_key_der(der).ok()?;
    Some(Address(public_key_to_address(&key).into_array()))
}

/// Reads a signature of `address` over `hash` in DER. The service does not tell the parity, so both are tried.
fn read(der: &[u8], hash: &B256, address: Address) -> Result<Signature, ChainError> {
    let signature = ecdsa::Signature::from_der(der).map_err(|_| wrong("no signature"))?;
    let low = signature.normalize_s().unwrap_or(signature);
    let of_address = |parity| {
        let signature = Signature::from_signature_and_parity(low, parity);
        let found = signature.recover_address_from_prehash(hash).ok()?;
        (found.into_array() == address.0).then_some(signature)
    };
    let found = [false, true].into_iter().find_map(of_address);
    found.ok_or_else(|| wrong(&format!("a signature of another account than {address}, or of other bytes")))
}

fn wrong(answer: &str) -> ChainError {
    ChainError::Signer(format!("AWS KMS answered {answer}"))
}

/// The code and message of the service, or the innermost cause. Neither contains credentials.
fn failed<E, R>(error: SdkError<E, R>) -> ChainError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug + 'static,
{
    let text = match &error {
        SdkError::ServiceError(answer) => {
            let (code, message) = (answer.err().code().unwrap_or("an error"), answer.err().message());
            shown(&format!("{code}: {}", message.unwrap_or("no reason")))
        }
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        other => {
            let mut last: &dyn std::error::Error = other;
            while let Some(source) = last.source() {
                last = source;
            }
            shown(&last.to_string())
        }
    };
    // An answer without a code is none of the service.
    let is_refusal = error.code().is_some_and(|code| !TEMPORARY.contains(&code));
    match is_refusal {
        true => ChainError::Signer(format!("AWS KMS refused: {text}")),
        false => ChainError::Unavailable(format!("AWS KMS: {text}")),
    }
}

/// Codes of the service after which the same call may succeed.
const TEMPORARY: [&str; 6] = [
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
    "ThrottlingException",
    "ServiceUnavailableException",
];

/// Text of the service, cut to [`LONGEST`], without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = primitives::Address::from(self.address.0);
        f.debug_struct("KmsSigner").field("address", &address).field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
