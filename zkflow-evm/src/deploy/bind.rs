//! Contracts that are on a chain already: their key is read from their code, and compared.

use zkflow_core::audit::{Rule, audit_bytecode, key_in_bytecode};
use zkflow_core::digest::Digest;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::service::catalog::DeployedContract;
use zkflow_core::service::chain::{Address, ChainClient};

use super::DeployError;

/// The contract at `address` of a chain, if its code contains exactly the verification key `key`, whose file has the digest
/// `verification_key`. Sends no transaction. `turn` is dropped when the work ends, also if the caller is gone before.
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
    (chain_id, address): (u64, Address),
    (key, verification_key): (&VerifyingKey, Digest),
    turn: impl Send + 'static,
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
    let work = move || {
        let _turn = turn;
        compare(&own, &contract, address)
    };
    let compared = tokio::task::spawn_blocking(work).await;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use async_trait::async_trait;
    use bytes::Bytes;
    use zkflow_core::service::chain::{
        ChainError, Fees, Receipt, SignedTransaction, TransactionHash, UnsignedTransaction,
    };

    use super::*;

    /// A chain that has one byte of code everywhere.
    #[derive(Debug)]
    struct Chain;

    #[async_trait]
    impl ChainClient for Chain {
        async fn chain_id(&self) -> Result<u64, ChainError> {
            Ok(1)
        }

        async fn head(&self) -> Result<u64, ChainError> {
            Ok(1)
        }

        async fn code(&self, _: &Address) -> Result<Bytes, ChainError> {
            Ok(Bytes::from_static(&[0]))
        }

        async fn mined_nonces(&self, _: &Address, _: u64) -> Result<u64, ChainError> {
            unreachable!()
        }

        async fn creation(&self, _: &Address, _: Bytes) -> Result<UnsignedTransaction, ChainError> {
            unreachable!()
        }

        async fn fees(&self) -> Result<Fees, ChainError> {
            unreachable!()
        }

        async fn broadcast(&self, _: &SignedTransaction) -> Result<(), ChainError> {
            unreachable!()
        }

        async fn receipt(&self, _: &TransactionHash) -> Result<Option<Receipt>, ChainError> {
            unreachable!()
        }

        async fn call(&self, _: &Address, _: Bytes, _: u64) -> Result<Bytes, ChainError> {
            unreachable!()
        }
    }

    #[test]
    fn the_turn_lasts_until_the_work_ends_also_if_the_caller_is_gone() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(1).build().unwrap();
        let (turn, (end, ended)) = (Arc::new(()), mpsc::channel::<()>());
        let weak = Arc::downgrade(&turn);
        runtime.block_on(async {
            // The work waits for the only thread.
            let busy = tokio::task::spawn_blocking(move || ended.recv());
            let (g1, g2) = Default::default();
            let key = VerifyingKey { alpha_g1: g1, beta_g2: g2, gamma_g2: g2, delta_g2: g2, ic: Vec::new() };
            let digest = Digest::of("");
            let address = format!("0x{:040x}", 0).parse().unwrap();
            let mut bound = Box::pin(bind(&Chain, (1, address), (&key, digest), turn));
            assert!(futures::poll!(&mut bound).is_pending());
            drop(bound);
            assert!(weak.upgrade().is_some(), "the turn has ended before the work");
            drop(end);
            busy.await.unwrap().unwrap_err();
        });
        drop(runtime);
        assert!(weak.upgrade().is_none());
    }
}
