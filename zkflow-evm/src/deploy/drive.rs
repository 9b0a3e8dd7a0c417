//! [`drive`]: one contract per order, even after interruptions.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::sleep;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{DeployedContract, DeploymentStage};
use zkflow_core::service::chain::{
    Attempts, ChainClient, ChainError, Receipt, SignedTransaction, TransactionSigner, UnsignedTransaction,
};
use zkflow_core::service::flow::deployment::{Next, Sighting, next};

use super::replace::{self as price, replacement};
use super::{Code, DeployError, Statement};

/// Minimum and maximum interval between two queries of the chain.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));
/// Interval after which a transaction that is not mined is sent again.
const SEND_AGAIN: Duration = Duration::from_secs(20);
/// How long the nonce of a transaction must have been seen used, without a receipt, before another transaction is signed.
/// A node answers for a new state some time before it knows the receipts, and one address may stand for several nodes of
/// which some lag behind.
const RECEIPT_LAG: Duration = Duration::from_secs(2);
/// Highest number of transactions that a call of [`drive`] signs: one, and three that replace lost or waiting ones.
const SIGNATURES: u32 = 4;
/// Highest number of transactions of a deployment, in all calls of [`drive`] together. A node that fails after each replacement
/// cannot have more of them signed.
const MOST_SIGNATURES: u32 = 12;

/// A contract to deploy, and the conditions of success.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Chain id that the node must report.
    pub chain_id: u64,
    /// Code of the contract to create.
    pub code: &'a Code,
    /// SHA-256 of the contract's `verification_key.json`.
    pub verification_key: Digest,
    /// Proof that the contract must accept; `None`: only the code is compared.
    pub statement: Option<&'a Statement>,
    /// A number that differs between orders. Without it, two orders with the same nonce would sign identical
    /// transactions, and both would claim the same contract.
    pub salt: u32,
    /// Held while the order signs and sends: orders of one account with one turn do not pick the same nonce. `None`:
    /// the account has no other orders.
    pub turn: Option<&'a Mutex<()>>,
    /// Blocks that confirm the transaction, including its own block.
    pub confirmations: u64,
    /// How long a transaction may wait to be mined, while the chain has new blocks, before it is replaced at a higher price.
    pub replace_after: Duration,
    /// End of waiting; `None`: no limit.
    pub deadline: Option<Instant>,
}

/// Progress of an order that survives crashes.
#[async_trait]
pub trait Journal: Send {
    /// Failure of a write.
    type Error: Send;

    /// The signed transactions.
    fn attempts(&self) -> &Attempts;

    /// Adds a transaction to the attempts durably. The transaction is sent only after this returns.
    async fn signed(&mut self, chain_id: u64, transaction: SignedTransaction) -> Result<(), Self::Error>;

    /// Stores that a stage begins.
    async fn stage(&mut self, stage: DeploymentStage) -> Result<(), Self::Error>;
}

/// The reason why [`drive`] stopped without a contract.
#[derive(Debug)]
pub enum Stopped<E> {
    /// The journal failed.
    Journal(E),
    /// The deployment failed.
    Deploy(DeployError),
}

impl<E, T: Into<DeployError>> From<T> for Stopped<E> {
    fn from(error: T) -> Self {
        Self::Deploy(error.into())
    }
}

