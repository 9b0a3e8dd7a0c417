//! Affine additions and doublings that share one inversion.
//!
//! With the slope λ = (y_Q − y_P) / (x_Q − x_P), or 3x² / 2y when doubling, P + Q has the coordinates
//! x = λ² − x_P − x_Q and y = λ(x_P − x) − y_P. With Montgomery's trick a batch of divisions costs three
//! multiplications each and one inversion. An inversion in Fq² uses the norm, so the shared product is in
//! Fq. An addition costs 5 multiplications and a square in Fq, less than half of a Jacobian addition. A doubling costs as
//! much as a Jacobian one, but leaves an affine point.
//!
//! Infinity is (0, 0), which is not on either curve. A zero denominator would make the whole batch zero, so
//! every pair is checked. A comparison of one limb finds lanes with infinity or with equal x; only such
//! lanes pay for the exact cases.

use ark_ff::PrimeField;

use crate::field::{Arithmetic, Chains, Coordinate, Lanes, MAX_WIDTH, Mask};
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

/// A batch of additions P ← P + Q, `WIDTH` pairs at a time. Call [`Self::stage`] for each vector, then
/// [`Self::invert`] once, then [`Self::finish`].
pub(crate) struct Additions<C: Coordinate> {
    pending: Vec<Pending<C>>,
    staged: usize,
    chains: Chains<C::Base>,
}

impl<C: Coordinate> Additions<C> {
    /// Size in bytes of `WIDTH` pending pairs.
    pub(crate) const BYTES: usize = size_of::<Pending<C>>();

    /// Allocates memory for batches of `capacity` times `WIDTH` pairs.
    #[inline(always)]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let (zero, one) = (C::zero(), C::Base::one());
        let blank = Pending { x: zero, y: zero, norm: one, before: one, plain: false, active: 0 };
        Self { pending: vec![blank; capacity], staged: 0, chains: Chains::new() }
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
        let before = self.chains.push(self.staged, norm);
        let pending = &mut self.pending[self.staged];
        self.staged += 1;
        // Assigned field by field: a struct literal would be built elsewhere and copied.
        pending.x = x;
        pending.y = y;
        pending.norm = norm;
        pending.before = before;
        pending.plain = special == 0;
        pending.active = active;
    }

    /// Inverts the product of all staged norms.
    #[inline(always)]
    pub(crate) fn invert(&mut self) {
        self.chains.invert();
    }

    /// Adds the staged pairs, last first, and calls `meanwhile(i)` before pair i. `accumulators` must be
    /// unchanged since [`Self::stage`].
    #[inline(always)]
    pub(crate) fn finish(&mut self, accumulators: &mut [(C, C)], mut meanwhile: impl FnMut(usize)) {
        let mut end = accumulators.len();
        while end > 0 {
            let start = end.saturating_sub(C::INTERLEAVED);
            if end - start == 2 && self.pending[start].plain && self.pending[start + 1].plain {
                meanwhile(start + 1);
                meanwhile(start);
                // The two additions are in different chains.
                let inverses = [self.inverse_of_norm(start), self.inverse_of_norm(start + 1)];
                add_plain(&mut accumulators[start..end], &self.pending[start..end], inverses);
            } else {
                for i in start..end {
                    meanwhile(i);
                    let inverse = self.inverse_of_norm(i);
                    if self.pending[i].plain {
                        add_plain(&mut accumulators[i..=i], &self.pending[i..=i], [inverse]);
                    } else {
                        accumulators[i] = add_exactly(&accumulators[i], &self.pending[i], inverse);
                    }
                }
            }
            end = start;
        }
        self.staged = 0;
        self.chains = Chains::new();
    }

    /// The inverse of the norm of a pending pair. The later pairs of its chain must have been requested
    /// before.
    #[inline(always)]
    fn inverse_of_norm(&mut self, index: usize) -> C::Base {
        let Pending { norm, before, .. } = &self.pending[index];
        self.chains.pop(index, *norm, *before)
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

/// Doubles affine points; compiled once for all callers.
pub(crate) struct Doubling<'a, C: Coordinate> {
    pub(crate) points: &'a mut [(C, C)],
}

