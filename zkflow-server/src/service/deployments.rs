//! Creates and reads deployments of verifier contracts.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::{ZeroizeOnDrop, Zeroizing};
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{
    AuditAction, CatalogError, Circuit, CircuitStatus, DeployedContract, Deployment, DeploymentKey,
    Document as _, RequestOrigin, Signer, Subject,
};
use zkflow_core::service::chain::{Address, ChainClient, CompiledContract, SolidityError, TransactionSigner};
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::setup::{SetupRecord, gate};

use super::document::Repeatable;
use super::{InputFault, RequestError, audit, callbacks, circuits};
use crate::maintenance::manifest;
use crate::state::{App, Asker, Question, Verdict};
use zkflow_evm::deploy::{self, Code, DeployError};
use zkflow_evm::{CappedSigner, LocalSigner};

/// A request for a deployment. It has no `Debug`, because it may contain a private key.
pub struct NewDeployment {
    /// Chain id; may be `None` if `rpc_url` is given.
    pub chain_id: Option<u64>,
    /// URL of the caller's node. `None`: the operator's node of the chain.
    pub rpc_url: Option<SecretString>,
    /// Name of a signer of the operator.
    pub signer: Option<String>,
    /// The caller's signing key, in hex.
    pub private_key: Option<SecretString>,
    /// Address that the end of the deployment is sent to; `None`: the tenant's, if any.
    pub callback: Option<SecretString>,
    /// Identifies repeats of one request for the circuit.
    pub idempotency_key: Option<String>,
}

/// Secrets that are sealed until the deployment is final. Zeroised when dropped.
#[derive(Default, Serialize, Deserialize, ZeroizeOnDrop)]
pub(crate) struct Secrets {
    pub(crate) private_key: Option<String>,
    pub(crate) rpc_url: Option<String>,
}

impl Secrets {
    /// The secrets of a request.
    fn of(new: &NewDeployment) -> Self {
        let text =
            |secret: &Option<SecretString>| secret.as_ref().map(|text| text.expose_secret().to_owned());
        Self { private_key: text(&new.private_key), rpc_url: text(&new.rpc_url) }
    }

    /// The text that the vault seals.
    pub(crate) fn to_text(&self) -> SecretString {
        // Expect safety: two optional texts.
        serde_json::to_string(self).expect("texts serialise").into()
    }

    /// Parses the text that the vault has opened.
    pub(crate) fn from_text(text: &SecretString) -> Result<Self, RequestError> {
        serde_json::from_str(text.expose_secret())
            .map_err(|_| RequestError::Internal("the secrets of a deployment cannot be read".to_owned()))
    }
}

