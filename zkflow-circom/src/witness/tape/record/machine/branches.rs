//! Branches on inputs: both sides of a fork, paths that leave a block early, and their merge.

use super::super::memory::Changes;
use super::super::module::Block;
use super::{Flow, Frame, Item, Machine};
use crate::witness::tape::budget::Held;
use crate::witness::tape::graph::NodeId;
use crate::witness::tape::operation::Operator;
use crate::witness::tape::stop::Stop;

/// Maximum number of suspended paths of one function, such as rounds of a loop that depend on inputs.
const MAX_LEAVING: usize = 300;

/// A suspended path: it leaves a block under a condition.
#[derive(Debug)]
pub(super) struct Left<'b> {
    /// Level of the block that is left; 0 for the function.
    level: usize,
    condition: NodeId,
    taken: Taken<'b>,
    at: Place,
}

/// A state of the machine to return to.
#[derive(Debug, Clone, Copy)]
struct Place {
    path: Option<NodeId>,
    branches: usize,
    calls: usize,
    height: usize,
    level: usize,
}

/// The effects of a branch.
#[derive(Debug)]
struct Taken<'b> {
    flow: Flow,
    locals: Vec<Item>,
    results: Vec<Item>,
    changes: Changes<'b>,
    /// The bytes of locals and results.
    _held: Held<'b>,
}

