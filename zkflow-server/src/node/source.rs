//! What a circuit is made from: its template with each simplification. The files beside its key are compared with it.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName};
use zkflow_core::compile::{CompileOptions, Compilers, Simplification, SourceTree};
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::template::{TemplateLibrary, TemplateName};
use zkflow_core::witness::module_version;

use super::report::Refusal;
use crate::state::App;

/// Code of a key that belongs to other constraints.
pub(super) const OTHER_CIRCUIT: &str = "key_of_other_circuit";

/// Simplifications of circom, in the order in which they are tried: the default first. The Node service did not record
/// the one of its version.
const LEVELS: [Simplification; 3] = [Simplification::Signals, Simplification::Full, Simplification::None];

/// A source with its options, or `None` for the parts beside the key.
pub(super) type Source = Option<(SourceTree, CompileOptions)>;

/// The template with each simplification.
pub(super) fn of_template(
    app: &App,
    compilers: &Compilers,
    templates: &TemplateLibrary,
    name: &TemplateName,
    params: &Map<String, Value>,
) -> Result<Vec<Source>, Refusal> {
    let template = templates.get(name).map_err(|error| Refusal::of(&error))?;
    let params = template.parse_params(params).map_err(|error| Refusal::of(&error))?;
    let mut sources: Vec<Source> = Vec::new();
    for simplification in LEVELS {
        let blueprint = Blueprint::builder(template)
            .params(params.clone())
            .engine(&*app.engine)
            .compiler(&**compilers.own())
            .include_roots(&app.include_roots)
            .source_limits(app.config.limits.source())
            .options(CompileOptions { simplification, ..app.compile_options })
            .build()
            .map_err(|error| Refusal::of(&error))?;
        // A manifest may fix the simplification.
        if !sources.iter().flatten().any(|(_, options)| *options == blueprint.options) {
            sources.push(Some((blueprint.source, blueprint.options)));
        }
    }
    Ok(sources)
}

/// Whether a refusal says that the template is missing, was changed, or is of another version of circom: parts beside the key
/// can replace it. The other refusals concern the key, or may be over at the next run.
pub(super) fn gives_no_circuit(refusal: &Refusal) -> bool {
    matches!(
        refusal.code.as_str(),
        OTHER_CIRCUIT
            | "unknown_template"
            | "unknown_parameter"
            | "missing_parameter"
            | "invalid_parameter"
            | "inconsistent_parameters"
            | "template_not_rendered"
            | "include_not_found"
            | "include_outside_roots"
            | "circom_rejected"
    )
}

/// Says which version of circom made a module, if it is not `compiler`.
pub(super) fn foreign_version(module: &Path, compiler: &str) -> Option<String> {
    let version = format!("circom {}", module_version(&fs::read(module).ok()?)?);
    (version != compiler).then(|| format!("{version} made circuit.wasm, and the compiler is {compiler}"))
}

/// Says that the old module is not the one of the circuit.
pub(super) fn other_module(module: &Path, files: &CircuitFiles, compiler: &str) -> Option<String> {
    if is_same(module, files, FileName::Wasm) {
        return None;
    }
    let reason = foreign_version(module, compiler)
        .unwrap_or_else(|| format!("circuit.wasm is not what {compiler} makes from the template"));
    Some(format!("{reason}: it was compiled again"))
}

/// Says that the old constraints are not those of the circuit.
pub(super) fn other_constraints(r1cs: &Path, files: &CircuitFiles) -> Option<String> {
    let read = |bytes: &[u8]| R1cs::read(bytes).ok();
    let is_equal = || {
        let (old, made) = (read(&fs::read(r1cs).ok()?)?, read(files.get(FileName::R1cs)?)?);
        Some(old == made)
    };
    let same = is_same(r1cs, files, FileName::R1cs) || is_equal() == Some(true);
    (!same).then(|| "circuit.r1cs is not that of the key: it was compiled again".to_owned())
}

/// Says that the old names are not those of the circuit.
pub(super) fn other_names(sym: &Path, files: &CircuitFiles) -> Option<String> {
    let same = is_same(sym, files, FileName::Sym);
    (!same).then(|| "circuit.sym is not that of the constraints: it was compiled again".to_owned())
}

fn is_same(old: &Path, files: &CircuitFiles, name: FileName) -> bool {
    fs::read(old).is_ok_and(|old| files.get(name) == Some(old.as_slice()))
}
