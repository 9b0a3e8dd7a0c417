//! `deploy`: a pending deployment is confirmed, or fails with a reason. Private keys from requests are
//! destroyed after signing, node URLs when the deployment is final.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use zeroize::Zeroize as _;
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::format::json::{proof_from_json, public_from_json};
use zkflow_core::id::CircuitId;
use zkflow_core::proof::{PublicSignals, VerifyingKey};
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{
    Circuit, Deployment, DeploymentStage, Document as _, Named as _, Page, ProofArtifacts, ProofFilter,
    ProofStatus, Signer, Usage,
};
use zkflow_core::service::chain::{Attempts, ChainClient, SignedTransaction};
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::queue::Job;
use zkflow_queue::JobError;
use zkflow_store::vault::VaultError;

use super::document::{Steps, save};
use super::load::load;
use super::spent::Spent;
use super::{Stop, invalid, outage, stop, stop_or_outage};
use crate::service::deployments::{Admitted, Secrets, admit, note, open_signer};
use crate::service::{RequestError, circuits, verify};
use crate::state::{App, Asker, CpuStage};
use crate::telemetry::stage_took;
use zkflow_evm::EvmClient;
use zkflow_evm::deploy::{DeployError, Journal, Order, Statement, Stopped, drive};

/// Recent proofs searched for one of the present key.
const RECENT: usize = 10;
/// Examples of a template tried at most.
const EXAMPLES: usize = 16;

/// Handler of the queue of deployments.
pub(super) struct Deploy {
    app: Arc<App>,
}

impl Deploy {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// The sealed secrets of the deployment; empty if they are destroyed or were never given.
    async fn secrets(&self, deployment: &Deployment) -> Result<Secrets, Stop> {
        match self.app.vault.open_deployment(deployment).await {
            Ok(text) => Secrets::from_text(&text).map_err(stop),
            Err(VaultError::NotFound(_)) => Ok(Secrets::default()),
            Err(error) => Err(stop_or_outage(error)),
        }
    }

    /// Connects to the node and returns its chain id.
    async fn connect(&self, deployment: &Deployment, secrets: &Secrets) -> Result<(EvmClient, u64), Stop> {
        let chains = &self.app.chains;
        let client = match (&secrets.rpc_url, deployment.chain_id) {
            (Some(_), _) if deployment.signer != Signer::Request => {
                return Err(stop(DeployError::ForeignNode));
            }
            (Some(url), _) => chains.requested(url).await.map_err(DeployError::from).map_err(stop)?,
            (None, Some(chain_id)) => chains.client(chain_id).map_err(stop)?,
            (None, None) => return Err(stop(VaultError::NotFound(deployment.id.to_string()))),
        };
        let found = client.chain_id().await.map_err(DeployError::from).map_err(stop)?;
        match deployment.chain_id {
            Some(asked) if asked != found => Err(stop(DeployError::OtherChain { asked, found })),
            _ => Ok((client, found)),
        }
    }

    /// A statement with a valid proof: from a recent proof request, or from an example of the template.
    async fn statement(&self, circuit: &Circuit, spent: &Spent) -> Result<Statement, Stop> {
        let app = &self.app;
        let key = verify::verifying_key(app, circuit).await.map_err(stop_or_outage)?;
        let proving_key =
            circuits::artifact_meta(circuit, FileName::ProvingKey.as_str()).map_err(stop)?.sha256;
        let made = ProofFilter {
            tenant: Some(circuit.life.tenant.clone()),
            circuit_id: Some(circuit.id.clone()),
            status: Some(ProofStatus::Completed),
            ..ProofFilter::default()
        };
        let recent = app.catalog.proofs().list(&made, &Page::first(RECENT)).await.map_err(stop_or_outage)?;
        let proofs = recent.into_iter().filter_map(|proof| proof.artifacts);
        let mut of_this_key = proofs.filter(|artifacts| artifacts.proving_key == proving_key);
        if let Some(statement) = of_this_key.find_map(|artifacts| read(&key, &artifacts)) {
            return Ok(statement);
        }
        self.example(circuit, spent).await
    }

    /// Proves the first example of the template that the circuit accepts.
    async fn example(&self, circuit: &Circuit, spent: &Spent) -> Result<Statement, Stop> {
        let app = Arc::clone(&self.app);
        // An imported circuit has no examples: a proof must be made first.
        let template = circuit.origin.template().ok_or(DeployError::NoProof).map_err(stop)?;
        let template = app.library.get(template).map_err(stop)?;
        let examples = template.example_inputs().into_iter().take(EXAMPLES);
        let loaded = load(&app, circuit).await?;
        let prove = move || {
            let mut proofs = examples.filter_map(|inputs| loaded.full_prove(&inputs, &mut os_rng()).ok());
            let (proof, public) = proofs.next().ok_or(DeployError::NoProof).map_err(stop)?;
            Ok(Statement::new(&proof, &public))
        };
        spent.blocking(&app, CpuStage::Proving, prove).await?
    }

    /// Time until the deadline of the deployment.
    fn left(&self, deployment: &Deployment) -> Duration {
        let whole = self.app.config.chain.deploy_time();
        whole.saturating_sub(self.app.now().since(deployment.life.created_at))
    }
}

