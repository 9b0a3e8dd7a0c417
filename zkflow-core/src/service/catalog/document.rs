//! [`Document`]: the common trait of circuits, proof requests, deployments, ceremonies and deliveries.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::life::{Failure, Life, Named, Stage, Status};
use super::lookup::{Lookup, Term};
use super::page::Cursor;
use super::subject::Subject;
use crate::service::clock::Timestamp;
use crate::service::id::UserId;
use crate::service::queue::{NewJob, QueueName};
use crate::service::tenant::TenantId;
use zkflow_groth16::id::CircuitId;

/// A kind of document: a request, the state of the work and its result.
///
/// # Behaviour
/// - A document is stored as the object that serde writes. Its [`id`](Self::id) is the field `_id`. The
///   fields of its [`Life`] are fields of that object (`#[serde(flatten)]`).
/// - Every field name in a [`Term`] is a path in that object, or the name of a [derived](Self::DERIVED) field.
pub trait Document: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Unique id.
    type Id: Clone + Debug + Display + FromStr + Ord + Hash + Send + Sync + 'static;
    /// States of the document.
    type Status: Status;
    /// Stages of the work on it.
    type Stage: Stage;
    /// Unique key of the kind, in addition to the id.
    type Key: Lookup + PartialEq;
    /// Conditions on listed documents.
    type Filter: Lookup + Default;

    /// Name of the kind in messages, such as `proof request`.
    const KIND: &'static str;
    /// Name of the table or collection, such as `proofs`.
    const COLLECTION: &'static str;
    /// Queue of its jobs.
    const QUEUE: QueueName;
    /// Names of [`fields`](Self::fields) that follow from the others. They are no part of the object: a catalog stores
    /// them beside it.
    const DERIVED: &'static [&'static str] = &[];

    /// Unique id of this document.
    fn id(&self) -> &Self::Id;

    /// The fields shared by all kinds.
    fn life(&self) -> &Life<Self::Status, Self::Stage>;

    /// Mutable access to the shared fields. A change of `status` through this method is not checked; see
    /// [`owed`](Self::owed).
    fn life_mut(&mut self) -> &mut Life<Self::Status, Self::Stage>;

    /// Unique key; `None`: never a duplicate.
    fn key(&self) -> Option<Self::Key>;

    /// All fields that filters and keys use, except `status` and `tenant`. Every document has the same ones.
    fn fields(&self) -> Vec<Term>;

    /// Filter for documents with this status.
    fn with_status(status: Self::Status) -> Self::Filter;

    /// The filter, for documents of this tenant only.
    fn of_tenant(filter: Self::Filter, tenant: TenantId) -> Self::Filter;

    /// The filter, for documents that failed with this code only, if the collection can select by it; else the same filter.
    fn failed_with(filter: Self::Filter, code: &str) -> Self::Filter {
        let _ = code;
        filter
    }

    /// User of the tenant that the work is attributed to.
    fn user_id(&self) -> Option<&UserId> {
        None
    }

    /// Circuit that another document is about: a proof request, a deployment, a ceremony.
    fn circuit_id(&self) -> Option<&CircuitId> {
        None
    }

    /// The document as the subject of an event; `None`: no event is sent about this kind.
    fn subject(&self) -> Option<Subject> {
        None
    }

    /// Present status.
    fn status(&self) -> Self::Status {
        self.life().status
    }

    /// Whether the work is finished, successfully or not.
    fn is_final(&self) -> bool {
        self.status().is_final()
    }

    /// [`fields`](Self::fields) plus `status` and `tenant`.
    fn terms(&self) -> Vec<Term> {
        let shared = [Term::status(self.status()), Term::tenant(&self.life().tenant)];
        self.fields().into_iter().chain(shared).collect()
    }

    /// Position in a list.
    fn cursor(&self) -> Cursor {
        Cursor { created_at: self.life().created_at, id: self.id().to_string() }
    }

    /// Job that works on the document. Its subject and its `dedup_key` are the id. A tenant has one turn in the queue; where callers
    /// are not authenticated, the users of the default tenant take turns.
    fn job(&self) -> NewJob {
        let user_id = match self.life().is_authenticated() {
            true => self.life().tenant.lane(),
            false => self.life().tenant.lane_of_user(self.user_id()),
        };
        NewJob { user_id, ..NewJob::new(Self::QUEUE, self.id().to_string()) }
    }

    /// The shared fields, for changes while the document is pending.
    ///
    /// # Errors
    /// The document is final.
    fn owed(&mut self) -> Result<&mut Life<Self::Status, Self::Stage>, InvalidTransition> {
        if self.is_final() { Err(InvalidTransition::of(self)) } else { Ok(self.life_mut()) }
    }

    /// Records that a worker starts the work, possibly again.
    ///
    /// # Errors
    /// The document is final.
    fn begin(&mut self, attempt: u32, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.begin(attempt, now);
        Ok(())
    }

    /// Enters `stage` after `spent` in the previous stage.
    ///
    /// # Errors
    /// The document is final.
    fn advance(
        &mut self,
        stage: Self::Stage,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.advance(stage, spent, now);
        Ok(())
    }

    /// Records why an attempt has no result. The work is tried again, and `stage` says where it stopped.
    ///
    /// # Errors
    /// The document is final.
    fn delay(&mut self, reason: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.delay(reason, now);
        Ok(())
    }

    /// Records a permanent failure; `stage` remains the one that failed.
    ///
    /// # Errors
    /// The document is final.
    fn fail(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.fail(error, now);
        Ok(())
    }
}

/// The transition is not allowed in the present status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {id} is already {status}")]
pub struct InvalidTransition {
    kind: &'static str,
    id: String,
    status: &'static str,
}

impl InvalidTransition {
    /// The refused transition of `document`.
    pub(in crate::service) fn of<D: Document>(document: &D) -> Self {
        Self { kind: D::KIND, id: document.id().to_string(), status: document.status().as_str() }
    }
}

/// Idempotency key of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Value of the header `Idempotency-Key`.
    pub key: String,
    /// Keyed digest of the request. It differs for a different request under the same key. Private inputs
    /// cannot be guessed from it.
    pub fingerprint: String,
}

/// Path of the key in documents that contain an [`Idempotency`].
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency.key";
