//! Compiles every built-in template. Its vectors must hold, and no other outputs may satisfy it.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::HashMap;
use std::sync::Arc;

use ark_bn254::Fr;
use serde_json::{Map, Value};
use zkflow_circom::compile::tools::CircomTools;
use zkflow_circom::compile::{
    CircomWasm, CircuitCompiler, CompileLimits, CompileOptions, Compiled, SourceTree,
};
use zkflow_circom::sandbox::{Sandbox, SandboxConfig};
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::template::{HandlebarsEngine, Outcome, Template, TemplateEngine, TemplateLibrary};
use zkflow_circom::witness::{Witness, WitnessCalculator, WitnessCheck, WitnessLimits};
use zkflow_groth16::field;
use zkflow_groth16::format::r1cs::{LinearCombination, R1cs};
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::rng::os_rng;

#[test]
fn range_check_proves_and_refuses_as_its_vectors_say() {
    check("rangeCheck");
}

#[test]
fn batch_range_check_proves_and_refuses_as_its_vectors_say() {
    check("batchRangeCheck");
}

#[test]
fn poseidon_preimage_proves_and_refuses_as_its_vectors_say() {
    check("poseidonPreimage");
}

#[test]
fn merkle_membership_proves_and_refuses_as_its_vectors_say() {
    check("merkleMembership");
}

#[test]
fn sha256_preimage_proves_and_refuses_as_its_vectors_say() {
    check("sha256Preimage");
}

#[test]
fn eddsa_signature_proves_and_refuses_as_its_vectors_say() {
    check("eddsaSignature");
}

/// Runs all vectors of a template; mutates the first witness of each of its circuits.
fn check(name: &str) {
    let library = TemplateLibrary::builtin();
    let template = library.get(&name.parse().unwrap()).unwrap();
    let bench = Bench::new();
    let mut circuits: HashMap<String, Circuit> = HashMap::new();
    for vector in &template.vectors {
        let context = format!("{name}: {}", vector.name);
        let key = Value::Object(template.parse_params(&vector.params).unwrap().to_json()).to_string();
        let circuit = circuits.entry(key).or_insert_with(|| bench.circuit(template, &vector.params));
        let found = circuit.calculator.calculate(&CircuitInputs::from_map(vector.inputs.clone()));
        match (vector.outcome, found) {
            (Outcome::Refuse, found) => assert!(found.is_err(), "{context}: not refused"),
            (Outcome::Prove, Err(error)) => panic!("{context}: {error}"),
            (Outcome::Prove, Ok(witness)) => {
                assert_eq!(circuit.violated(witness.values()), None, "{context}");
                circuit.check_outputs(template, &vector.outputs, &witness, &context);
                if !std::mem::replace(&mut circuit.mutated, true) {
                    circuit.no_mutation_changes_an_output(&witness, &context);
                    circuit.inputs_fix_the_outputs(&witness, &context);
                }
            }
        }
    }
}

struct Bench {
    sandbox: Arc<Sandbox>,
    tools: CircomTools,
    compiler: CircomWasm,
}

impl Bench {
    fn new() -> Self {
        let tools = CircomTools::discover().unwrap();
        let sandbox = Sandbox::new(SandboxConfig::default()).unwrap();
        let compiler =
            CircomWasm::new(sandbox.clone(), &tools.circom_wasm, CompileLimits::default()).unwrap();
        Self { sandbox, tools, compiler }
    }

    fn circuit(&self, template: &Template, params: &Map<String, Value>) -> Circuit {
        let params = template.parse_params(params).unwrap();
        let source = HandlebarsEngine.render(template, &params).unwrap();
        let tree = SourceTree::resolve("main.circom", &source, &self.tools.include_roots).unwrap();
        let Compiled { r1cs, wasm, sym, .. } =
            self.compiler.compile(&tree, &CompileOptions::default()).unwrap();
        let r1cs = R1cs::read(&r1cs).unwrap();
        let check = WitnessCheck::new(&r1cs, Some(&Sym::read(&sym).unwrap()), &wasm, &mut os_rng()).unwrap();
        assert!(check.allows_tapes(), "{}: an input has no wire", template.name);
        let calculator =
            WitnessCalculator::new(&self.sandbox, &wasm, WitnessLimits::default()).unwrap().with_check(check);
        let mut uses = vec![Vec::new(); r1cs.n_wires as usize];
        for (index, constraint) in r1cs.constraints.iter().enumerate() {
            for (wire, _) in constraint.a.iter().chain(&constraint.b).chain(&constraint.c) {
                uses[*wire as usize].push(index);
            }
        }
        Circuit { r1cs, uses, calculator, mutated: false }
    }
}

