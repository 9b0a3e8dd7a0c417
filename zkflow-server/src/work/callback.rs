//! `webhooks`: the event of a final document is accepted by its receiver, or is given up.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use zkflow_core::service::catalog::{Delivery, Failure, ProofRequest, ProofStatus, Stored, Subject};
use zkflow_core::service::queue::Job;
use zkflow_queue::JobError;

use super::document::Steps;
use super::spent::Spent;
use super::{Stop, invalid, stop, stop_or_outage};
use crate::callbacks::Event;
use crate::service::RequestError;
use crate::state::App;
use crate::telemetry::stage_took;

/// Handler of the queue of deliveries.
pub(super) struct Callback {
    app: Arc<App>,
}

impl Callback {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// The event, as its document is now.
    async fn event(&self, delivery: &Delivery) -> Result<Event, Stop> {
        Ok(match &delivery.subject {
            Subject::Circuit(id) => Event::of_circuit(delivery, &self.ended(id).await?),
            Subject::Proof(id) => match self.ended::<ProofRequest>(id).await? {
                // It was cancelled while its proof was made.
                proof if proof.life.status == ProofStatus::Cancelled => {
                    return Err(gone("the proof request was cancelled, which is no event".to_owned()));
                }
                proof => Event::of_proof(delivery, &proof),
            },
            Subject::Deployment(id) => Event::of_deployment(delivery, &self.ended(id).await?),
        })
    }

    /// The final document. A delivery is stored before the end of its document, which may be written later, or by
    /// another run.
    async fn ended<D: Stored>(&self, id: &D::Id) -> Result<D, Stop> {
        match self.app.documents::<D>().get(id).await.map_err(stop_or_outage)? {
            Some(document) if document.is_final() => Ok(document),
            Some(_) => Err(JobError::retry("callback_early", "the document has not ended yet").into()),
            None => Err(gone(format!("the {} was deleted before its event was sent", D::KIND))),
        }
    }

    /// Whether the time for attempts is over.
    fn is_over(&self, delivery: &Delivery) -> bool {
        self.app.now().since(delivery.since) >= self.app.config.webhooks.callback_time()
    }
}

fn gone(message: String) -> Stop {
    Stop::Final(Failure { code: "subject_gone".to_owned(), message })
}

#[async_trait]
impl Steps for Callback {
    type Document = Delivery;
    type Admitted = ();
    const BRIEF: bool = true;

    fn app(&self) -> &App {
        &self.app
    }

    async fn admit(&self, _: &Delivery) -> Result<(), JobError> {
        Ok(())
    }

    async fn run(&self, delivery: &mut Delivery, (): &(), _: &Job, _: &Spent) -> Result<(), Stop> {
        let app = &self.app;
        let tenant = delivery.life.tenant.clone();
        if !app.config.webhooks.callbacks {
            let reason = "this process sends no events to callbacks";
            let error = match self.is_over(delivery) {
                true => JobError::fatal("callbacks_off", reason),
                false => JobError::retry("callbacks_off", reason),
            };
            return Err(error.into());
        }
        let event = self.event(delivery).await?;
        let Some(hooks) = app.hooks.of(&app.vault, &tenant).await.map_err(stop_or_outage)? else {
            return Err(stop(RequestError::NoHooks));
        };
        // The tenant may have another host since the request: the former one gets nothing more.
        let address = app.vault.disclose_callback(&tenant, &delivery.subject, &delivery.address);
        let address = address.map_err(stop_or_outage)?;
        if !hooks.admits(address.expose_secret()) {
            let reason = "the callback is not on the host of the tenant's present address: set that host, then replay the delivery";
            return Err(JobError::fatal("callback_moved", reason).into());
        }
        let Some(_sending) = app.postman.admits(&tenant) else {
            let reason = "the addresses of the tenant get as many events as they may";
            return Err(JobError::give_back("callback_rate", reason).into());
        };
        let began = Instant::now();
        if let Err(unsent) = app.postman.post(&address, &hooks, &event, app.now()).await {
            let error = match unsent.is_gone() || self.is_over(delivery) {
                true => JobError::fatal("callback_failed", unsent.to_string()),
                false => JobError::retry("callback_failed", unsent.to_string()),
            };
            return Err(error.into());
        }
        let spent = began.elapsed();
        stage_took("delivery", "send", spent);
        delivery.deliver(spent, app.now()).map_err(invalid)?;
        Ok(())
    }

    fn has_data(&self, _: &Delivery) -> bool {
        false
    }
}
