//! [`InputWires`]: which wires of a witness contain the inputs.

use std::collections::HashMap;

use ark_bn254::Fr;
use zkflow_groth16::format::r1cs::R1cs;

use super::WitnessError;
use super::module::{Arranged, Given};
use super::signals::InputSignals;
use super::table::{InputTable, TableEntry, fnv1a};

/// The wires of a circuit's inputs.
///
/// The header of the constraints fixes their place: the constant one, outputs, public inputs, private inputs. Names
/// come from elsewhere, and must cover exactly these wires.
#[derive(Debug, Clone)]
pub(super) struct InputWires {
    /// The values of each input by the [FNV-1a hash](fnv1a) of its name, also of the fields of a bus.
    names: HashMap<u64, Span>,
    /// Wire of the first value.
    first_wire: usize,
    /// For each wire from `first_wire`, the number of its value. Private values without a wire are left out.
    values: Vec<u32>,
    /// Number of values of all inputs.
    total: u64,
    /// Number of public values; they come first, and all have wires.
    n_public: u64,
}

/// `size` values from number `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: u64,
    size: u64,
}

/// An input, and the number of its value that a witness does not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    pub(super) name: &'a str,
    pub(super) index: usize,
    /// Number of values of the input.
    pub(super) size: usize,
}

impl InputWires {
    /// The wires of inputs with these names and sizes, which are in the order of their labels.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub(super) fn from_signals(r1cs: &R1cs, signals: &InputSignals) -> Result<Self, WitnessError> {
        let mut first = 0;
        let inputs = signals.sizes().map(|(name, size)| {
            let span = Span { first, size: size as u64 };
            first += span.size;
            (fnv1a(name), span)
        });
        Self::new(r1cs, inputs.collect())
    }

    /// The wires of the inputs in a module's table, also by the names of the fields of a bus.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub(super) fn from_table(r1cs: &R1cs, table: &InputTable) -> Result<Self, WitnessError> {
        let label = u64::from(r1cs.n_outputs) + 1;
        let span = |entry: &TableEntry| {
            let first = u64::from(entry.label).checked_sub(label);
            let first = first.ok_or_else(|| mismatch("the module has an input among the outputs"))?;
            Ok((entry.hash, Span { first, size: entry.size.into() }))
        };
        let inputs = table.inputs().iter().filter(|entry| entry.size > 0).map(span);
        let mut wires = Self::new(r1cs, inputs.collect::<Result<_, WitnessError>>()?)?;
        for entry in table.entries().iter().filter(|entry| entry.size > 0) {
            let (hash, span) = span(entry)?;
            wires.names.entry(hash).or_insert(span);
        }
        Ok(wires)
    }

    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the wires after the outputs are not those of the inputs, or the names
    /// do not cover exactly these.
    fn new(r1cs: &R1cs, mut inputs: Vec<(u64, Span)>) -> Result<Self, WitnessError> {
        let n_public = u64::from(r1cs.n_public_inputs);
        let total = n_public + u64::from(r1cs.n_private_inputs);
        let first_wire = r1cs.n_outputs as usize + 1;
        let first_label = first_wire as u64;
        let is_input = |label: &u64| (first_label..first_label + total).contains(label);

        let labels = r1cs.labels.get(first_wire..).unwrap_or_default();
        if u32::try_from(total).is_err() {
            return Err(mismatch("the constraints have 2^32 inputs or more"));
        }
        // The difference is below `total`.
        let values: Vec<u32> = labels
            .iter()
            .take_while(|label| is_input(label))
            .map(|label| (label - first_label) as u32)
            .collect();
        let all = r1cs.labels.iter().filter(|label| is_input(label)).count();
        let ascend = values.is_sorted_by(|a, b| a < b);
        let public = values.iter().take_while(|value| u64::from(**value) < n_public).count() as u64;
        if all != values.len() || !ascend || public != n_public {
            return Err(mismatch("the wires after the outputs are not those of the inputs"));
        }

        inputs.retain(|(_, span)| span.size > 0);
        let mut next = 0;
        for (_, span) in &inputs {
            let straddles = span.first < n_public && span.first + span.size > n_public;
            if span.first != next || straddles {
                return Err(mismatch("the names do not cover the inputs of the constraints"));
            }
            next += span.size;
        }
        let n_inputs = inputs.len();
        let names: HashMap<u64, Span> = inputs.into_iter().collect();
        if next != total || names.len() != n_inputs {
            return Err(mismatch("the names do not cover the inputs of the constraints"));
        }
        Ok(Self { names, first_wire, values, total, n_public })
    }

    /// Whether these are the same wires, by names that include those of `named`.
    pub(super) fn contain(&self, named: &Self) -> bool {
        let Self { names, first_wire, values, total, n_public } = named;
        let rest = (&self.first_wire, &self.values, &self.total, &self.n_public);
        rest == (first_wire, values, total, n_public)
            && names.iter().all(|(hash, span)| self.names.get(hash) == Some(span))
    }

    /// Approximate size in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        (size_of_val(&*self.values) + self.names.capacity() * size_of::<(u64, Span)>()) as u64
    }

    /// Whether every value of every input has a wire. circom removes the wires of private inputs that occur in
    /// linear constraints only, or in none.
    pub(super) fn are_complete(&self) -> bool {
        self.values.len() as u64 == self.total
    }

    /// The inputs in the order of their values, each with the number of its first one.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the inputs are not those of the circuit.
    pub(super) fn in_order<'i, 'a>(
        &self,
        inputs: &'i Arranged<'a>,
    ) -> Result<Vec<(u64, &'i Given<'a>)>, WitnessError> {
        let mut given = Vec::with_capacity(inputs.len());
        for input in inputs.iter().filter(|(_, values)| !values.is_empty()) {
            let (name, values) = input;
            let span = self.names.get(&fnv1a(name)).filter(|span| span.size == values.len() as u64);
            let span = span.ok_or_else(|| mismatch("an input is missing, or has another size"))?;
            given.push((span.first, input));
        }
        given.sort_unstable_by_key(|(first, _)| *first);
        let ends = given.iter().map(|(first, (_, values))| first + values.len() as u64);
        let starts = given.iter().map(|(first, _)| *first);
        if !std::iter::once(0).chain(ends).eq(starts.chain([self.total])) {
            return Err(mismatch("the number of inputs differs"));
        }
        Ok(given)
    }

    /// Compares the inputs with their wires. Returns the first difference.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the inputs are not those of the circuit.
    pub(super) fn difference<'a>(
        &self,
        inputs: &'a Arranged<'_>,
        witness: &[Fr],
    ) -> Result<Option<Difference<'a>>, WitnessError> {
        let given = self.in_order(inputs)?;
        let wires = witness.get(self.first_wire..).and_then(|wires| wires.get(..self.values.len()));
        let wires = wires.ok_or_else(|| mismatch("the witness has too few wires"))?;
        let mut wires = self.values.iter().zip(wires).peekable();
        for (first, (name, values)) in given {
            let end = first + values.len() as u64;
            while let Some((value, wire)) = wires.next_if(|(value, _)| u64::from(**value) < end) {
                let index = (u64::from(*value) - first) as usize;
                if values[index] != wire {
                    return Ok(Some(Difference { name, index, size: values.len() }));
                }
            }
        }
        Ok(None)
    }

    /// Compares public inputs with the public signals of a proof. Returns the first difference.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the inputs are not the public ones of the circuit.
    pub(super) fn public_difference<'a>(
        &self,
        inputs: &'a Arranged<'_>,
        signals: &[Fr],
    ) -> Result<Option<Difference<'a>>, WitnessError> {
        let n_public = self.n_public as usize;
        let public = Self {
            names: self.names.clone().into_iter().filter(|(_, span)| span.first < self.n_public).collect(),
            // The constant one is not among the signals.
            first_wire: self.first_wire - 1,
            values: self.values[..n_public].to_vec(),
            total: self.n_public,
            n_public: self.n_public,
        };
        if signals.len() != public.first_wire + n_public {
            return Err(mismatch("the number of public signals differs"));
        }
        public.difference(inputs, signals)
    }
}

fn mismatch(detail: &str) -> WitnessError {
    WitnessError::SignalsMismatch(detail.to_owned())
}