struct Circuit {
    r1cs: R1cs,
    /// For each wire, the constraints that contain it.
    uses: Vec<Vec<usize>>,
    calculator: WitnessCalculator,
    mutated: bool,
}

impl Circuit {
    fn holds(&self, index: usize, wires: &[Fr]) -> bool {
        let constraint = &self.r1cs.constraints[index];
        dot(&constraint.a, wires) * dot(&constraint.b, wires) == dot(&constraint.c, wires)
    }

    /// Index of the first violated constraint.
    fn violated(&self, wires: &[Fr]) -> Option<usize> {
        (0..self.r1cs.constraints.len()).find(|&index| !self.holds(index, wires))
    }

    fn check_outputs(
        &self,
        template: &Template,
        expected: &Map<String, Value>,
        witness: &Witness,
        context: &str,
    ) {
        let expected: Vec<Fr> = template
            .manifest
            .outputs
            .iter()
            .filter_map(|output| expected.get(&output.name))
            .flat_map(numbers)
            .collect();
        assert_eq!(&witness.values()[1..=expected.len()], expected, "{context}: outputs");
    }

    /// Changes each wire in turn. A changed output must violate a constraint. A changed public input may not:
    /// the caller chooses it, and another value is another statement.
    fn no_mutation_changes_an_output(&self, witness: &Witness, context: &str) {
        let mut wires = witness.values().to_vec();
        let mut broken = 0;
        for wire in 1..wires.len() {
            let honest = wires[wire];
            let others =
                [Fr::from(0u64), Fr::from(1u64), honest + Fr::from(1u64), honest - Fr::from(1u64), -honest];
            for other in others.into_iter().filter(|other| *other != honest) {
                wires[wire] = other;
                let holds = self.uses[wire].iter().all(|&index| self.holds(index, &wires));
                assert!(!holds || wire > self.r1cs.n_outputs as usize, "{context}: output {wire} is free");
                broken += usize::from(!holds);
            }
            wires[wire] = honest;
        }
        assert!(broken > wires.len(), "{context}: only {broken} mutations break a constraint");
    }

    /// With fixed inputs, no small change of the other wires satisfies the constraints and changes an output.
    ///
    /// To first order a change `d` of the wires satisfies `a * b = c` if
    /// `<a,w> <b,d> + <b,w> <a,d> = <c,d>`. In a row with one remaining wire the change of this wire is zero.
    /// The step is repeated until no further wire is fixed.
    fn inputs_fix_the_outputs(&self, witness: &Witness, context: &str) {
        let wires = witness.values();
        let rows: Vec<HashMap<u32, Fr>> = self
            .r1cs
            .constraints
            .iter()
            .map(|constraint| {
                let (a, b) = (dot(&constraint.a, wires), dot(&constraint.b, wires));
                let mut row: HashMap<u32, Fr> = HashMap::new();
                for (factor, combination) in
                    [(b, &constraint.a), (a, &constraint.b), (-Fr::from(1u64), &constraint.c)]
                {
                    for (wire, coefficient) in combination {
                        *row.entry(*wire).or_default() += factor * coefficient;
                    }
                }
                row.retain(|_, coefficient| *coefficient != Fr::from(0u64));
                row
            })
            .collect();
        let outputs = self.r1cs.n_outputs as usize;
        let inputs = (self.r1cs.n_public_inputs + self.r1cs.n_private_inputs) as usize;
        let mut fixed = vec![false; wires.len()];
        fixed[0] = true;
        fixed[1 + outputs..1 + outputs + inputs].fill(true);
        let mut pending: Vec<usize> = (0..rows.len()).collect();
        while let Some(index) = pending.pop() {
            let mut free = rows[index].keys().filter(|wire| !fixed[**wire as usize]);
            if let (Some(wire), None) = (free.next(), free.next()) {
                fixed[*wire as usize] = true;
                pending.extend(&self.uses[*wire as usize]);
            }
        }
        assert!(fixed[1..=outputs].iter().all(|fixed| *fixed), "{context}: an output is not determined");
    }
}

fn dot(combination: &LinearCombination, wires: &[Fr]) -> Fr {
    combination.iter().map(|(wire, coefficient)| wires[*wire as usize] * coefficient).sum()
}

fn numbers(value: &Value) -> Vec<Fr> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::String(text) => vec![field::parse_decimal(text).unwrap()],
        other => vec![Fr::from(other.as_u64().unwrap())],
    }
}
