//! Transactions in the JSON form of nodes and wallets.

use alloy::primitives;
use bytes::Bytes;
use serde_json::{Map, Value};
use zkflow_core::service::chain::{Address, Fees, UnsignedTransaction};

/// The fields of a transaction that creates a contract, numbers in hexadecimal. Without a `sender`, only the
/// fields that do not depend on it.
pub fn wallet_fields(
    chain_id: u64,
    code: &Bytes,
    sender: Option<(&Address, &UnsignedTransaction)>,
) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: String| drop(fields.insert(name.to_owned(), Value::String(value)));
    set("chainId", format!("{chain_id:#x}"));
    set("value", "0x0".to_owned());
    set("data", format!("0x{}", hex::encode(code)));
    if let Some((from, transaction)) = sender {
        set("from", checksummed(from));
        set("nonce", format!("{:#x}", transaction.nonce));
        set("gas", format!("{:#x}", transaction.gas));
        match transaction.fees {
            Fees::Market { max, priority } => {
                set("maxFeePerGas", format!("{max:#x}"));
                set("maxPriorityFeePerGas", format!("{priority:#x}"));
            }
            Fees::Legacy { price } => set("gasPrice", format!("{price:#x}")),
        }
    }
    fields
}

/// Formats an address with the EIP-55 checksum.
///
/// ```
/// use zkflow_evm::deploy::checksummed;
///
/// let address = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed".parse()?;
/// assert_eq!(checksummed(&address), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn checksummed(address: &Address) -> String {
    primitives::Address::from(address.0).to_checksum(None)
}
