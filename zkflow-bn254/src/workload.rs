//! Repeated field operations for benchmarks; other programs do not need single operations.

use crate::field::{Arithmetic, Lanes, Quadratic, invert_all};
use crate::{Backend, Kernel, Task};

/// A field of BN254.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The base field.
    Fq,
    /// The quadratic extension of Fq.
    Fq2,
    /// The scalar field.
    Fr,
}

/// An operation on field elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// a + b, reduced.
    Add,
    /// a − b, reduced.
    Subtract,
    /// The product ab.
    Multiply,
    /// The square a².
    Square,
    /// Batch inversion with one inversion in all. For Fq² it inverts the norms, in Fq.
    InvertAll,
}

/// Repeats the operation on about `elements` elements, rounded down to whole vectors and chains. Returns a
/// value that depends on all results.
pub fn repeat(kernel: Kernel, field: Field, operation: Operation, elements: usize) -> u64 {
    kernel.run(Repeat { field, operation, elements })
}

struct Repeat {
    field: Field,
    operation: Operation,
    elements: usize,
}

impl Task for Repeat {
    type Output = u64;

    #[inline(always)]
    fn run<B: Backend>(self) -> u64 {
        let Self { field, operation, elements } = self;
        match (field, operation) {
            (Field::Fq | Field::Fq2, Operation::InvertAll) => invert::<B::Fq>(elements),
            (Field::Fr, Operation::InvertAll) => invert::<B::Fr>(elements),
            (Field::Fq, _) => chains::<B::Fq>(operation, elements / B::Fq::WIDTH),
            (Field::Fr, _) => chains::<B::Fr>(operation, elements / B::Fr::WIDTH),
            (Field::Fq2, _) => chains::<Quadratic<B::Fq>>(operation, elements / B::Fq::WIDTH),
        }
    }
}

/// Number of independent chains, so that operations do not wait for each other.
const CHAINS: usize = 4;

#[inline(always)]
fn chains<A: Arithmetic>(operation: Operation, count: usize) -> u64 {
    let other = A::one().double().add(A::one());
    let mut values = [A::one(), other, other.double(), other.neg()];
    for _ in 0..count / CHAINS {
        for value in &mut values {
            *value = match operation {
                Operation::Add => value.add(other),
                Operation::Subtract => value.sub(other),
                Operation::Square => value.square(),
                Operation::Multiply | Operation::InvertAll => value.mul(other),
            };
        }
    }
    let [a, b, c, d] = values;
    a.add(b).add(c.add(d)).zero_mask().into()
}

#[inline(always)]
fn invert<L: Lanes>(elements: usize) -> u64 {
    let mut value = L::one();
    let mut values = Vec::with_capacity(elements / L::WIDTH);
    for _ in 0..elements / L::WIDTH {
        value = value.double().add(L::one());
        values.push(value);
    }
    invert_all(&mut values);
    values.last().map_or(0, |last| last.zero_mask().into())
}
