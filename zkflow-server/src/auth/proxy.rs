//! Headers of a proxy that authenticates.

use std::net::IpAddr;

use axum::http::HeaderMap;
use zkflow_core::service::tenant::TenantId;

use super::{AuthError, Principal, Scopes};
use crate::config::Auth;

/// Header with the tenant.
const TENANT: &str = "x-zkflow-tenant";
/// Header with the scopes, separated by spaces or commas.
const SCOPES: &str = "x-zkflow-scopes";

/// The proxies whose headers say who a request comes from. They must remove these headers from their clients' requests.
#[derive(Debug)]
pub(super) struct Proxy {
    addresses: Vec<IpAddr>,
}

impl Proxy {
    pub(super) fn new(auth: &Auth) -> Self {
        Self { addresses: auth.proxy_addresses.iter().map(IpAddr::to_canonical).collect() }
    }

    /// The caller that the proxy names; `None` if the request is not from a proxy, or has no header with a tenant.
    pub(super) fn caller(&self, headers: &HeaderMap, from: IpAddr) -> Result<Option<Principal>, AuthError> {
        if !self.addresses.contains(&from.to_canonical()) {
            return Ok(None);
        }
        let Some(tenant) = one(headers, TENANT)? else { return Ok(None) };
        let tenant: TenantId =
            tenant.parse().map_err(|_| AuthError::Refused("x-zkflow-tenant is not the name of a tenant"))?;
        let scopes = Scopes::of_names(one(headers, SCOPES)?.unwrap_or_default());
        Ok(Some(Principal { name: format!("proxy:{tenant}"), tenant, scopes, first: None }))
    }
}

/// The only value of a header. Two values may be a client's beside the proxy's.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, AuthError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(Some).map_err(|_| AuthError::Refused("a header of the proxy is not text"))
        }
        (Some(_), Some(_)) => Err(AuthError::Refused("a header of the proxy occurs twice")),
    }
}

#[cfg(test)]
mod tests {
    use zkflow_core::service::catalog::Scope;

    use super::*;

    #[test]
    fn only_the_proxy_says_who_a_request_is_from() {
        let auth = Auth { proxy_addresses: vec!["10.0.0.7".parse().unwrap()], ..Auth::default() };
        let proxy = Proxy::new(&auth);
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(proxy.caller(&headers, from("10.0.0.7")).unwrap(), None);
        headers.insert(TENANT, "acme".parse().unwrap());
        headers.insert(SCOPES, "verify proofs:read".parse().unwrap());
        assert_eq!(proxy.caller(&headers, from("10.0.0.8")).unwrap(), None);
        for address in ["10.0.0.7", "::ffff:10.0.0.7"] {
            let caller = proxy.caller(&headers, from(address)).unwrap().unwrap();
            assert_eq!(caller.tenant.as_str(), "acme");
            assert!(caller.scopes.contains(Scope::Verify) && !caller.scopes.contains(Scope::Admin));
        }
        headers.append(TENANT, "other".parse().unwrap());
        assert!(proxy.caller(&headers, from("10.0.0.7")).is_err(), "two tenants");
        headers.insert(TENANT, "Not A Tenant".parse().unwrap());
        assert!(proxy.caller(&headers, from("10.0.0.7")).is_err());
        headers.insert(TENANT, "acme".parse().unwrap());
        headers.append(SCOPES, "admin".parse().unwrap());
        assert!(proxy.caller(&headers, from("10.0.0.7")).is_err(), "two lists of scopes");
    }
}
