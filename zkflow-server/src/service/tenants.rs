//! What each tenant may use and has, for administrators.
//!
//! There is no list of tenants. A tenant is known by its plan, by a key, or by work that ended yesterday or today.

use std::collections::BTreeMap;
use std::time::Duration;

use zkflow_core::id::CircuitId;
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    ApiKey, Circuit, CircuitFilter, CircuitStatus, Day, Document as _, Page, ProofFilter, ProofRequest,
    ProofStatus, Usage, UsageFilter, UsageKey,
};
use zkflow_core::service::tenant::TenantId;

use super::{RequestError, plan};
use crate::config::Limits;
use crate::state::App;

/// Documents, keys and rows read at a time.
const PAGE: usize = 200;

/// Maximum number of keys whose tenants are listed: the newest ones.
const KEYS: usize = 2_000;

/// Numbers of documents and rows of a tenant are counted up to this one.
pub const COUNTED: usize = 1_000;

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Limits of a tenant, and what it has.
#[derive(Debug, Clone)]
pub struct TenantState {
    /// Its name.
    pub tenant: TenantId,
    /// Name of its plan; `None`: the limits of all.
    pub plan: Option<String>,
    /// Requests a second of each caller; 0: no limit.
    pub requests_per_second: u32,
    /// Most unfinished proof requests, of its plan.
    pub max_pending_proofs: Option<u64>,
    /// Most unfinished circuits, of its plan.
    pub max_pending_circuits: Option<u64>,
    /// Most seconds of work a day, of its plan.
    pub work_s_per_day: Option<u64>,
    /// Most seconds of processor time of witness calculations a day, of its plan.
    pub witness_s_per_day: Option<u64>,
    /// Most seconds of processor time of proving a day, of its plan.
    pub proving_s_per_day: Option<u64>,
    /// Most seconds of processor time of building circuits a day, of its plan.
    pub build_s_per_day: Option<u64>,
    /// Most circuits; 0: no limit.
    pub max_circuits: u64,
    /// Most MiB of circuits; 0: no limit.
    pub circuits_mib: u64,
    /// Unfinished proof requests.
    pub pending_proofs: u64,
    /// Unfinished circuits.
    pub pending_circuits: u64,
    /// Circuits.
    pub circuits: u64,
    /// Bytes of the files of these circuits, without those of imports that are not finished.
    pub bytes: u64,
    /// What it used yesterday and today.
    pub usage: Usage,
    /// Some number reached [`COUNTED`], and may be larger.
    pub more: bool,
}

/// Up to `limit` tenants behind one, and whether there are more.
///
/// # Errors
/// The catalog fails.
pub async fn list(
    app: &App,
    after: Option<&TenantId>,
    limit: usize,
) -> Result<(Vec<TenantState>, bool), RequestError> {
    let names = names(app, after, limit + 1).await?;
    let more = names.len() > limit;
    let mut tenants = Vec::with_capacity(limit);
    for tenant in names.into_iter().take(limit) {
        tenants.push(state(app, tenant).await?);
    }
    Ok((tenants, more))
}

/// The text that tenants are ordered by, which is the order of the rows of usage.
fn place(tenant: &TenantId) -> String {
    format!("{tenant}/")
}

