//! Hosted ceremonies: announces them, gives turns to contributors, takes their keys, and ends them by a beacon.
//!
//! Requests and workers change one document at the same time. Every change is a compare-and-set that is tried again with
//! the present document.

mod announce;
mod refusal;
mod turn;

pub use announce::{NewCeremony, create};
pub use refusal::CeremonyRefusal;
pub use turn::{Joined, declare, join, leave, missing, put_part, submit, take_turn};

use zkflow_core::service::catalog::{
    AuditAction, CatalogError, Ceremony, CeremonyStatus, Document as _, InvalidTransition,
};
use zkflow_core::service::ceremony::GivenBeacon;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::CeremonyId;
use zkflow_core::service::store::{ArtifactMeta, ArtifactPath, StoreError, Unit};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::setup::Beacon;

use futures::TryStreamExt as _;

use super::{InputFault, RequestError, audit};
use crate::state::App;

/// Name of the present key among the files of a ceremony; after the end, of the final one.
pub const KEY_FILE: &str = "proving_key.zkey";
/// Name of the constraints among the files of a ceremony.
pub const CONSTRAINTS_FILE: &str = "circuit.r1cs";
/// Name of the record among the files of a ceremony.
pub const RECORD_FILE: &str = "ceremony.json";

/// Hands the end of a ceremony to a worker, with the value of the announced beacon.
///
/// # Errors
/// [`CeremonyRefusal::NotDue`] before the announced time, so that no contributor can have known the value;
/// [`CeremonyRefusal::TooFew`]; [`CeremonyRefusal::Busy`]; [`CeremonyRefusal::Ended`] also after a failure with another
/// value.
pub async fn finish(
    app: &App,
    (tenant, actor): (&TenantId, &str),
    id: &CeremonyId,
    value: &[u8],
) -> Result<Ceremony, RequestError> {
    let end = |ceremony: &mut Ceremony, now: Timestamp| -> Result<Ceremony, RequestError> {
        own(ceremony, tenant)?;
        let rules = &ceremony.rules;
        if let Err(error) = Beacon::new(value, rules.beacon.exponent) {
            return Err(fault("value", &error.to_string()));
        }
        if now < rules.beacon.at.max(rules.deadline) {
            return Err(CeremonyRefusal::NotDue(rules.beacon.at.max(rules.deadline)).into());
        }
        let (found, least) = (ceremony.contributions.len(), rules.min_contributions as usize);
        ceremony.settle(now);
        if ceremony.life.status == CeremonyStatus::Pending {
            return Err(CeremonyRefusal::Busy.into());
        }
        if found < least {
            return Err(CeremonyRefusal::TooFew { found, least }.into());
        }
        let beacon = GivenBeacon { value: hex::encode(value), given_at: now };
        let mut ended = ceremony.clone();
        ended.end(beacon, now).map_err(|_: InvalidTransition| CeremonyRefusal::Ended)?;
        Ok(ended)
    };
    // Only a request that is accepted has an entry, which is written before the change.
    change(app, id, end).await?;
    audit::record(app, tenant, actor, AuditAction::CeremonyFinish, id.as_str()).await?;
    let (ceremony, ()) = change(app, id, |ceremony, now| {
        *ceremony = end(ceremony, now)?;
        Ok(())
    })
    .await?;
    super::push(app, ceremony.job()).await;
    Ok(ceremony)
}

/// Deletes a ceremony of `owner` with its keys and its record. The circuit that it made stays. `by` is the caller, with its
/// tenant.
///
/// # Errors
/// [`CeremonyRefusal::Ended`] if it is completed, unless `force` is set: its record is the evidence for its key.
pub async fn delete(
    app: &App,
    owner: &TenantId,
    (tenant, actor): (&TenantId, &str),
    id: &CeremonyId,
    force: bool,
) -> Result<(), RequestError> {
    let ceremony: Ceremony = super::owned(app, owner, id).await?;
    if ceremony.life.status == CeremonyStatus::Completed && !force {
        return Err(CeremonyRefusal::Ended.into());
    }
    audit::record(app, tenant, actor, AuditAction::CeremonyDelete, id.as_str()).await?;
    // What a contributor was sending counts among the uploads of the owner.
    let sent = ceremony.places.first().and_then(|place| place.upload.clone());
    let tenant = ceremony.life.tenant.clone();
    app.erase(ceremony).await?;
    if let Some(upload) = sent {
        super::uploads::remove(app, &tenant, &upload).await?;
    }
    app.changes.notify(id.as_str());
    let files: Vec<_> = app.store.list(&Unit::Ceremony(id.clone()).to_string()).try_collect().await?;
    for key in files {
        app.store.delete(&key).await?;
    }
    Ok(())
}

/// Key, size and digest of a file of a ceremony; `None` if it has no such file.
///
/// # Errors
/// The store fails.
pub async fn file(app: &App, ceremony: &Ceremony, name: &str) -> Result<Option<ArtifactMeta>, RequestError> {
    match name {
        KEY_FILE => Ok(ceremony.key.clone()),
        RECORD_FILE => Ok(ceremony.result.as_ref().map(|result| result.record.clone())),
        CONSTRAINTS_FILE => {
            let key = ArtifactPath::CeremonyConstraints(ceremony.id.clone()).key();
            match app.store.head(&key).await {
                Ok(meta) => Ok(Some(meta)),
                Err(StoreError::NotFound(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
        _ => Ok(None),
    }
}

/// Changes a ceremony by `with`, which may be called again with a later state. Writes it if it has changed.
async fn change<T>(
    app: &App,
    id: &CeremonyId,
    mut with: impl FnMut(&mut Ceremony, Timestamp) -> Result<T, RequestError>,
) -> Result<(Ceremony, T), RequestError> {
    loop {
        let before: Ceremony = super::get(app, id).await?;
        let mut ceremony = before.clone();
        let result = with(&mut ceremony, app.now());
        let ceremony = match ceremony == before {
            true => ceremony,
            // A place that has ended is over, whatever becomes of the request.
            false => match app.save(ceremony).await {
                Err(CatalogError::Stale(_)) => continue,
                saved => saved?,
            },
        };
        if ceremony.spent_upload != before.spent_upload
            && let Some(upload) = &ceremony.spent_upload
        {
            super::uploads::remove(app, &ceremony.life.tenant, upload).await?;
        }
        return Ok((ceremony, result?));
    }
}

fn own(ceremony: &Ceremony, tenant: &TenantId) -> Result<(), RequestError> {
    visible(ceremony, tenant)?;
    if ceremony.life.tenant == *tenant { Ok(()) } else { Err(RequestError::NotOwner) }
}

/// To others, the ceremony does not exist.
fn visible(ceremony: &Ceremony, tenant: &TenantId) -> Result<(), RequestError> {
    match ceremony.is_visible_to(tenant) {
        true => Ok(()),
        false => Err(RequestError::UnknownCeremony(ceremony.id.clone())),
    }
}

fn fault(path: &str, message: &str) -> RequestError {
    RequestError::Fields(vec![InputFault { path: path.to_owned(), message: message.to_owned() }])
}
