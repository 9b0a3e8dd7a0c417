//! A client of the HTTP API, a local server and a local chain, for `zkflow demo`, tests and benchmarks.

mod chain;

pub use chain::LocalChain;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};

/// A failed call of the API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server sent no complete answer.
    #[error("{method} {path}: no answer")]
    Transport {
        /// HTTP method.
        method: &'static str,
        /// Path of the request.
        path: String,
        /// Error of the HTTP client.
        source: reqwest::Error,
    },
    /// The status is not a success.
    #[error("{method} {path}: {status} {}", problem(body))]
    Refused {
        /// HTTP method.
        method: &'static str,
        /// Path of the request.
        path: String,
        /// HTTP status code.
        status: u16,
        /// Problem document (RFC 9457).
        body: Value,
    },
    /// The document is not final in time, has an unexpected status, or breaks the API's format.
    #[error("{0}")]
    Unexpected(String),
    /// The local server or chain did not start.
    #[error("the server did not start: {0}")]
    Start(String),
}

fn problem(body: &Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    format!("{} ({})", text("detail"), text("code"))
}

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
}

impl Client {
    /// Creates a client of the server at `base`, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), http: reqwest::Client::new() }
    }

    /// Sends `key` with each request.
    ///
    /// # Errors
    /// The key is not visible ASCII text.
    pub fn with_key(self, key: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Unexpected("the key is not visible ASCII text".to_owned());
        let mut value: HeaderValue = format!("Bearer {key}").parse().map_err(|_| wrong())?;
        value.set_sensitive(true);
        let headers = [(AUTHORIZATION, value)].into_iter().collect();
        let http = reqwest::Client::builder().default_headers(headers).build().map_err(|_| wrong())?;
        Ok(Self { http, ..self })
    }

    /// Sends a GET request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.send("GET", path, self.http.get(self.url(path))).await
    }

    /// Sends a POST request with a JSON body and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, ClientError> {
        let request =
            self.http.post(self.url(path)).header("content-type", "application/json").body(body.to_string());
        self.send("POST", path, request).await
    }

    /// Requests a circuit, waits until it is ready and returns its document.
    ///
    /// # Errors
    /// The request is refused, the circuit fails, or `patience` is exceeded.
    pub async fn circuit(
        &self,
        template: &str,
        params: Value,
        patience: Duration,
    ) -> Result<Value, ClientError> {
        let body = json!({"templateName": template, "params": params});
        let reply = accepted("POST", "/v1/circuits", self.post("/v1/circuits", &body).await?)?;
        let path = format!("/v1/circuits/{}", text(&reply, "circuitId")?);
        self.settled(&path, &["ready"], patience).await
    }

    /// Requests a proof and returns the id of the request. Inputs are objects from names to values.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn request_proof(
        &self,
        circuit: &str,
        private_inputs: Value,
        public_inputs: Value,
    ) -> Result<String, ClientError> {
        let body =
            json!({"circuitId": circuit, "privateInputs": private_inputs, "publicInputs": public_inputs});
        let reply = accepted("POST", "/v1/proofs", self.post("/v1/proofs", &body).await?)?;
        text(&reply, "proofRequestId").map(str::to_owned)
    }

    /// Waits until a proof request is final and returns its document, even if it has failed.
    ///
    /// # Errors
    /// The request is unknown, or `patience` is exceeded.
    pub async fn proof(&self, id: &str, patience: Duration) -> Result<Value, ClientError> {
        let path = format!("/v1/proofs/{id}");
        self.settled(&path, &["completed", "failed", "cancelled"], patience).await
    }

    /// Requests a deployment, waits until it is final and returns its document, even if it has failed.
    ///
    /// # Errors
    /// The request is refused, or `patience` is exceeded.
    pub async fn deploy(
        &self,
        circuit: &str,
        request: &Value,
        patience: Duration,
    ) -> Result<Value, ClientError> {
        let path = format!("/v1/circuits/{circuit}/deploy");
        let reply = accepted("POST", &path, self.post(&path, request).await?)?;
        let path = format!("/v1/circuits/{circuit}/deployments/{}", text(&reply, "deploymentId")?);
        self.settled(&path, &["confirmed", "failed"], patience).await
    }

    /// Polls a document until its status is one of `wanted`.
    async fn settled(&self, path: &str, wanted: &[&str], patience: Duration) -> Result<Value, ClientError> {
        let deadline = Instant::now() + patience;
        let waiting = format!("{path}?wait=10");
        loop {
            let body = accepted("GET", path, self.get(&waiting).await?)?;
            let status = text(&body, "status")?;
            if wanted.contains(&status) {
                return Ok(body);
            }
            if status != "pending" || Instant::now() > deadline {
                let error =
                    problem(&json!({"detail": body["error"]["message"], "code": body["error"]["code"]}));
                return Err(ClientError::Unexpected(format!("{path} is {status}: {error}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Reply, ClientError> {
        let failed = |source| ClientError::Transport { method, path: path.to_owned(), source };
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(failed)?;
        Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }
}

fn accepted(method: &'static str, path: &str, reply: Reply) -> Result<Value, ClientError> {
    match reply.status {
        200..300 => Ok(reply.body),
        status => Err(ClientError::Refused { method, path: path.to_owned(), status, body: reply.body }),
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, ClientError> {
    body[name].as_str().ok_or_else(|| ClientError::Unexpected(format!("the answer contains no text {name}")))
}

/// A server process on a free port; killed on drop.
#[derive(Debug)]
pub struct LocalServer {
    child: Child,
    base: String,
}

impl LocalServer {
    /// Starts `executable serve` with `data_dir` and `args`, and waits until it listens. `log` receives its
    /// standard error.
    ///
    /// # Errors
    /// The server does not start; its log contains the reason.
    pub fn start(executable: &Path, data_dir: &Path, args: &[&str], log: Stdio) -> Result<Self, ClientError> {
        Self::start_with(executable, data_dir, args, &[], log)
    }

    /// As [`start`](Self::start), with additional environment variables.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_with(
        executable: &Path,
        data_dir: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        log: Stdio,
    ) -> Result<Self, ClientError> {
        let mut command = Command::new(executable);
        command.args(["serve", "--port", "0", "--data-dir"]).arg(data_dir).args(args);
        command.envs(variables.iter().copied()).stderr(log);
        Self::spawn(command)
    }

    /// Starts a server or worker with the given command and waits until it listens.
    ///
    /// # Errors
    /// The process does not start; its log contains the reason.
    pub fn spawn(mut command: Command) -> Result<Self, ClientError> {
        let failed = |error: std::io::Error| ClientError::Start(error.to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout =
            child.stdout.take().ok_or_else(|| ClientError::Start("no standard output".to_owned()))?;
        // The first line contains the address. It is incomplete only if the process ends.
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
        match line.trim().strip_prefix("listening on ") {
            Some(base) => Ok(Self { child, base: base.to_owned() }),
            None => {
                let _ = child.kill();
                let status = child.wait().map_err(failed)?;
                Err(ClientError::Start(format!("the process ended with {status}")))
            }
        }
    }

    /// URL of the server, such as `http://127.0.0.1:43210`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Creates a client of this server.
    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) {
        self.end();
    }

    /// Process id of the server.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Sends SIGTERM, waits for the end and returns the exit code; `None` after death by a signal.
    ///
    /// # Errors
    /// The process cannot be signalled or waited for.
    pub fn terminate(mut self) -> std::io::Result<Option<i32>> {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM)?;
        Ok(self.child.wait()?.code())
    }

    fn end(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.end();
    }
}
