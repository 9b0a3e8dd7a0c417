//! The settings: defaults, then a TOML file, then the environment, then flags; the later one wins.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use zkflow_core::compile::CompileLimits;
use zkflow_core::prove::ProverKind;
use zkflow_core::prove::native::NativeOptions;
use zkflow_core::setup::{Beacon, CeremonyError};
use zkflow_core::witness::WitnessLimits;
#[cfg(feature = "evm")]
use zkflow_evm::{ChainSettings, Policy};

mod secret;

pub use secret::Setting as SecretSetting;

/// Declares [`Config`] (every setting has its value) and [`Layer`] (what one place says of them).
///
/// The documentation of a setting is the help of its flag too.
macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, [$($arg:tt)*]; )+) => {
        /// The effective settings.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct Config {
            $( $(#[doc = $doc])+ pub $name: $type, )+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $( $name: $default, )+ }
            }
        }

        /// What one place (a file; or the environment and flags) says about the settings.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Args)]
        #[serde(deny_unknown_fields, default)]
        pub struct Layer {
            $( $(#[doc = $doc])+ #[arg($($arg)*)] pub $name: Option<<$type as Settable>::Said>, )+
        }

        impl Config {
            /// Lets what `layer` says win over what is here.
            fn apply(&mut self, layer: Layer) {
                $( if let Some(said) = layer.$name { self.$name = Settable::set(said); } )+
            }
        }
    };
}

settings! {
    /// Address to listen on (default 127.0.0.1). There is no authentication: bind to another address only
    /// behind a proxy that authenticates
    bind: IpAddr = IpAddr::from([127, 0, 0, 1]), [long, env = "BIND"];
    /// Port to listen on (default 3000); 0 lets the system choose
    port: u16 = 3000, [long, env = "PORT"];
    /// Log level of ZKFlow (default info). Libraries never log debug or trace messages, since these could
    /// contain the bytes of a request
    log_level: LogLevel = LogLevel::Info, [long, env = "LOG_LEVEL", value_enum, ignore_case = true];
    /// Format of log lines (default text)
    log_format: LogFormat = LogFormat::Text, [long, env = "LOG_FORMAT", value_enum];
    /// Folder for local state: catalog, queue, artifacts, vault key and caches (default ./zkflow-data)
    data_dir: PathBuf = PathBuf::from("./zkflow-data"), [long, env = "ZKFLOW_DATA_DIR"];
    /// Key that seals private inputs, 64 hex digits (default: generated and stored in the data folder).
    /// Prefer the environment variable: other users of the machine can read flags
    secret_key: Option<SecretSetting> = None, [long, env = "ZKFLOW_SECRET_KEY", hide_env_values = true];
    /// Folders of additional templates (default: none)
    templates: Vec<PathBuf> = Vec::new(), [long, env = "ZKFLOW_TEMPLATES", value_parser = path_list, value_name = "PATH[:PATH]"];
    /// Let templates of these folders replace built-in ones of the same name (default false)
    allow_template_override: bool = false, [long, env = "ZKFLOW_ALLOW_TEMPLATE_OVERRIDE", action = clap::ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "true|false"];
    /// Path of a native circom (default: circom as WebAssembly in a sandbox)
    circom_path: Option<PathBuf> = None, [long, env = "CIRCOM_PATH"];
    /// Prepared powers of tau (.ptau) for key generation, checked once at the first start. By default each
    /// size is generated in the data folder; such keys are for development only
    ptau_path: Option<PathBuf> = None, [long, env = "PTAU_PATH"];

    /// Folder of compiled WebAssembly modules (default: modules in the data folder). Processes may share it
    module_cache: Option<PathBuf> = None, [long, env = "ZKFLOW_MODULE_CACHE"];

    /// Redis 7 or later that stores the jobs, so that workers can run on many machines (default: SQLite in
    /// the data folder). URLs start with redis://, or rediss:// for TLS; separate several nodes of a cluster
    /// by commas. Prefer the environment variable: other users of the machine can read flags
    redis_url: Option<SecretSetting> = None, [long, env = "REDIS_URL", hide_env_values = true];
    /// Prefix of all Redis keys, without braces (default zkflow)
    redis_namespace: String = "zkflow".to_owned(), [long, env = "REDIS_NAMESPACE"];
    /// MongoDB that stores the documents, so that processes can run on many machines (default: SQLite in the
    /// data folder): mongodb://user:password@host/database. Prefer the environment variable: other users of
    /// the machine can read flags
    mongodb_uri: Option<SecretSetting> = None, [long, env = "MONGODB_URI", hide_env_values = true];
    /// S3 bucket that stores the artifacts (default: files in the data folder). Credentials come from
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role
    s3_bucket: Option<String> = None, [long, env = "S3_BUCKET"];
    /// Prefix of all object keys in the bucket (default: none)
    s3_prefix: String = String::new(), [long, env = "S3_PREFIX"];
    /// Region of the bucket (default: from the AWS profile or the machine; us-east-1 with s3_endpoint)
    aws_region: Option<String> = None, [long, env = "AWS_REGION"];
    /// URL of an S3-compatible server (default: Amazon S3)
    s3_endpoint: Option<String> = None, [long, env = "S3_ENDPOINT"];
    /// Put the bucket name in the URL path instead of the host name (default false)
    s3_force_path_style: bool = false, [long, env = "S3_FORCE_PATH_STYLE", action = clap::ArgAction::Set, value_name = "true|false"];
    /// Validity in seconds of the signed bucket URLs that artifact downloads are redirected to, at most
    /// 604800. The default 0 sends downloads through this server
    s3_redirect_s: u64 = 0, [long, env = "S3_REDIRECT_S"];
    /// Folder that caches artifacts from the bucket (default: artifact-cache in the data folder). Processes
    /// may share it
    artifact_cache: Option<PathBuf> = None, [long, env = "ZKFLOW_ARTIFACT_CACHE"];
    /// Size limit of the artifact cache in MiB (default 16384)
    artifact_cache_mib: u64 = 16 * 1024, [long];

    /// Run jobs in this process, not only the API (default true)
    workers: bool = true, [long, env = "ZKFLOW_WORKERS", action = clap::ArgAction::Set, value_name = "true|false"];
    /// Number of circuits built in parallel (default 1)
    keygen_concurrency: u32 = 1, [long, env = "KEYGEN_CONCURRENCY"];
    /// Public beacon that ends the generation of every key (default: none). VALUE is hexadecimal and is
    /// hashed 2^EXPONENT times
    keygen_beacon: Option<String> = None, [long, env = "KEYGEN_BEACON", value_name = "VALUE:EXPONENT"];
    /// Number of proofs made in parallel (default 2)
    proof_concurrency: u32 = 2, [long, env = "PROOF_CONCURRENCY"];
    /// Memory limit in MiB for all proofs that run in parallel, by the prediction in each circuit's report. A
    /// proof that does not fit returns to the queue. The default 0 means three quarters of the memory of the
    /// machine or its control group
    proof_memory_mib: u64 = 0, [long, env = "ZKFLOW_PROOF_MEMORY_MIB"];
    /// Prover: native, or ark, the slow reference (default native)
    prover: ProverKind = ProverKind::Native, [long, env = "ZKFLOW_PROVER"];
    /// Threads of the native prover; the default 0 uses one per processor. A single proof uses all threads;
    /// proofs that run in parallel use one thread each
    prover_threads: u32 = 0, [long, env = "ZKFLOW_PROVER_THREADS"];
    /// Memory limit in MiB for the points of one key together with precomputed multiples (default 0).
    /// Multiples speed up proofs but slow down the first one. There are no multiples if the limit is below
    /// the size of the points
    key_memory_mib: u64 = 0, [long, env = "ZKFLOW_KEY_MEMORY_MIB"];
    /// Folder of prepared keys (default: keys in the data folder). Processes may share it
    key_cache: Option<PathBuf> = None, [long, env = "ZKFLOW_KEY_CACHE"];
    /// Size limit of the prepared keys on disk in MiB (default 16384)
    key_cache_mib: u64 = 16 * 1024, [long];
    /// Memory limit of the prepared circuits in MiB (default 1024)
    circuit_cache_mib: u64 = 1024, [long];
    /// Attempts of a job, other than a deployment, before it is abandoned (default 3). Failures and worker
    /// crashes both count
    job_attempts: u32 = 3, [long];
    /// Lease of a job in seconds (default 30). A job is handed out again if its worker is silent for this
    /// long
    lease_s: u64 = 30, [long];
    /// Seconds that running jobs have to finish after a stop signal (default 30)
    drain_s: u64 = 30, [long];
    /// Interval in seconds between removals of expired requests (default 60). Orphaned artifacts are removed
    /// hourly
    cleanup_interval_s: u64 = 60, [long];
    /// Interval in seconds between searches for owed work that the queue lost (default 10)
    reconcile_interval_s: u64 = 10, [long];

    /// Time limit of a compilation in seconds (default 120)
    compile_time_s: u64 = 120, [long];
    /// Memory limit of a compilation in MiB (default 2048)
    compile_memory_mib: u64 = 2048, [long];
    /// Time limit of a witness calculation in seconds (default 120)
    witness_time_s: u64 = 120, [long];
    /// Memory limit of a witness calculation in MiB (default 2048)
    witness_memory_mib: u64 = 2048, [long];

    /// RPC node of each chain for deployments, separated by commas (default: none). URLs may contain
    /// passwords and are never shown
    rpc_urls: Option<SecretSetting> = None, [long, env = "ZKFLOW_RPC_URLS", hide_env_values = true, value_name = "CHAIN_ID=URL,.."];
    /// Signers of deployments, separated by commas (default: none). SOURCE is env:VARIABLE, which contains a
    /// private key, or keystore:PATH:VARIABLE, an encrypted file and the variable of its password. The
    /// setting is never shown, in case it contains a key by mistake
    signers: Option<SecretSetting> = None, [long, env = "ZKFLOW_SIGNERS", hide_env_values = true, value_name = "NAME=SOURCE,.."];
    /// Path of a native solc 0.8.30 (default: the npm package solc under Node.js)
    solc_path: Option<PathBuf> = None, [long, env = "SOLC_PATH"];
    /// Chains that accept keys for development (default 31337,1337). One block confirms a transaction there
    development_chains: Vec<u64> = vec![31337, 1337], [long, env = "ZKFLOW_DEVELOPMENT_CHAINS", value_parser = chain_list, value_name = "CHAIN_ID[,CHAIN_ID]"];
    /// Blocks that confirm a deployment, including the block of its transaction (default 3)
    confirmations: u64 = 3, [long, env = "ZKFLOW_CONFIRMATIONS"];
    /// Time limit in seconds from the request of a deployment to its confirmation (default 3600)
    deploy_time_s: u64 = 3600, [long];
    /// Number of deployments in parallel (default 4)
    deploy_concurrency: u32 = 4, [long];
    /// Limit of unfinished deployments; further ones are refused with 429 (default 100)
    max_pending_deployments: u64 = 100, [long];
    /// Accept private keys in requests; a key is sealed, used once and destroyed (default false)
    allow_request_keys: bool = false, [long, env = "ZKFLOW_ALLOW_REQUEST_KEYS", action = clap::ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "true|false"];
    /// Accept RPC URLs in requests: https at public addresses only (default false)
    allow_request_rpc: bool = false, [long, env = "ZKFLOW_ALLOW_REQUEST_RPC", action = clap::ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "true|false"];
    /// Accept http and loopback RPC URLs in requests too (default false); requires allow_request_rpc. Never
    /// enable it on a server that others use
    development: bool = false, [long, env = "ZKFLOW_DEVELOPMENT", action = clap::ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "true|false"];

    /// Size limit of a request body in bytes (default 2097152)
    max_body_bytes: usize = 2 * 1024 * 1024, [long];
    /// Timeout of a request in seconds (default 75); also applies to its headers and to idle connections
    request_time_s: u64 = 75, [long];
    /// Upper limit of ?wait= in seconds (default 60); must be less than request_time_s
    max_wait_s: u64 = 60, [long];
    /// Limit of open connections; further ones wait (default 4096)
    max_connections: usize = 4096, [long];
    /// Limit of open long-polls and event streams together (default 1024)
    max_watchers: usize = 1024, [long];
    /// Limit of unfinished proof requests; further ones are refused with 429 (default 10000)
    max_pending_proofs: u64 = 10_000, [long];
    /// Limit of unfinished circuits; further ones are refused with 429 (default 1000)
    max_pending_circuits: u64 = 1_000, [long];
    /// Lifetime of a proof request in seconds (default 604800, 7 days)
    proof_ttl_s: u64 = 7 * 24 * 3600, [long];
}

/// The settings as flags and environment give them, and the file with further ones.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// TOML file of settings; names are those of the flags, with `_` for `-`
    #[arg(long, env = "ZKFLOW_CONFIG")]
    pub config: Option<PathBuf>,
    /// Single settings.
    #[command(flatten)]
    pub layer: Layer,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

impl Config {
    /// Reads the file that `args` names, if any, and puts everything together.
    ///
    /// # Errors
    /// The file cannot be read, holds an unknown setting or a value of the wrong type, or the
    /// settings do not fit together.
    pub fn load(args: ConfigArgs) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = &args.config {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            config.apply(parse(&text, path)?);
        }
        config.apply(args.layer);
        config.check()?;
        Ok(config)
    }

    /// The settings as a TOML file, secrets redacted.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Expect safety: every field is a number, a text, a boolean or a list of these.
        let fields = serde_json::to_value(self).expect("plain settings serialise");
        for (name, value) in fields.as_object().into_iter().flatten() {
            // JSON's scalars and arrays of them are TOML's; TOML has no null.
            let line = if value.is_null() { format!("# {name} =") } else { format!("{name} = {value}") };
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// How long a proof request is kept.
    pub fn proof_ttl(&self) -> Duration {
        Duration::from_secs(self.proof_ttl_s)
    }

    /// The public value that ends the making of every key.
    ///
    /// # Errors
    /// The setting is no beacon.
    pub fn keygen_beacon(&self) -> Result<Option<Beacon>, CeremonyError> {
        self.keygen_beacon.as_deref().map(str::parse).transpose()
    }

    /// The limits of a compilation.
    pub fn compile_limits(&self) -> CompileLimits {
        CompileLimits {
            wall: Duration::from_secs(self.compile_time_s),
            memory_bytes: bytes(self.compile_memory_mib),
            ..CompileLimits::default()
        }
    }

    /// The limits of the calculation of a witness.
    pub fn witness_limits(&self) -> WitnessLimits {
        WitnessLimits {
            wall: Duration::from_secs(self.witness_time_s),
            memory_bytes: bytes(self.witness_memory_mib),
            ..WitnessLimits::default()
        }
    }

    /// The settings of the native prover, with prepared keys in `folder`.
    pub fn native_options(&self, folder: Option<PathBuf>) -> NativeOptions {
        NativeOptions {
            threads: NonZeroUsize::new(self.prover_threads as usize),
            key_memory: bytes(self.key_memory_mib),
            cache_dir: folder,
            cache_bytes: self.key_cache_mib.saturating_mul(1024 * 1024),
            ..NativeOptions::default()
        }
    }

    /// What the settings allow of chains.
    #[cfg(feature = "evm")]
    pub fn chain_settings(&self) -> ChainSettings {
        let secret =
            |setting: &Option<SecretSetting>| setting.as_ref().map_or("", SecretSetting::expose).into();
        ChainSettings {
            rpc_urls: secret(&self.rpc_urls),
            signers: secret(&self.signers),
            development_chains: self.development_chains.clone(),
            request_rpc: self.allow_request_rpc.then_some(Policy { local: self.development }),
            request_keys: self.allow_request_keys,
            confirmations: self.confirmations,
        }
    }

    /// Bytes of prepared circuits that are kept in memory.
    pub fn circuit_cache_bytes(&self) -> u64 {
        self.circuit_cache_mib.saturating_mul(1024 * 1024)
    }

    /// Bytes of artifacts from the bucket that are kept on disk.
    pub fn artifact_cache_bytes(&self) -> u64 {
        self.artifact_cache_mib.saturating_mul(1024 * 1024)
    }

    /// Bytes that proofs may take at the same time, if the settings say.
    pub fn proof_memory_bytes(&self) -> Option<u64> {
        (self.proof_memory_mib > 0).then(|| self.proof_memory_mib.saturating_mul(1024 * 1024))
    }

    /// The numbers with the range of each: far beyond what is of use, and far below what overflows.
    fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 30] {
        const YEAR_S: u64 = 365 * 24 * 3600;
        const TEBIBYTE_MIB: u64 = 1024 * 1024;
        const MANY: u64 = 1_000_000_000;
        [
            ("keygen_concurrency", self.keygen_concurrency.into(), 1..=1024),
            ("proof_concurrency", self.proof_concurrency.into(), 1..=1024),
            ("proof_memory_mib", self.proof_memory_mib, 0..=TEBIBYTE_MIB),
            ("artifact_cache_mib", self.artifact_cache_mib, 0..=TEBIBYTE_MIB),
            // Signatures hold for a week at most.
            ("s3_redirect_s", self.s3_redirect_s, 0..=7 * 24 * 3600),
            ("prover_threads", self.prover_threads.into(), 0..=1024),
            ("key_memory_mib", self.key_memory_mib, 0..=TEBIBYTE_MIB),
            ("key_cache_mib", self.key_cache_mib, 0..=TEBIBYTE_MIB),
            ("circuit_cache_mib", self.circuit_cache_mib, 0..=TEBIBYTE_MIB),
            ("job_attempts", self.job_attempts.into(), 1..=1000),
            ("lease_s", self.lease_s, 1..=YEAR_S),
            ("drain_s", self.drain_s, 0..=YEAR_S),
            ("cleanup_interval_s", self.cleanup_interval_s, 1..=YEAR_S),
            ("reconcile_interval_s", self.reconcile_interval_s, 1..=YEAR_S),
            ("compile_time_s", self.compile_time_s, 1..=YEAR_S),
            ("compile_memory_mib", self.compile_memory_mib, 1..=TEBIBYTE_MIB),
            ("witness_time_s", self.witness_time_s, 1..=YEAR_S),
            ("witness_memory_mib", self.witness_memory_mib, 1..=TEBIBYTE_MIB),
            ("confirmations", self.confirmations, 1..=10_000),
            ("deploy_time_s", self.deploy_time_s, 1..=YEAR_S),
            ("deploy_concurrency", self.deploy_concurrency.into(), 1..=1024),
            ("max_pending_deployments", self.max_pending_deployments, 0..=MANY),
            ("max_body_bytes", self.max_body_bytes as u64, 1..=1024 * 1024 * 1024),
            ("request_time_s", self.request_time_s, 1..=YEAR_S),
            ("max_wait_s", self.max_wait_s, 0..=YEAR_S),
            ("max_connections", self.max_connections as u64, 1..=1_000_000),
            ("max_watchers", self.max_watchers as u64, 0..=1_000_000),
            ("max_pending_proofs", self.max_pending_proofs, 0..=MANY),
            ("max_pending_circuits", self.max_pending_circuits, 0..=MANY),
            ("proof_ttl_s", self.proof_ttl_s, 1..=10 * YEAR_S),
        ]
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (name, value, range) in self.numbers() {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                let detail = format!("{name} must be between {least} and {most}, and is {value}");
                return Err(ConfigError::Unfit(detail));
            }
        }
        if self.redis_namespace.is_empty() || self.redis_namespace.contains(['{', '}']) {
            return Err(ConfigError::Unfit("redis_namespace must be a text without braces".to_owned()));
        }
        if let Err(error) = self.keygen_beacon() {
            return Err(ConfigError::Unfit(format!("keygen_beacon: {error}")));
        }
        if self.max_wait_s >= self.request_time_s {
            return Err(ConfigError::Unfit("max_wait_s must be less than request_time_s".to_owned()));
        }
        Ok(())
    }
}

