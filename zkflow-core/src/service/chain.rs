//! [`SolidityCompiler`] and [`ChainClient`]: interfaces of a deployment to the compiler and the chain.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use zkflow_groth16::error::{Classified, ErrorKind};

/// Declares a byte array of fixed length; the text form is `0x` and lower-case hex digits.
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
    /// Address of an account or a contract, 20 bytes.
    Address,
    20,
    "an address: expected 0x and 40 hex digits"
);

hex_bytes!(
    /// Hash that identifies a signed transaction, 32 bytes.
    TransactionHash,
    32,
    "a transaction hash: expected 0x and 64 hex digits"
);

/// The text is not `0x` and the expected number of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct InvalidHex(&'static str);

/// Compiles verifier contracts. Synchronous: call it on a thread that may block.
pub trait SolidityCompiler: fmt::Debug + Send + Sync + 'static {
    /// The only accepted version, such as `0.8.30`. Source and version determine the code.
    fn version(&self) -> &str;

    /// Compiles the contract `contract` of `source`, with the optimiser.
    ///
    /// # Errors
    /// [`SolidityError::Rejected`] with the faulty lines; the compiler cannot be run or has another version.
    fn compile(&self, source: &str, contract: &str) -> Result<CompiledContract, SolidityError>;
}

/// A compiled contract, with everything that a block explorer needs to verify its source.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledContract {
    /// Name of the contract in its source.
    pub name: String,
    /// Full version of the compiler, such as `0.8.30+commit.73712a01`.
    pub compiler: String,
    /// Interface of the contract, in JSON.
    pub abi: serde_json::Value,
    /// Metadata from the compiler.
    pub metadata: String,
    /// Input of the compiler; explorers accept it as "standard JSON input".
    pub standard_json_input: serde_json::Value,
    /// Code of the transaction that creates the contract.
    pub creation_code: Bytes,
    /// Code at the contract's address after its creation.
    pub runtime_code: Bytes,
}

/// Failure to compile a contract.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SolidityError {
    /// The source has errors; only the first is in the message.
    #[error("the contract does not compile: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Rejected(Vec<SourceFault>),
    /// The installed compiler has another version.
    #[error("wrong version of the Solidity compiler: expected {wanted}, found {found}")]
    OtherVersion {
        /// Version of the installed compiler.
        found: String,
        /// The only accepted version.
        wanted: String,
    },
    /// The compiler cannot be run, or its output cannot be read.
    #[error("the Solidity compiler failed: {0}")]
    Failed(String),
}

/// An error that the compiler reports in a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}: {text}")]
pub struct SourceFault {
    /// Line number, from 1.
    pub line: usize,
    /// Text of the line, trimmed.
    pub text: String,
    /// Message of the compiler.
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

/// Client of the nodes of one chain.
///
/// # Behaviour
/// - Every call has a deadline, and the size of an answer is limited.
/// - No error contains the address of the node, which may include a password.
/// - A call without a usable answer fails with [`ChainError::Unavailable`], even if the node returns an
///   error of its own.
/// - [`ChainError::Refused`] is a definite answer. From [`creation`](Self::creation) and
///   [`broadcast`](Self::broadcast) it means that the node rejects the transaction; from
///   [`call`](Self::call), that the contract reverts.
#[async_trait]
pub trait ChainClient: fmt::Debug + Send + Sync + 'static {
    /// Id of the chain (EIP-155).
    async fn chain_id(&self) -> Result<u64, ChainError>;

    /// Number of the newest block.
    async fn head(&self) -> Result<u64, ChainError>;

    /// Number of transactions of `account` mined up to and including `block`; also its first unused nonce.
    async fn mined_nonces(&self, account: &Address, block: u64) -> Result<u64, ChainError>;

    /// Prepares a transaction that creates a contract, with the next free nonce, a gas limit and the
    /// current fees.
    async fn creation(&self, sender: &Address, code: Bytes) -> Result<UnsignedTransaction, ChainError>;

    /// Current price of gas.
    async fn fees(&self) -> Result<Fees, ChainError>;

    /// Submits a signed transaction. Succeeds if the node already has it.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), ChainError>;

    /// Result of a transaction; `None` if it is not mined.
    async fn receipt(&self, hash: &TransactionHash) -> Result<Option<Receipt>, ChainError>;

    /// Code at an address; empty if there is none.
    async fn code(&self, address: &Address) -> Result<Bytes, ChainError>;

    /// Calls a contract without a transaction, with at most `gas`.
    async fn call(&self, contract: &Address, data: Bytes, gas: u64) -> Result<Bytes, ChainError>;
}

