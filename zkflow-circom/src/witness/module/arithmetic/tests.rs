use std::sync::OnceLock;

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use wasm_encoder::{Module, RawSection, SectionId};
use wasmtime::{Config, Engine, Instance, Linker, Memory, Store, WasmParams};

use super::*;
use crate::compile::tools::CircomTools;
use crate::compile::{CircomWasm, CircuitCompiler, CompileLimits, CompileOptions, SourceTree};
use crate::sandbox::{Sandbox, SandboxConfig};

/// Addresses of operands, above all that the runtime uses.
const A: u32 = 60_000;
const B: u32 = 60_040;
const TO: u32 = 60_080;
/// The numbers of the replaced functions in the module.
const FUNCTIONS: [(&str, usize); 4] =
    [("mul", MUL), ("square", SQUARE), ("quotient", QUOTIENT), ("exp", EXP)];

/// A circuit's module as circom generates it, with the replaced functions exported.
fn module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| {
        let sandbox = Sandbox::new(SandboxConfig::for_tests()).unwrap();
        let tools = CircomTools::discover().unwrap();
        let circom = CircomWasm::new(sandbox, &tools.circom_wasm, CompileLimits::default()).unwrap();
        let source = "pragma circom 2.0.0;
            template Square() { signal input a; signal output b; b <== a * a; }
            component main = Square();";
        let tree = SourceTree::resolve("circuit.circom", source, &tools.include_roots).unwrap();
        exporting(&circom.compile(&tree, &CompileOptions::default()).unwrap().wasm)
    })
}

/// The module with further exports.
fn exporting(wasm: &[u8]) -> Vec<u8> {
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.unwrap();
        let Some((id, range)) = payload.as_section() else { continue };
        let mut data = wasm[range].to_vec();
        if id == SectionId::Export as u8 {
            // Fewer than 64 exports: their number has one byte.
            data[0] += FUNCTIONS.len() as u8;
            for (name, number) in FUNCTIONS {
                name.encode(&mut data);
                data.push(0);
                (number + IMPORTS).encode(&mut data);
            }
        }
        out.section(&RawSection { id, data: &data });
    }
    out.finish()
}

/// A running module.
struct Machine {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Machine {
    fn start(wasm: &[u8]) -> Self {
        let engine = Engine::new(Config::new().wasm_wide_arithmetic(true)).unwrap();
        let module = wasmtime::Module::new(&engine, wasm).unwrap();
        let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new(&engine));
        linker.define_unknown_imports_as_default_values(&mut store, &module).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self { store, instance, memory }
    }

    /// Stores operands, calls a function, and returns all operands after it.
    fn call(&mut self, name: &str, arguments: &[u32], operands: [[u64; 4]; 2]) -> [[u8; 32]; 3] {
        for (address, limbs) in [A, B, TO].into_iter().zip([operands[0], operands[1], [7; 4]]) {
            let bytes = BigInt(limbs).to_bytes_le();
            self.memory.write(&mut self.store, address as usize, &bytes).unwrap();
        }
        match *arguments {
            [a, to] => self.run::<(u32, u32)>(name, (a, to)),
            [a, b, to] => self.run::<(u32, u32, u32)>(name, (a, b, to)),
            [a, b, bytes, to] => self.run::<(u32, u32, u32, u32)>(name, (a, b, bytes, to)),
            _ => unreachable!("the functions have two to four arguments"),
        }
        [A, B, TO].map(|address| {
            let mut bytes = [0; 32];
            self.memory.read(&self.store, address as usize, &mut bytes).unwrap();
            bytes
        })
    }

    fn run<P: WasmParams>(&mut self, name: &str, parameters: P) {
        let function = self.instance.get_typed_func::<P, ()>(&mut self.store, name).unwrap();
        function.call(&mut self.store, parameters).unwrap();
    }
}

/// Compares the results of calls of circom's code with those of the fast one.
fn compare(calls: impl Fn(&mut Machine) -> Vec<[[u8; 32]; 3]>) {
    let Cow::Owned(faster) = fast(module()) else { panic!("the runtime is unknown") };
    let (old, new) = (calls(&mut Machine::start(module())), calls(&mut Machine::start(&faster)));
    assert!(!old.is_empty() && old.len() == new.len());
    for (number, (old, new)) in old.iter().zip(&new).enumerate() {
        assert_eq!(old, new, "call {number}");
    }
}

