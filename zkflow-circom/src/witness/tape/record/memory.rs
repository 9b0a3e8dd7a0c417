//! The memory of a module during recording: bytes, and marks for the bytes that contain a field element.
//!
//! circom's modules store a field element in a *cell* of 40 bytes: a short integer and flags, then 32 bytes.
//! A cell written by a field operation contains the number of a node; its bytes are no longer used.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

use crate::witness::tape::graph::{Graph, NodeId};
use crate::witness::tape::stop::Stop;
use crate::witness::tape::value::Value;

/// Bytes per cell.
pub(super) const CELL: u32 = 40;
/// 32-bit words per cell.
const CELL_WORDS: usize = CELL as usize / WORD;
const WORD: usize = 4;
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
#[derive(Debug, Default)]
pub(super) struct Changes(HashMap<u32, Word>);

impl Changes {
    /// Adds earlier changes; changes that are already present have priority.
    pub(super) fn put_before(&mut self, earlier: &Self) {
        for (at, word) in &earlier.0 {
            self.0.entry(*at).or_insert(*word);
        }
    }
}

/// Memory of a module that is being recorded; see the [module](self).
#[derive(Debug)]
pub(super) struct Memory {
    words: Vec<u32>,
    marks: Vec<Mark>,
    max_bytes: usize,
    /// For each running branch, the words that it changed, with their previous values.
    journal: Vec<HashMap<u32, Word>>,
}

impl Memory {
    pub(super) fn new(pages: u64, max_bytes: usize) -> Result<Self, Stop> {
        let mut memory = Self { words: Vec::new(), marks: Vec::new(), max_bytes, journal: Vec::new() };
        memory.grow(pages)?;
        Ok(memory)
    }

    pub(super) fn pages(&self) -> u32 {
        (self.words.len() * WORD / PAGE) as u32
    }

    /// Adds zeroed pages.
    pub(super) fn grow(&mut self, pages: u64) -> Result<(), Stop> {
        let bytes = (self.words.len() * WORD) as u64 + pages.saturating_mul(PAGE as u64);
        if bytes > self.max_bytes as u64 {
            return Err(Stop::Memory);
        }
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
            self.set((at / WORD as u64) as u32, (old & !(0xff << shift) | byte << shift, Mark::BYTES));
        }
        Ok(())
    }

    /// The element in a cell.
    pub(super) fn cell(&self, address: u32, graph: &mut Graph) -> Result<NodeId, Stop> {
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
        self.set(first as u32, (0, Mark::of(node)));
        for inside in 1..CELL_WORDS {
            self.set((first + inside) as u32, (0, Mark::INSIDE));
        }
        Ok(())
    }

    /// Starts a branch, whose changes [`take_back`](Self::take_back) undoes.
    pub(super) fn begin_branch(&mut self) {
        self.journal.push(HashMap::new());
    }

    /// Number of running branches.
    pub(super) fn branches(&self) -> usize {
        self.journal.len()
    }

    /// Undoes the changes of the innermost branch and returns them.
    pub(super) fn take_back(&mut self) -> Changes {
        let Some(before) = self.journal.pop() else { return Changes::default() };
        let mut after = HashMap::with_capacity(before.len());
        for (word, (value, mark)) in before {
            let at = word as usize;
            after.insert(word, (self.words[at], self.marks[at]));
            (self.words[at], self.marks[at]) = (value, mark);
        }
        Changes(after)
    }

    /// Applies changes that were undone.
    pub(super) fn apply(&mut self, changes: Changes) {
        for (at, word) in changes.0 {
            self.set(at, word);
        }
    }

    /// Merges the changes of two branches. A cell becomes a choice between two elements by the condition.
    /// Other words that differ are marked and must not be read.
    pub(super) fn merge(
        &mut self,
        condition: NodeId,
        yes: &Changes,
        no: &Changes,
        graph: &mut Graph,
    ) -> Result<(), Stop> {
        let mut changed: Vec<u32> = yes.0.keys().chain(no.0.keys()).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        // Merging the first word of a cell covers its other words.
        let mut covered = 0;
        for at in changed {
            if at < covered {
                continue;
            }
            let [one, other] = [yes, no].map(|side| self.seen(side, at));
            if one == other {
                self.set(at, one);
            } else if one.1.node().is_some() || other.1.node().is_some() {
                covered = at + CELL_WORDS as u32;
                let one = self.cell_seen(yes, at, graph);
                let other = self.cell_seen(no, at, graph);
                if let (Ok(one), Ok(other)) = (one, other) {
                    let node = graph.select(condition, one, other)?;
                    self.set_cell(at * WORD as u32, node)?;
                } else {
                    (at..covered.min(self.words.len() as u32)).for_each(|at| self.set(at, (0, Mark::MIXED)));
                }
            } else {
                self.set(at, (0, Mark::MIXED));
            }
        }
        Ok(())
    }

    /// A word after some changes.
    fn seen(&self, changes: &Changes, at: u32) -> Word {
        let unchanged = (self.words[at as usize], self.marks[at as usize]);
        changes.0.get(&at).copied().unwrap_or(unchanged)
    }

    fn cell_seen(&self, changes: &Changes, at: u32, graph: &mut Graph) -> Result<NodeId, Stop> {
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

    fn set(&mut self, at: u32, (word, mark): Word) {
        let index = at as usize;
        if let Some(journal) = self.journal.last_mut() {
            journal.entry(at).or_insert((self.words[index], self.marks[index]));
        }
        (self.words[index], self.marks[index]) = (word, mark);
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
