//! The location in the circuit at which a calculation failed.

use crate::witness::WitnessError;

/// Maximum number of stored places.
const MAX_PLACES: usize = 32;
/// circom's code for a failed `assert` or `===`.
const ASSERT_FAILED: i32 = 4;
/// circom's code for an array index out of bounds.
const OUT_OF_BOUNDS: i32 = 7;

/// The places in circom's error messages: the failing statement first, then the enclosing templates.
///
/// Only texts of the form `Error in template Name_0 line: 3` are stored: they only contain names and
/// line numbers of the source.
#[derive(Debug, Default)]
pub(super) struct Trace(Vec<Place>);

#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// `template` or `function`.
    kind: &'static str,
    name: String,
    line: u32,
}

impl Trace {
    /// Parses a message of the circuit and stores its places.
    pub(super) fn add(&mut self, message: &str) {
        let room = MAX_PLACES - self.0.len();
        self.0.extend(message.lines().filter_map(Place::parse).take(room));
    }

    /// The error for an exception with this code.
    pub(super) fn error(&self, code: i32) -> WitnessError {
        let places: Vec<String> = self
            .0
            .iter()
            .map(|place| format!("{} {}, line {}", place.kind, place.name, place.line))
            .collect();
        let places = places.join(", in ");
        let failed = |message: String| WitnessError::ConstraintFailed {
            template: self.0.first().map(|place| place.name.clone()),
            line: self.0.first().map(|place| place.line),
            message,
        };
        match code {
            ASSERT_FAILED => failed(places),
            OUT_OF_BOUNDS => failed(format!("array index out of bounds, {places}")),
            5 => WitnessError::Limit(format!("module memory, {places}")),
            _ => WitnessError::Calculator(format!("exception {code}, {places}")),
        }
    }
}

impl Place {
    fn parse(line: &str) -> Option<Self> {
        let rest = line.trim().strip_prefix("Error in ")?;
        let (kind, rest) = match rest.strip_prefix("template ") {
            Some(rest) => ("template", rest),
            None => ("function", rest.strip_prefix("function ")?),
        };
        let (name, line) = rest.split_once(" line: ")?;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        if name.is_empty() || !name.chars().all(word) {
            return None;
        }
        Some(Self { kind, name: without_instance(name).to_owned(), line: line.trim().parse().ok()? })
    }
}

/// `Name` for `Name_12`: circom appends the instance number.
fn without_instance(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((base, number)) if !base.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_and_line_of_the_failing_statement_come_first() {
        let mut trace = Trace::default();
        trace.add("Error in template Less_Than_12 line: 7\n");
        trace.add("Error in template Main_0 line: 3");
        let message = "template Less_Than, line 7, in template Main, line 3".to_owned();
        let template = Some("Less_Than".to_owned());
        assert_eq!(trace.error(4), WitnessError::ConstraintFailed { template, line: Some(7), message });
    }

    #[test]
    fn other_texts_are_dropped() {
        let mut trace = Trace::default();
        for text in [
            "secret 12345",
            "Error in template 12345",
            "Error in template a b line: 3",
            "Error in template A line: 3 value 12345",
            "12345 Error in template A line: 3",
        ] {
            trace.add(text);
        }
        assert!(trace.0.is_empty(), "{trace:?}");
    }

    #[test]
    fn number_of_places_is_bounded() {
        let mut trace = Trace::default();
        for _ in 0..100 {
            trace.add(&"Error in template A_1 line: 3\n".repeat(100));
        }
        assert_eq!(trace.0.len(), MAX_PLACES);
    }
}
