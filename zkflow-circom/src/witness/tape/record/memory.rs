//! The memory of a module during recording: bytes, and marks for the bytes that contain a field element.
//!
//! circom's modules store a field element in a *cell* of 40 bytes: a short integer and flags, then 32 bytes.
//! A cell written by a field operation contains the number of a node; its bytes are no longer used.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

use crate::witness::tape::budget::{Budget, Held};
use crate::witness::tape::graph::{Graph, NodeId};
use crate::witness::tape::stop::Stop;
use crate::witness::tape::value::Value;

/// Bytes per cell.
pub(super) const CELL: u32 = 40;
/// 32-bit words per cell.
const CELL_WORDS: usize = CELL as usize / WORD;
const WORD: usize = 4;
/// Maximum bytes of a module's memory: all that 32-bit addresses reach.
const MAX_MEMORY: u64 = 1 << 32;
/// Maximum number of words that a branch may change.
const MAX_CHANGES: usize = 1 << 22;
/// Bytes of a changed word in its map, with room for the growth of the map.
const CHANGE: usize = 48;
/// Work of storing or merging a changed word.
const CHANGING: usize = 8;
/// Bytes per WebAssembly page.
const PAGE: usize = 1 << 16;

/// The kind of a word of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(u32);

impl Mark {
    /// Plain bytes.
    const BYTES: Self = Self(0);
    /// A word after the first of a cell with a node.
    const INSIDE: Self = Self(1);
    /// Bytes that differ between two merged branches.
    const MIXED: Self = Self(2);
    const FIRST_NODE: u32 = 3;

    fn node(self) -> Option<NodeId> {
        self.0.checked_sub(Self::FIRST_NODE).map(NodeId)
    }

    fn of(node: NodeId) -> Self {
        Self(node.0 + Self::FIRST_NODE)
    }
}

/// A word and its mark.
type Word = (u32, Mark);

/// The words that a branch changed, with their values at its end.
#[derive(Debug)]
pub(super) struct Changes<'b> {
    words: HashMap<u32, Word>,
    held: Held<'b>,
    budget: &'b Budget,
}

impl<'b> Changes<'b> {
    pub(super) fn none(budget: &'b Budget) -> Result<Self, Stop> {
        Ok(Self { words: HashMap::new(), held: budget.hold(0)?, budget })
    }

    /// Adds earlier changes; changes that are already present have priority.
    pub(super) fn put_before(&mut self, earlier: &Self) -> Result<(), Stop> {
        earlier.words.iter().try_for_each(|(at, word)| self.put(*at, *word))
    }

    /// Adds the change of a word if there is none.
    fn put(&mut self, at: u32, word: Word) -> Result<(), Stop> {
        self.budget.spend(CHANGING)?;
        let count = self.words.len();
        if let Entry::Vacant(entry) = self.words.entry(at) {
            if count >= MAX_CHANGES {
                return Err(Stop::Memory);
            }
            self.held.grow(CHANGE)?;
            entry.insert(word);
        }
        Ok(())
    }
}

/// Memory of a module that is being recorded; see the [module](self).
#[derive(Debug)]
pub(super) struct Memory<'b> {
    words: Vec<u32>,
    marks: Vec<Mark>,
    /// For each running branch, the words that it changed, with their previous values.
    journal: Vec<Changes<'b>>,
    budget: &'b Budget,
}

impl<'b> Memory<'b> {
    pub(super) fn new(pages: u64, budget: &'b Budget) -> Result<Self, Stop> {
        let mut memory = Self { words: Vec::new(), marks: Vec::new(), journal: Vec::new(), budget };
        memory.grow(pages)?;
        Ok(memory)
    }

    pub(super) fn pages(&self) -> u32 {
        (self.bytes() / PAGE as u64) as u32
    }

