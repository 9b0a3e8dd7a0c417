use std::sync::atomic::Ordering;

use alloy::consensus::TxEnvelope;
use alloy::eips::Decodable2718 as _;
use alloy::primitives::U256;
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use aws_config::Region;
use aws_sdk_kms::config::{Credentials, SharedCredentialsProvider};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::standin::{ADDRESS, Answer, KEY, OTHER, address, key, market, service};
use crate::{CappedSigner, KeySource, SpendingLimits};

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
/// The order of secp256k1.
const ORDER: U256 = U256::from_limbs([
    0xbfd2_5e8c_d036_4141,
    0xbaae_dce6_af48_a03b,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
]);
/// Begin of a public key of secp256k1 in DER, before the coordinates of its point.
const SECP256K1: [u8; 24] = [
    0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04,
];
const SECRET: &str = "secret-access-31415";

fn signer(url: &str) -> KmsSigner {
    let limits = TimeoutConfig::builder().operation_timeout(Duration::from_secs(2)).build();
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .timeout_config(limits)
        .build();
    KmsSigner::with(address(), ID, &config)
}

/// The hash that a call asks to sign.
fn asked(head: &str, call: &Value) -> B256 {
    let head = head.to_lowercase();
    assert!(head.contains("x-amz-target: trentservice.sign\r\n"), "{head}");
    assert!(head.contains("authorization: aws4-hmac-sha256 credential=akidexample/"), "{head}");
    let said = (&call["KeyId"], &call["MessageType"], &call["SigningAlgorithm"]);
    assert_eq!(said, (&json!(ID), &json!("DIGEST"), &json!("ECDSA_SHA_256")));
    B256::from_slice(&STANDARD.decode(call["Message"].as_str().unwrap()).unwrap())
}

/// The answer to the question for the public key of `key`, if it is that question.
fn public(head: &str, key: &PrivateKeySigner) -> Option<(u16, Value)> {
    let point = key.public_key();
    public_der(head, &[SECP256K1.as_slice(), point.as_slice()].concat())
}

fn public_der(head: &str, der: &[u8]) -> Option<(u16, Value)> {
    let is_asked = head.to_lowercase().contains("x-amz-target: trentservice.getpublickey\r\n");
    let answer = json!({"KeyId": ID, "PublicKey": STANDARD.encode(der), "KeyUsage": "SIGN_VERIFY"});
    is_asked.then_some((200, answer))
}

/// A service with the right key: answers the question for it, and other calls with `then`.
fn with_key(head: &str, then: impl FnOnce() -> Option<(u16, Value)>) -> Option<(u16, Value)> {
    public(head, &key(KEY)).or_else(then)
}

/// A signature in DER; with a high `s` in every second call of the real service.
fn signed(key: &PrivateKeySigner, hash: &B256, high: bool) -> Option<(u16, Value)> {
    let signature = key.sign_hash_sync(hash).unwrap();
    let s = if high { ORDER - signature.s() } else { signature.s() };
    reply(&der_of(signature.r(), s))
}

/// A signature in DER.
fn der_of(r: U256, s: U256) -> Vec<u8> {
    let integer = |number: U256| {
        let mut digits = number.to_be_bytes_trimmed_vec();
        if digits.first().is_none_or(|first| first & 0x80 != 0) {
            digits.insert(0, 0);
        }
        [vec![0x02, u8::try_from(digits.len()).unwrap()], digits].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(content.len()).unwrap()], content].concat()
}

fn reply(der: &[u8]) -> Option<(u16, Value)> {
    Some((200, json!({"KeyId": ID, "Signature": STANDARD.encode(der), "SigningAlgorithm": "ECDSA_SHA_256"})))
}

fn refusal(status: u16, code: &str) -> Option<(u16, Value)> {
    Some((status, json!({"__type": code, "message": "not \u{1b}[1mnow"})))
}

#[tokio::test]
async fn a_signature_of_the_service_gives_the_transaction_of_a_local_one() {
    let answers: [Answer; 2] = [
        |head, call| with_key(head, || signed(&key(KEY), &asked(head, call), false)),
        |head, call| with_key(head, || signed(&key(KEY), &asked(head, call), true)),
    ];
    let local = crate::LocalSigner::from_hex(KEY).unwrap();
    for answer in answers {
        let (url, calls) = service(answer).await;
        let remote = signer(&url);
        assert_eq!(remote.address(), local.address());
        // Of several hashes, some have an even and some an odd parity.
        for nonce in 0..6 {
            let transaction = UnsignedTransaction { nonce, ..market() };
            let (there, here) =
                (remote.sign(&transaction).await.unwrap(), local.sign(&transaction).await.unwrap());
            assert_eq!(there, here);
            let raw = hex::decode(&there.raw[2..]).unwrap();
            let envelope = TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap();
            assert!(envelope.signature().normalize_s().is_none(), "s is low");
        }
        // The public key is asked for once.
        assert_eq!(calls.load(Ordering::Relaxed), 7);
    }
}

