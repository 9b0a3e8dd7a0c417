//! [`Transport`]: JSON-RPC over HTTP for alloy, with limits on time and size, without redirects.

use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use futures::StreamExt;
use reqwest::{Client, Url};
use tower::Service;
use zkflow_core::service::chain::ChainError;

use super::endpoint::Endpoint;

/// Size limit of an answer in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
const CALL: Duration = Duration::from_secs(20);

/// Posts requests to one node.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    endpoint: Endpoint,
}

impl Transport {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, ChainError> {
        Ok(Self { client: endpoint.client(CALL)?, endpoint })
    }

    async fn post(self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let url: Url =
            self.endpoint.url().map_err(|error| TransportErrorKind::custom_str(&error.to_string()))?;
        let lost = |error: reqwest::Error| TransportErrorKind::custom_str(&brief(&error.without_url()));
        let answer = self.client.post(url).json(&request).send().await.map_err(lost)?;
        let status = answer.status();
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(lost)?;
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(TransportErrorKind::custom_str("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        // JSON-RPC errors come with any HTTP status. Of other answers, only the status is shown.
        serde_json::from_slice(&body).map_err(|_| {
            TransportErrorKind::custom_str(&format!(
                "expected a JSON-RPC answer, found HTTP status {}",
                status.as_u16()
            ))
        })
    }
}

/// The innermost cause of an error, which contains no URL.
fn brief(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    if error.is_timeout() { "timed out".to_owned() } else { last.to_string() }
}

impl Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().post(request))
    }
}