    /// Number of bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.words.len() * WORD) as u64
    }

    /// Adds zeroed pages.
    pub(super) fn grow(&mut self, pages: u64) -> Result<(), Stop> {
        let added = pages.saturating_mul(PAGE as u64);
        let bytes = self.bytes().saturating_add(added);
        if bytes > MAX_MEMORY {
            return Err(Stop::Memory);
        }
        // A mark has the size of a word.
        self.budget.keep(2 * added as usize)?;
        self.budget.spend(added as usize / CELL as usize)?;
        self.words.resize(bytes as usize / WORD, 0);
        self.marks.resize(bytes as usize / WORD, Mark::BYTES);
        Ok(())
    }

    /// Reads up to eight bytes, little-endian.
    pub(super) fn load(&self, address: u64, bytes: u32) -> Result<u64, Stop> {
        let mut value = 0;
        for i in 0..u64::from(bytes) {
            let at = address + i;
            let (word, mark) = self.word(at / WORD as u64)?;
            match mark {
                Mark::BYTES => value |= u64::from(word >> (at % WORD as u64 * 8) & 0xff) << (8 * i),
                Mark::MIXED => return Err(Stop::Mixed),
                _ => return Err(Stop::Representation),
            }
        }
        Ok(value)
    }

    /// Writes up to eight bytes, little-endian.
    pub(super) fn store(&mut self, address: u64, bytes: u32, value: u64) -> Result<(), Stop> {
        for i in 0..u64::from(bytes) {
            let (at, byte) = (address + i, (value >> (8 * i) & 0xff) as u32);
            let (old, _) = self.word(at / WORD as u64)?;
            let shift = at % WORD as u64 * 8;
            self.set((at / WORD as u64) as u32, (old & !(0xff << shift) | byte << shift, Mark::BYTES))?;
        }
        Ok(())
    }

    /// The element in a cell.
    pub(super) fn cell(&self, address: u32, graph: &mut Graph<'_>) -> Result<NodeId, Stop> {
        let first = cell_start(address)?;
        let marks = self.marks.get(first..first + CELL_WORDS).ok_or(Stop::OutOfBounds)?;
        if let Some(node) = node_of_cell(marks) {
            return Ok(node);
        }
        if marks.iter().any(|mark| *mark != Mark::BYTES) {
            return Err(if marks.contains(&Mark::MIXED) { Stop::Mixed } else { Stop::Representation });
        }
        let words = self.words[first..first + CELL_WORDS].try_into().expect("a cell has CELL_WORDS words");
        graph.constant(decode(words)?)
    }

    /// Writes an element to a cell.
    pub(super) fn set_cell(&mut self, address: u32, node: NodeId) -> Result<(), Stop> {
        let first = cell_start(address)?;
        if first + CELL_WORDS > self.words.len() {
            return Err(Stop::OutOfBounds);
        }
        self.set(first as u32, (0, Mark::of(node)))?;
        for inside in 1..CELL_WORDS {
            self.set((first + inside) as u32, (0, Mark::INSIDE))?;
        }
        Ok(())
    }

    /// Starts a branch, whose changes [`take_back`](Self::take_back) undoes.
    pub(super) fn begin_branch(&mut self) -> Result<(), Stop> {
        self.journal.push(Changes::none(self.budget)?);
        Ok(())
    }

    /// Number of running branches.
    pub(super) fn branches(&self) -> usize {
        self.journal.len()
    }

    /// Undoes the changes of the innermost branch and returns them.
    pub(super) fn take_back(&mut self) -> Result<Changes<'b>, Stop> {
        let Some(mut changes) = self.journal.pop() else { return Changes::none(self.budget) };
        for (at, (word, mark)) in &mut changes.words {
            self.budget.spend(1)?;
            std::mem::swap(&mut self.words[*at as usize], word);
            std::mem::swap(&mut self.marks[*at as usize], mark);
        }
        Ok(changes)
    }

    /// Applies changes that were undone.
    pub(super) fn apply(&mut self, changes: Changes<'b>) -> Result<(), Stop> {
        changes.words.into_iter().try_for_each(|(at, word)| self.set(at, word))
    }

    /// Merges the changes of two branches. A cell becomes a choice between two elements by the condition.
    /// Other words that differ are marked and must not be read.
    pub(super) fn merge(
        &mut self,
        condition: NodeId,
        yes: &Changes<'b>,
        no: &Changes<'b>,
        graph: &mut Graph<'_>,
    ) -> Result<(), Stop> {
        let mut changed: Vec<u32> = yes.words.keys().chain(no.words.keys()).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        // Merging the first word of a cell covers its other words.
        let mut covered = 0;
        for at in changed {
            self.budget.spend(CHANGING)?;
            if at < covered {
                continue;
            }
            let [one, other] = [yes, no].map(|side| self.seen(side, at));
            if one == other {
                self.set(at, one)?;
            } else if one.1.node().is_some() || other.1.node().is_some() {
                covered = at + CELL_WORDS as u32;
                let one = self.cell_seen(yes, at, graph);
                let other = self.cell_seen(no, at, graph);
                match (one, other) {
                    (Ok(one), Ok(other)) => {
                        let node = graph.select(condition, one, other)?;
                        self.set_cell(at * WORD as u32, node)?;
                    }
                    (Err(stop), _) | (_, Err(stop)) if stop.is_limit() => return Err(stop),
                    _ => {
                        for at in at..covered.min(self.words.len() as u32) {
                            self.set(at, (0, Mark::MIXED))?;
                        }
                    }
                }
            } else {
                self.set(at, (0, Mark::MIXED))?;
            }
        }
        Ok(())
    }

    /// A word after some changes.
    fn seen(&self, changes: &Changes<'_>, at: u32) -> Word {
        let unchanged = (self.words[at as usize], self.marks[at as usize]);
        changes.words.get(&at).copied().unwrap_or(unchanged)
    }

    fn cell_seen(&self, changes: &Changes<'_>, at: u32, graph: &mut Graph<'_>) -> Result<NodeId, Stop> {
        if at as usize + CELL_WORDS > self.words.len() {
            return Err(Stop::OutOfBounds);
        }
        let mut words = [0; CELL_WORDS];
        let mut marks = [Mark::BYTES; CELL_WORDS];
        for i in 0..CELL_WORDS {
            (words[i], marks[i]) = self.seen(changes, at + i as u32);
        }
        match node_of_cell(&marks) {
            Some(node) => Ok(node),
            None if marks == [Mark::BYTES; CELL_WORDS] => graph.constant(decode(&words)?),
            None => Err(Stop::Mixed),
        }
    }

    fn word(&self, index: u64) -> Result<Word, Stop> {
        let index = usize::try_from(index).map_err(|_| Stop::OutOfBounds)?;
        match (self.words.get(index), self.marks.get(index)) {
            (Some(&word), Some(&mark)) => Ok((word, mark)),
            _ => Err(Stop::OutOfBounds),
        }
    }

    fn set(&mut self, at: u32, (word, mark): Word) -> Result<(), Stop> {
        let index = at as usize;
        if let Some(journal) = self.journal.last_mut() {
            journal.put(at, (self.words[index], self.marks[index]))?;
        }
        (self.words[index], self.marks[index]) = (word, mark);
        Ok(())
    }
}

