//! Reads `manifest.toml` and reports every field that is missing, unknown or of the wrong type.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::manifest::{Example, Manifest};
use super::tokens::line;
use super::{Finding, MANIFEST};

/// The text of a manifest, for the lines of its fields.
pub(super) struct Document<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
    findings: Vec<Finding>,
}

/// The readable part of a manifest.
pub(super) struct Draft {
    /// Unreadable fields are empty.
    pub(super) manifest: Manifest,
    /// Whether every parameter and check was read.
    pub(super) has_parameters: bool,
    /// Whether every input and output was read.
    pub(super) has_signals: bool,
    /// Whether the example was read.
    pub(super) has_example: bool,
}

/// A step of a path in the document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'k> {
    Field(&'k str),
    Index(usize),
}

impl<'a> Document<'a> {
    /// Reads the valid fields, and returns a finding for each other one.
    pub(super) fn read(text: &'a str) -> (Self, Draft, Vec<Finding>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document = Self { text, table, findings: Vec::new() };
        errors.iter().for_each(|error| document.report(error));
        document.unknown_fields();
        for name in REQUIRED {
            if document.table.get_ref().get(name).is_none() {
                document.findings.push(Finding::error(MANIFEST, None, format!("missing field `{name}`")));
            }
        }
        let title = document.one("title").unwrap_or_default();
        let description = document.one("description").unwrap_or_default();
        let (parameters, checks) = (document.all("parameters"), document.all("checks"));
        let (inputs, outputs) = (document.all("inputs"), document.all("outputs"));
        let example: Option<Example> = document.one("example");
        let keys = document.all("keys").unwrap_or_default();
        let compile = document.one("compile").unwrap_or_default();
        let numbers = document.one("numbers").unwrap_or_default();
        let draft = Draft {
            has_parameters: parameters.is_some() && checks.is_some(),
            has_signals: inputs.is_some() && outputs.is_some(),
            has_example: example.is_some(),
            manifest: Manifest {
                title,
                description,
                parameters: parameters.unwrap_or_default(),
                checks: checks.unwrap_or_default(),
                inputs: inputs.unwrap_or_default(),
                compile,
                keys,
                numbers,
                outputs: outputs.unwrap_or_default(),
                example: example.unwrap_or_default(),
            },
        };
        let findings = std::mem::take(&mut document.findings);
        (document, draft, findings)
    }

    /// The line of the deepest part of `path` that is in the document.
    pub(super) fn line(&self, path: &[Key<'_>]) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let Key::Field(name) = first else { return None };
        let mut value = self.table.get_ref().get(*name)?;
        for key in rest {
            let inner = match key {
                Key::Field(name) => value.get_ref().as_table().and_then(|table| table.get(*name)),
                Key::Index(index) => value.get_ref().as_array().and_then(|array| array.get(*index)),
            };
            match inner {
                Some(inner) => value = inner,
                None => break,
            }
        }
        Some(line(self.text, value.span().start))
    }

    fn unknown_fields(&mut self) {
        for key in self.table.get_ref().keys().filter(|key| !FIELDS.contains(&key.get_ref().as_ref())) {
            let message = format!("unknown field `{}`, expected one of {}", key.get_ref(), FIELDS.join(", "));
            self.findings.push(Finding::error(MANIFEST, Some(line(self.text, key.span().start)), message));
        }
    }

    /// The value of a field; `None` if it is absent or wrong.
    fn one<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.table.get_ref().get(name)?.clone();
        self.value(value)
    }

    /// The elements of a field, none if it is absent; `None` if any of them is wrong.
    fn all<T: DeserializeOwned>(&mut self, name: &str) -> Option<Vec<T>> {
        let Some(value) = self.table.get_ref().get(name).cloned() else { return Some(Vec::new()) };
        let DeValue::Array(items) = value.get_ref() else { return self.value(value) };
        // All elements are read before the result is decided, so that every error is found.
        let items: Vec<Option<T>> = items.iter().map(|item| self.value(item.clone())).collect();
        items.into_iter().collect()
    }

    fn value<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
        let start = value.span().start;
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = error.span().map_or(start, |span| span.start);
                let message = error.message().to_owned();
                self.findings.push(Finding::error(MANIFEST, Some(self.line_at(at)), message));
                None
            }
        }
    }

    fn report(&mut self, error: &toml::de::Error) {
        let line = error.span().map(|span| self.line_at(span.start));
        self.findings.push(Finding::error(MANIFEST, line, error.message()));
    }

    fn line_at(&self, at: usize) -> usize {
        line(self.text, at.min(self.text.len()))
    }
}

/// The fields of a manifest.
const FIELDS: [&str; 10] = [
    "title",
    "description",
    "parameters",
    "checks",
    "inputs",
    "numbers",
    "compile",
    "keys",
    "outputs",
    "example",
];
const REQUIRED: [&str; 4] = ["title", "description", "inputs", "example"];
