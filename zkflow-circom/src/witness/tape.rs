//! The calculation of a witness as a tape: a straight line of field operations, recorded once from a circuit's
//! module and played for every witness.
//!
//! A circuit does the same for all inputs: loops run as often as parameters say, and what depends on inputs are the
//! values. So running circom's WebAssembly once with inputs that stand for any value gives the whole calculation as a graph
//! of field operations, without calls, addresses, counters and copies.
//!
//! | module | subject |
//! |---|---|
//! | `record` | runs the module with inputs that have no value yet |
//! | `graph` | the operations in the order in which they took place, constants folded |
//! | `lower` | drops what no wire needs, and gives every value a place in memory |
//! | `operation`, `value` | circom's operators, on small integers and field elements |
//! | `play` | inputs to witness |
//! | `file` | tapes as bytes |
//!
//! Conditions on inputs become choices between values that are both computed; where that is not possible there is
//! no tape ([`Stop`] says why). *Guards* are what a tape relies on: that `assert`s hold, that an index stays in its array. If one
//! does not, there is no witness from the tape, and the module decides.
//!
//! A tape is an accelerator and never trusted: [`WitnessCalculator`](super::WitnessCalculator) checks its witnesses
//! against the constraints and falls back to the module. Recording knows what circom 2 generates and nothing of a module's
//! origin; a module that is made to mislead it gives witnesses that fail that check.

mod file;
mod graph;
mod lower;
mod operation;
mod play;
mod record;
mod stop;
mod value;

pub use file::TapeError;
pub use record::RecordLimits;
pub use stop::Stop;

pub(super) use play::Unplayable;

use value::Value;

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    /// The inputs by the hashes of their names, each with the places of its values.
    inputs: Vec<(u64, Vec<u32>)>,
    /// Wires; wire i is at place i.
    wires: u32,
    /// Values at all: wires, constants, and those in between.
    places: u32,
    /// Behind the wires.
    constants: Vec<Value>,
    /// The places that lookups choose from, one table after the other.
    tables: Vec<u32>,
    code: Vec<Instruction>,
}

/// A step: the place of its result, and of what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct Instruction {
    /// The kind in the top 8 bits, the place of the result in the others.
    kind_and_target: u32,
    a: u32,
    b: u32,
    c: u32,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An operator on a and b.
    Operation(operation::Operator),
    /// Bit b of a.
    Bit,
    /// b if a is not zero, else c.
    Select,
    /// Entry a of the table that begins at b and has c entries.
    Lookup,
    /// The value at a.
    Copy,
    /// a must not be zero. No result.
    Guard,
}

impl Kind {
    const BIT: u8 = 0x80;
    const SELECT: u8 = 0x81;
    const LOOKUP: u8 = 0x82;
    const COPY: u8 = 0x83;
    const GUARD: u8 = 0x84;

    fn number(self) -> u8 {
        match self {
            Self::Operation(operator) => operator as u8,
            Self::Bit => Self::BIT,
            Self::Select => Self::SELECT,
            Self::Lookup => Self::LOOKUP,
            Self::Copy => Self::COPY,
            Self::Guard => Self::GUARD,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            Self::BIT => Self::Bit,
            Self::SELECT => Self::Select,
            Self::LOOKUP => Self::Lookup,
            Self::COPY => Self::Copy,
            Self::GUARD => Self::Guard,
            _ => Self::Operation(*operation::Operator::ALL.get(usize::from(number))?),
        })
    }
}

/// Places have 24 bits.
const MAX_PLACES: u32 = 1 << 24;

impl Instruction {
    fn new(kind: Kind, target: u32, [a, b, c]: [u32; 3]) -> Self {
        Self { kind_and_target: u32::from(kind.number()) << 24 | target, a, b, c }
    }

    #[inline(always)]
    fn target(self) -> u32 {
        self.kind_and_target & (MAX_PLACES - 1)
    }

    /// The number of its kind.
    #[inline(always)]
    fn number(self) -> u8 {
        (self.kind_and_target >> 24) as u8
    }

    fn kind(self) -> Option<Kind> {
        Kind::of_number(self.number())
    }
}

impl Tape {
    /// Records the calculation of a circuit's module.
    ///
    /// # Errors
    /// [`Stop`] says why there is no tape.
    pub fn record(wasm: &[u8], limits: RecordLimits) -> Result<Self, Stop> {
        lower::lower(record::record(wasm, limits)?)
    }

    /// The number of wires.
    pub fn wires(&self) -> usize {
        self.wires as usize
    }

    /// The number of operations.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether nothing is computed.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// Memory that playing it takes, in bytes, about.
    pub fn working_bytes(&self) -> u64 {
        u64::from(self.places) * size_of::<Value>() as u64
    }

    /// Memory that it keeps, in bytes, about.
    pub fn memory_bytes(&self) -> u64 {
        let tables = size_of_val(&*self.code) + size_of_val(&*self.tables) + size_of_val(&*self.constants);
        tables as u64
    }
}
