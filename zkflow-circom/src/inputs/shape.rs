//! [`Shape`]: the JSON shape of an input, and the check of a value against it.

use std::fmt;

use ark_bn254::Fr;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::error::MAX_LISTED;
use super::{InputError, InputProblem, Node, Path};

/// The JSON shape of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A field element.
    Value,
    /// An array of this many equal shapes.
    Array(usize, Box<Shape>),
    /// The fields of a bus, in the order of their signals.
    Fields(Vec<(String, Shape)>),
}

impl Shape {
    /// The shape of a signal with these dimensions, outermost first.
    pub fn of_dimensions(dimensions: impl DoubleEndedIterator<Item = usize>) -> Self {
        dimensions.rev().fold(Self::Value, |inner, length| Self::Array(length, Box::new(inner)))
    }

    /// Checks that `value` has this shape, and that all its numbers are elements of the field. Errors begin with
    /// `path`.
    ///
    /// # Errors
    /// The first value that does not fit, with its path.
    ///
    /// ```
    /// use serde_json::json;
    /// use zkflow_circom::inputs::Shape;
    ///
    /// let pair = Shape::of_dimensions([2].into_iter());
    /// assert!(pair.check("inputs.pair", &json!([1, "2"])).is_ok());
    /// let error = pair.check("inputs.pair", &json!([1, -2])).unwrap_err();
    /// assert_eq!(error.to_string(), "inputs.pair[1]: negative");
    /// ```
    pub fn check(&self, path: &str, value: &Value) -> Result<(), InputError> {
        self.flatten(&Node::of(value), Path::Root(path), &mut Vec::new())
    }

    /// Number of values.
    pub fn size(&self) -> usize {
        match self {
            Self::Value => 1,
            Self::Array(len, item) => len.saturating_mul(item.size()),
            Self::Fields(fields) => fields.iter().map(|(_, shape)| shape.size()).sum(),
        }
    }

    /// Path of a value from its number in the order of the signals, such as `[3][0]` or `.x`; empty for a
    /// single value.
    pub(crate) fn path(&self, mut index: usize) -> String {
        match self {
            Self::Value => String::new(),
            Self::Array(_, item) => {
                let size = item.size().max(1);
                format!("[{}]{}", index / size, item.path(index % size))
            }
            Self::Fields(fields) => {
                for (name, shape) in fields {
                    match index.checked_sub(shape.size()) {
                        None => return format!(".{name}{}", shape.path(index)),
                        Some(rest) => index = rest,
                    }
                }
                String::new()
            }
        }
    }

    /// Appends the values of `node` in the order of the signals.
    pub(crate) fn flatten<'a>(
        &self,
        node: &'a Node,
        path: Path<'_>,
        values: &mut Vec<&'a Fr>,
    ) -> Result<(), InputError> {
        match (self, node) {
            (Self::Value, Node::Value(value)) => values.push(value.expose_secret()),
            (_, Node::Fault(fault)) => return Err(fault.at(&path)),
            (Self::Array(len, shape), Node::Array(items)) if items.len() == *len => {
                for (index, item) in items.iter().enumerate() {
                    shape.flatten(item, Path::Index(&path, index), values)?;
                }
            }
            (Self::Fields(fields), Node::Object(given)) => {
                for (name, shape) in fields {
                    let path = Path::Field(&path, name);
                    shape.flatten(only(given, name, path)?, path, values)?;
                }
                if let Some((name, _)) = given.iter().find(|(name, _)| fields.iter().all(|(f, _)| f != name))
                {
                    let known = fields.iter().take(MAX_LISTED).map(|(name, _)| name.clone()).collect();
                    return Err(Path::Field(&path, name).error(InputProblem::Unknown { known }));
                }
            }
            _ => return Err(wrong_shape(path, self.describe(), node)),
        }
        Ok(())
    }

    fn describe(&self) -> String {
        match self {
            Self::Value => "a value".to_owned(),
            Self::Array(len, _) => format!("an array of {len}"),
            Self::Fields(_) => "an object".to_owned(),
        }
    }
}

