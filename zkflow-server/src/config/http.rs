//! [`Http`]: settings of the HTTP API.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::setting::{TEBIBYTE_MIB, YEAR_S, bytes, settings};

settings! {
    /// HTTP API
    Http at http {
        /// Address to listen on. Another address than a loopback one needs a way to authenticate; see auth
        bind: IpAddr = IpAddr::from([127, 0, 0, 1]), "bind", "BIND";
        /// Port to listen on; 0 lets the system choose
        port: u16 = 3000, "port", "PORT", 0..=65535;
        /// Certificate chain of the API in PEM, for https; read again when the file changes. The operations port uses http
        tls_certificate: Option<PathBuf> = None, "tls-certificate", "ZKFLOW_TLS_CERTIFICATE";
        /// Private key of the certificate in PEM
        tls_key: Option<PathBuf> = None, "tls-key", "ZKFLOW_TLS_KEY";
        /// CA certificates in PEM: clients of the API must have a certificate of one of them, beside their key or token (mTLS).
        /// Read again when the file changes. Needs tls_certificate
        tls_client_ca: Option<PathBuf> = None, "tls-client-ca", "ZKFLOW_TLS_CLIENT_CA";
        /// Unix socket that the API listens on too, without TLS; only its user and group can connect
        unix_socket: Option<PathBuf> = None, "unix-socket", "ZKFLOW_UNIX_SOCKET";
        /// Size limit of a request body; of a request for proofs a third and 128 KiB more, because sealed inputs are base64
        max_body_bytes: usize = 2 << 20, "max-body-bytes", "ZKFLOW_MAX_BODY_BYTES", 1..=1 << 30;
        /// Timeout of a request; also applies to its headers and to idle connections
        request_time_s: u64 = 75, "request-time-s", "ZKFLOW_REQUEST_TIME_S", 1..=YEAR_S;
        /// Upper limit of ?wait=; must be less than request_time_s
        max_wait_s: u64 = 60, "max-wait-s", "ZKFLOW_MAX_WAIT_S", 0..=YEAR_S;
        /// Memory for request bodies together, and as much for parts of uploads; further requests are refused with 503
        body_memory_mib: u64 = 64, "body-memory-mib", "ZKFLOW_BODY_MEMORY_MIB", 1..=TEBIBYTE_MIB;
        /// Limit of artifact downloads through this process together; further ones are refused with 429
        max_downloads: usize = 64, "max-downloads", "ZKFLOW_MAX_DOWNLOADS", 1..=1_000_000;
        /// Share of connections, bodies, downloads, long-polls and event streams that the clients of one address
        /// may hold, in percent. Set 100 behind a proxy, where all clients have the proxy's address
        address_share_percent: u64 = 25, "address-share-percent", "ZKFLOW_ADDRESS_SHARE_PERCENT", 1..=100;
        /// Port for /health, /ready and /metrics on a listener of their own, at the same address; 0: on the
        /// port of the API
        operations_port: u16 = 0, "operations-port", "ZKFLOW_OPERATIONS_PORT", 0..=65535;
        /// Tenants with metrics of their own, the first ones that a process works for; all others are one, named other. 0: no
        /// metrics by tenant
        metrics_tenants: usize = 0, "metrics-tenants", "ZKFLOW_METRICS_TENANTS", 0..=1000;
        /// Whether / is a web page for people; see docs/dashboard.md
        dashboard: bool = true, "dashboard", "ZKFLOW_DASHBOARD";
        /// Time without use after which a session of the web page ends; 0: no limit
        dashboard_idle_s: u64 = 900, "dashboard-idle-s", "ZKFLOW_DASHBOARD_IDLE_S", 0..=YEAR_S;
        /// Time after which a session of the web page ends, also if it is used; 0: no limit
        dashboard_session_s: u64 = 28_800, "dashboard-session-s", "ZKFLOW_DASHBOARD_SESSION_S", 0..=YEAR_S;
        /// Limit of open connections; a further one replaces the one that was idle for longest, or waits
        max_connections: usize = 4096, "max-connections", "ZKFLOW_MAX_CONNECTIONS", 1..=1_000_000;
        /// Limit of open long-polls and event streams together
        max_watchers: usize = 1024, "max-watchers", "ZKFLOW_MAX_WATCHERS", 0..=1_000_000;
    }
}

impl Http {
    /// Timeout of a request, of its headers, and of idle connections.
    pub fn request_time(&self) -> Duration {
        Duration::from_secs(self.request_time_s)
    }

    /// Memory for request bodies together, in bytes.
    pub fn body_memory(&self) -> usize {
        usize::try_from(bytes(self.body_memory_mib)).unwrap_or(usize::MAX)
    }

    /// Size limit of a body with sealed inputs in bytes: inputs that fit open also fit sealed.
    pub fn sealed_body_bytes(&self) -> usize {
        // The forms of up to 1000 entries differ by less than 128 bytes each, beside base64.
        self.max_body_bytes + self.max_body_bytes.div_ceil(3) + 128 * 1024
    }

    /// Connections that one address may have.
    pub fn connections_per_address(&self) -> usize {
        (self.max_connections as u64 * self.address_share_percent / 100).max(1) as usize
    }

    /// Files of TLS; `None`: the API uses http.
    pub fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_certificate.clone()?,
            key: self.tls_key.clone()?,
            client_ca: self.tls_client_ca.clone(),
        })
    }

    /// Checks the settings against each other.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { max_wait_s, request_time_s, .. } = self;
        if max_wait_s < request_time_s {
            return Ok(());
        }
        let detail = format!(
            "http.max_wait_s is {max_wait_s}: it must be less than http.request_time_s, {request_time_s}"
        );
        Err(ConfigError::Contradiction(detail))
    }
}

/// Files of TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain of the server.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// CAs of the clients' certificates; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}