/// Reads paths joined by `:`.
fn path_list(text: &str) -> Result<Vec<PathBuf>, Infallible> {
    Ok(std::env::split_paths(text).filter(|path| !path.as_os_str().is_empty()).collect())
}

/// Reads chain ids joined by commas.
fn chain_list(text: &str) -> Result<Vec<u64>, std::num::ParseIntError> {
    text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::parse).collect()
}

fn bytes(mebibytes: u64) -> usize {
    usize::try_from(mebibytes.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX)
}

fn parse(text: &str, path: &Path) -> Result<Layer, ConfigError> {
    toml::from_str(text).map_err(|error| {
        // The full text of the error shows the line, which may hold a secret.
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        ConfigError::Malformed { path: path.to_owned(), line, detail: error.message().to_owned() }
    })
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a TOML file of settings.
    #[error("{path}:{line}: {detail}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// A value does not fit.
    #[error("configuration: {0}")]
    Unfit(String),
}

/// How a setting's type is said: `Option<T>` and `T` are both said as a `T`.
pub trait Settable: Sized {
    /// How one place says it.
    type Said;
    /// The setting of what was said.
    fn set(said: Self::Said) -> Self;
}

/// Implements [`Settable`] for types that are said as they are.
macro_rules! said_plainly {
    ($($type:ty),+) => { $(
        impl Settable for $type {
            type Said = Self;
            fn set(said: Self) -> Self {
                said
            }
        }
    )+ };
}

said_plainly!(
    IpAddr,
    u16,
    u32,
    u64,
    usize,
    bool,
    String,
    PathBuf,
    Vec<PathBuf>,
    Vec<u64>,
    LogLevel,
    LogFormat,
    ProverKind
);

impl<T> Settable for Option<T> {
    type Said = T;
    fn set(said: T) -> Self {
        Some(said)
    }
}

#[cfg(test)]
mod tests;
