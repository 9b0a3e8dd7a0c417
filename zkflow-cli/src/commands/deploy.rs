//! `zkflow deploy`: deploys the verifier contract of a circuit without a server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::Args;
use serde::{Deserialize, Serialize};
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::format::json;
use zkflow_core::format::zkey::KeyHead;
use zkflow_core::proof::PublicSignals;
use zkflow_core::provenance::Label;
use zkflow_core::service::catalog::{DeployedContract, DeploymentStage};
use zkflow_core::service::chain::{
    Address, Attempts, ChainClient, SignedTransaction, SolidityCompiler as _, TransactionSigner,
};
use zkflow_core::setup::{KeyVerdict, StepOptions};
use zkflow_core::verify::Verifier;

use super::Error;
use super::evidence::{EvidenceArgs, open, record_of};
use super::files::{in_file, read, read_found, read_text};
use super::output::write;
use super::progress::Progress;
use zkflow_evm::deploy::{self, Code, DEVELOPMENT_CHAINS, Journal, Order, Statement, Stopped, drive};
use zkflow_evm::{CappedSigner, Endpoint, EvmClient, KeySource, Solc, SpendingLimits, standard_json_input};

/// Arguments of `zkflow deploy`.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Folder of a circuit, made by `zkflow circuit build`
    circuit: PathBuf,
    /// RPC URL of a node; never shown
    #[arg(long, env = "ZKFLOW_RPC", hide_env_values = true, value_name = "URL")]
    rpc: String,
    /// Signer of the transaction: env:VARIABLE, which contains a private key, file:PATH with one, keystore:PATH:VARIABLE, an
    /// encrypted file and the variable of its password, web3signer:ADDRESS:URL, a signing service, or kms:ADDRESS:KEY, a key of AWS KMS
    #[arg(long, value_name = "SOURCE", required_unless_present = "unsigned", conflicts_with = "unsigned")]
    signer: Option<KeySource>,
    /// Print the unsigned transaction for this account, without sending it
    #[arg(long, value_name = "ADDRESS")]
    unsigned: Option<Address>,
    /// Required chain id of the node (default: any)
    #[arg(long)]
    chain_id: Option<u64>,
    /// Proof that the contract must accept (default: proof.json in the folder, if present)
    #[arg(long, requires = "public")]
    proof: Option<PathBuf>,
    /// Public signals of the proof (default: public.json in the folder, if present)
    #[arg(long, requires = "proof")]
    public: Option<PathBuf>,
    /// Blocks that confirm the deployment, including its own block; always 1 on a development chain
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    confirmations: u64,
    /// Time limit of the deployment; a transaction that is sent may still be mined later
    #[arg(long, default_value_t = 3600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    deploy_time_s: u64,
    /// Time that the transaction waits to be mined before it is replaced by one with the same nonce at a higher price
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    replace_after_s: u64,
    /// Highest price of gas, in gwei
    #[arg(long, default_value_t = SpendingLimits::default().fee_gwei, value_name = "NUMBER")]
    max_fee_gwei: u64,
    /// Highest cost of the transaction, gas limit times price, in gwei: 10^9 gwei are one coin of the chain
    #[arg(long, default_value_t = SpendingLimits::default().cost_gwei, value_name = "NUMBER")]
    max_cost_gwei: u64,
    /// Chain that accepts keys for development; can be repeated
    #[arg(long, value_name = "CHAIN_ID", default_values_t = DEVELOPMENT_CHAINS)]
    development_chain: Vec<u64>,
    /// Deploy again to a chain that already has the contract
    #[arg(long)]
    again: bool,
    /// Deploy the contract Groth16Verifier of this Solidity file, compiled with solc. Neither its code nor its key is
    /// checked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "r1cs", "ptau"])]
    unsafe_custom_source: Option<PathBuf>,
    /// Path of a native solc 0.8.30, for --unsafe-custom-source (default: the npm package solc under Node.js)
    #[arg(long, env = "SOLC_PATH", value_name = "PATH")]
    solc: Option<PathBuf>,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

impl DeployArgs {
    fn limits(&self) -> SpendingLimits {
        let Self { max_fee_gwei: fee_gwei, max_cost_gwei: cost_gwei, .. } = *self;
        SpendingLimits { fee_gwei, cost_gwei, ..SpendingLimits::default() }
    }
}

