//! A client of the HTTP API, and a server and a chain of one's own to talk to: what `zkflow demo`, the tests and the
//! benches use.

mod chain;

pub use chain::LocalChain;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A call of the API did not go as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No answer.
    #[error("{method} {path}: no answer")]
    Transport {
        /// The method.
        method: &'static str,
        /// The path.
        path: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer is a problem.
    #[error("{method} {path}: {status} {}", problem(body))]
    Refused {
        /// The method.
        method: &'static str,
        /// The path.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The problem document.
        body: Value,
    },
    /// The answer came too late or is not what the API promises.
    #[error("{0}")]
    Unexpected(String),
    /// The server did not start.
    #[error("the server did not start: {0}")]
    Start(String),
}

fn problem(body: &Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    format!("{} ({})", text("detail"), text("code"))
}

/// An answer with its status.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` where it is not JSON.
    pub body: Value,
}

/// Talks to one server.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    /// For the server at `base`, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), http: reqwest::Client::new() }
    }

    /// GET, whatever the status.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.send("GET", path, self.http.get(self.url(path))).await
    }

    /// POST of a JSON body, whatever the status.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, ClientError> {
        let request =
            self.http.post(self.url(path)).header("content-type", "application/json").body(body.to_string());
        self.send("POST", path, request).await
    }

    /// Asks for a circuit and waits until it is ready; returns its document.
    ///
    /// # Errors
    /// The request is refused, the circuit fails, or `patience` runs out.
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

    /// Asks for a proof; returns the id of the request.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn request_proof(&self, circuit: &str, private_inputs: Value) -> Result<String, ClientError> {
        let body = json!({"circuitId": circuit, "privateInputs": private_inputs});
        let reply = accepted("POST", "/v1/proofs", self.post("/v1/proofs", &body).await?)?;
        text(&reply, "proofRequestId").map(str::to_owned)
    }

    /// Waits until a proof request is final; returns its document, failed ones too.
    ///
    /// # Errors
    /// It is not found, or `patience` runs out.
    pub async fn proof(&self, id: &str, patience: Duration) -> Result<Value, ClientError> {
        let path = format!("/v1/proofs/{id}");
        self.settled(&path, &["completed", "failed", "cancelled"], patience).await
    }

    /// Asks for a deployment and waits until it is final; returns its document, failed ones too.
    ///
    /// # Errors
    /// The request is refused, or `patience` runs out.
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
    body[name].as_str().ok_or_else(|| ClientError::Unexpected(format!("the answer has no {name}")))
}

/// A server process on a port of its own; killed when dropped.
#[derive(Debug)]
pub struct LocalServer {
    child: Child,
    base: String,
}

impl LocalServer {
    /// Starts `executable serve` over `data_dir`, with `args` besides, and waits until it listens. Its
    /// log goes to `log`.
    ///
    /// # Errors
    /// It does not start; the log says why.
    pub fn start(executable: &Path, data_dir: &Path, args: &[&str], log: Stdio) -> Result<Self, ClientError> {
        Self::start_with(executable, data_dir, args, &[], log)
    }

    /// As [`start`](Self::start), with variables in its environment besides.
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

    /// Starts a server or worker by a command of its own, and waits until it listens.
    ///
    /// # Errors
    /// It does not start; the log says why.
    pub fn spawn(mut command: Command) -> Result<Self, ClientError> {
        let failed = |error: std::io::Error| ClientError::Start(error.to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout =
            child.stdout.take().ok_or_else(|| ClientError::Start("no standard output".to_owned()))?;
        // The first line says where it listens; it ends early only when the process does.
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
        match line.trim().strip_prefix("listening on ") {
            Some(base) => Ok(Self { child, base: base.to_owned() }),
            None => {
                let _ = child.kill();
                let status = child.wait().map_err(failed)?;
                Err(ClientError::Start(format!("it ended with {status}")))
            }
        }
    }

    /// Where it listens, such as `http://127.0.0.1:43210`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// Kills it at once, as `kill -9` does.
    pub fn kill(mut self) {
        self.end();
    }

    /// The number of the process.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Asks it to end (SIGTERM) and waits; returns its exit code.
    ///
    /// # Errors
    /// It cannot be asked or waited for.
    pub fn terminate(mut self) -> std::io::Result<Option<i32>> {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM)?;
        Ok(self.child.wait()?.code())
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.end();
    }
}
