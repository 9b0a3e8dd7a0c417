//! [`Client`]: requests, and repetitions of those that are safe to repeat.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use crate::ClientError;

/// Repetitions of a failed request.
const RETRIES: u32 = 4;
/// Pause before the first repetition; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// An answer of any status.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// Body; `null` if it is not JSON.
    pub body: Value,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    /// Headers of every request; the token is marked as sensitive, and not shown.
    headers: HeaderMap,
}

impl Client {
    /// Creates a client of the server at `base`, such as `http://127.0.0.1:3000`. The address can have a path.
    pub fn new(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base, http: reqwest::Client::new(), headers: HeaderMap::new() }
    }

    /// Sends `key` as a bearer token with every request.
    ///
    /// # Errors
    /// The key contains characters that a header cannot have.
    pub fn with_api_key(mut self, key: &str) -> Result<Self, ClientError> {
        let mut value = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| ClientError::Unexpected("the token is not visible ASCII text".to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// Sends a GET request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        Call::new(Method::GET, path).send(self).await
    }

    /// Sends a POST request with a JSON body and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, ClientError> {
        Call::new(Method::POST, path).body(body).send(self).await
    }
}

impl Client {
    /// Sends bytes to another server, without the headers of this client.
    pub(crate) async fn put_elsewhere(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        // The URL is a secret: errors name its path only.
        let path = url.split('?').next().unwrap_or_default().to_owned();
        let sent = self.http.put(url).headers(headers).body(body).send().await;
        let failed = |source: reqwest::Error| ClientError::Transport {
            method: "PUT",
            path: path.clone(),
            source: source.without_url(),
        };
        let status = sent.map_err(failed)?.status().as_u16();
        match status {
            200..300 => Ok(()),
            _ => Err(ClientError::Refused { method: "PUT", path, status, body: Value::Null }),
        }
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    headers: HeaderMap,
}

impl Call {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), body: None, headers: HeaderMap::new() }
    }

    pub(crate) fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// A body of bytes.
    pub(crate) fn bytes_of(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        self
    }

    /// Marks repetitions of this request, so that the server acts once.
    pub(crate) fn keyed(mut self, key: HeaderValue) -> Self {
        self.headers.insert("idempotency-key", key);
        self
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends the request once and reads its answer, whatever its status.
    pub(crate) async fn send(&self, client: &Client) -> Result<Reply, ClientError> {
        let (status, _, bytes) = self.bytes(client).await?;
        Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    /// Like [`send`](Self::send), and repeats the request after 429, 503 or no answer; returns the body of a success.
    pub(crate) async fn succeed(&self, client: &Client) -> Result<Value, ClientError> {
        let bytes = self.succeed_with_bytes(client).await?;
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Like [`succeed`](Self::succeed), for any content.
    pub(crate) async fn succeed_with_bytes(&self, client: &Client) -> Result<Vec<u8>, ClientError> {
        let (mut pause, mut left) = (FIRST_PAUSE, RETRIES);
        loop {
            let (failure, asked) = match self.bytes(client).await {
                Ok((200..300, _, bytes)) => return Ok(bytes),
                Ok((status @ (429 | 503), asked, bytes)) => (self.refused(status, &bytes), asked),
                Ok((status, _, bytes)) => return Err(self.refused(status, &bytes)),
                Err(error) => (error, None),
            };
            if left == 0 {
                return Err(failure);
            }
            left -= 1;
            tokio::time::sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
    }

    /// The body of a success.
    pub(crate) fn accepted(&self, reply: Reply) -> Result<Value, ClientError> {
        match reply.status {
            200..300 => Ok(reply.body),
            status => Err(ClientError::Refused {
                method: self.name(),
                path: self.path.clone(),
                status,
                body: reply.body,
            }),
        }
    }

    fn refused(&self, status: u16, bytes: &[u8]) -> ClientError {
        let body = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        ClientError::Refused { method: self.name(), path: self.path.clone(), status, body }
    }

    /// Status, `Retry-After` and body.
    async fn bytes(&self, client: &Client) -> Result<(u16, Option<Duration>, Vec<u8>), ClientError> {
        let failed = |source| ClientError::Transport { method: self.name(), path: self.path.clone(), source };
        let url = format!("{}{}", client.base, self.path);
        let request = client.http.request(self.method.clone(), url);
        let mut request = request.headers(client.headers.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = response.bytes().await.map_err(failed)?;
        Ok((status, asked.map(Duration::from_secs), bytes.into()))
    }

    fn name(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::DELETE => "DELETE",
            Method::PUT => "PUT",
            _ => "POST",
        }
    }
}