/// Signs transactions of one account.
#[async_trait]
pub trait TransactionSigner: fmt::Debug + Send + Sync {
    /// Address of the account.
    fn address(&self) -> Address;

    /// Signs a transaction that this account pays for.
    ///
    /// # Errors
    /// [`ChainError::Signer`]; [`ChainError::Unavailable`] if a service that signs cannot be reached.
    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError>;
}

#[async_trait]
impl<T: TransactionSigner + ?Sized> TransactionSigner for Arc<T> {
    fn address(&self) -> Address {
        (**self).address()
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        (**self).sign(transaction).await
    }
}

/// A transaction that creates a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedTransaction {
    /// EIP-155 id of the chain it is valid on.
    pub chain_id: u64,
    /// Number of earlier transactions of the account.
    pub nonce: u64,
    /// Gas limit.
    pub gas: u64,
    /// Price of gas.
    pub fees: Fees,
    /// Code that creates the contract.
    pub code: Bytes,
}

/// Price of a unit of gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fees {
    /// Fees of EIP-1559.
    Market {
        /// Maximum price, base fee included.
        max: u128,
        /// Maximum on top of the base fee.
        priority: u128,
    },
    /// One price, for chains without a base fee.
    Legacy {
        /// Exact price.
        price: u128,
    },
}

impl Fees {
    /// Highest price of a unit of gas that a transaction with these fees can cost.
    pub fn highest(&self) -> u128 {
        match *self {
            Self::Market { max, priority } => max.max(priority),
            Self::Legacy { price } => price,
        }
    }
}

/// A signed transaction, ready to be submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// The account that pays.
    pub sender: Address,
    /// Nonce of the account. A chain accepts one transaction for each nonce.
    pub nonce: u64,
    /// Hash that identifies it on the chain.
    pub hash: TransactionHash,
    /// The whole transaction with its signature, as `0x` and hex digits. It contains no secret.
    pub raw: String,
}

/// The transactions that one order signed for its present nonce. A chain mines one of them at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The newest transaction, stored before it is sent. After a crash the same bytes are sent again.
    pub transaction: Option<SignedTransaction>,
    /// Transactions with the same nonce that it replaces, oldest first. Each of them can still be mined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<SignedTransaction>,
    /// Number of transactions signed so far, with any nonce.
    #[serde(default)]
    pub signatures: u32,
}

impl Attempts {
    /// Adds a signed transaction. Those with another nonce are forgotten: they can never be mined.
    pub fn add(&mut self, transaction: SignedTransaction) {
        let place = |transaction: &SignedTransaction| (transaction.sender, transaction.nonce);
        let new = place(&transaction);
        self.replaced.extend(self.transaction.replace(transaction));
        self.replaced.retain(|replaced| place(replaced) == new);
        self.signatures = self.signatures.saturating_add(1);
    }

    /// All transactions that can be mined, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &SignedTransaction> {
        self.transaction.iter().chain(self.replaced.iter().rev())
    }
}

/// Result of a mined transaction that creates a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Number of the block that contains the transaction.
    pub block: u64,
    /// Whether the transaction succeeded; if `false`, it was reverted.
    pub succeeded: bool,
    /// Address of the contract; `None` if the node reports none.
    pub contract: Option<Address>,
    /// Gas used by the transaction.
    pub gas_used: u64,
}

/// Failure of an operation on a chain. Contains neither keys nor the address of a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The node cannot be reached, or its answer is not usable.
    #[error("the chain's node is unavailable: {0}")]
    Unavailable(String),
    /// The node rejects the transaction, or the contract reverts.
    #[error("the chain's node refused {action}: {message}")]
    Refused {
        /// The request, such as `a call`.
        action: &'static str,
        /// Message of the node.
        message: String,
    },
    /// The balance of the account is too low.
    #[error("account {account} cannot pay for the transaction: {message}")]
    Funds {
        /// The account that would pay.
        account: Address,
        /// Message of the node.
        message: String,
    },
    /// The policy forbids calls to this node.
    #[error("the RPC address is refused: {0}")]
    Policy(String),
    /// A transaction could not be signed.
    #[error("the transaction cannot be signed: {0}")]
    Signer(String),
    /// The transaction exceeds a limit of the signer.
    #[error("the transaction is not signed: {0}")]
    Limit(String),
}

impl Classified for ChainError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Refused { .. } | Self::Funds { .. } | Self::Limit(_) => ErrorKind::Conflict,
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
            Self::Limit(_) => "spending_limit",
        }
    }
}
