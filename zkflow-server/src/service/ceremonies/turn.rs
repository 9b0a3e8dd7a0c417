//! The turns of contributors: join, take the turn, upload a key, submit it.

use rand::RngCore as _;
use zeroize::Zeroizing;
use zkflow_core::digest::Digest;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{Ceremony, Document as _, FileRole, Place};
use zkflow_core::service::flow::ceremony::{Contributor, Standing};
use zkflow_core::service::id::{CeremonyId, UploadId};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::{Upload, UploadFile};

use super::{CeremonyRefusal, change, visible};
use crate::auth::Principal;
use crate::service::{RequestError, push, uploads};
use crate::state::App;

/// Largest growth of a key by a contribution in bytes: its points, its transcript and a name of 255 bytes.
const MOST_GROWTH: u64 = 1024;

/// A place in a ceremony.
pub struct Joined {
    /// Number of the place.
    pub number: u32,
    /// Secret of the contributor; the catalog has its digest only.
    pub token: Zeroizing<String>,
}

/// Gives a place to the caller. A caller with a place keeps it, and gets a new token.
///
/// # Errors
/// [`CeremonyRefusal::Closed`], [`CeremonyRefusal::Full`], [`CeremonyRefusal::Contributed`] or
/// [`CeremonyRefusal::TooManyAttempts`].
pub async fn join(app: &App, caller: &Principal, id: &CeremonyId) -> Result<Joined, RequestError> {
    let mut random = Zeroizing::new([0; 32]);
    os_rng().fill_bytes(&mut *random);
    let token = Zeroizing::new(hex::encode(*random));
    // Without authentication, all callers are one.
    let caller_digest = (*caller != Principal::everyone()).then(|| Digest::of(&caller.name));
    let contributor = Contributor { token: Digest::of(token.as_bytes()), caller: caller_digest };
    let (_, number) = change(app, id, |ceremony, now| {
        visible(ceremony, &caller.tenant)?;
        Ok(ceremony.join(contributor.clone(), now).map_err(CeremonyRefusal::from)?)
    })
    .await?;
    Ok(Joined { number, token })
}

/// Takes the turn if it is due; returns the ceremony as of now. See [`Ceremony::standing`].
///
/// # Errors
/// [`CeremonyRefusal::NoPlace`].
pub async fn take_turn(
    app: &App,
    tenant: &TenantId,
    id: &CeremonyId,
    token: &Digest,
) -> Result<Ceremony, RequestError> {
    let (ceremony, ()) = change(app, id, |ceremony, now| {
        visible(ceremony, tenant)?;
        ceremony.take_turn(token, now);
        ceremony.standing(token).map(drop).ok_or_else(|| CeremonyRefusal::NoPlace.into())
    })
    .await?;
    Ok(ceremony)
}

/// Gives the place back.
///
/// # Errors
/// [`CeremonyRefusal::NoPlace`].
pub async fn leave(
    app: &App,
    tenant: &TenantId,
    id: &CeremonyId,
    token: &Digest,
) -> Result<(), RequestError> {
    let (_, ()) = change(app, id, |ceremony, now| {
        visible(ceremony, tenant)?;
        ceremony.standing(token).ok_or(CeremonyRefusal::NoPlace)?;
        ceremony.leave(token, now);
        Ok(())
    })
    .await?;
    Ok(())
}