/// Zero, one, all that is next to a limit, and limbs of ones and zeros.
fn extremes() -> Vec<[u64; 4]> {
    let modulus = Fr::MODULUS;
    let next = |number: u64, below: bool| {
        let mut limbs = modulus;
        let overflows = match below {
            true => limbs.sub_with_borrow(&BigInt::from(number)),
            false => limbs.add_with_carry(&BigInt::from(number)),
        };
        assert!(!overflows);
        limbs.0
    };
    let mut all = vec![[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], Fr::MODULUS_MINUS_ONE_DIV_TWO.0];
    all.extend((0..3).flat_map(|number| [next(number, true), next(number, false)]));
    all.extend((0..16).map(|ones| [0, 1, 2, 3].map(|limb| if ones >> limb & 1 == 1 { u64::MAX } else { 0 })));
    all.extend((0..4).map(|limb| std::array::from_fn(|at| u64::from(at == limb) << 63)));
    all
}

/// Pseudorandom operands below 2^256, of all lengths.
fn random(count: usize) -> Vec<[u64; 4]> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let operand = (any::<[u64; 4]>(), 0..256_u32).prop_map(|(limbs, bits)| {
        let mut number = BigInt(limbs);
        number >>= bits;
        number.0
    });
    (0..count).map(|_| operand.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn products_equal_those_of_circom_for_any_operands() {
    let operands = extremes();
    let mut pairs: Vec<[[u64; 4]; 2]> =
        operands.iter().flat_map(|a| operands.iter().map(|b| [*a, *b])).collect();
    pairs.extend(random(20_000).as_chunks().0);
    compare(|machine| {
        let mut results = Vec::new();
        for pair in &pairs {
            // The result can replace an operand.
            for arguments in [[A, B, TO], [A, B, A], [A, B, B], [A, A, TO], [A, A, A]] {
                results.push(machine.call("mul", &arguments, *pair));
            }
            for name in ["square", "quotient"] {
                results.push(machine.call(name, &[A, TO], *pair));
                results.push(machine.call(name, &[A, A], *pair));
            }
        }
        results
    });
}

#[test]
fn products_are_those_of_the_field() {
    let operands: Vec<Fr> = random(200)
        .into_iter()
        .map(|limbs| Fr::from_le_bytes_mod_order(&BigInt(limbs).to_bytes_le()))
        .collect();
    compare(|machine| {
        let pairs = operands.as_chunks::<2>().0;
        let results = pairs.iter().map(|[a, b]| {
            let results = machine.call("mul", &[A, B, TO], [a.0.0, b.0.0]);
            assert_eq!(results[2].as_slice(), (a * b).0.to_bytes_le());
            results
        });
        results.collect()
    });
}

#[test]
fn powers_equal_those_of_circom_for_any_exponent() {
    let bases: Vec<[u64; 4]> = [[0; 4], [2, 0, 0, 0], Fr::from(2).0.0].into_iter().chain(random(3)).collect();
    let exponents: Vec<[u64; 4]> = extremes().into_iter().chain(random(40)).collect();
    compare(|machine| {
        let mut results = Vec::new();
        for base in &bases {
            for exponent in &exponents {
                // The result can replace the base or the exponent, or begin within them.
                for arguments in [
                    [A, B, 32, TO],
                    [A, B, 1, TO],
                    [A, B, 9, TO],
                    [A, B, 32, A],
                    [A, B, 32, B],
                    [A, A, 32, TO],
                    [A, A, 32, A],
                    [A, B, 32, B + 24],
                    [A, B, 32, B - 24],
                ] {
                    results.push(machine.call("exp", &arguments, [*base, *exponent]));
                }
            }
        }
        results
    });
}

#[test]
fn module_with_another_runtime_or_other_constants_remains_as_it_is() {
    let wasm = module();
    let outline = Outline::read(wasm).unwrap().unwrap();
    for number in [0, MUL, EXP, RUNTIME - 1] {
        let mut other = wasm.to_vec();
        // The last operand of the function, before its end.
        other[outline.bodies[number].end - 2] ^= 1;
        assert_eq!(fast(&other), Cow::<[u8]>::Borrowed(&other), "function {number}");
    }
    let modulus = BigInteger::to_bytes_le(&Fr::MODULUS);
    let mut other = wasm.to_vec();
    let at = wasm.windows(32).position(|window| window == modulus).unwrap();
    other[at] ^= 2;
    assert_eq!(fast(&other), Cow::<[u8]>::Borrowed(&other));
}

#[test]
fn truncated_and_changed_bytes_do_not_panic() {
    let wasm = module();
    for length in (0..wasm.len()).step_by(97) {
        let _ = fast(&wasm[..length]);
    }
    for at in (0..wasm.len()).step_by(53) {
        let mut other = wasm.to_vec();
        other[at] ^= 0xff;
        let _ = fast(&other);
    }
}
