//! [`Statement`]: a proof to check a deployed contract with.

use bytes::Bytes;
use zkflow_core::calldata::words;
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::service::chain::{Address, ChainClient, ChainError};
use zkflow_core::solidity::verify_selector;

use super::DeployError;

/// A proof with its public signals, encoded as calls of `verifyProof`.
#[derive(Debug, Clone)]
pub struct Statement {
    right: Bytes,
    wrong: Bytes,
    gas: u64,
}

impl Statement {
    /// Encodes the proof, and an invalid copy of it.
    pub fn new(proof: &Proof, public: &PublicSignals) -> Self {
        let n_public = public.values().len();
        let encode = |proof: &Proof| {
            let words = words(proof, public);
            Bytes::from([&verify_selector(n_public), words.as_flattened()].concat())
        };
        // The verifier's equation holds for at most one of A and -A.
        let negated = Proof { a: -proof.a, ..*proof };
        // Several times the gas of a valid proof: without enough gas a precompiled contract fails, and the
        // contract returns `false`.
        let gas = 1_000_000 + 30_000 * n_public as u64;
        Self { right: encode(proof), wrong: encode(&negated), gas }
    }

    /// Asks the contract whether the proof is valid.
    ///
    /// # Errors
    /// The chain fails, or the contract's answer is not a boolean.
    pub async fn ask(&self, chain: &dyn ChainClient, contract: &Address) -> Result<bool, DeployError> {
        self.truth(chain, contract, &self.right).await
    }

    /// Checks that the contract accepts the proof and rejects its invalid copy.
    ///
    /// # Errors
    /// [`DeployError::WrongAnswer`] if it does not; otherwise as [`ask`](Self::ask).
    pub async fn check(&self, chain: &dyn ChainClient, contract: &Address) -> Result<(), DeployError> {
        let wrong = |said| DeployError::WrongAnswer { address: *contract, said };
        if !self.truth(chain, contract, &self.right).await? {
            return Err(wrong("rejects a valid proof"));
        }
        if self.truth(chain, contract, &self.wrong).await? {
            return Err(wrong("accepts an invalid proof"));
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
            _ => Err(DeployError::WrongAnswer { address: *contract, said: "is not a verifier" }),
        }
    }
}
