use std::fmt;
use std::sync::OnceLock;

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use wasm_encoder::{Module, RawSection, SectionId};
use wasmtime::{Config, Engine, Instance, Linker, Memory, Store, Val};

use super::*;
use crate::compile::tools::CircomTools;
use crate::compile::{CircomWasm, CircuitCompiler, CompileLimits, CompileOptions, SourceTree};
use crate::sandbox::{Sandbox, SandboxConfig};

mod circuit;
mod forms;

/// Addresses of operands, above all that the runtime uses.
const A: u32 = 60_000;
const B: u32 = 60_040;
const TO: u32 = 60_080;
/// The functions that the tests call, with their numbers in the module.
const FUNCTIONS: [(&str, usize); 25] = [
    ("mul", MUL),
    ("square", SQUARE),
    ("quotient", QUOTIENT),
    ("exp", EXP),
    ("integer_add", limbs::INTEGER_ADD),
    ("integer_sub", limbs::INTEGER_SUB),
    ("element_add", limbs::ELEMENT_ADD),
    ("element_sub", limbs::ELEMENT_SUB),
    ("left", limbs::LEFT),
    ("right", limbs::RIGHT),
    ("is_true", cells::IS_TRUE),
    ("is_negative", cells::IS_NEGATIVE),
    ("to_int", cells::TO_INT),
    ("Fr_add", cells::ADD),
    ("Fr_sub", cells::SUB),
    ("Fr_mul", cells::PRODUCT),
    ("Fr_eq", cells::EQ),
    ("Fr_neq", cells::NEQ),
    ("Fr_gt", cells::GT),
    ("Fr_geq", cells::GEQ),
    ("Fr_lt", cells::LT),
    ("Fr_leq", cells::LEQ),
    ("Fr_shl", cells::SHL),
    ("Fr_shr", cells::SHR),
    ("divide", division::DIVIDE),
];

/// A circuit's module as circom generates it, with the replaced functions exported.
fn module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| {
        let source = "pragma circom 2.0.0;
            template Square() { signal input a; signal output b; b <== a * a; }
            component main = Square();";
        exporting(&compile(source))
    })
}

/// The module of a circuit.
fn compile(source: &str) -> Vec<u8> {
    let sandbox = Sandbox::new(SandboxConfig::for_tests()).unwrap();
    let tools = CircomTools::discover().unwrap();
    let circom = CircomWasm::new(sandbox, &tools.circom_wasm, CompileLimits::default()).unwrap();
    let tree = SourceTree::resolve("circuit.circom", source, &tools.include_roots).unwrap();
    circom.compile(&tree, &CompileOptions::default()).unwrap().wasm
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

fn translated(wasm: &[u8]) -> wasmtime::Module {
    let engine = Engine::new(Config::new().wasm_wide_arithmetic(true)).unwrap();
    wasmtime::Module::new(&engine, wasm).unwrap()
}

/// The functions of a module.
fn bodies(wasm: &[u8]) -> impl Iterator<Item = FunctionBody<'_>> {
    Parser::new(0).parse_all(wasm).filter_map(|payload| match payload.unwrap() {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    })
}

/// A running module.
struct Machine {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Machine {
    fn start(wasm: &[u8]) -> Self {
        Self::of(&translated(wasm))
    }

    fn of(module: &wasmtime::Module) -> Self {
        let (mut store, mut linker) = (Store::new(module.engine(), ()), Linker::new(module.engine()));
        linker.define_unknown_imports_as_default_values(&mut store, module).unwrap();
        let instance = linker.instantiate(&mut store, module).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self { store, instance, memory }
    }

    /// Stores operands, calls a function, and returns all operands after it.
    fn call(&mut self, name: &str, arguments: &[u32], operands: [[u64; 4]; 2]) -> [[u8; 32]; 3] {
        let operands = [operands[0], operands[1], [7; 4]].map(|limbs| BigInt(limbs).to_bytes_le());
        self.apply(name, arguments, operands.each_ref().map(Vec::as_slice)).1
    }

