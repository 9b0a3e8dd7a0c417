//! [`drive`]: one contract out of one order, however often it is interrupted.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::sleep;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{DeployedContract, DeploymentStage};
use zkflow_core::service::chain::{
    ChainClient, ChainError, CompiledContract, Fees, Receipt, SignedTransaction, TransactionSigner,
    UnsignedTransaction,
};
use zkflow_core::service::flow::deployment::{Next, Sighting, next};

use super::{DeployError, Statement};

/// The shortest and the longest time between two looks at the chain.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));
/// How long a transaction that is not mined is left alone before it is sent again.
const SEND_AGAIN: Duration = Duration::from_secs(20);

/// What is to be deployed, and how it is known to be done.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: &'a CompiledContract,
    /// The SHA-256 of its `verification_key.json`.
    pub verification_key: Digest,
    /// A proof that it must accept; without one its code alone is compared.
    pub statement: Option<&'a Statement>,
    /// Tells the transaction from those of other orders, which would be the same to the byte if they had the same
    /// nonce: two orders would take one contract for theirs. Any number that no other order has.
    pub salt: u32,
    /// Blocks that must stand on the chain, from that of the transaction on.
    pub confirmations: u64,
    /// When to stop waiting.
    pub deadline: Option<Instant>,
}

/// Remembers how far an order is, across crashes.
#[async_trait]
pub trait Journal: Send {
    /// Why it could not.
    type Error: Send;

    /// The transaction that was signed last.
    fn transaction(&self) -> Option<SignedTransaction>;

    /// Notes, durably, a transaction that will be sent when this has returned.
    async fn signed(&mut self, chain_id: u64, transaction: SignedTransaction) -> Result<(), Self::Error>;

    /// Notes that a stage begins.
    async fn stage(&mut self, stage: DeploymentStage) -> Result<(), Self::Error>;
}

/// Why an order is not done.
#[derive(Debug)]
pub enum Stopped<E> {
    /// The journal failed.
    Journal(E),
    /// The deployment did.
    Deploy(DeployError),
}

impl<E, T: Into<DeployError>> From<T> for Stopped<E> {
    fn from(error: T) -> Self {
        Self::Deploy(error.into())
    }
}

/// Signs, sends, waits and checks, from wherever the journal says that it stands.
///
/// The transaction is in the journal before it is sent, and what is sent after an interruption is that one. A
/// chain takes it once. Without a `signer` it is only waited for.
///
/// # Errors
/// See [`DeployError`]; those of kind `Unavailable` may pass when it is driven again.
pub async fn drive<J: Journal>(
    chain: &dyn ChainClient,
    signer: Option<&dyn TransactionSigner>,
    order: Order<'_>,
    journal: &mut J,
) -> Result<DeployedContract, Stopped<J::Error>> {
    journal.stage(DeploymentStage::Send).await.map_err(Stopped::Journal)?;
    let mut pause = PAUSE.0;
    let mut sent: Option<Instant> = None;
    loop {
        let Some(transaction) = journal.transaction() else {
            sign(chain, signer, order, None, journal).await?;
            continue;
        };
        let seen = look(chain, &transaction, order.confirmations).await?;
        match next(&transaction, &seen, order.confirmations) {
            Next::Send if sent.is_none_or(|sent| sent.elapsed() >= SEND_AGAIN) => {
                chain.broadcast(&transaction).await?;
                if sent.replace(Instant::now()).is_none() {
                    journal.stage(DeploymentStage::Confirm).await.map_err(Stopped::Journal)?;
                }
            }
            Next::Send | Next::Wait => {}
            Next::Superseded => {
                sign(chain, signer, order, Some(&transaction), journal).await?;
                sent = None;
                continue;
            }
            Next::Reverted(Receipt { block, .. }) => {
                return Err(DeployError::Reverted { hash: transaction.hash, block }.into());
            }
            Next::Check(receipt) => {
                journal.stage(DeploymentStage::Check).await.map_err(Stopped::Journal)?;
                return Ok(check(chain, order, &transaction, receipt).await?);
            }
        }
        if order.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let hash = transaction.hash;
            let late = format!("transaction {hash} was not confirmed in time, and may still be mined");
            return Err(DeployError::Late(late).into());
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Signs a transaction into the journal, in place of `lost`.
async fn sign<J: Journal>(
    chain: &dyn ChainClient,
    signer: Option<&dyn TransactionSigner>,
    order: Order<'_>,
    lost: Option<&SignedTransaction>,
    journal: &mut J,
) -> Result<(), Stopped<J::Error>> {
    let Some(signer) = signer else {
        return Err(match lost {
            Some(lost) => DeployError::NonceTaken(lost.hash),
            None => {
                ChainError::Signer("the key that came with the request is destroyed: ask again".to_owned())
                    .into()
            }
        }
        .into());
    };
    let unsigned = chain.creation(&signer.address(), order.contract.creation_code.clone()).await?;
    if unsigned.chain_id != order.chain_id {
        return Err(DeployError::OtherChain { asked: order.chain_id, found: unsigned.chain_id }.into());
    }
    let signed = signer.sign(&salted(unsigned, order.salt))?;
    journal.signed(order.chain_id, signed).await.map_err(Stopped::Journal)
}

/// The transaction with a little more gas and a little higher price, neither of which is worth a mention: at most
/// 4095 units, which are not paid when they are not used, and a thousandth of a gwei.
fn salted(transaction: UnsignedTransaction, salt: u32) -> UnsignedTransaction {
    let (gas, price) = (u64::from(salt >> 20), u128::from(salt & 0xf_ffff));
    let fees = match transaction.fees {
        Fees::Market { max, priority } => Fees::Market { max: max.saturating_add(price), priority },
        Fees::Legacy { price: asked } => Fees::Legacy { price: asked.saturating_add(price) },
    };
    UnsignedTransaction { gas: transaction.gas.saturating_add(gas), fees, ..transaction }
}

/// What the chain shows of a transaction.
async fn look(
    chain: &dyn ChainClient,
    transaction: &SignedTransaction,
    confirmations: u64,
) -> Result<Sighting, DeployError> {
    let head = chain.head().await?;
    let settled = head.saturating_sub(confirmations.saturating_sub(1));
    let settled_nonces = chain.mined_nonces(&transaction.sender, settled).await?;
    // Asked last: if this transaction is what used the nonce, the receipt is there by now.
    let receipt = chain.receipt(&transaction.hash).await?;
    Ok(Sighting { head, settled_nonces, receipt })
}

/// Compares the code on the chain with what was compiled, and asks the contract.
async fn check(
    chain: &dyn ChainClient,
    order: Order<'_>,
    transaction: &SignedTransaction,
    receipt: Receipt,
) -> Result<DeployedContract, DeployError> {
    let Order { chain_id, contract, verification_key, .. } = order;
    let Receipt { block, gas_used, .. } = receipt;
    let Some(address) = receipt.contract else {
        return Err(DeployError::Reverted { hash: transaction.hash, block });
    };
    let code = chain.code(&address).await?;
    if code != contract.runtime_code {
        return Err(DeployError::OtherCode(address));
    }
    if let Some(statement) = order.statement {
        statement.check(chain, &address).await?;
    }
    Ok(DeployedContract {
        chain_id,
        address,
        transaction: transaction.hash,
        block,
        gas_used,
        verification_key,
        compiler: contract.compiler.clone(),
        code: Digest::of(&code),
    })
}
