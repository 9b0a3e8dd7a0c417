//! [`Delivery`]: an event that is sent to the address of a request.

use serde::{Deserialize, Serialize};

use super::document::{Document, InvalidTransition};
use super::life::{Life, Stage, Status, named};
use super::lookup::{Lookup, Term};
use super::sealed::Sealed;
use super::subject::Subject;
use crate::service::clock::Timestamp;
use crate::service::id::DeliveryId;
use crate::service::queue::QueueName;
use crate::service::tenant::TenantId;

/// The event that a document is final, to be sent to the callback of its request.
///
/// It is stored before the final document, so no end of a document goes without its event. The event itself is made
/// from the document when it is sent. A document has one delivery, which is [renewed](Self::renew) when the document has
/// a further end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Id of this delivery.
    #[serde(rename = "_id")]
    pub id: DeliveryId,
    /// Document that the event is about.
    pub subject: Subject,
    /// Address of the receiver. It may contain a password.
    pub address: Sealed,
    /// Number of the end that the event is about, from 0: a circuit that starts again has a further one.
    pub round: u32,
    /// Beginning of the document that this end belongs to.
    pub beginning: Beginning,
    /// When the document ended.
    pub ended_at: Timestamp,
    /// Beginning of the present attempts.
    pub since: Timestamp,
    /// State of the delivery.
    #[serde(flatten)]
    pub life: Life<DeliveryStatus, DeliveryStage>,
}

/// A beginning of a document: it is made, or it starts again. It has one end. Later beginnings are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Beginning {
    /// When the document was made. A circuit that is deleted and requested again is a new document with the same id.
    pub created_at: Timestamp,
    /// Number of times that it started again.
    pub restarts: u32,
}

named! {
    /// State of a delivery.
    DeliveryStatus {
        /// The receiver has not accepted the event.
        Pending = "pending",
        /// The receiver has accepted the event.
        Delivered = "delivered",
        /// The receiver did not accept the event in time.
        Failed = "failed",
    }

    /// Stages of a delivery, in order.
    DeliveryStage {
        /// Waits for a worker.
        Queued = "queued",
        /// The event is sent.
        Send = "send",
        /// The delivery is finished.
        Done = "done",
    }
}

impl Status for DeliveryStatus {
    const PENDING: Self = Self::Pending;
    const FAILED: Self = Self::Failed;
}

impl Stage for DeliveryStage {}

impl Delivery {
    /// The delivery that a document owes when it is final; `None`: it has no callback.
    pub fn owed_by<D: Document>(document: &D, now: Timestamp) -> Option<Self> {
        let life = document.life();
        let (subject, address) = (document.subject()?, life.callback.clone()?);
        let mut own = Life::new(now);
        own.tenant = life.tenant.clone();
        own.origin.clone_from(&life.origin);
        Some(Self {
            id: DeliveryId::generate(now),
            subject,
            address,
            round: 0,
            beginning: Beginning { created_at: life.created_at, restarts: life.restarts },
            ended_at: now,
            since: now,
            life: own,
        })
    }

    /// Makes the delivery pending, with the whole time for its attempts.
    pub fn restart(&mut self, now: Timestamp) {
        self.life.restart(now);
        self.since = now;
    }

    /// Makes the delivery one of a further end of its document, which `owed` describes.
    pub fn renew(&mut self, owed: &Self) {
        self.restart(owed.since);
        self.round = self.round.saturating_add(1);
        self.beginning = owed.beginning;
        self.ended_at = owed.ended_at;
        self.address.clone_from(&owed.address);
        self.life.origin.clone_from(&owed.life.origin);
    }
}

impl Document for Delivery {
    type Id = DeliveryId;
    type Status = DeliveryStatus;
    type Stage = DeliveryStage;
    type Key = DeliveryKey;
    type Filter = DeliveryFilter;

    const KIND: &'static str = "delivery";
    const COLLECTION: &'static str = "deliveries";
    const QUEUE: QueueName = QueueName::Webhooks;

    fn id(&self) -> &DeliveryId {
        &self.id
    }

    fn life(&self) -> &Life<DeliveryStatus, DeliveryStage> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<DeliveryStatus, DeliveryStage> {
        &mut self.life
    }

