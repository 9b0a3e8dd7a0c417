//! `zkflow demo`: a template to a verified proof, through the HTTP API of a server of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::Error;
use crate::client::{Client, ClientError, LocalServer};

/// The first compilation translates the compiler itself to machine code.
const CIRCUIT_PATIENCE: Duration = Duration::from_secs(600);
const PROOF_PATIENCE: Duration = Duration::from_secs(120);

/// Arguments of `zkflow demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep the server's data in this folder instead of a temporary one
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

pub(super) fn demo(args: &DemoArgs) -> Result<(), Error> {
    let temporary = tempfile::tempdir()?;
    let data_dir = args.data_dir.as_deref().unwrap_or(temporary.path());
    let cache = super::cache_dir("modules").map(|path| path.display().to_string());
    let mut flags = vec!["--log-level", "warn"];
    if let Some(cache) = &cache {
        flags.extend(["--module-cache", cache]);
    }
    let server = LocalServer::start(&std::env::current_exe()?, data_dir, &flags, Stdio::inherit())?;
    println!("zkflow serve             {}", server.base());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(tour(&server.client()))?;
    match server.terminate()? {
        Some(0) => Ok(()),
        code => Err(format!("the server ended with {code:?}").into()),
    }
}

async fn tour(client: &Client) -> Result<(), Error> {
    println!("\ntemplate                 rangeCheck {{min: 18, max: 120}}");
    let began = Instant::now();
    let circuit = client.circuit("rangeCheck", json!({"min": 18, "max": 120}), CIRCUIT_PATIENCE).await?;
    let id = circuit["circuitId"].as_str().unwrap_or_default();
    println!("circuit                  {id} is {}", shown(&circuit["status"]));
    timings(&circuit, &["compile", "setup", "store"]);
    println!("  from POST to ready     {}", seconds(began.elapsed()));
    let report = &circuit["report"];
    println!(
        "  constraints            {} non-linear, {} linear; keys: {}",
        report["nonLinearConstraints"],
        report["linearConstraints"],
        shown(&circuit["provenance"]),
    );

    let began = Instant::now();
    let request = client.request_proof(id, json!({"age": "42", "randomPublicSignal": "7"})).await?;
    let proof = client.proof(&request, PROOF_PATIENCE).await?;
    expect(&proof["status"], "completed", "the proof for an age of 42")?;
    println!("\nproof for an age of 42   {request} is {}", shown(&proof["status"]));
    timings(&proof, &["witness", "prove"]);
    println!("  from POST to proof     {}", seconds(began.elapsed()));
    let signals = &proof["artifacts"]["publicSignals"];
    println!("  public signals         {signals}");

    let verify = format!("/v1/circuits/{id}/verify");
    let statement = json!({"proof": proof["artifacts"]["proof"], "publicSignals": signals});
    let began = Instant::now();
    let verdict = client.post(&verify, &statement).await?.body;
    expect(&verdict["verified"], "true", "the proof")?;
    println!("  verified               {} ({})", verdict["verified"], seconds(began.elapsed()));

    let mut altered = statement;
    altered["publicSignals"][0] = json!("8");
    let verdict = client.post(&verify, &altered).await?.body;
    expect(&verdict["verified"], "false", "the proof with an altered public signal")?;
    println!("  altered signal         verified: {}", verdict["verified"]);

    for age in ["17", "121"] {
        let request = client.request_proof(id, json!({"age": age, "randomPublicSignal": "7"})).await?;
        let refused = client.proof(&request, PROOF_PATIENCE).await?;
        expect(&refused["status"], "failed", "the proof for an age out of range")?;
        println!("\nproof for an age of {age:<4} {}", shown(&refused["status"]));
        println!("  reason                 {}", shown(&refused["error"]["message"]));
    }
    println!("\nA template became a circuit, and an age a verified proof that does not tell it.");
    Ok(())
}

fn timings(document: &Value, stages: &[&str]) {
    for stage in stages {
        if let Some(millis) = document["timings"][stage].as_u64() {
            println!("  {stage:<22} {}", seconds(Duration::from_millis(millis)));
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// A value without the quotes of a JSON string.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn expect(found: &Value, wanted: &str, what: &str) -> Result<(), Error> {
    if shown(found) == wanted {
        Ok(())
    } else {
        Err(ClientError::Unexpected(format!("{what} should be {wanted} and is {}", shown(found))).into())
    }
}
