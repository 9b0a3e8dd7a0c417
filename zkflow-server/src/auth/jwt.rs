//! Tokens of an issuer (JWT): signed by one of its public keys, for this audience, and in time.

use std::fmt;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{Named as _, Scope};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::tenant::TenantId;

use super::jwks::KeySet;
use super::{AuthError, Caller, Credentials, Principal};
use crate::config::Auth;

/// Longest token in bytes. The headers of a request are limited too.
const LONGEST: usize = 16 * 1024;
/// Longest part of `sub` in the log, in characters.
const LONGEST_NAME: usize = 64;

/// Checks tokens.
pub(super) struct Tokens {
    keys: KeySet,
    issuer: String,
    audience: String,
    leeway_s: u64,
    tenant_claim: String,
    scope_claim: String,
    scope_prefix: String,
}

impl Tokens {
    /// By the settings.
    ///
    /// # Errors
    /// A setting is missing or not valid.
    pub(super) fn new(auth: &Auth) -> Result<Self, String> {
        let needed = |name: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| format!("auth.methods contains jwt: set auth.{name}"))
        };
        let issuer = needed("jwt_issuer", &auth.jwt_issuer)?;
        super::signature::install();
        Ok(Self {
            keys: KeySet::new(&issuer, auth.jwks_url.as_deref())?,
            issuer,
            audience: needed("jwt_audience", &auth.jwt_audience)?,
            leeway_s: auth.jwt_leeway_s,
            tenant_claim: auth.jwt_tenant_claim.clone(),
            scope_claim: auth.jwt_scope_claim.clone(),
            scope_prefix: auth.jwt_scope_prefix.clone(),
        })
    }

    /// The caller with this token.
    pub(super) async fn caller(&self, token: &str) -> Result<Caller, AuthError> {
        if token.len() > LONGEST {
            return Err(AuthError::Refused("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| AuthError::Refused("they are no token"))?;
        // RFC 7515: what is critical and not known makes a token invalid. No extension is known here.
        if header.crit.is_some() {
            return Err(AuthError::Refused("the token has extensions that this server does not know"));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        if !key.algorithms.contains(&header.alg) {
            return Err(AuthError::Refused("the token's algorithm is not one of its key"));
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.leeway_s;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "sub", "iss"]);
        let claims: Map<String, Value> =
            decode(token, &key.key, &validation).map_err(|error| AuthError::Refused(why(&error)))?.claims;
        let principal = self.principal(&claims)?;
        // The check has required it.
        let seconds = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        let expires_at = Timestamp::from_millis((seconds * 1000.0) as i64).min(Timestamp::LATEST);
        Ok(Caller { principal, credentials: Credentials::Token { expires_at } })
    }

    fn principal(&self, claims: &Map<String, Value>) -> Result<Principal, AuthError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let tenant = text(&self.tenant_claim).and_then(|tenant| tenant.parse::<TenantId>().ok());
        let tenant = tenant.ok_or(AuthError::Refused("the token names no tenant"))?;
        let names: Vec<&str> = match claims.get(&self.scope_claim) {
            Some(Value::String(names)) => names.split(' ').collect(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        // Each name is one scope: what a list contains is not split again.
        let own = names.iter().filter_map(|name| name.strip_prefix(&self.scope_prefix));
        let scopes = own.filter_map(scope).collect();
        Ok(Principal {
            name: format!("token:{tenant}/{}", name(text("sub").unwrap_or_default())),
            tenant,
            scopes,
            first: None,
        })
    }
}

/// The scope with this name.
fn scope(name: &str) -> Option<Scope> {
    Scope::ALL.iter().copied().find(|scope| scope.as_str() == name)
}

/// A subject as it is logged. Different subjects have different names: a digest stands for the part that is not shown.
fn name(sub: &str) -> String {
    let shown: String = sub.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    // A subject that looks like one with a digest gets a digest too.
    match shown == sub && !sub.contains('#') {
        true => shown,
        false => format!("{shown}#{}", &Digest::of(sub).to_string()[..16]),
    }
}

/// The reason why a token is refused, without a part of it.
fn why(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidIssuer => "the token is from another issuer",
        ErrorKind::InvalidSignature => "the signature of the token is wrong",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks exp, aud, sub or iss",
        _ => "the token is not valid",
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, audience, .. } = self;
        f.debug_struct("Tokens").field("issuer", issuer).field("audience", audience).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_subjects_have_different_names() {
        let long = "spiffe://example.org/ns/default/sa/".repeat(3);
        let subjects =
            ["alice".to_owned(), format!("{long}a"), format!("{long}b"), "alice\n".to_owned(), String::new()];
        let names: std::collections::BTreeSet<_> = subjects.iter().map(|sub| name(sub)).collect();
        // A subject that is the name of another one has another name.
        assert!(names.iter().all(|shown| subjects.contains(shown) || !names.contains(&name(shown))));
        assert_eq!(names.len(), subjects.len(), "{names:?}");
        assert_eq!(name("alice"), "alice");
        assert!(names.iter().all(|name| name.chars().count() <= LONGEST_NAME + 17 && !name.contains('\n')));
    }

    #[test]
    fn a_name_is_one_scope() {
        assert_eq!(scope("verify"), Some(Scope::Verify));
        for no in ["verify admin", "verify,admin", "", "Verify"] {
            assert_eq!(scope(no), None, "{no}");
        }
    }
}
