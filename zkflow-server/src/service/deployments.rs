//! Deployments of verifier contracts: asked for, looked at.

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
    Circuit, DeployedContract, Deployment, DeploymentKey, Document as _, Idempotency, Signer,
};
use zkflow_core::service::chain::{Address, ChainClient, CompiledContract, SolidityError, TransactionSigner};
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactPath, PutMode, StoreError};

use super::{InputFault, RequestError, circuits};
use crate::state::App;
use zkflow_evm::LocalSigner;
use zkflow_evm::deploy::{self, DeployError};

/// What is asked for. Has no `Debug`: it may hold a private key.
pub struct NewDeployment {
    /// The chain; not needed beside `rpc_url`.
    pub chain_id: Option<u64>,
    /// The node, if not the operator's.
    pub rpc_url: Option<SecretString>,
    /// One of the operator's signers.
    pub signer: Option<String>,
    /// A key to sign with.
    pub private_key: Option<SecretString>,
    /// The caller's name for the request.
    pub idempotency_key: Option<String>,
}

/// What lies sealed until the deployment is final. Zeroised when dropped.
#[derive(Default, Serialize, Deserialize, ZeroizeOnDrop)]
pub(crate) struct Secrets {
    pub(crate) private_key: Option<String>,
    pub(crate) rpc_url: Option<String>,
}

impl Secrets {
    /// What is secret in a request.
    fn of(new: &NewDeployment) -> Self {
        let text =
            |secret: &Option<SecretString>| secret.as_ref().map(|text| text.expose_secret().to_owned());
        Self { private_key: text(&new.private_key), rpc_url: text(&new.rpc_url) }
    }

    /// For the vault.
    pub(crate) fn to_text(&self) -> SecretString {
        // Expect safety: two optional texts.
        serde_json::to_string(self).expect("texts serialise").into()
    }

    /// As the vault gives it back.
    pub(crate) fn from_text(text: &SecretString) -> Result<Self, RequestError> {
        serde_json::from_str(text.expose_secret())
            .map_err(|_| RequestError::Internal("the secrets of a deployment cannot be read".to_owned()))
    }
}

/// Takes a request: seals what is secret in it, notes that the deployment is owed, and wakes a worker.
///
/// # Behaviour
/// - With an idempotency key that was used for the same request of the circuit, returns that deployment, also when
///   the server is too busy for new ones or the circuit is not ready any more.
///
/// # Errors
/// The circuit is not ready, or its key may not go to that chain; no chain or signer is named, or one that the operator
/// has not configured; a key or a node came with the request, and the operator has not allowed that; the idempotency
/// key was used for another request.
pub async fn request(
    app: &App,
    circuit_id: &CircuitId,
    new: NewDeployment,
) -> Result<Deployment, RequestError> {
    let secrets = Secrets::of(&new);
    let idempotency = new.idempotency_key.as_ref().map(|key| Idempotency {
        key: key.clone(),
        fingerprint: fingerprint(app, circuit_id, &new, &secrets),
    });
    if let Some(wanted) = &idempotency {
        let key = DeploymentKey { circuit_id: circuit_id.clone(), key: wanted.key.clone() };
        if let Some(present) = app.catalog.deployments().by_key(&key).await? {
            super::same_request(present.idempotency.as_ref(), wanted)?;
            return Ok(present);
        }
    }
    let circuit = circuits::get_ready(app, circuit_id).await?;
    let signer = signer(app, &new)?;
    check_node(app, &new)?;
    let chain_id = new.chain_id;
    if let (Some(chain_id), Some(Provenance::Development)) = (chain_id, circuit.provenance)
        && !app.chains.development.contains(&chain_id)
    {
        return Err(DeployError::Development(chain_id).into());
    }
    super::refuse_overload(app, QueueName::Deploy, app.config.limits.max_pending_deployments).await?;

    let now = app.now();
    let id = DeploymentId::generate(now);
    let own_rpc = secrets.rpc_url.is_some();
    if own_rpc || secrets.private_key.is_some() {
        app.vault.seal_deployment(&id, &secrets.to_text()).await?;
    }
    drop(secrets);
    let wanted = idempotency.clone();
    let asked = Asked { chain_id, signer, own_rpc, idempotency };
    let deployment = Deployment::new(id.clone(), circuit_id.clone(), asked, now);
    let (deployment, added) = app.catalog.deployments().insert(deployment).await?;
    // Under its own id it is this request, whatever the catalog had to do to add it.
    if let (false, Some(wanted)) = (added || deployment.id == id, wanted) {
        app.vault.destroy_deployment(&id).await?;
        super::same_request(deployment.idempotency.as_ref(), &wanted)?;
        return Ok(deployment);
    }
    super::push(app, deployment.job()).await;
    Ok(deployment)
}

