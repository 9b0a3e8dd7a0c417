//! [`LocalChain`]: an EVM chain of one's own, to deploy to: anvil.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zkflow_core::compile::tools::modules_with;

use super::ClientError;

/// The package of anvil; the binary lies in one for each platform beside it.
const PACKAGE: &str = "@foundry-rs/anvil";

/// A chain on a port of its own that mines each transaction at once; killed when dropped.
#[derive(Debug)]
pub struct LocalChain {
    process: Child,
    url: String,
    keys: Vec<String>,
    http: reqwest::Client,
}

impl LocalChain {
    /// anvil's binary among the npm packages, if it is there.
    pub fn find() -> Option<PathBuf> {
        let scope = modules_with(PACKAGE)?.join("@foundry-rs");
        let platforms = std::fs::read_dir(scope).ok()?;
        platforms.filter_map(|entry| Some(entry.ok()?.path().join("bin/anvil"))).find(|path| path.is_file())
    }

    /// Starts anvil with `args` besides, and waits until it listens.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn start(args: &[&str]) -> Result<Self, ClientError> {
        let failed = |error: std::io::Error| ClientError::Start(format!("anvil: {error}"));
        let binary = Self::find().ok_or_else(|| {
            ClientError::Start(format!(
                "there is no npm package {PACKAGE} for this platform: run `make setup`"
            ))
        })?;
        let mut process = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdout =
            process.stdout.take().ok_or_else(|| ClientError::Start("no standard output".to_owned()))?;
        let mut lines = BufReader::new(stdout).lines();
        let mut keys = Vec::new();
        let mut address = None;
        for line in &mut lines {
            let line = line.map_err(failed)?;
            match (line.strip_prefix("Listening on "), line.split_once(") 0x")) {
                (Some(found), _) => {
                    address = Some(found.to_owned());
                    break;
                }
                // "(0) 0x.." with 64 digits: private keys; the addresses above them have 40 and their balance.
                (None, Some((_, digits))) if digits.len() == 64 => keys.push(format!("0x{digits}")),
                _ => {}
            }
        }
        // Its pipe stays open and is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        let Some(address) = address else {
            let _ = process.kill();
            let status = process.wait().map_err(failed)?;
            return Err(ClientError::Start(format!("anvil ended with {status}")));
        };
        Ok(Self { process, url: format!("http://{address}"), keys, http: reqwest::Client::new() })
    }

    /// Where it answers JSON-RPC.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The private keys of its accounts, which own plenty. Everybody knows them.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Calls a method; returns its result.
    ///
    /// # Errors
    /// No answer, or an error of the method.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, ClientError> {
        let request = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params});
        let answer: Value = self.post(&request).await?;
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(ClientError::Unexpected(format!("{method}: {error}"))),
        }
    }

    /// Posts a request or a batch of them, as it is.
    ///
    /// # Errors
    /// No answer, or one of another kind.
    pub async fn post<T: DeserializeOwned>(&self, request: &Value) -> Result<T, ClientError> {
        let failed = |source| ClientError::Transport { method: "POST", path: "/".to_owned(), source };
        let request = self.http.post(&self.url).json(request);
        request.send().await.map_err(failed)?.json().await.map_err(failed)
    }
}

impl Drop for LocalChain {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
