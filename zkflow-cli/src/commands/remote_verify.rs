//! `zkflow verify --server`: a server verifies the proof too.

use std::path::Path;

use clap::Args;
use serde_json::Value;
use zkflow_core::field::to_decimal;
use zkflow_core::format::json;
use zkflow_core::proof::{Proof, PublicSignals};

use super::Error;
use super::files::Watched;
use super::server::ApiKeyArgs;

/// The server that verifies the proof.
#[derive(Debug, Args)]
pub(super) struct VerifyServerArgs {
    /// Also let this server verify, with its circuit that has this file of a key
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    key: ApiKeyArgs,
}

impl VerifyServerArgs {
    /// Verifies with the server, if one is given, and compares the result with `holds`, the key's result.
    ///
    /// # Errors
    /// The server has no such circuit, does not answer, or returns a different result.
    pub(super) fn check(
        &self,
        key: &Path,
        proof: &Proof,
        public: &PublicSignals,
        holds: bool,
    ) -> Result<(), Error> {
        let Some(server) = &self.server else { return Ok(()) };
        let client = self.key.client(server)?;
        let sha256 = Watched::open(key)?.digest(key)?.to_string();
        let circuit = client.circuit_with_files(&[&sha256])?.ok_or_else(|| {
            format!(
                "the server has no circuit with {} (SHA-256 {sha256}): fetch verification_key.json of its circuit, \
                 or send the circuit with `zkflow circuit import`",
                key.display()
            )
        })?;
        let id = circuit["circuitId"].as_str().ok_or("the server gave no circuitId")?;
        let proof: Value = serde_json::from_str(&json::proof_text(proof))?;
        let signals: Vec<String> = public.values().iter().map(to_decimal).collect();
        let says = client.verify(id, &proof, &signals)?.verified;
        println!("on the server        circuit {id} returns {says}");
        if says != holds {
            return Err(format!("the server and the key disagree: the key returns {holds}").into());
        }
        Ok(())
    }
}
