//! Reads inputs from JSON without rounding or reduction. A value outside the field becomes a fault, which gets
//! its path when it is reported.

use std::fmt::{self, Write as _};

use ark_bn254::Fr;
use secrecy::SecretBox;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use serde_json::Value;
use zkflow_groth16::field::json::{NumberError, NumberRule, read_integer};

use super::{InputError, InputProblem};

/// Maximum nesting depth of arrays and objects.
const MAX_DEPTH: usize = 16;
/// Maximum characters of a name in an error message.
const MAX_NAME: usize = 64;

/// One JSON value of the inputs. Field elements are zeroised on drop.
pub(crate) enum Node {
    Value(SecretBox<Fr>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
    Fault(Fault),
}

/// Reason why a JSON value is not a field element. The path is added when the fault is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Number(NumberError),
    TooDeep,
    /// An item of an array whose items are given one by one.
    Missing,
    /// A value that is given as a whole and in parts, or twice.
    Duplicate,
}

/// The inputs are not valid JSON, or not an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the inputs are not a JSON object (line {line}, column {column})")]
pub struct NotAnObject {
    /// Line of the error, from 1.
    pub line: usize,
    /// Column of the error, from 1.
    pub column: usize,
}

impl Node {
    /// Reads an object: names and values in the order of the text.
    pub(crate) fn read(json: &str, rule: NumberRule) -> Result<Vec<(String, Self)>, NotAnObject> {
        let fail = |e: serde_json::Error| NotAnObject { line: e.line(), column: e.column() };
        let mut reader = serde_json::Deserializer::from_str(json);
        let root = NodeSeed { depth: 0, rule }.deserialize(&mut reader).map_err(fail)?;
        reader.end().map_err(fail)?;
        match root {
            Self::Object(fields) => Ok(fields),
            _ => Err(NotAnObject { line: 1, column: 1 }),
        }
    }

    /// Reads one value, such as the value of an input.
    pub(crate) fn of(value: &Value, rule: NumberRule) -> Self {
        // Expect safety: the visitor accepts every JSON value, and a parsed value cannot fail to be read.
        NodeSeed { depth: 1, rule }.deserialize(value).expect("a parsed value is readable")
    }

    /// The fields with buses as circom's modules name them: `p.x` for the field `x` of `p`, `q[1].x` in an array.
    pub(crate) fn qualified(fields: Vec<(String, Self)>) -> Vec<(String, Self)> {
        let mut named = Vec::with_capacity(fields.len());
        fields.into_iter().for_each(|(name, node)| node.qualify(name, &mut named));
        named
    }

    fn qualify(self, name: String, named: &mut Vec<(String, Self)>) {
        match self {
            Self::Object(fields) => {
                fields.into_iter().for_each(|(field, node)| node.qualify(format!("{name}.{field}"), named));
            }
            Self::Array(items) if items.iter().any(Self::has_fields) => {
                let items = items.into_iter().enumerate();
                items.for_each(|(index, node)| node.qualify(format!("{name}[{index}]"), named));
            }
            node => named.push((name, node)),
        }
    }

    pub(super) fn has_fields(&self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Array(items) => items.iter().any(Self::has_fields),
            Self::Value(_) | Self::Fault(_) => false,
        }
    }

    /// Whether it is an array without values.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Array(items) if items.iter().all(Self::is_empty))
    }

    /// Describes the kind of the node for an error message, without its value.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Array(items) => format!("an array of {}", items.len()),
            Self::Object(_) => "an object".to_owned(),
            Self::Fault(Fault::Number(NumberError::NotANumber(what))) => (*what).to_owned(),
            Self::Fault(Fault::TooDeep) => "deep nesting".to_owned(),
            Self::Fault(Fault::Missing) => "nothing".to_owned(),
            Self::Fault(Fault::Duplicate) => "two values".to_owned(),
            Self::Value(_) | Self::Fault(Fault::Number(_)) => "a value".to_owned(),
        }
    }
}

impl Fault {
    pub(crate) fn at(self, path: &Path<'_>) -> InputError {
        path.error(match self {
            Self::Number(error) => InputProblem::Number(error),
            Self::TooDeep => InputProblem::TooDeep,
            Self::Missing => InputProblem::Missing,
            Self::Duplicate => InputProblem::Duplicate,
        })
    }
}

/// Path of a value, as a chain up to the root.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The path that all others begin with, such as `inputs`.
    Root(&'a str),
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    pub(crate) fn error(&self, problem: InputProblem) -> InputError {
        InputError { path: self.to_string(), problem }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Field(parent, name) => {
                write!(f, "{parent}.")?;
                name.chars().take(MAX_NAME).try_for_each(|c| f.write_char(c))?;
                if name.chars().nth(MAX_NAME).is_some() { f.write_char('…') } else { Ok(()) }
            }
        }
    }
}