/// Creates a deployment: seals its secrets, inserts it as pending and pushes its job.
///
/// # Behaviour
/// - A repeated idempotency key of the circuit returns the existing deployment, even when the server is
///   overloaded or the circuit is no longer ready.
///
/// # Errors
/// - The circuit is not ready, or its key is not allowed on the chain.
/// - The chain or the signer is missing or not configured.
/// - The request contains a private key or a node URL, and the settings forbid it.
/// - The request contains a node URL, and names a signer of the operator.
/// - The idempotency key was used for a different request.
pub async fn request(
    app: &App,
    tenant: &TenantId,
    circuit_id: &CircuitId,
    new: NewDeployment,
    origin: Option<RequestOrigin>,
) -> Result<Deployment, RequestError> {
    let secrets = Secrets::of(&new);
    let wanted = new.idempotency_key.as_ref().map(|key| {
        let text = text(circuit_id, &new, &secrets);
        Repeatable::new(app, key.clone(), text.as_bytes())
    });
    if let Some(wanted) = &wanted {
        let key = DeploymentKey { circuit_id: circuit_id.clone(), key: wanted.idempotency.key.clone() };
        let present = app.catalog.deployments().by_key(&key).await?;
        if let Some(present) = present.filter(|present| present.life.tenant == *tenant) {
            wanted.check(present.idempotency.as_ref())?;
            return Ok(present);
        }
    }
    let circuit = circuits::ready(super::owned(app, tenant, circuit_id).await?)?;
    refuse_foreign_node(&new)?;
    refuse_forgeable(&circuit)?;
    let signer = signer(app, tenant, &new)?;
    check_node(app, &new)?;
    let chain_id = new.chain_id;
    if let (Some(chain_id), Some(Provenance::Development)) = (chain_id, circuit.provenance)
        && !app.chains.development.contains(&chain_id)
    {
        return Err(DeployError::Development(chain_id).into());
    }
    if let (Some(chain_id), Some(_)) = (chain_id, circuit.claimed)
        && !app.chains.development.contains(&chain_id)
    {
        return Err(DeployError::Claimed(chain_id).into());
    }
    let most = app.config.limits.max_pending_deployments;
    super::refuse_overload(app, tenant, QueueName::Deploy, most).await?;

    let now = app.now();
    let id = DeploymentId::generate(now);
    let subject = Subject::Deployment(id.clone());
    let callback = callbacks::chosen(app, tenant, &subject, new.callback.as_ref()).await?;
    // A request counts from here on: one that is refused for its content takes no place of others.
    super::plan::admit_deployment(app, tenant, origin.as_ref()).await?;

    let own_rpc = secrets.rpc_url.is_some();
    let idempotency = wanted.as_ref().map(|wanted| wanted.idempotency.clone());
    let asked = Asked { chain_id, signer, own_rpc, idempotency };
    let mut deployment = Deployment::new(id.clone(), circuit_id.clone(), asked, now);
    deployment.life.origin = origin;
    deployment.life.tenant = tenant.clone();
    deployment.life.callback = callback.as_ref().map(callbacks::Callback::address).cloned();
    let actor = audit::actor(deployment.life.origin.as_ref()).to_owned();
    audit::record(app, tenant, &actor, AuditAction::Deploy, id.as_str()).await?;
    if own_rpc || secrets.private_key.is_some() {
        app.vault.seal_deployment(&deployment, &secrets.to_text()).await?;
    }
    drop(secrets);
    let (deployment, added) = app.catalog.deployments().insert(deployment).await?;
    // A retried insert may return this request as not added: compare the id.
    if let (false, Some(wanted)) = (added || deployment.id == id, wanted) {
        app.vault.destroy_deployment(&id).await?;
        wanted.check(deployment.idempotency.as_ref())?;
        return Ok(deployment);
    }
    super::push(app, deployment.job()).await;
    Ok(deployment)
}

/// The text of a request as it was sent, before any check, for its fingerprint.
fn text(circuit: &CircuitId, new: &NewDeployment, secrets: &Secrets) -> Zeroizing<String> {
    let chain_id = new.chain_id;
    let signer = new.signer.clone().map_or(Signer::Request, Signer::Named);
    let request = format!("deployment\n{circuit}\n{chain_id:?}\n{signer:?}\n");
    let mut request = Zeroizing::new(request + secrets.to_text().expose_secret());
    if let Some(callback) = &new.callback {
        request.push('\n');
        request.push_str(callback.expose_secret());
    }
    request
}

/// Refuses a circuit whose keys were imported as forgeable. [`admit`] judges every key again; this refuses at once, and
/// before a compiler makes code of it.
pub(super) fn refuse_forgeable(circuit: &Circuit) -> Result<(), RequestError> {
    match &circuit.forgeable {
        None => Ok(()),
        Some(weakness) => Err(DeployError::MarkedForgeable(weakness.clone()).into()),
    }
}

/// Chooses the signer and checks that the tenant may use it. One that it may not use does not exist for it.
fn signer(app: &App, tenant: &TenantId, new: &NewDeployment) -> Result<Signer, RequestError> {
    match (&new.signer, &new.private_key) {
        (Some(name), None) if app.chains.signers.serves(name, tenant) => Ok(Signer::Named(name.clone())),
        (Some(name), None) => {
            Err(DeployError::UnknownSigner(name.chars().filter(|c| !c.is_control()).take(64).collect())
                .into())
        }
        (None, Some(_)) if !app.chains.request_keys => {
            Err(RequestError::Forbidden("this server accepts no private keys: name one of its signers"))
        }
        (None, Some(key)) => match LocalSigner::from_hex(key.expose_secret()) {
            Ok(_) => Ok(Signer::Request),
            Err(error) => Err(fault("privateKey", &error.to_string())),
        },
        (None, None) => Err(fault("signer", "missing: name a signer, or ask for the unsigned transaction")),
        (Some(_), Some(_)) => Err(fault("signer", "privateKey is given too: give only one of them")),
    }
}

/// A node of the request says which chain, fees and gas are signed: only a key of the request may trust it.
fn refuse_foreign_node(new: &NewDeployment) -> Result<(), RequestError> {
    match (&new.rpc_url, &new.signer) {
        (Some(_), Some(_)) => Err(DeployError::ForeignNode.into()),
        _ => Ok(()),
    }
}

