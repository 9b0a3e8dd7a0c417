//! Checks the names and shapes of JSON inputs before a witness is calculated.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{InputError, InputProblem, MAX_LISTED, NumberRule, Path, Shape};

/// An input that is expected.
#[derive(Debug, Clone)]
pub struct ExpectedInput<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether the proof discloses it.
    pub public: bool,
    /// Its shape; `None`: only the name is checked.
    pub shape: Option<Cow<'a, Shape>>,
}

/// Checks that inputs have the expected names and shapes, and returns every fault.
///
/// `given` contains one or more objects, each with the path that errors about it begin with. A missing public input is
/// reported in the last object, a missing private one in the first.
pub fn check_expected(
    expected: &[ExpectedInput<'_>],
    given: &[(&str, &Map<String, Value>)],
    rule: NumberRule,
) -> Vec<InputError> {
    let mut errors = Vec::new();
    for (root, fields) in given {
        for name in fields.keys().filter(|name| expected.iter().all(|input| input.name != **name)) {
            let known = expected.iter().take(MAX_LISTED).map(|input| input.name.to_owned()).collect();
            errors.push(Path::Field(&Path::Root(root), name).error(InputProblem::Unknown { known }));
        }
    }
    for input in expected {
        let found = given.iter().find_map(|(root, fields)| Some((*root, fields.get(input.name)?)));
        let Some((root, value)) = found else {
            let place = if input.public { given.last() } else { given.first() };
            let root = Path::Root(place.map_or("inputs", |(root, _)| root));
            errors.push(Path::Field(&root, input.name).error(InputProblem::Missing));
            continue;
        };
        if let Some(shape) = &input.shape {
            errors.extend(shape.check(&format!("{root}.{}", input.name), value, rule).err());
        }
    }
    errors
}
