//! [`Shape`]: the JSON shape of an input, and the check of a value against it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use ark_bn254::Fr;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zkflow_groth16::field::json::NumberRule;

use super::error::MAX_LISTED;
use super::nested::within;
use super::{InputError, InputProblem, Node, Path};

/// The JSON shape of an input.
///
/// Stored as `"value"`, `{"array": [3, "value"]}` or `{"fields": [["x", "value"]]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// Checks that `value` has this shape, and that `rule` reads all its numbers. Errors begin with `path`.
    ///
    /// A value with objects only needs the right number of numbers where an array is expected: the shape of an array
    /// does not contain the names of a bus' fields.
    ///
    /// # Errors
    /// The first value that does not fit, with its path.
    ///
    /// ```
    /// use serde_json::json;
    /// use zkflow_circom::inputs::{NumberRule, Shape};
    ///
    /// let pair = Shape::of_dimensions([2].into_iter());
    /// assert!(pair.check("inputs.pair", &json!([1, "2"]), NumberRule::Exact).is_ok());
    /// assert!(pair.check("inputs.pair", &json!({"x": 1, "y": 2}), NumberRule::Exact).is_ok());
    /// let error = pair.check("inputs.pair", &json!([1, -2]), NumberRule::Exact).unwrap_err();
    /// assert_eq!(error.to_string(), "inputs.pair[1]: negative");
    /// ```
    pub fn check(&self, path: &str, value: &Value, rule: NumberRule) -> Result<(), InputError> {
        self.check_node(&within(Node::of(value, rule)), Path::Root(path), rule, false)
    }

    /// The same for a value that is already read, with the parts of buses in their places.
    ///
    /// Of a bus whose fields are not known, only the number of values is checked.
    pub(super) fn check_node(
        &self,
        node: &Node,
        path: Path<'_>,
        rule: NumberRule,
        is_bus: bool,
    ) -> Result<(), InputError> {
        let mut flattening = Flattening::new(rule);
        let is_array_as_bus = *self != Self::Value && !self.has_fields() && node.has_fields();
        let is_unknown_bus = is_bus && matches!(node, Node::Array(_) | Node::Object(_));
        if !is_array_as_bus && !is_unknown_bus {
            return flattening.add(self, node, path);
        }
        flattening.with_fields(node, path)?;
        if flattening.count == self.size() {
            return Ok(());
        }
        Err(wrong_shape(path, format!("{} values", self.size()), flattening.count.to_string()))
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

    /// Whether it contains a bus.
    pub(crate) fn has_fields(&self) -> bool {
        match self {
            Self::Value => false,
            Self::Array(_, item) => item.has_fields(),
            Self::Fields(_) => true,
        }
    }

    /// Whether these can be the items of an array of this shape. Otherwise, they are all its values.
    fn is_for(&self, items: &[Node]) -> bool {
        !self.has_fields() || items.iter().any(|item| !matches!(item, Node::Value(_)))
    }

    fn describe(&self) -> String {
        match self {
            Self::Value => "a value".to_owned(),
            Self::Array(len, _) => format!("an array of {len}"),
            Self::Fields(_) => format!("an object, or an array of {}", self.size()),
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

/// Collects the values of inputs in the order of the signals.
#[derive(Default)]
pub(crate) struct Flattening<'a> {
    rule: NumberRule,
    pub(crate) values: Vec<&'a Fr>,
    count: usize,
}

impl<'a> Flattening<'a> {
    pub(crate) fn new(rule: NumberRule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Adds the values of a node of this shape.
    ///
    /// An array in the place of a bus contains all its values, nested in any way, as circom's calculator takes them. By
    /// the lenient rule that is so for every array, and an array or a bus of one value can be a value.
    pub(crate) fn add(&mut self, shape: &Shape, node: &'a Node, path: Path<'_>) -> Result<(), InputError> {
        match (shape, node) {
            (_, Node::Fault(fault)) => return Err(fault.at(&path)),
            (Shape::Value, Node::Value(_)) => self.push(node),
            (shape, node) if node.is_empty() && shape.size() == 0 => {}
            (shape, Node::Value(_)) if self.rule == NumberRule::Lenient && shape.size() == 1 => {
                self.push(node)
            }
            (Shape::Fields(fields), Node::Object(given)) => {
                let index = Index::new(given);
                for (name, shape) in fields {
                    let path = Path::Field(&path, name);
                    self.add(shape, index.only(name, path)?, path)?;
                }
                let names: HashSet<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                if let Some((name, _)) = given.iter().find(|(name, _)| !names.contains(name.as_str())) {
                    let known = fields.iter().take(MAX_LISTED).map(|(name, _)| name.clone()).collect();
                    return Err(Path::Field(&path, name).error(InputProblem::Unknown { known }));
                }
            }
            (shape, Node::Array(_)) if self.rule == NumberRule::Lenient && !shape.has_fields() => {
                self.add_all(shape, node, path)?;
            }
            (Shape::Array(len, item), Node::Array(items)) if items.len() == *len && item.is_for(items) => {
                for (index, node) in items.iter().enumerate() {
                    self.add(item, node, Path::Index(&path, index))?;
                }
            }
            // An object is no value, so that the items cannot be all values of the array.
            (Shape::Array(..), Node::Array(_)) if node.has_fields() => {
                return Err(wrong_shape(path, shape.describe(), node.describe()));
            }
            (shape, Node::Array(_)) if shape.has_fields() => self.add_all(shape, node, path)?,
            _ => return Err(wrong_shape(path, shape.describe(), node.describe())),
        }
        Ok(())
    }

    fn add_all(&mut self, shape: &Shape, node: &'a Node, path: Path<'_>) -> Result<(), InputError> {
        let before = self.count;
        self.freely(node, path)?;
        match self.count - before {
            found if found == shape.size() => Ok(()),
            found => Err(wrong_shape(path, shape.describe(), format!("{found} values"))),
        }
    }

    /// Adds the values of a node of unknown shape; arrays of any depth are flattened.
    pub(crate) fn freely(&mut self, node: &'a Node, path: Path<'_>) -> Result<(), InputError> {
        match node {
            Node::Value(_) => self.push(node),
            Node::Fault(fault) => return Err(fault.at(&path)),
            Node::Object(_) => {
                return Err(wrong_shape(path, "a value or an array".to_owned(), node.describe()));
            }
            Node::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.freely(item, Path::Index(&path, index))?;
                }
            }
        }
        Ok(())
    }

    /// The same with objects, whose fields are in any order.
    fn with_fields(&mut self, node: &'a Node, path: Path<'_>) -> Result<(), InputError> {
        match node {
            Node::Object(fields) => {
                let index = Index::new(fields);
                for (name, _) in fields {
                    let path = Path::Field(&path, name);
                    self.with_fields(index.only(name, path)?, path)?;
                }
                Ok(())
            }
            Node::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.with_fields(item, Path::Index(&path, index))?;
                }
                Ok(())
            }
            node => self.freely(node, path),
        }
    }

    fn push(&mut self, node: &'a Node) {
        if let Node::Value(value) = node {
            self.values.push(value.expose_secret());
            self.count += 1;
        }
    }
}

/// The fields of an object by name.
pub(crate) struct Index<'a>(HashMap<&'a str, Option<&'a Node>>);

impl<'a> Index<'a> {
    pub(crate) fn new(fields: &'a [(String, Node)]) -> Self {
        let mut index = HashMap::with_capacity(fields.len());
        for (name, node) in fields {
            // A name that occurs twice has no node.
            index.entry(name.as_str()).and_modify(|known| *known = None).or_insert(Some(node));
        }
        Self(index)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The field with this name, which must occur exactly once.
    pub(crate) fn only(&self, name: &str, path: Path<'_>) -> Result<&'a Node, InputError> {
        match self.0.get(name) {
            Some(Some(node)) => Ok(node),
            Some(None) => Err(path.error(InputProblem::Duplicate)),
            None => Err(path.error(InputProblem::Missing)),
        }
    }
}

fn wrong_shape(path: Path<'_>, expected: String, found: String) -> InputError {
    path.error(InputProblem::WrongShape { expected, found })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(value: Value, dimensions: &[usize]) -> Result<(), InputError> {
        Shape::of_dimensions(dimensions.iter().copied()).check("in", &value, NumberRule::Exact)
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