impl fmt::Display for Shape {
    /// Such as `a value`, `[3][2]`, or `{x: a value, y: [2]}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value => f.write_str("a value"),
            Self::Array(len, item) => match **item {
                Self::Value => write!(f, "[{len}]"),
                _ => write!(f, "[{len}]{item}"),
            },
            Self::Fields(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, shape)| format!("{name}: {shape}")).collect();
                write!(f, "{{{}}}", fields.join(", "))
            }
        }
    }
}

/// The values of an input of unknown shape; arrays of any depth are flattened.
pub(crate) fn flatten_freely<'a>(
    node: &'a Node,
    path: Path<'_>,
    values: &mut Vec<&'a Fr>,
) -> Result<(), InputError> {
    match node {
        Node::Value(value) => values.push(value.expose_secret()),
        Node::Fault(fault) => return Err(fault.at(&path)),
        Node::Object(_) => return Err(wrong_shape(path, "a value or an array".to_owned(), node)),
        Node::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten_freely(item, Path::Index(&path, index), values)?;
            }
        }
    }
    Ok(())
}

/// The field with this name, which must occur exactly once.
pub(crate) fn only<'a>(
    fields: &'a [(String, Node)],
    name: &str,
    path: Path<'_>,
) -> Result<&'a Node, InputError> {
    let mut found = fields.iter().filter(|(known, _)| known == name).map(|(_, node)| node);
    match (found.next(), found.next()) {
        (Some(node), None) => Ok(node),
        (Some(_), Some(_)) => Err(path.error(InputProblem::Duplicate)),
        (None, _) => Err(path.error(InputProblem::Missing)),
    }
}

fn wrong_shape(path: Path<'_>, expected: String, node: &Node) -> InputError {
    path.error(InputProblem::WrongShape { expected, found: node.describe() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(value: Value, dimensions: &[usize]) -> Result<(), InputError> {
        Shape::of_dimensions(dimensions.iter().copied()).check("in", &value)
    }

    #[test]
    fn shapes_are_exact() {
        assert_eq!(outcome(json!([[1, 2], ["3", 4]]), &[2, 2]), Ok(()));
        for (value, path) in [
            (json!([[1, 2], [3]]), "in[1]"),
            (json!([[1, 2], 3]), "in[1]"),
            (json!([[1, 2], [3, [4]]]), "in[1][1]"),
            (json!([[1, 2]]), "in"),
            (json!("1"), "in"),
        ] {
            assert_eq!(outcome(value, &[2, 2]).unwrap_err().path, path);
        }
    }

    #[test]
    fn nothing_is_rounded_reduced_or_echoed() {
        for value in [
            json!(-31415),
            json!(31415.0),
            json!(1e30),
            json!(true),
            json!(null),
            json!("31415 "),
            json!("0x31415"),
            json!(zkflow_groth16::field::MODULUS_DECIMAL),
            json!(9_007_199_254_740_992_u64),
            json!(9_007_199_254_740_993_u64),
        ] {
            let error = outcome(value.clone(), &[]).unwrap_err().to_string();
            assert!(!error.contains("31415"), "{value}: {error}");
        }
        assert_eq!(outcome(json!(zkflow_groth16::field::json::MAX_EXACT), &[]), Ok(()));
        assert_eq!(outcome(json!("9007199254740993"), &[]), Ok(()));
    }

    #[test]
    fn a_number_of_a_value_becomes_its_path() {
        let pairs = Shape::of_dimensions([3, 2].into_iter());
        let bus = Shape::Fields(vec![("x".to_owned(), Shape::Value), ("y".to_owned(), pairs.clone())]);
        assert_eq!((Shape::Value.path(0), pairs.path(5)), (String::new(), "[2][1]".to_owned()));
        assert_eq!((bus.path(0), bus.path(4)), (".x".to_owned(), ".y[1][1]".to_owned()));
        assert_eq!(Shape::Array(2, Box::new(bus)).path(7), "[1].x");
    }

    #[test]
    fn a_size_beyond_memory_is_only_a_number() {
        let error = outcome(json!([]), &[usize::MAX, usize::MAX]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("in: expected an array of {}, found an array of 0", usize::MAX)
        );
    }
}