/// First 32 bits of the SHA-256 of the id.
fn salt(id: &DeploymentId) -> u32 {
    let digest = Digest::of(id.as_str());
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Parses a stored proof; `None` if it does not fit the key.
fn read(key: &VerifyingKey, artifacts: &ProofArtifacts) -> Option<Statement> {
    let proof = proof_from_json(&artifacts.proof).ok()?;
    let signals = public_from_json(&artifacts.public_signals.clone().into()).ok()?;
    Some(Statement::new(&proof, &PublicSignals::for_key(key, signals).ok()?))
}

#[async_trait]
impl Steps for Deploy {
    type Document = Deployment;
    type Admitted = ();

    fn app(&self) -> &App {
        &self.app
    }

    async fn admit(&self, _: &Deployment) -> Result<(), JobError> {
        Ok(())
    }

    async fn run(&self, deployment: &mut Deployment, (): &(), _: &Job, spent: &Spent) -> Result<(), Stop> {
        let app = &self.app;
        let began = Instant::now();
        let left = self.left(deployment);
        if left.is_zero() {
            let hash = deployment.attempts.transaction.as_ref().map(|transaction| transaction.hash);
            return Err(stop(DeployError::late(hash)));
        }
        let deadline = Instant::now() + left;
        let secrets = self.secrets(deployment).await?;
        let (client, chain_id) = self.connect(deployment, &secrets).await?;
        let circuit = circuits::get_ready(app, &deployment.circuit_id).await.map_err(stop_or_outage)?;
        let Admitted { code, verification_key } =
            admit(app, &circuit, chain_id, Asker::Worker).await.map_err(stop)?;
        let statement = self.statement(&circuit, spent).await?;
        let signer = open_signer(app, deployment, &secrets).map_err(stop)?;
        let order = Order {
            chain_id,
            code: &code,
            verification_key,
            statement: Some(&statement),
            salt: salt(&deployment.id),
            turn: match &deployment.signer {
                Signer::Named(name) => app.chains.turn(name, chain_id),
                _ => None,
            },
            confirmations: app.chains.confirmations(chain_id),
            replace_after: app.config.chain.replace_after(),
            deadline: Some(deadline),
        };
        let mut journal = Record { app, deployment, began };
        let signer = signer.as_deref();
        let contract = match drive(&client, signer, order, &mut journal).await {
            Ok(contract) => contract,
            Err(Stopped::Journal(error)) => return Err(error.into()),
            Err(Stopped::Deploy(error)) => return Err(stop(error)),
        };
        let took = journal.began.elapsed();
        stage_took("deployment", "check", took);
        // The circuit's document is written first: repeating this after a crash is harmless.
        note(app, &deployment.circuit_id, &contract).await.map_err(stop_or_outage)?;
        tracing::info!(deployment = %deployment.id, circuit = %circuit.id, chain_id, address = %contract.address, "deployed");
        deployment.confirm(contract, took, app.now()).map_err(invalid)?;
        Ok(())
    }

    fn usage(&self, deployment: &Deployment) -> Option<(CircuitId, Usage)> {
        let gas = deployment.contract.as_ref().and_then(|contract| contract.gas_used);
        let end = gas.map(|gas| Usage { deployments: 1, gas, ..Usage::default() });
        Some((deployment.circuit_id.clone(), end.unwrap_or_default()))
    }

    /// Destroys the sealed secrets.
    async fn discard(&self, id: &DeploymentId) -> Result<(), JobError> {
        self.app.vault.destroy_deployment(id).await.map_err(outage)
    }
}

/// Writes the progress of a deployment to its document.
struct Record<'a> {
    app: &'a App,
    deployment: &'a mut Deployment,
    /// Start of the present stage.
    began: Instant,
}

#[async_trait]
impl Journal for Record<'_> {
    type Error = JobError;

    fn attempts(&self) -> &Attempts {
        &self.deployment.attempts
    }

    async fn signed(&mut self, chain_id: u64, transaction: SignedTransaction) -> Result<(), JobError> {
        self.deployment.signed(chain_id, transaction, self.app.now()).map_err(invalid)?;
        save(self.app, self.deployment).await?;
        // A private key from the request is no longer needed after signing.
        if self.deployment.signer == Signer::Request {
            let destroyed = self.forget_key().await;
            destroyed.map_err(outage)?;
        }
        Ok(())
    }

    async fn stage(&mut self, stage: DeploymentStage) -> Result<(), JobError> {
        let spent = self.began.elapsed();
        self.began = Instant::now();
        stage_took("deployment", self.deployment.life.stage.as_str(), spent);
        self.deployment.advance(stage, spent, self.app.now()).map_err(invalid)?;
        save(self.app, self.deployment).await
    }
}

impl Record<'_> {
    /// Destroys the private key from the request; an RPC URL from the request stays sealed.
    async fn forget_key(&self) -> Result<(), RequestError> {
        let (vault, deployment) = (&self.app.vault, &*self.deployment);
        if !deployment.own_rpc {
            return Ok(vault.destroy_deployment(&deployment.id).await?);
        }
        let mut secrets = Secrets::from_text(&vault.open_deployment(deployment).await?)?;
        secrets.private_key.zeroize();
        Ok(vault.seal_deployment(deployment, &secrets.to_text()).await?)
    }
}