/// Declares the key that will be uploaded. The same declaration again returns the same upload, another one replaces it.
///
/// # Errors
/// [`CeremonyRefusal::NotYourTurn`]; [`RequestError::UploadTooLarge`]; those of [`uploads::create`].
pub async fn declare(
    app: &App,
    tenant: &TenantId,
    id: &CeremonyId,
    token: &Digest,
    (size, sha256): (u64, Digest),
) -> Result<Upload, RequestError> {
    let file = UploadFile { role: FileRole::ProvingKey, path: None, size, sha256 };
    let (ceremony, present) = current(app, tenant, id, token).await?;
    if let Some(present) = present {
        match uploads::get(app, &ceremony.life.tenant, &present).await {
            Ok(upload) if upload.files == [file.clone()] => return Ok(upload),
            Ok(_) | Err(RequestError::UnknownUpload(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let most = ceremony.key.as_ref().map_or(0, |key| key.size).saturating_add(MOST_GROWTH);
    if size > most {
        return Err(RequestError::UploadTooLarge { what: "the key", bytes: size, most });
    }
    let upload = uploads::create(app, &ceremony.life.tenant, vec![file]).await?;
    let attached = change(app, id, |ceremony, now| {
        ceremony.settle(now);
        turn_of(ceremony, token)?;
        ceremony.attach(upload.id.clone(), now);
        Ok(())
    });
    if let Err(error) = attached.await {
        uploads::remove(app, &upload.tenant, &upload.id).await?;
        return Err(error);
    }
    Ok(upload)
}

/// Stores a part of the declared key.
///
/// # Errors
/// [`CeremonyRefusal::NotYourTurn`], also before [`declare`]; those of [`uploads::put_part`].
pub async fn put_part(
    app: &App,
    tenant: &TenantId,
    id: &CeremonyId,
    token: &Digest,
    part: u32,
    bytes: Vec<u8>,
) -> Result<(), RequestError> {
    let (ceremony, upload) = current(app, tenant, id, token).await?;
    let upload = upload.ok_or(CeremonyRefusal::NotYourTurn)?;
    uploads::put_part(app, &ceremony.life.tenant, &upload, (0, part), bytes).await
}

/// Hands the uploaded key to a worker.
///
/// # Errors
/// [`CeremonyRefusal::NotYourTurn`]; [`RequestError::UploadIncomplete`].
pub async fn submit(
    app: &App,
    tenant: &TenantId,
    id: &CeremonyId,
    token: &Digest,
) -> Result<Ceremony, RequestError> {
    let (ceremony, upload) = current(app, tenant, id, token).await?;
    let upload = upload.ok_or(CeremonyRefusal::NotYourTurn)?;
    let upload = uploads::get(app, &ceremony.life.tenant, &upload).await?;
    let missing = missing(app, &upload).await?.len();
    if missing > 0 {
        return Err(RequestError::UploadIncomplete { upload: upload.id, missing });
    }
    let (ceremony, ()) = change(app, id, |ceremony, now| {
        ceremony.settle(now);
        // The parts that were counted are those of this upload.
        if turn_of(ceremony, token)?.upload.as_ref() != Some(&upload.id) {
            return Err(CeremonyRefusal::NotYourTurn.into());
        }
        Ok(ceremony.submit(now).map_err(|_| CeremonyRefusal::NotYourTurn)?)
    })
    .await?;
    push(app, ceremony.job()).await;
    Ok(ceremony)
}

/// Numbers of the parts of a contribution that are missing.
///
/// # Errors
/// The store fails.
pub async fn missing(app: &App, upload: &Upload) -> Result<Vec<u32>, RequestError> {
    Ok(uploads::missing(app, upload).await?.concat())
}

/// The ceremony and the upload of the contributor that has the turn.
async fn current(
    app: &App,
    tenant: &TenantId,
    id: &CeremonyId,
    token: &Digest,
) -> Result<(Ceremony, Option<UploadId>), RequestError> {
    let (ceremony, upload) = change(app, id, |ceremony, now| {
        visible(ceremony, tenant)?;
        ceremony.settle(now);
        Ok(turn_of(ceremony, token)?.upload.clone())
    })
    .await?;
    Ok((ceremony, upload))
}

/// The place of the contributor that has taken the turn.
fn turn_of<'a>(ceremony: &'a Ceremony, token: &Digest) -> Result<&'a Place, CeremonyRefusal> {
    match ceremony.standing(token) {
        None => Err(CeremonyRefusal::NoPlace),
        Some(Standing::Turn(place)) if place.taken && !ceremony.is_final() => Ok(place),
        Some(_) => Err(CeremonyRefusal::NotYourTurn),
    }
}
