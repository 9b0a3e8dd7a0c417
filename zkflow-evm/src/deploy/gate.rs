//! Decides whether a key is good enough for a chain, based on the source that is compiled.

use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::zkey::KeyHead;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::{Label, Provenance};
use zkflow_core::service::chain::{CompiledContract, SolidityCompiler};
use zkflow_core::setup::KeyVerdict;
use zkflow_core::solidity::{
    CODE_LIMIT, CONTRACT_NAME, ContractCircuit, ContractHeader, circuit_of, verifier_contract,
    verifying_key_of,
};

use super::DeployError;

/// Default chains for development keys: those of test nodes.
pub const DEVELOPMENT_CHAINS: [u64; 2] = [31_337, 1_337];

/// Admits the contract of a key to a chain and returns the key's label.
///
/// `circuit` is the id of the circuit, if it is known; a header with another id, or with the hash of another key, is refused.
///
/// The source must be the one that [`verifier_contract`] writes for the key, the label and the circuit in its header: a
/// contract is a function of these.
///
/// # Errors
/// The key is forgeable; the key is for development or its label is only claimed, and `development_chains` does not
/// contain the chain; `source` contains a different key, another label, or differs in any other byte.
pub fn admit(
    source: &str,
    key: &KeyHead,
    verdict: &KeyVerdict,
    circuit: Option<&CircuitId>,
    chain_id: u64,
    development_chains: &[u64],
) -> Result<Label, DeployError> {
    if verifying_key_of(source)? != key.vk {
        return Err(DeployError::OtherKey);
    }
    let label = verdict.admit(true)?;
    if !development_chains.contains(&chain_id) {
        if label.provenance() == Provenance::Development {
            return Err(DeployError::Development(chain_id));
        }
        if label.is_claimed() {
            return Err(DeployError::Claimed(chain_id));
        }
    }
    let named = circuit_of(source).ok_or(DeployError::OtherSource)?;
    let is_own = match &named {
        ContractCircuit::Hash(hash) => *hash == key.circuit_hash,
        ContractCircuit::Id(id) => circuit.is_none_or(|circuit| circuit == id),
    };
    if !is_own {
        return Err(DeployError::OtherSource);
    }
    let header =
        ContractHeader { circuit: named, label, verification_key: Digest::of(json::vkey_text(&key.vk)) };
    if verifier_contract(&key.vk, &header) != source {
        return Err(DeployError::OtherSource);
    }
    Ok(label)
}

/// Compiles a verifier contract. Blocks the thread.
///
/// # Errors
/// The compiler refuses the source or fails; the code is longer than EIP-170 allows.
pub fn compile(compiler: &dyn SolidityCompiler, source: &str) -> Result<CompiledContract, DeployError> {
    let compiled = compiler.compile(source, CONTRACT_NAME)?;
    match compiled.runtime_code.len() {
        length if length > CODE_LIMIT => Err(DeployError::TooLong(length)),
        _ => Ok(compiled),
    }
}
