//! When a calculation by tape frees a large block of memory, the block contains no input.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::tape::{RecordLimits, Tape};
use zkflow_circom::witness::{Way, WitnessCalculator, WitnessCheck, WitnessLimits};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::rng::os_rng;

mod support;

/// Too large for a small integer, so it is stored in Montgomery form.
const CANARY: &str = "2718281828459045235360287471352662497757247093699959574966967";
/// Minimum bytes of a searched block: the values of a tape or a witness. The JSON reader uses smaller blocks.
const LARGE: usize = 1 << 12;

/// An allocator that searches large blocks for the canary when they are freed.
struct Searching;

static FOUND: AtomicUsize = AtomicUsize::new(0);
static SEARCHED: AtomicUsize = AtomicUsize::new(0);
/// The lowest limb of the canary in Montgomery form; zero while the search is off.
static LIMB: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all requests are passed to the system allocator; `alloc` only adds zeroing.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract. Zeroed, so that every byte of a block may be read.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let limb = LIMB.load(Ordering::Relaxed);
        if limb != 0 && layout.size() >= LARGE && layout.align() >= align_of::<usize>() {
            // SAFETY: the block is still allocated, was initialised by `alloc`, and has this many words.
            let words = unsafe {
                std::slice::from_raw_parts(block.cast::<usize>(), layout.size() / size_of::<usize>())
            };
            SEARCHED.fetch_add(1, Ordering::Relaxed);
            FOUND.fetch_add(words.iter().filter(|word| **word == limb).count(), Ordering::Relaxed);
        }
        // SAFETY: the caller upholds the contract of `dealloc`.
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
    let check =
        WitnessCheck::new(&R1cs::read(&compiled.r1cs).unwrap(), None, &compiled.wasm, &mut os_rng()).unwrap();
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
    // The search finds a copy that is not overwritten.
    LIMB.store(canary.0.0[0] as usize, Ordering::Relaxed);
    drop(witness.values().to_vec());
    assert!(FOUND.swap(0, Ordering::Relaxed) >= 1, "wire {wire} was not found");

    drop(witness);
    drop(calculator.calculate(&inputs).unwrap());
    LIMB.store(0, Ordering::Relaxed);
    assert!(SEARCHED.load(Ordering::Relaxed) >= 4);
    assert_eq!(FOUND.load(Ordering::Relaxed), 0);
}
