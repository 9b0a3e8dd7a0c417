//! [`Chains`]: the operator's nodes, signers and rules for deployments.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use zkflow_core::service::chain::{ChainError, SolidityCompiler, TransactionSigner};

use super::{
    Book, CappedSigner, Endpoint, EvmClient, Keyring, Policy, Resolver, SpendingLimits, SystemResolver,
};
use crate::deploy::DeployError;

/// The operator's settings for chains.
#[derive(Debug, Clone, Default)]
pub struct ChainSettings {
    /// The operator's nodes, as `CHAIN_ID=URL[,CHAIN_ID=URL..]`. Secret: a URL can contain a password.
    pub rpc_urls: SecretString,
    /// The operator's signers, in the form that [`Keyring::open`] parses. Secret.
    pub signers: SecretString,
    /// Values of the variables that the signers name.
    pub variables: BTreeMap<String, SecretString>,
    /// Tenants of the signers, in the form that [`Keyring::kept_for`] parses.
    pub signer_tenants: String,
    /// Limits of each signer, and of keys in requests.
    pub spending: SpendingLimits,
    /// Chains that accept keys for development.
    pub development_chains: Vec<u64>,
    /// RPC URLs that requests may contain; `None`: no URL at all.
    pub request_rpc: Option<Policy>,
    /// Whether requests may contain a private key.
    pub request_keys: bool,
    /// Blocks that confirm a transaction, including its own block.
    pub confirmations: u64,
    /// Whether this process signs. Otherwise it opens no key of a signer.
    pub signs: bool,
}

/// Nodes, signers and rules.
pub struct Chains {
    /// The operator's node of each chain, by chain id.
    endpoints: BTreeMap<u64, Endpoint>,
    /// The operator's signers. They sign for the chains of `endpoints` only.
    pub signers: Keyring,
    /// Limits of each signer, and of keys in requests.
    pub spending: SpendingLimits,
    /// Compiler for `GET …/contract`; `Err`: the reason why there is none. Deployments do not use it.
    pub compiler: Result<Arc<dyn SolidityCompiler>, String>,
    /// Ids of the chains that accept keys for development.
    pub development: Vec<u64>,
    /// RPC URLs that requests may contain; `None`: no URL at all.
    pub request_rpc: Option<Policy>,
    /// Whether requests may contain a private key.
    pub request_keys: bool,
    /// One permit: compiling starts a process.
    compiling: Semaphore,
    /// One for each signer and chain; see [`Order::turn`](crate::deploy::Order::turn).
    turns: BTreeMap<(String, u64), Mutex<()>>,
    confirmations: u64,
    resolver: Arc<dyn Resolver>,
}

impl Chains {
    /// Reads the settings and opens the signers' keys. The signers count in `book`.
    ///
    /// # Errors
    /// A setting is invalid. The message names the setting and the problem, and contains no key and no URL.
    pub fn open(
        settings: ChainSettings,
        compiler: Result<Arc<dyn SolidityCompiler>, String>,
        book: Book,
    ) -> Result<Self, String> {
        let endpoints = endpoints(settings.rpc_urls.expose_secret())
            .map_err(|error| format!("ZKFLOW_RPC_URLS: {error}"))?;
        let chains: Vec<u64> = endpoints.keys().copied().collect();
        let text = settings.signers.expose_secret();
        let capped = |signer: Arc<dyn TransactionSigner>| {
            CappedSigner::new(signer, settings.spending).only_on(chains.clone()).counted_in(book.clone())
        };
        let signers = match settings.signs {
            true => Keyring::open(text, &settings.variables, capped),
            false => Keyring::names_only(text),
        };
        let signers = signers.map_err(|error| format!("ZKFLOW_SIGNERS: {error}"))?;
        let kept = signers.kept_for(&settings.signer_tenants);
        let signers = kept.map_err(|error| format!("ZKFLOW_SIGNER_TENANTS: {error}"))?;
        let names = signers.names().map(str::to_owned);
        let turns =
            names.flat_map(|name| chains.iter().map(move |chain| ((name.clone(), *chain), Mutex::default())));
        let turns = turns.collect();
        Ok(Self {
            endpoints,
            signers,
            spending: settings.spending,
            compiler,
            development: settings.development_chains,
            request_rpc: settings.request_rpc,
            request_keys: settings.request_keys,
            compiling: Semaphore::new(1),
            turns,
            confirmations: settings.confirmations,
            resolver: Arc::new(SystemResolver),
        })
    }

