//! A signing service on the loopback address, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::signers::local::PrivateKeySigner;
use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use zkflow_core::service::chain::{Address, Fees, UnsignedTransaction};

/// The first and second account of test nodes, published keys.
pub(crate) const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub(crate) const OTHER: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// The address of [`KEY`].
pub(crate) const ADDRESS: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

pub(crate) const GWEI: u128 = 1_000_000_000;

/// Makes the status and body of an answer from the head and body of a call; `None`: it never answers.
pub(crate) type Answer = fn(&str, &Value) -> Option<(u16, Value)>;

pub(crate) fn key(text: &str) -> PrivateKeySigner {
    text.parse().unwrap()
}

pub(crate) fn address() -> Address {
    ADDRESS.parse().unwrap()
}

pub(crate) fn asked(fees: Fees) -> UnsignedTransaction {
    UnsignedTransaction { chain_id: 5, nonce: 3, gas: 70_000, fees, code: Bytes::from_static(&[0x60, 0x00]) }
}

pub(crate) fn market() -> UnsignedTransaction {
    asked(Fees::Market { max: 9 * GWEI, priority: 2 })
}

/// Starts the service; counts its calls.
pub(crate) async fn service(answer: Answer) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            tokio::spawn(async move {
                let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
                let (head, call): (String, Value) = loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    bytes.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let parts = text.split_once("\r\n\r\n");
                    if let Some((head, Ok(call))) =
                        parts.map(|(head, body)| (head, serde_json::from_str(body)))
                    {
                        break (format!("{head}\r\n"), call);
                    }
                };
                counted.fetch_add(1, Ordering::Relaxed);
                let Some((status, body)) = answer(&head, &call) else {
                    return std::future::pending().await;
                };
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            });
        }
    });
    (url, calls)
}
