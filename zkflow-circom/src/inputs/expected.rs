//! Checks the names and shapes of JSON inputs before a witness is calculated.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{Index, InputError, InputProblem, MAX_LISTED, Node, NumberRule, Path, Shape, input_of, nested};

/// An input that is expected.
#[derive(Debug, Clone)]
pub struct ExpectedInput<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether the proof discloses it.
    pub public: bool,
    /// Its shape; `None`: only the name is checked.
    pub shape: Option<Cow<'a, Shape>>,
    /// Whether it is a bus whose fields are not known. Of the shape, only the number of values is checked.
    pub is_bus: bool,
}

/// Checks that inputs have the expected names and shapes, and returns every fault.
///
/// `given` contains one or more objects, each with the path that errors about it begin with. A missing public input is
/// reported in the last object, a missing private one in the first.
///
/// The parts of an input can be given one by one, as `p.x` and `p.y[0]`. All must be in the same object.
///
/// An array without elements can be missing. An unknown one is accepted: constraints do not name it, only the witness
/// calculator knows it.
pub fn check_expected(
    expected: &[ExpectedInput<'_>],
    given: &[(&str, &Map<String, Value>)],
    rule: NumberRule,
) -> Vec<InputError> {
    let mut errors = given_twice(given);
    let read = |fields: &Map<String, Value>| {
        nested(fields.iter().map(|(name, value)| (name.clone(), Node::of(value, rule))).collect())
    };
    let objects: Vec<(&str, Vec<(String, Node)>)> =
        given.iter().map(|(root, fields)| (*root, read(fields))).collect();
    let names: HashSet<&str> = expected.iter().map(|input| input.name).collect();
    for (root, fields) in &objects {
        let is_unknown = |(name, node): &&(String, Node)| !names.contains(name.as_str()) && !node.is_empty();
        for (name, _) in fields.iter().filter(is_unknown) {
            let known = expected.iter().take(MAX_LISTED).map(|input| input.name.to_owned()).collect();
            errors.push(Path::Field(&Path::Root(root), name).error(InputProblem::Unknown { known }));
        }
    }
    let indices: Vec<(&str, Index<'_>)> =
        objects.iter().map(|(root, fields)| (*root, Index::new(fields))).collect();
    for input in expected {
        let mut places = indices.iter().filter(|(_, index)| index.contains(input.name));
        match (places.next(), places.next()) {
            (None, _) if input.shape.as_ref().is_some_and(|shape| shape.size() == 0) => {}
            (None, _) => {
                let place = if input.public { given.last() } else { given.first() };
                let root = Path::Root(place.map_or("inputs", |(root, _)| root));
                errors.push(Path::Field(&root, input.name).error(InputProblem::Missing));
            }
            (Some((root, index)), None) => {
                let root = Path::Root(root);
                let path = Path::Field(&root, input.name);
                let checked = index.only(input.name, path).and_then(|node| match &input.shape {
                    Some(shape) => shape.check_node(node, path, rule, input.is_bus),
                    None => Ok(()),
                });
                errors.extend(checked.err());
            }
            // Given twice.
            (Some(_), Some(_)) => {}
        }
    }
    errors
}

/// The inputs that are given in more than one of the objects, whole or in parts.
pub fn given_twice(given: &[(&str, &Map<String, Value>)]) -> Vec<InputError> {
    let mut places: HashMap<&str, &str> = HashMap::new();
    let mut errors = Vec::new();
    for (root, fields) in given {
        for name in fields.keys() {
            let other = *places.entry(input_of(name)).or_insert(*root);
            if other != *root {
                let other = other.to_owned();
                errors.push(Path::Field(&Path::Root(root), name).error(InputProblem::Elsewhere { other }));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The faults of inputs for a public `p` with the fields x and y[2], and the private inputs `k` and `none`.
    fn faults(private: Value, public: Value) -> Vec<String> {
        let fields =
            vec![("x".to_owned(), Shape::Value), ("y".to_owned(), Shape::of_dimensions([2].into_iter()))];
        let input = |name, public, shape| ExpectedInput {
            name,
            public,
            shape: Some(Cow::Owned(shape)),
            is_bus: false,
        };
        let expected = [
            input("p", true, Shape::Fields(fields)),
            input("k", false, Shape::Value),
            input("none", false, Shape::of_dimensions([0].into_iter())),
        ];
        let given = [("private", private.as_object().unwrap()), ("public", public.as_object().unwrap())];
        check_expected(&expected, &given, NumberRule::Exact).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_bus_is_taken_in_all_forms_and_a_fault_has_its_place() {
        for public in [
            json!({"p": {"x": 1, "y": [2, 3]}}),
            json!({"p": [1, 2, 3]}),
            json!({"p": [1, [2, 3]]}),
            json!({"p.x": 1, "p.y": [2, 3]}),
            json!({"p.y[1]": 3, "p.y[0]": 2, "p.x": 1}),
            json!({"p": {"x": 1, "y[0]": 2, "y[1]": 3}}),
        ] {
            assert_eq!(faults(json!({"k": 1}), public.clone()), [""; 0], "{public}");
        }
        let y = json!([2, 3]);
        for (private, public, expected) in [
            (json!({"k": 1}), json!({"p.x": 1}), "public.p.y: missing"),
            (
                json!({"k": 1}),
                json!({"p": [1, 2]}),
                "public.p: expected an object, or an array of 3, found 2 values",
            ),
            (
                json!({"k": 1}),
                json!({"p": {"x": 1, "z": 2, "y": y}}),
                "public.p.z: unknown input; expected one of x, y",
            ),
            (json!({"k": 1}), json!({"p": {"a": 1, "b": y}}), "public.p.x: missing"),
            (
                json!({"k": 1}),
                json!({"p.x": 1, "p.z": 2, "p.y": y}),
                "public.p.z: unknown input; expected one of x, y",
            ),
            (json!({"k": 1}), json!({"p.x": 1, "p": [1, 2, 3]}), "public.p: given twice"),
            (json!({"k": 1}), json!({"p.x": 1, "p.y[1]": 2}), "public.p.y[0]: missing"),
            (json!({"k": 1}), json!({"p.x": -1, "p.y": y}), "public.p.x: negative"),
            (json!({"k": 1, "p.x": 1}), json!({"p.y": y}), "public.p.y: also given in private"),
            (json!({"k.x": 1}), json!({"p": [1, 2, 3]}), "private.k: expected a value, found an object"),
            (
                json!({"k": 1}),
                json!({"q.x": 1, "p": [1, 2, 3]}),
                "public.q: unknown input; expected one of p, k, none",
            ),
        ] {
            assert_eq!(faults(private, public.clone()), [expected], "{public}");
        }
    }

    #[test]
    fn an_array_without_elements_needs_no_value() {
        for (given, fault) in [
            (json!({"k": 1, "none": []}), None),
            (json!({"k": 1, "none": [[], []]}), None),
            // The calculator knows the names of such arrays.
            (json!({"k": 1, "other": [[], []]}), None),
            (json!({"k": 1, "none": [1]}), Some("private.none: expected an array of 0, found an array of 1")),
            (json!({"k": 1, "other": [1]}), Some("private.other: unknown input; expected one of p, k, none")),
        ] {
            let found = faults(given.clone(), json!({"p": [1, 2, 3]}));
            assert_eq!(found, fault.into_iter().collect::<Vec<_>>(), "{given}");
        }
    }
}
