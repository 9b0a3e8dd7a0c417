//! [`Lookup`]: fields with their values, by which documents are found.

use super::life::Named;
use crate::service::clock::Timestamp;

/// Conditions on fields, all of which must hold: a filter, or a key.
pub trait Lookup: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The conditions. Without any, every document fits.
    fn terms(&self) -> Vec<Term>;
}

/// A field of a document, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Path of the field in the stored document, such as `status` or `idempotency.key`.
    pub field: &'static str,
    /// Its value.
    pub value: Value,
}

/// Value of a field that documents are found by. Filters use the variant that the document uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A text, or null, which equals null.
    Optional(Option<String>),
    /// A moment.
    Moment(Timestamp),
}

impl Term {
    /// A text.
    pub fn text(field: &'static str, value: impl ToString) -> Self {
        Self { field, value: Value::Text(value.to_string()) }
    }

    /// A text, or null.
    pub fn optional(field: &'static str, value: Option<impl ToString>) -> Self {
        Self { field, value: Value::Optional(value.map(|value| value.to_string())) }
    }

    /// The field `status`.
    pub fn status(value: impl Named) -> Self {
        Self::text("status", value.as_str())
    }

    /// A moment.
    pub fn moment(field: &'static str, value: Timestamp) -> Self {
        Self { field, value: Value::Moment(value) }
    }
}
