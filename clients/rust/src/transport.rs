//! [`Client`]: requests, and repetitions of those that are safe to repeat.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use crate::ClientError;

/// Repetitions of a failed request, if the caller sets none.
const RETRIES: u32 = 4;
/// Time until the server answers or sends its next bytes, if the caller sets none.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Bytes of a request that add a second to its time limit.
const SLOWEST_UPLOAD: usize = 16 << 10;
/// Pause before the first repetition; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Bytes of an answer that is not a file.
const LARGEST_ANSWER: u64 = 64 << 20;

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
    retries: u32,
    timeout: Duration,
}

impl Client {
    /// Creates a client of the server at `base`, such as `http://127.0.0.1:3000`. The address can have a path.
    pub fn new(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let (http, headers) = (reqwest::Client::new(), HeaderMap::new());
        Self { base, http, headers, retries: RETRIES, timeout: TIMEOUT }
    }

    /// Repeats a failed request so many times, if a repetition is safe. The default is 4.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zkflow_client::Client;
    ///
    /// let client = Client::new("http://127.0.0.1:3000").with_retries(1).with_timeout(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Ends an attempt if the server sends nothing for so long. The default is 90 seconds; at least 20 suit calls that wait.
    /// Each 16 KiB of a request add a second.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
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

    /// Sends a GET request once and returns the answer, whatever its status. `path` begins with `/`; ids and values in it must be
    /// percent-encoded.
    ///
    /// ```no_run
    /// # async fn show() -> Result<(), zkflow_client::ClientError> {
    /// let client = zkflow_client::Client::new("http://127.0.0.1:3000");
    /// let reply = client.get("/v1/keys?tenant=acme").await?;
    /// println!("{} {}", reply.status, reply.body["keys"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no answer, or the path does not begin with `/`.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        Call::to(Method::GET, path)?.send(self).await
    }

    /// Sends a POST request with a JSON body once and returns the answer, whatever its status. `null` is no body.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, ClientError> {
        Call::to(Method::POST, path)?.body_unless_null(body).send(self).await
    }

    /// Sends a PUT request with a JSON body once and returns the answer, whatever its status.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn put(&self, path: &str, body: &Value) -> Result<Reply, ClientError> {
        Call::to(Method::PUT, path)?.body(body).send(self).await
    }

    /// Sends a DELETE request once and returns the answer, whatever its status.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn delete(&self, path: &str) -> Result<Reply, ClientError> {
        Call::to(Method::DELETE, path)?.send(self).await
    }

    /// The bytes at a path, also in other formats than JSON, such as `/v1/usage?format=csv` and `/metrics`.
    ///
    /// # Errors
    /// The request is refused, or those of [`get`](Self::get).
    pub async fn read(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        Call::to(Method::GET, path)?.succeed_with_bytes(self).await
    }
}

impl Client {
    /// A deletion whose answer is lost could have happened: it is not repeated.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), ClientError> {
        Call::new(Method::DELETE, path).once(self).await.map(drop)
    }

    /// Time for a request with a body of this length.
    fn limit(&self, body: usize) -> Duration {
        let seconds = u64::try_from(body / SLOWEST_UPLOAD).unwrap_or(u64::MAX);
        self.timeout.saturating_add(Duration::from_secs(seconds))
    }

    /// Sends bytes to another server, without the headers of this client.
    pub(crate) async fn put_elsewhere(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        // The URL is a secret: errors name its path only.
        let path = url.split('?').next().unwrap_or_default().to_owned();
        let limit = self.limit(body.len());
        let sent = self.http.put(url).headers(headers).body(body).send();
        let Ok(sent) = tokio::time::timeout(limit, sent).await else {
            return Err(ClientError::Timeout { method: "PUT", path, after: limit });
        };
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
    /// Largest body of an answer in bytes.
    most: u64,
}

