//! Modules that try to make the recorder of tapes work or allocate without end. Each is given up within its limits.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cpu_time::ProcessTime;
use zkflow_circom::witness::tape::{RecordLimits, Stop, Tape};

/// An allocator that counts the bytes in use.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all requests are passed to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMITS: RecordLimits =
    RecordLimits { work: 15_000_000, memory_bytes: 64 << 20, operations: 1 << 20, module_bytes: 64 << 20 };
/// Twice the longest time of a unit of work that was seen.
const UNIT: Duration = Duration::from_nanos(20);
/// A list that grows is copied, so it briefly has two blocks.
const SLACK: usize = 32 << 20;

/// Parts of a module that looks like one of circom. The default is a circuit without inputs and wires.
struct Module {
    /// Declarations.
    more: String,
    /// Body of `init`.
    init: &'static str,
    /// Body of `setInputSignal`.
    set: &'static str,
    /// Body of the function that runs the circuit; local 0 is a counter.
    run: &'static str,
    /// Number of values of its only input.
    values: u32,
    /// The number of wires that it reports.
    wires: i32,
}

impl Default for Module {
    fn default() -> Self {
        // The second value starts the circuit.
        let set = "(call $Fr_copy (i32.const 400) (i32.const 40)) (call $main_run)";
        Self { more: String::new(), init: "", set, run: "", values: 1, wires: 0 }
    }
}

impl Module {
    fn wasm(&self) -> Vec<u8> {
        let Self { more, init, set, run, values, wires } = self;
        let bytes: String = values.to_le_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
        let text = format!(
            r#"(module
            (memory (export "memory") 4)
            (data (i32.const 48) "\01\00\00\f0\93\f5\e1\43\91\70\b9\79\48\e8\33\28\5d\58\81\81\b6\45\50\b8\29\a0\31\e1\72\4e\64\30")
            (data (i32.const 1024) "\01\00\00\00\00\00\00\00\01\00\00\00{bytes}")
            {more}
            (func $Fr_copy (param i32 i32))
            (func $Fr_copyn (param i32 i32 i32))
            (func $Fr_add (param i32 i32 i32))
            (func $Fr_pow (param i32 i32 i32))
            (func $Fr_div (param i32 i32 i32))
            (func $Fr_isTrue (param i32) (result i32) i32.const 0)
            (func $Fr_toInt (param i32) (result i32) i32.const 0)
            (func $getInputSignalMapPosition (param i32) (result i32) (local i32)
                local.get 0 i32.const 0 i32.and drop
                i32.const 1024 local.get 1 i32.const 16 i32.mul i32.add)
            (func (export "getSharedRWMemoryStart") (result i32) i32.const 48)
            (func (export "getFieldNumLen32") (result i32) i32.const 8)
            (func (export "getRawPrime"))
            (func (export "init") (param i32) {init})
            (func $main_run (local i32 i32) {run})
            (func (export "setInputSignal") (param i32 i32 i32) {set})
            (func (export "getWitnessSize") (result i32) i32.const {wires})
            (func (export "getWitness") (param i32)))"#
        );
        wat::parse_str(text).unwrap()
    }

    /// Records the module, and checks that it took no more than its limits.
    fn recorded(&self) -> Result<usize, Stop> {
        self.recorded_within(LIMITS)
    }

    fn recorded_within(&self, limits: RecordLimits) -> Result<usize, Stop> {
        // The allocator counts for all threads.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let wasm = self.wasm();
        let (before, start) = (USED.load(Ordering::Relaxed), ProcessTime::now());
        PEAK.store(before, Ordering::Relaxed);
        let recorded = Tape::record(&wasm, limits);
        let used = PEAK.load(Ordering::Relaxed) - before;
        assert!(used < limits.memory_bytes + SLACK, "{} MiB", used >> 20);
        // The processor's time, to which a busy machine adds nothing.
        let spent = start.elapsed();
        assert!(spent < limits.work as u32 * UNIT + Duration::from_secs(1), "{spent:?}");
        recorded.map(|tape| tape.wires())
    }
}

/// A loop without end.
macro_rules! endless {
    ($body:literal) => {
        concat!("(loop ", $body, " (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0))")
    };
}

#[test]
fn a_small_module_has_a_tape() {
    assert_eq!(Module::default().recorded(), Ok(0));
    assert_eq!(Module { wires: 3, ..Module::default() }.recorded(), Ok(3));
}

