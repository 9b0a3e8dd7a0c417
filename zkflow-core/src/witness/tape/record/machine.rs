//! Runs a circuit's module with inputs that have no value yet.
//!
//! Integers and control flow are concrete; field elements are nodes of a [`Graph`], constants among them. circom
//! turns an element into an integer in two places only, and there an integer may depend on inputs: a *truth*,
//! which decides an `if`, and an *index* into an array.
//!
//! - At an `if` on such a truth both branches run, one after the other, and what they leave differently in memory
//!   becomes a choice. A branch in which the circuit gives up becomes a guard instead.
//! - A `return` in one branch, and the end of a loop on such a truth, *leave* a block: what was done till then waits where
//!   the block ends for those that go on. Loops are followed for as many rounds as an element has bits, and a
//!   guard demands that they end.
//! - A cell read at such an index is a lookup, and one written there makes every cell that it may be a choice.
//!   How long the array is stands nowhere; cells are taken as far as there are some, and a guard demands that the index is among them.
//!
//! Everything else stops the recording.

use std::time::Instant;

use super::memory::{CELL, Changes, Memory};
use super::module::{Binary, BinaryKind, Block, Body, FieldFunction, Function, Instruction, Module};
use super::{Stop, Window};
use crate::witness::tape::graph::{Graph, NodeId};
use crate::witness::tape::operation::Operator;
use crate::witness::tape::value::Value;

/// Calls within calls.
const MAX_CALLS: usize = 1000;
/// Cells that an index may choose from when reading.
const MAX_READ: u32 = 4096;
/// Cells that an index may choose from when writing, each of which costs a choice.
const MAX_WRITTEN: u32 = 256;
/// Rounds of a loop, or other ways out of one function, that depend on inputs.
const MAX_LEAVING: usize = 300;
/// Instructions between two looks at the clock.
const PATIENCE: u64 = 1 << 16;

/// What an instruction works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// An integer of 32 or 64 bits.
    Number(u64),
    /// 1 where the element is not zero (zero, if negated), else 0.
    Truth { node: NodeId, negated: bool },
    /// `scale * element + offset` modulo 2^32.
    Index { node: NodeId, scale: u32, offset: u32 },
    /// Different in two branches that met again.
    Mixed,
}

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    /// Leaves as many blocks more.
    Branch(u32),
    Return,
}

/// A call that runs.
#[derive(Debug)]
struct Frame {
    locals: Vec<Item>,
    /// Where its operands begin.
    base: usize,
    results: usize,
    /// Blocks around the instruction that runs.
    level: usize,
    /// Those who left a block, and wait at its end.
    left: Vec<Left>,
}

/// What was done until a block was left, under a condition.
#[derive(Debug)]
struct Left {
    /// The level of the block; 0 for the function.
    level: usize,
    condition: NodeId,
    taken: Taken,
    at: Place,
}

/// Where the machine was.
#[derive(Debug, Clone, Copy)]
struct Place {
    path: Option<NodeId>,
    branches: usize,
    calls: usize,
    height: usize,
    level: usize,
}

/// What a branch did.
#[derive(Debug)]
struct Taken {
    flow: Flow,
    locals: Vec<Item>,
    results: Vec<Item>,
    changes: Changes,
}

/// A module that runs.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    module: &'a Module,
    pub(super) memory: Memory,
    pub(super) graph: Graph,
    stack: Vec<Item>,
    calls: usize,
    steps: u64,
    deadline: Instant,
    /// What holds in the branch that runs, if one does.
    path: Option<NodeId>,
    /// Until the circuit runs: where the value in the window went, value by value.
    pub(super) given: Option<Vec<u32>>,
    /// Where the module takes its inputs from.
    window: Window,
}

impl<'a> Machine<'a> {
    pub(super) fn new(module: &'a Module, memory: Memory, graph: Graph, deadline: Instant) -> Self {
        let (stack, given, window) = (Vec::new(), None, Window::default());
        Self { module, memory, graph, stack, calls: 0, steps: 0, deadline, path: None, given, window }
    }

    /// From now on values in the window become inputs when the circuit begins to run.
    pub(super) fn expect_inputs(&mut self, window: Window) {
        self.window = window;
        self.given = Some(Vec::new());
    }

