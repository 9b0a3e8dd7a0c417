//! [`Document`]: what circuits, proof requests and deployments have in common.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::life::{Failure, Life, Named, Stage, Status};
use super::lookup::{Lookup, Term};
use super::page::Cursor;
use crate::service::clock::Timestamp;
use crate::service::id::UserId;
use crate::service::queue::{NewJob, QueueName};

/// A kind of document: a request, the state of the work on it, and the result.
///
/// # Behaviour
/// - A document is stored as serde writes it, as an object. Its [`id`](Self::id) is the field `_id`, and the fields
///   of its [`Life`] are fields of the object (`#[serde(flatten)]`).
/// - Every field name in a [`Term`] is a path in that object.
pub trait Document: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its id.
    type Id: Clone + Debug + Display + FromStr + Ord + Hash + Send + Sync + 'static;
    /// Its status.
    type Status: Status;
    /// The steps of the work on it.
    type Stage: Stage;
    /// What is unique among documents of this kind, beside the id.
    type Key: Lookup + PartialEq;
    /// Which documents to list.
    type Filter: Lookup + Default;

    /// What it is called in messages, such as `proof request`.
    const KIND: &'static str;
    /// Name of its table or collection, such as `proofs`.
    const COLLECTION: &'static str;
    /// Queue of the jobs that work on it.
    const QUEUE: QueueName;

    /// Its id.
    fn id(&self) -> &Self::Id;

    /// The fields that every document has.
    fn life(&self) -> &Life<Self::Status, Self::Stage>;

    /// The fields that every document has. A change of `status` through here is not checked; see
    /// [`owed`](Self::owed).
    fn life_mut(&mut self) -> &mut Life<Self::Status, Self::Stage>;

    /// Its key; `None`: never a duplicate.
    fn key(&self) -> Option<Self::Key>;

    /// The fields that filters and keys of this kind name, without `status`. All of them, in every document.
    fn fields(&self) -> Vec<Term>;

    /// The filter for documents with a status.
    fn with_status(status: Self::Status) -> Self::Filter;

    /// The user that the work is accounted to.
    fn user_id(&self) -> Option<&UserId> {
        None
    }

    /// What became of it.
    fn status(&self) -> Self::Status {
        self.life().status
    }

    /// Whether no work on it is owed.
    fn is_final(&self) -> bool {
        self.status().is_final()
    }

    /// [`fields`](Self::fields) and `status`.
    fn terms(&self) -> Vec<Term> {
        self.fields().into_iter().chain([Term::status(self.status())]).collect()
    }

    /// Its place in a list.
    fn cursor(&self) -> Cursor {
        Cursor { created_at: self.life().created_at, id: self.id().to_string() }
    }

    /// The job that works on it. The subject, and the key against duplicates, is the id.
    fn job(&self) -> NewJob {
        NewJob { user_id: self.user_id().cloned(), ..NewJob::new(Self::QUEUE, self.id().to_string()) }
    }

    /// Its life, while work on it is owed.
    ///
    /// # Errors
    /// It is final.
    fn owed(&mut self) -> Result<&mut Life<Self::Status, Self::Stage>, InvalidTransition> {
        if self.is_final() { Err(InvalidTransition::of(self)) } else { Ok(self.life_mut()) }
    }

    /// A worker begins, or begins again.
    ///
    /// # Errors
    /// It is final.
    fn begin(&mut self, attempt: u32, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.begin(attempt, now);
        Ok(())
    }

    /// `stage` begins after the present one took `spent`.
    ///
    /// # Errors
    /// It is final.
    fn advance(
        &mut self,
        stage: Self::Stage,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.advance(stage, spent, now);
        Ok(())
    }

    /// The work failed for good; `stage` keeps where.
    ///
    /// # Errors
    /// It is final.
    fn fail(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.fail(error, now);
        Ok(())
    }
}

/// The change does not fit the status of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {id} is {status} already")]
pub struct InvalidTransition {
    kind: &'static str,
    id: String,
    status: &'static str,
}

impl InvalidTransition {
    /// Of this document.
    pub(in crate::service) fn of<D: Document>(document: &D) -> Self {
        Self { kind: D::KIND, id: document.id().to_string(), status: document.status().as_str() }
    }
}

/// A caller's name for a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// What the caller sent in `Idempotency-Key`.
    pub key: String,
    /// A keyed digest of the request. It differs for another request under the same key, and private inputs
    /// cannot be guessed from it.
    pub fingerprint: String,
}

/// Path of the key in documents that have an [`Idempotency`].
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency.key";
