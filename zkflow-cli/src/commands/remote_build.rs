//! `zkflow circuit build --server`: a server builds the circuit, and its files are fetched.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;

use super::Error;
use super::import::show;
use super::output::write;
use super::progress::Progress;
use super::server::ApiKeyArgs;

/// The server that builds the circuit.
#[derive(Debug, Args)]
pub(super) struct BuildServerArgs {
    /// Let this server build the circuit from its own template, or give the one that it has, and fetch its files. The server's
    /// compiler and powers of tau are used
    #[arg(long, value_name = "URL", conflicts_with = "beacon")]
    server: Option<String>,
    #[command(flatten)]
    key: ApiKeyArgs,
    /// Time limit of the server in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600, requires = "server")]
    patience: u64,
}

impl BuildServerArgs {
    /// Whether a server has built the circuit; `false` if this machine is to build it.
    pub(super) fn build(
        &self,
        template: &str,
        params: Map<String, Value>,
        out: &Path,
    ) -> Result<bool, Error> {
        let Some(server) = &self.server else { return Ok(false) };
        let client = self.key.client(server)?;
        let progress = Progress::new();
        let patience = Duration::from_secs(self.patience);
        let circuit =
            progress.step("build on the server", || client.circuit(template, params.into(), patience))?;
        let id = circuit["circuitId"].as_str().ok_or("the server gave no circuitId")?;
        for name in FileName::ALL {
            let name = name.as_str();
            let Some(sha256) = circuit["artifacts"][name]["sha256"].as_str() else { continue };
            let bytes = progress.step(&format!("fetch {name}"), || client.file(id, name))?;
            if Digest::of(&bytes).to_string() != sha256 {
                return Err(format!("{name}: the download has another SHA-256 than the server names").into());
            }
            write(&out.join(name), &bytes)?;
        }
        drop(progress);
        show(&circuit);
        Ok(true)
    }
}
