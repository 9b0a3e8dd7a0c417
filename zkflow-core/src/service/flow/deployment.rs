//! `pending → confirmed | failed`, with a transaction that is known before it is sent.
//!
//! A chain takes one transaction of an account with one nonce. So a deployment is signed once and the signed bytes are
//! stored: after any crash the same bytes are sent again, and cannot make a second contract. Another
//! transaction is signed only when the chain has given that nonce to somebody else's, for good.

use std::time::Duration;

use crate::service::catalog::{
    DeployedContract, Deployment, DeploymentStatus, Document, Idempotency, InvalidTransition, Life, Signer,
};
use crate::service::chain::{Receipt, SignedTransaction};
use crate::service::clock::Timestamp;
use crate::service::id::DeploymentId;
use zkflow_groth16::id::CircuitId;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The chain; none says: whichever the request's node belongs to.
    pub chain_id: Option<u64>,
    /// Who signs.
    pub signer: Signer,
    /// Whether the request named its node.
    pub own_rpc: bool,
    /// The caller's name for the request.
    pub idempotency: Option<Idempotency>,
}

/// What a chain shows of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The newest block.
    pub head: u64,
    /// How many transactions of the sender were mined up to the newest block that counts as settled.
    pub settled_nonces: u64,
    /// What became of the transaction.
    pub receipt: Option<Receipt>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send the transaction, again if need be, and look later.
    Send,
    /// Look later: it is mined, but not deep enough.
    Wait,
    /// Compare and ask the contract.
    Check(Receipt),
    /// The transaction was mined and failed.
    Reverted(Receipt),
    /// Another transaction has the nonce for good: this one can never be mined.
    Superseded,
}

/// What follows from what the chain shows; `confirmations` counts the block of the transaction too.
pub fn next(transaction: &SignedTransaction, seen: &Sighting, confirmations: u64) -> Next {
    match &seen.receipt {
        Some(receipt) if seen.head.saturating_add(1) < receipt.block.saturating_add(confirmations) => {
            Next::Wait
        }
        Some(receipt) if receipt.succeeded => Next::Check(receipt.clone()),
        Some(receipt) => Next::Reverted(receipt.clone()),
        None if seen.settled_nonces > transaction.nonce => Next::Superseded,
        None => Next::Send,
    }
}

impl Deployment {
    /// A deployment that is owed.
    pub fn new(id: DeploymentId, circuit_id: CircuitId, asked: Asked, now: Timestamp) -> Self {
        let Asked { chain_id, signer, own_rpc, idempotency } = asked;
        Self {
            id,
            circuit_id,
            chain_id,
            signer,
            own_rpc,
            life: Life::new(now),
            transaction: None,
            contract: None,
            idempotency,
        }
    }

    /// Notes the transaction that will be sent, and the chain it is for.
    ///
    /// # Errors
    /// It is final.
    pub fn signed(
        &mut self,
        chain_id: u64,
        transaction: SignedTransaction,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.updated_at = now;
        self.chain_id = Some(chain_id);
        self.transaction = Some(transaction);
        Ok(())
    }

    /// Makes the checked contract visible.
    ///
    /// # Errors
    /// It is final.
    pub fn confirm(
        &mut self,
        contract: DeployedContract,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.complete(DeploymentStatus::Confirmed, spent, now);
        self.contract = Some(contract);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::chain::{Address, TransactionHash};

    fn transaction(nonce: u64) -> SignedTransaction {
        SignedTransaction {
            sender: Address([1; 20]),
            nonce,
            hash: TransactionHash([2; 32]),
            raw: String::new(),
        }
    }

    fn mined(block: u64, succeeded: bool) -> Option<Receipt> {
        Some(Receipt { block, succeeded, contract: Some(Address([3; 20])), gas_used: 1 })
    }

    fn seen(head: u64, settled_nonces: u64, receipt: Option<Receipt>) -> Sighting {
        Sighting { head, settled_nonces, receipt }
    }

    #[test]
    fn a_transaction_is_sent_until_it_is_mined_and_checked_once_it_is_deep_enough() {
        let transaction = transaction(5);
        let what = |seen| next(&transaction, &seen, 3);
        assert_eq!(what(seen(9, 0, None)), Next::Send);
        assert_eq!(what(seen(9, 5, None)), Next::Send, "its own nonce is free");
        assert_eq!(what(seen(10, 5, mined(10, true))), Next::Wait);
        assert_eq!(what(seen(11, 5, mined(10, true))), Next::Wait);
        assert!(matches!(what(seen(12, 6, mined(10, true))), Next::Check(_)));
        assert_eq!(what(seen(12, 5, None)), Next::Send, "a block that was given up takes it back");
    }

    #[test]
    fn another_transaction_follows_only_when_the_nonce_is_lost_for_good() {
        assert_eq!(next(&transaction(5), &seen(20, 6, None), 3), Next::Superseded);
        assert!(matches!(next(&transaction(5), &seen(20, 6, mined(10, false)), 3), Next::Reverted(_)));
    }
}
