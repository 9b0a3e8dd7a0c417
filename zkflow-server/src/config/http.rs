//! [`Http`]: settings of the HTTP API.

use std::net::IpAddr;
use std::time::Duration;

use super::error::ConfigError;
use super::setting::{YEAR_S, settings};

settings! {
    /// HTTP API
    Http at http {
        /// Address to listen on. There is no authentication: bind to another address than 127.0.0.1 only
        /// behind a proxy that authenticates
        bind: IpAddr = IpAddr::from([127, 0, 0, 1]), "bind", "BIND";
        /// Port to listen on; 0 lets the system choose
        port: u16 = 3000, "port", "PORT", 0..=65535;
        /// Size limit of a request body
        max_body_bytes: usize = 2 << 20, "max-body-bytes", "ZKFLOW_MAX_BODY_BYTES", 1..=1 << 30;
        /// Timeout of a request; also applies to its headers and to idle connections
        request_time_s: u64 = 75, "request-time-s", "ZKFLOW_REQUEST_TIME_S", 1..=YEAR_S;
        /// Upper limit of ?wait=; must be less than request_time_s
        max_wait_s: u64 = 60, "max-wait-s", "ZKFLOW_MAX_WAIT_S", 0..=YEAR_S;
        /// Limit of open connections; further ones wait
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
