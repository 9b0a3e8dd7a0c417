//! Calls of the runtime's smallest functions in the circuit's own functions, replaced by their code.
//!
//! A call, with the check of the stack and of the time limit at its start, takes longer than these functions:
//!
//! | call | its code here |
//! |---|---|
//! | `Fr_copy` | five words are loaded and stored |
//! | `Fr_copy` of one constant to four or more cells in sequence | the constant is loaded once, and stored in a loop |
//! | `Fr_isTrue`, `Fr_toInt` | short elements: the low 32 bits; the call for long ones |
//!
//! In one function, at most [`PLAIN`] calls outside loops and [`LOOPED`] in loops are replaced, not counting sequences: tables of
//! constants have tens of thousands.
//!
//! The results are the same if cells do not overlap in part. circom's cells do not: an array of cells is never read as another
//! with an offset that is not a multiple of a cell.

use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};
use wasmparser::{BinaryReaderError, Operator};

use super::cells::{COPY, IS_TRUE, TO_INT};
use super::{Function, IMPORTS};

/// Bytes of a cell.
const CELL: i32 = 40;
/// Words of a cell.
const WORDS: u32 = 5;
/// Maximum number of replaced calls outside loops, per function.
const PLAIN: u32 = 100;
/// Maximum number of replaced calls in loops, per function.
const LOOPED: u32 = 2000;
/// Maximum number of cells in sequence that are copied one by one.
const MOST_SINGLE: u32 = 3;
/// Bytes that the code in place of a call takes, at most.
const TAKEN: usize = 200;
/// The instructions of one copy of a [`Run`].
const PATTERN: usize = 7;

/// The body of a function with calls replaced, if there are such calls. Every one takes bytes of the room.
pub(super) fn inlined(
    function: &Function<'_>,
    room: &mut usize,
) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let before = *room;
    let mut inliner = Inliner {
        wasm: function.wasm,
        out: function.with_locals(&[(2, ValType::I32), (WORDS, ValType::I64)]),
        copied: function.place.start,
        first: function.free,
        blocks: Vec::new(),
        loops: 0,
        left: [PLAIN, LOOPED],
        room,
        recent: [(Word::Other, 0); PATTERN],
        run: None,
    };
    let mut operators = function.code.clone();
    while !operators.eof() {
        let start = operators.original_position();
        let operator = operators.read()?;
        inliner.operator(&operator, start, operators.original_position());
    }
    inliner.flush();
    inliner.copy_to(function.place.end);
    Ok((*inliner.room < before).then_some(inliner.out))
}

/// Copies of one constant to cells in sequence: `cell · 40 + base`, from the first cell on.
struct Run {
    constant: i32,
    base: u32,
    first: i32,
    cells: u32,
    /// The start of its first instruction, and the end of its last.
    place: [usize; 2],
    /// The start of the first calls, and their end.
    calls: [[usize; 2]; MOST_SINGLE as usize],
}

/// An instruction, as far as a [`Run`] depends on it.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Constant(i32),
    Get(u32),
    Multiply,
    Add,
    Call(u32),
    Other,
}

struct Inliner<'a> {
    wasm: &'a [u8],
    out: Vec<u8>,
    /// The end of what was copied to `out`.
    copied: usize,
    /// The first of two locals for addresses, before those of a cell.
    first: u32,
    /// Whether each open block is a loop.
    blocks: Vec<bool>,
    loops: u32,
    /// Calls that may still be replaced, outside loops and in loops.
    left: [u32; 2],
    /// Bytes that replaced calls may still take.
    room: &'a mut usize,
    /// The last instructions and their starts.
    recent: [(Word, usize); PATTERN],
    run: Option<Run>,
}

