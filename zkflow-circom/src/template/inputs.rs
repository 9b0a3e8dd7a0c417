//! Checks the names and shapes of JSON inputs against a manifest.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Manifest, Params, SignalSpec, Template};
use crate::inputs::{ExpectedInput, InputError, NumberRule, Shape, check_expected};

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
    let expected = manifest.inputs.iter().map(|input| ExpectedInput {
        name: &input.name,
        public: input.public,
        shape: params.map(|params| Cow::Owned(input.shape(params))),
        is_bus: input.bus,
    });
    check_expected(&expected.collect::<Vec<_>>(), given, rule)
}

impl SignalSpec {
    /// The shape of the signal with these parameters.
    pub fn shape(&self, params: &Params) -> Shape {
        Shape::of_dimensions(
            self.shape.iter().map(|dim| usize::try_from(params.size(dim)).unwrap_or(usize::MAX)),
        )
    }
}
