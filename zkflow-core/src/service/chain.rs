//! [`SolidityCompiler`] and [`ChainClient`]: what a deployment needs of compilers and chains.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use zkflow_groth16::error::{Classified, ErrorKind};

/// Declares fixed bytes that are written as `0x` and lower-case hex digits.
macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidHex;

            fn from_str(text: &str) -> Result<Self, InvalidHex> {
                let mut bytes = [0; $length];
                let digits = text.strip_prefix("0x").ok_or(InvalidHex($what))?;
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| InvalidHex($what))?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidHex;

            fn try_from(text: String) -> Result<Self, InvalidHex> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(bytes: $name) -> Self {
                bytes.to_string()
            }
        }
    };
}

hex_bytes!(
    /// The address of an account or a contract.
    Address,
    20,
    "an address: 0x and 40 hex digits"
);

hex_bytes!(
    /// The hash that names a signed transaction.
    TransactionHash,
    32,
    "a transaction hash: 0x and 64 hex digits"
);

/// The text is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct InvalidHex(&'static str);

/// Compiles verifier contracts. Synchronous: call it on a thread that may block.
pub trait SolidityCompiler: fmt::Debug + Send + Sync + 'static {
    /// The one version that is used, as in `0.8.30`: with the source it decides the code.
    fn version(&self) -> &str;

    /// Compiles the contract named `contract` of `source`, with the optimiser.
    ///
    /// # Errors
    /// [`SolidityError::Rejected`] names lines; the compiler cannot be run, or is of another version.
    fn compile(&self, source: &str, contract: &str) -> Result<CompiledContract, SolidityError>;
}

/// A compiled contract, with all that an explorer needs to verify its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompiledContract {
    /// The name of the contract.
    pub name: String,
    /// The full version of the compiler, as in `0.8.30+commit.73712a01`.
    pub compiler: String,
    /// The interface, as JSON.
    pub abi: serde_json::Value,
    /// The compiler's metadata, whose hash ends the code.
    pub metadata: String,
    /// What the compiler was given: explorers take this file as "standard JSON input".
    pub standard_json_input: serde_json::Value,
    /// What a transaction that creates the contract carries.
    #[serde(with = "hex_code")]
    pub creation_code: Bytes,
    /// What lies on the chain then.
    #[serde(with = "hex_code")]
    pub runtime_code: Bytes,
}

/// Code as `0x` and hex digits.
mod hex_code {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(code: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(code)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("code begins with 0x"))?;
        hex::decode(digits).map(Bytes::from).map_err(D::Error::custom)
    }
}

/// A contract was not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SolidityError {
    /// The source is wrong.
    #[error("the contract does not compile: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Rejected(Vec<SourceFault>),
    /// The compiler is not the one whose code is expected.
    #[error("the Solidity compiler is {found}; contracts are compiled with {wanted}")]
    OtherVersion {
        /// The version that there is.
        found: String,
        /// The version that is used.
        wanted: String,
    },
    /// The compiler cannot be run or read.
    #[error("the Solidity compiler failed: {0}")]
    Failed(String),
}

/// What the compiler says about a place in a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}: {text}")]
pub struct SourceFault {
    /// The line, from 1.
    pub line: usize,
    /// The text of the line, trimmed.
    pub text: String,
    /// What is wrong.
    pub message: String,
}

impl Classified for SolidityError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "contract_rejected",
            Self::OtherVersion { .. } => "solc_version",
            Self::Failed(_) => "solc_failed",
        }
    }
}

