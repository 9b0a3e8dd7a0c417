use std::sync::atomic::Ordering;

use alloy::consensus::{TxEip1559, TxLegacy, TypedTransaction};
use alloy::eips::Encodable2718 as _;
use alloy::network::TxSignerSync as _;
use alloy::primitives::{Signature, TxKind, U256};
use alloy::signers::local::PrivateKeySigner;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zkflow_core::service::chain::Fees;

use super::*;
use crate::standin::{ADDRESS, Answer, KEY, OTHER, address, asked, key, market, service};
use crate::{CappedSigner, KeySource, SpendingLimits};

/// The answer of JSON-RPC to a call, made from its parameters.
fn answered(call: &Value, make: fn(&Value) -> Value) -> Option<(u16, Value)> {
    assert_eq!(call["method"], "eth_signTransaction");
    let mut reply = make(&call["params"][0]);
    reply["jsonrpc"] = json!("2.0");
    reply["id"] = call["id"].clone();
    Some((200, reply))
}

/// The transaction that the parameters ask for.
fn requested(fields: &Value) -> TypedTransaction {
    let number = |name: &str| u128::from_str_radix(&fields[name].as_str().unwrap()[2..], 16).unwrap();
    let small = |name: &str| u64::try_from(number(name)).unwrap();
    assert!(fields.get("to").is_none() && fields["value"] == "0x0", "{fields}");
    assert_eq!(fields["from"].as_str().unwrap().to_lowercase(), ADDRESS);
    let input = hex::decode(&fields["data"].as_str().unwrap()[2..]).unwrap().into();
    let (to, value) = (TxKind::Create, U256::ZERO);
    let (chain_id, nonce, gas_limit) = (small("chainId"), small("nonce"), small("gas"));
    match fields.get("gasPrice") {
        Some(_) => TypedTransaction::Legacy(TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price: number("gasPrice"),
            gas_limit,
            to,
            value,
            input,
        }),
        None => TypedTransaction::Eip1559(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: number("maxFeePerGas"),
            max_priority_fee_per_gas: number("maxPriorityFeePerGas"),
            to,
            value,
            access_list: Default::default(),
            input,
        }),
    }
}

fn sign_with(key: &PrivateKeySigner, mut transaction: TypedTransaction) -> TxEnvelope {
    let signature = key.sign_transaction_sync(&mut transaction).unwrap();
    transaction.into_signed(signature).into()
}

fn result(envelope: &TxEnvelope) -> Value {
    json!({"result": format!("0x{}", hex::encode(envelope.encoded_2718()))})
}

fn honest(fields: &Value) -> Value {
    result(&sign_with(&key(KEY), requested(fields)))
}

#[tokio::test]
async fn a_remote_signature_gives_the_transaction_of_a_local_one() {
    let (url, calls) = service(|_, call| answered(call, honest)).await;
    let source: KeySource = format!("web3signer:{ADDRESS}:{url}/signer").parse().unwrap();
    let remote = source.open().unwrap();
    let local = crate::LocalSigner::from_hex(KEY).unwrap();
    assert_eq!(remote.address(), local.address());
    for transaction in [market(), asked(Fees::Legacy { price: 9 })] {
        let (there, here) =
            (remote.sign(&transaction).await.unwrap(), local.sign(&transaction).await.unwrap());
        assert_eq!(there, here);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_service_that_signs_something_else_is_refused() {
    fn changed(change: fn(&mut TxEip1559)) -> impl Fn(&Value) -> Value {
        move |fields| {
            let TypedTransaction::Eip1559(mut transaction) = requested(fields) else { unreachable!() };
            change(&mut transaction);
            result(&sign_with(&key(KEY), TypedTransaction::Eip1559(transaction)))
        }
    }
    let cases: [(&str, Answer); 13] = [
        ("another transaction", |_, call| answered(call, |fields| changed(|t| t.nonce += 1)(fields))),
        ("another transaction", |_, call| answered(call, |fields| changed(|t| t.chain_id = 1)(fields))),
        ("another transaction", |_, call| answered(call, |fields| changed(|t| t.gas_limit += 1)(fields))),
        ("another transaction", |_, call| {
            answered(call, |fields| changed(|t| t.max_fee_per_gas *= 1000)(fields))
        }),
        ("another transaction", |_, call| {
            answered(call, |fields| changed(|t| t.input = vec![0xfe].into())(fields))
        }),
        ("another transaction", |_, call| {
            answered(call, |fields| changed(|t| t.value = U256::from(1))(fields))
        }),
        ("another transaction", |_, call| {
            answered(call, |fields| changed(|t| t.to = TxKind::Call([9; 20].into()))(fields))
        }),
        ("another account", |_, call| {
            answered(call, |fields| result(&sign_with(&key(OTHER), requested(fields))))
        }),
        ("its s is high", |_, call| {
            answered(call, |fields| {
                let envelope = sign_with(&key(KEY), requested(fields));
                let signature = envelope.signature();
                // The order of secp256k1.
                let order: U256 =
                    "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
                let high = Signature::new(signature.r(), order - signature.s(), !signature.v());
                result(&requested(fields).into_signed(high).into())
            })
        }),
        ("no signed transaction", |_, call| answered(call, |_| json!({"result": "0x02c0"}))),
        ("no hexadecimal text", |_, call| answered(call, |_| json!({"result": "ok"}))),
        ("more than a transaction", |_, call| {
            answered(call, |fields| {
                let text = honest(fields)["result"].as_str().unwrap().to_owned();
                json!({"result": text + "00"})
            })
        }),
        ("refused: no key", |_, call| {
            answered(call, |_| json!({"error": {"code": -32000, "message": "no \u{1b}[1mkey"}}))
        }),
    ];
    for (part, answer) in cases {
        let (url, _) = service(answer).await;
        let signer = RemoteSigner::new(address(), &url).unwrap();
        let error = signer.sign(&market()).await.unwrap_err();
        assert!(matches!(error, ChainError::Signer(_)), "{error}");
        let text = error.to_string().replace("[1m", "");
        assert!(text.contains(part) && !text.contains('\u{1b}'), "{part}: {text}");
    }
}

#[tokio::test]
async fn the_limits_hold_before_the_service_is_asked() {
    let (url, calls) = service(|_, call| answered(call, honest)).await;
    let limits = SpendingLimits { fee_gwei: 8, ..SpendingLimits::default() };
    let signer = CappedSigner::new(RemoteSigner::new(address(), &url).unwrap(), limits);
    assert!(matches!(signer.sign(&market()).await, Err(ChainError::Limit(_))));
    let signer = CappedSigner::new(RemoteSigner::new(address(), &url).unwrap(), SpendingLimits::default());
    let signer = signer.only_on(vec![1]);
    assert!(matches!(signer.sign(&market()).await, Err(ChainError::Limit(_))));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_service_that_is_away_is_unavailable_and_its_address_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:secret-31415@{}/", listener.local_addr().unwrap());
    drop(listener);
    let signer = RemoteSigner::new(address(), &url).unwrap();
    let error = signer.sign(&market()).await.unwrap_err();
    assert!(matches!(error, ChainError::Unavailable(_)), "{error}");
    assert!(!format!("{error} {signer:?}").contains("31415"), "{error} {signer:?}");
}
