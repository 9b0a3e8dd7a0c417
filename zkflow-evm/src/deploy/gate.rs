//! Decides whether a key is good enough for a chain, based on the source that is compiled.

use zkflow_core::format::zkey::KeyHead;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::chain::{CompiledContract, SolidityCompiler};
use zkflow_core::setup::Beacon;
use zkflow_core::setup::gate::{Verdict, judge_knowing};
use zkflow_core::solidity::{CONTRACT_NAME, verifying_key_of};

use super::DeployError;

/// Default chains for development keys: those of test nodes.
pub const DEVELOPMENT_CHAINS: [u64; 2] = [31_337, 1_337];

/// Limit of a contract's code in bytes (EIP-170).
const LONGEST_CODE: usize = 24_576;

/// Admits the contract of a key to a chain and returns the key's provenance.
///
/// # Errors
/// The key is forgeable; the key is for development and `development_chains` does not contain the chain;
/// `source` contains a different key.
pub fn admit(
    source: &str,
    key: &KeyHead,
    beacon: Option<&Beacon>,
    chain_id: u64,
    development_chains: &[u64],
) -> Result<Provenance, DeployError> {
    // The source determines what is deployed, so the key in it must be the judged key.
    if verifying_key_of(source)? != key.vk {
        return Err(DeployError::OtherKey);
    }
    let verdict = judge_knowing(key, beacon.map_or(&[], std::slice::from_ref));
    if verdict == Verdict::Held(Provenance::Development) && !development_chains.contains(&chain_id) {
        return Err(DeployError::Development(chain_id));
    }
    Ok(verdict.admit(true)?)
}

/// Compiles a verifier contract. Blocks the thread.
///
/// # Errors
/// The compiler refuses the source or fails; the code is longer than EIP-170 allows.
pub fn compile(compiler: &dyn SolidityCompiler, source: &str) -> Result<CompiledContract, DeployError> {
    let compiled = compiler.compile(source, CONTRACT_NAME)?;
    match compiled.runtime_code.len() {
        length if length > LONGEST_CODE => Err(DeployError::TooLong(length)),
        _ => Ok(compiled),
    }
}
