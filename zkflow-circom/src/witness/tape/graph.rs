//! The graph of operations during recording; each node refers to its operands.

use std::collections::HashMap;

use super::budget::Budget;
use super::operation::Operator;
use super::stop::Stop;
use super::value::Value;

/// Bytes of a node, with room for the growth of its list.
const NODE: usize = 2 * size_of::<Node>();
/// Bytes of a constant in its list and its map, with room for their growth.
const CONSTANT: usize = 4 * size_of::<Value>();
/// Work of an operation on constants: an inversion takes 10 µs.
const OPERATION: usize = 256;
/// Work of looking up a constant.
const SEARCH: usize = 4;

/// The number of a node in its [`Graph`]. Operands have smaller numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u32);

/// One value of the calculation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// `constants[index]`.
    Constant(u32),
    /// The input value with this number.
    Input(u32),
    /// An operator on two values. A unary operator has its operand twice.
    Operation(Operator, NodeId, NodeId),
    /// Bit `place` of a value.
    Bit { value: NodeId, place: u32 },
    /// `yes` if the condition is not zero, else `no`.
    Select { condition: NodeId, yes: NodeId, no: NodeId },
    /// Entry `index` of a table; 0 if the index is out of range.
    Lookup { index: NodeId, table: u32 },
}

/// A calculation; the nodes are in order of execution.
#[derive(Debug)]
pub(super) struct Graph<'b> {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Vec<Value>,
    /// Tables of lookups.
    pub(super) tables: Vec<Vec<NodeId>>,
    /// Nodes that must not be zero; otherwise the recording does not apply.
    pub(super) guards: Vec<NodeId>,
    /// Sum of the lengths of `tables`.
    entries: usize,
    known: HashMap<[u64; 4], NodeId>,
    max_nodes: usize,
    budget: &'b Budget,
}

impl<'b> Graph<'b> {
    pub(super) fn new(max_nodes: usize, budget: &'b Budget) -> Self {
        let (nodes, constants, tables, guards) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { nodes, constants, tables, guards, entries: 0, known: HashMap::new(), max_nodes, budget }
    }

    /// A constant. Constants with equal limbs share one node.
    pub(super) fn constant(&mut self, value: Value) -> Result<NodeId, Stop> {
        self.budget.spend(SEARCH)?;
        if let Some(&known) = self.known.get(&value.raw()) {
            return Ok(known);
        }
        self.budget.keep(CONSTANT)?;
        let index = self.constants.len() as u32;
        self.constants.push(value);
        let id = self.push(Node::Constant(index))?;
        self.known.insert(value.raw(), id);
        Ok(id)
    }

    pub(super) fn input(&mut self, number: u32) -> Result<NodeId, Stop> {
        self.push(Node::Input(number))
    }

    /// The result of an operator; computed immediately if its operands are constants.
    pub(super) fn operation(&mut self, operator: Operator, a: NodeId, b: NodeId) -> Result<NodeId, Stop> {
        let (left, right) = (self.value(a), self.value(b));
        if let (Some(left), Some(right)) = (left, right) {
            self.budget.spend(OPERATION)?;
            return self.constant(operator.apply(left, right));
        }
        let is = |value: Option<Value>, wanted: Value| value.is_some_and(|value| value.same(wanted));
        let (zero, one) = (Value::ZERO, Value::ONE);
        match operator {
            Operator::Add | Operator::Sub if is(right, zero) => return Ok(a),
            Operator::Add if is(left, zero) => return Ok(b),
            Operator::Mul | Operator::Div if is(right, one) => return Ok(a),
            Operator::Mul if is(left, one) => return Ok(b),
            Operator::Mul if is(left, zero) || is(right, zero) => return self.constant(zero),
            // A bit of a number: `(x >> i) & 1`.
            Operator::BitAnd if is(right, one) => {
                if let Node::Operation(Operator::ShiftRight, value, distance) = self.node(a)
                    && let Some(place) = self.value(distance).and_then(Value::as_small)
                    && let Ok(place @ 0..=253) = u32::try_from(place)
                {
                    return self.push(Node::Bit { value, place });
                }
            }
            _ => {}
        }
        self.push(Node::Operation(operator, a, b))
    }

    /// `yes` if the condition is not zero, else `no`.
    pub(super) fn select(&mut self, condition: NodeId, yes: NodeId, no: NodeId) -> Result<NodeId, Stop> {
        match self.value(condition) {
            _ if yes == no => Ok(yes),
            Some(condition) => Ok(if condition.is_zero() { no } else { yes }),
            None => self.push(Node::Select { condition, yes, no }),
        }
    }

    /// The entry of a table at an index that depends on inputs.
    pub(super) fn lookup(&mut self, index: NodeId, table: Vec<NodeId>) -> Result<NodeId, Stop> {
        let number = match self.tables.last() {
            // Loops often use the table of the previous step.
            Some(last) if *last == table => self.tables.len() - 1,
            _ => {
                self.entries += table.len();
                if self.entries > self.max_nodes {
                    return Err(Stop::TooLong);
                }
                self.budget.keep(2 * size_of::<Vec<NodeId>>() + size_of_val(&*table))?;
                self.tables.push(table);
                self.tables.len() - 1
            }
        };
        self.push(Node::Lookup { index, table: number as u32 })
    }

    /// Adds a guard: the value must not be zero.
    pub(super) fn guard(&mut self, condition: NodeId) -> Result<(), Stop> {
        match self.value(condition) {
            Some(value) if value.is_zero() => Err(Stop::Fails),
            Some(_) => Ok(()),
            None => {
                self.budget.keep(2 * size_of::<NodeId>())?;
                self.guards.push(condition);
                Ok(())
            }
        }
    }

    /// The value of a constant; `None` if the node depends on inputs.
    pub(super) fn value(&self, id: NodeId) -> Option<Value> {
        match self.node(id) {
            Node::Constant(index) => Some(self.constants[index as usize]),
            _ => None,
        }
    }

    pub(super) fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0 as usize]
    }

    fn push(&mut self, node: Node) -> Result<NodeId, Stop> {
        if self.nodes.len() >= self.max_nodes {
            return Err(Stop::TooLong);
        }
        self.budget.keep(NODE)?;
        self.nodes.push(node);
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }
}
