//! Affine additions that share one inversion.
//!
//! With the slope λ = (y_Q − y_P) / (x_Q − x_P), or 3x² / 2y when doubling, P + Q has the coordinates
//! x = λ² − x_P − x_Q and y = λ(x_P − x) − y_P. With Montgomery's trick a batch of divisions costs three
//! multiplications each and one inversion. An inversion in Fq² uses the norm, so the shared product is in
//! Fq. An addition costs 5 multiplications and a square in Fq, less than half of a Jacobian addition.
//!
//! Infinity is (0, 0), which is not on either curve. A zero denominator would make the whole batch zero, so
//! every pair is checked. A comparison of one limb finds lanes with infinity or with equal x; only such
//! lanes pay for the exact cases.

use crate::field::{Arithmetic, Coordinate, Lanes, Mask, invert_each};
use crate::{Backend, Task};

/// A pair of points to be added after the shared inversion.
#[derive(Clone, Copy)]
struct Pending<C: Coordinate> {
    x: C,
    y: C,
    /// Norm of the denominator.
    norm: C::Base,
    /// Product of the previous norms of the same chain.
    before: C::Base,
    /// True if the plain formula is correct in every lane.
    plain: bool,
    /// Lanes in which the point is added.
    active: Mask,
}

/// Number of product chains, so that multiplications do not wait for each other.
const CHAINS: usize = 2;

/// A batch of additions P ← P + Q, `WIDTH` pairs at a time. Call [`Self::stage`] for each vector, then
/// [`Self::invert`] once, then [`Self::finish`].
pub(crate) struct Additions<C: Coordinate> {
    pending: Vec<Pending<C>>,
    staged: usize,
    chains: [C::Base; CHAINS],
}

impl<C: Coordinate> Additions<C> {
    /// Size in bytes of `WIDTH` pending pairs.
    pub(crate) const BYTES: usize = size_of::<Pending<C>>();

    /// Allocates memory for batches of `capacity` times `WIDTH` pairs.
    #[inline(always)]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let (zero, one) = (C::zero(), C::Base::one());
        let blank = Pending { x: zero, y: zero, norm: one, before: one, plain: false, active: 0 };
        Self { pending: vec![blank; capacity], staged: 0, chains: [one; CHAINS] }
    }

    /// Adds `WIDTH` pairs to the batch: `point` is added to `accumulator` in the lanes of `active` only.
    /// Coordinates must be reduced.
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
        let chain = &mut self.chains[self.staged % CHAINS];
        let pending = &mut self.pending[self.staged];
        self.staged += 1;
        // Assigned field by field: a struct literal would be built elsewhere and copied.
        pending.x = x;
        pending.y = y;
        pending.norm = norm;
        pending.before = *chain;
        pending.plain = special == 0;
        pending.active = active;
        // The norm is the first factor: the portable kernel has it in registers.
        *chain = norm.mul(*chain);
    }

    /// Inverts the product of all staged norms.
    #[inline(always)]
    pub(crate) fn invert(&mut self) {
        let [a, b] = self.chains;
        let inverse = invert_each(a.mul(b));
        self.chains = [inverse.mul(b), inverse.mul(a)];
    }

    /// Adds the staged pairs, last first, and calls `meanwhile(i)` before pair i. `accumulators` must be
    /// unchanged since [`Self::stage`].
    #[inline(always)]
    pub(crate) fn finish(&mut self, accumulators: &mut [(C, C)], mut meanwhile: impl FnMut(usize)) {
        let mut end = accumulators.len();
        // Two at a time: a single addition is a chain of four dependent multiplications.
        while end > 0 {
            let start = end.saturating_sub(2);
            let plain = match (&self.pending[start..end], &mut accumulators[start..end]) {
                ([first, second], [p, q]) if first.plain && second.plain => Some([p, q]),
                _ => None,
            };
            if let Some(two) = plain {
                meanwhile(start + 1);
                meanwhile(start);
                // The two additions are in different chains.
                let inverses = [self.inverse_of_norm(start), self.inverse_of_norm(start + 1)];
                add_plain(two, [&self.pending[start], &self.pending[start + 1]], inverses);
            } else {
                for i in start..end {
                    meanwhile(i);
                    let inverse = self.inverse_of_norm(i);
                    accumulators[i] = add_exactly(&accumulators[i], &self.pending[i], inverse);
                }
            }
            end = start;
        }
        self.staged = 0;
        self.chains = [C::Base::one(); CHAINS];
    }

    /// The inverse of the norm of a pending pair. The later pairs of its chain must have been requested
    /// before.
    #[inline(always)]
    fn inverse_of_norm(&mut self, index: usize) -> C::Base {
        let Pending { norm, before, .. } = &self.pending[index];
        let chain = &mut self.chains[index % CHAINS];
        let inverse = chain.mul(*before);
        *chain = chain.mul(*norm);
        inverse
    }
}

/// [`Additions::invert`] and [`Additions::finish`], compiled once for all callers that do nothing meanwhile.
pub(crate) struct Complete<'a, C: Coordinate> {
    pub(crate) additions: &'a mut Additions<C>,
    pub(crate) accumulators: &'a mut [(C, C)],
}

impl<C: Coordinate> Task for Complete<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        self.additions.invert();
        self.additions.finish(self.accumulators, |_| ());
    }
}

/// Two independent additions with the plain formula, interleaved step by step.
#[inline(always)]
fn add_plain<C: Coordinate>(p: [&mut (C, C); 2], q: [&Pending<C>; 2], inverse_of_norm: [C::Base; 2]) {
    let mut slope = [C::zero(); 2];
    for i in 0..2 {
        let inverse = q[i].x.sub_loose(p[i].0).inverse_by_norm(inverse_of_norm[i]);
        slope[i] = q[i].y.sub_loose(p[i].1).mul(inverse);
    }
    let mut x = [C::zero(); 2];
    for i in 0..2 {
        x[i] = slope[i].square().sub_both(p[i].0, q[i].x);
    }
    for i in 0..2 {
        let y = p[i].0.sub_loose(x[i]).mul(slope[i]).sub(p[i].1);
        *p[i] = (x[i], y);
    }
}

/// An addition with the formula that each lane needs.
#[inline(always)]
fn add_exactly<C: Coordinate>(p: &(C, C), q: &Pending<C>, inverse_of_norm: C::Base) -> (C, C) {
    let point = (q.x, q.y);
    let cases = Cases::of(p, &point, q.active);
    let denominator = cases.denominator(p, &point);
    let square = p.0.square();
    let numerator = C::select(cases.double, square.double().add(square), q.y.sub(p.1));
    let slope = numerator.mul(denominator.inverse_by_norm(inverse_of_norm));
    let x = slope.square().sub_both(p.0, q.x);
    let y = p.0.sub_loose(x).mul(slope).sub(p.1);
    cases.select((x, y), *p, point)
}

/// Masks of the lanes that need a special formula.
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
        // No point has y = 0: both groups have odd order.
        let double = p.1.sub(q.1).zero_mask() & same_x;
        Self { double, cancel: same_x & !double, keep, take }
    }

    /// Denominator of the slope; one in lanes without a slope.
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
