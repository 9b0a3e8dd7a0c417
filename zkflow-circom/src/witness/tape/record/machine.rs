//! Runs a circuit's module with symbolic inputs.
//!
//! Integers and control flow are concrete. Field elements, constants included, are nodes of a [`Graph`].
//! circom converts an element to an integer in only two cases, and such an integer may depend on inputs: a
//! *truth*, the condition of an `if`, and an *index* into an array.
//!
//! - At an `if` on such a truth both branches run, one after the other. Memory that differs afterwards
//!   becomes a choice. If the circuit fails in a branch, a guard excludes the branch.
//! - A `return` in one branch, or the end of a loop on such a truth, *leaves* a block. The state is stored
//!   until the end of the block and merged there with the other paths. Loops are followed for up to 300
//!   rounds, more than an element has bits; a guard requires that they end.
//! - Reading a cell at such an index is a lookup. Writing one makes every possible cell a choice. The length
//!   of the array is not recorded: all following cells are candidates, and a guard requires that the index is
//!   among them.
//!
//! Any other use of such an integer stops the recording.

use super::memory::Memory;
use super::module::{Binary, BinaryKind, Block, Body, Function, Instruction, Module};
use crate::witness::tape::budget::Budget;
use crate::witness::tape::graph::{Graph, NodeId};
use crate::witness::tape::operation::Operator;
use crate::witness::tape::stop::Stop;
use crate::witness::tape::value::Value;

mod branches;
mod cells;

use branches::Left;

/// Maximum depth of nested calls.
const MAX_CALLS: usize = 1000;
/// Maximum number of operands on the stack.
const MAX_STACK: usize = 1 << 16;
/// Work of a call from outside.
const CALL: usize = 16;

/// A value on the operand stack or in a local variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// An integer of 32 or 64 bits.
    Number(u64),
    /// 1 if the element is nonzero (if negated: zero), else 0.
    Truth { node: NodeId, negated: bool },
    /// `scale * element + offset` modulo 2^32.
    Index { node: NodeId, scale: u32, offset: u32 },
    /// Different in two merged branches; must not be used.
    Mixed,
}

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    /// Exits this many further blocks.
    Branch(u32),
    Return,
}

/// A running call.
#[derive(Debug)]
struct Frame<'b> {
    locals: Vec<Item>,
    /// Start of the operands of the call on the stack.
    base: usize,
    results: usize,
    /// Number of blocks around the current instruction.
    level: usize,
    /// Suspended paths that left a block; they are merged at its end.
    left: Vec<Left<'b>>,
}

/// A running module.
#[derive(Debug)]
pub(super) struct Machine<'m, 'a> {
    module: &'m Module,
    pub(super) memory: Memory<'a>,
    pub(super) graph: Graph<'a>,
    stack: Vec<Item>,
    calls: usize,
    budget: &'a Budget,
    /// Condition of the current branch; `None` outside branches.
    path: Option<NodeId>,
    /// Cells to which the window was copied, one per input value. `None` before inputs are expected and once
    /// the circuit runs.
    pub(super) given: Option<Vec<u32>>,
    /// Number of input values that are expected.
    values: usize,
    /// Address of the cell from which the module copies its inputs.
    window: u32,
}

impl<'m, 'a> Machine<'m, 'a> {
    pub(super) fn new(module: &'m Module, memory: Memory<'a>, graph: Graph<'a>, budget: &'a Budget) -> Self {
        let (stack, given) = (Vec::new(), None);
        Self { module, memory, graph, stack, calls: 0, budget, path: None, given, values: 0, window: 0 }
    }

    /// Starts collecting inputs: cells filled from the window become inputs when the circuit starts to run.
    pub(super) fn expect_inputs(&mut self, window: u32, values: usize) {
        (self.window, self.values) = (window, values);
        self.given = Some(Vec::new());
    }

    /// Calls an exported function with numbers.
    pub(super) fn call_export(&mut self, name: &str, arguments: &[u32]) -> Result<Option<u32>, Stop> {
        self.budget.spend(CALL)?;
        let function = self.module.export(name)?;
        self.stack.clear();
        self.stack.extend(arguments.iter().map(|&argument| Item::Number(argument.into())));
        self.call(function, 0)?;
        match self.stack.pop() {
            None => Ok(None),
            Some(Item::Number(result)) => Ok(Some(result as u32)),
            Some(_) => Err(Stop::Representation),
        }
    }

