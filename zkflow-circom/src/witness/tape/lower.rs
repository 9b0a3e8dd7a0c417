//! Lowers a recording to a tape: drops values that no wire needs and assigns every value a place.
//!
//! The value of a wire stays at the place of the wire. The places of constants follow the wires. The place of
//! any other value is reused after the last use of the value, so that active values stay in the cache.

use super::budget::Budget;
use super::graph::{Graph, Node, NodeId};
use super::record::Recording;
use super::stop::Stop;
use super::value::Value;
use super::{Instruction, Kind, MAX_PLACES, Tape};

/// Bytes of a node during lowering: its last use, its place, its instruction and its place in the tape.
const NODE: usize = 48;

pub(super) fn lower(recording: Recording<'_>, budget: &Budget) -> Result<Tape, Stop> {
    let Recording { graph, inputs, wires } = recording;
    budget.keep(NODE * (graph.nodes.len() + wires.len()))?;
    let uses = Uses::of(&graph, &wires, budget)?;
    let mut places = Places::new(&graph, &wires, &uses);
    let mut code = Vec::new();

    // Inputs are placed first, so that no computed value uses their places before.
    let mut input_places = vec![None; inputs.iter().map(|input| input.size as usize).sum()];
    for id in ids(&graph) {
        if let Node::Input(number) = graph.node(id)
            && uses.is_used(id)
        {
            input_places[number as usize] = Some(places.take(id)?);
        }
    }
    // All unused input values share one place.
    let nowhere = places.fresh()?;

    let mut guards = graph.guards.clone();
    guards.sort_unstable();
    guards.dedup();
    let mut guards = guards.into_iter().peekable();
    for id in ids(&graph) {
        budget.spend(2)?;
        if uses.is_used(id)
            && let Some((kind, operands)) = places.instruction(&graph, id)
        {
            // The result may reuse the places of operands that end here.
            uses.ending_at(&graph, id, |ended| places.give_back(ended));
            let target = places.take(id)?;
            code.push(Instruction::new(kind, target, operands));
        }
        if guards.next_if_eq(&id).is_some() {
            code.push(Instruction::new(Kind::Guard, 0, [places.of(id), 0, 0]));
            if uses.last[id.0 as usize] == Some(id) {
                places.give_back(id);
            }
        }
    }
    // Copies for wires that are constants, and for wires with the same value as another wire.
    for (wire, &id) in (0u32..).zip(&wires) {
        if places.of(id) != wire {
            code.push(Instruction::new(Kind::Copy, wire, [places.of(id), 0, 0]));
        }
    }

    let mut input_places = input_places.into_iter().map(|place| place.unwrap_or(nowhere));
    let inputs =
        inputs.iter().map(|input| (input.hash, input_places.by_ref().take(input.size as usize).collect()));
    Ok(Tape {
        inputs: inputs.collect(),
        wires: wires.len() as u32,
        places: places.count,
        constants: places.constants,
        tables: places.tables,
        code,
    })
}

fn ids(graph: &Graph<'_>) -> impl Iterator<Item = NodeId> + use<> {
    (0..graph.nodes.len() as u32).map(NodeId)
}

/// Calls `each` with each operand of a node, except the entries of tables.
fn operands(node: Node, mut each: impl FnMut(NodeId)) {
    match node {
        Node::Constant(_) | Node::Input(_) => {}
        Node::Operation(operator, a, b) => {
            each(a);
            if !operator.is_unary() {
                each(b);
            }
        }
        Node::Bit { value, .. } => each(value),
        Node::Select { condition, yes, no } => [condition, yes, no].into_iter().for_each(each),
        Node::Lookup { index, .. } => each(index),
    }
}

/// The last use of each value.
struct Uses {
    /// The last node that uses the value; the node itself if it is only a wire or a guard. `None`: unused.
    last: Vec<Option<NodeId>>,
    /// True for values in a table; their places are not reused.
    tabled: Vec<bool>,
}

impl Uses {
    fn of(graph: &Graph<'_>, wires: &[NodeId], budget: &Budget) -> Result<Self, Stop> {
        let count = graph.nodes.len();
        let mut uses = Self { last: vec![None; count], tabled: vec![false; count] };
        for &root in wires.iter().chain(&graph.guards) {
            uses.last[root.0 as usize] = Some(root);
        }
        let mut tables_are_used = vec![false; graph.tables.len()];
        // Backward, so that all users of a node come before the node.
        for index in (0..count as u32).rev() {
            budget.spend(2)?;
            let id = NodeId(index);
            if !uses.is_used(id) {
                continue;
            }
            let node = graph.node(id);
            operands(node, |operand| uses.taken(operand, id));
            // The last lookup in a table is the last use of all its entries.
            if let Node::Lookup { table, .. } = node
                && !std::mem::replace(&mut tables_are_used[table as usize], true)
            {
                for &entry in &graph.tables[table as usize] {
                    uses.taken(entry, id);
                    uses.tabled[entry.0 as usize] = true;
                }
            }
        }
        Ok(uses)
    }