/// Speaks with the nodes of one chain.
///
/// # Behaviour
/// - Every call has a deadline, and what a node answers has a bounded size.
/// - No error shows the address of the node, which may hold a password.
/// - A question that is not answered is [`ChainError::Unavailable`], whatever the node says. [`ChainError::Refused`] is an
///   answer: of [`creation`](Self::creation) and [`broadcast`](Self::broadcast) that the transaction is none for this chain,
///   of [`call`](Self::call) that the contract reverts.
#[async_trait]
pub trait ChainClient: fmt::Debug + Send + Sync + 'static {
    /// The id of the chain (EIP-155).
    async fn chain_id(&self) -> Result<u64, ChainError>;

    /// The number of the newest block.
    async fn head(&self) -> Result<u64, ChainError>;

    /// How many transactions of `account` were mined up to `block`: the first nonce that is not used then.
    async fn mined_nonces(&self, account: &Address, block: u64) -> Result<u64, ChainError>;

    /// A transaction that creates a contract, with the next free nonce, the gas that it takes and the
    /// fees that the chain asks at present.
    async fn creation(&self, sender: &Address, code: Bytes) -> Result<UnsignedTransaction, ChainError>;

    /// Hands in a signed transaction. One that the node knows already is success.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), ChainError>;

    /// What became of a transaction, if it was mined.
    async fn receipt(&self, hash: &TransactionHash) -> Result<Option<Receipt>, ChainError>;

    /// The code at an address, empty where there is none.
    async fn code(&self, address: &Address) -> Result<Bytes, ChainError>;

    /// Asks a contract, with `gas` at most and without a transaction.
    async fn call(&self, contract: &Address, data: Bytes, gas: u64) -> Result<Bytes, ChainError>;
}

/// Signs transactions of one account.
pub trait TransactionSigner: fmt::Debug + Send + Sync {
    /// The account.
    fn address(&self) -> Address;

    /// Signs.
    ///
    /// # Errors
    /// [`ChainError::Signer`].
    fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError>;
}

/// A transaction that creates a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedTransaction {
    /// The chain it is for.
    pub chain_id: u64,
    /// How many transactions of the account come before it.
    pub nonce: u64,
    /// Gas that it may use.
    pub gas: u64,
    /// What is paid for gas.
    pub fees: Fees,
    /// The code that creates the contract.
    pub code: Bytes,
}

/// What is paid for a unit of gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fees {
    /// As in EIP-1559.
    Market {
        /// At most this, base fee included.
        max: u128,
        /// Beyond the base fee.
        priority: u128,
    },
    /// One price, for chains that have no base fee.
    Legacy {
        /// The price.
        price: u128,
    },
}

/// A transaction as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// The account that pays.
    pub sender: Address,
    /// Its nonce. Of all transactions of an account with one nonce a chain takes one.
    pub nonce: u64,
    /// Its hash.
    pub hash: TransactionHash,
    /// The whole of it, signature included, in hex digits. Nothing in it is secret.
    pub raw: String,
}

/// What became of a mined transaction that creates a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The block it stands in.
    pub block: u64,
    /// Whether it did what it should.
    pub succeeded: bool,
    /// The contract.
    pub contract: Option<Address>,
    /// Gas that was used.
    pub gas_used: u64,
}

/// A chain did not do what was asked. Shows neither keys nor the address of a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The node could not be reached, or did not answer as it should.
    #[error("the chain's node: {0}")]
    Unavailable(String),
    /// The node refused.
    #[error("the chain's node refused {action}: {message}")]
    Refused {
        /// What was asked.
        action: &'static str,
        /// What it said.
        message: String,
    },
    /// The account cannot pay.
    #[error("account {account} cannot pay for the transaction: {message}")]
    Funds {
        /// The account.
        account: Address,
        /// What the node said.
        message: String,
    },
    /// The node may not be asked.
    #[error("the RPC address is refused: {0}")]
    Policy(String),
    /// A transaction could not be signed.
    #[error("signing: {0}")]
    Signer(String),
}

impl Classified for ChainError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Refused { .. } | Self::Funds { .. } => ErrorKind::Conflict,
            Self::Policy(_) | Self::Signer(_) => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "chain_unavailable",
            Self::Refused { .. } => "chain_refused",
            Self::Funds { .. } => "insufficient_funds",
            Self::Policy(_) => "rpc_refused",
            Self::Signer(_) => "signer_failed",
        }
    }
}
