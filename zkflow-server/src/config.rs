//! The settings: defaults, then a TOML file, then the environment, then flags; the later one wins.
//!
//! Each concern is a struct that declares its settings, each with type, default, flag, variable, range and
//! meaning. Help, errors, the printed file and the settings page are generated from these rows.

use std::path::PathBuf;

use zkflow_core::service::account::Account;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

mod args;
mod auth;
mod chain;
mod circuits;
mod environment;
mod error;
mod file;
mod http;
mod limits;
mod log;
mod plans;
mod proving;
mod secret;
mod setting;
mod storage;
mod value;
mod variables;
mod webhooks;
mod workers;

pub use args::ConfigArgs;
pub use auth::{Auth, AuthMethod};
pub use chain::Chain;
pub use circuits::Circuits;
pub use environment::Environment;
pub use error::{ConfigError, Fault};
pub use http::{Http, TlsFiles};
pub use limits::Limits;
pub use log::{Log, LogFormat, LogLevel};
pub use plans::{Plan, Plans};
pub use proving::Proving;
pub use secret::SecretSetting;
pub use setting::{Concern, Setting};
pub use storage::{InvalidNamespace, Namespace, Storage};
pub use variables::SecretVariables;
pub use webhooks::Webhooks;
pub use workers::Workers;

/// The concerns, in the order of help and pages.
pub static CONCERNS: [Concern; 10] = [
    Http::CONCERN,
    Auth::CONCERN,
    Log::CONCERN,
    Storage::CONCERN,
    Workers::CONCERN,
    Circuits::CONCERN,
    Proving::CONCERN,
    Limits::CONCERN,
    Chain::CONCERN,
    Webhooks::CONCERN,
];

/// The effective settings, one table of the TOML file per field.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "the types say it")]
pub struct Config {
    pub http: Http,
    pub auth: Auth,
    pub log: Log,
    pub storage: Storage,
    pub workers: Workers,
    pub circuits: Circuits,
    pub proving: Proving,
    pub limits: Limits,
    pub chain: Chain,
    pub webhooks: Webhooks,
    pub plans: Plans,
    /// Secrets of the environment that are no settings.
    pub variables: SecretVariables,
    /// Faults of the sources that do not stop a process. It logs them when it starts.
    pub warnings: Vec<String>,
}

impl Config {
    /// Loads the settings of a process: `args`, its environment, and the file that one of them names.
    ///
    /// # Errors
    /// See [`gather`](Self::gather).
    pub fn load(args: &ConfigArgs) -> Result<Self, ConfigError> {
        Self::gather(args, &Environment::of_process())
    }

    /// Puts the sources together: file, environment, flags; the later one wins.
    ///
    /// # Errors
    /// - The file cannot be read or is not TOML.
    /// - A setting of the file or a variable `ZKFLOW_…` is unknown.
    /// - A value has the wrong type or is out of range, even when a later source replaces it.
    /// - Two settings contradict each other.
    pub fn gather(args: &ConfigArgs, environment: &Environment) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let named = environment.get(args::FILE_VARIABLE).map(PathBuf::from);
        if let Some(path) = args.file().map(PathBuf::from).or(named) {
            file::apply(&mut config, &path)?;
        }
        environment.apply(&mut config)?;
        args.apply(&mut config)?;
        environment.refuse_unknown(&config)?;
        config.variables = SecretVariables::of(environment, config.chain.signer_variables());
        config.http.check()?;
        config.limits.check()?;
        config.auth.check()?;
        config.storage.check()?;
        Ok(config)
    }

    /// Event streams and long-polls at the same time, in a process, of the accounts that a caller counts for. An account that is
    /// not among them has as many as its addresses.
    pub fn watchers_of(&self, tenant: &TenantId, key: Option<&KeyId>) -> Vec<(Account, usize)> {
        self.held_by(tenant, key, self.http.max_watchers, |plan| plan.max_watchers)
    }

    /// As [`watchers_of`](Self::watchers_of), for downloads.
    pub fn downloads_of(&self, tenant: &TenantId, key: Option<&KeyId>) -> Vec<(Account, usize)> {
        self.held_by(tenant, key, self.http.max_downloads, |plan| plan.max_downloads)
    }

    /// Bytes of a budget of `all` that a tenant may hold at the same time, `largest` or more. Empty: there is no limit.
    pub fn bytes_of(&self, tenant: &TenantId, all: usize, largest: usize) -> Vec<(Account, usize)> {
        let share = self.share_of(all).map(|share| (Account::of_tenant(tenant.clone()), share.max(largest)));
        share.into_iter().collect()
    }

    fn held_by(
        &self,
        tenant: &TenantId,
        key: Option<&KeyId>,
        all: usize,
        limit: impl Fn(&Plan) -> Option<usize>,
    ) -> Vec<(Account, usize)> {
        let of_tenant = self.plans.of(tenant).and_then(&limit).or_else(|| self.share_of(all));
        let of_tenant = of_tenant.map(|most| (Account::of_tenant(tenant.clone()), most));
        let own = self.plans.of_key(tenant, key).and_then(|(account, plan)| Some((account, limit(plan)?)));
        own.into_iter().chain(of_tenant).collect()
    }

    /// Share of limited resources that one tenant may have, in percent: 100 without authentication, where there is one tenant.
    pub fn tenant_share_percent(&self) -> u64 {
        if self.auth.methods.is_empty() { 100 } else { self.limits.tenant_share_percent }
    }

    /// The share of a tenant without a plan; `None`: all.
    fn share_of(&self, all: usize) -> Option<usize> {
        let percent = usize::try_from(self.tenant_share_percent()).unwrap_or(100);
        (percent < 100).then(|| all.saturating_mul(percent).div_ceil(100).max(1))
    }

    /// The variables of the environment whose values are secret and are contained in these settings: a process no longer needs
    /// them in its environment.
    pub fn secret_variables(&self) -> impl Iterator<Item = &str> {
        let of_settings = settings().filter(|setting| setting.is_secret()).map(|setting| setting.variable);
        of_settings.chain(self.variables.names())
    }

    /// The settings as a TOML file that [`load`](Self::load) reads back. Secrets are redacted comments; unset
    /// settings are comments.
    ///
    /// ```
    /// use zkflow_server::config::Config;
    ///
    /// let mut config = Config::default();
    /// config.http.port = 8080;
    /// assert!(config.to_toml().contains("port = 8080"));
    /// ```
    pub fn to_toml(&self) -> String {
        let tables = CONCERNS.iter().map(|concern| {
            let lines: String = concern.settings.iter().map(|setting| setting.line(self) + "\n").collect();
            format!("[{}]\n{lines}", concern.table)
        });
        tables.collect::<Vec<_>>().join("\n") + &self.plans.to_toml()
    }
}

/// All settings of all concerns.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    CONCERNS.iter().flat_map(|concern| concern.settings)
}
