//! The one way from an [`UnsignedTransaction`] and a signature to the bytes that are sent.

use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope, TxLegacy, TypedTransaction};
use alloy::eips::Encodable2718 as _;
use alloy::primitives::{Signature, TxKind, U256};
use zkflow_core::service::chain::{Address, Fees, SignedTransaction, TransactionHash, UnsignedTransaction};

/// The transaction as alloy signs it.
pub(crate) fn typed(transaction: &UnsignedTransaction) -> TypedTransaction {
    let UnsignedTransaction { chain_id, nonce, gas, fees, ref code } = *transaction;
    let (to, value, input) = (TxKind::Create, U256::ZERO, code.clone().into());
    match fees {
        Fees::Market { max, priority } => TypedTransaction::Eip1559(TxEip1559 {
            chain_id,
            nonce,
            gas_limit: gas,
            max_fee_per_gas: max,
            max_priority_fee_per_gas: priority,
            to,
            value,
            access_list: Default::default(),
            input,
        }),
        Fees::Legacy { price } => TypedTransaction::Legacy(TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price: price,
            gas_limit: gas,
            to,
            value,
            input,
        }),
    }
}

/// The transaction with the signature of `sender`.
pub(crate) fn assemble(
    transaction: &UnsignedTransaction,
    sender: Address,
    signature: Signature,
) -> SignedTransaction {
    let envelope: TxEnvelope = typed(transaction).into_signed(signature).into();
    SignedTransaction {
        sender,
        nonce: transaction.nonce,
        hash: TransactionHash(envelope.tx_hash().0),
        raw: format!("0x{}", hex::encode(envelope.encoded_2718())),
    }
}
