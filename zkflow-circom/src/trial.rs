//! Tries a template: compiles it, runs its example and its vectors, and compares the results with its files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ark_bn254::Fr;
use serde_json::{Map, Value};
use zkflow_groth16::field::json::read_number;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::report::CircuitReport;
use zkflow_groth16::rng::os_rng;

use crate::compile::{CircuitCompiler, CompileError, CompileOptions};
use crate::sandbox::Sandbox;
use crate::secret::CircuitInputs;
use crate::template::{
    Finding, HandlebarsEngine, MANIFEST, Outcome, Params, SOURCE, Template, TemplateEngine as _,
};
use crate::witness::tape::{RecordLimits, Tape};
use crate::witness::{InputSignals, Witness, WitnessCalculator, WitnessCheck, WitnessError, WitnessLimits};

/// Compiles templates and runs their vectors.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Compiles the rendered template.
    pub compiler: &'a dyn CircuitCompiler,
    /// Folders that are searched for includes.
    pub include_roots: &'a [PathBuf],
    /// Runs the witness calculation.
    pub sandbox: &'a Arc<Sandbox>,
}

impl Trial<'_> {
    /// Compiles `template` with the parameters of its example and of each vector, and calculates the witnesses.
    ///
    /// Finds:
    /// - a source that circom refuses, and its warnings;
    /// - inputs and outputs of the manifest that the circuit does not have, or has with another shape;
    /// - an example, or a vector with the outcome `prove`, that does not prove, or has other outputs;
    /// - a vector with the outcome `refuse` that proves.
    ///
    /// A template without a manifest is not compiled; [`Template::warnings`] reports it.
    pub fn run(&self, template: &Template) -> Vec<Finding> {
        let mut findings = Vec::new();
        if template.is_inferred() {
            return findings;
        }
        let mut circuits: BTreeMap<String, Option<Circuit>> = BTreeMap::new();
        let example = &template.manifest.example;
        let example = Case {
            file: MANIFEST,
            line: None,
            name: "example",
            params: &example.params,
            inputs: &example.inputs,
            outcome: Outcome::Prove,
            outputs: &Map::new(),
        };
        let vectors = template.vectors.iter().map(|vector| Case {
            file: &vector.file,
            line: vector.line,
            name: &vector.name,
            params: &vector.params,
            inputs: &vector.inputs,
            outcome: vector.outcome,
            outputs: &vector.outputs,
        });
        for case in std::iter::once(example).chain(vectors) {
            let params = match template.parse_params(case.params) {
                Ok(params) => params,
                Err(error) => {
                    findings.push(case.error(error.to_string()));
                    continue;
                }
            };
            let key = Value::Object(params.to_json()).to_string();
            let circuit = circuits.entry(key).or_insert_with(|| match self.circuit(template, &params) {
                Ok((circuit, warnings)) => {
                    findings.extend(warnings);
                    Some(circuit)
                }
                Err(errors) => {
                    findings.extend(errors);
                    None
                }
            });
            if let Some(problem) = circuit.as_ref().and_then(|circuit| circuit.problem(template, &case)) {
                findings.push(case.error(problem));
            }
        }
        findings.sort_by_key(|finding| !finding.is_error());
        let mut unique: Vec<Finding> = Vec::new();
        for finding in findings {
            if !unique.contains(&finding) {
                unique.push(finding);
            }
        }
        unique
    }

    fn circuit(&self, template: &Template, params: &Params) -> Result<(Circuit, Vec<Finding>), Vec<Finding>> {
        let fail = |message: String| vec![Finding::error(SOURCE, None, message)];
        let file = format!("{}.circom", template.name);
        let rendered = HandlebarsEngine.render(template, params).map_err(|error| fail(error.to_string()))?;
        let refused = |error| refused(error, &file);
        let tree = template.search(self.include_roots).resolve(&file, &rendered).map_err(refused)?;
        let options = template.compile_options(CompileOptions::default());
        let mut compiled = self.compiler.compile(&tree, &options).map_err(refused)?;
        let unreadable = |error: &dyn std::fmt::Display| fail(error.to_string());
        let sym = Sym::read(&compiled.sym).map_err(|error| unreadable(&error))?;
        if let Ok(tape) = Tape::record(&compiled.wasm, RecordLimits::default()) {
            compiled.report.add_unused_inputs(tape.unused_inputs().into_iter(), Some(&sym));
        }
        let mut findings: Vec<Finding> = compiled
            .report
            .warnings
            .iter()
            .map(|warning| Finding::warning(SOURCE, None, warning.to_string()))
            .collect();
        let r1cs = R1cs::read(&compiled.r1cs).map_err(|error| unreadable(&error))?;
        let check = WitnessCheck::new(&r1cs, Some(&sym), &compiled.wasm, &mut os_rng())
            .map_err(|error| unreadable(&error))?;
        if let Some(signals) = check.signals() {
            findings.extend(signal_findings(template, params, signals, &r1cs, &compiled.report));
        }
        let calculator = WitnessCalculator::new(self.sandbox, &compiled.wasm, WitnessLimits::default())
            .map_err(|error| unreadable(&error))?
            .with_check(check);
        match findings.iter().any(Finding::is_error) {
            true => Err(findings),
            false => Ok((Circuit { calculator }, findings)),
        }
    }
}