fn cell_start(address: u32) -> Result<usize, Stop> {
    let address = address as usize;
    if address.is_multiple_of(WORD) { Ok(address / WORD) } else { Err(Stop::Representation) }
}

/// The node of a cell, given its ten marks; `None` if they are not those of one whole cell.
fn node_of_cell(marks: &[Mark]) -> Option<NodeId> {
    let (first, inside) = marks.split_first()?;
    let node = first.node()?;
    inside.iter().all(|mark| *mark == Mark::INSIDE).then_some(node)
}

/// Decodes the bytes of a cell: a short integer, or 32 bytes in normal or Montgomery form.
fn decode(words: &[u32; CELL_WORDS]) -> Result<Value, Stop> {
    const LONG: u32 = 1 << 31;
    const MONTGOMERY: u32 = 1 << 30;
    let [short, flags, long @ ..] = words;
    if flags & LONG == 0 {
        // The Montgomery flag without the long flag marks a constant that contains both forms.
        return Ok(Value::small((*short as i32).into()));
    }
    let limb = |i: usize| u64::from(long[2 * i + 1]) << 32 | u64::from(long[2 * i]);
    let limbs = BigInt([limb(0), limb(1), limb(2), limb(3)]);
    if limbs >= Fr::MODULUS {
        return Err(Stop::Representation);
    }
    Ok(match flags & MONTGOMERY {
        0 => Value::integer(limbs.0),
        _ => Value::integer(Fr::new_unchecked(limbs).into_bigint().0),
    })
}
