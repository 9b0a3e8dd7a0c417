//! No large block of memory that a calculation by tape gives back holds an input any more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::tape::{RecordLimits, Tape};
use zkflow_circom::witness::{Way, WitnessCalculator, WitnessLimits};
use zkflow_groth16::constraints::ConstraintCheck;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::rng::os_rng;

mod support;

/// Too large for a small integer, so that it is held in Montgomery form.
const CANARY: &str = "2718281828459045235360287471352662497757247093699959574966967";
/// Blocks of this many bytes hold all values, or a whole witness; the reading of JSON takes smaller ones.
const LARGE: usize = 1 << 12;

/// Looks for the canary in large blocks that are given back.
struct Searching;

static FOUND: AtomicUsize = AtomicUsize::new(0);
static SEARCHED: AtomicUsize = AtomicUsize::new(0);
/// The lowest limb of the canary in Montgomery form; zero while nothing is searched for.
static LIMB: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all requests go to the system's allocator as they are.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on. Zeroed, so that all of a block may be read.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let limb = LIMB.load(Ordering::Relaxed);
        if limb != 0 && layout.size() >= LARGE && layout.align() >= align_of::<usize>() {
            // SAFETY: the block is still the caller's, was initialised when it was handed out, and holds this many words.
            let words = unsafe {
                std::slice::from_raw_parts(block.cast::<usize>(), layout.size() / size_of::<usize>())
            };
            SEARCHED.fetch_add(1, Ordering::Relaxed);
            FOUND.fetch_add(words.iter().filter(|word| **word == limb).count(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

#[test]
fn nothing_of_an_input_stays_in_memory_that_is_given_back() {
    let compiled = support::compile(
        "pragma circom 2.1.6;
        template Chain(n) { signal input a; signal output o; signal s[n]; s[0] <== a * a;
            for (var i = 1; i < n; i++) { s[i] <== s[i - 1] * a; } o <== s[n - 1]; }
        component main = Chain(2000);",
    );
    let check = ConstraintCheck::new(&R1cs::read(&compiled.r1cs).unwrap(), &mut os_rng());
    let tape = Tape::record(&compiled.wasm, RecordLimits::default()).unwrap();
    let calculator = WitnessCalculator::new(&support::sandbox(), &compiled.wasm, WitnessLimits::default())
        .unwrap()
        .with_check(check)
        .with_tape(tape);
    let inputs = CircuitInputs::from_json(json!({"a": CANARY}).to_string());

    let (witness, way) = calculator.calculate_by(&inputs).unwrap();
    assert_eq!(way, Way::Tape);
    let canary: zkflow_groth16::field::Scalar = zkflow_groth16::field::parse_decimal(CANARY).unwrap();
    let wire = witness.values().iter().position(|value| *value == canary).unwrap();
    // A copy that is not overwritten is found.
    LIMB.store(canary.0.0[0] as usize, Ordering::Relaxed);
    drop(witness.values().to_vec());
    assert!(FOUND.swap(0, Ordering::Relaxed) >= 1, "wire {wire} was not found");

    drop(witness);
    drop(calculator.calculate(&inputs).unwrap());
    LIMB.store(0, Ordering::Relaxed);
    assert!(SEARCHED.load(Ordering::Relaxed) >= 4);
    assert_eq!(FOUND.load(Ordering::Relaxed), 0);
}
