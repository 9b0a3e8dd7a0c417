//! [`Principal`]: the caller of a request.

use zkflow_core::service::catalog::{ApiKey, Named as _, RequestOrigin, Scope};
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use crate::config::Plans;

/// Permissions of a caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// All permissions.
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether the permission is one of them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// The permissions, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.contains(*scope))
    }

    /// Reads names that spaces or commas separate. Unknown names give no permission.
    pub(super) fn of_names(names: &str) -> Self {
        let names = names.split([' ', ',']).filter(|name| !name.is_empty());
        names.filter_map(|name| Scope::ALL.iter().copied().find(|scope| scope.as_str() == name)).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().map(bit).fold(0, |all, one| all | one))
    }
}

fn bit(scope: Scope) -> u16 {
    1 << scope as u16
}

/// The caller of a request: an owner of documents, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Owner of what the request makes. It sees the documents of this tenant only.
    pub tenant: TenantId,
    /// Permissions.
    pub scopes: Scopes,
    /// Name for the log, such as `key:01890a5d-…`.
    pub name: String,
    /// Name of the first of the keys that replaced each other up to this one; `None`: this one replaced none.
    pub first: Option<String>,
}

impl Principal {
    /// The caller of a server without authentication: the default tenant, with all permissions.
    pub fn everyone() -> Self {
        Self {
            tenant: TenantId::default(),
            scopes: Scopes::all(),
            name: RequestOrigin::ANYONE.to_owned(),
            first: None,
        }
    }

    /// The key whose limits hold for this caller alone: that of a plan.
    pub fn limited_key<'a>(&self, plans: &'a Plans) -> Option<&'a KeyId> {
        plans.key_of(&self.name, self.first.as_deref())
    }
}

impl From<&ApiKey> for Principal {
    fn from(key: &ApiKey) -> Self {
        Self {
            tenant: key.tenant.clone(),
            scopes: key.scopes.iter().copied().collect(),
            name: key.id.caller(),
            first: key.first.as_ref().map(KeyId::caller),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_scopes_that_exist() {
        let some = Scopes::of_names("verify, proofs:read unknown  admin:");
        assert!(some.contains(Scope::Verify) && some.contains(Scope::ProofsRead));
        assert!(!some.contains(Scope::Admin) && some != Scopes::all());
        assert_eq!(some.iter().collect::<Vec<_>>(), [Scope::ProofsRead, Scope::Verify]);
        assert_eq!(Scopes::of_names(""), Scopes::default());
        for scope in Scope::ALL {
            assert!(Scopes::all().contains(*scope) && !Scopes::default().contains(*scope));
        }
    }
}
