//! Reads inputs from JSON without rounding or reduction. A value outside the field becomes a fault with a
//! path.

use std::fmt::{self, Write as _};

use ark_bn254::Fr;
use secrecy::SecretBox;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::WitnessError;
use zkflow_groth16::field::{FieldError, parse_decimal};

/// Maximum nesting depth of arrays and objects.
const MAX_DEPTH: usize = 16;
/// Largest integer that is accepted as a JSON number: 2^53. JSON tools round larger integers.
const MAX_SAFE_INTEGER: u64 = 1 << 53;
/// Maximum characters of a name in an error message.
const MAX_NAME: usize = 64;

/// One JSON value of the inputs. Field elements are zeroised on drop.
pub(super) enum Node {
    Value(SecretBox<Fr>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
    Fault(Fault),
}

/// Why a JSON value is not a field element. The path is added when the fault is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Field(FieldError),
    Unsafe,
    NotAValue(&'static str),
    TooDeep,
}

impl Node {
    /// Reads an object: names and values in the order of the text.
    pub(super) fn read(json: &str) -> Result<Vec<(String, Self)>, WitnessError> {
        let fail = |e: serde_json::Error| WitnessError::InvalidJson { line: e.line(), column: e.column() };
        let mut reader = serde_json::Deserializer::from_str(json);
        let root = NodeSeed { depth: 0 }.deserialize(&mut reader).map_err(fail)?;
        reader.end().map_err(fail)?;
        match root {
            Self::Object(fields) => Ok(fields),
            _ => Err(WitnessError::InvalidJson { line: 1, column: 1 }),
        }
    }

    /// Describes the kind of the node for an error message, without its value.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Value(_) | Self::Fault(Fault::Field(_) | Fault::Unsafe) => "a value".to_owned(),
            Self::Array(items) => format!("an array of {}", items.len()),
            Self::Object(_) => "an object".to_owned(),
            Self::Fault(Fault::NotAValue(what)) => (*what).to_owned(),
            Self::Fault(Fault::TooDeep) => "deep nesting".to_owned(),
        }
    }
}

impl Fault {
    pub(super) fn at(self, path: &Path<'_>) -> WitnessError {
        let path = path.to_string();
        match self {
            Self::Field(fault) => WitnessError::NotInField { path, fault },
            Self::Unsafe => WitnessError::UnsafeNumber { path },
            Self::NotAValue(found) => WitnessError::NotAValue { path, found },
            Self::TooDeep => WitnessError::TooDeep { path },
        }
    }
}

/// Path of a value, as a chain up to the root.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("inputs"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Field(parent, name) => {
                write!(f, "{parent}.")?;
                name.chars().take(MAX_NAME).try_for_each(|c| f.write_char(c))?;
                if name.chars().nth(MAX_NAME).is_some() { f.write_char('…') } else { Ok(()) }
            }
        }
    }
}

struct NodeSeed {
    depth: usize,
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
        Ok(Node::Fault(Fault::NotAValue(if value { "true" } else { "false" })))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Fault(Fault::NotAValue("null")))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(match value {
            0..=MAX_SAFE_INTEGER => Node::Value(SecretBox::new(Box::new(Fr::from(value)))),
            _ => Node::Fault(Fault::Unsafe),
        })
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Ok(Node::Fault(Fault::Field(FieldError::Negative))),
        }
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Fault(Fault::Unsafe))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(match parse_decimal(text) {
            Ok(value) => Node::Value(SecretBox::new(Box::new(value))),
            Err(fault) => Node::Fault(Fault::Field(fault)),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Node::Fault(Fault::TooDeep));
        }
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element_seed(NodeSeed { depth })? {
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
            nodes.push((name, fields.next_value_seed(NodeSeed { depth })?));
        }
        Ok(Node::Object(nodes))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use zkflow_groth16::field::MODULUS_DECIMAL;

    fn value(json: &str) -> Result<Fr, Fault> {
        let fields = Node::read(&format!("{{\"a\":{json}}}")).unwrap();
        match &fields[0].1 {
            Node::Value(value) => Ok(*value.expose_secret()),
            Node::Fault(fault) => Err(*fault),
            other => panic!("{}", other.describe()),
        }
    }

    #[test]
    fn values_are_exact_or_faults() {
        for (json, number) in [("0", 0), ("9007199254740992", 1u64 << 53), ("\"7\"", 7), ("\"\\u0037\"", 7)] {
            assert_eq!(value(json), Ok(Fr::from(number)), "{json}");
        }
        for json in ["9007199254740993", "18446744073709551615", "1e30", "1.0", "1e3", "0.5", "-0", "-1.5"] {
            assert_eq!(value(json), Err(Fault::Unsafe), "{json}");
        }
        for json in ["-1", "\"-1\"", "-9007199254740993"] {
            assert_eq!(value(json), Err(Fault::Field(FieldError::Negative)), "{json}");
        }
        let modulus = format!("\"{MODULUS_DECIMAL}\"");
        assert_eq!(value(&modulus), Err(Fault::Field(FieldError::TooLarge)));
        for json in ["\"0x10\"", "\"1e3\"", "\"\"", "\" 1\"", "\"abc\""] {
            assert_eq!(value(json), Err(Fault::Field(FieldError::NotDecimal)), "{json}");
        }
        assert_eq!(value("true"), Err(Fault::NotAValue("true")));
        assert_eq!(value("null"), Err(Fault::NotAValue("null")));
    }

    #[test]
    fn what_is_no_object_is_refused_without_repeating_it() {
        for json in ["", "[1]", "{\"secret\":77", "{\"a\":1}x", "{\"a\":secret77}", "{\"a\":1e999}", "77"] {
            let Err(error) = Node::read(json) else { panic!("{json}") };
            assert!(matches!(error, WitnessError::InvalidJson { .. }), "{json}");
            assert!(!error.to_string().contains("77"), "{error}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(deepest_fault(&nested(15)), None);
        assert_eq!(deepest_fault(&nested(16)), Some(Fault::TooDeep));
        assert!(Node::read(&format!("{{\"a\":{}", "[".repeat(1_000_000))).is_err());
    }

    fn deepest_fault(json: &str) -> Option<Fault> {
        let fields = Node::read(&format!("{{\"a\":{json}}}")).unwrap();
        let mut node = &fields[0].1;
        while let Node::Array(items) = node {
            node = &items[0];
        }
        if let Node::Fault(fault) = node { Some(*fault) } else { None }
    }

    #[test]
    fn paths_repeat_no_more_than_the_beginning_of_a_name() {
        let name = "x".repeat(1000);
        let path = Path::Field(&Path::Root, &name);
        assert_eq!(Path::Index(&path, 3).to_string(), format!("inputs.{}…[3]", "x".repeat(64)));
    }
}