/// Of the request as it was sent, before it is judged.
fn fingerprint(app: &App, circuit: &CircuitId, new: &NewDeployment, secrets: &Secrets) -> String {
    let chain_id = new.chain_id;
    let signer = new.signer.clone().map_or(Signer::Request, Signer::Named);
    let request = format!("deployment\n{circuit}\n{chain_id:?}\n{signer:?}\n");
    let request = Zeroizing::new(request + secrets.to_text().expose_secret());
    app.vault.fingerprint(request.as_bytes())
}

/// Who signs.
fn signer(app: &App, new: &NewDeployment) -> Result<Signer, RequestError> {
    match (&new.signer, &new.private_key) {
        (Some(name), None) if app.chains.signers.get(name).is_some() => Ok(Signer::Named(name.clone())),
        (Some(name), None) => {
            Err(DeployError::UnknownSigner(name.chars().filter(|c| !c.is_control()).take(64).collect())
                .into())
        }
        (None, Some(_)) if !app.chains.request_keys => {
            Err(RequestError::Forbidden("this server takes no private keys: name one of its signers"))
        }
        (None, Some(key)) => match LocalSigner::from_hex(key.expose_secret()) {
            Ok(_) => Ok(Signer::Request),
            Err(error) => Err(fault("privateKey", &error.to_string())),
        },
        (None, None) => Err(fault("signer", "missing: name a signer, or ask for the unsigned transaction")),
        (Some(_), Some(_)) => Err(fault("signer", "given beside privateKey: one of them signs")),
    }
}

/// Where the transaction goes.
fn check_node(app: &App, new: &NewDeployment) -> Result<(), RequestError> {
    match (&new.rpc_url, new.chain_id) {
        (None, None) => Err(fault("chainId", "missing: say which chain")),
        (None, Some(chain_id)) if app.chains.knows(chain_id) => Ok(()),
        (None, Some(chain_id)) => Err(DeployError::UnknownChain(chain_id).into()),
        (Some(url), _) => match app.chains.request_rpc {
            None => Err(RequestError::Forbidden("this server names its nodes itself: give chainId alone")),
            Some(policy) => Ok(policy.check(url.expose_secret()).map_err(DeployError::from)?),
        },
    }
}

fn fault(path: &str, message: &str) -> RequestError {
    RequestError::Inputs(vec![InputFault { path: path.to_owned(), message: message.to_owned() }])
}

/// The contract of a confirmed deployment of a circuit.
///
/// # Errors
/// There is no such deployment of this circuit, or it is not confirmed.
pub async fn contract(
    app: &App,
    circuit: &CircuitId,
    id: &DeploymentId,
) -> Result<DeployedContract, RequestError> {
    let deployment: Deployment = super::get(app, id).await?;
    if deployment.circuit_id != *circuit {
        return Err(RequestError::UnknownDeployment(id.clone()));
    }
    deployment.contract.ok_or_else(|| RequestError::NotDeployed(id.clone()))
}

/// The source of the verifier contract of a circuit, judged for a chain.
pub(crate) struct Admitted {
    /// The source.
    pub(crate) source: String,
    /// The SHA-256 of `verification_key.json`.
    pub(crate) verification_key: Digest,
}

/// Lets the contract of a circuit pass to a chain; see [`deploy::admit`].
///
/// # Errors
/// It may not go there; an artifact cannot be read.
pub(crate) async fn admit(
    app: &Arc<App>,
    circuit: &Circuit,
    chain_id: u64,
) -> Result<Admitted, RequestError> {
    let _turn = app.chains.turn().await;
    let source = source(app, circuit).await?;
    let zkey = circuits::artifact(app, circuit, FileName::ProvingKey.as_str()).await?.body;
    let verification_key = circuits::artifact_meta(circuit, FileName::VerificationKey.as_str())?.sha256;
    let shared = Arc::clone(app);
    let judge = move || {
        let key = ZKeyFile::open(std::io::Cursor::new(&zkey))
            .map_err(|error| RequestError::Internal(format!("the proving key: {error}")))?;
        deploy::admit(&source, key.head(), shared.beacon.as_ref(), chain_id, &shared.chains.development)?;
        Ok::<_, RequestError>(source)
    };
    let source = tokio::task::spawn_blocking(judge)
        .await
        .map_err(|error| RequestError::Internal(format!("judging the key: {error}")))??;
    Ok(Admitted { source, verification_key })
}

