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

    /// Whose turn it is in a queue: a tenant counts as one user. `None` is the turn of the default tenant.
    pub fn lane(&self) -> Option<UserId> {
        // Expect safety: at most 71 visible ASCII characters.
        let lane = || format!("{LANE}{}", self.0).parse().expect("the name of a tenant is a user id");
        (!self.is_default()).then(lane)
    }

    /// The turn of a user of the default tenant, where its users take turns. An id that is the turn of another tenant counts
    /// as none.
    pub fn lane_of_user(&self, user: Option<&UserId>) -> Option<UserId> {
        match self.is_default() {
            true => user.filter(|user| !user.as_str().starts_with(LANE)).cloned(),
            false => self.lane(),
        }
    }
}

/// Begin of the lanes of all tenants but the default one.
const LANE: &str = "tenant:";

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
        assert_eq!(TenantId::default().lane(), None);
        assert_eq!(TenantId::default().lane_of_user(Some(&user)), Some(user.clone()));
        assert_eq!(TenantId::default().lane_of_user(None), None);
        assert_eq!(
            tenant("a").lane_of_user(Some(&user)),
            tenant("a").lane(),
            "users of a tenant share its turn"
        );
        assert_ne!(tenant("a").lane(), tenant("b").lane());
        assert!(tenant(&"x".repeat(64)).lane().is_some());
        let impostor = tenant("a").lane();
        assert_eq!(TenantId::default().lane_of_user(impostor.as_ref()), None, "the lane of another tenant");
    }

    #[test]
    fn names_are_plain() {
        for text in ["", "A", "a b", "-a", ".a", "a/b", "a\n", "ä", &"x".repeat(65)] {
            assert!(text.parse::<TenantId>().is_err(), "{text:?}");
        }
    }
}
