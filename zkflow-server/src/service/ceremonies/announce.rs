//! Announces ceremonies.

use std::time::Duration;

use zkflow_core::circuit::FileName;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    AuditAction, Ceremony, CeremonyFilter, CeremonyKey, CeremonyStatus, Page, RequestOrigin, Visibility,
};
use zkflow_core::service::ceremony::{AnnouncedBeacon, CeremonyRules};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::flow::ceremony::MOST_CONTRIBUTIONS;
use zkflow_core::service::id::CeremonyId;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::tenant::TenantId;

use super::CeremonyRefusal;
use crate::service::document::Repeatable;
use crate::service::{InputFault, RequestError, audit, circuits, owned, refuse_overload};
use crate::state::App;

/// Largest number of unfinished ceremonies of a tenant.
const MOST: usize = 16;
/// Largest number of ceremonies that wait for a worker.
const MOST_PENDING: u64 = 100;
/// Longest time until the deadline, and from there until the beacon.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Shortest and longest turn in seconds.
const TURN_SECONDS: std::ops::RangeInclusive<u64> = 1..=7 * 24 * 3600;
/// Exponents of a beacon: the server computes its hashes, and so does each check.
const EXPONENTS: std::ops::RangeInclusive<u8> = 10..=30;
/// Longest source of a beacon in characters.
const LONGEST_SOURCE: usize = 500;

/// A ceremony to announce.
#[derive(Debug)]
pub struct NewCeremony {
    /// A ready circuit.
    pub circuit: CircuitId,
    /// Number of contributions below which there is no result.
    pub min_contributions: u32,
    /// Contributions must be received before.
    pub deadline: Timestamp,
    /// Time limit of a turn.
    pub turn_seconds: u64,
    /// The public value that ends the ceremony.
    pub beacon: AnnouncedBeacon,
    /// Who may contribute.
    pub visibility: Option<Visibility>,
    /// Identifies repeats of one request.
    pub idempotency_key: Option<String>,
    /// The request, for logs.
    pub origin: Option<RequestOrigin>,
}

/// Announces a ceremony, and hands its initial key to a worker.
///
/// # Errors
/// The circuit is not ready, or belongs to another tenant; the server has no powers of tau of a ceremony; a rule is out of
/// range; a limit is reached.
pub async fn create(app: &App, tenant: &TenantId, new: NewCeremony) -> Result<Ceremony, RequestError> {
    let wanted = new.idempotency_key.as_ref();
    let wanted = wanted.map(|key| Repeatable::new(app, key.clone(), text(&new).as_bytes()));
    if let Some(wanted) = &wanted {
        let key = CeremonyKey { tenant: tenant.clone(), key: wanted.idempotency.key.clone() };
        if let Some(present) = app.catalog.ceremonies().by_key(&key).await? {
            wanted.check(present.idempotency.as_ref())?;
            return Ok(present);
        }
    }
    if app.config.circuits.ptau_path.is_none() {
        return Err(RequestError::Forbidden(
            "a ceremony needs powers of tau of a ceremony: the operator sets PTAU_PATH",
        ));
    }
    let now = app.now();
    check(&new, now)?;
    let circuit = circuits::ready(owned(app, tenant, &new.circuit).await?)?;
    circuits::artifact_meta(&circuit, FileName::R1cs.as_str())?;
    refuse_excess(app, tenant).await?;
    refuse_overload(app, tenant, QueueName::Ceremony, MOST_PENDING).await?;

    let NewCeremony { min_contributions, deadline, turn_seconds, beacon, visibility, origin, .. } = new;
    let rules = CeremonyRules { min_contributions, deadline, turn_seconds, beacon };
    let id = CeremonyId::generate(now);
    let actor = audit::actor(origin.as_ref());
    audit::record(app, tenant, actor, AuditAction::CeremonyAnnounce, id.as_str()).await?;
    let idempotency = wanted.as_ref().map(|wanted| wanted.idempotency.clone());
    let mut ceremony = Ceremony::new(id.clone(), circuit.id, rules, idempotency, now);
    ceremony.life.tenant = tenant.clone();
    ceremony.life.origin = origin;
    ceremony.visibility = visibility.unwrap_or_default();
    let attempts = app.config.workers.job_attempts;
    let submitted = app.ledger.ceremonies().submit(vec![ceremony], attempts).await;
    let (ceremony, added) = submitted.into_iter().next().unwrap_or_else(|| {
        Err(zkflow_core::service::catalog::CatalogError::backend("adding a ceremony", "no result"))
    })?;
    if let (false, Some(wanted)) = (added || ceremony.id == id, wanted) {
        wanted.check(ceremony.idempotency.as_ref())?;
    }
    Ok(ceremony)
}

/// The text of a request, for its fingerprint.
fn text(new: &NewCeremony) -> String {
    let NewCeremony { circuit, min_contributions, deadline, turn_seconds, beacon, visibility, .. } = new;
    format!(
        "ceremony\n{circuit}\n{min_contributions}\n{deadline}\n{turn_seconds}\n{beacon:?}\n{visibility:?}"
    )
}

/// Checks the rules before they are announced: they never change.
fn check(new: &NewCeremony, now: Timestamp) -> Result<(), RequestError> {
    let AnnouncedBeacon { source, exponent, at } = &new.beacon;
    let is_plain = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
    let most = MOST_CONTRIBUTIONS;
    let (shortest, longest) = (TURN_SECONDS.start(), TURN_SECONDS.end());
    let mut faults = Vec::new();
    for (holds, path, message) in [
        (
            (1..=most as u64).contains(&new.min_contributions.into()),
            "minContributions",
            format!("expected 1 to {most}"),
        ),
        (
            now < new.deadline && new.deadline <= now + LONGEST,
            "deadline",
            "expected a time within the next 366 days".to_owned(),
        ),
        (
            TURN_SECONDS.contains(&new.turn_seconds),
            "turnSeconds",
            format!("expected {shortest} to {longest} seconds"),
        ),
        (
            is_plain(source) && source.chars().count() <= LONGEST_SOURCE,
            "beacon.source",
            format!("expected 1 to {LONGEST_SOURCE} characters on one line"),
        ),
        (EXPONENTS.contains(exponent), "beacon.exponent", "expected 10 to 30".to_owned()),
        (
            new.deadline <= *at && *at <= new.deadline + LONGEST,
            "beacon.at",
            "expected a time within 366 days after the deadline: no contributor may know the value"
                .to_owned(),
        ),
    ] {
        if !holds {
            faults.push(InputFault { path: path.to_owned(), message });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(RequestError::Fields(faults)) }
}

/// Refuses a further ceremony if the tenant has too many. Concurrent requests may exceed the limit slightly.
async fn refuse_excess(app: &App, tenant: &TenantId) -> Result<(), RequestError> {
    let mut unfinished = 0;
    for status in [CeremonyStatus::Pending, CeremonyStatus::Open] {
        let filter = CeremonyFilter {
            tenant: Some(tenant.clone()),
            status: Some(status),
            ..CeremonyFilter::default()
        };
        unfinished += app.catalog.ceremonies().list(&filter, &Page::first(MOST)).await?.len();
    }
    if unfinished >= MOST { Err(CeremonyRefusal::TooMany.into()) } else { Ok(()) }
}