/// Checks that the node of the transaction is configured or allowed.
fn check_node(app: &App, new: &NewDeployment) -> Result<(), RequestError> {
    match (&new.rpc_url, new.chain_id) {
        (None, None) => Err(fault("chainId", "missing: give the id of the chain")),
        (None, Some(chain_id)) if app.chains.knows(chain_id) => Ok(()),
        (None, Some(chain_id)) => Err(DeployError::UnknownChain(chain_id).into()),
        (Some(url), _) => match app.chains.request_rpc {
            None => Err(RequestError::Forbidden("this server accepts no RPC URLs: give only chainId")),
            Some(policy) => Ok(policy.check(url.expose_secret()).map_err(DeployError::from)?),
        },
    }
}

fn fault(path: &str, message: &str) -> RequestError {
    RequestError::Fields(vec![InputFault { path: path.to_owned(), message: message.to_owned() }])
}

/// The contract of a confirmed deployment of a circuit.
///
/// # Errors
/// The circuit has no such deployment, or the deployment is not confirmed.
pub async fn contract(
    app: &App,
    tenant: &TenantId,
    circuit: &CircuitId,
    id: &DeploymentId,
) -> Result<DeployedContract, RequestError> {
    let deployment: Deployment = super::owned(app, tenant, id).await?;
    if deployment.circuit_id != *circuit {
        return Err(RequestError::UnknownDeployment(id.clone()));
    }
    deployment.contract.ok_or_else(|| RequestError::NotDeployed(id.clone()))
}

