//! Contracts that are on a chain already: their key is read from their code, and compared.

use zkflow_core::audit::{Rule, audit_bytecode, key_in_bytecode};
use zkflow_core::digest::Digest;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::service::catalog::DeployedContract;
use zkflow_core::service::chain::{Address, ChainClient};

use super::DeployError;

/// The contract at `address`, if its code contains exactly the verification key `key`. Sends no transaction.
///
/// # Behaviour
/// - The key is read as [`audit_bytecode`] reads it, from the constants of verifiers of snarkjs, gnark and ZKFlow.
/// - A contract whose code was not run, or that checks less than the pairings and the range of each public signal, is
///   refused. So is a wrong modulus.
/// - The contract is not called on its chain: [`Statement`](super::Statement) does that.
///
/// # Errors
/// - [`DeployError::OtherChain`]; the node fails.
/// - [`DeployError::NoContract`]; [`DeployError::NotVerifier`]; [`DeployError::OtherBoundKey`] names the parts that differ;
///   [`DeployError::UnsafeContract`].
pub async fn bind(
    chain: &dyn ChainClient,
    chain_id: u64,
    address: Address,
    key: &VerifyingKey,
    verification_key: Digest,
) -> Result<DeployedContract, DeployError> {
    let found = chain.chain_id().await?;
    if found != chain_id {
        return Err(DeployError::OtherChain { asked: chain_id, found });
    }
    let block = chain.head().await?;
    let code = chain.code(&address).await?;
    if code.is_empty() {
        return Err(DeployError::NoContract(address));
    }
    let (own, contract) = (key.clone(), code.clone());
    let compared = tokio::task::spawn_blocking(move || compare(&own, &contract, address)).await;
    // A task ends early at a shutdown only.
    compared.unwrap_or(Err(DeployError::NotVerifier(address)))?;
    Ok(DeployedContract {
        chain_id,
        address,
        transaction: None,
        block,
        gas_used: None,
        verification_key,
        compiler: None,
        code: Digest::of(&code),
    })
}

fn compare(key: &VerifyingKey, code: &[u8], address: Address) -> Result<(), DeployError> {
    let found = key_in_bytecode(code).ok_or(DeployError::NotVerifier(address))?;
    let differs = differences(key, &found);
    if !differs.is_empty() {
        return Err(DeployError::OtherBoundKey { address, differs: differs.join(", ") });
    }
    let audit = audit_bytecode(code).ok_or(DeployError::NotVerifier(address))?;
    // The key itself was judged when the circuit was made.
    let of_code = audit.findings.iter().filter(|finding| {
        matches!(finding.rule, Rule::RangeCheck | Rule::Pairing | Rule::NotRun | Rule::Modulus)
    });
    let findings: Vec<&str> = of_code.map(|finding| finding.detail.as_str()).collect();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(DeployError::UnsafeContract { address, findings: findings.join("; ") }),
    }
}

/// The parts in which the key of a contract differs.
fn differences(key: &VerifyingKey, found: &VerifyingKey) -> Vec<String> {
    if key.ic.len() != found.ic.len() {
        let signals = |key: &VerifyingKey| key.ic.len().saturating_sub(1);
        return vec![format!("it has {} public signals, the circuit has {}", signals(found), signals(key))];
    }
    let parts = [
        ("alpha", key.alpha_g1 == found.alpha_g1),
        ("beta", key.beta_g2 == found.beta_g2),
        ("gamma", key.gamma_g2 == found.gamma_g2),
        ("delta", key.delta_g2 == found.delta_g2),
    ];
    let parts = parts.into_iter().filter(|(_, equal)| !equal).map(|(name, _)| name.to_owned());
    let points = key.ic.iter().zip(&found.ic).enumerate();
    let points = points.filter(|(_, (own, other))| own != other).map(|(index, _)| format!("IC[{index}]"));
    let mut differs: Vec<String> = parts.chain(points).collect();
    if differs.len() > MOST {
        let rest = differs.len() - MOST;
        differs.truncate(MOST);
        differs.push(format!("{rest} more"));
    }
    if differs.is_empty() { differs } else { vec![format!("{} differ", differs.join(", "))] }
}

/// Parts that an error names.
const MOST: usize = 8;
