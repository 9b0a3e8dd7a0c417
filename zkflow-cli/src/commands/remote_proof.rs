//! `zkflow fullprove --server`: a server makes the proof, and this machine verifies it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use zkflow_client::blocking::Client;
use zkflow_client::{ClientError, Inputs, ProofOptions, SealingKey};
use zkflow_core::format::json;
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::verify::Verifier;

use super::Error;
use super::evidence;
use super::files::{Watched, in_file, read_text};
use super::progress::Progress;
use super::server::ApiKeyArgs;

/// The server that makes the proof.
#[derive(Debug, Args)]
pub(super) struct ProofServerArgs {
    /// Let this server make the proof. It must have a circuit with this calculator and this key. It gets the inputs, sealed to
    /// its workers; the files are not sent
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["r1cs", "sym", "inputs", "tape", "witness_time", "prover", "threads", "key_memory", "kernel", "no_key_cache"]
    )]
    server: Option<String>,
    /// Public key of the server's workers, from its operator: refuse to seal the inputs to another key
    #[arg(long, value_name = "HEX", requires = "server")]
    sealing_key: Option<String>,
    #[command(flatten)]
    key: ApiKeyArgs,
}

/// Time limit of a proof, with its time in the queue.
const PATIENCE: Duration = Duration::from_secs(3600);

impl ProofServerArgs {
    /// The proof, verified with the key in `zkey`; `None` if this machine is to make it.
    pub(super) fn prove(
        &self,
        input: &Path,
        wasm: &Path,
        zkey: &Path,
        progress: &Progress,
    ) -> Result<Option<(Proof, PublicSignals)>, Error> {
        let Some(server) = &self.server else { return Ok(None) };
        let inputs: Map<String, Value> = serde_json::from_str(&read_text(input)?).map_err(in_file(input))?;
        let verifier = Verifier::new(evidence::open(zkey)?.head().vk.clone()).map_err(in_file(zkey))?;
        let client = self.key.client(server)?;
        let digests = |path: &Path| Ok::<_, Error>(Watched::open(path)?.digest(path)?.to_string());
        let (module, key) = (digests(wasm)?, digests(zkey)?);
        let circuit = client.circuit_with_files(&[&key, &module])?.ok_or_else(|| {
            format!(
                "the server has no circuit with {} (SHA-256 {key}) and {} (SHA-256 {module}): send them with \
                 `zkflow circuit import`",
                zkey.display(),
                wasm.display()
            )
        })?;
        let id = circuit["circuitId"].as_str().ok_or("the server gave no circuitId")?;
        let inputs = apart(inputs, &circuit["report"]["publicInputNames"]);
        let sealing = self.sealing_key(&client)?;
        let options = ProofOptions { seal: sealing.as_ref(), ..ProofOptions::default() };
        let prove = || client.prove_with(id, &inputs, PATIENCE, options);
        let made = progress.step("prove on the server", prove)?;
        let proof = json::proof_from_json(&made.proof)?;
        let signals = Value::from(made.public_signals);
        let public = PublicSignals::for_key(verifier.key(), json::public_from_json(&signals)?)?;
        match verifier.verify(&public, &proof)? {
            true => Ok(Some((proof, public))),
            false => Err("the server gave a proof that is not valid for this key".into()),
        }
    }

    /// The key that the inputs are sealed to; `None` for a server from before sealing, unless a key is demanded.
    fn sealing_key(&self, client: &Client) -> Result<Option<SealingKey>, Error> {
        let offered = match client.sealing_key() {
            Ok(key) => Some(key),
            Err(ClientError::Refused { status: 404, .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let found = offered.as_ref().map(|key| key.public_key.as_str());
        match &self.sealing_key {
            Some(expected) if found.is_none_or(|found| !found.eq_ignore_ascii_case(expected)) => {
                let found = found.unwrap_or("no key");
                Err(format!("the server seals to {found}, expected the key {expected}: nothing was sent")
                    .into())
            }
            _ => Ok(offered),
        }
    }
}

/// The private and the public inputs.
fn apart(inputs: Map<String, Value>, public: &Value) -> Inputs {
    let is_public =
        |name: &String| public.as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let (public, private): (Map<_, _>, Map<_, _>) = inputs.into_iter().partition(|(name, _)| is_public(name));
    Inputs { private: private.into(), public: public.into(), user: None }
}
