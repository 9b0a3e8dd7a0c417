//! [`Auth`]: settings of authentication.

use std::net::IpAddr;

use axum::http::Uri;

use super::error::ConfigError;
use super::http::Http;
use super::setting::settings;
use super::value::{choices, lists};

/// A way to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMethod {
    /// Keys of the API.
    Keys,
    /// Tokens of an issuer (JWT).
    Jwt,
    /// Headers of a proxy.
    Proxy,
}

choices! {
    AuthMethod: "keys|jwt|proxy", "one of keys, jwt, proxy";
}

lists! {
    AuthMethod: "METHOD[,METHOD]", "a list of keys, jwt, proxy";
    IpAddr: "IP[,IP]", "a list of IP addresses";
    String: "TEXT[,TEXT]", "a list of texts";
}

settings! {
    /// Authentication
    Auth at auth {
        /// Ways to authenticate: keys, jwt, proxy. Without one, the API listens on loopback addresses only
        methods: Vec<AuthMethod> = Vec::new(), "auth", "ZKFLOW_AUTH";
        /// Listen on any address without authentication. Use it only behind a proxy that authenticates
        insecure_no_auth: bool = false, "insecure-no-auth", "ZKFLOW_INSECURE_NO_AUTH";
        /// Issuer of tokens, for jwt: the claim iss. Its metadata (OpenID Connect Discovery) contain the address of its keys
        jwt_issuer: Option<String> = None, "jwt-issuer", "ZKFLOW_JWT_ISSUER";
        /// URL of the issuer's public keys (JWKS), for jwt, in place of the metadata
        jwks_url: Option<String> = None, "jwks-url", "ZKFLOW_JWKS_URL";
        /// Audience of tokens, for jwt: the claim aud
        jwt_audience: Option<String> = None, "jwt-audience", "ZKFLOW_JWT_AUDIENCE";
        /// Tolerated difference between the clocks of issuer and server
        jwt_leeway_s: u64 = 30, "jwt-leeway-s", "ZKFLOW_JWT_LEEWAY_S", 0..=600;
        /// Claim of tokens that contains the tenant
        jwt_tenant_claim: String = "tenant".to_owned(), "jwt-tenant-claim", "ZKFLOW_JWT_TENANT_CLAIM";
        /// Claim of tokens that contains the scopes: a text with spaces, or a list
        jwt_scope_claim: String = "scope".to_owned(), "jwt-scope-claim", "ZKFLOW_JWT_SCOPE_CLAIM";
        /// Beginning of the scopes of this server, such as `zkflow:`; others are ignored
        jwt_scope_prefix: String = String::new(), "jwt-scope-prefix", "ZKFLOW_JWT_SCOPE_PREFIX";
        /// Addresses of proxies that authenticate, for proxy. Their headers x-zkflow-tenant and x-zkflow-scopes name the
        /// caller; they must remove these headers from the requests of clients
        proxy_addresses: Vec<IpAddr> = Vec::new(), "proxy-addresses", "ZKFLOW_PROXY_ADDRESSES";
        /// Accepted values of the header Host, with or without port (default: any; without authentication, names and
        /// addresses of this machine)
        hosts: Vec<String> = Vec::new(), "hosts", "ZKFLOW_HOSTS";
        /// Web pages that may call the API with a browser and read its answers (CORS), such as `https://app.example`, beside
        /// those of the own host
        origins: Vec<String> = Vec::new(), "origins", "ZKFLOW_ORIGINS";
    }
}

impl Auth {
    /// Checks the settings against each other.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let has = |method| self.methods.contains(&method);
        for (missing, name) in
            [(self.jwt_issuer.is_none(), "jwt_issuer"), (self.jwt_audience.is_none(), "jwt_audience")]
        {
            if has(AuthMethod::Jwt) && missing {
                let detail = format!("auth.methods contains jwt: set auth.{name}");
                return Err(ConfigError::Contradiction(detail));
            }
        }
        if has(AuthMethod::Proxy) && self.proxy_addresses.is_empty() {
            let detail = "auth.methods contains proxy: set auth.proxy_addresses";
            return Err(ConfigError::Contradiction(detail.to_owned()));
        }
        let is_page = |origin: &String| {
            origin.parse::<Uri>().is_ok_and(|uri| {
                uri.scheme().is_some()
                    && uri.authority().is_some()
                    && uri.path() == "/"
                    && !origin.ends_with('/')
            })
        };
        if let Some(origin) = self.origins.iter().find(|origin| !is_page(origin)) {
            let detail =
                format!("auth.origins contains {origin:?}: name each page as scheme://host, with its port");
            return Err(ConfigError::Contradiction(detail));
        }
        Ok(())
    }

    /// Whether an API at the address of `http` would be open to other machines.
    pub fn leaves_open(&self, http: &Http) -> bool {
        self.methods.is_empty() && !self.insecure_no_auth && !http.bind.to_canonical().is_loopback()
    }
}
