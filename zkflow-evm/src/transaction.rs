//! The one way from an [`UnsignedTransaction`] and a signature to the bytes that are sent, and back.

use alloy::consensus::{
    SignableTransaction as _, Transaction as _, TxEip1559, TxEnvelope, TxLegacy, TypedTransaction,
};
use alloy::eips::{Decodable2718 as _, Encodable2718 as _};
use alloy::primitives::{Signature, TxKind, U256};
use zkflow_core::service::chain::{
    Address, ChainError, Fees, SignedTransaction, TransactionHash, UnsignedTransaction,
};

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

/// The transaction without its signature.
///
/// # Errors
/// [`ChainError::Signer`]: the bytes are not those of [`assemble`].
pub(crate) fn unsigned(transaction: &SignedTransaction) -> Result<UnsignedTransaction, ChainError> {
    let wrong = || ChainError::Signer(format!("the stored transaction {} is damaged", transaction.hash));
    let raw = transaction.raw.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    let raw = raw.ok_or_else(wrong)?;
    let envelope = TxEnvelope::decode_2718(&mut raw.as_slice()).map_err(|_| wrong())?;
    let fees = match &envelope {
        TxEnvelope::Eip1559(signed) => {
            Fees::Market { max: signed.tx().max_fee_per_gas, priority: signed.tx().max_priority_fee_per_gas }
        }
        TxEnvelope::Legacy(signed) => Fees::Legacy { price: signed.tx().gas_price },
        _ => return Err(wrong()),
    };
    let read = UnsignedTransaction {
        chain_id: envelope.chain_id().ok_or_else(wrong)?,
        nonce: envelope.nonce(),
        gas: envelope.gas_limit(),
        fees,
        code: envelope.input().0.clone(),
    };
    // The same bytes follow from what was read: nothing else is in them.
    let again = assemble(&read, transaction.sender, *envelope.signature());
    if again == *transaction { Ok(read) } else { Err(wrong()) }
}