async fn source(app: &App, circuit: &Circuit) -> Result<String, RequestError> {
    let artifact = circuits::artifact(app, circuit, FileName::VerifierContract.as_str()).await?;
    String::from_utf8(artifact.body.into())
        .map_err(|_| RequestError::Internal("the verifier contract is no text".to_owned()))
}

/// The compiled verifier contract of a circuit. Kept in the store: compiled once for each compiler.
///
/// # Errors
/// The circuit is not ready; the compiler is not there, or fails.
pub async fn compiled(app: &App, circuit: &Circuit) -> Result<CompiledContract, RequestError> {
    let source = source(app, circuit).await?;
    compile(app, &circuit.id, source).await
}

/// As [`compiled`], of this source.
pub(crate) async fn compile(
    app: &App,
    circuit: &CircuitId,
    source: String,
) -> Result<CompiledContract, RequestError> {
    let compiler = match &app.chains.compiler {
        Ok(compiler) => Arc::clone(compiler),
        Err(reason) => return Err(DeployError::from(SolidityError::Failed(reason.clone())).into()),
    };
    let _turn = app.chains.turn().await;
    let version = Digest::of(format!("{}\n{source}", compiler.version()));
    let key = ArtifactPath::Contract { circuit: circuit.clone(), version }.key();
    match app.store.get(&key).await {
        Ok(artifact) => {
            if let Ok(contract) = serde_json::from_slice(&artifact.body) {
                return Ok(contract);
            }
        }
        Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let contract = tokio::task::spawn_blocking(move || deploy::compile(&*compiler, &source))
        .await
        .map_err(|error| RequestError::Internal(format!("compiling: {error}")))??;
    // Expect safety: texts, JSON and bytes as hex digits.
    let text = serde_json::to_vec(&contract).expect("a contract serialises");
    app.store.put(&key, text.into(), PutMode::Overwrite).await?;
    Ok(contract)
}

/// The transaction that would deploy the contract of a circuit, for the caller to sign; see [`deploy::wallet_fields`].
///
/// # Errors
/// As [`request`]; with `from`, the chain fails.
pub async fn unsigned(
    app: &Arc<App>,
    circuit_id: &CircuitId,
    chain_id: u64,
    from: Option<Address>,
) -> Result<Map<String, Value>, RequestError> {
    let circuit = circuits::get_ready(app, circuit_id).await?;
    let Admitted { source, .. } = admit(app, &circuit, chain_id).await?;
    let contract = compile(app, circuit_id, source).await?;
    let Some(from) = from else {
        return Ok(deploy::wallet_fields(chain_id, &contract.creation_code, None));
    };
    let client = app.chains.client(chain_id)?;
    let found = client.chain_id().await.map_err(DeployError::from)?;
    if found != chain_id {
        return Err(DeployError::OtherChain { asked: chain_id, found }.into());
    }
    let creation = client.creation(&from, contract.creation_code.clone()).await.map_err(DeployError::from)?;
    Ok(deploy::wallet_fields(chain_id, &contract.creation_code, Some((&from, &creation))))
}

/// The signer of a deployment, and of its secrets.
pub(crate) fn open_signer(
    app: &App,
    signer: &Signer,
    secrets: &Secrets,
) -> Result<Option<Arc<dyn TransactionSigner>>, DeployError> {
    Ok(match (signer, &secrets.private_key) {
        (Signer::Named(name), _) => match app.chains.signers.get(name) {
            Some(signer) => Some(signer),
            None => return Err(DeployError::UnknownSigner(name.clone())),
        },
        (Signer::Request, Some(key)) => Some(Arc::new(LocalSigner::from_hex(key)?)),
        (Signer::Request, None) => None,
    })
}
