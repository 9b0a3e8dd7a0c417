//! [`DeployError`].

use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::chain::{Address, ChainError, SolidityError, TransactionHash};
use zkflow_core::setup::Refused;
use zkflow_core::solidity::{NoCode, UnreadableContract};

/// A contract was not deployed, or is not the expected one. Contains neither keys nor URLs of nodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// Proofs for the key can be forged by anyone.
    #[error(transparent)]
    Forgeable(#[from] Refused),
    /// The circuit is marked: any person can forge proofs for its key, for this reason.
    #[error("the key is refused: forgeable: {0}; request the circuit again, and deploy its contract")]
    MarkedForgeable(String),
    /// The maker of the key could forge proofs, and the chain does not accept such keys.
    #[error("the key is for development, and chain {0} is not configured as a chain for such keys")]
    Development(u64),
    /// The key was not compared with its circuit and its powers of tau, and the chain does not accept such keys.
    #[error(
        "the key's contributions are only claimed: verify the key against its circuit and its powers of tau, or \
         configure chain {0} as a chain for development keys"
    )]
    Claimed(u64),
    /// The source is not the one that the key, its label and its circuit determine.
    #[error(
        "the contract's source is not the one that ZKFlow writes for this key and its label: export the contract again"
    )]
    OtherSource,
    /// The contract was made for a different key.
    #[error("the contract does not contain the verification key of the proving key")]
    OtherKey,
    /// The contract's source contains no readable key.
    #[error(transparent)]
    Unreadable(#[from] UnreadableContract),
    /// The code, in bytes, is longer than EIP-170 allows.
    #[error(
        "the contract has {0} bytes of code, the limit is 24576: the circuit has too many public signals"
    )]
    TooLong(usize),
    /// The key has no known code.
    #[error("{0}")]
    Unusual(NoCode),
    /// The contract was not compiled.
    #[error(transparent)]
    Solidity(#[from] SolidityError),
    /// The node, its URL or the signer failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The node belongs to a different chain.
    #[error("the node belongs to chain {found}, expected chain {asked}")]
    OtherChain {
        /// Requested chain id.
        asked: u64,
        /// Chain id that the node reports.
        found: u64,
    },
    /// The operator has no node of the chain.
    #[error("no RPC URL is configured for chain {0}")]
    UnknownChain(u64),
    /// The operator has no signer of this name.
    #[error("no signer {0:?} is configured")]
    UnknownSigner(String),
    /// The request names its own node and a signer of the operator.
    #[error(
        "a signer of this server uses the server's own nodes: give chainId without rpcUrl, or a privateKey of your own"
    )]
    ForeignNode,
    /// Other transactions used the nonces of all transactions of the order, in number.
    #[error(
        "other transactions used the nonces of {0} transactions of this deployment: let nothing else use the signer's \
         account, then request the deployment again"
    )]
    Contested(u32),
    /// The signing key is destroyed, and another transaction used the nonce.
    #[error(
        "transaction {0} can never be mined: another transaction used its nonce, and its key is destroyed; \
         request the deployment again"
    )]
    NonceTaken(TransactionHash),
    /// The transaction was mined and failed.
    #[error("transaction {hash} failed in block {block}")]
    Reverted {
        /// Hash of the failed transaction.
        hash: TransactionHash,
        /// Number of the block that contains it.
        block: u64,
    },
    /// The time limit is exceeded.
    #[error("{0}")]
    Late(String),
    /// The code on the chain is not the expected code.
    #[error("the code at {0} differs from the expected code")]
    OtherCode(Address),
    /// The contract's answer about a proof is wrong.
    #[error("the contract at {address} {said}")]
    WrongAnswer {
        /// Address of the contract.
        address: Address,
        /// The wrong behaviour, as a verb phrase.
        said: &'static str,
    },
    /// There is no code at the address of a contract to bind.
    #[error("there is no contract at {0}")]
    NoContract(Address),
    /// The code of a contract to bind has no key that can be read.
    #[error(
        "the code at {0} is no Groth16 verifier over BN254 whose key can be read; give its own address, not that of a proxy"
    )]
    NotVerifier(Address),
    /// The contract to bind has another key than the circuit.
    #[error("the contract at {address} has another verification key than the circuit: {differs}")]
    OtherBoundKey {
        /// Address of the contract.
        address: Address,
        /// The parts that differ.
        differs: String,
    },
    /// The contract to bind accepts wrong or repeated statements, whatever its key.
    #[error("the contract at {address} is refused: {findings}")]
    UnsafeContract {
        /// Address of the contract.
        address: Address,
        /// What an audit found in its code.
        findings: String,
    },
    /// There is no proof to check the contract with.
    #[error(
        "there is no proof to check the contract with, and no example of the template proves with these \
         parameters: make a proof first, then request the deployment again"
    )]
    NoProof,
}

