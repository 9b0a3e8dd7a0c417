//! The calculation of a witness as a tape: a straight line of field operations, recorded once from a
//! circuit's module and played for every witness.
//!
//! A circuit does the same operations for all inputs: parameters determine the rounds of loops, and inputs
//! only change values. One run of circom's WebAssembly with symbolic inputs therefore gives the whole
//! calculation as a graph of field operations, without calls, addresses, counters and copies.
//!
//! | module | subject |
//! |---|---|
//! | `record` | runs the module with symbolic inputs |
//! | `graph` | the operations in order of execution, constants folded |
//! | `budget` | work and bytes that recording may spend |
//! | `lower` | drops values that no wire needs, and assigns every value a place in memory |
//! | `operation`, `value` | circom's operators, on small integers and field elements |
//! | `play` | calculates a witness from inputs |
//! | `file` | tapes as bytes |
//!
//! A condition on inputs becomes a choice between two computed values. If that is not possible, there is no
//! tape ([`Stop`] is the reason). *Guards* are the assumptions of a tape: an `assert` holds, an index is
//! inside its array. If a guard fails, the tape has no witness, and the module calculates it.
//!
//! A tape is an accelerator and never trusted: [`WitnessCalculator`](super::WitnessCalculator) checks its
//! witnesses against the constraints and falls back to the module. The recorder expects code as circom 2
//! generates it, but does not check the origin of a module. Witnesses from a malicious module fail that
//! check, and all that a module can make the recorder do is charged to a budget.

mod budget;
mod file;
mod graph;
mod lower;
mod operation;
mod play;
mod record;
mod stop;
mod value;

pub use file::{TapeError, seal, sealed};
pub use record::RecordLimits;
pub use stop::Stop;

pub(super) use play::Unplayable;

use budget::Budget;
use value::Value;

/// Stack size in bytes of the recording thread.
const STACK: usize = 256 << 20;

/// A recorded witness calculation; see the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    /// Hash of the name of each input, and the places of its values, in the order of the signals. Inputs are played in
    /// this order, not by their names: [`WitnessCheck`](super::WitnessCheck) knows all names of the fields of buses.
    inputs: Vec<(u64, Vec<u32>)>,
    /// Number of wires; wire i is at place i.
    wires: u32,
    /// Total number of places: wires, constants, intermediate values.
    places: u32,
    /// Constants; their places follow the wires.
    constants: Vec<Value>,
    /// Places that lookups choose from, one table after the other.
    tables: Vec<u32>,
    code: Vec<Instruction>,
}

/// A step: its kind, the place of its result, and its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct Instruction {
    /// The kind in the top 8 bits, the place of the result in the low 24 bits.
    kind_and_target: u32,
    a: u32,
    b: u32,
    c: u32,
}

/// The kind of a step. `a`, `b` and `c` are the values at these places, unless stated otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An operator on a and b.
    Operation(operation::Operator),
    /// Bit b of a; b is the number of the bit.
    Bit,
    /// b if a is not zero, else c.
    Select,
    /// Entry a of a table; b is the start of the table in `tables`, c its number of entries.
    Lookup,
    /// A copy of a.
    Copy,
    /// Fails if a is zero; has no result.
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

/// Maximum number of places: the number of a place has 24 bits.
const MAX_PLACES: u32 = 1 << 24;

impl Instruction {
    fn new(kind: Kind, target: u32, [a, b, c]: [u32; 3]) -> Self {
        Self { kind_and_target: u32::from(kind.number()) << 24 | target, a, b, c }
    }

    #[inline(always)]
    fn target(self) -> u32 {
        self.kind_and_target & (MAX_PLACES - 1)
    }

    /// The number of the kind.
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
    /// [`Stop`] is the reason why there is no tape.
    pub fn record(wasm: &[u8], limits: RecordLimits) -> Result<Self, Stop> {
        let record = || {
            let budget = Budget::new(limits.work, limits.memory_bytes);
            lower::lower(record::record(wasm, &limits, &budget)?, &budget)
        };
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("zkflow-record".to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, record)
                .map_err(|_| Stop::Memory)?
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Number of wires.
    pub fn wires(&self) -> usize {
        self.wires as usize
    }

    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// True if there are no instructions.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// The input values that no wire and no guard depends on, by their numbers, from 0 in the order of the signals.
    pub fn unused_inputs(&self) -> Vec<u64> {
        // A used value has a place that an instruction reads, or that of a wire. No instruction names the place of unused
        // values.
        let mut is_named = vec![false; self.places as usize];
        let mut name =
            |place: u32| is_named.get_mut(place as usize).into_iter().for_each(|named| *named = true);
        (0..self.wires).for_each(&mut name);
        self.tables.iter().copied().for_each(&mut name);
        for Instruction { a, b, c, .. } in &self.code {
            [*a, *b, *c].into_iter().for_each(&mut name);
        }
        let places = self.inputs.iter().flat_map(|(_, places)| places);
        let unused = (0..).zip(places).filter(|(_, place)| !is_named[**place as usize]);
        unused.map(|(value, _)| value).collect()
    }

    /// Approximate memory in bytes that playing the tape needs.
    pub fn working_bytes(&self) -> u64 {
        u64::from(self.places) * size_of::<Value>() as u64
    }

    /// Approximate size of the tape in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let tables = size_of_val(&*self.code) + size_of_val(&*self.tables) + size_of_val(&*self.constants);
        tables as u64
    }
}
