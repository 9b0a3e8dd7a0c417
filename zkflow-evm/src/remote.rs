//! [`RemoteSigner`]: a signing service that holds the key, such as Web3Signer.

use std::fmt;

use alloy::consensus::{SignableTransaction as _, TxEnvelope};
use alloy::eips::Decodable2718 as _;
use alloy::primitives;
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::RpcError;
use async_trait::async_trait;
use zkflow_core::service::chain::{
    Address, ChainError, SignedTransaction, TransactionSigner, UnsignedTransaction,
};

use super::Endpoint;
use super::deploy::wallet_fields;
use super::transaction::{assemble, typed};
use super::transport::Transport;

/// Signs with `eth_signTransaction` of JSON-RPC, as Web3Signer, Besu's EthSigner and nodes with unlocked accounts offer it.
///
/// # Behaviour
/// - Only the signature is taken from the answer. The transaction that is sent is made here, from what was asked.
/// - The signature must be that of the configured address over exactly the asked transaction, with a low `s`. Anything else is
///   [`ChainError::Signer`], and nothing is sent.
/// - The limits of [`CappedSigner`](super::CappedSigner) are checked before the service is asked.
pub struct RemoteSigner {
    address: Address,
    service: RpcClient,
}

impl RemoteSigner {
    /// A signer for `address`, whose key is in the service at `url`. Does not connect.
    ///
    /// # Errors
    /// The URL is not http or https, or TLS is not available. The URL is not shown.
    pub fn new(address: Address, url: &str) -> Result<Self, ChainError> {
        let endpoint = Endpoint::configured(url).map_err(|_| {
            ChainError::Signer("the URL of the signer must start with http:// or https://".to_owned())
        })?;
        Ok(Self { address, service: RpcClient::new(Transport::new(endpoint)?, true) })
    }

    /// Takes the signature from an answer, if it is one over `transaction`.
    fn check(
        &self,
        transaction: &UnsignedTransaction,
        answer: &str,
    ) -> Result<SignedTransaction, ChainError> {
        let wrong = |why: &str| ChainError::Signer(format!("the remote signer answered {why}"));
        let raw = answer.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
        let raw = raw.ok_or_else(|| wrong("no hexadecimal text"))?;
        let mut rest = raw.as_slice();
        let envelope = TxEnvelope::decode_2718(&mut rest).map_err(|_| wrong("no signed transaction"))?;
        if !rest.is_empty() {
            return Err(wrong("more than a transaction"));
        }
        let signature = *envelope.signature();
        if signature.normalize_s().is_some() {
            return Err(wrong("a signature that chains refuse: its s is high"));
        }
        let hash = typed(transaction).signature_hash();
        let signer = signature.recover_address_from_prehash(&hash).map_err(|_| wrong("no signature"))?;
        let signed = assemble(transaction, self.address, signature);
        if envelope.tx_hash().0 != signed.hash.0 {
            return Err(wrong("another transaction than the asked one"));
        }
        if signer.into_array() != self.address.0 {
            return Err(wrong(&format!("a signature of another account than {}", self.address)));
        }
        Ok(signed)
    }
}

#[async_trait]
impl TransactionSigner for RemoteSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        let fields =
            wallet_fields(transaction.chain_id, &transaction.code, Some((&self.address, transaction)));
        let asked = self.service.request::<_, String>("eth_signTransaction", (fields,)).await;
        let answer = asked.map_err(|error| match error {
            RpcError::ErrorResp(answer) => {
                let message: String =
                    answer.message.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
                ChainError::Signer(format!("the remote signer refused: {message}"))
            }
            other => ChainError::Unavailable(format!("the remote signer: {other}")),
        })?;
        self.check(transaction, &answer)
    }
}

/// Longest message of the service in an error, in characters.
const LONGEST: usize = 200;

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigner").field("address", &primitives::Address::from(self.address.0)).finish()
    }
}

#[cfg(test)]
mod tests;