pub(super) fn deploy(args: &DeployArgs) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(args))
}

async fn run(args: &DeployArgs) -> Result<(), Error> {
    let progress = Progress::new();
    let chain = EvmClient::new(Endpoint::configured(&args.rpc)?)?;
    let chain_id = chain.chain_id().await?;
    if let Some(asked) = args.chain_id.filter(|asked| *asked != chain_id) {
        return Err(deploy::DeployError::OtherChain { asked, found: chain_id }.into());
    }
    let mut record = Record::open(&args.circuit, chain_id, args.again)?;

    let zkey = args.circuit.join(FileName::ProvingKey.as_str());
    let (key, contract) = match &args.unsafe_custom_source {
        Some(source) => (open(&zkey)?.head().clone(), Contract::custom(source, args, &progress)?),
        None => {
            let records = [args.circuit.join(FileName::Setup.as_str()), record_of(&zkey)];
            let (key, verdict) = args.evidence.judge(&zkey, &records, &progress, StepOptions::default())?;
            let contract = Contract::of_key(&key, &verdict, args, chain_id)?;
            (key, contract)
        }
    };
    let verification_key = Digest::of(json::vkey_text(&key.vk));
    let statement = statement(args, Verifier::new(key.vk)?)?;

    if let Some(sender) = args.unsigned {
        drop(progress);
        let transaction = chain.creation(&sender, contract.code.creation.clone()).await?;
        let fields = deploy::wallet_fields(chain_id, &contract.code.creation, Some((&sender, &transaction)));
        println!("{:#}", serde_json::Value::from(fields));
        return Ok(());
    }
    let signer = args.signer.as_ref().map(KeySource::open).transpose()?;
    let signer = signer.map(|signer| CappedSigner::new(signer, args.limits()).only_on(vec![chain_id]));
    if statement.is_none() {
        progress.line("no proof: only the code on the chain is compared");
    }
    let order = Order {
        chain_id,
        code: &contract.code,
        verification_key,
        statement: statement.as_ref(),
        salt: u32::from_le_bytes(random()?),
        turn: None,
        confirmations: if args.development_chain.contains(&chain_id) { 1 } else { args.confirmations },
        replace_after: Duration::from_secs(args.replace_after_s),
        deadline: Some(Instant::now() + Duration::from_secs(args.deploy_time_s)),
    };
    let signer = signer.as_ref().map(|signer| signer as &dyn TransactionSigner);
    let deployed = match drive(&chain, signer, order, &mut record).await {
        Ok(deployed) => deployed,
        Err(Stopped::Journal(error)) => return Err(error),
        Err(Stopped::Deploy(error)) => return Err(error.into()),
    };
    record.finish(&deployed, &contract)?;
    drop(progress);
    println!("contract             {}", deploy::checksummed(&deployed.address));
    println!("chain                {chain_id}");
    if let Some(transaction) = &deployed.transaction {
        println!("transaction          {transaction}");
    }
    println!("block                {}", deployed.block);
    if let Some(gas) = deployed.gas_used {
        println!("gas                  {gas}");
    }
    println!("keys                 {}", contract.keys());
    println!("compiler             {}", contract.code.compiler);
    println!("recorded in          {}", record.path.display());
    Ok(())
}

/// A contract to deploy.
struct Contract {
    code: Code,
    /// Input of the compiler that gives the code; explorers need it.
    standard_json_input: serde_json::Value,
    /// The parties that could forge proofs; `None`: not checked.
    label: Option<Label>,
}

impl Contract {
    /// Judges the key, and generates its contract. No compiler runs.
    fn of_key(key: &KeyHead, verdict: &KeyVerdict, args: &DeployArgs, chain_id: u64) -> Result<Self, Error> {
        let source = read_text(&args.circuit.join(FileName::VerifierContract.as_str()))?;
        let label = deploy::admit(&source, key, verdict, None, chain_id, &args.development_chain)?;
        Ok(Self {
            code: Code::of_key(&key.vk)?,
            standard_json_input: standard_json_input(&source),
            label: Some(label),
        })
    }