    fn key(&self) -> Option<DeliveryKey> {
        Some(DeliveryKey { subject: self.subject.clone() })
    }

    fn fields(&self) -> Vec<Term> {
        vec![Term::text("subject", &self.subject)]
    }

    fn with_status(status: DeliveryStatus) -> DeliveryFilter {
        DeliveryFilter { status: Some(status), ..DeliveryFilter::default() }
    }

    fn of_tenant(filter: DeliveryFilter, tenant: TenantId) -> DeliveryFilter {
        DeliveryFilter { tenant: Some(tenant), ..filter }
    }
}

impl Delivery {
    /// Records that the receiver has accepted the event.
    ///
    /// # Errors
    /// The delivery is final.
    pub fn deliver(&mut self, spent: std::time::Duration, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.complete(DeliveryStatus::Delivered, spent, now);
        Ok(())
    }
}

/// Unique key of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryKey {
    /// Document that the event is about.
    pub subject: Subject,
}

impl Lookup for DeliveryKey {
    fn terms(&self) -> Vec<Term> {
        vec![Term::text("subject", &self.subject)]
    }
}

/// Conditions on the listed deliveries; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct DeliveryFilter {
    pub tenant: Option<TenantId>,
    pub status: Option<DeliveryStatus>,
}

impl Lookup for DeliveryFilter {
    fn terms(&self) -> Vec<Term> {
        let tenant = self.tenant.as_ref().map(Term::tenant);
        tenant.into_iter().chain(self.status.map(Term::status)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zkflow_groth16::digest::Digest;
    use zkflow_groth16::id::CircuitId;

    use super::*;
    use crate::service::catalog::{Failure, ProofRequest};
    use crate::service::id::ProofId;

    #[test]
    fn a_document_owes_an_event_once_and_only_with_a_callback() {
        let (now, circuit) = (Timestamp::from_millis(0), CircuitId::from_hash(&Digest::of("c")));
        let id = ProofId::generate(now);
        let mut proof = ProofRequest::new(id.clone(), circuit, None, None, now, Duration::from_secs(1));
        assert_eq!(Delivery::owed_by(&proof, now), None);
        proof.life.callback = Some(Sealed(vec![1]));
        proof.life.tenant = "acme".parse().unwrap();
        let owed = Delivery::owed_by(&proof, now).unwrap();
        assert_eq!((&owed.subject, &owed.life.tenant), (&Subject::Proof(id), &proof.life.tenant));
        assert_eq!(Delivery::owed_by(&owed, now), None, "a delivery has no callback of its own");
        let mut failed = proof.clone();
        failed.fail(Failure { code: "c".to_owned(), message: "m".to_owned() }, now).unwrap();
        proof.cancel(now).unwrap();
        for over in [failed, proof] {
            assert_eq!(Delivery::owed_by(&over, now), None, "{over:?}");
        }
    }

    #[test]
    fn a_delivery_that_starts_again_has_all_its_time() {
        let now = Timestamp::from_millis(5);
        let subject = "circuit/0123456789abcdef0123456789abcdef".parse().unwrap();
        let (id, life) = (DeliveryId::generate(now), Life::new(now));
        let address = Sealed(vec![]);
        let beginning = Beginning { created_at: now, restarts: 0 };
        let mut delivery =
            Delivery { id, subject, address, round: 0, beginning, ended_at: now, since: now, life };
        delivery.deliver(Duration::ZERO, now).unwrap();
        assert!(delivery.is_final() && delivery.deliver(Duration::ZERO, now).is_err());
        let later = Timestamp::from_millis(9);
        delivery.restart(later);
        assert_eq!((delivery.is_final(), delivery.since, delivery.round), (false, later, 0));
        let owed = Delivery { address: Sealed(vec![1]), ended_at: later, ..delivery.clone() };
        delivery.renew(&owed);
        assert_eq!((delivery.round, &delivery.address, delivery.ended_at), (1, &owed.address, later));
    }

    #[test]
    fn a_subject_survives_its_text() {
        for text in ["circuit/0123456789abcdef0123456789abcdef", "proof/01890a5d-ac96-774b-bcce-b302099a8057"]
        {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in
            ["", "circuit", "circuit/", "proof/0123456789abcdef0123456789abcdef", "key/1", "circuit/x/y"]
        {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