impl Call {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), body: None, headers: HeaderMap::new(), most: LARGEST_ANSWER }
    }

    /// A request to a path of the caller. Another text after the address could name another host, which would get the token.
    fn to(method: Method, path: &str) -> Result<Self, ClientError> {
        match path.starts_with('/') {
            true => Ok(Self::new(method, path)),
            false => Err(ClientError::Unexpected(format!("the path {path:?} does not begin with /"))),
        }
    }

    fn body_unless_null(self, body: &Value) -> Self {
        if body.is_null() { self } else { self.body(body) }
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

    /// Refuses a longer answer than this many bytes, in place of 64 MiB.
    pub(crate) fn at_most(mut self, bytes: u64) -> Self {
        self.most = bytes;
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

    /// Like [`send`](Self::send); returns the body of a success.
    pub(crate) async fn once(&self, client: &Client) -> Result<Value, ClientError> {
        self.accepted(self.send(client).await?)
    }

    /// Like [`send`](Self::send), and repeats the request after 408, 425, 429, 502, 503, 504 or no answer; returns the
    /// body of a success.
    pub(crate) async fn succeed(&self, client: &Client) -> Result<Value, ClientError> {
        let bytes = self.succeed_with_bytes(client).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| {
            let (method, path) = (self.name(), &self.path);
            ClientError::Unexpected(format!("{method} {path}: not JSON: is the address that of the server?"))
        })
    }

    /// Like [`succeed`](Self::succeed), for any content.
    pub(crate) async fn succeed_with_bytes(&self, client: &Client) -> Result<Vec<u8>, ClientError> {
        let (mut pause, mut left) = (FIRST_PAUSE, client.retries);
        loop {
            let (failure, asked) = match self.bytes(client).await {
                Ok((200..300, _, bytes)) => return Ok(bytes),
                Ok((status @ (408 | 425 | 429 | 502 | 503 | 504), asked, bytes)) => {
                    (self.refused(status, &bytes), asked)
                }
                Ok((status, _, bytes)) => return Err(self.refused(status, &bytes)),
                Err(error) => (error, None),
            };
            if left == 0 {
                return Err(failure);
            }
            left -= 1;
            tokio::time::sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// The body of a success.
    fn accepted(&self, reply: Reply) -> Result<Value, ClientError> {
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
        let mut answer = self.open(client).await?;
        let asked = answer.header(RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
        let (asked, mut bytes) = (asked.map(Duration::from_secs), Vec::new());
        while let Some(next) = answer.next().await? {
            if bytes.len().saturating_add(next.len()) as u64 > self.most {
                let (path, most) = (&self.path, self.most);
                return Err(ClientError::Unexpected(format!(
                    "{path}: the answer is longer than {most} bytes"
                )));
            }
            bytes.extend(next);
        }
        Ok((answer.status(), asked, bytes))
    }

    /// Sends the request once and returns its answer, whatever its status; the body is not read.
    pub(crate) async fn open(&self, client: &Client) -> Result<Answer, ClientError> {
        let url = format!("{}{}", client.base, self.path);
        let request = client.http.request(self.method.clone(), url);
        let mut request = request.headers(client.headers.clone()).headers(self.headers.clone());
        let limit = client.limit(self.body.as_ref().map_or(0, Vec::len));
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let (method, path, timeout) = (self.name(), self.path.clone(), client.timeout);
        match tokio::time::timeout(limit, request.send()).await {
            Ok(Ok(response)) => Ok(Answer { response, method, path, timeout }),
            Ok(Err(source)) => Err(ClientError::Transport { method, path, source }),
            Err(_) => Err(ClientError::Timeout { method, path, after: limit }),
        }
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

/// An answer whose body arrives.
#[derive(Debug)]
pub(crate) struct Answer {
    response: reqwest::Response,
    method: &'static str,
    path: String,
    timeout: Duration,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next bytes of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let (method, path) = (self.method, self.path.clone());
        match tokio::time::timeout(self.timeout, self.response.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes.map(Vec::from)),
            Ok(Err(source)) => Err(ClientError::Transport { method, path, source }),
            Err(_) => Err(ClientError::Timeout { method, path, after: self.timeout }),
        }
    }
}

/// A random key that marks repetitions of one request.
pub(crate) fn random_key() -> Result<HeaderValue, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ClientError::Unexpected(format!("random numbers: {error}")))?;
    key_of(&hex::encode(bytes))
}

/// A key of the caller that marks repetitions of one request.
pub(crate) fn key_of(key: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::try_from(key)
        .map_err(|_| ClientError::Unexpected("the idempotency key is not visible ASCII text".to_owned()))
}

/// A field of an answer that must be a text.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, ClientError> {
    body[name].as_str().ok_or_else(|| ClientError::Unexpected(format!("the answer contains no text {name}")))
}
