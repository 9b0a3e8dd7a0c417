//! [`Statement`]: a proof that a contract is asked about.

use alloy::primitives::keccak256;
use bytes::Bytes;
use zkflow_core::calldata::words;
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::service::chain::{Address, ChainClient, ChainError};
use zkflow_core::solidity::verify_signature;

use super::DeployError;

/// A proof with its public signals, as `verifyProof` takes them.
#[derive(Debug, Clone)]
pub struct Statement {
    right: Bytes,
    wrong: Bytes,
    gas: u64,
}

impl Statement {
    /// The statement of a proof.
    pub fn new(proof: &Proof, public: &PublicSignals) -> Self {
        let n_public = public.values().len();
        let encode = |proof: &Proof| {
            let selector = keccak256(verify_signature(n_public));
            let words = words(proof, public);
            Bytes::from([&selector[..4], words.as_flattened()].concat())
        };
        // -A in place of A: the equation of the verifier holds for one of them at most.
        let negated = Proof { a: -proof.a, ..*proof };
        // Several times what a right proof takes: a precompiled contract that lacks gas fails, and says `false`.
        let gas = 1_000_000 + 30_000 * n_public as u64;
        Self { right: encode(proof), wrong: encode(&negated), gas }
    }

    /// Asks a contract whether the proof holds.
    ///
    /// # Errors
    /// The chain fails, or the contract gives no truth value.
    pub async fn ask(&self, chain: &dyn ChainClient, contract: &Address) -> Result<bool, DeployError> {
        self.truth(chain, contract, &self.right).await
    }

    /// Asks a contract about the proof, and about the same one changed.
    ///
    /// # Errors
    /// [`DeployError::WrongAnswer`] unless it accepts the first alone.
    pub async fn check(&self, chain: &dyn ChainClient, contract: &Address) -> Result<(), DeployError> {
        let wrong = |said| DeployError::WrongAnswer { address: *contract, said };
        if !self.truth(chain, contract, &self.right).await? {
            return Err(wrong("refuses a proof that holds"));
        }
        if self.truth(chain, contract, &self.wrong).await? {
            return Err(wrong("accepts a proof that does not hold"));
        }
        Ok(())
    }

    async fn truth(
        &self,
        chain: &dyn ChainClient,
        contract: &Address,
        data: &Bytes,
    ) -> Result<bool, DeployError> {
        let answer = match chain.call(contract, data.clone(), self.gas).await {
            // A verifier never reverts.
            Err(ChainError::Refused { .. }) => {
                return Err(DeployError::WrongAnswer { address: *contract, said: "reverts" });
            }
            answer => answer?,
        };
        match answer.split_last() {
            Some((last, rest)) if rest.len() == 31 && rest.iter().all(|byte| *byte == 0) && *last <= 1 => {
                Ok(*last == 1)
            }
            _ => Err(DeployError::WrongAnswer { address: *contract, said: "is no verifier" }),
        }
    }
}