impl<C: Coordinate> Task for Doubling<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut chains = Chains::new();
        let mut norms = Vec::with_capacity(self.points.len());
        // Lanes with infinity, which has no slope.
        let mut infinite = Vec::new();
        for (index, (_, y)) in self.points.iter().enumerate() {
            let mut norm = y.norm();
            if y.literal_zero_mask() != 0 {
                let zero = norm.zero_mask();
                norm = C::Base::select(zero, C::Base::one(), norm);
                infinite.push((index, zero));
            }
            norms.push((norm, chains.push(index, norm)));
        }
        chains.invert_scaled(three_halves());
        let mut end = self.points.len();
        while end > 0 {
            let (second, (norm, before)) = (end - 1, norms[end - 1]);
            let of_second = chains.pop(second, norm, before);
            if C::INTERLEAVED == 1 || end == 1 {
                double_together(&mut self.points[second..end], [of_second]);
                end = second;
            } else {
                let (first, (norm, before)) = (end - 2, norms[end - 2]);
                let of_first = chains.pop(first, norm, before);
                double_together(&mut self.points[first..end], [of_first, of_second]);
                end = first;
            }
        }
        for (index, lanes) in infinite {
            let (x, y) = &mut self.points[index];
            (*x, *y) = (C::select(lanes, C::zero(), *x), C::select(lanes, C::zero(), *y));
        }
    }
}

/// The factor 3/2 of the slope 3x²/2y. In Fq², 1/y is the conjugate of y times the inverse of its norm: a factor of that inverse
/// is one of 1/y.
#[inline(always)]
fn three_halves<L: Lanes>() -> L {
    let half_less_one = L::Field::MODULUS_MINUS_ONE_DIV_TWO;
    let value = L::Field::from_bigint(half_less_one).expect("below the modulus") + L::Field::from(2u64);
    L::load(&[value; MAX_WIDTH])
}

/// Independent doublings, interleaved step by step, given 3/2 times the inverses of the norms of y.
#[inline(always)]
fn double_together<C: Coordinate, const N: usize>(p: &mut [(C, C)], inverse_of_norm: [C::Base; N]) {
    let mut squares = [C::zero(); N];
    for i in 0..N {
        squares[i] = p[i].0.square();
    }
    let mut slope = [C::zero(); N];
    for i in 0..N {
        slope[i] = squares[i].mul(p[i].1.inverse_by_norm(inverse_of_norm[i]));
    }
    let mut x = [C::zero(); N];
    for i in 0..N {
        x[i] = slope[i].square_sub_both(p[i].0, p[i].0);
    }
    for i in 0..N {
        let y = p[i].0.sub_loose(x[i]).mul_sub(slope[i], p[i].1);
        p[i] = (x[i], y);
    }
}

/// The sum of (ax, ay) and a point with x = bx, given the slope of the line through both.
#[inline(always)]
pub(crate) fn chord<F: Arithmetic>(ax: F, ay: F, bx: F, slope: F) -> (F, F) {
    let x = slope.square_sub_both(ax, bx);
    (x, ax.sub_loose(x).mul_sub(slope, ay))
}

/// Independent additions with the plain formula, interleaved step by step.
#[inline(always)]
fn add_plain<C: Coordinate, const N: usize>(
    p: &mut [(C, C)],
    q: &[Pending<C>],
    inverse_of_norm: [C::Base; N],
) {
    let mut slope = [C::zero(); N];
    for i in 0..N {
        let inverse = q[i].x.sub_loose(p[i].0).inverse_by_norm(inverse_of_norm[i]);
        slope[i] = q[i].y.sub_loose(p[i].1).mul(inverse);
    }
    let mut x = [C::zero(); N];
    for i in 0..N {
        x[i] = slope[i].square_sub_both(p[i].0, q[i].x);
    }
    for i in 0..N {
        let y = p[i].0.sub_loose(x[i]).mul_sub(slope[i], p[i].1);
        p[i] = (x[i], y);
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
    cases.select(chord(p.0, p.1, q.x, slope), *p, point)
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
        // A closure might not be inlined, and then it is compiled without the instructions of the kernel.
        #[inline(always)]
        fn pick<C: Arithmetic>(cases: &Cases, sum: C, p: C, q: C) -> C {
            let sum = C::select(cases.take, q, sum);
            C::select(cases.cancel, C::zero(), C::select(cases.keep, p, sum))
        }
        (pick(self, sum.0, p.0, q.0), pick(self, sum.1, p.1, q.1))
    }
}