impl DeployError {
    /// The time limit is exceeded; `sent` is the transaction that was not confirmed.
    pub fn late(sent: Option<TransactionHash>) -> Self {
        Self::Late(sent.map_or_else(
            || "no transaction could be sent in time".to_owned(),
            |hash| format!("transaction {hash} was not confirmed in time, and may still be mined"),
        ))
    }
}

impl From<NoCode> for DeployError {
    fn from(error: NoCode) -> Self {
        match error {
            NoCode::TooLong(length) => Self::TooLong(length),
            NoCode::Unusual(_) => Self::Unusual(error),
        }
    }
}

impl Classified for DeployError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Solidity(error) => error.kind(),
            Self::Chain(error) => error.kind(),
            Self::OtherChain { .. }
            | Self::UnknownChain(_)
            | Self::UnknownSigner(_)
            | Self::ForeignNode
            | Self::NoContract(_)
            | Self::NotVerifier(_)
            | Self::OtherBoundKey { .. }
            | Self::UnsafeContract { .. } => ErrorKind::Invalid,
            Self::OtherKey
            | Self::OtherSource
            | Self::Unreadable(_)
            | Self::OtherCode(_)
            | Self::WrongAnswer { .. } => ErrorKind::Corrupt,
            Self::TooLong(_) => ErrorKind::Limit,
            Self::Forgeable(_)
            | Self::MarkedForgeable(_)
            | Self::Development(_)
            | Self::Claimed(_)
            | Self::Unusual(_)
            | Self::NonceTaken(_)
            | Self::Contested(_)
            | Self::Reverted { .. }
            | Self::Late(_)
            | Self::NoProof => ErrorKind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Forgeable(_) | Self::MarkedForgeable(_) => "key_forgeable",
            Self::Development(_) => "key_for_development",
            Self::Claimed(_) => "key_claimed",
            Self::OtherKey => "contract_other_key",
            Self::OtherSource => "contract_altered",
            Self::Unreadable(_) => "contract_unreadable",
            Self::TooLong(_) => "contract_too_long",
            Self::Unusual(_) => "key_unusual",
            Self::Solidity(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::OtherChain { .. } => "wrong_chain",
            Self::UnknownChain(_) => "unknown_chain",
            Self::UnknownSigner(_) => "unknown_signer",
            Self::ForeignNode => "foreign_node",
            Self::Contested(_) => "nonce_contested",
            Self::NonceTaken(_) => "nonce_taken",
            Self::Reverted { .. } => "transaction_failed",
            Self::Late(_) => "deployment_timeout",
            Self::OtherCode(_) => "code_differs",
            Self::WrongAnswer { .. } => "contract_wrong",
            Self::NoContract(_) => "no_contract",
            Self::NotVerifier(_) => "contract_not_verifier",
            Self::OtherBoundKey { .. } => "contract_key_differs",
            Self::UnsafeContract { .. } => "contract_unsafe",
            Self::NoProof => "no_proof_to_check",
        }
    }
}
