//! Affine additions that share one inversion.
//!
//! P + Q with the slope λ = (y_Q − y_P) / (x_Q − x_P), or 3x² / 2y when doubling, is
//! x = λ² − x_P − x_Q and y = λ(x_P − x) − y_P. By Montgomery's trick a batch of divisions costs three
//! multiplications each and one inversion. That of Fq² goes through the norm, so that the shared product
//! lives in Fq. In all: 5 multiplications and a square in Fq, less than half of a Jacobian addition.
//!
//! Infinity is (0, 0), which is on neither curve. A zero denominator would make the whole batch zero, so
//! every pair is looked at: lanes with infinity or with equal x are found by a look at one limb, and
//! only they pay for the exact cases.

use crate::bn254::field::{Arithmetic, Coordinate, Lanes, Mask, invert_each};

/// A pair of points whose sum waits for the shared inversion.
#[derive(Clone, Copy)]
struct Pending<C: Coordinate> {
    x: C,
    y: C,
    /// Norm of the denominator.
    norm: C::Base,
    /// The product of the norms before this one in the same chain.
    before: C::Base,
    /// No lane needs more than the formula.
    plain: bool,
    /// The lanes where the point is to be added.
    active: Mask,
}

/// Products run in this many chains, so that one multiplication need not wait for the other.
const CHAINS: usize = 2;

/// A batch of additions P ← P + Q for `WIDTH` pairs at a time: [`Self::stage`] each, [`Self::invert`] once, then
/// [`Self::finish`] each in reverse order.
pub(crate) struct Additions<C: Coordinate> {
    pending: Vec<Pending<C>>,
    chains: [C::Base; CHAINS],
}

impl<C: Coordinate> Additions<C> {
    /// Bytes that a pair takes.
    pub(crate) const BYTES: usize = size_of::<Pending<C>>();

    /// Room for batches of `capacity` times `WIDTH` pairs.
    #[inline(always)]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { pending: Vec::with_capacity(capacity), chains: [C::Base::one(); CHAINS] }
    }

    /// Adds pairs to the batch: `point` is to be added to `accumulator` in the lanes of `active`, and nothing in the
    /// others. Coordinates are reduced.
    #[inline(always)]
    pub(crate) fn stage(&mut self, accumulator: &(C, C), point: (C, C), active: Mask) {
        let (px, _) = accumulator;
        let (x, y) = point;
        let special = !active & C::Base::ALL
            | x.perhaps_equal_mask(*px)
            | x.literal_zero_mask()
            | px.literal_zero_mask();
        let denominator = if special == 0 {
            x.sub(*px)
        } else {
            Cases::of(accumulator, &point, active).denominator(accumulator, &point)
        };
        let norm = denominator.norm();
        let chain = &mut self.chains[self.pending.len() % CHAINS];
        self.pending.push(Pending { x, y, norm, before: *chain, plain: special == 0, active });
        *chain = chain.mul(norm);
    }

    /// The inversion.
    #[inline(always)]
    pub(crate) fn invert(&mut self) {
        let [a, b] = self.chains;
        let inverse = invert_each(a.mul(b));
        self.chains = [inverse.mul(b), inverse.mul(a)];
    }

    /// Adds the pairs last staged and not yet finished; `accumulator` must be as it was.
    #[inline(always)]
    pub(crate) fn finish(&mut self, accumulator: &mut (C, C)) {
        let Some(Pending { x, y, norm, before, plain, active }) = self.pending.pop() else {
            return;
        };
        let (px, py) = *accumulator;
        let chain = &mut self.chains[self.pending.len() % CHAINS];
        let inverse_of_norm = chain.mul(before);
        *chain = chain.mul(norm);
        if plain {
            let slope = y.sub_loose(py).mul(x.sub_loose(px).inverse_by_norm(inverse_of_norm));
            *accumulator = chord(px, py, x, slope);
        } else {
            let cases = Cases::of(accumulator, &(x, y), active);
            let denominator = cases.denominator(accumulator, &(x, y));
            let square = px.square();
            let numerator = C::select(cases.double, square.double().add(square), y.sub(py));
            let slope = numerator.mul(denominator.inverse_by_norm(inverse_of_norm));
            let sum = chord(px, py, x, slope);
            *accumulator = cases.select(sum, (px, py), (x, y));
        }
        if self.pending.is_empty() {
            self.chains = [C::Base::one(); CHAINS];
        }
    }
}

/// The third point of the line with the given slope through (px, py) and a point at x, reflected.
#[inline(always)]
fn chord<C: Coordinate>(px: C, py: C, x: C, slope: C) -> (C, C) {
    let sum_x = slope.square().sub(px.add_loose(x));
    (sum_x, px.sub_loose(sum_x).mul(slope).sub(py))
}

/// Which lanes need which formula.
struct Cases {
    /// P = Q.
    double: Mask,
    /// P = −Q.
    cancel: Mask,
    /// The sum is P.
    keep: Mask,
    /// The sum is Q.
    take: Mask,
}

impl Cases {
    #[inline(always)]
    fn of<C: Coordinate>(p: &(C, C), q: &(C, C), active: Mask) -> Self {
        let keep = !active & C::Base::ALL | q.0.zero_mask() & q.1.zero_mask();
        let take = p.0.zero_mask() & p.1.zero_mask() & !keep;
        let same_x = p.0.sub(q.0).zero_mask() & !keep & !take;
        // y = 0 has no solution: both groups have odd order.
        let double = p.1.sub(q.1).zero_mask() & same_x;
        Self { double, cancel: same_x & !double, keep, take }
    }

    /// What the slope is divided by; one where there is no slope.
    #[inline(always)]
    fn denominator<C: Coordinate>(&self, p: &(C, C), q: &(C, C)) -> C {
        let difference = C::select(self.double, p.1.double(), q.0.sub(p.0));
        C::select(self.cancel | self.keep | self.take, C::one(), difference)
    }

    #[inline(always)]
    fn select<C: Coordinate>(&self, sum: (C, C), p: (C, C), q: (C, C)) -> (C, C) {
        let pick = |sum: C, p: C, q: C| {
            C::select(self.cancel, C::zero(), C::select(self.keep, p, C::select(self.take, q, sum)))
        };
        (pick(sum.0, p.0, q.0), pick(sum.1, p.1, q.1))
    }
}
