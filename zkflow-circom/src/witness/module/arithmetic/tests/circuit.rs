//! Whole circuits, whose functions have other code in place of calls.

use super::*;
use crate::witness::module::halves;

/// Hints with arrays, loops, calls of functions, and all operators on elements.
const SOURCE: &str = "pragma circom 2.1.6;
    function divide(a, b) {
        var out[20];
        var rest = a;
        for (var i = 0; i < 20; i++) {
            out[i] = rest % (b + i);
            rest = rest \\ 3;
        }
        return out;
    }
    function early(a, b, n) {
        for (var i = n - 1; i >= 0; i--) {
            if (a[i] > b[i]) { return 1; }
            if (a[i] < b[i]) { return -1; }
        }
        return 0;
    }
    function mixed(a, b) {
        var out[12];
        var table[6] = [1, 2, 2, 2, 2, 0];
        var big = (1 << 64) + a;
        var k = 0;
        while (k < 6) {
            out[k] = table[k] * a - b;
            if (out[k] > 0 && k != 2 || !(a == b)) { out[k] += big >> k; }
            out[k + 6] = ((a << k) & big) | (b ^ k);
            out[table[k] + 6] += ~b;
            k += 1;
        }
        out[0] += (big >= b) + (a <= big) * 2 + (-a < -b) * 4;
        out[1] -= a \\ (k + 1) + (b % big);
        out[2] += 1 << (k * 40);
        out[3] += k ** 5;
        return out;
    }
    template Hints() {
        signal input a;
        signal input b;
        signal output c[13];
        var x[20] = divide(a, 7);
        var y[20] = divide(b, 7);
        var z[12] = mixed(a, b);
        for (var i = 0; i < 12; i++) { c[i] <-- z[i] + x[i] * y[19 - i]; }
        c[12] <-- early(x, y, 20);
    }
    component main = Hints();";

/// The memory after a calculation, above the cells that only the runtime uses, and the witness.
fn calculate(module: &wasmtime::Module, inputs: [Fr; 2]) -> Vec<u8> {
    let mut machine = Machine::of(module);
    let Machine { store, instance, memory } = &mut machine;
    let window = instance.get_typed_func::<(), u32>(&mut *store, "getSharedRWMemoryStart").unwrap();
    let window = window.call(&mut *store, ()).unwrap() as usize;
    instance.get_typed_func::<i32, ()>(&mut *store, "init").unwrap().call(&mut *store, 1).unwrap();
    let set = instance.get_typed_func::<(u32, u32, u32), ()>(&mut *store, "setInputSignal").unwrap();
    for (name, value) in ["a", "b"].into_iter().zip(inputs) {
        memory.write(&mut *store, window, &value.into_bigint().to_bytes_le()).unwrap();
        let (high, low) = halves(name);
        set.call(&mut *store, (high, low, 0)).unwrap();
    }
    memory.data(&*store)[ADDRESSES.end as usize..].to_vec()
}

#[test]
fn memory_after_a_calculation_is_the_same() {
    let wasm = compile(SOURCE);
    let Cow::Owned(faster) = fast(&wasm) else { panic!("the runtime is unknown") };
    let [circom, ours] = [&wasm, &faster].map(|wasm| translated(wasm));
    let values = [0, 1, -1, 7, i32::MAX, i32::MIN].map(Fr::from);
    let half = Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO);
    let large = [half, half + Fr::from(1), Fr::from(u64::MAX), Fr::from(1_u128 << 100)];
    for a in values.into_iter().chain(large) {
        for b in values.into_iter().chain(large) {
            let (old, new) = (calculate(&circom, [a, b]), calculate(&ours, [a, b]));
            let differs = old.iter().zip(&new).position(|(old, new)| old != new);
            assert_eq!((differs, old.len()), (None, new.len()), "a = {a}, b = {b}");
        }
    }
}

#[test]
fn copies_of_constants_in_sequence_become_loops() {
    let wasm = compile(SOURCE);
    let faster = fast(&wasm);
    let count = |wasm: &[u8]| {
        let (mut calls, mut loops) = (0, 0);
        for function in bodies(wasm).skip(RUNTIME) {
            let mut operators = function.get_operators_reader().unwrap();
            while !operators.eof() {
                match operators.read().unwrap() {
                    Operator::Call { function_index } if function_index as usize == cells::COPY + IMPORTS => {
                        calls += 1
                    }
                    Operator::Loop { .. } => loops += 1,
                    _ => {}
                }
            }
        }
        (calls, loops)
    };
    let ((old_calls, old_loops), (calls, loops)) = (count(&wasm), count(&faster));
    assert!(old_calls > 50 && calls == 0, "{old_calls} and {calls} calls");
    assert!(loops > old_loops, "{old_loops} and {loops} loops");
}

#[test]
fn calls_remain_when_there_is_no_room_for_their_code() {
    let wasm = compile(SOURCE);
    let mut replaced = 0;
    for body in bodies(&wasm).skip(RUNTIME) {
        let function = Function::read(&wasm, &body, 2).unwrap();
        assert_eq!(calls::inlined(&function, &mut 199).unwrap(), None);
        replaced += usize::from(calls::inlined(&function, &mut 200).unwrap().is_some());
    }
    assert!(replaced > 0);
}