    /// Calls an exported function with numbers.
    pub(super) fn call_export(&mut self, name: &str, arguments: &[u32]) -> Result<Option<u32>, Stop> {
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

    /// The circuit begins to run: the cells that were filled from the window hold inputs from now on.
    fn take_inputs(&mut self) -> Result<(), Stop> {
        for (number, cell) in (0..).zip(self.given.take().into_iter().flatten()) {
            let input = self.graph.input(number)?;
            self.memory.set_cell(cell, input)?;
        }
        Ok(())
    }

    /// Leaves nothing on the stack above `height` but the results of the function.
    fn keep_results(&mut self, frame: &Frame, height: usize) -> Result<(), Stop> {
        let results = self.stack.len().checked_sub(frame.results).filter(|&at| at >= height);
        self.stack.drain(height..results.ok_or(Stop::NotCircom)?);
        Ok(())
    }

    fn block(&mut self, frame: &mut Frame, code: &Block) -> Result<Flow, Stop> {
        for instruction in code {
            self.steps += 1;
            if self.steps.is_multiple_of(PATIENCE) && Instant::now() > self.deadline {
                return Err(Stop::Time);
            }
            let flow = match instruction {
                Instruction::Block(code) => self.nested(frame, code)?,
                Instruction::Loop(code) => {
                    frame.level += 1;
                    let flow = loop {
                        match self.block(frame, code)? {
                            Flow::Branch(0) => {}
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

    /// A block inside another: a branch to its end goes on behind it.
    fn nested(&mut self, frame: &mut Frame, code: &Block) -> Result<Flow, Stop> {
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

    fn place(&self, frame: &Frame) -> Place {
        let (branches, height) = (self.memory.branches(), self.stack.len());
        Place { path: self.path, branches, calls: self.calls, height, level: frame.level }
    }

    /// Back to a place, whatever has happened since.
    fn back_to(&mut self, frame: &mut Frame, place: Place) {
        while self.memory.branches() > place.branches {
            self.memory.take_back();
        }
        self.path = place.path;
        self.stack.truncate(place.height);
        self.calls = place.calls;
        frame.level = place.level;
    }

    /// From here on a condition holds besides.
    fn follow(&mut self, condition: NodeId) -> Result<(), Stop> {
        self.path = Some(match self.path {
            None => condition,
            Some(path) => self.graph.operation(Operator::And, path, condition)?,
        });
        self.memory.begin_branch();
        Ok(())
    }

    /// Runs both branches.
    fn fork(&mut self, frame: &mut Frame, truth: NodeId, yes: &Block, no: &Block) -> Result<Flow, Stop> {
        let otherwise = self.graph.operation(Operator::Not, truth, truth)?;
        let (yes, left) = self.branch(frame, truth, yes)?;
        let (no, left_too) = self.branch(frame, otherwise, no)?;
        self.leave_all(frame, left.into_iter().chain(left_too))?;
        match (yes, no) {
            (None, None) => Err(Stop::Fails),
            (Some(taken), None) => self.only(frame, truth, taken),
            (None, Some(taken)) => self.only(frame, otherwise, taken),
            (Some(yes), Some(no)) if yes.flow == no.flow => {
                let flow = yes.flow;
                self.merge(frame, truth, yes, no)?;
                Ok(flow)
            }
            (Some(yes), Some(no)) if yes.flow == Flow::Return => {
                self.leave(frame, (truth, yes), 0)?;
                self.go_on(frame, otherwise, no)
            }
            (Some(yes), Some(no)) if no.flow == Flow::Return => {
                self.leave(frame, (otherwise, no), 0)?;
                self.go_on(frame, truth, yes)
            }
            _ => Err(Stop::Loop),
        }
    }

    /// Runs one branch and takes its changes back; `None` if the circuit gives up in it. What left a block around the fork
    /// comes apart, as it is seen from the fork.
    fn branch(
        &mut self,
        frame: &mut Frame,
        condition: NodeId,
        code: &Block,
    ) -> Result<(Option<Taken>, Vec<Left>), Stop> {
        let (place, left_before, before) = (self.place(frame), frame.left.len(), frame.locals.clone());
        self.follow(condition)?;
        let flow = self.nested(frame, code);
        let locals = std::mem::replace(&mut frame.locals, before);
        let mut taken = match flow {
            Ok(flow) => {
                if flow == Flow::Return {
                    self.keep_results(frame, place.height)?;
                }
                let results = self.stack.split_off(place.height);
                Some(Taken { flow, locals, results, changes: Changes::default() })
            }
            Err(Stop::Fails) => None,
            Err(stop) => return Err(stop),
        };
        // Whoever left is seen from where they did; they are to be seen from the fork.
        let mut left: Vec<Left> = Vec::new();
        while frame.left.len() > left_before {
            let Some(last) = frame.left.pop() else { break };
            self.take_back_to(
                last.at.branches,
                left.iter_mut().map(|left| &mut left.taken).chain(&mut taken),
            );
            left.push(self.seen_from_outside(last)?);
        }
        self.take_back_to(place.branches, left.iter_mut().map(|left| &mut left.taken).chain(&mut taken));
        left.reverse();
        self.back_to(frame, place);
        Ok((taken, left))
    }

    /// Makes the changes of two branches, as the condition says.
    fn merge(&mut self, frame: &mut Frame, condition: NodeId, yes: Taken, no: Taken) -> Result<(), Stop> {
        self.memory.merge(condition, &yes.changes, &no.changes, &mut self.graph)?;
        frame.locals = yes.locals;
        for (local, other) in frame.locals.iter_mut().zip(no.locals) {
            if *local != other {
                *local = Item::Mixed;
            }
        }
        if yes.results != no.results {
            return Err(Stop::Mixed);
        }
        self.stack.extend(yes.results);
        Ok(())
    }

    /// Goes on with the only branch in which the circuit does not give up.
    fn only(&mut self, frame: &mut Frame, condition: NodeId, taken: Taken) -> Result<Flow, Stop> {
        self.guard(condition)?;
        Ok(self.adopt(frame, taken))
    }

    /// Goes on with one branch, where the other one has left.
    fn go_on(&mut self, frame: &mut Frame, condition: NodeId, taken: Taken) -> Result<Flow, Stop> {
        self.follow(condition)?;
        Ok(self.adopt(frame, taken))
    }

    /// Makes the changes of a branch.
    fn adopt(&mut self, frame: &mut Frame, taken: Taken) -> Flow {
        self.memory.apply(taken.changes);
        frame.locals = taken.locals;
        self.stack.extend(taken.results);
        taken.flow
    }

    /// Leaves the block `depth` levels out, if a truth says so.
    fn leave_if(
        &mut self,
        frame: &mut Frame,
        truth: NodeId,
        negated: bool,
        depth: u32,
    ) -> Result<Flow, Stop> {
        let otherwise = self.graph.operation(Operator::Not, truth, truth)?;
        let (leaves, stays) = if negated { (otherwise, truth) } else { (truth, otherwise) };
        // To the end of the block around a loop, as circom does.
        let level = frame.level.checked_sub(depth as usize).filter(|level| depth == 1 && *level > 0);
        let (locals, results, changes) = (frame.locals.clone(), Vec::new(), Changes::default());
        let taken = Taken { flow: Flow::Next, locals, results, changes };
        self.leave(frame, (leaves, taken), level.ok_or(Stop::Loop)?)?;
        self.follow(stays)?;
        Ok(Flow::Next)
    }

    /// What leaves a block waits at its end; the other branch is to be followed.
    fn leave(
        &mut self,
        frame: &mut Frame,
        (condition, taken): (NodeId, Taken),
        level: usize,
    ) -> Result<(), Stop> {
        if frame.left.len() >= MAX_LEAVING {
            // This far the path is not followed: who comes here is turned away by a guard.
            return Err(Stop::Fails);
        }
        let at = self.place(frame);
        frame.left.push(Left { level, condition, taken, at });
        Ok(())
    }

    /// Lets them leave, one after the other, and follows what stays.
    fn leave_all(&mut self, frame: &mut Frame, left: impl IntoIterator<Item = Left>) -> Result<(), Stop> {
        for Left { level, condition, taken, .. } in left {
            self.leave(frame, (condition, taken), level)?;
            let stays = self.graph.operation(Operator::Not, condition, condition)?;
            self.follow(stays)?;
        }
        Ok(())
    }

    /// One that left, with a condition that holds on its whole path.
    fn seen_from_outside(&mut self, mut left: Left) -> Result<Left, Stop> {
        if let Some(path) = left.at.path {
            left.condition = self.graph.operation(Operator::And, path, left.condition)?;
        }
        Ok(left)
    }

    /// Takes changes back as far as some number of branches, and puts them before those of others.
    fn take_back_to<'t>(&mut self, branches: usize, others: impl Iterator<Item = &'t mut Taken>) -> Changes {
        let mut changes = Changes::default();
        while self.memory.branches() > branches {
            changes.put_before(&self.memory.take_back());
        }
        others.for_each(|other| other.changes.put_before(&changes));
        changes
    }

    /// The end of the block at the frame's level, whose operands begin at `height`: what left it comes together with what
    /// went on. Others who left blocks further out meanwhile go on waiting for those.
    fn meet(&mut self, frame: &mut Frame, height: usize, flow: Result<Flow, Stop>) -> Result<Flow, Stop> {
        let level = frame.level;
        let mut flow = flow;
        if level == 0 && flow.is_ok() {
            self.keep_results(frame, height)?;
            flow = flow.map(|flow| if flow == Flow::Return { Flow::Next } else { flow });
        }
        let mut outward: Vec<Left> = Vec::new();
        let waits = |frame: &Frame| frame.left.iter().any(|left| left.level == level);
        if flow == Ok(Flow::Return) && waits(frame) {
            // What went on has left the function.
            self.keep_results(frame, height)?;
            let (locals, results) = (frame.locals.clone(), self.stack.split_off(height));
            let taken = Taken { flow: Flow::Return, locals, results, changes: self.memory.take_back() };
            let condition = self.path.ok_or(Stop::NotCircom)?;
            outward.push(Left { level: 0, condition, taken, at: self.place(frame) });
            flow = Err(Stop::Fails);
        }
        while waits(frame) {
            let Some(left) = frame.left.pop() else { break };
            let changes = self.take_back_to(left.at.branches, outward.iter_mut().map(|left| &mut left.taken));
            let (at, ends_here) = (left.at, left.level == level);
            self.path = at.path;
            match flow {
                Ok(Flow::Next | Flow::Branch(0)) if ends_here => {
                    if level > 0 {
                        self.stack.truncate(height);
                    }
                    let (locals, results) = (frame.locals.clone(), self.stack.split_off(height));
                    let went_on = Taken { flow: Flow::Next, locals, results, changes };
                    self.merge(frame, left.condition, left.taken, went_on)?;
                    flow = Ok(Flow::Next);
                }
                Ok(Flow::Next | Flow::Branch(0)) => {
                    self.memory.apply(changes);
                    outward.push(self.seen_from_outside(left)?);
                }
                Err(Stop::Fails) if ends_here => {
                    self.back_to(frame, Place { height, level, ..at });
                    let mut condition = left.condition;
                    for other in &outward {
                        condition = self.graph.operation(Operator::Or, condition, other.condition)?;
                    }
                    self.only(frame, condition, left.taken)?;
                    flow = Ok(Flow::Next);
                }
                Err(Stop::Fails) => outward.push(self.seen_from_outside(left)?),
                Ok(_) => return Err(Stop::Loop),
                Err(stop) => return Err(stop),
            }
        }
        outward.reverse();
        self.leave_all(frame, outward)?;
        flow
    }

    /// Demands a condition where the path goes.
    fn guard(&mut self, condition: NodeId) -> Result<(), Stop> {
        let demanded = match self.path {
            None => condition,
            Some(path) => {
                let elsewhere = self.graph.operation(Operator::Not, path, path)?;
                self.graph.operation(Operator::Or, elsewhere, condition)?
            }
        };
        self.graph.guard(demanded)
    }

    fn plain(&mut self, frame: &mut Frame, instruction: &Instruction) -> Result<(), Stop> {
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
                let address = self.number(frame)? + offset;
                let mut value = self.memory.load(address, *bytes)?;
                if *signed {
                    let unused = 64 - 8 * bytes;
                    value = ((value << unused) as i64 >> unused) as u64;
                }
                self.push_number(value, *narrow);
            }
            Instruction::Store { offset, bytes } => {
                let value = self.number(frame)?;
                let address = self.number(frame)? + offset;
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
            // `block` handles those that change the flow.
            _ => return Err(Stop::NotCircom),
        }
        Ok(())
    }

    fn pop(&mut self, frame: &Frame) -> Result<Item, Stop> {
        if self.stack.len() <= frame.base {
            return Err(Stop::NotCircom);
        }
        self.stack.pop().ok_or(Stop::NotCircom)
    }

    fn number(&mut self, frame: &Frame) -> Result<u64, Stop> {
        number(self.pop(frame)?)
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

    /// Does what a field function does.
    fn field(
        &mut self,
        function: FieldFunction,
        [first, second, third]: [Item; 3],
    ) -> Result<Option<Item>, Stop> {
        match function {
            FieldFunction::Copy => self.copy(first, second, 1)?,
            FieldFunction::CopyMany => {
                let cells = number(third)? as u32;
                self.copy(first, second, cells)?;
            }
            FieldFunction::IsTrue => {
                let node = self.read(first)?;
                return Ok(Some(match self.graph.value(node) {
                    Some(value) => Item::Number((!value.is_zero()).into()),
                    None => Item::Truth { node, negated: false },
                }));
            }
            FieldFunction::ToInt => {
                let node = self.read(first)?;
                return Ok(Some(match self.graph.value(node) {
                    Some(value) => Item::Number(to_int(value).into()),
                    None => Item::Index { node, scale: 1, offset: 0 },
                }));
            }
            FieldFunction::EqualTruth => {
                let (a, b) = (self.read(first)?, self.read(second)?);
                let node = self.graph.operation(Operator::Equal, a, b)?;
                return Ok(Some(match self.graph.value(node) {
                    Some(value) => Item::Number((!value.is_zero()).into()),
                    None => Item::Truth { node, negated: false },
                }));
            }
            FieldFunction::Reform => {}
            FieldFunction::Apply(operator) => {
                let a = self.read(second)?;
                let b = if operator.is_unary() { a } else { self.read(third)? };
                if matches!(operator, Operator::Quotient | Operator::Remainder) {
                    // What the module does there is nothing to rely on.
                    self.guard_divisor(b)?;
                }
                let node = self.graph.operation(operator, a, b)?;
                self.memory.set_cell(number(first)? as u32, node)?;
            }
        }
        Ok(None)
    }

    /// Demands that a divisor is not zero.
    fn guard_divisor(&mut self, divisor: NodeId) -> Result<(), Stop> {
        match self.graph.value(divisor) {
            Some(value) if value.is_zero() => Err(Stop::Division),
            Some(_) => Ok(()),
            None => self.guard(divisor),
        }
    }

    fn copy(&mut self, to: Item, from: Item, cells: u32) -> Result<(), Stop> {
        for cell in 0..cells {
            let node = self.read(further(from, cell)?)?;
            self.write(further(to, cell)?, node)?;
        }
        let window = Item::Number(self.window.cell.into());
        if let (Some(given), Item::Number(to)) = (&mut self.given, to)
            && from == window
        {
            given.push(to as u32);
        }
        Ok(())
    }

    /// The element in the cell at an address.
    fn read(&mut self, address: Item) -> Result<NodeId, Stop> {
        match address {
            Item::Number(address) => self.memory.cell(address as u32, &mut self.graph),
            Item::Index { node, scale, offset } => {
                let cells = self.reachable(scale, offset, MAX_READ)?;
                let table = cells.iter().map(|&cell| self.memory.cell(cell, &mut self.graph));
                let table = table.collect::<Result<Vec<_>, _>>()?;
                let index = self.index(node, scale, cells.len())?;
                self.graph.lookup(index, table)
            }
            Item::Mixed => Err(Stop::Mixed),
            Item::Truth { .. } => Err(Stop::Representation),
        }
    }

    /// Puts an element into the cell at an address.
    fn write(&mut self, address: Item, value: NodeId) -> Result<(), Stop> {
        match address {
            Item::Number(address) => self.memory.set_cell(address as u32, value),
            Item::Index { node, scale, offset } => {
                let cells = self.reachable(scale, offset, MAX_WRITTEN)?;
                let index = self.index(node, scale, cells.len())?;
                for (place, cell) in (0..).zip(cells) {
                    let place = self.graph.constant(Value::small(place))?;
                    let here = self.graph.operation(Operator::Equal, index, place)?;
                    let before = self.memory.cell(cell, &mut self.graph)?;
                    let after = self.graph.select(here, value, before)?;
                    self.memory.set_cell(cell, after)?;
                }
                Ok(())
            }
            Item::Mixed => Err(Stop::Mixed),
            Item::Truth { .. } => Err(Stop::Representation),
        }
    }

    /// The cells that an index may reach: those from its offset on, up to the end of the stack or to what is no cell.
    fn reachable(&mut self, scale: u32, offset: u32, most: u32) -> Result<Vec<u32>, Stop> {
        // A scale below a cell comes from a sum of indices, which counts bytes.
        let step = if scale.is_multiple_of(CELL) && scale > 0 { scale } else { CELL };
        let top = self.memory.load(0, 4)?;
        let mut cells = Vec::new();
        for place in 0..most {
            let Some(cell) = place.checked_mul(step).and_then(|bytes| offset.checked_add(bytes)) else {
                break;
            };
            let inside_stack = u64::from(offset) >= top || u64::from(cell) < top;
            if !inside_stack || self.memory.cell(cell, &mut self.graph).is_err() {
                break;
            }
            cells.push(cell);
        }
        if cells.is_empty() { Err(Stop::OutOfBounds) } else { Ok(cells) }
    }

    /// The number of a cell among those that an index may reach, and the guard that it is one.
    fn index(&mut self, node: NodeId, scale: u32, cells: usize) -> Result<NodeId, Stop> {
        let index = if scale.is_multiple_of(CELL) && scale > 0 {
            node
        } else {
            let bytes = self.scaled(node, scale)?;
            let cell = self.graph.constant(Value::small(CELL.into()))?;
            self.graph.operation(Operator::Quotient, bytes, cell)?
        };
        let cells = self.graph.constant(Value::small(cells as i64))?;
        let zero = self.graph.constant(Value::ZERO)?;
        let below = self.graph.operation(Operator::Less, index, cells)?;
        self.guard(below)?;
        let not_negative = self.graph.operation(Operator::GreaterEqual, index, zero)?;
        self.guard(not_negative)?;
        Ok(index)
    }
}

fn local_of(frame: &mut Frame, local: u32) -> Result<&mut Item, Stop> {
    frame.locals.get_mut(local as usize).ok_or(Stop::NotCircom)
}

fn number(item: Item) -> Result<u64, Stop> {
    match item {
        Item::Number(value) => Ok(value),
        Item::Mixed => Err(Stop::Mixed),
        Item::Truth { .. } | Item::Index { .. } => Err(Stop::Representation),
    }
}

/// The address some cells further.
fn further(address: Item, cells: u32) -> Result<Item, Stop> {
    let bytes = cells.checked_mul(CELL).ok_or(Stop::OutOfBounds)?;
    Ok(match address {
        Item::Number(address) => Item::Number(address + u64::from(bytes)),
        Item::Index { node, scale, offset } => {
            Item::Index { node, scale, offset: offset.wrapping_add(bytes) }
        }
        other => other,
    })
}

/// What `Fr_toInt` gives: the low 32 bits, of the magnitude for negative ones.
fn to_int(value: Value) -> u32 {
    let negative = !Operator::Less.apply(value, Value::ZERO).is_zero();
    if negative {
        let [low, ..] = Operator::Negate.apply(value, Value::ZERO).to_integer();
        (low as u32).wrapping_neg()
    } else {
        value.to_integer()[0] as u32
    }
}

fn truncated(value: u64, narrow: bool) -> u64 {
    if narrow { u64::from(value as u32) } else { value }
}

/// The result; dividing by zero is a trap.
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