    /// Compiles a source of the user.
    fn custom(path: &Path, args: &DeployArgs, progress: &Progress) -> Result<Self, Error> {
        let shown = path.display();
        progress.line(&format!("WARNING: {shown} is deployed unchecked: it may accept forged proofs"));
        let source = read_text(path)?;
        let solc = Solc::find(args.solc.as_deref())?;
        let compiled = progress
            .step(&format!("compile with solc {}", solc.version()), || deploy::compile(&solc, &source))?;
        Ok(Self {
            standard_json_input: compiled.standard_json_input.clone(),
            code: compiled.into(),
            label: None,
        })
    }

    fn keys(&self) -> String {
        match self.label {
            Some(label) => label.to_string(),
            None => "unchecked (--unsafe-custom-source)".to_owned(),
        }
    }
}

fn random() -> Result<[u8; 4], Error> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("the operating system's random generator failed: {error}"))?;
    Ok(bytes)
}

/// Reads the given proof, or the one in the circuit's folder, and verifies it.
fn statement(args: &DeployArgs, verifier: Verifier) -> Result<Option<Statement>, Error> {
    let (proof, public) = match (&args.proof, &args.public) {
        (Some(proof), Some(public)) => (proof.clone(), public.clone()),
        _ => (args.circuit.join("proof.json"), args.circuit.join("public.json")),
    };
    if args.proof.is_none() && !(proof.is_file() && public.is_file()) {
        return Ok(None);
    }
    let signals = json::read_public(&read(&public)?).map_err(in_file(&public))?;
    let signals = PublicSignals::for_key(verifier.key(), signals).map_err(in_file(&public))?;
    let parsed = json::read_proof(&read(&proof)?).map_err(in_file(&proof))?;
    if !verifier.verify(&signals, &parsed).map_err(in_file(&proof))? {
        return Err(format!("{}: the proof is invalid, so no contract can accept it", proof.display()).into());
    }
    Ok(Some(Statement::new(&parsed, &signals)))
}

/// The journal in the circuit's folder, one file per chain. An interrupted deployment continues from it.
struct Record {
    path: PathBuf,
    noted: Noted,
}

/// Most bytes of a journal, which contains the source of the contract.
const MOST_RECORD: u64 = 64 << 20;

#[derive(Default, Serialize, Deserialize)]
struct Noted {
    #[serde(flatten)]
    attempts: Attempts,
    contract: Option<DeployedContract>,
    /// Explorers need it to verify the source, beside the version of the compiler.
    standard_json_input: Option<serde_json::Value>,
    /// Provenance of the keys, or that they are not checked.
    keys: Option<String>,
}

impl Record {
    fn open(circuit: &Path, chain_id: u64, again: bool) -> Result<Self, Error> {
        let path = circuit.join(format!("deployment-{chain_id}.json"));
        let noted: Noted = match path.exists() {
            true => serde_json::from_slice(&read_found(&path, MOST_RECORD)?).map_err(in_file(&path))?,
            false => Noted::default(),
        };
        match &noted.contract {
            Some(_) if again => Ok(Self { path, noted: Noted::default() }),
            Some(contract) => {
                let (address, path) = (contract.address, path.display());
                Err(format!("{path}: already deployed at {address}; use --again to deploy again").into())
            }
            None => Ok(Self { path, noted }),
        }
    }

    fn save(&self) -> Result<(), Error> {
        write(&self.path, serde_json::to_string_pretty(&self.noted)?.as_bytes())
    }

    fn finish(&mut self, deployed: &DeployedContract, contract: &Contract) -> Result<(), Error> {
        self.noted.contract = Some(deployed.clone());
        self.noted.standard_json_input = Some(contract.standard_json_input.clone());
        self.noted.keys = Some(contract.keys());
        self.save()
    }
}

#[async_trait]
impl Journal for Record {
    type Error = Error;

    fn attempts(&self) -> &Attempts {
        &self.noted.attempts
    }

    async fn signed(&mut self, _: u64, transaction: SignedTransaction) -> Result<(), Error> {
        self.noted.attempts.add(transaction);
        self.save()
    }

    async fn stage(&mut self, stage: DeploymentStage) -> Result<(), Error> {
        tracing::debug!(?stage, "deployment");
        Ok(())
    }
}