impl From<Result<Fr, NumberError>> for Node {
    fn from(number: Result<Fr, NumberError>) -> Self {
        match number {
            Ok(value) => Self::Value(SecretBox::new(Box::new(value))),
            Err(error) => Self::Fault(Fault::Number(error)),
        }
    }
}

#[derive(Clone, Copy)]
struct NodeSeed {
    depth: usize,
    rule: NumberRule,
}

impl<'de> DeserializeSeed<'de> for NodeSeed {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(self.rule.boolean(value).into())
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Fault(Fault::Number(NumberError::NotANumber("null"))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(read_integer(value).into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Ok(self.rule.negative(value).into()),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(self.rule.float(value).into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(self.rule.text(text).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Node::Fault(Fault::TooDeep));
        }
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element_seed(Self { depth, ..self })? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Fault(Fault::TooDeep));
        }
        let mut nodes = Vec::new();
        while let Some(name) = fields.next_key::<String>()? {
            nodes.push((name, fields.next_value_seed(Self { depth, ..self })?));
        }
        Ok(Node::Object(nodes))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use zkflow_groth16::field::{FieldError, MODULUS_DECIMAL};

    fn value(json: &str) -> Result<Fr, Fault> {
        let fields = Node::read(&format!("{{\"a\":{json}}}"), NumberRule::Exact).unwrap();
        match &fields[0].1 {
            Node::Value(value) => Ok(*value.expose_secret()),
            Node::Fault(fault) => Err(*fault),
            other => panic!("{}", other.describe()),
        }
    }

    #[test]
    fn values_are_exact_or_faults() {
        for (json, number) in
            [("0", 0), ("9007199254740991", (1u64 << 53) - 1), ("\"7\"", 7), ("\"\\u0037\"", 7)]
        {
            assert_eq!(value(json), Ok(Fr::from(number)), "{json}");
        }
        for json in ["9007199254740992", "9007199254740993", "18446744073709551615"] {
            assert_eq!(value(json), Err(Fault::Number(NumberError::Inexact)), "{json}");
        }
        for json in ["1e30", "1.0", "1e3", "0.5", "-0", "-1.5"] {
            assert_eq!(value(json), Err(Fault::Number(NumberError::Fraction)), "{json}");
        }
        for json in ["-1", "\"-1\"", "-9007199254740993"] {
            assert_eq!(value(json), Err(Fault::Number(NumberError::Field(FieldError::Negative))), "{json}");
        }
        let modulus = format!("\"{MODULUS_DECIMAL}\"");
        assert_eq!(value(&modulus), Err(Fault::Number(NumberError::Field(FieldError::TooLarge))));
        for json in ["\"0x10\"", "\"1e3\"", "\"\"", "\" 1\"", "\"abc\""] {
            assert_eq!(value(json), Err(Fault::Number(NumberError::Field(FieldError::NotDecimal))), "{json}");
        }
        assert_eq!(value("true"), Err(Fault::Number(NumberError::NotANumber("true"))));
        assert_eq!(value("null"), Err(Fault::Number(NumberError::NotANumber("null"))));
    }

    #[test]
    fn what_is_no_object_is_refused_without_repeating_it() {
        for json in ["", "[1]", "{\"secret\":77", "{\"a\":1}x", "{\"a\":secret77}", "{\"a\":1e999}", "77"] {
            let Err(error) = Node::read(json, NumberRule::Lenient) else { panic!("{json}") };
            assert!(!error.to_string().contains("77"), "{error}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(deepest_fault(&nested(15)), None);
        assert_eq!(deepest_fault(&nested(16)), Some(Fault::TooDeep));
        assert!(Node::read(&format!("{{\"a\":{}", "[".repeat(1_000_000)), NumberRule::Exact).is_err());
    }

    fn deepest_fault(json: &str) -> Option<Fault> {
        let fields = Node::read(&format!("{{\"a\":{json}}}"), NumberRule::Exact).unwrap();
        let mut node = &fields[0].1;
        while let Node::Array(items) = node {
            node = &items[0];
        }
        if let Node::Fault(fault) = node { Some(*fault) } else { None }
    }

    #[test]
    fn paths_repeat_no_more_than_the_beginning_of_a_name() {
        let name = "x".repeat(1000);
        let path = Path::Field(&Path::Root("inputs"), &name);
        assert_eq!(Path::Index(&path, 3).to_string(), format!("inputs.{}…[3]", "x".repeat(64)));
    }
}
