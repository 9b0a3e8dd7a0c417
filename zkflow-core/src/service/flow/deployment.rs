//! `pending → confirmed | failed`, with a transaction that is stored before it is sent.
//!
//! A chain accepts one transaction per account and nonce. The signed bytes of a deployment are therefore stored. After a
//! crash the same bytes are sent again and cannot create a second contract. A transaction that waits for long is replaced by
//! one with the same nonce at a higher price. A transaction with another nonce is signed only after a transaction of others
//! has finally used the nonce.

use std::time::Duration;

use crate::service::catalog::{
    DeployedContract, Deployment, DeploymentStatus, Document, Idempotency, InvalidTransition, Life, Signer,
};
use crate::service::chain::{Attempts, Receipt, SignedTransaction};
use crate::service::clock::Timestamp;
use crate::service::id::DeploymentId;
use zkflow_groth16::id::CircuitId;

/// The parts of a deployment that its request determines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Chain id; `None`: the chain of the request's own RPC node.
    pub chain_id: Option<u64>,
    /// Signer of the transaction.
    pub signer: Signer,
    /// Whether the request contains an RPC URL.
    pub own_rpc: bool,
    /// Idempotency key; `None`: never a duplicate.
    pub idempotency: Option<Idempotency>,
}

/// State of a transaction as seen on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Number of the newest block.
    pub head: u64,
    /// Number of the sender's transactions mined up to the newest settled block.
    pub settled_nonces: u64,
    /// Result of the transaction; `None` if it is not mined.
    pub receipt: Option<Receipt>,
}

/// Next step of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send the transaction, if necessary again, and look again later.
    Send,
    /// Look again later: the transaction is mined but has too few confirmations.
    Wait,
    /// Compare the code and verify a proof with the contract.
    Check(Receipt),
    /// The transaction was mined and reverted.
    Reverted(Receipt),
    /// Another transaction has finally used the nonce: this one can never be mined.
    Superseded,
}

/// Decides the next step. `confirmations` includes the block of the transaction.
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
    /// A pending deployment.
    pub fn new(id: DeploymentId, circuit_id: CircuitId, asked: Asked, now: Timestamp) -> Self {
        let Asked { chain_id, signer, own_rpc, idempotency } = asked;
        Self {
            id,
            circuit_id,
            chain_id,
            signer,
            own_rpc,
            life: Life::new(now),
            attempts: Attempts::default(),
            contract: None,
            idempotency,
        }
    }

    /// A contract that was on the chain before. It is confirmed, and there is nothing to do.
    pub fn bound(
        id: DeploymentId,
        circuit_id: CircuitId,
        contract: DeployedContract,
        idempotency: Idempotency,
        now: Timestamp,
    ) -> Self {
        let asked = Asked {
            chain_id: Some(contract.chain_id),
            signer: Signer::Absent,
            own_rpc: false,
            idempotency: Some(idempotency),
        };
        let mut deployment = Self::new(id, circuit_id, asked, now);
        deployment.life.complete(DeploymentStatus::Confirmed, Duration::ZERO, now);
        deployment.contract = Some(contract);
        deployment
    }

    /// Records the signed transaction and its chain, before it is sent.
    ///
    /// # Errors
    /// The deployment is final.
    pub fn signed(
        &mut self,
        chain_id: u64,
        transaction: SignedTransaction,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.updated_at = now;
        self.chain_id = Some(chain_id);
        self.attempts.add(transaction);
        Ok(())
    }

    /// Records the checked contract and makes the deployment confirmed.
    ///
    /// # Errors
    /// The deployment is final.
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
        assert_eq!(what(seen(9, 5, None)), Next::Send, "its nonce is unused");
        assert_eq!(what(seen(10, 5, mined(10, true))), Next::Wait);
        assert_eq!(what(seen(11, 5, mined(10, true))), Next::Wait);
        assert!(matches!(what(seen(12, 6, mined(10, true))), Next::Check(_)));
        assert_eq!(what(seen(12, 5, None)), Next::Send, "a reorganisation removed its block");
    }

    #[test]
    fn a_replaced_transaction_stays_known_until_its_nonce_is_lost() {
        let numbered =
            |nonce, number| SignedTransaction { hash: TransactionHash([number; 32]), ..transaction(nonce) };
        let mut attempts = Attempts::default();
        let hashes = |attempts: &Attempts| -> Vec<u8> {
            attempts.newest_first().map(|transaction| transaction.hash.0[0]).collect()
        };
        assert!(hashes(&attempts).is_empty());
        for number in 1..=3 {
            attempts.add(numbered(5, number));
        }
        assert_eq!((hashes(&attempts), attempts.signatures), (vec![3, 2, 1], 3));
        let stored = serde_json::to_string(&attempts).unwrap();
        assert_eq!(serde_json::from_str::<Attempts>(&stored).unwrap(), attempts);
        attempts.add(numbered(6, 4));
        assert_eq!((hashes(&attempts), attempts.signatures), (vec![4], 4));
    }

    #[test]
    fn another_transaction_follows_only_when_the_nonce_is_lost_for_good() {
        assert_eq!(next(&transaction(5), &seen(20, 6, None), 3), Next::Superseded);
        assert!(matches!(next(&transaction(5), &seen(20, 6, mined(10, false)), 3), Next::Reverted(_)));
    }
}