/// Records a contract in the document of a circuit as the latest one, if the circuit is ready and has the contract's key. A
/// circuit that was deleted and made again has another key.
pub(crate) async fn note(app: &App, id: &CircuitId, contract: &DeployedContract) -> Result<(), RequestError> {
    loop {
        let circuit = app.catalog.circuits().get(id).await?;
        let is_of_contract = |circuit: &Circuit| {
            let file = circuit.artifacts.get(FileName::VerificationKey.as_str());
            circuit.life.status == CircuitStatus::Ready
                && file.is_some_and(|file| file.sha256 == contract.verification_key)
        };
        let Some(mut circuit) = circuit.filter(is_of_contract) else { return Ok(()) };
        let noted = circuit.deployed(contract.clone(), app.now());
        noted.map_err(|error| RequestError::Internal(error.to_string()))?;
        match app.save(circuit).await {
            Ok(circuit) => return Ok(manifest::write(&*app.store, &circuit).await?),
            Err(CatalogError::Stale(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A verifier contract that is allowed on a chain.
pub(crate) struct Admitted {
    /// Code of the contract, generated from the key that was judged.
    pub(crate) code: Arc<Code>,
    /// SHA-256 of `verification_key.json`.
    pub(crate) verification_key: Digest,
}

/// Checks that the contract of a circuit is allowed on a chain; see [`deploy::admit`].
///
/// # Errors
/// The contract is not allowed there, or an artifact cannot be read.
pub(crate) async fn admit(
    app: &Arc<App>,
    circuit: &Circuit,
    chain_id: u64,
    asker: Asker,
) -> Result<Admitted, RequestError> {
    let digest = |file: FileName| circuit.artifacts.get(file.as_str()).map(|meta| meta.sha256);
    let verification_key = circuits::artifact_meta(circuit, FileName::VerificationKey.as_str())?.sha256;
    let question = Question {
        circuit: circuit.id.clone(),
        chain_id,
        zkey: circuits::artifact_meta(circuit, FileName::ProvingKey.as_str())?.sha256,
        record: digest(FileName::Setup),
        source: circuits::artifact_meta(circuit, FileName::VerifierContract.as_str())?.sha256,
    };
    let told = |verdict: Verdict| match verdict {
        Ok(code) => Ok(Admitted { code, verification_key }),
        Err(refusal) => Err(RequestError::Judged(refusal)),
    };
    if let Some(verdict) = app.verdicts.get(&question) {
        return told(verdict);
    }
    let turn = app.verdicts.turn(asker, &circuit.life.tenant).await;
    let turn = turn.ok_or(RequestError::Overloaded(QueueName::Deploy))?;
    // Another call may have judged it meanwhile.
    if let Some(verdict) = app.verdicts.get(&question) {
        return told(verdict);
    }
    let source = source(app, circuit).await?;
    let zkey = circuits::artifact(app, circuit, FileName::ProvingKey.as_str()).await?.body;
    let record = app.artifact(circuit, FileName::Setup.as_str()).await?.map(|record| record.body);
    let (shared, id) = (Arc::clone(app), circuit.id.clone());
    let judge = move || {
        let key = ZKeyFile::open(std::io::Cursor::new(&zkey))
            .map_err(|error| RequestError::Internal(format!("the proving key: {error}")))?;
        let verdict = match &record {
            // Only a process with the vault's key can have sealed the record.
            Some(record) => {
                SetupRecord::from_json(record)?.verdict(&shared.record_key, key.head(), &Digest::of(&zkey))?
            }
            // An imported key that was not verified.
            None => gate::judge_at_length(key.head()),
        };
        let label =
            deploy::admit(&source, key.head(), &verdict, Some(&id), chain_id, &shared.chains.development);
        let code = label.and_then(|_| Code::of_key(&key.head().vk));
        let verdict = code.map(Arc::new).map_err(Arc::new);
        shared.verdicts.keep(question, verdict.clone());
        Ok::<_, RequestError>(verdict)
    };
    let verdict = turn
        .run(judge)
        .await
        .map_err(|error| RequestError::Internal(format!("checking the proving key: {error}")))??;
    told(verdict)
}

async fn source(app: &App, circuit: &Circuit) -> Result<String, RequestError> {
    let artifact = circuits::artifact(app, circuit, FileName::VerifierContract.as_str()).await?;
    String::from_utf8(artifact.body.into())
        .map_err(|_| RequestError::Internal("the verifier contract is not UTF-8 text".to_owned()))
}

/// Compiles the verifier contract of a circuit, for users and explorers. Nothing that is signed or compared comes from here.
///
/// # Errors
/// The circuit is not ready, its key is forgeable, or its contract cannot be read; the compiler is missing or fails.
pub async fn compiled(app: &App, circuit: &Circuit) -> Result<CompiledContract, RequestError> {
    refuse_forgeable(circuit)?;
    let source = source(app, circuit).await?;
    let compiler = match &app.chains.compiler {
        Ok(compiler) => Arc::clone(compiler),
        Err(reason) => return Err(DeployError::from(SolidityError::Failed(reason.clone())).into()),
    };
    let _turn = app.chains.compile().await;
    let contract = tokio::task::spawn_blocking(move || deploy::compile(&*compiler, &source))
        .await
        .map_err(|error| RequestError::Internal(format!("compiling: {error}")))??;
    Ok(contract)
}

/// The unsigned deployment transaction, for the caller to sign; see [`deploy::wallet_fields`].
///
/// # Errors
/// See [`request`]; with `from`, also when the node fails.
pub async fn unsigned(
    app: &Arc<App>,
    tenant: &TenantId,
    circuit_id: &CircuitId,
    chain_id: u64,
    from: Option<Address>,
) -> Result<Map<String, Value>, RequestError> {
    let circuit = circuits::ready(super::owned(app, tenant, circuit_id).await?)?;
    let Admitted { code, .. } = admit(app, &circuit, chain_id, Asker::Request).await?;
    let Some(from) = from else {
        return Ok(deploy::wallet_fields(chain_id, &code.creation, None));
    };
    let client = app.chains.client(chain_id)?;
    let turn = app.node_calls.turn_of(tenant).await;
    let _turn = turn.ok_or(RequestError::Overloaded(QueueName::Deploy))?;
    let found = client.chain_id().await.map_err(DeployError::from)?;
    if found != chain_id {
        return Err(DeployError::OtherChain { asked: chain_id, found }.into());
    }
    let creation = client.creation(&from, code.creation.clone()).await.map_err(DeployError::from)?;
    Ok(deploy::wallet_fields(chain_id, &code.creation, Some((&from, &creation))))
}

/// Opens the signer. `None` if the request's key is already destroyed.
pub(crate) fn open_signer(
    app: &App,
    deployment: &Deployment,
    secrets: &Secrets,
) -> Result<Option<Arc<dyn TransactionSigner>>, DeployError> {
    let signers = &app.chains.signers;
    Ok(match (&deployment.signer, &secrets.private_key) {
        (Signer::Named(name), _) => match signers.get(name) {
            // The setting may have changed since the request.
            Some(signer) if signers.serves(name, &deployment.life.tenant) => Some(signer),
            _ => return Err(DeployError::UnknownSigner(name.clone())),
        },
        (Signer::Request, Some(key)) => {
            Some(Arc::new(CappedSigner::new(LocalSigner::from_hex(key)?, app.chains.spending)))
        }
        (Signer::Request, None) | (Signer::Absent, _) => None,
    })
}
