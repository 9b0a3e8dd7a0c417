//! Adapters for deployments: the Solidity compiler, EVM nodes and signers.

mod chains;
mod client;
pub mod deploy;
mod endpoint;
mod keyring;
#[cfg(feature = "kms")]
mod kms;
mod remote;
mod signer;
mod solc;
mod spending;
#[cfg(test)]
mod standin;
mod transaction;
mod transport;

pub use chains::{ChainSettings, Chains};
pub use client::EvmClient;
pub use endpoint::{Endpoint, Policy, Resolver, SystemResolver};
pub use keyring::{KeySource, Keyring, OperatorSigner, SecretText};
#[cfg(feature = "kms")]
pub use kms::KmsSigner;
pub use remote::RemoteSigner;
pub use signer::LocalSigner;
pub use solc::{Solc, VERSION as SOLC_VERSION, standard_json_input};
pub use spending::{Book, CappedSigner, SpendingLimits};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
