//! Which keys may go to which chain, judged on the very source that is compiled.

use zkflow_core::format::zkey::ZKey;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::chain::{CompiledContract, SolidityCompiler};
use zkflow_core::setup::Beacon;
use zkflow_core::setup::gate::{Verdict, judge_knowing};
use zkflow_core::solidity::{CONTRACT_NAME, verifying_key_of};

use super::DeployError;

/// Chains that keys for development may go to, unless the operator lists others: those of test nodes.
pub const DEVELOPMENT_CHAINS: [u64; 2] = [31_337, 1_337];

/// Bytes of code that a contract may have (EIP-170).
const LONGEST_CODE: usize = 24_576;

/// Lets the contract of a key pass to a chain.
///
/// # Errors
/// The key is forgeable; it is for development and the chain is not among `development_chains`; the source holds another key.
pub fn admit(
    source: &str,
    key: &ZKey,
    beacon: Option<&Beacon>,
    chain_id: u64,
    development_chains: &[u64],
) -> Result<Provenance, DeployError> {
    // What goes to the chain is what stands in the source: it is read back, and must be the key that is judged.
    if verifying_key_of(source)? != key.vk {
        return Err(DeployError::OtherKey);
    }
    let verdict = judge_knowing(key, beacon.map_or(&[], std::slice::from_ref));
    if verdict == Verdict::Held(Provenance::Development) && !development_chains.contains(&chain_id) {
        return Err(DeployError::Development(chain_id));
    }
    Ok(verdict.admit(true)?)
}

/// Compiles a verifier contract. Blocks.
///
/// # Errors
/// The compiler refuses or fails; the code is too long for a chain.
pub fn compile(compiler: &dyn SolidityCompiler, source: &str) -> Result<CompiledContract, DeployError> {
    let compiled = compiler.compile(source, CONTRACT_NAME)?;
    match compiled.runtime_code.len() {
        length if length > LONGEST_CODE => Err(DeployError::TooLong(length)),
        _ => Ok(compiled),
    }
}
