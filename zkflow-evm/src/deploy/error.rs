//! [`DeployError`].

use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::chain::{Address, ChainError, SolidityError, TransactionHash};
use zkflow_core::setup::gate::Refused;
use zkflow_core::solidity::UnreadableContract;

/// A contract was not deployed, or is not what it should be. Shows neither keys nor addresses of nodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// Anybody could forge proofs for the key.
    #[error(transparent)]
    Forgeable(#[from] Refused),
    /// Whoever made the key could forge proofs, and the chain is a real one.
    #[error("the key is for development, and chain {0} is not one that the operator lists for such keys")]
    Development(u64),
    /// The contract was made for another key.
    #[error("the contract does not hold the verification key of the proving key")]
    OtherKey,
    /// The source holds no key.
    #[error(transparent)]
    Unreadable(#[from] UnreadableContract),
    /// The code is longer than a chain takes (EIP-170).
    #[error(
        "the contract has {0} bytes of code, and a chain takes 24576: the circuit has too many public signals"
    )]
    TooLong(usize),
    /// The contract was not compiled.
    #[error(transparent)]
    Solidity(#[from] SolidityError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The node belongs to another chain.
    #[error("chain {asked} was asked for, and the node belongs to chain {found}")]
    OtherChain {
        /// The chain that was asked for.
        asked: u64,
        /// The chain of the node.
        found: u64,
    },
    /// No RPC address is known for the chain.
    #[error("the operator has configured no RPC address for chain {0}")]
    UnknownChain(u64),
    /// No signer of this name is known.
    #[error("the operator has configured no signer {0:?}")]
    UnknownSigner(String),
    /// The signer's key is gone, and the nonce of its transaction was used by another one.
    #[error(
        "transaction {0} can never be mined, since another one has its nonce, and its key is destroyed: ask again"
    )]
    NonceTaken(TransactionHash),
    /// The transaction was mined and failed.
    #[error("transaction {hash} failed in block {block}")]
    Reverted {
        /// The transaction.
        hash: TransactionHash,
        /// Its block.
        block: u64,
    },
    /// The time is over.
    #[error("{0}")]
    Late(String),
    /// The code on the chain is not the one that was compiled.
    #[error("the code at {0} is not the one that was compiled")]
    OtherCode(Address),
    /// The contract does not say of a proof what it should.
    #[error("the contract at {address} {said}")]
    WrongAnswer {
        /// The contract.
        address: Address,
        /// What it said.
        said: &'static str,
    },
    /// There is no proof to check the contract with.
    #[error(
        "there is no proof to check the contract with, and the inputs of the template's examples prove nothing \
         under these parameters: make a proof first, then ask again"
    )]
    NoProof,
}

impl Classified for DeployError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Solidity(error) => error.kind(),
            Self::Chain(error) => error.kind(),
            Self::OtherChain { .. } | Self::UnknownChain(_) | Self::UnknownSigner(_) => ErrorKind::Invalid,
            Self::OtherKey | Self::Unreadable(_) | Self::OtherCode(_) | Self::WrongAnswer { .. } => {
                ErrorKind::Corrupt
            }
            Self::TooLong(_) => ErrorKind::Limit,
            Self::Forgeable(_)
            | Self::Development(_)
            | Self::NonceTaken(_)
            | Self::Reverted { .. }
            | Self::Late(_)
            | Self::NoProof => ErrorKind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Forgeable(_) => "key_forgeable",
            Self::Development(_) => "key_for_development",
            Self::OtherKey => "contract_other_key",
            Self::Unreadable(_) => "contract_unreadable",
            Self::TooLong(_) => "contract_too_long",
            Self::Solidity(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::OtherChain { .. } => "wrong_chain",
            Self::UnknownChain(_) => "unknown_chain",
            Self::UnknownSigner(_) => "unknown_signer",
            Self::NonceTaken(_) => "nonce_taken",
            Self::Reverted { .. } => "transaction_failed",
            Self::Late(_) => "deployment_timeout",
            Self::OtherCode(_) => "code_differs",
            Self::WrongAnswer { .. } => "contract_wrong",
            Self::NoProof => "no_proof_to_check",
        }
    }
}