    /// The signers whose keys this process has, on each chain.
    pub fn accounts(&self) -> Vec<(String, u64)> {
        let own = self.turns.keys().filter(|(signer, _)| self.signers.get(signer).is_some());
        own.cloned().collect()
    }

    /// What a signer of the operator owns on a chain, in wei.
    ///
    /// # Errors
    /// There is no such signer or chain, or its node does not answer.
    pub async fn balance(&self, signer: &str, chain_id: u64) -> Result<u128, DeployError> {
        let found = self.signers.get(signer).ok_or_else(|| DeployError::UnknownSigner(signer.to_owned()))?;
        Ok(self.client(chain_id)?.balance(&found.address()).await?)
    }

    /// Whether the operator has a node of this chain.
    pub fn knows(&self, chain_id: u64) -> bool {
        self.endpoints.contains_key(&chain_id)
    }

    /// The turn of a signer of the operator on a chain; `None` if there is no such signer or chain.
    pub fn turn(&self, signer: &str, chain_id: u64) -> Option<&Mutex<()>> {
        self.turns.get(&(signer.to_owned(), chain_id))
    }

    /// Waits for the permit to compile a contract. No deployment waits for it.
    pub async fn compile(&self) -> SemaphorePermit<'_> {
        // Expect safety: the semaphore is never closed.
        self.compiling.acquire().await.expect("the semaphore is open")
    }

    /// Connects to the operator's node of a chain.
    ///
    /// # Errors
    /// [`DeployError::UnknownChain`].
    pub fn client(&self, chain_id: u64) -> Result<EvmClient, DeployError> {
        let endpoint = self.endpoints.get(&chain_id).ok_or(DeployError::UnknownChain(chain_id))?;
        Ok(EvmClient::new(endpoint.clone())?)
    }

    /// Connects to a node whose URL is part of a request.
    ///
    /// # Errors
    /// [`ChainError::Policy`] if the settings forbid all URLs in requests, or this one.
    pub async fn requested(&self, url: &str) -> Result<EvmClient, ChainError> {
        let policy = self
            .request_rpc
            .ok_or_else(|| ChainError::Policy("this server accepts none in requests".to_owned()))?;
        EvmClient::new(Endpoint::requested(url, policy, &*self.resolver).await?)
    }

    /// Blocks that confirm a transaction, including its own block.
    pub fn confirmations(&self, chain_id: u64) -> u64 {
        // A test node mines no further blocks by itself.
        if self.development.contains(&chain_id) { 1 } else { self.confirmations }
    }
}

impl fmt::Debug for Chains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chains")
            .field("endpoints", &self.endpoints)
            .field("signers", &self.signers)
            .finish_non_exhaustive()
    }
}

/// Reads `CHAIN_ID=URL[,CHAIN_ID=URL..]`.
fn endpoints(text: &str) -> Result<BTreeMap<u64, Endpoint>, String> {
    let mut endpoints = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        // No message shows the URL, which may contain a password.
        let (chain, url) = entry.split_once('=').ok_or("expected CHAIN_ID=URL, separated by commas")?;
        let chain: u64 =
            chain.trim().parse().map_err(|_| "invalid chain id: expected a decimal number".to_owned())?;
        let endpoint = Endpoint::configured(url.trim()).map_err(|error| format!("chain {chain}: {error}"))?;
        if endpoints.insert(chain, endpoint).is_some() {
            return Err(format!("chain {chain} occurs twice"));
        }
    }
    Ok(endpoints)
}