#[test]
fn more_input_values_than_fit_the_memory_are_refused() {
    let nothing = Module { set: "", values: u32::MAX, ..Module::default() };
    assert_eq!(nothing.recorded(), Err(Stop::NotCircom));
    let fitting = Module { set: "", values: 6000, ..Module::default() };
    assert_eq!(fitting.recorded(), Err(Stop::NotCircom));
}

#[test]
fn more_wires_than_fit_the_memory_are_refused() {
    for wires in [-1, i32::MAX, 1 << 20] {
        assert_eq!(Module { wires, ..Module::default() }.recorded(), Err(Stop::NotCircom), "{wires}");
    }
    let many = Module { init: "(drop (memory.grow (i32.const 2100)))", wires: 1 << 25, ..Module::default() };
    let limits = RecordLimits { memory_bytes: 512 << 20, ..LIMITS };
    assert_eq!(many.recorded_within(limits), Err(Stop::TooLong));
}

#[test]
fn more_copies_of_the_window_than_inputs_are_refused() {
    let set = "(call $Fr_copy (i32.const 400) (i32.const 40)) (call $Fr_copy (i32.const 440) (i32.const 40))
        (call $main_run)";
    assert_eq!(Module { set, ..Module::default() }.recorded(), Err(Stop::NotCircom));
    let set = endless!("(call $Fr_copy (i32.const 400) (i32.const 40))");
    assert_eq!(Module { set, ..Module::default() }.recorded(), Err(Stop::NotCircom));
}

#[test]
fn copies_are_charged_by_their_length() {
    let run = endless!("(call $Fr_copyn (i32.const 4000) (i32.const 400) (i32.const 6000))");
    assert_eq!(Module { run, ..Module::default() }.recorded(), Err(Stop::Work));
    let run = "(call $Fr_copyn (i32.const 4000) (i32.const 400) (i32.const -1))";
    assert_eq!(Module { run, ..Module::default() }.recorded(), Err(Stop::OutOfBounds));
}

#[test]
fn locals_of_nested_calls_count_as_memory() {
    let locals = "i32 ".repeat(60_000);
    let more = format!("(func $deep (local {locals}) (call $deep))");
    assert_eq!(Module { more, run: "(call $deep)", ..Module::default() }.recorded(), Err(Stop::Memory));
}

#[test]
fn locals_of_suspended_paths_count_as_memory() {
    let locals = "i32 ".repeat(60_000);
    let more = format!(
        "(func $leaves (local {locals}) (block (loop (br_if 1 (call $Fr_isTrue (i32.const 400))) (br 0))))"
    );
    assert_eq!(Module { more, run: "(call $leaves)", ..Module::default() }.recorded(), Err(Stop::Memory));
}

#[test]
fn endless_calls_are_stopped() {
    let more = "(func $deep (call $deep))".to_owned();
    assert_eq!(Module { more, run: "(call $deep)", ..Module::default() }.recorded(), Err(Stop::TooDeep));
    let run = endless!("(call $empty)");
    let more = "(func $empty)".to_owned();
    assert_eq!(Module { more, run, ..Module::default() }.recorded(), Err(Stop::Work));
}

#[test]
fn operands_that_a_loop_leaves_behind_do_not_pile_up() {
    let run = "(loop i32.const 1 i32.const 2 br 0)";
    assert_eq!(Module { run, ..Module::default() }.recorded(), Err(Stop::Work));
    let more = format!("(func $pushes {})", "i32.const 1 ".repeat(100_000));
    assert_eq!(Module { more, run: "(call $pushes)", ..Module::default() }.recorded(), Err(Stop::TooDeep));
}

#[test]
fn memory_that_grows_without_end_is_refused() {
    for init in [
        "(loop (drop (memory.grow (i32.const 1))) (br 0))",
        "(drop (memory.grow (i32.const -1)))",
        "(drop (memory.grow (i32.const 60000)))",
    ] {
        assert_eq!(Module { init, ..Module::default() }.recorded(), Err(Stop::Memory), "{init}");
    }
}

#[test]
fn instructions_that_circom_does_not_use_end_the_recording() {
    for run in [
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 100000))",
        "(memory.copy (i32.const 0) (i32.const 1) (i32.const 100000))",
        "(drop (table.grow 0 (ref.null func) (i32.const 100000)))",
        "(global.set 0 (i32.const 1))",
        "(drop (f64.sqrt (f64.const 2)))",
    ] {
        let more = format!("(table 1 funcref) {}", "(global (mut i32) (i32.const 0))".repeat(10_000));
        assert_eq!(Module { more, run, ..Module::default() }.recorded(), Err(Stop::NotCircom), "{run}");
    }
    let labels = "0 ".repeat(100_000);
    let more = format!("(func $many (block (br_table {labels} (i32.const 0))))");
    assert_eq!(Module { more, run: "(call $many)", ..Module::default() }.recorded(), Err(Stop::NotCircom));
}