    fn call(&mut self, number: u32, base: usize) -> Result<(), Stop> {
        let module = self.module;
        let function = module.functions.get(number as usize).ok_or(Stop::NotCircom)?;
        let arguments = self.stack.len().checked_sub(function.parameters).filter(|&at| at >= base);
        let arguments = arguments.ok_or(Stop::NotCircom)?;
        self.budget.spend(function.parameters + function.results)?;
        match &function.body {
            Body::GivesUp => Err(Stop::Fails),
            Body::Ignored => {
                self.stack.truncate(arguments);
                self.stack.resize(arguments + function.results, Item::Number(0));
                Ok(())
            }
            Body::Field(field) => {
                let mut items = [Item::Mixed; 3];
                items[..function.parameters].copy_from_slice(&self.stack[arguments..]);
                self.stack.truncate(arguments);
                if let Some(result) = self.field(*field, items)? {
                    self.stack.push(result);
                }
                Ok(())
            }
            Body::Code { locals, code } => self.run(function, *locals, code, arguments),
        }
    }

    fn run(&mut self, function: &Function, locals: usize, code: &Block, base: usize) -> Result<(), Stop> {
        if self.calls >= MAX_CALLS {
            return Err(Stop::TooDeep);
        }
        if function.name.ends_with("_run") {
            self.take_inputs()?;
        }
        self.calls += 1;
        self.budget.spend(locals)?;
        let _held = self.budget.hold(size_of::<Item>() * (function.parameters + locals))?;
        let mut locals_of_call: Vec<Item> = self.stack.drain(base..).collect();
        locals_of_call.resize(function.parameters + locals, Item::Number(0));
        let (results, left) = (function.results, Vec::new());
        let mut frame = Frame { locals: locals_of_call, base, results, level: 0, left };
        let flow = self.block(&mut frame, code);
        if let Flow::Branch(1..) = self.meet(&mut frame, base, flow)? {
            return Err(Stop::NotCircom);
        }
        self.calls -= 1;
        Ok(())
    }

    /// Called when the circuit starts to run: makes the cells filled from the window inputs.
    fn take_inputs(&mut self) -> Result<(), Stop> {
        for (number, cell) in (0..).zip(self.given.take().into_iter().flatten()) {
            let input = self.graph.input(number)?;
            self.memory.set_cell(cell, input)?;
        }
        Ok(())
    }

    /// Removes everything above `height` from the stack except the results of the function.
    fn keep_results(&mut self, frame: &Frame<'_>, height: usize) -> Result<(), Stop> {
        let results = self.stack.len().checked_sub(frame.results).filter(|&at| at >= height);
        self.stack.drain(height..results.ok_or(Stop::NotCircom)?);
        Ok(())
    }

