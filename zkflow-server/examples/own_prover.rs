//! A server with your own prover: `cargo run -p zkflow-server --example own_prover`
//!
//! The server of this example is in memory. For a real one, call `zkflow_server::serve::run_with` with the same
//! `Provers`.

#![allow(unreachable_pub, reason = "a test runs it too")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zkflow_core::format::zkey::ZKey;
use zkflow_core::proof::{Proof, VerifyingKey};
use zkflow_core::prove::native::NativeProver;
use zkflow_core::prove::{PreparedKey, ProveError, Prover, Provers};
use zkflow_core::rng::SecureRng;
use zkflow_core::service::queue::QueueName;
use zkflow_core::witness::Witness;
use zkflow_server::client::Client;
use zkflow_server::config::Config;
use zkflow_server::{backends, http, work};

const NAME: &str = "timed";

/// Prints the time of each proof. An inner prover makes the proofs; replace it by your GPU or cluster.
#[derive(Debug)]
struct Timed<P>(P);

impl<P: Prover> Prover for Timed<P> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Ok(Arc::new(TimedKey(self.0.prepare(key)?)))
    }
}

/// A key prepared by the inner prover.
#[derive(Debug)]
struct TimedKey(Arc<dyn PreparedKey>);

impl PreparedKey for TimedKey {
    fn prover(&self) -> &'static str {
        NAME
    }

    fn verifying_key(&self) -> &VerifyingKey {
        self.0.verifying_key()
    }

    fn prove(&self, witness: &Witness, rng: &mut dyn SecureRng) -> Result<Proof, ProveError> {
        let began = Instant::now();
        let proof = self.0.prove(witness, rng)?;
        eprintln!("proof of {} wires in {:?}", witness.values().len(), began.elapsed());
        Ok(proof)
    }

    fn memory_bytes(&self) -> u64 {
        self.0.memory_bytes()
    }
}

/// Makes a proof with the prover.
#[allow(dead_code, reason = "the test calls prove")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("a proof by the prover {:?}", prove()?);
    Ok(())
}

/// Serves with the prover; returns the name in the document of a proof.
#[tokio::main]
pub async fn prove() -> Result<String, Box<dyn Error>> {
    let provers = Provers::default().with(NAME, |options| Ok(Arc::new(Timed(NativeProver::new(options)?))));
    // The flag `--prover` and the variable ZKFLOW_PROVER choose in the same way.
    let mut config = Config::default();
    config.proving.prover = NAME.to_owned();
    let stop = CancellationToken::new();
    let app = backends::in_memory(config, provers, stop.clone()).await?;
    let working = tokio::spawn(work::run(Arc::clone(&app), &QueueName::ALL));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::new(&format!("http://{}", listener.local_addr()?));
    tokio::spawn(axum::serve(listener, http::router(app)).into_future());

    let patience = Duration::from_secs(120);
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = client.circuit("rangeCheck", params, patience).await?;
    let request = json!({
        "circuitId": circuit["circuitId"],
        "privateInputs": {"age": 42},
        "publicInputs": {"randomPublicSignal": 7},
    });
    let asked = client.post("/v1/proofs", &request).await?.body;
    let id = asked["proofRequestId"].as_str().ok_or("the request was refused")?;
    let proof = client.proof(id, patience).await?;
    let prover = proof["artifacts"]["prover"].as_str().ok_or("the proof failed")?;

    stop.cancel();
    working.await?;
    Ok(prover.to_owned())
}
