//! [`Plans`]: named limits of tenants and keys, in the file of settings.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use zkflow_core::service::account::Account;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::error::ConfigError;
use super::limits::Limits;
use super::value::{list, quoted};

/// Limits of the tenants and keys that it names. `None`: for tenants as for all, in `[limits]` and `[http]`; for keys no limit of
/// their own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// Tenants with this plan.
    pub tenants: Vec<TenantId>,
    /// Whether all tenants that no plan names have this plan too, each with limits of its own.
    pub other_tenants: bool,
    /// Ids of keys with its rate in place of their tenant's. Its other limits hold for each of these keys alone, beside those of
    /// the tenant.
    pub keys: Vec<KeyId>,
    /// Requests a second of each caller; 0: no limit.
    pub requests_per_second: Option<u32>,
    /// Requests of a caller at once; 0: as many as a second.
    pub requests_burst: Option<u32>,
    /// Requests of all callers of a tenant together, as a multiple of those of one; 0: no limit.
    pub tenant_pace: Option<u32>,
    /// Unfinished proof requests.
    pub max_pending_proofs: Option<u64>,
    /// Unfinished circuits.
    pub max_pending_circuits: Option<u64>,
    /// Circuits; 0: no limit.
    pub max_circuits: Option<u64>,
    /// Files of all circuits together, in MiB; 0: no limit.
    pub circuits_mib: Option<u64>,
    /// Seconds of work a day, in UTC.
    pub work_s_per_day: Option<u64>,
    /// Seconds of processor time of witness calculations a day.
    pub witness_s_per_day: Option<u64>,
    /// Seconds of processor time of proving a day.
    pub proving_s_per_day: Option<u64>,
    /// Seconds of processor time of building circuits a day.
    pub build_s_per_day: Option<u64>,
    /// Requested deployments a day, in UTC.
    pub deployments_per_day: Option<u64>,
    /// Event streams and long-polls, in each process.
    pub max_watchers: Option<usize>,
    /// Downloads at the same time, in each process.
    pub max_downloads: Option<usize>,
}

/// Plans by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plans {
    plans: BTreeMap<String, Plan>,
    tenants: HashMap<TenantId, String>,
    /// Of all other tenants.
    others: Option<String>,
    /// By the name of their caller.
    keys: HashMap<String, (KeyId, String)>,
}

impl Plans {
    /// Checks the plans.
    ///
    /// # Errors
    /// A tenant or a key has two plans, or two plans are for all other tenants.
    pub fn new(plans: BTreeMap<String, Plan>) -> Result<Self, ConfigError> {
        let (mut tenants, mut others, mut keys) = (HashMap::new(), None::<String>, HashMap::new());
        for (name, plan) in &plans {
            let twice = |what: String, before: &str| {
                ConfigError::Contradiction(format!("{what} has two plans: {before} and {name}"))
            };
            for tenant in &plan.tenants {
                if let Some(before) = tenants.insert(tenant.clone(), name.clone()) {
                    return Err(twice(format!("tenant {tenant}"), &before));
                }
            }
            if plan.other_tenants
                && let Some(before) = others.replace(name.clone())
            {
                return Err(twice("every other tenant".to_owned(), &before));
            }
            for key in &plan.keys {
                let named = (key.clone(), name.clone());
                if let Some((_, before)) = keys.insert(key.caller(), named) {
                    return Err(twice(format!("key {key}"), &before));
                }
            }
        }
        Ok(Self { plans, tenants, others, keys })
    }

    /// The plan of a tenant; `None`: the limits of all.
    pub fn of(&self, tenant: &TenantId) -> Option<&Plan> {
        self.plans.get(self.name_of(tenant)?)
    }

    /// Name of the plan of a tenant.
    pub fn name_of(&self, tenant: &TenantId) -> Option<&str> {
        self.tenants.get(tenant).or(self.others.as_ref()).map(String::as_str)
    }

