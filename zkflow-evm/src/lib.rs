//! The outside world of a deployment: the Solidity compiler, and chains of the EVM.

mod chains;
mod client;
pub mod deploy;
mod endpoint;
mod signer;
mod solc;
mod transport;

pub use chains::{ChainSettings, Chains};
pub use client::EvmClient;
pub use endpoint::{Endpoint, Policy, Resolver, SystemResolver};
pub use signer::{KeySource, Keyring, LocalSigner};
pub use solc::{Solc, VERSION as SOLC_VERSION};
