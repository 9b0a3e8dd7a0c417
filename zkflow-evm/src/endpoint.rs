//! [`Endpoint`]: the address of a node, and whether it may be spoken to.
//!
//! An operator's address is used as it is. An address from a request could make this server speak to what
//! only it can reach (SSRF), so it is https to a public host, whose name is resolved once: the addresses are
//! checked, and the connection goes to them whatever the name resolves to later.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use zkflow_core::service::chain::ChainError;

/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(5);
/// Characters that an address may have.
const LONGEST: usize = 2048;

/// The address of a node, which may hold a password and is never shown.
#[derive(Clone)]
pub struct Endpoint {
    url: SecretString,
    /// Where to connect to, whatever the name of the host says.
    pinned: Option<(String, Vec<SocketAddr>)>,
}

/// Which addresses requests may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether http and this machine's own addresses pass too. For development.
    pub local: bool,
}

/// Resolves names.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of a name.
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

impl Endpoint {
    /// An address that the operator chose: http or https, to any host.
    ///
    /// # Errors
    /// [`ChainError::Policy`] when it is no such address.
    pub fn configured(url: &str) -> Result<Self, ChainError> {
        let parsed = parse(url)?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused("it must begin with http:// or https://"));
        }
        Ok(Self { url: url.to_owned().into(), pinned: None })
    }

    /// An address from a request, resolved and checked.
    ///
    /// # Errors
    /// [`ChainError::Policy`] when `policy` does not let it pass, [`ChainError::Unavailable`] when its name does not resolve.
    pub async fn requested(url: &str, policy: Policy, resolver: &dyn Resolver) -> Result<Self, ChainError> {
        let target = policy.target(url)?;
        let addresses = match target.host {
            Host::Address(ip) => vec![SocketAddr::new(ip, target.port)],
            Host::Name(ref name) => {
                let lookup = tokio::time::timeout(RESOLVE, resolver.resolve(name, target.port)).await;
                let unresolved = || ChainError::Unavailable("its name does not resolve".to_owned());
                let addresses = lookup.map_err(|_| unresolved())?.map_err(|_| unresolved())?;
                if addresses.is_empty() {
                    return Err(unresolved());
                }
                addresses
            }
        };
        // One address that is refused spoils the name: it would be a matter of luck which is used.
        addresses.iter().try_for_each(|address| policy.admit(address.ip()))?;
        Ok(Self { url: url.to_owned().into(), pinned: Some((target.written, addresses)) })
    }

    /// The address, for the transport alone.
    pub(super) fn url(&self) -> Result<Url, ChainError> {
        parse(self.url.expose_secret())
    }

    /// The host with the addresses that it stands for, where they were checked.
    pub(super) fn pinned(&self) -> Option<&(String, Vec<SocketAddr>)> {
        self.pinned.as_ref()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint([redacted])")
    }
}

/// The host of an address, and its port.
struct Target {
    host: Host,
    /// The host as it stands in the address.
    written: String,
    port: u16,
}

enum Host {
    Address(IpAddr),
    Name(String),
}

impl Policy {
    /// What can be said of an address without resolving its name.
    ///
    /// # Errors
    /// [`ChainError::Policy`].
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
            _ => return Err(refused("it must begin with https://")),
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refused("it must hold no user name and no password"));
        }
        if parsed.fragment().is_some() {
            return Err(refused("it must have no fragment"));
        }
        let port = parsed.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or_else(|| refused("it has no usable port"))?;
        // The parser has turned every form of an IPv4 address (octal, hexadecimal, one number) into the usual one.
        let written = parsed.host_str().ok_or_else(|| refused("it has no host"))?.to_owned();
        let literal = written.trim_start_matches('[').trim_end_matches(']');
        let host = match literal.parse::<IpAddr>() {
            Ok(ip) => Host::Address(ip),
            Err(_) => Host::Name(written.clone()),
        };
        Ok(Target { host, written, port })
    }

    fn admit(self, ip: IpAddr) -> Result<(), ChainError> {
        if is_public(ip) || (self.local && ip.is_loopback()) {
            return Ok(());
        }
        Err(refused("its host is no public address"))
    }
}

/// Whether an address belongs to the public internet, by IANA's registries of special-purpose addresses.
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
    // Multicast and what is reserved begin at 224.
    ip.octets()[0] < 224
        && SPECIAL.iter().all(|(network, length)| {
            (ip.to_bits() ^ Ipv4Addr::from(*network).to_bits()) >> (32 - length) != 0
        })
}

/// Within 2000::/3, without the parts that stand for IPv4 addresses, are for documentation or special.
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
        return Err(refused("it is too long"));
    }
    Url::parse(url).map_err(|_| refused("it is no URL"))
}

fn refused(reason: &str) -> ChainError {
    ChainError::Policy(reason.to_owned())
}

#[cfg(test)]
mod tests;