    fn block(&mut self, frame: &mut Frame<'a>, code: &Block) -> Result<Flow, Stop> {
        for instruction in code {
            self.budget.spend(1)?;
            if self.stack.len() > MAX_STACK {
                return Err(Stop::TooDeep);
            }
            let flow = match instruction {
                Instruction::Block(code) => self.nested(frame, code)?,
                Instruction::Loop(code) => {
                    let height = self.stack.len();
                    frame.level += 1;
                    let flow = loop {
                        match self.block(frame, code)? {
                            Flow::Branch(0) => self.stack.truncate(height),
                            Flow::Branch(more) => break Flow::Branch(more - 1),
                            flow => break flow,
                        }
                    };
                    frame.level -= 1;
                    flow
                }
                Instruction::If(then, otherwise) => match self.pop(frame)? {
                    Item::Number(0) => self.nested(frame, otherwise)?,
                    Item::Number(_) => self.nested(frame, then)?,
                    Item::Truth { node, negated: false } => self.fork(frame, node, then, otherwise)?,
                    Item::Truth { node, negated: true } => self.fork(frame, node, otherwise, then)?,
                    Item::Index { .. } => return Err(Stop::Representation),
                    Item::Mixed => return Err(Stop::Mixed),
                },
                Instruction::Branch(depth) => Flow::Branch(*depth),
                Instruction::BranchIf(depth) => match self.pop(frame)? {
                    Item::Number(0) => Flow::Next,
                    Item::Number(_) => Flow::Branch(*depth),
                    Item::Mixed => return Err(Stop::Mixed),
                    Item::Truth { node, negated } => self.leave_if(frame, node, negated, *depth)?,
                    Item::Index { .. } => return Err(Stop::Representation),
                },
                Instruction::Return => Flow::Return,
                plain => {
                    self.plain(frame, plain)?;
                    Flow::Next
                }
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Runs an inner block. A branch to its end continues after it.
    fn nested(&mut self, frame: &mut Frame<'a>, code: &Block) -> Result<Flow, Stop> {
        let (height, level) = (self.stack.len(), frame.level);
        frame.level += 1;
        let flow = self.block(frame, code);
        frame.level = level + 1;
        let flow = self.meet(frame, height, flow)?;
        frame.level = level;
        match flow {
            Flow::Branch(0) => {
                self.stack.truncate(height);
                Ok(Flow::Next)
            }
            Flow::Branch(more) => Ok(Flow::Branch(more - 1)),
            flow => Ok(flow),
        }
    }

    fn plain(&mut self, frame: &mut Frame<'a>, instruction: &Instruction) -> Result<(), Stop> {
        match instruction {
            Instruction::Unreachable => return Err(Stop::NotCircom),
            Instruction::Call(function) => self.call(*function, frame.base)?,
            Instruction::CallIndirect { parameters, results } => {
                let place = self.number(frame)? as usize;
                let function = self.module.table.get(place).copied().flatten().ok_or(Stop::NotCircom)?;
                let callee = self.module.functions.get(function as usize).ok_or(Stop::NotCircom)?;
                if (callee.parameters, callee.results) != (*parameters, *results) {
                    return Err(Stop::NotCircom);
                }
                self.call(function, frame.base)?;
            }
            Instruction::Drop => drop(self.pop(frame)?),
            Instruction::Get(local) => self.stack.push(*local_of(frame, *local)?),
            Instruction::Set(local) => *local_of(frame, *local)? = self.pop(frame)?,
            Instruction::Tee(local) => {
                let item = self.pop(frame)?;
                *local_of(frame, *local)? = item;
                self.stack.push(item);
            }
            Instruction::Constant(value) => self.stack.push(Item::Number(*value)),
            Instruction::Load { offset, bytes, signed, narrow } => {
                let address = self.address(frame, *offset)?;
                let mut value = self.memory.load(address, *bytes)?;
                if *signed {
                    let unused = 64 - 8 * bytes;
                    value = ((value << unused) as i64 >> unused) as u64;
                }
                self.push_number(value, *narrow);
            }
            Instruction::Store { offset, bytes } => {
                let value = self.number(frame)?;
                let address = self.address(frame, *offset)?;
                self.memory.store(address, *bytes, value)?;
            }
            Instruction::Binary(binary) => {
                let right = self.pop(frame)?;
                let left = self.pop(frame)?;
                let result = self.binary(*binary, left, right)?;
                self.stack.push(result);
            }
            Instruction::IsZero { narrow } => {
                let result = match self.pop(frame)? {
                    Item::Number(value) => Item::Number((truncated(value, *narrow) == 0).into()),
                    Item::Truth { node, negated } => Item::Truth { node, negated: !negated },
                    Item::Index { .. } => return Err(Stop::Representation),
                    Item::Mixed => return Err(Stop::Mixed),
                };
                self.stack.push(result);
            }
            Instruction::Wrap => {
                let value = self.number(frame)?;
                self.push_number(value, true);
            }
            Instruction::Extend { signed } => {
                let value = self.number(frame)? as u32;
                let extended = if *signed { i64::from(value as i32) as u64 } else { value.into() };
                self.push_number(extended, false);
            }
            Instruction::MemorySize => {
                let pages = self.memory.pages();
                self.push_number(pages.into(), true);
            }
            Instruction::MemoryGrow => {
                let pages = self.number(frame)?;
                let before = self.memory.pages();
                self.memory.grow(pages)?;
                self.push_number(before.into(), true);
            }
            // `block` handles instructions that change the flow.
            _ => return Err(Stop::NotCircom),
        }
        Ok(())
    }

    fn pop(&mut self, frame: &Frame<'_>) -> Result<Item, Stop> {
        if self.stack.len() <= frame.base {
            return Err(Stop::NotCircom);
        }
        self.stack.pop().ok_or(Stop::NotCircom)
    }

    fn number(&mut self, frame: &Frame<'_>) -> Result<u64, Stop> {
        number(self.pop(frame)?)
    }

    /// An address on the stack, further by `offset`.
    fn address(&mut self, frame: &Frame<'_>, offset: u64) -> Result<u64, Stop> {
        Ok(u64::from(self.number(frame)? as u32).saturating_add(offset.min(1 << 32)))
    }

    fn push_number(&mut self, value: u64, narrow: bool) {
        self.stack.push(Item::Number(truncated(value, narrow)));
    }

    fn binary(&mut self, binary: Binary, left: Item, right: Item) -> Result<Item, Stop> {
        use Item::{Index, Number};
        Ok(match (binary.kind, left, right) {
            (_, Number(left), Number(right)) => Number(compute(binary, left, right)?),
            (BinaryKind::Mul, Index { node, scale, offset }, Number(factor))
            | (BinaryKind::Mul, Number(factor), Index { node, scale, offset }) => {
                let factor = factor as u32;
                Index { node, scale: scale.wrapping_mul(factor), offset: offset.wrapping_mul(factor) }
            }
            (BinaryKind::Add, Index { node, scale, offset }, Number(term))
            | (BinaryKind::Add, Number(term), Index { node, scale, offset }) => {
                Index { node, scale, offset: offset.wrapping_add(term as u32) }
            }
            (
                BinaryKind::Add,
                Index { node, scale, offset },
                Index { node: node2, scale: scale2, offset: offset2 },
            ) => {
                let one = self.scaled(node, scale)?;
                let other = self.scaled(node2, scale2)?;
                let node = self.graph.operation(Operator::Add, one, other)?;
                Index { node, scale: 1, offset: offset.wrapping_add(offset2) }
            }
            (_, Item::Mixed, _) | (_, _, Item::Mixed) => return Err(Stop::Mixed),
            _ => return Err(Stop::Representation),
        })
    }

    fn scaled(&mut self, node: NodeId, scale: u32) -> Result<NodeId, Stop> {
        let factor = self.graph.constant(Value::small(scale.into()))?;
        self.graph.operation(Operator::Mul, node, factor)
    }
}

fn local_of<'f>(frame: &'f mut Frame<'_>, local: u32) -> Result<&'f mut Item, Stop> {
    frame.locals.get_mut(local as usize).ok_or(Stop::NotCircom)
}

fn number(item: Item) -> Result<u64, Stop> {
    match item {
        Item::Number(value) => Ok(value),
        Item::Mixed => Err(Stop::Mixed),
        Item::Truth { .. } | Item::Index { .. } => Err(Stop::Representation),
    }
}

fn truncated(value: u64, narrow: bool) -> u64 {
    if narrow { u64::from(value as u32) } else { value }
}

/// The result of an integer instruction; division by zero is a trap.
fn compute(Binary { kind, narrow }: Binary, left: u64, right: u64) -> Result<u64, Stop> {
    let signed = |value: u64| if narrow { i64::from(value as u32 as i32) } else { value as i64 };
    let distance = (right % if narrow { 32 } else { 64 }) as u32;
    let (left, right) = (truncated(left, narrow), truncated(right, narrow));
    let result = match kind {
        BinaryKind::Add => left.wrapping_add(right),
        BinaryKind::Sub => left.wrapping_sub(right),
        BinaryKind::Mul => left.wrapping_mul(right),
        BinaryKind::DivU => left.checked_div(right).ok_or(Stop::Fails)?,
        BinaryKind::RemU => left.checked_rem(right).ok_or(Stop::Fails)?,
        BinaryKind::And => left & right,
        BinaryKind::Or => left | right,
        BinaryKind::Xor => left ^ right,
        BinaryKind::Shl => left << distance,
        BinaryKind::ShrU => left >> distance,
        BinaryKind::ShrS => (signed(left) >> distance) as u64,
        BinaryKind::Eq => (left == right).into(),
        BinaryKind::Ne => (left != right).into(),
        BinaryKind::LtU => (left < right).into(),
        BinaryKind::LtS => (signed(left) < signed(right)).into(),
        BinaryKind::GtU => (left > right).into(),
        BinaryKind::GtS => (signed(left) > signed(right)).into(),
        BinaryKind::LeU => (left <= right).into(),
        BinaryKind::LeS => (signed(left) <= signed(right)).into(),
        BinaryKind::GeU => (left >= right).into(),
        BinaryKind::GeS => (signed(left) >= signed(right)).into(),
    };
    Ok(truncated(result, narrow))
}