    /// As [`call`](Self::call), with all three operands, and with the function's result if it has one.
    fn apply<const N: usize>(
        &mut self,
        name: &str,
        arguments: &[u32],
        operands: [&[u8]; 3],
    ) -> (Option<i32>, [[u8; N]; 3]) {
        for (address, bytes) in [A, B, TO].into_iter().zip(operands) {
            self.memory.write(&mut self.store, address as usize, bytes).unwrap();
        }
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let arguments: Vec<Val> = arguments.iter().map(|argument| Val::I32(*argument as i32)).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &arguments, &mut results).unwrap();
        let after = [A, B, TO].map(|address| {
            let mut bytes = [0; N];
            self.memory.read(&self.store, address as usize, &mut bytes).unwrap();
            bytes
        });
        (results.first().map(Val::unwrap_i32), after)
    }
}

/// Compares the results of calls of circom's code with those of the fast one.
fn compare<R: PartialEq + fmt::Debug>(calls: impl Fn(&mut Machine) -> Vec<R>) {
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
fn sums_differences_and_shifts_of_limbs_equal_those_of_circom() {
    let mut operands = extremes();
    operands.extend(random(200));
    compare(|machine| {
        let mut results = Vec::new();
        for a in &operands {
            for b in &operands {
                let bytes = [*a, *b, [7; 4]].map(|limbs| BigInt(limbs).to_bytes_le());
                let bytes = bytes.each_ref().map(Vec::as_slice);
                for name in ["integer_add", "integer_sub", "element_add", "element_sub"] {
                    for arguments in [[A, B, TO], [A, B, A], [A, B, B]] {
                        results.push(machine.apply::<32>(name, &arguments, bytes));
                    }
                }
            }
            let bytes = [*a, [0; 4], [7; 4]].map(|limbs| BigInt(limbs).to_bytes_le());
            let bytes = bytes.each_ref().map(Vec::as_slice);
            for bits in (0..=257).chain([319, 320, 1 << 31, u32::MAX]) {
                for to in [TO, A] {
                    results.push(machine.apply("left", &[to, A, bits], bytes));
                    results.push(machine.apply("right", &[to, A, bits], bytes));
                }
            }
        }
        results
    });
}

#[test]
fn quotients_equal_those_of_circom_for_any_divisor() {
    let high = 1 << 63;
    let mut divisors: Vec<[u64; 4]> =
        [3, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, high, high + 1, high + (1 << 32), !1]
            .map(|low| [low, 0, 0, 0])
            .into_iter()
            .chain((0..64).map(|bit| [0, 1 << bit, 0, 0]))
            .chain(extremes())
            .collect();
    divisors.extend(random(400).iter().map(|limbs| [limbs[0], 0, 0, 0]));
    divisors.extend(random(100));
    divisors.retain(|limbs| *limbs != [0; 4]);
    let mut dividends = extremes();
    // The estimate of a digit of the quotient is too high.
    dividends.extend([[0, 0, high - 1, 0], [3, 0, high, 0], [0, !0, high - 1, 1], [0, high, !0 - 1, 0]]);
    dividends.extend(random(60));
    compare(|machine| {
        let mut results = Vec::new();
        for x in &dividends {
            for y in &divisors {
                // Quotient and rest can replace an operand.
                for arguments in [[A, B, TO, A], [A, B, A, TO], [A, B, B, TO], [A, A, B, TO]] {
                    let zero = arguments[0] == arguments[1] && *x == [0; 4];
                    if !zero {
                        results.push(machine.call("divide", &arguments, [*x, *y]));
                    }
                }
                if *x != [0; 4] {
                    results.push(machine.call("divide", &[A, B, TO, B], [*x, *y]));
                }
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
    let runtime: Vec<FunctionBody<'_>> = bodies(wasm).take(RUNTIME).collect();
    for number in [0, MUL, EXP, RUNTIME - 1] {
        let mut other = wasm.to_vec();
        // The last operand of the function, before its end.
        other[runtime[number].range().end - 2] ^= 1;
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
