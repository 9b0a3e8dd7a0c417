//! The points of a key, with or without multiples.

use ark_bn254::{G1Affine, G2Affine, g1, g2};
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options};
use zkflow_bn254::points::Curve;

/// Points multiplied by the witness, one per wire, and by the quotient.
#[derive(Clone)]
pub(super) struct Points {
    pub(super) a: FixedBases<g1::Config>,
    pub(super) b1: FixedBases<g1::Config>,
    /// Infinity for public wires, so that all four use the same scalars.
    pub(super) c: FixedBases<g1::Config>,
    /// One point per row.
    pub(super) h: FixedBases<g1::Config>,
    pub(super) b2: FixedBases<g2::Config>,
}

impl Points {
    /// Prepares points, with as many multiples as fit into `table_bytes`. There is one point of `c` per wire.
    pub(super) fn prepare(
        [a, b1, c, h]: [Vec<G1Affine>; 4],
        b2: Vec<G2Affine>,
        kernel: Kernel,
        table_bytes: usize,
    ) -> Self {
        let (g1, g2) = (size_of::<G1Affine>(), size_of::<G2Affine>());
        let total = (a.len() + b1.len() + c.len() + h.len()) * g1 + b2.len() * g2;
        let options = |plain: usize| Options { kernel, table_bytes: share(table_bytes, plain, total) };
        // Each set is dropped once it is prepared, so that few sets are in memory twice.
        let in_g1 = |points: Vec<G1Affine>| FixedBases::prepare(&points, options(points.len() * g1));
        let in_g2 = |points: Vec<G2Affine>| FixedBases::prepare(&points, options(points.len() * g2));
        Self { a: in_g1(a), b1: in_g1(b1), c: in_g1(c), h: in_g1(h), b2: in_g2(b2) }
    }

    /// The same points with as many multiples as fit into `table_bytes`, on the threads of the current pool; `None` if
    /// there is no room for any.
    pub(super) fn with_multiples(&self, table_bytes: usize) -> Option<Self> {
        // Of the points alone: B1 and B2 get as many multiples as each other, so that their digits are sorted once.
        let in_g1 = [&self.a, &self.b1, &self.c, &self.h];
        let total = in_g1.map(|bases| bases.rows().len()).iter().sum::<usize>() + self.b2.rows().len();
        let (mut points, mut any) = (self.clone(), false);
        for bases in [&mut points.a, &mut points.b1, &mut points.c, &mut points.h] {
            any |= extend(bases, share(table_bytes, bases.rows().len(), total));
        }
        any |= extend(&mut points.b2, share(table_bytes, self.b2.rows().len(), total));
        any.then_some(points)
    }

    pub(super) fn bytes(&self) -> usize {
        [&self.a, &self.b1, &self.c, &self.h].map(FixedBases::bytes).iter().sum::<usize>() + self.b2.bytes()
    }
}

/// Replaces points by the same points with multiples, if there is room.
fn extend<C: Curve>(bases: &mut FixedBases<C>, table_bytes: usize) -> bool {
    let extended = bases.with_multiples(table_bytes);
    extended.map(|extended| *bases = extended).is_some()
}

/// Each set of points gets memory in proportion to the size of its plain points.
fn share(table_bytes: usize, plain: usize, total: usize) -> usize {
    (table_bytes as u128 * plain as u128 / total.max(1) as u128) as usize
}