impl<'a> Machine<'_, 'a> {
    fn taken(
        &self,
        flow: Flow,
        locals: Vec<Item>,
        results: Vec<Item>,
        changes: Changes<'a>,
    ) -> Result<Taken<'a>, Stop> {
        self.budget.spend(locals.len() + results.len())?;
        let _held =
            self.budget.hold(size_of::<Left<'_>>() + size_of_val(&*locals) + size_of_val(&*results))?;
        Ok(Taken { flow, locals, results, changes, _held })
    }

    /// Removes everything above `height` from the stack.
    fn split_off(&mut self, height: usize) -> Result<Vec<Item>, Stop> {
        if height > self.stack.len() {
            return Err(Stop::NotCircom);
        }
        Ok(self.stack.split_off(height))
    }

    fn place(&self, frame: &Frame<'_>) -> Place {
        let (branches, height) = (self.memory.branches(), self.stack.len());
        Place { path: self.path, branches, calls: self.calls, height, level: frame.level }
    }

    /// Returns to a place and undoes all later changes.
    fn back_to(&mut self, frame: &mut Frame<'a>, place: Place) -> Result<(), Stop> {
        while self.memory.branches() > place.branches {
            self.memory.take_back()?;
        }
        self.path = place.path;
        self.stack.truncate(place.height);
        self.calls = place.calls;
        frame.level = place.level;
        Ok(())
    }

    /// Adds a condition to the current path.
    fn follow(&mut self, condition: NodeId) -> Result<(), Stop> {
        self.path = Some(match self.path {
            None => condition,
            Some(path) => self.graph.operation(Operator::And, path, condition)?,
        });
        self.memory.begin_branch()
    }

    /// Runs both branches of an `if` and merges them.
    pub(super) fn fork(
        &mut self,
        frame: &mut Frame<'a>,
        truth: NodeId,
        yes: &Block,
        no: &Block,
    ) -> Result<Flow, Stop> {
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

    /// Runs one branch and undoes its changes. Returns its effects, `None` if the circuit fails in it, and
    /// separately the paths that left a block around the fork, with conditions and changes relative to the
    /// fork.
    fn branch(
        &mut self,
        frame: &mut Frame<'a>,
        condition: NodeId,
        code: &Block,
    ) -> Result<(Option<Taken<'a>>, Vec<Left<'a>>), Stop> {
        self.budget.spend(frame.locals.len())?;
        let (place, left_before, before) = (self.place(frame), frame.left.len(), frame.locals.clone());
        self.follow(condition)?;
        let flow = self.nested(frame, code);
        let locals = std::mem::replace(&mut frame.locals, before);
        let mut taken = match flow {
            Ok(flow) => {
                if flow == Flow::Return {
                    self.keep_results(frame, place.height)?;
                }
                let results = self.split_off(place.height)?;
                Some(self.taken(flow, locals, results, Changes::none(self.budget)?)?)
            }
            Err(Stop::Fails) => None,
            Err(stop) => return Err(stop),
        };
        // Make the paths that left relative to the fork; they are relative to the place where they left.
        let mut left: Vec<Left<'a>> = Vec::new();
        while frame.left.len() > left_before {
            let Some(last) = frame.left.pop() else { break };
            self.take_back_to(
                last.at.branches,
                left.iter_mut().map(|left| &mut left.taken).chain(&mut taken),
            )?;
            left.push(self.seen_from_outside(last)?);
        }
        self.take_back_to(place.branches, left.iter_mut().map(|left| &mut left.taken).chain(&mut taken))?;
        left.reverse();
        self.back_to(frame, place)?;
        Ok((taken, left))
    }

    /// Merges the effects of two branches; `yes` applies if the condition is nonzero.
    fn merge(
        &mut self,
        frame: &mut Frame<'a>,
        condition: NodeId,
        yes: Taken<'a>,
        no: Taken<'a>,
    ) -> Result<(), Stop> {
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

    /// Continues with the only branch in which the circuit does not fail.
    fn only(&mut self, frame: &mut Frame<'a>, condition: NodeId, taken: Taken<'a>) -> Result<Flow, Stop> {
        self.guard(condition)?;
        self.adopt(frame, taken)
    }

    /// Continues with one branch after the other has left.
    fn go_on(&mut self, frame: &mut Frame<'a>, condition: NodeId, taken: Taken<'a>) -> Result<Flow, Stop> {
        self.follow(condition)?;
        self.adopt(frame, taken)
    }

    /// Applies the effects of a branch.
    fn adopt(&mut self, frame: &mut Frame<'a>, taken: Taken<'a>) -> Result<Flow, Stop> {
        self.memory.apply(taken.changes)?;
        frame.locals = taken.locals;
        self.stack.extend(taken.results);
        Ok(taken.flow)
    }

    /// Leaves the block `depth` levels further out if a truth holds.
    pub(super) fn leave_if(
        &mut self,
        frame: &mut Frame<'a>,
        truth: NodeId,
        negated: bool,
        depth: u32,
    ) -> Result<Flow, Stop> {
        let otherwise = self.graph.operation(Operator::Not, truth, truth)?;
        let (leaves, stays) = if negated { (otherwise, truth) } else { (truth, otherwise) };
        // circom only generates exits to the end of the block around a loop.
        let level = frame.level.checked_sub(depth as usize).filter(|level| depth == 1 && *level > 0);
        let changes = Changes::none(self.budget)?;
        let taken = self.taken(Flow::Next, frame.locals.clone(), Vec::new(), changes)?;
        self.leave(frame, (leaves, taken), level.ok_or(Stop::Loop)?)?;
        self.follow(stays)?;
        Ok(Flow::Next)
    }

    /// Suspends a path that leaves a block until the end of the block. The caller must follow the other path.
    fn leave(
        &mut self,
        frame: &mut Frame<'a>,
        (condition, taken): (NodeId, Taken<'a>),
        level: usize,
    ) -> Result<(), Stop> {
        if frame.left.len() >= MAX_LEAVING {
            // The path is not followed further; a guard excludes inputs that reach it.
            return Err(Stop::Fails);
        }
        let at = self.place(frame);
        frame.left.push(Left { level, condition, taken, at });
        Ok(())
    }

    /// Suspends several paths one after the other, and follows the path that stays.
    fn leave_all(
        &mut self,
        frame: &mut Frame<'a>,
        left: impl IntoIterator<Item = Left<'a>>,
    ) -> Result<(), Stop> {
        for Left { level, condition, taken, .. } in left {
            self.leave(frame, (condition, taken), level)?;
            let stays = self.graph.operation(Operator::Not, condition, condition)?;
            self.follow(stays)?;
        }
        Ok(())
    }

    /// Extends the condition of a suspended path by the condition of the branch in which it left.
    fn seen_from_outside(&mut self, mut left: Left<'a>) -> Result<Left<'a>, Stop> {
        if let Some(path) = left.at.path {
            left.condition = self.graph.operation(Operator::And, path, left.condition)?;
        }
        Ok(left)
    }

    /// Undoes changes until this number of branches is left. Returns them and adds them before the changes of
    /// `others`.
    fn take_back_to<'t>(
        &mut self,
        branches: usize,
        mut others: impl Iterator<Item = &'t mut Taken<'a>>,
    ) -> Result<Changes<'a>, Stop>
    where
        'a: 't,
    {
        let mut changes = Changes::none(self.budget)?;
        while self.memory.branches() > branches {
            changes.put_before(&self.memory.take_back()?)?;
        }
        others.try_for_each(|other| other.changes.put_before(&changes))?;
        Ok(changes)
    }

    /// Ends the block at the frame's level, whose operands begin at `height`. Merges the paths that left it
    /// with the path that reached its end. Paths that left outer blocks stay suspended.
    pub(super) fn meet(
        &mut self,
        frame: &mut Frame<'a>,
        height: usize,
        flow: Result<Flow, Stop>,
    ) -> Result<Flow, Stop> {
        let level = frame.level;
        let mut flow = flow;
        if level == 0 && flow.is_ok() {
            self.keep_results(frame, height)?;
            flow = flow.map(|flow| if flow == Flow::Return { Flow::Next } else { flow });
        }
        let mut outward: Vec<Left<'a>> = Vec::new();
        let waits = |frame: &Frame<'_>| frame.left.iter().any(|left| left.level == level);
        if flow == Ok(Flow::Return) && waits(frame) {
            // The path that stayed has left the function.
            self.keep_results(frame, height)?;
            let (locals, results) = (frame.locals.clone(), self.split_off(height)?);
            let changes = self.memory.take_back()?;
            let taken = self.taken(Flow::Return, locals, results, changes)?;
            let condition = self.path.ok_or(Stop::NotCircom)?;
            outward.push(Left { level: 0, condition, taken, at: self.place(frame) });
            flow = Err(Stop::Fails);
        }
        while waits(frame) {
            let Some(left) = frame.left.pop() else { break };
            self.budget.spend(frame.left.len())?;
            let changes =
                self.take_back_to(left.at.branches, outward.iter_mut().map(|left| &mut left.taken))?;
            let (at, ends_here) = (left.at, left.level == level);
            self.path = at.path;
            match flow {
                Ok(Flow::Next | Flow::Branch(0)) if ends_here => {
                    if level > 0 {
                        self.stack.truncate(height);
                    }
                    let (locals, results) = (frame.locals.clone(), self.split_off(height)?);
                    let went_on = self.taken(Flow::Next, locals, results, changes)?;
                    self.merge(frame, left.condition, left.taken, went_on)?;
                    flow = Ok(Flow::Next);
                }
                Ok(Flow::Next | Flow::Branch(0)) => {
                    self.memory.apply(changes)?;
                    outward.push(self.seen_from_outside(left)?);
                }
                Err(Stop::Fails) if ends_here => {
                    self.back_to(frame, Place { height, level, ..at })?;
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

    /// Adds a guard: the condition must hold if the current path is taken.
    pub(super) fn guard(&mut self, condition: NodeId) -> Result<(), Stop> {
        let demanded = match self.path {
            None => condition,
            Some(path) => {
                let elsewhere = self.graph.operation(Operator::Not, path, path)?;
                self.graph.operation(Operator::Or, elsewhere, condition)?
            }
        };
        self.graph.guard(demanded)
    }
}
