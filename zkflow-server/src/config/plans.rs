//! [`Plans`]: named limits of tenants and keys, in the file of settings.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::error::ConfigError;
use super::limits::Limits;
use super::value::{list, quoted};

/// Limits of the tenants and keys that it names. `None`: as for all, in `[limits]` and `[http]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// Tenants with this plan.
    pub tenants: Vec<TenantId>,
    /// Ids of keys with its rate, whatever the plan of their tenant.
    pub keys: Vec<KeyId>,
    /// Requests a second of each caller; 0: no limit.
    pub requests_per_second: Option<u32>,
    /// Requests of a caller at once; 0: as many as a second.
    pub requests_burst: Option<u32>,
    /// Requests of all callers of a tenant together, as a multiple of those of one; 0: no limit.
    pub tenant_pace: Option<u32>,
    /// Unfinished proof requests of a tenant.
    pub max_pending_proofs: Option<u64>,
    /// Unfinished circuits of a tenant.
    pub max_pending_circuits: Option<u64>,
    /// Circuits of a tenant; 0: no limit.
    pub max_circuits: Option<u64>,
    /// Files of a tenant's circuits together, in MiB; 0: no limit.
    pub circuits_mib: Option<u64>,
    /// Seconds of work a day, in UTC, that a tenant may cause.
    pub work_s_per_day: Option<u64>,
    /// Requested deployments of a tenant a day, in UTC.
    pub deployments_per_day: Option<u64>,
    /// Event streams and long-polls of a tenant, in each process.
    pub max_watchers: Option<usize>,
    /// Downloads of a tenant at the same time, in each process.
    pub max_downloads: Option<usize>,
}

/// Plans by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plans {
    plans: BTreeMap<String, Plan>,
    tenants: HashMap<TenantId, String>,
    /// By the name of their caller.
    keys: HashMap<String, String>,
}

impl Plans {
    /// Checks the plans.
    ///
    /// # Errors
    /// A tenant or a key has two plans.
    pub fn new(plans: BTreeMap<String, Plan>) -> Result<Self, ConfigError> {
        let (mut tenants, mut keys) = (HashMap::new(), HashMap::new());
        for (name, plan) in &plans {
            let twice = |what: String, before: &str| {
                ConfigError::Contradiction(format!("{what} has two plans: {before} and {name}"))
            };
            for tenant in &plan.tenants {
                if let Some(before) = tenants.insert(tenant.clone(), name.clone()) {
                    return Err(twice(format!("tenant {tenant}"), &before));
                }
            }
            for key in &plan.keys {
                if let Some(before) = keys.insert(format!("key:{key}"), name.clone()) {
                    return Err(twice(format!("key {key}"), &before));
                }
            }
        }
        Ok(Self { plans, tenants, keys })
    }

    /// The plan of a tenant; `None`: the limits of all.
    pub fn of(&self, tenant: &TenantId) -> Option<&Plan> {
        self.plans.get(self.name_of(tenant)?)
    }

    /// Name of the plan of a tenant.
    pub fn name_of(&self, tenant: &TenantId) -> Option<&str> {
        self.tenants.get(tenant).map(String::as_str)
    }

    /// Whether a plan has the key of a caller in its own list.
    pub fn names(&self, caller: &str) -> bool {
        self.keys.contains_key(caller)
    }

    /// Name of the plan whose rate a caller has: of its key, else of its tenant.
    pub fn of_caller(&self, caller: &str, tenant: &TenantId) -> Option<&str> {
        self.keys.get(caller).or_else(|| self.tenants.get(tenant)).map(String::as_str)
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
            ("keys", texts(self.keys.iter().map(ToString::to_string).collect())),
            ("requests_per_second", number(self.requests_per_second.map(u64::from))),
            ("requests_burst", number(self.requests_burst.map(u64::from))),
            ("tenant_pace", number(self.tenant_pace.map(u64::from))),
            ("max_pending_proofs", number(self.max_pending_proofs)),
            ("max_pending_circuits", number(self.max_pending_circuits)),
            ("max_circuits", number(self.max_circuits)),
            ("circuits_mib", number(self.circuits_mib)),
            ("work_s_per_day", number(self.work_s_per_day)),
            ("deployments_per_day", number(self.deployments_per_day)),
            ("max_watchers", number(self.max_watchers.map(|value| value as u64))),
            ("max_downloads", number(self.max_downloads.map(|value| value as u64))),
        ];
        let rows = rows.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?)));
        format!("\n[plans.{}]\n{}", quoted(name), rows.collect::<String>())
    }
}
