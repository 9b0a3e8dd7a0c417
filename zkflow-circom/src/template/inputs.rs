//! Checks the names and shapes of JSON inputs against a manifest.

use serde_json::{Map, Value};

use super::{Manifest, Params, SignalSpec, Template};
use crate::inputs::{InputError, InputProblem, MAX_LISTED, NumberRule, Path, Shape};

impl Template {
    /// Checks that inputs have the names of the manifest, and the shapes that `params` require.
    ///
    /// `given` contains one or more objects, each with the path that errors about it begin with. A missing
    /// public input is reported in the last object, a missing private one in the first. Only the names
    /// are checked without `params`, or if the manifest is [inferred](Template::is_inferred).
    ///
    /// Returns every fault. The witness calculation checks again, with the circuit itself.
    pub fn check_inputs(
        &self,
        params: Option<&Params>,
        given: &[(&str, &Map<String, Value>)],
        rule: NumberRule,
    ) -> Vec<InputError> {
        check(&self.manifest, params.filter(|_| !self.is_inferred()), given, rule)
    }
}

pub(super) fn check(
    manifest: &Manifest,
    params: Option<&Params>,
    given: &[(&str, &Map<String, Value>)],
    rule: NumberRule,
) -> Vec<InputError> {
    let mut errors = Vec::new();
    for (root, fields) in given {
        for name in fields.keys().filter(|name| manifest.inputs.iter().all(|input| input.name != **name)) {
            let known = manifest.inputs.iter().take(MAX_LISTED).map(|input| input.name.clone()).collect();
            errors.push(Path::Field(&Path::Root(root), name).error(InputProblem::Unknown { known }));
        }
    }
    for input in &manifest.inputs {
        let found = given.iter().find_map(|(root, fields)| Some((*root, fields.get(&input.name)?)));
        let Some((root, value)) = found else {
            let place = if input.public { given.last() } else { given.first() };
            let root = Path::Root(place.map_or("inputs", |(root, _)| root));
            errors.push(Path::Field(&root, &input.name).error(InputProblem::Missing));
            continue;
        };
        if let Some(params) = params {
            errors.extend(input.shape(params).check(&format!("{root}.{}", input.name), value, rule).err());
        }
    }
    errors
}

impl SignalSpec {
    /// The shape of the signal with these parameters.
    pub fn shape(&self, params: &Params) -> Shape {
        Shape::of_dimensions(
            self.shape.iter().map(|dim| usize::try_from(params.size(dim)).unwrap_or(usize::MAX)),
        )
    }
}