#[tokio::test]
async fn another_signature_than_the_asked_one_is_refused() {
    let cases: [(&str, Answer); 12] = [
        ("another account", |head, call| with_key(head, || signed(&key(OTHER), &asked(head, call), false))),
        ("of other bytes", |head, _| with_key(head, || signed(&key(KEY), &B256::repeat_byte(7), false))),
        ("another account", |head, _| with_key(head, || reply(&der_of(U256::from(1), U256::from(1))))),
        ("no signature", |head, _| with_key(head, || reply(&der_of(U256::ZERO, U256::from(1))))),
        ("no signature", |head, _| with_key(head, || reply(&der_of(U256::from(1), ORDER)))),
        ("no signature", |head, _| with_key(head, || reply(&[0x30; 70]))),
        ("no signature", |head, _| with_key(head, || Some((200, json!({"KeyId": ID}))))),
        ("refused: AccessDeniedException: not [1mnow", |head, _| {
            with_key(head, || refusal(400, "AccessDeniedException"))
        }),
        ("refused: NotFoundException", |_, _| refusal(400, "NotFoundException")),
        ("the key of the account 0x70997970c51812dc3a010c7d01b50e0d17dc79c8", |head, _| {
            Some(
                public(head, &key(OTHER)).unwrap_or_else(|| panic!("asked to sign with another key: {head}")),
            )
        }),
        // The curve P-256 has points of the same length.
        ("not one of secp256k1", |head, _| {
            let p256 = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
            Some(public_der(head, &[p256.as_slice(), &[7; 64]].concat()).unwrap())
        }),
        ("not one of secp256k1", |_, _| Some((200, json!({"KeyId": ID})))),
    ];
    for (part, answer) in cases {
        let (url, _) = service(answer).await;
        let error = signer(&url).sign(&market()).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ChainError::Signer(_)) && text.contains(part), "{part}: {text}");
        assert!(!text.contains('\u{1b}') && !text.contains("31415"), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_gives_no_answer_is_unavailable() {
    let cases: [Answer; 5] = [
        |_, _| None,
        |_, _| refusal(400, "ThrottlingException"),
        |head, _| with_key(head, || refusal(500, "KMSInternalException")),
        |_, _| Some((200, json!("text"))),
        |head, _| with_key(head, || Some((200, json!({"Signature": 7})))),
    ];
    for answer in cases {
        let (url, _) = service(answer).await;
        let error = signer(&url).sign(&market()).await.unwrap_err();
        assert!(matches!(error, ChainError::Unavailable(_)), "{error}");
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let signer = signer(&url);
    let error = signer.sign(&market()).await.unwrap_err();
    assert!(matches!(error, ChainError::Unavailable(_)), "{error}");
    assert!(!format!("{error} {signer:?}").contains("31415"), "{error} {signer:?}");
}

#[tokio::test]
async fn the_limits_hold_before_the_service_is_asked() {
    let (url, calls) =
        service(|head, call| with_key(head, || signed(&key(KEY), &asked(head, call), false))).await;
    let limits = SpendingLimits { fee_gwei: 8, ..SpendingLimits::default() };
    let capped = CappedSigner::new(signer(&url), limits);
    assert!(matches!(capped.sign(&market()).await, Err(ChainError::Limit(_))));
    let capped = CappedSigner::new(signer(&url), SpendingLimits::default()).only_on(vec![1]);
    assert!(matches!(capped.sign(&market()).await, Err(ChainError::Limit(_))));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[test]
fn damaged_signatures_and_keys_are_refused_without_a_panic() {
    let (signer, hash) = (key(KEY), B256::repeat_byte(3));
    let signature = signer.sign_hash_sync(&hash).unwrap();
    let signature = der_of(signature.r(), signature.s());
    let public = [SECP256K1.as_slice(), signer.public_key().as_slice()].concat();
    let reads: &dyn Fn(&[u8]) -> bool = &|der: &[u8]| read(der, &hash, address()).is_ok();
    let shows: &dyn Fn(&[u8]) -> bool = &|der: &[u8]| account(der) == Some(address());
    for (whole, is_read) in [(&signature, reads), (&public, shows)] {
        assert!(is_read(whole));
        for length in 0..whole.len() {
            assert!(!is_read(&whole[..length]), "{length} of {} bytes", whole.len());
        }
        assert!(!is_read(&[whole.as_slice(), &[0]].concat()));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                assert!(!is_read(&damaged), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_source_names_the_account_and_the_key() {
    let arn = format!("arn:aws:kms:us-west-2:111122223333:key/{ID}");
    assert_eq!(region(&arn), Some("us-west-2"));
    for key in [ID, "alias/deployer", "x:aws:kms:us-west-2:1:key/2", "arn:aws", "arn:aws:kms::1"] {
        assert_eq!(region(key), None, "{key}");
    }
    for key in [ID, &arn, "alias/deployer"] {
        let source: KeySource = format!("kms:{ADDRESS}:{key}").parse().unwrap();
        assert_eq!(source, KeySource::Kms { address: address(), key: key.to_owned() });
        assert_eq!(source.open().unwrap().address(), address());
    }
    for text in ["kms:", "kms:alias/deployer", &format!("kms:{ADDRESS}"), &format!("kms:{ADDRESS}:")] {
        assert!(text.parse::<KeySource>().is_err(), "{text}");
    }
}
