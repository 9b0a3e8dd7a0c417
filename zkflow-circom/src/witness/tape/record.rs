//! Records a calculation: runs a circuit's module once with symbolic inputs.

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};

use super::MAX_PLACES;
use super::budget::Budget;
use super::graph::{Graph, NodeId};
use super::stop::Stop;
use crate::witness::table::{InputTable, TableEntry};

mod machine;
mod memory;
mod module;

use machine::Machine;
use memory::{CELL, Memory};
use module::Module;

/// Limits of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Maximum work. A unit is an instruction of the module, or as much, and takes 3 to 9 ns on
    /// a server of 2023.
    pub work: u64,
    /// Maximum memory of the recording in bytes: the decoded module, its memory with as many bytes of marks, the
    /// operations, and the states of branches. Without the module's own bytes and up to 256 MiB of stack.
    pub memory_bytes: usize,
    /// Maximum number of recorded operations, about 80 bytes each.
    pub operations: usize,
    /// Maximum length of the module in bytes.
    pub module_bytes: usize,
}

impl Default for RecordLimits {
    /// 6 000 000 000 units of work, at most about a minute; 3 GiB of memory, 2^24 operations, a module of 256 MiB.
    fn default() -> Self {
        Self { work: 6_000_000_000, memory_bytes: 3 << 30, operations: 1 << 24, module_bytes: 256 << 20 }
    }
}

/// A calculation and its results.
#[derive(Debug)]
pub(super) struct Recording<'b> {
    pub(super) graph: Graph<'b>,
    /// The inputs; their values are numbered in this order, that of the signals.
    pub(super) inputs: Vec<TableEntry>,
    /// The node of every wire.
    pub(super) wires: Vec<NodeId>,
}

/// Records the calculation of a module.
pub(super) fn record<'b>(
    wasm: &[u8],
    limits: &RecordLimits,
    budget: &'b Budget,
) -> Result<Recording<'b>, Stop> {
    if wasm.len() > limits.module_bytes {
        return Err(Stop::TooLong);
    }
    let module = Module::decode(wasm, budget)?;
    run(wasm, &module, Graph::new(limits.operations.min(1 << 30), budget), budget)
}

fn run<'b>(
    wasm: &[u8],
    module: &Module,
    graph: Graph<'b>,
    budget: &'b Budget,
) -> Result<Recording<'b>, Stop> {
    let mut memory = Memory::new(module.memory_pages, budget)?;
    for (address, range) in &module.data {
        let bytes = wasm.get(range.clone()).ok_or(Stop::NotCircom)?;
        for (at, &byte) in (u64::from(*address)..).zip(bytes) {
            budget.spend(1)?;
            memory.store(at, 1, byte.into())?;
        }
    }
    let mut machine = Machine::new(module, memory, graph, budget);

    let shared = machine.call_export("getSharedRWMemoryStart", &[])?.ok_or(Stop::NotCircom)?;
    // A cell has 8 bytes of short form and flags before the bytes of the element.
    let window = shared.checked_sub(8).ok_or(Stop::NotCircom)?;
    if machine.call_export("getFieldNumLen32", &[])? != Some(8) {
        return Err(Stop::Field);
    }
    machine.call_export("getRawPrime", &[])?;
    for (at, limb) in (u64::from(shared)..).step_by(8).zip(Fr::MODULUS.0) {
        if machine.memory.load(at, 8)? != limb {
            return Err(Stop::Field);
        }
    }
    machine.call_export("init", &[1])?;
    let table = InputTable::read(wasm).ok_or(Stop::NotCircom)?;
    machine.expect_inputs(window, fitting(table.values(), CELL, &machine.memory)?);
    for &TableEntry { hash, size, .. } in table.inputs() {
        for index in 0..size {
            // A value that has no short form, so that the module copies the whole cell.
            machine.memory.store(window.into(), 8, 1 << 63)?;
            for (at, byte) in (u64::from(shared)..).zip(stand_in().into_bigint().to_bytes_le()) {
                machine.memory.store(at, 1, byte.into())?;
            }
            machine.call_export("setInputSignal", &[(hash >> 32) as u32, hash as u32, index])?;
        }
    }
    if table.values() > 0 && machine.given.is_some() {
        return Err(Stop::NotCircom);
    }
    let count = machine.call_export("getWitnessSize", &[])?.ok_or(Stop::NotCircom)?;
    // The module has a table with four bytes per wire.
    let mut wires = Vec::with_capacity(fitting(count.into(), 4, &machine.memory)?);
    budget.keep(size_of::<NodeId>() * wires.capacity())?;
    for wire in 0..count {
        machine.call_export("getWitness", &[wire])?;
        wires.push(machine.memory.cell(window, &mut machine.graph)?);
    }
    Ok(Recording { graph: machine.graph, inputs: table.inputs().to_vec(), wires })
}

/// A number that the module reports, if so many things of `bytes` bytes fit its memory.
fn fitting(count: u64, bytes: u32, memory: &Memory<'_>) -> Result<usize, Stop> {
    if count.saturating_mul(bytes.into()) > memory.bytes() {
        return Err(Stop::NotCircom);
    }
    if count > u64::from(MAX_PLACES) {
        return Err(Stop::TooLong);
    }
    usize::try_from(count).map_err(|_| Stop::TooLong)
}

/// Placeholder for input values until the circuit runs: an element that has no short form.
fn stand_in() -> Fr {
    Fr::from(u64::MAX) * Fr::from(u64::MAX)
}