/// The example, or a vector.
struct Case<'a> {
    file: &'a str,
    line: Option<usize>,
    name: &'a str,
    params: &'a Map<String, Value>,
    inputs: &'a Map<String, Value>,
    outcome: Outcome,
    outputs: &'a Map<String, Value>,
}

impl Case<'_> {
    fn error(&self, problem: String) -> Finding {
        Finding::error(self.file, self.line, format!("{:?}: {problem}", self.name))
    }
}

struct Circuit {
    calculator: WitnessCalculator,
}

impl Circuit {
    /// The difference from the expected outcome; `None` if there is none.
    fn problem(&self, template: &Template, case: &Case<'_>) -> Option<String> {
        let inputs = CircuitInputs::from_map(case.inputs.clone()).with_numbers(template.manifest.numbers);
        let found = self.calculator.calculate(&inputs);
        match (case.outcome, found) {
            (Outcome::Prove, Ok(witness)) => output_problem(template, case.outputs, &witness),
            (Outcome::Prove, Err(error)) => Some(format!("does not prove: {error}")),
            (Outcome::Refuse, Ok(_)) => Some("expected a refusal, but it proves".to_owned()),
            // A limit is not a refusal: with more time the inputs may prove.
            (Outcome::Refuse, Err(error @ WitnessError::Limit(_))) => Some(error.to_string()),
            (Outcome::Refuse, Err(_)) => None,
        }
    }
}

/// The first expected output that the witness does not have. Outputs follow the constant one, in the order of the
/// manifest.
fn output_problem(template: &Template, expected: &Map<String, Value>, witness: &Witness) -> Option<String> {
    let mut at = 1;
    for output in &template.manifest.outputs {
        // The size of an output without expectation is unknown, so the outputs after it are not compared.
        let value = expected.get(&output.name)?;
        let mut numbers = Vec::new();
        if flatten(value, &mut numbers).is_none() {
            return Some(format!("outputs.{}: expected numbers", output.name));
        }
        let found = witness.values().get(at..at + numbers.len());
        if found != Some(&numbers[..]) {
            return Some(format!("outputs.{}: the circuit returns a different value", output.name));
        }
        at += numbers.len();
    }
    None
}

fn flatten(value: &Value, numbers: &mut Vec<Fr>) -> Option<()> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| flatten(item, numbers)),
        value => {
            numbers.push(read_number(value).ok()?);
            Some(())
        }
    }
}

/// Compares the inputs and outputs of the manifest with those of the circuit.
fn signal_findings(
    template: &Template,
    params: &Params,
    signals: &InputSignals,
    r1cs: &R1cs,
    report: &CircuitReport,
) -> Vec<Finding> {
    let manifest = &template.manifest;
    let error = |message: String| Finding::error(MANIFEST, None, message);
    let mut findings = Vec::new();
    for input in &manifest.inputs {
        match signals.shape(&input.name) {
            // An array without elements has no signals.
            None if input.shape(params).size() == 0 => {}
            None => findings.push(error(format!("the circuit has no input {}", input.name))),
            // The shape of a bus in a manifest is its number of values.
            Some(shape) if shape.has_fields() && shape.size() == input.shape(params).size() => {}
            Some(shape) if *shape != input.shape(params) => {
                findings.push(error(format!("{}.shape: the circuit has {shape}", input.name)));
            }
            Some(_) if input.public != report.public_input_names.contains(&input.name) => {
                let found = if input.public { "private" } else { "public" };
                findings.push(error(format!("{}.public: the circuit has a {found} input", input.name)));
            }
            Some(_) => {}
        }
    }
    for name in signals.names().filter(|name| manifest.inputs.iter().all(|input| input.name != *name)) {
        findings.push(error(format!("the input {name} of the circuit is missing")));
    }
    let declared: u64 = manifest
        .outputs
        .iter()
        .map(|output| output.shape.iter().map(|dim| params.size(dim)).product::<u64>())
        .sum();
    if declared != u64::from(r1cs.n_outputs) {
        let message = format!("outputs: the manifest has {declared} values, the circuit {}", r1cs.n_outputs);
        findings.push(error(message));
    }
    findings
}

/// The findings of a compilation that failed. The rendered source has the lines of the template.
fn refused(error: CompileError, main: &str) -> Vec<Finding> {
    let own = |file: &str| if file == main { SOURCE.to_owned() } else { file.to_owned() };
    match error {
        CompileError::Rejected(diagnostics) => diagnostics
            .into_iter()
            .map(|one| {
                let file = one.file.as_deref().map_or_else(|| SOURCE.to_owned(), own);
                Finding::error(&file, one.line.map(|line| line as usize), format!("circom: {}", one.message))
            })
            .collect(),
        CompileError::IncludeNotFound { file, line, include } => {
            let message = format!(
                "include {include:?} was not found, neither beside this file nor in a folder of includes"
            );
            vec![Finding::error(&own(&file), Some(line as usize), message)]
        }
        CompileError::IncludeOutsideRoots { file, line, include } => {
            let message =
                format!("include {include:?} leads out of the template's folder and the include roots");
            vec![Finding::error(&own(&file), Some(line as usize), message)]
        }
        error => vec![Finding::error(SOURCE, None, error.to_string())],
    }
}
