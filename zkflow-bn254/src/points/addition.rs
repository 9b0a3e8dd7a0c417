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

use crate::field::{Arithmetic, Coordinate, Lanes, Mask, invert_each};

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
/// [`Self::finish`].
pub(crate) struct Additions<C: Coordinate> {
    pending: Vec<Pending<C>>,
    staged: usize,
    chains: [C::Base; CHAINS],
}

impl<C: Coordinate> Additions<C> {
    /// Bytes that a pair takes.
    pub(crate) const BYTES: usize = size_of::<Pending<C>>();

    /// Room for batches of `capacity` times `WIDTH` pairs.
    #[inline(always)]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let (zero, one) = (C::zero(), C::Base::one());
        let blank = Pending { x: zero, y: zero, norm: one, before: one, plain: false, active: 0 };
        Self { pending: vec![blank; capacity], staged: 0, chains: [one; CHAINS] }
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
        let chain = &mut self.chains[self.staged % CHAINS];
        let pending = &mut self.pending[self.staged];
        self.staged += 1;
        // Field by field: a whole would be built elsewhere and copied.
        pending.x = x;
        pending.y = y;
        pending.norm = norm;
        pending.before = *chain;
        pending.plain = special == 0;
        pending.active = active;
        *chain = chain.mul(norm);
    }

    /// The inversion.
    #[inline(always)]
    pub(crate) fn invert(&mut self) {
        let [a, b] = self.chains;
        let inverse = invert_each(a.mul(b));
        self.chains = [inverse.mul(b), inverse.mul(a)];
    }

    /// Adds the pairs staged, last first; `accumulators` must be as they were.
    #[inline(always)]
    pub(crate) fn finish(&mut self, accumulators: &mut [(C, C)], mut meanwhile: impl FnMut(usize)) {
        let mut end = accumulators.len();
        // By twos: one addition alone is a chain of four multiplications, each waiting for the one before.
        while end > 0 {
            let start = end.saturating_sub(2);
            let plain = match (&self.pending[start..end], &mut accumulators[start..end]) {
                ([first, second], [p, q]) if first.plain && second.plain => Some([p, q]),
                _ => None,
            };
            if let Some(two) = plain {
                meanwhile(start + 1);
                meanwhile(start);
                // The two are in different chains.
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

    /// The inverse of the norm of a pending pair, those after it in its chain already asked for.
    #[inline(always)]
    fn inverse_of_norm(&mut self, index: usize) -> C::Base {
        let Pending { norm, before, .. } = &self.pending[index];
        let chain = &mut self.chains[index % CHAINS];
        let inverse = chain.mul(*before);
        *chain = chain.mul(*norm);
        inverse
    }
}

/// Two independent additions by the formula alone, step by step together.
#[inline(always)]
fn add_plain<C: Coordinate>(p: [&mut (C, C); 2], q: [&Pending<C>; 2], inverse_of_norm: [C::Base; 2]) {
    let mut slope = [C::zero(); 2];
    for i in 0..2 {
        let inverse = q[i].x.sub_loose(p[i].0).inverse_by_norm(inverse_of_norm[i]);
        slope[i] = q[i].y.sub_loose(p[i].1).mul(inverse);
    }
    let mut x = [C::zero(); 2];
    for i in 0..2 {
        x[i] = slope[i].square().sub(p[i].0.add_loose(q[i].x));
    }
    for i in 0..2 {
        let y = p[i].0.sub_loose(x[i]).mul(slope[i]).sub(p[i].1);
        *p[i] = (x[i], y);
    }
}

/// An addition by the formula that each lane needs.
#[inline(always)]
fn add_exactly<C: Coordinate>(p: &(C, C), q: &Pending<C>, inverse_of_norm: C::Base) -> (C, C) {
    let point = (q.x, q.y);
    let cases = Cases::of(p, &point, q.active);
    let denominator = cases.denominator(p, &point);
    let square = p.0.square();
    let numerator = C::select(cases.double, square.double().add(square), q.y.sub(p.1));
    let slope = numerator.mul(denominator.inverse_by_norm(inverse_of_norm));
    let x = slope.square().sub(p.0.add_loose(q.x));
    let y = p.0.sub_loose(x).mul(slope).sub(p.1);
    cases.select((x, y), *p, point)
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
