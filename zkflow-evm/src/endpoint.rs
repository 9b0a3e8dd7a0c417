//! [`Endpoint`]: the URL of a node or of a receiver of events, and the [`Policy`] for URLs in requests.
//!
//! A URL of the operator is used unchanged. A URL from a request could make this server connect to internal
//! hosts (SSRF), so it must be https to a public host. The host name is resolved once, the IP addresses are
//! checked, and connections use only these addresses, even if the name resolves differently later.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use zkflow_core::service::chain::ChainError;

/// Time limit for resolving a host name.
const RESOLVE: Duration = Duration::from_secs(5);
/// Time limit for connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// Maximum length of a URL in bytes.
const LONGEST: usize = 2048;

/// The URL of a node or a receiver. It may contain a password and is never shown.
#[derive(Clone)]
pub struct Endpoint {
    url: SecretString,
    /// Host name and its checked addresses; `None`: the host is resolved at each connection.
    pinned: Option<(String, Vec<SocketAddr>)>,
}

/// The rules for URLs in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether http and loopback addresses are accepted too. For development only.
    pub local: bool,
}

/// A resolver of host names.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Resolves `host` to its addresses, each with `port`.
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

impl Endpoint {
    /// Accepts a URL of the operator: http or https, any host.
    ///
    /// # Errors
    /// [`ChainError::Policy`] if it is not such a URL.
    pub fn configured(url: &str) -> Result<Self, ChainError> {
        let parsed = parse(url)?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused("it must start with http:// or https://"));
        }
        Ok(Self { url: url.to_owned().into(), pinned: None })
    }

    /// Resolves and checks a URL from a request.
    ///
    /// # Errors
    /// [`ChainError::Policy`] if `policy` refuses it; [`ChainError::Unavailable`] if the host name does not
    /// resolve.
    pub async fn requested(url: &str, policy: Policy, resolver: &dyn Resolver) -> Result<Self, ChainError> {
        let target = policy.target(url)?;
        let addresses = match target.host {
            Host::Address(ip) => vec![SocketAddr::new(ip, target.port)],
            Host::Name(ref name) => {
                let lookup = tokio::time::timeout(RESOLVE, resolver.resolve(name, target.port)).await;
                let unresolved = || ChainError::Unavailable("the host name does not resolve".to_owned());
                let addresses = lookup.map_err(|_| unresolved())?.map_err(|_| unresolved())?;
                if addresses.is_empty() {
                    return Err(unresolved());
                }
                addresses
            }
        };
        // One refused address is enough to refuse the name: the connection could use any of them.
        addresses.iter().try_for_each(|address| policy.admit(address.ip()))?;
        Ok(Self { url: url.to_owned().into(), pinned: Some((target.written, addresses)) })
    }

    /// A client for requests to this endpoint. It connects to the checked addresses only, follows no redirect and uses no
    /// proxy. `call` is the time limit of a request with its answer.
    ///
    /// # Errors
    /// [`ChainError::Unavailable`] if TLS is not available.
    pub fn client(&self, call: Duration) -> Result<Client, ChainError> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(call)
            .user_agent("zkflow");
        if let Some((host, addresses)) = &self.pinned {
            builder = builder.resolve_to_addrs(host, addresses);
        }
        builder.build().map_err(|error| ChainError::Unavailable(error.without_url().to_string()))
    }

    /// The URL in clear, for requests only.
    ///
    /// # Errors
    /// It is not a URL.
    pub fn url(&self) -> Result<Url, ChainError> {
        parse(self.url.expose_secret())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint([redacted])")
    }
}

/// Host and port of a URL.
struct Target {
    host: Host,
    /// The host as written in the URL.
    written: String,
    port: u16,
}

enum Host {
    Address(IpAddr),
    Name(String),
}

impl Policy {
    /// Checks a URL as far as possible without resolving its host name.
    ///
    /// # Errors
    /// [`ChainError::Policy`] if the URL is refused.
    pub fn check(self, url: &str) -> Result<(), ChainError> {
        match self.target(url)?.host {
            Host::Address(ip) => self.admit(ip),
            Host::Name(_) => Ok(()),
        }
    }

    fn target(self, url: &str) -> Result<Target, ChainError> {
        let parsed = parse(url)?;
        match parsed.scheme() {
            "https" => {}
            "http" if self.local => {}
            _ => return Err(refused("it must start with https://")),
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refused("it must not contain a user name or password"));
        }
        if parsed.fragment().is_some() {
            return Err(refused("it must not contain a fragment"));
        }
        let port = parsed.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or_else(|| refused("it has no usable port"))?;
        // The parser has normalised every form of an IPv4 address (octal, hexadecimal, one number).
        let written = parsed.host_str().ok_or_else(|| refused("it has no host"))?.to_owned();
        let literal = written.trim_start_matches('[').trim_end_matches(']');
        let host = match literal.parse::<IpAddr>() {
            Ok(ip) => Host::Address(ip),
            Err(_) => Host::Name(written.clone()),
        };
        Ok(Target { host, written, port })
    }

    fn admit(self, ip: IpAddr) -> Result<(), ChainError> {
        if (is_public(ip) && !is_own(ip)) || (self.local && ip.is_loopback()) {
            return Ok(());
        }
        Err(refused("its host is not a public address of another machine"))
    }
}

/// Whether an address is one of this machine: a socket can have it. Nothing is sent. A system that lets sockets have any address
/// does not tell.
fn is_own(ip: IpAddr) -> bool {
    let can_be_mine = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    // Addresses for documentation.
    let foreign: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    can_be_mine(ip) && !can_be_mine(foreign)
}

/// Whether an address is on the public internet, by IANA's registries of special-purpose addresses.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 31, 196, 0], 24),
        ([192, 52, 193, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([192, 175, 48, 0], 24),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
    ];
    // Multicast and reserved addresses start at 224.
    ip.octets()[0] < 224
        && SPECIAL.iter().all(|(network, length)| {
            (ip.to_bits() ^ Ipv4Addr::from(*network).to_bits()) >> (32 - length) != 0
        })
}

/// 2000::/3 without the ranges for embedded IPv4 addresses, documentation and special purposes.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = match (a, b) {
        // 2001::/23: Teredo, ORCHID, benchmarks; 2001:db8::/32: documentation.
        (0x2001, b) => b < 0x200 || b == 0xdb8,
        // 6to4.
        (0x2002, _) => true,
        // Documentation.
        (0x3fff, b) => b < 0x1000,
        _ => false,
    };
    a >> 13 == 0b001 && !special
}

fn parse(url: &str) -> Result<Url, ChainError> {
    if url.len() > LONGEST {
        return Err(refused("it is longer than 2048 bytes"));
    }
    Url::parse(url).map_err(|_| refused("it is not a URL"))
}

fn refused(reason: &str) -> ChainError {
    ChainError::Policy(reason.to_owned())
}

#[cfg(test)]
mod tests;
