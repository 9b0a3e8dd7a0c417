//! [`LocalChain`]: a local EVM chain for deployments, run by anvil.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zkflow_core::compile::tools::ToolFolders;

use super::ClientError;

/// The npm package of anvil. The binary is in a platform-specific package beside it.
const PACKAGE: &str = "@foundry-rs/anvil";

/// A chain on a free port that mines each transaction immediately; killed on drop.
#[derive(Debug)]
pub struct LocalChain {
    process: Child,
    url: String,
    keys: Vec<String>,
    http: reqwest::Client,
}

impl LocalChain {
    /// Path of anvil's binary in the npm packages; `None` if it is not installed.
    pub fn find() -> Option<PathBuf> {
        let scope = ToolFolders::new().find(PACKAGE).ok()??.modules.join("@foundry-rs");
        let platforms = std::fs::read_dir(scope).ok()?;
        platforms.filter_map(|entry| Some(entry.ok()?.path().join("bin/anvil"))).find(|path| path.is_file())
    }

    /// Starts anvil with `args` and waits until it listens.
    ///
    /// # Errors
    /// anvil is not installed, or does not start.
    pub fn start(args: &[&str]) -> Result<Self, ClientError> {
        let failed = |error: std::io::Error| ClientError::Start(format!("anvil: {error}"));
        let binary = Self::find().ok_or_else(|| {
            ClientError::Start(format!(
                "the npm package {PACKAGE} is not installed for this platform: run `make setup`"
            ))
        })?;
        let mut process = Command::new(binary)
            .env_clear()
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
                // "(0) 0x..": private keys have 64 digits; addresses have 40 and are followed by a balance.
                (None, Some((_, digits))) if digits.len() == 64 => keys.push(format!("0x{digits}")),
                _ => {}
            }
        }
        // The pipe is read to its end, so that anvil never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let Some(address) = address else {
            let _ = process.kill();
            let status = process.wait().map_err(failed)?;
            return Err(ClientError::Start(format!("anvil ended with {status}")));
        };
        Ok(Self { process, url: format!("http://{address}"), keys, http: reqwest::Client::new() })
    }

    /// URL of the JSON-RPC endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Private keys of the funded accounts. They are published and must not be used elsewhere.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Calls a JSON-RPC method and returns its result.
    ///
    /// # Errors
    /// There is no answer, or the method returns an error.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, ClientError> {
        let request = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params});
        let answer: Value = self.post(&request).await?;
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(ClientError::Unexpected(format!("{method}: {error}"))),
        }
    }

    /// Posts a JSON-RPC request or batch unchanged.
    ///
    /// # Errors
    /// There is no answer, or it does not have type `T`.
    pub async fn post<T: DeserializeOwned>(&self, request: &Value) -> Result<T, ClientError> {
        let failed = |source| ClientError::Transport { method: "POST", path: "/".to_owned(), source };
        let request = self.http.post(&self.url).json(request);
        request.send().await.map_err(failed)?.json().await.map_err(failed)
    }
}

impl Drop for LocalChain {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
