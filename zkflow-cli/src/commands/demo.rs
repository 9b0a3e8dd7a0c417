//! `zkflow demo`: from a template to a verified proof and a contract that accepts it, through the HTTP API of
//! a temporary server.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::Error;
use zkflow_server::client::{Client, ClientError, LocalChain, LocalServer};

/// Long, since the first run also compiles the circom compiler from WebAssembly to machine code.
const CIRCUIT_PATIENCE: Duration = Duration::from_secs(600);
const PROOF_PATIENCE: Duration = Duration::from_secs(120);

/// Chain id of anvil.
const DEMO_CHAIN: u64 = 31_337;
/// Environment variable with the private key of the demo's signer, a published key of anvil.
const KEY: &str = "ZKFLOW_DEMO_KEY";

/// Arguments of `zkflow demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for the server's data (default: a temporary folder)
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

pub(super) fn demo(args: &DemoArgs) -> Result<(), Error> {
    let temporary = tempfile::tempdir()?;
    let data_dir = args.data_dir.as_deref().unwrap_or(temporary.path());
    let cache = super::cache_dir("modules").map(|path| path.display().to_string());
    let mut flags = vec!["--log-level", "error"];
    if let Some(cache) = &cache {
        flags.extend(["--module-cache", cache]);
    }
    // A local chain, if anvil is installed and this build deploys contracts.
    let chain =
        LocalChain::find().filter(|_| cfg!(feature = "evm")).map(|_| LocalChain::start(&[])).transpose()?;
    let nodes = chain.as_ref().map(|chain| format!("{DEMO_CHAIN}={}", chain.url())).unwrap_or_default();
    let key = chain.as_ref().and_then(|chain| chain.keys().first()).map_or("", String::as_str);
    let signer = format!("demo=env:{KEY}");
    if chain.is_some() {
        flags.extend(["--rpc-urls", &nodes, "--signers", &signer]);
    }
    let binary = std::env::current_exe()?;
    let server = LocalServer::start_with(&binary, data_dir, &flags, &[(KEY, key)], Stdio::inherit())?;
    println!("zkflow serve             {}", server.base());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tour(&server.client(), chain.is_some()))?;
    match server.terminate()? {
        Some(0) => Ok(()),
        code => Err(format!("the server ended with {code:?}").into()),
    }
}

async fn tour(client: &Client, chain: bool) -> Result<(), Error> {
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
    let request = client.request_proof(id, json!({"age": "42"}), json!({"randomPublicSignal": "7"})).await?;
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
        let request =
            client.request_proof(id, json!({"age": age}), json!({"randomPublicSignal": "7"})).await?;
        let refused = client.proof(&request, PROOF_PATIENCE).await?;
        expect(&refused["status"], "failed", "the proof for an age out of range")?;
        println!("\nproof for an age of {age:<4} {}", shown(&refused["status"]));
        println!("  reason                 {}", shown(&refused["error"]["message"]));
    }
    if chain {
        on_chain(client, id, &proof).await?;
    } else {
        println!("\ncontract                 not deployed: anvil is not installed (run `make setup`)");
    }
    println!("\nThe proof is verified, and it does not disclose the age.");
    Ok(())
}

/// Deploys the verifier contract to the local chain and checks a valid and an altered proof with it.
async fn on_chain(client: &Client, id: &str, proof: &Value) -> Result<(), Error> {
    let began = Instant::now();
    let request = json!({"chainId": DEMO_CHAIN, "signer": "demo"});
    let deployment = client.deploy(id, &request, PROOF_PATIENCE).await?;
    expect(&deployment["status"], "confirmed", "the deployment")?;
    let contract = &deployment["contract"];
    println!("\ncontract                 {} on chain {DEMO_CHAIN}", shown(&contract["address"]));
    timings(&deployment, &["prepare", "send", "confirm", "check"]);
    println!("  from POST to confirmed {}", seconds(began.elapsed()));
    println!("  gas                    {}", contract["gasUsed"]);
    println!("  compiler               solc {}", shown(&contract["compiler"]));
    let verify = format!("/v1/circuits/{id}/verify?onChain={}", shown(&deployment["deploymentId"]));
    let mut statement = json!({
        "proof": proof["artifacts"]["proof"],
        "publicSignals": proof["artifacts"]["publicSignals"],
    });
    let verdict = client.post(&verify, &statement).await?.body;
    expect(&verdict["verified"], "true", "the proof on chain")?;
    println!("  verified on chain      {}", verdict["verified"]);
    statement["publicSignals"][0] = json!("8");
    let verdict = client.post(&verify, &statement).await?.body;
    expect(&verdict["verified"], "false", "the proof on chain with an altered public signal")?;
    println!("  altered signal         verified on chain: {}", verdict["verified"]);
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
        Err(ClientError::Unexpected(format!("{what}: expected {wanted}, found {}", shown(found))).into())
    }
}
