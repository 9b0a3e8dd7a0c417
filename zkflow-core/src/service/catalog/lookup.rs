//! [`Lookup`]: conditions that documents are found by.

use super::life::Named;
use crate::service::clock::Timestamp;
use crate::service::tenant::TenantId;

/// A filter or a key: conditions on fields, joined by AND.
pub trait Lookup: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The conditions; an empty list matches every document.
    fn terms(&self) -> Vec<Term>;

    /// A further condition; `None`: none.
    fn prefix(&self) -> Option<Prefix> {
        None
    }
}

/// The condition that one of some fields begins with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Fields with a [`Value::Text`], as in [`Term::field`].
    pub fields: &'static [&'static str],
    /// How one of them begins.
    pub text: String,
}

impl Prefix {
    /// Whether one of the terms is such a field, and begins with the text.
    pub fn fits(&self, terms: &[Term]) -> bool {
        terms.iter().any(|term| {
            let begins = matches!(&term.value, Value::Text(text) if text.starts_with(&self.text));
            begins && self.fields.contains(&term.field)
        })
    }

    /// The bounds of the texts that begin with it, in the order of their bytes: from the first one, up to the second one
    /// without it.
    pub fn bounds(&self) -> (String, String) {
        (self.text.clone(), format!("{}{}", self.text, char::MAX))
    }
}

/// A field of a document with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Path of the field in the stored document, such as `status` or `idempotency.key`.
    pub field: &'static str,
    /// Value to compare with.
    pub value: Value,
}

/// Value of a field. Filters use the same variant as the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text that is never null.
    Text(String),
    /// Text or null; null equals null.
    Optional(Option<String>),
    /// Stored as milliseconds or as a date, depending on the backend.
    Moment(Timestamp),
}

impl Term {
    /// A field with a text.
    pub fn text(field: &'static str, value: impl ToString) -> Self {
        Self { field, value: Value::Text(value.to_string()) }
    }

    /// A field with a text or null.
    pub fn optional(field: &'static str, value: Option<impl ToString>) -> Self {
        Self { field, value: Value::Optional(value.map(|value| value.to_string())) }
    }

    /// The field `status`.
    pub fn status(value: impl Named) -> Self {
        Self::text("status", value.as_str())
    }

    /// The field `tenant`.
    pub fn tenant(value: &TenantId) -> Self {
        Self::text("tenant", value)
    }

    /// A field with a timestamp.
    pub fn moment(field: &'static str, value: Timestamp) -> Self {
        Self { field, value: Value::Moment(value) }
    }
}
