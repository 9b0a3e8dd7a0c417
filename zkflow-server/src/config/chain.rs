//! [`Chain`]: settings of deployments.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "evm")]
use zkflow_evm::{ChainSettings, Keyring, Policy, SpendingLimits};

use super::secret::SecretSetting;
use super::setting::{BILLION, YEAR_S, settings};
#[cfg(feature = "evm")]
use super::variables::SecretVariables;

settings! {
    /// Chain
    Chain at chain {
        /// RPC node of each chain for deployments, CHAIN_ID=URL, separated by commas (default: none). URLs
        /// may contain passwords and are never shown
        rpc_urls: Option<SecretSetting> = None, "rpc-urls", "ZKFLOW_RPC_URLS";
        /// Signers of deployments, NAME=SOURCE, separated by commas (default: none). SOURCE is env:VARIABLE,
        /// which contains a private key, file:PATH with one, keystore:PATH:VARIABLE, an encrypted file and the variable of its
        /// password, web3signer:ADDRESS:URL, a signing service, or kms:ADDRESS:KEY, a key of AWS KMS. Processes without deployments use
        /// the names only. The setting is never shown, in case it contains a key by mistake
        signers: Option<SecretSetting> = None, "signers", "ZKFLOW_SIGNERS";
        /// Tenants that may use a signer, NAME=TENANT|TENANT, separated by commas (default: all). To other tenants, it does
        /// not exist
        signer_tenants: Option<String> = None, "signer-tenants", "ZKFLOW_SIGNER_TENANTS";
        /// Path of a native solc 0.8.30 (default: the npm package solc under Node.js)
        solc_path: Option<PathBuf> = None, "solc-path", "SOLC_PATH";
        /// Chains that accept keys for development. One block confirms a transaction there
        development_chains: Vec<u64> = vec![31337, 1337], "development-chains", "ZKFLOW_DEVELOPMENT_CHAINS";
        /// Blocks that confirm a deployment, including the block of its transaction
        confirmations: u64 = 3, "confirmations", "ZKFLOW_CONFIRMATIONS", 1..=10_000;
        /// Time limit from the request of a deployment to its confirmation
        deploy_time_s: u64 = 3600, "deploy-time-s", "ZKFLOW_DEPLOY_TIME_S", 1..=YEAR_S;
        /// Time that a transaction waits to be mined before it is replaced by one with the same nonce at a higher price
        replace_after_s: u64 = 300, "replace-after-s", "ZKFLOW_REPLACE_AFTER_S", 1..=YEAR_S;
        /// Highest price of gas that a signer pays, in gwei
        max_fee_gwei: u64 = 300, "max-fee-gwei", "ZKFLOW_MAX_FEE_GWEI", 1..=BILLION;
        /// Highest gas limit of a deployment
        max_gas: u64 = 8_000_000, "max-gas", "ZKFLOW_MAX_GAS", 1..=BILLION;
        /// Highest cost of a deployment, gas limit times price, in gwei: 10^9 gwei are one coin of the chain
        max_cost_gwei: u64 = 500_000_000, "max-cost-gwei", "ZKFLOW_MAX_COST_GWEI", 1..=BILLION * BILLION;
        /// Highest cost of all deployments that a signer signs within 24 hours, for each chain and in all processes together, in gwei
        max_daily_gwei: u64 = 2_000_000_000, "max-daily-gwei", "ZKFLOW_MAX_DAILY_GWEI", 1..=BILLION * BILLION;
        /// Accept private keys in requests; a key is sealed, used once and destroyed
        allow_request_keys: bool = false, "allow-request-keys", "ZKFLOW_ALLOW_REQUEST_KEYS";
        /// Accept RPC URLs in requests, beside a private key: https at public addresses only
        allow_request_rpc: bool = false, "allow-request-rpc", "ZKFLOW_ALLOW_REQUEST_RPC";
        /// Accept http and loopback RPC URLs in requests too; requires allow_request_rpc. Never enable it on
        /// a server that others use
        development: bool = false, "development", "ZKFLOW_DEVELOPMENT";
    }
}

impl Chain {
    /// Names of the variables that contain keys and passwords of the signers.
    #[cfg(feature = "evm")]
    pub(super) fn signer_variables(&self) -> Vec<String> {
        Keyring::variables(self.signers.as_ref().map_or("", SecretSetting::expose))
    }

    /// None: nothing signs.
    #[cfg(not(feature = "evm"))]
    pub(super) fn signer_variables(&self) -> Vec<String> {
        Vec::new()
    }

    /// Settings for `zkflow_evm`, in a process that signs or not. `variables` contains the keys and passwords of signers.
    #[cfg(feature = "evm")]
    pub fn settings(&self, signs: bool, variables: &SecretVariables) -> ChainSettings {
        let secret =
            |setting: &Option<SecretSetting>| setting.as_ref().map_or("", SecretSetting::expose).into();
        ChainSettings {
            signs,
            rpc_urls: secret(&self.rpc_urls),
            signers: secret(&self.signers),
            variables: variables.to_secrets(),
            signer_tenants: self.signer_tenants.clone().unwrap_or_default(),
            development_chains: self.development_chains.clone(),
            request_rpc: self.allow_request_rpc.then_some(Policy { local: self.development }),
            request_keys: self.allow_request_keys,
            confirmations: self.confirmations,
            spending: SpendingLimits {
                fee_gwei: self.max_fee_gwei,
                gas: self.max_gas,
                cost_gwei: self.max_cost_gwei,
                daily_gwei: self.max_daily_gwei,
            },
        }
    }

    /// Time that a transaction waits to be mined before it is replaced.
    pub fn replace_after(&self) -> Duration {
        Duration::from_secs(self.replace_after_s)
    }

    /// Time limit from the request of a deployment to its confirmation.
    pub fn deploy_time(&self) -> Duration {
        Duration::from_secs(self.deploy_time_s)
    }
}