    /// The ids of the keys in the lists of plans, the newest first.
    pub fn keys(&self) -> Vec<KeyId> {
        let mut keys: Vec<_> = self.plans.values().flat_map(|plan| plan.keys.iter().cloned()).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        keys
    }

    /// Notes that a listed `key` replaced `first`, by way of others or not: the keys that replace it, which name only the first,
    /// have its plan, unless the plan of `first` is known.
    pub fn replaced(&mut self, key: &KeyId, first: &KeyId) {
        if let Some(named) = self.keys.get(&key.caller()).cloned() {
            self.keys.entry(first.caller()).or_insert(named);
        }
    }

    /// Whether a plan lists the key of a caller, or a key that [replaced](Self::replaced) it.
    pub fn names(&self, caller: &str) -> bool {
        self.keys.contains_key(caller)
    }

    /// Name of the plan whose rate a caller has: of its key, else of its tenant.
    pub fn of_caller(&self, caller: &str, tenant: &TenantId) -> Option<&str> {
        let own = self.keys.get(caller).map(|(_, plan)| plan.as_str());
        own.or_else(|| self.name_of(tenant))
    }

    /// The key whose plan a caller has: its own, else `first`, the first of those that replaced each other up to its own.
    pub fn key_of(&self, caller: &str, first: Option<&str>) -> Option<&KeyId> {
        let named = |name: &str| self.keys.get(name).map(|(key, _)| key);
        named(caller).or_else(|| first.and_then(named))
    }

    /// The accounts with a plan that a request of a tenant counts for: the key with limits of its own, and the tenant. The key is
    /// first: a request that its limits refuse must not count for the tenant.
    pub fn accounts<'a>(
        &'a self,
        tenant: &'a TenantId,
        key: Option<&'a KeyId>,
    ) -> impl Iterator<Item = (Account, &'a Plan)> {
        let of_tenant = self.of(tenant).map(|plan| (Account::of_tenant(tenant.clone()), plan));
        self.of_key(tenant, key).into_iter().chain(of_tenant)
    }

    /// The account of a key with a plan.
    pub fn of_key(&self, tenant: &TenantId, key: Option<&KeyId>) -> Option<(Account, &Plan)> {
        let (key, plan) = self.keys.get(&key?.caller())?;
        Some((Account::of_key(tenant.clone(), key.clone()), self.plans.get(plan)?))
    }

    /// All plans, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Plan)> {
        self.plans.iter().map(|(name, plan)| (name.as_str(), plan))
    }

    /// The tables of the TOML file.
    pub(super) fn to_toml(&self) -> String {
        self.plans.iter().map(|(name, plan)| plan.to_toml(name)).collect()
    }
}

impl Plan {
    /// The limits with those of this plan in their place.
    pub fn over(&self, limits: &Limits) -> Limits {
        Limits {
            requests_per_second: self.requests_per_second.unwrap_or(limits.requests_per_second),
            requests_burst: self.requests_burst.unwrap_or(limits.requests_burst),
            tenant_pace: self.tenant_pace.unwrap_or(limits.tenant_pace),
            max_circuits: self.max_circuits.unwrap_or(limits.max_circuits),
            circuits_mib: self.circuits_mib.unwrap_or(limits.circuits_mib),
            ..limits.clone()
        }
    }