/// Signs, sends, confirms and checks a deployment, starting at the state in `journal`.
///
/// The transaction is in the journal before it is sent. After an interruption the same transaction is sent
/// again, and a chain accepts it only once. Without a `signer`, only transactions in the journal are sent.
///
/// A transaction that waits for long is replaced by one with the same nonce at a higher price, three times at most in a call. Either
/// can be mined, so the receipts of all are looked for. A replacement that the signer or the node refuses changes nothing.
///
/// # Errors
/// See [`DeployError`]. Another call may succeed after an error of kind `Unavailable`.
pub async fn drive<J: Journal>(
    chain: &dyn ChainClient,
    signer: Option<&dyn TransactionSigner>,
    order: Order<'_>,
    journal: &mut J,
) -> Result<DeployedContract, Stopped<J::Error>> {
    journal.stage(DeploymentStage::Send).await.map_err(Stopped::Journal)?;
    // A killed process may leave transactions whose nonces the next orders of the account use: they do not count.
    let most = journal.attempts().signatures.saturating_add(SIGNATURES).min(MOST_SIGNATURES);
    let mut pause = PAUSE.0;
    let mut sent: Option<Instant> = None;
    let mut nonce_used: Option<Instant> = None;
    let mut waits: Option<(Instant, u64)> = None;
    loop {
        let attempts = journal.attempts().clone();
        in_time(order.deadline, attempts.transaction.as_ref())?;
        let Some(newest) = &attempts.transaction else {
            sign_and_send(chain, signer, order, None, most, journal).await?;
            sent = Some(Instant::now());
            continue;
        };
        let (transaction, seen) = look(chain, &attempts, newest, order.confirmations).await?;
        let next = next(transaction, &seen, order.confirmations);
        if !matches!(next, Next::Superseded) {
            nonce_used = None;
        }
        match next {
            Next::Send => {
                if sent.is_none_or(|sent| sent.elapsed() >= SEND_AGAIN) {
                    send(chain, &attempts).await?;
                    if sent.replace(Instant::now()).is_none() {
                        journal.stage(DeploymentStage::Confirm).await.map_err(Stopped::Journal)?;
                    }
                }
                let (since, head) = *waits.get_or_insert_with(|| (Instant::now(), seen.head));
                if since.elapsed() >= order.replace_after && seen.head > head {
                    waits = Some((Instant::now(), seen.head));
                    if attempts.signatures < most {
                        replace(chain, signer, order, journal).await?;
                    }
                }
            }
            Next::Wait => {}
            Next::Superseded if nonce_used.get_or_insert_with(Instant::now).elapsed() < RECEIPT_LAG => {}
            Next::Superseded => {
                (nonce_used, waits) = (None, None);
                sign_and_send(chain, signer, order, Some(transaction), most, journal).await?;
                sent = Some(Instant::now());
            }
            Next::Reverted(Receipt { block, .. }) => {
                return Err(DeployError::Reverted { hash: transaction.hash, block }.into());
            }
            Next::Check(receipt) => {
                journal.stage(DeploymentStage::Check).await.map_err(Stopped::Journal)?;
                return Ok(check(chain, order, transaction, receipt).await?);
            }
        }
        let left = order.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        sleep(left.map_or(pause, |left| left.min(pause))).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Fails after the deadline.
fn in_time(deadline: Option<Instant>, sent: Option<&SignedTransaction>) -> Result<(), DeployError> {
    if deadline.is_none_or(|deadline| Instant::now() < deadline) {
        return Ok(());
    }
    Err(DeployError::late(sent.map(|transaction| transaction.hash)))
}

/// Signs a transaction, stores it in the journal and sends it; it replaces `lost`. The journal may have `most` signatures.
async fn sign_and_send<J: Journal>(
    chain: &dyn ChainClient,
    signer: Option<&dyn TransactionSigner>,
    order: Order<'_>,
    lost: Option<&SignedTransaction>,
    most: u32,
    journal: &mut J,
) -> Result<(), Stopped<J::Error>> {
    let Some(signer) = signer else {
        return Err(match lost {
            Some(lost) => DeployError::NonceTaken(lost.hash),
            None => {
                ChainError::Signer("the request's key is destroyed: request the deployment again".to_owned())
                    .into()
            }
        }
        .into());
    };
    let _turn = match order.turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    in_time(order.deadline, lost)?;
    if journal.attempts().signatures >= most {
        return Err(DeployError::Contested(journal.attempts().signatures).into());
    }
    let unsigned = chain.creation(&signer.address(), order.code.creation.clone()).await?;
    if unsigned.chain_id != order.chain_id {
        return Err(DeployError::OtherChain { asked: order.chain_id, found: unsigned.chain_id }.into());
    }
    let signed = signer.sign(&salted(unsigned, order.salt)).await?;
    journal.signed(order.chain_id, signed.clone()).await.map_err(Stopped::Journal)?;
    chain.broadcast(&signed).await?;
    journal.stage(DeploymentStage::Confirm).await.map_err(Stopped::Journal)
}

/// Signs the waiting transaction again at a higher price, stores it in the journal and sends it. If that is not possible, the
/// waiting one is still good.
async fn replace<J: Journal>(
    chain: &dyn ChainClient,
    signer: Option<&dyn TransactionSigner>,
    order: Order<'_>,
    journal: &mut J,
) -> Result<(), Stopped<J::Error>> {
    let Some(signer) = signer else { return Ok(()) };
    let chain_id = order.chain_id;
    let signed = match replacement(chain, signer.address(), order.salt, journal.attempts()).await {
        Ok(None) => return Ok(()),
        Ok(Some(unsigned)) => {
            in_time(order.deadline, journal.attempts().transaction.as_ref())?;
            signer.sign(&unsigned).await
        }
        Err(error) => Err(error),
    };
    let signed = match signed {
        Ok(signed) => signed,
        Err(error) => {
            tracing::warn!(chain_id, %error, "a waiting transaction is not replaced");
            return Ok(());
        }
    };
    let (hash, nonce) = (signed.hash, signed.nonce);
    journal.signed(chain_id, signed).await.map_err(Stopped::Journal)?;
    tracing::info!(chain_id, nonce, %hash, "a waiting transaction is replaced at a higher price");
    Ok(send(chain, journal.attempts()).await?)
}

/// Sends the newest transaction that the node accepts. The older ones can be mined as well.
async fn send(chain: &dyn ChainClient, attempts: &Attempts) -> Result<(), ChainError> {
    let mut refused = None;
    for transaction in attempts.newest_first() {
        match chain.broadcast(transaction).await {
            Err(error @ (ChainError::Refused { .. } | ChainError::Funds { .. })) => {
                refused.get_or_insert(error);
            }
            sent => return sent,
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Adds the salt's upper 12 bits to the gas limit, at most 4095 units that are paid only if used, and its lower bits to the
/// price.
fn salted(transaction: UnsignedTransaction, salt: u32) -> UnsignedTransaction {
    let gas = transaction.gas.saturating_add(u64::from(salt >> 20));
    UnsignedTransaction { gas, fees: price::salted(transaction.fees, salt), ..transaction }
}

/// Reads the state of the attempts from the chain: of the one that is mined, else of the newest.
async fn look<'a>(
    chain: &dyn ChainClient,
    attempts: &'a Attempts,
    newest: &'a SignedTransaction,
    confirmations: u64,
) -> Result<(&'a SignedTransaction, Sighting), DeployError> {
    let head = chain.head().await?;
    let settled = head.saturating_sub(confirmations.saturating_sub(1));
    let settled_nonces = chain.mined_nonces(&newest.sender, settled).await?;
    // The receipts are read last: if one of the transactions used the nonce, its receipt already exists.
    for transaction in attempts.newest_first() {
        let receipt = chain.receipt(&transaction.hash).await?;
        if receipt.is_some() {
            return Ok((transaction, Sighting { head, settled_nonces, receipt }));
        }
    }
    Ok((newest, Sighting { head, settled_nonces, receipt: None }))
}

/// Compares the code on the chain with the order's, and checks the contract with the statement.
async fn check(
    chain: &dyn ChainClient,
    order: Order<'_>,
    transaction: &SignedTransaction,
    receipt: Receipt,
) -> Result<DeployedContract, DeployError> {
    let Order { chain_id, code, verification_key, .. } = order;
    let Receipt { block, gas_used, .. } = receipt;
    let Some(address) = receipt.contract else {
        return Err(DeployError::Reverted { hash: transaction.hash, block });
    };
    let found = chain.code(&address).await?;
    if found != code.runtime {
        return Err(DeployError::OtherCode(address));
    }
    if let Some(statement) = order.statement {
        statement.check(chain, &address).await?;
    }
    Ok(DeployedContract {
        chain_id,
        address,
        transaction: Some(transaction.hash),
        block,
        gas_used: Some(gas_used),
        verification_key,
        compiler: Some(code.compiler.clone()),
        code: Digest::of(&found),
    })
}
