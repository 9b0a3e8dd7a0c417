//! Field functions, and access to cells at addresses that depend on inputs.

use super::super::memory::CELL;
use super::super::module::FieldFunction;
use super::{Item, Machine, number};
use crate::witness::tape::graph::NodeId;
use crate::witness::tape::operation::Operator;
use crate::witness::tape::stop::Stop;
use crate::witness::tape::value::Value;

/// Maximum number of candidate cells of a read.
const MAX_READ: u32 = 4096;
/// Work of one cell of a copy or of the candidates of an index.
const CELL_WORK: usize = 16;
/// Maximum number of candidate cells of a write; each cell costs a choice.
const MAX_WRITTEN: u32 = 256;

impl Machine<'_, '_> {
    /// Executes a field function. Returns its result if it has one.
    pub(super) fn field(
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
                    // The module traps if the divisor is zero.
                    self.guard_divisor(b)?;
                }
                let node = self.graph.operation(operator, a, b)?;
                self.memory.set_cell(number(first)? as u32, node)?;
            }
        }
        Ok(None)
    }

    /// Adds a guard: the divisor must not be zero.
    fn guard_divisor(&mut self, divisor: NodeId) -> Result<(), Stop> {
        match self.graph.value(divisor) {
            Some(value) if value.is_zero() => Err(Stop::Division),
            Some(_) => Ok(()),
            None => self.guard(divisor),
        }
    }

    fn copy(&mut self, to: Item, from: Item, cells: u32) -> Result<(), Stop> {
        for cell in 0..cells {
            self.budget.spend(CELL_WORK)?;
            let node = self.read(further(from, cell)?)?;
            self.write(further(to, cell)?, node)?;
        }
        let window = Item::Number(self.window.into());
        if let (Some(given), Item::Number(to)) = (&mut self.given, to)
            && from == window
        {
            if given.len() >= self.values {
                return Err(Stop::NotCircom);
            }
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

    /// Writes an element to the cell at an address.
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

    /// The candidate cells of an index: those from its offset on, up to the end of the stack or the first
    /// word that is not a cell.
    fn reachable(&mut self, scale: u32, offset: u32, most: u32) -> Result<Vec<u32>, Stop> {
        // A scale that is not a multiple of a cell belongs to a sum of indices, which counts bytes.
        let step = if scale.is_multiple_of(CELL) && scale > 0 { scale } else { CELL };
        let top = self.memory.load(0, 4)?;
        let mut cells = Vec::new();
        for place in 0..most {
            let Some(cell) = place.checked_mul(step).and_then(|bytes| offset.checked_add(bytes)) else {
                break;
            };
            let inside_stack = u64::from(offset) >= top || u64::from(cell) < top;
            self.budget.spend(CELL_WORK)?;
            match self.memory.cell(cell, &mut self.graph) {
                Ok(_) if inside_stack => cells.push(cell),
                Err(stop) if stop.is_limit() => return Err(stop),
                _ => break,
            }
        }
        if cells.is_empty() { Err(Stop::OutOfBounds) } else { Ok(cells) }
    }

    /// The number of the selected candidate cell. Adds a guard: the number must be in range.
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

/// The address this many cells further.
fn further(address: Item, cells: u32) -> Result<Item, Stop> {
    let bytes = cells.checked_mul(CELL).ok_or(Stop::OutOfBounds)?;
    Ok(match address {
        Item::Number(address) => Item::Number(address.wrapping_add(bytes.into())),
        Item::Index { node, scale, offset } => {
            Item::Index { node, scale, offset: offset.wrapping_add(bytes) }
        }
        other => other,
    })
}

/// The result of `Fr_toInt`: the low 32 bits; for negative elements, the negated low 32 bits of the
/// magnitude.
fn to_int(value: Value) -> u32 {
    let negative = !Operator::Less.apply(value, Value::ZERO).is_zero();
    if negative {
        let [low, ..] = Operator::Negate.apply(value, Value::ZERO).to_integer();
        (low as u32).wrapping_neg()
    } else {
        value.to_integer()[0] as u32
    }
}