#[test]
fn code_and_names_count_as_memory() {
    let more = format!("(func {})", "nop ".repeat(1_500_000));
    assert_eq!(Module { more, ..Module::default() }.recorded(), Err(Stop::Memory));
    let small = RecordLimits { memory_bytes: 8 << 20, ..LIMITS };
    let more: String = (0..60_000).map(|number| format!("(func $f{number})")).collect();
    assert_eq!(Module { more, ..Module::default() }.recorded_within(small), Err(Stop::Memory));
    let more: String = (0..120_000).map(|number| format!("(export \"{number}\" (func 0))")).collect();
    assert_eq!(Module { more, ..Module::default() }.recorded_within(small), Err(Stop::Memory));
}

#[test]
fn constants_count_as_memory() {
    let run =
        endless!("(i32.store (i32.const 800) (local.get 0)) (call $Fr_copy (i32.const 840) (i32.const 800))");
    let small = RecordLimits { memory_bytes: 8 << 20, work: 1_000_000_000, ..LIMITS };
    assert_eq!(Module { run, ..Module::default() }.recorded_within(small), Err(Stop::Memory));
}

#[test]
fn operations_are_counted_and_those_on_constants_are_charged() {
    let run = endless!("(call $Fr_add (i32.const 400) (i32.const 400) (i32.const 400))");
    let few = RecordLimits { operations: 1000, ..LIMITS };
    assert_eq!(Module { run, ..Module::default() }.recorded_within(few), Err(Stop::TooLong));
    let run = endless!(
        "(i64.store (i32.const 800) (i64.const 0x800000007fffffff)) (i32.store (i32.const 808) (i32.const 5))
         (call $Fr_pow (i32.const 840) (i32.const 800) (i32.const 800))
         (call $Fr_div (i32.const 840) (i32.const 800) (i32.const 800))"
    );
    assert_eq!(Module { run, ..Module::default() }.recorded(), Err(Stop::Work));
}

#[test]
fn lookups_in_ever_new_tables_are_bounded() {
    // The table of each lookup begins with another cell.
    let run = endless!(
        "(i32.store (i32.const 0) (i32.const 200000))
         (call $Fr_copy (i32.const 5000)
            (i32.add (i32.mul (call $Fr_toInt (i32.const 400)) (i32.const 40))
                (i32.add (i32.const 5000) (i32.mul (i32.and (local.get 0) (i32.const 1)) (i32.const 40)))))"
    );
    let stop = Module { run, ..Module::default() }.recorded().unwrap_err();
    assert!([Stop::TooLong, Stop::Work, Stop::Memory].contains(&stop), "{stop:?}");
}

#[test]
fn changes_of_a_branch_count_as_memory() {
    let run = "(if (call $Fr_isTrue (i32.const 400)) (then
        (drop (memory.grow (i32.const 200)))
        (loop (i32.store (local.get 0) (i32.const 1)) (local.set 0 (i32.add (local.get 0) (i32.const 4))) (br 0))))";
    let long = RecordLimits { work: 1_000_000_000, ..LIMITS };
    assert_eq!(Module { run, ..Module::default() }.recorded_within(long), Err(Stop::Memory));
}

#[test]
fn a_module_with_wrong_types_ends_without_a_panic() {
    for run in [
        "(drop (i32.load offset=0xffffffff (i64.const -1)))",
        "(i64.store offset=0xffffffff (i64.const -1) (i64.const -1))",
        "(call $Fr_copy (i64.const -1) (i64.const -1))",
        "(call $Fr_copyn (i64.const -1) (i64.const -40) (i64.const -1))",
        "i32.const 1 (if (call $Fr_isTrue (i32.const 400)) (then drop))",
        "i32.const 1 (block drop (br_if 0 (call $Fr_isTrue (i32.const 400))))",
        "i32.const 1 (block (loop drop (br_if 1 (call $Fr_isTrue (i32.const 400))) ))",
        "(br 9)",
        "drop",
        "(local.set 70000 (i32.const 1))",
        "(call 4000)",
        "(drop (i32.rem_u (i32.const 1) (i32.const 0)))",
    ] {
        // The end may be a tape: what it calculates is compared with the constraints.
        let _ = Module { run, ..Module::default() }.recorded();
    }
}
