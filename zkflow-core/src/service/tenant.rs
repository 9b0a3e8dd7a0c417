//! [`TenantId`]: the owner of documents. Tenants share a service and see nothing of each other.

use zkflow_groth16::digest::Digest;
use zkflow_groth16::name;

use super::id::UserId;

name!(
    /// Name of a tenant: 1 to 64 lower-case letters, digits, `-`, `_` and `.`, the first one a letter or a digit.
    TenantId,
    "tenant",
    "1 to 64 lower-case letters, digits, '-', '_' and '.', the first one a letter or a digit",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
    }
);

/// Name of the default tenant.
const DEFAULT: &str = "default";

impl Default for TenantId {
    /// The owner of documents without a tenant, and of everything on a service without authentication.
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl TenantId {
    /// Whether this is the default tenant.
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }

    /// The identity of a circuit of this tenant: `hash` for the default tenant, another one for each other tenant. So
    /// no tenant notices that another one has the same circuit.
    pub fn scoped(&self, hash: &Digest) -> Digest {
        match self.is_default() {
            true => *hash,
            false => Digest::of(format!("zkflow circuit of a tenant\n{}\n{hash}", self.0)),
        }
    }

    /// Whose turn it is in a queue. In the default tenant users take turns; any other tenant counts as one user. In the default
    /// tenant, an id of a user that is the lane of another tenant counts as none.
    pub fn lane(&self, user: Option<&UserId>) -> Option<UserId> {
        match self.is_default() {
            true => user.filter(|user| !user.as_str().starts_with(LANE_OF_TENANT)).cloned(),
            // Expect safety: at most 71 visible ASCII characters.
            false => Some(
                format!("{LANE_OF_TENANT}{}", self.0).parse().expect("the name of a tenant is a user id"),
            ),
        }
    }
}

/// Begin of the lanes of all tenants but the default one.
const LANE_OF_TENANT: &str = "tenant:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_circuits_and_a_lane_of_its_own() {
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let (hash, user) = (Digest::of("circuit"), "ann".parse::<UserId>().unwrap());
        assert_eq!(TenantId::default(), tenant("default"));
        assert_eq!(TenantId::default().scoped(&hash), hash);
        let scoped = ["a", "b", "a.b"].map(|name| tenant(name).scoped(&hash));
        assert!(scoped[0] != scoped[1] && scoped[1] != scoped[2] && !scoped.contains(&hash));
        assert_eq!(TenantId::default().lane(Some(&user)), Some(user.clone()));
        assert_eq!(TenantId::default().lane(None), None);
        assert_eq!(tenant("a").lane(Some(&user)), tenant("a").lane(None), "users of a tenant share its turn");
        assert_ne!(tenant("a").lane(None), tenant("b").lane(None));
        assert!(tenant(&"x".repeat(64)).lane(None).is_some());
        let impostor = tenant("a").lane(None);
        assert_eq!(TenantId::default().lane(impostor.as_ref()), None, "the lane of another tenant");
    }

    #[test]
    fn names_are_plain() {
        for text in ["", "A", "a b", "-a", ".a", "a/b", "a\n", "ä", &"x".repeat(65)] {
            assert!(text.parse::<TenantId>().is_err(), "{text:?}");
        }
    }
}