    fn to_toml(&self, name: &str) -> String {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let texts =
            |texts: Vec<String>| (!texts.is_empty()).then(|| list(texts.iter().map(|text| quoted(text))));
        let rows = [
            ("tenants", texts(self.tenants.iter().map(ToString::to_string).collect())),
            ("other_tenants", self.other_tenants.then(|| "true".to_owned())),
            ("keys", texts(self.keys.iter().map(ToString::to_string).collect())),
            ("requests_per_second", number(self.requests_per_second.map(u64::from))),
            ("requests_burst", number(self.requests_burst.map(u64::from))),
            ("tenant_pace", number(self.tenant_pace.map(u64::from))),
            ("max_pending_proofs", number(self.max_pending_proofs)),
            ("max_pending_circuits", number(self.max_pending_circuits)),
            ("max_circuits", number(self.max_circuits)),
            ("circuits_mib", number(self.circuits_mib)),
            ("work_s_per_day", number(self.work_s_per_day)),
            ("witness_s_per_day", number(self.witness_s_per_day)),
            ("proving_s_per_day", number(self.proving_s_per_day)),
            ("build_s_per_day", number(self.build_s_per_day)),
            ("deployments_per_day", number(self.deployments_per_day)),
            ("max_watchers", number(self.max_watchers.map(|value| value as u64))),
            ("max_downloads", number(self.max_downloads.map(|value| value as u64))),
        ];
        let rows = rows.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?)));
        format!("\n[plans.{}]\n{}", quoted(name), rows.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_own_plan_else_that_of_the_first_one() {
        let id = |end: u8| format!("01890a5d-ac96-774b-bcce-b302099a805{end}").parse::<KeyId>().unwrap();
        let plan = |tenants: &[&str], keys: &[u8]| Plan {
            tenants: tenants.iter().map(|name| name.parse().unwrap()).collect(),
            keys: keys.iter().map(|end| id(*end)).collect(),
            ..Plan::default()
        };
        let all = [("a".to_owned(), plan(&["acme"], &[1])), ("b".to_owned(), plan(&[], &[2]))];
        let plans = Plans::new(all.into()).unwrap();
        let name = |end: u8| id(end).caller();
        assert_eq!(plans.key_of(&name(1), None), Some(&id(1)));
        assert_eq!(plans.key_of(&name(2), Some(&name(1))), Some(&id(2)));
        assert_eq!(plans.key_of(&name(3), Some(&name(1))), Some(&id(1)));
        assert_eq!((plans.key_of(&name(3), None), plans.key_of("anyone", None)), (None, None));

        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let accounts = |tenant: &TenantId, key: Option<KeyId>| {
            let accounts = plans.accounts(tenant, key.as_ref()).map(|(account, _)| account.to_string());
            accounts.collect::<Vec<_>>()
        };
        assert_eq!(accounts(&acme, Some(id(2))), [name(2), "acme".to_owned()]);
        assert_eq!(accounts(&acme, None), ["acme"]);
        assert_eq!(accounts(&other, Some(id(2))), [name(2)]);
        assert!(accounts(&other, Some(id(3))).is_empty() && accounts(&other, None).is_empty());
        // A plan lists key 2, which replaced key 1, before and after key 3 replaces it.
        let mut plans = Plans::new([("b".to_owned(), plan(&[], &[2]))].into()).unwrap();
        assert_eq!(plans.key_of(&name(3), Some(&name(1))), None);
        for key in plans.keys() {
            plans.replaced(&key, &id(1));
        }
        assert_eq!(plans.key_of(&name(3), Some(&name(1))), Some(&id(2)));
        assert_eq!(plans.of_caller(&name(1), &acme), Some("b"));
        assert_eq!(plans.key_of(&name(3), None), None);
        let rest = |tenants: &[&str]| Plan { other_tenants: true, ..plan(tenants, &[]) };
        let plans = [("a".to_owned(), plan(&["acme"], &[])), ("rest".to_owned(), rest(&[]))];
        let plans = Plans::new(plans.into()).unwrap();
        assert_eq!((plans.name_of(&acme), plans.name_of(&other)), (Some("a"), Some("rest")));
        assert_eq!(plans.of_caller("anyone", &other), Some("rest"));
        let twice = [("a".to_owned(), rest(&[])), ("b".to_owned(), rest(&["acme"]))];
        assert!(
            Plans::new(twice.into()).unwrap_err().to_string().contains("every other tenant has two plans")
        );
        let twice = [("a".to_owned(), plan(&[], &[1])), ("b".to_owned(), plan(&[], &[1]))];
        assert!(Plans::new(twice.into()).unwrap_err().to_string().contains("two plans"));
    }
}