    fn taken(&mut self, operand: NodeId, by: NodeId) {
        let last = &mut self.last[operand.0 as usize];
        // Nodes come in decreasing order, so only a root's own mark can be smaller.
        if last.is_none_or(|last| last < by) {
            *last = Some(by);
        }
    }

    fn is_used(&self, id: NodeId) -> bool {
        self.last[id.0 as usize].is_some()
    }

    /// Calls `each` with the operands of `id` that are not used after it.
    fn ending_at(&self, graph: &Graph<'_>, id: NodeId, mut each: impl FnMut(NodeId)) {
        let mut ended = [None; 3];
        let mut count = 0;
        operands(graph.node(id), |operand| {
            let ends = self.last[operand.0 as usize] == Some(id) && !self.tabled[operand.0 as usize];
            if ends && !ended.contains(&Some(operand)) {
                ended[count] = Some(operand);
                count += 1;
            }
        });
        ended.into_iter().flatten().for_each(&mut each);
    }
}

/// The assignment of places to values.
struct Places {
    of: Vec<u32>,
    /// Places below this one belong to wires and constants and are never reused.
    fixed: u32,
    free: Vec<u32>,
    count: u32,
    constants: Vec<Value>,
    tables: Vec<u32>,
    /// Start of each table of the graph in `tables`; `None` if not yet added.
    begun: Vec<Option<u32>>,
}

const NOWHERE: u32 = u32::MAX;

impl Places {
    fn new(graph: &Graph<'_>, wires: &[NodeId], uses: &Uses) -> Self {
        let mut of = vec![NOWHERE; graph.nodes.len()];
        for (wire, id) in (0u32..).zip(wires) {
            let place = &mut of[id.0 as usize];
            if *place == NOWHERE && graph.value(*id).is_none() {
                *place = wire;
            }
        }
        let mut constants = Vec::new();
        for id in ids(graph).filter(|id| uses.is_used(*id)) {
            if let Some(value) = graph.value(id) {
                of[id.0 as usize] = (wires.len() + constants.len()) as u32;
                constants.push(value);
            }
        }
        let fixed = (wires.len() + constants.len()) as u32;
        let begun = vec![None; graph.tables.len()];
        Self { of, fixed, free: Vec::new(), count: fixed, constants, tables: Vec::new(), begun }
    }

    fn of(&self, id: NodeId) -> u32 {
        self.of[id.0 as usize]
    }

    fn fresh(&mut self) -> Result<u32, Stop> {
        if self.count >= MAX_PLACES {
            return Err(Stop::TooLong);
        }
        self.count += 1;
        Ok(self.count - 1)
    }

    /// Assigns a place to a value if it does not have one as a wire.
    fn take(&mut self, id: NodeId) -> Result<u32, Stop> {
        if self.of(id) == NOWHERE {
            self.of[id.0 as usize] = match self.free.pop() {
                Some(place) => place,
                None => self.fresh()?,
            };
        }
        Ok(self.of(id))
    }

    fn give_back(&mut self, id: NodeId) {
        let place = self.of(id);
        if place >= self.fixed {
            self.free.push(place);
        }
    }

    /// The instruction that computes a node; `None` for constants and inputs.
    fn instruction(&mut self, graph: &Graph<'_>, id: NodeId) -> Option<(Kind, [u32; 3])> {
        Some(match graph.node(id) {
            Node::Constant(_) | Node::Input(_) => return None,
            Node::Operation(operator, a, b) => {
                let (a, b) = (self.of(a), if operator.is_unary() { self.of(a) } else { self.of(b) });
                (Kind::Operation(operator), [a, b, 0])
            }
            Node::Bit { value, place } => (Kind::Bit, [self.of(value), place, 0]),
            Node::Select { condition, yes, no } => {
                (Kind::Select, [self.of(condition), self.of(yes), self.of(no)])
            }
            Node::Lookup { index, table } => {
                let entries = &graph.tables[table as usize];
                let begin = match self.begun[table as usize] {
                    Some(begin) => begin,
                    None => {
                        let begin = self.tables.len() as u32;
                        self.tables.extend(entries.iter().map(|entry| self.of[entry.0 as usize]));
                        self.begun[table as usize] = Some(begin);
                        begin
                    }
                };
                (Kind::Lookup, [self.of(index), begin, entries.len() as u32])
            }
        })
    }
}
