//! Waits for changes of a document: by this process at once, by another within a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zkflow_core::service::tenant::TenantId;

use super::{RequestError, Requested, visible};
use crate::auth::Principal;
use crate::state::{App, ClientAddress, Exhausted, Held, Subscription};
use futures::Stream;
use futures::stream;

/// Returns the document that `caller` may see once it is final, after `wait`, or at shutdown, whichever comes first.
///
/// # Errors
/// The document does not exist.
pub async fn settled<D: Requested>(
    app: &App,
    caller: &Principal,
    id: &D::Id,
    wait: Duration,
    client: ClientAddress,
) -> Result<D, RequestError> {
    let tenant = &caller.tenant;
    if wait.is_zero() {
        return visible::<D>(app, tenant, id).await;
    }
    let deadline = Instant::now() + wait;
    let mut changes = app.changes.subscribe(&id.to_string());
    // Without a permit, the present document is returned at once.
    let permit = permit(app, caller, client);
    loop {
        let document = visible::<D>(app, tenant, id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if document.is_final() || left.is_zero() || permit.is_err() || app.shutdown.is_cancelled() {
            return Ok(document);
        }
        tokio::select! {
            () = changes.changed() => {}
            () = tokio::time::sleep(left) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

/// A part of the budget of event streams and long-polls.
fn permit(app: &App, caller: &Principal, client: ClientAddress) -> Result<Held, Exhausted> {
    let key = caller.limited_key(&app.config.plans);
    app.budgets.watchers.take_as(app.config.watchers_of(&caller.tenant, key), client, 1)
}

/// Streams the document that `caller` may see now and after each change, until it is final or deleted, or until shutdown. The state with the
/// epoch `seen` is left out. `None` if the document is final in that state.
///
/// # Errors
/// The document does not exist; too many event streams are open.
pub async fn follow<D: Requested>(
    app: Arc<App>,
    caller: &Principal,
    id: D::Id,
    seen: Option<u64>,
    client: ClientAddress,
) -> Result<Option<impl Stream<Item = D> + Send + 'static>, RequestError> {
    let permit = permit(&app, caller, client).map_err(RequestError::TooManyWatchers)?;
    let tenant = caller.tenant.clone();
    let changes = app.changes.subscribe(&id.to_string());
    let first = visible::<D>(&app, &tenant, &id).await?;
    if first.is_final() && seen == Some(first.life().epoch) {
        return Ok(None);
    }
    let follower =
        Follower { app, tenant, id, changes, seen, first: Some(first), ended: false, _permit: permit };
    Ok(Some(stream::unfold(follower, Follower::next)))
}

struct Follower<D: Requested> {
    app: Arc<App>,
    tenant: TenantId,
    id: D::Id,
    changes: Subscription,
    first: Option<D>,
    seen: Option<u64>,
    ended: bool,
    _permit: Held,
}

impl<D: Requested> Follower<D> {
    async fn next(mut self) -> Option<(D, Self)> {
        if self.ended {
            return None;
        }
        loop {
            let document = match self.first.take() {
                Some(document) => document,
                None => {
                    tokio::select! {
                        () = self.changes.changed() => {}
                        () = self.app.shutdown.cancelled() => return None,
                    }
                    // If the document is deleted or the catalog fails, the stream ends.
                    visible::<D>(&self.app, &self.tenant, &self.id).await.ok()?
                }
            };
            if self.seen != Some(document.life().epoch) {
                self.seen = Some(document.life().epoch);
                self.ended = document.is_final();
                return Some((document, self));
            }
        }
    }
}