impl Inliner<'_> {
    fn operator(&mut self, operator: &Operator<'_>, start: usize, end: usize) {
        let word = match *operator {
            Operator::I32Const { value } => Word::Constant(value),
            Operator::LocalGet { local_index } => Word::Get(local_index),
            Operator::I32Mul => Word::Multiply,
            Operator::I32Add => Word::Add,
            Operator::Call { function_index } => Word::Call(function_index.wrapping_sub(IMPORTS as u32)),
            _ => Word::Other,
        };
        self.recent.rotate_left(1);
        self.recent[PATTERN - 1] = (word, start);
        match word {
            Word::Call(number) => self.call(number as usize, start, end),
            Word::Other => {
                self.flush();
                self.block(operator);
            }
            _ => {}
        }
    }

    fn block(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Loop { .. } => {
                self.blocks.push(true);
                self.loops += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => self.blocks.push(false),
            Operator::End => self.loops -= u32::from(self.blocks.pop() == Some(true)),
            _ => {}
        }
    }

    fn call(&mut self, number: usize, start: usize, end: usize) {
        if number == COPY && self.extends_run(start, end) {
            return;
        }
        self.flush();
        match number {
            COPY => self.replace(start, end, copy),
            TO_INT => self.replace(start, end, |sink, first| short_or_call(sink, first, TO_INT)),
            IS_TRUE => self.replace(start, end, |sink, first| short_or_call(sink, first, IS_TRUE)),
            _ => {}
        }
    }

    /// Whether the last instructions copy a constant to a cell: then they are part of the run.
    fn extends_run(&mut self, start: usize, end: usize) -> bool {
        let [
            (Word::Constant(cell), begin),
            (Word::Constant(CELL), _),
            (Word::Multiply, _),
            (Word::Get(base), _),
            (Word::Add, _),
            (Word::Constant(constant), _),
            _,
        ] = self.recent
        else {
            return false;
        };
        if let Some(run) = &mut self.run
            && (run.constant, run.base, run.place[1]) == (constant, base, begin)
            && run.first.wrapping_add(run.cells as i32) == cell
        {
            run.place[1] = end;
            if let Some(call) = run.calls.get_mut(run.cells as usize) {
                *call = [start, end];
            }
            run.cells += 1;
            return true;
        }
        self.flush();
        let calls = [[start, end]; MOST_SINGLE as usize];
        self.run = Some(Run { constant, base, first: cell, cells: 1, place: [begin, end], calls });
        true
    }

    /// Writes the run.
    fn flush(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.cells > MOST_SINGLE {
            let [start, end] = run.place;
            if !self.takes_place(start, end) {
                return;
            }
            copies(&mut InstructionSink::new(&mut self.out), self.first, &run);
            return;
        }
        for [start, end] in run.calls.into_iter().take(run.cells as usize) {
            self.replace(start, end, copy);
        }
    }

    fn replace(&mut self, start: usize, end: usize, code: impl FnOnce(&mut InstructionSink<'_>, u32)) {
        let kind = usize::from(self.loops > 0);
        if self.left[kind] > 0 && self.takes_place(start, end) {
            self.left[kind] -= 1;
            code(&mut InstructionSink::new(&mut self.out), self.first);
        }
    }

    /// Whether there is room for code in place of these instructions: then it follows.
    fn takes_place(&mut self, start: usize, end: usize) -> bool {
        let Some(room) = self.room.checked_sub(TAKEN) else { return false };
        *self.room = room;
        self.copy_to(start);
        self.copied = end;
        true
    }

    fn copy_to(&mut self, end: usize) {
        self.out.extend(&self.wasm[self.copied..end]);
        self.copied = end;
    }
}

/// `Fr_copy`, with its arguments on the stack.
fn copy(sink: &mut InstructionSink<'_>, first: u32) {
    let (to, from) = (first, first + 1);
    sink.local_set(from).local_set(to);
    for word in 0..WORDS {
        sink.local_get(to).local_get(from).i64_load(at(word)).i64_store(at(word));
    }
}

/// The copies of a run.
fn copies(sink: &mut InstructionSink<'_>, first: u32, run: &Run) {
    let (to, end, words) = (first, first + 1, first + 2);
    for word in 0..WORDS {
        sink.i32_const(run.constant).i64_load(at(word)).local_set(words + word);
    }
    let bytes = CELL.wrapping_mul(run.cells as i32);
    sink.i32_const(run.first.wrapping_mul(CELL)).local_get(run.base).i32_add().local_tee(to);
    sink.i32_const(bytes).i32_add().local_set(end);
    sink.loop_(BlockType::Empty);
    for word in 0..WORDS {
        sink.local_get(to).local_get(words + word).i64_store(at(word));
    }
    sink.local_get(to).i32_const(CELL).i32_add().local_tee(to).local_get(end).i32_ne().br_if(0);
    sink.end();
}

/// `Fr_toInt` or `Fr_isTrue`, with its argument on the stack.
fn short_or_call(sink: &mut InstructionSink<'_>, cell: u32, number: usize) {
    sink.local_tee(cell).i32_load(form()).i32_const(0).i32_ge_s();
    sink.if_(BlockType::Result(ValType::I32));
    sink.local_get(cell).i32_load(MemArg { offset: 0, align: 2, memory_index: 0 });
    if number == IS_TRUE {
        sink.i32_const(0).i32_ne();
    }
    sink.else_().local_get(cell).call((number + IMPORTS) as u32).end();
}

/// The form of an element in its cell; negative for long elements.
fn form() -> MemArg {
    MemArg { offset: 4, align: 2, memory_index: 0 }
}

fn at(word: u32) -> MemArg {
    MemArg { offset: u64::from(word) * 8, align: 3, memory_index: 0 }
}