/// The first `limit` known tenants behind one.
async fn names(app: &App, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, RequestError> {
    let mut known = BTreeMap::new();
    let mut add = |tenant: TenantId| {
        if after.is_none_or(|after| place(&tenant) > place(after)) {
            known.insert(place(&tenant), tenant);
        }
    };
    add(TenantId::default());
    app.config.plans.iter().flat_map(|(_, plan)| &plan.tenants).cloned().for_each(&mut add);
    let (mut page, mut read) = (Page::first(PAGE), 0);
    loop {
        let keys = app.catalog.keys().keys(None, &page).await?;
        read += keys.len();
        page.after = keys.last().map(ApiKey::cursor);
        let is_last = keys.len() < PAGE || read >= KEYS;
        keys.into_iter().for_each(|key| add(key.tenant));
        if is_last {
            break;
        }
    }
    let today = app.now();
    for day in [Day::of(today - A_DAY), Day::of(today)] {
        let mut behind = after.cloned();
        // One read for each tenant: it continues behind the last row that the tenant can have.
        for _ in 0..limit {
            let (from, to) = (day.clone(), day.clone());
            let after = behind.map(|tenant| UsageKey { day: day.clone(), tenant, circuit: last_circuit() });
            let rows = app
                .catalog
                .usage_log()
                .usage(&UsageFilter { tenant: None, circuit: None, from, to, after }, 1)
                .await?;
            let Some((key, _)) = rows.into_iter().next() else { break };
            add(key.tenant.clone());
            behind = Some(key.tenant);
        }
    }
    Ok(known.into_values().take(limit).collect())
}

/// The last one in the order of ids.
fn last_circuit() -> CircuitId {
    // Expect safety: it has the form of an id.
    "f".repeat(32).parse().expect("an id")
}

async fn state(app: &App, tenant: TenantId) -> Result<TenantState, RequestError> {
    let (plans, limits) = (&app.config.plans, &app.config.limits);
    let (plan, own) = (plans.name_of(&tenant), plans.of(&tenant));
    let over = own.map(|plan| plan.over(limits));
    let Limits { requests_per_second, max_circuits, circuits_mib, .. } = *over.as_ref().unwrap_or(limits);
    let (most, account) = (COUNTED as u64, Account::of_tenant(tenant.clone()));
    let proofs = ProofFilter {
        tenant: Some(tenant.clone()),
        status: Some(ProofStatus::Pending),
        ..ProofFilter::default()
    };
    let pending_proofs = plan::count::<ProofRequest>(app, proofs, &account, most).await?;
    let pending = CircuitFilter {
        tenant: Some(tenant.clone()),
        status: Some(CircuitStatus::Pending),
        ..CircuitFilter::default()
    };
    let pending_circuits = plan::count::<Circuit>(app, pending, &account, most).await?;
    let (circuits, bytes) = circuits(app, &tenant).await?;
    let (usage, rows) = usage(app, &tenant).await?;
    let more = [pending_proofs, pending_circuits, circuits, rows].iter().any(|number| *number >= most);
    Ok(TenantState {
        plan: plan.map(str::to_owned),
        tenant,
        requests_per_second,
        max_pending_proofs: own.and_then(|plan| plan.max_pending_proofs),
        max_pending_circuits: own.and_then(|plan| plan.max_pending_circuits),
        work_s_per_day: own.and_then(|plan| plan.work_s_per_day),
        witness_s_per_day: own.and_then(|plan| plan.witness_s_per_day),
        proving_s_per_day: own.and_then(|plan| plan.proving_s_per_day),
        build_s_per_day: own.and_then(|plan| plan.build_s_per_day),
        max_circuits,
        circuits_mib,
        pending_proofs: pending_proofs.min(most),
        pending_circuits: pending_circuits.min(most),
        circuits,
        bytes,
        usage,
        more,
    })
}

/// The number of the circuits of a tenant, and the bytes of their files.
async fn circuits(app: &App, tenant: &TenantId) -> Result<(u64, u64), RequestError> {
    let filter = CircuitFilter { tenant: Some(tenant.clone()), ..CircuitFilter::default() };
    let (mut page, mut number, mut bytes) = (Page::first(PAGE), 0, 0_u64);
    loop {
        let found = app.catalog.circuits().list(&filter, &page).await?;
        number += found.len();
        for circuit in &found {
            // Without those of pending imports, which are in their uploads.
            bytes = circuit.artifacts.values().map(|file| file.size).fold(bytes, u64::saturating_add);
        }
        match found.last() {
            Some(last) if found.len() == PAGE && number < COUNTED => page.after = Some(last.cursor()),
            _ => return Ok((number as u64, bytes)),
        }
    }
}

/// What a tenant used yesterday and today, and the number of rows that say it.
async fn usage(app: &App, tenant: &TenantId) -> Result<(Usage, u64), RequestError> {
    let now = app.now();
    let (from, to) = (Day::of(now - A_DAY), Day::of(now));
    let filter = UsageFilter { tenant: Some(tenant.clone()), circuit: None, from, to, after: None };
    let rows = app.catalog.usage_log().usage(&filter, COUNTED).await?;
    let mut sum = Usage::default();
    rows.iter().for_each(|(_, usage)| sum.add(usage));
    Ok((sum, rows.len() as u64))
}
