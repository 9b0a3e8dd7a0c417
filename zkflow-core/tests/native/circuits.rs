//! Ten circuits of 1 to 4096 rows, with random inputs that satisfy them.

use std::ops::RangeInclusive;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use serde_json::{Map, Value, json};
use zkflow_core::compile::{CircuitCompiler, CompileOptions, Compiled, Simplification};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::template::{HandlebarsEngine, TemplateEngine, TemplateLibrary};

use super::support;

const NO_PUBLIC_SIGNALS: &str = include_str!("../../../zkflow-groth16/tests/interop/all_private.circom");
const NO_PRIVATE_INPUTS: &str = include_str!("../../../zkflow-groth16/tests/interop/all_public.circom");
const BITS: &str = include_str!("../../../benches/src/circuits/bits.circom");
const DENSE: &str = include_str!("../../../benches/src/circuits/dense.circom");
const PUBLIC: &str = include_str!("../../../benches/src/circuits/public.circom");

/// A circuit, and random inputs for it.
pub(super) struct Circuit {
    pub(super) name: &'static str,
    source: String,
    simplification: Simplification,
    inputs: fn(&mut ChaCha20Rng) -> Value,
}

impl Circuit {
    pub(super) fn compile(&self) -> Compiled {
        let options = CompileOptions { simplification: self.simplification, ..CompileOptions::default() };
        let tree = support::tree(&self.source).unwrap();
        support::circom(support::limits()).compile(&tree, &options).unwrap()
    }

    /// Other inputs at each call.
    pub(super) fn inputs(&self, rng: &mut ChaCha20Rng) -> CircuitInputs {
        CircuitInputs::from_json((self.inputs)(rng).to_string())
    }
}

/// Words, full-size elements and bits; without public signals, without private inputs, and with hundreds of public
/// inputs.
pub(super) fn circuits() -> [Circuit; 10] {
    [
        plain("no public signals", NO_PUBLIC_SIGNALS, |rng| {
            let [a, b] = [Fr::rand(rng), Fr::rand(rng)];
            json!({"a": a.to_string(), "b": b.to_string(), "c": (a * b).to_string()})
        }),
        plain("no private inputs", NO_PRIVATE_INPUTS, |rng| json!({"x": element(rng), "y": element(rng)})),
        template(
            "rangeCheck",
            &json!({"min": AGES.start(), "max": AGES.end().to_string()}),
            |rng| json!({"age": rng.gen_range(AGES).to_string(), "randomPublicSignal": element(rng)}),
        ),
        template("batchRangeCheck", &json!({"n": 16, "min": 0, "max": u32::MAX, "bits": 32}), |rng| {
            let values: Vec<u32> = (0..16).map(|_| rng.r#gen()).collect();
            json!({"values": values, "randomPublicSignal": element(rng)})
        }),
        template("poseidonPreimage", &json!({"n": 4}), |rng| json!({"preimage": elements(4, rng)})),
        plain("bits 2^8", &family(BITS, 2), words),
        plain("bits 2^12", &family(BITS, 62), words),
        Circuit {
            simplification: Simplification::Full,
            ..plain("dense 2^12", &family(DENSE, 17), |rng| json!({"in": elements(2, rng)}))
        },
        plain("public 2^6", &family(PUBLIC, 30), |rng| json!({"in": elements(30, rng)})),
        plain("public 2^10", &family(PUBLIC, 510), |rng| json!({"in": elements(510, rng)})),
    ]
}

const AGES: RangeInclusive<u64> = 1000..=u64::MAX - 1000;

fn plain(name: &'static str, source: &str, inputs: fn(&mut ChaCha20Rng) -> Value) -> Circuit {
    Circuit { name, source: source.to_owned(), simplification: Simplification::default(), inputs }
}

/// A built-in template.
fn template(name: &'static str, params: &Value, inputs: fn(&mut ChaCha20Rng) -> Value) -> Circuit {
    let library = TemplateLibrary::builtin();
    let template = library.get(&name.parse().unwrap()).unwrap();
    let params: &Map<String, Value> = params.as_object().unwrap();
    let source = HandlebarsEngine.render(template, &template.parse_params(params).unwrap()).unwrap();
    plain(name, &source, inputs)
}

/// A circuit of a family of `zkflow bench`.
fn family(source: &str, count: usize) -> String {
    source.replace("COUNT", &count.to_string())
}

fn element(rng: &mut ChaCha20Rng) -> String {
    Fr::rand(rng).to_string()
}

fn elements(count: usize, rng: &mut ChaCha20Rng) -> Vec<String> {
    (0..count).map(|_| element(rng)).collect()
}

/// Two words of 32 bits.
fn words(rng: &mut ChaCha20Rng) -> Value {
    json!({"a": rng.r#gen::<u32>(), "b": rng.r#gen::<u32>()})
}
