//! [`EvmClient`]: [`ChainClient`] over JSON-RPC, by alloy.

use alloy::consensus::BlockHeader;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::{BlockResponse, TransactionBuilder};
use alloy::primitives::{self, TxHash};
use alloy::providers::{Provider, ProviderBuilder, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{ErrorPayload, RpcError};
use alloy::rpc::types::TransactionRequest;
use alloy::transports::TransportError;
use async_trait::async_trait;
use bytes::Bytes;
use zkflow_core::service::chain::{
    Address, ChainClient, ChainError, Fees, Receipt, SignedTransaction, TransactionHash, UnsignedTransaction,
};

use super::endpoint::Endpoint;
use super::transport::Transport;

/// Maximum length of a node's message in an error, in characters.
const LONGEST_MESSAGE: usize = 200;

/// A client of one node.
#[derive(Debug, Clone)]
pub struct EvmClient {
    node: RootProvider,
}

impl EvmClient {
    /// Creates a client without connecting to `endpoint`.
    ///
    /// # Errors
    /// TLS is not available.
    pub fn new(endpoint: Endpoint) -> Result<Self, ChainError> {
        let client = RpcClient::new(Transport::new(endpoint)?, true);
        Ok(Self { node: ProviderBuilder::new().disable_recommended_fillers().connect_client(client) })
    }

    /// What an account owns in wei, by the latest block.
    ///
    /// # Errors
    /// [`ChainError::Unavailable`].
    pub async fn balance(&self, account: &Address) -> Result<u128, ChainError> {
        let wei = self.node.get_balance(account.0.into()).await.map_err(asking("balance"))?;
        Ok(u128::try_from(wei).unwrap_or(u128::MAX))
    }
}

#[async_trait]
impl ChainClient for EvmClient {
    async fn chain_id(&self) -> Result<u64, ChainError> {
        self.node.get_chain_id().await.map_err(asking("chain id"))
    }

    async fn head(&self) -> Result<u64, ChainError> {
        self.node.get_block_number().await.map_err(asking("block number"))
    }

    async fn mined_nonces(&self, account: &Address, block: u64) -> Result<u64, ChainError> {
        let count = self.node.get_transaction_count(account.0.into()).block_id(BlockId::number(block));
        count.await.map_err(asking("nonce"))
    }

    async fn creation(&self, sender: &Address, code: Bytes) -> Result<UnsignedTransaction, ChainError> {
        let account: primitives::Address = sender.0.into();
        let chain_id = self.chain_id().await?;
        let nonce = self.node.get_transaction_count(account).pending().await.map_err(asking("nonce"))?;
        let fees = self.fees().await?;
        let request = TransactionRequest::default().with_from(account).with_deploy_code(code.clone());
        let gas = self.node.estimate_gas(request).await.map_err(|error| paying(error, sender))?;
        // 20 % above the node's estimate: unused gas is not paid for.
        Ok(UnsignedTransaction { chain_id, nonce, gas: gas.saturating_add(gas / 5), fees, code })
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        let latest =
            self.node.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(asking("latest block"))?;
        if latest.is_some_and(|block| block.header().base_fee_per_gas().is_some())
            && let Ok(market) = self.node.estimate_eip1559_fees().await
        {
            return Ok(Fees::Market {
                max: market.max_fee_per_gas,
                priority: market.max_priority_fee_per_gas,
            });
        }
        let price = self.node.get_gas_price().await.map_err(asking("gas price"))?;
        Ok(Fees::Legacy { price })
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), ChainError> {
        let raw = transaction.raw.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
        let raw =
            raw.ok_or_else(|| ChainError::Signer("the stored transaction is not hexadecimal".to_owned()))?;
        match self.node.send_raw_transaction(&raw).await {
            Ok(_) => Ok(()),
            Err(RpcError::ErrorResp(answer)) if is_no_news(&answer.message) => Ok(()),
            Err(error) => Err(paying(error, &transaction.sender)),
        }
    }

    async fn receipt(&self, hash: &TransactionHash) -> Result<Option<Receipt>, ChainError> {
        let receipt = self.node.get_transaction_receipt(TxHash::from(hash.0)).await;
        let Some(receipt) = receipt.map_err(asking("receipt"))? else { return Ok(None) };
        // A receipt without a block belongs to a pending transaction.
        Ok(receipt.block_number.map(|block| Receipt {
            block,
            succeeded: receipt.status(),
            contract: receipt.contract_address.map(|address| Address(address.into_array())),
            gas_used: receipt.gas_used,
        }))
    }

    async fn code(&self, address: &Address) -> Result<Bytes, ChainError> {
        let code = self.node.get_code_at(address.0.into()).await;
        Ok(code.map_err(asking("contract code"))?.0)
    }

    async fn call(&self, contract: &Address, data: Bytes, gas: u64) -> Result<Bytes, ChainError> {
        let request =
            TransactionRequest::default().with_to(contract.0.into()).with_input(data).with_gas_limit(gas);
        let answer = self.node.call(request).block(BlockId::latest()).await;
        Ok(answer.map_err(calling)?.0)
    }
}

/// Whether a refusal of a signed transaction can be ignored. The node already has the transaction, or the
/// obstacle is visible in receipts and nonces, or the obstacle is temporary.
fn is_no_news(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    const KNOWN: [&str; 8] = [
        "already known",
        "known transaction",
        "already imported",
        "already exists",
        "nonce too low",
        "nonce is too low",
        "replacement transaction underpriced",
        // The price is currently too low, which is temporary.
        "less than block base fee",
    ];
    KNOWN.iter().any(|known| message.contains(known))
}

/// Maps every error of a query to [`ChainError::Unavailable`]: a query without an answer can be repeated.
fn asking(action: &'static str) -> impl Fn(TransportError) -> ChainError {
    move |error| match failed(action, error) {
        ChainError::Refused { action, message } => ChainError::Unavailable(format!("{action}: {message}")),
        other => other,
    }
}

/// As [`asking`], but a revert is [`ChainError::Refused`]: it is the contract's answer.
fn calling(error: TransportError) -> ChainError {
    match &error {
        // Code 3: a revert in geth.
        RpcError::ErrorResp(answer)
            if answer.code == 3 || answer.message.to_ascii_lowercase().contains("revert") =>
        {
            ChainError::Refused { action: "a call", message: shown(&answer.message) }
        }
        _ => asking("a call")(error),
    }
}

/// As [`failed`], but insufficient funds are [`ChainError::Funds`].
fn paying(error: TransportError, account: &Address) -> ChainError {
    match &error {
        RpcError::ErrorResp(answer) if answer.message.to_ascii_lowercase().contains("insufficient funds") => {
            ChainError::Funds { account: *account, message: shown(&answer.message) }
        }
        _ => failed("the transaction", error),
    }
}

fn failed(action: &'static str, error: TransportError) -> ChainError {
    match error {
        // Nodes under load answer like this; a retry may succeed.
        RpcError::ErrorResp(answer) if is_transient(&answer) => {
            ChainError::Unavailable(format!("{action}: {}", shown(&answer.message)))
        }
        RpcError::ErrorResp(answer) => ChainError::Refused { action, message: shown(&answer.message) },
        RpcError::Transport(error) => {
            ChainError::Unavailable(format!("{action}: {}", shown(&error.to_string())))
        }
        // The text of other errors may contain the node's answer.
        _ => ChainError::Unavailable(format!("{action}: unreadable answer")),
    }
}

fn is_transient(answer: &ErrorPayload) -> bool {
    // -32005: limit exceeded (EIP-1474).
    matches!(answer.code, 429 | -32005)
}

/// Untrusted text, cut to [`LONGEST_MESSAGE`], with spaces for control characters.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect()
}
