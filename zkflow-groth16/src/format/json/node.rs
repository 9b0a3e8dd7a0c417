//! A JSON value with its path in the document.

use ark_ff::PrimeField;
use serde_json::Value;

use super::error::{JsonError, JsonProblem};
use crate::field;

/// A value, its parent and the step between them.
pub(super) struct Node<'a> {
    value: &'a Value,
    parent: Option<&'a Node<'a>>,
    step: Step,
}

/// The step from a parent to a value.
enum Step {
    None,
    Key(&'static str),
    Index(usize),
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, parent: None, step: Step::None }
    }

    /// The value of a required key.
    pub(super) fn key(&'a self, key: &'static str) -> Result<Node<'a>, JsonError> {
        self.optional(key)?.ok_or_else(|| {
            let missing = Node { value: &Value::Null, parent: Some(self), step: Step::Key(key) };
            missing.error(JsonProblem::Missing)
        })
    }

    /// The value of an optional key.
    pub(super) fn optional(&'a self, key: &'static str) -> Result<Option<Node<'a>>, JsonError> {
        let Value::Object(object) = self.value else {
            return Err(self.error(JsonProblem::Expected("an object")));
        };
        Ok(object.get(key).map(|value| Node { value, parent: Some(self), step: Step::Key(key) }))
    }

    /// The items of an array; if `length` is given, the array must have that many.
    pub(super) fn items(
        &'a self,
        length: Option<usize>,
    ) -> Result<impl ExactSizeIterator<Item = Node<'a>>, JsonError> {
        let Value::Array(items) = self.value else {
            return Err(self.error(JsonProblem::Expected("an array")));
        };
        if let Some(expected) = length.filter(|expected| *expected != items.len()) {
            return Err(self.error(JsonProblem::Length { expected, found: items.len() }));
        }
        Ok(items.iter().enumerate().map(|(index, value)| Node {
            value,
            parent: Some(self),
            step: Step::Index(index),
        }))
    }

    /// The items of an array of exactly `N`.
    pub(super) fn array<const N: usize>(&'a self) -> Result<[Node<'a>; N], JsonError> {
        let mut items = self.items(Some(N))?;
        Ok(std::array::from_fn(|_| items.next().expect("the array has N items")))
    }

    /// A field element, written as a string of decimal digits.
    pub(super) fn number<F: PrimeField>(&self) -> Result<F, JsonError> {
        let Value::String(text) = self.value else {
            return Err(self.error(JsonProblem::Expected("a string of decimal digits")));
        };
        field::parse_decimal(text).map_err(|error| self.error(JsonProblem::Number(error)))
    }

    /// A count, written as a JSON number.
    pub(super) fn count(&self) -> Result<usize, JsonError> {
        let count = self.value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| self.error(JsonProblem::Expected("an unsigned integer")))
    }

    /// Checks that the value is the string `text`.
    pub(super) fn expect_text(&self, text: &'static str) -> Result<(), JsonError> {
        if self.value == text { Ok(()) } else { Err(self.error(JsonProblem::Expected(text))) }
    }

    /// Checks that the value is a name of BN254 that snarkjs accepts: case and punctuation do not count.
    pub(super) fn expect_bn254(&self) -> Result<(), JsonError> {
        let name = self.value.as_str().unwrap_or_default();
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_lowercase().as_str() {
            "bn128" | "bn254" | "altbn128" => Ok(()),
            _ => Err(self.error(JsonProblem::Expected("bn128 or bn254"))),
        }
    }

    pub(super) fn error(&self, problem: JsonProblem) -> JsonError {
        JsonError { path: self.path(), problem }
    }

    fn path(&self) -> String {
        let mut path = self.parent.map_or_else(String::new, Node::path);
        match self.step {
            Step::None => {}
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.push_str(&format!(".{key}")),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
        path
    }
}
