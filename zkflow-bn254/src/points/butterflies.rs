//! Layers of Fourier transforms of points.
//!
//! A product costs about as much as 170 additions in G1 and 110 in G2, so two layers are run together. Let w and v be the powers
//! of the roots of the inner and the outer layer, and i² = −1. For the columns (a, b, c, d) of four points at distance `half`:
//!
//! | value | replaces | sum of products |
//! |---|---|---|
//! | (a + wb) + B | a | B = vc + vwd |
//! | (a − wb) + D | b | D = ivc − ivwd |
//! | (a + wb) − B | c | |
//! | (a − wb) − D | d | |
//!
//! Three sums of products, wb, B and D, take the place of four products; sums share their doublings. With w = 1 fewer products
//! are needed, which saves many in the first layers. Columns with the same index in several groups have the same factors; where
//! they are side by side, they share their lookups (`multiples`).
//!
//! In a group with a scale s, the points a are scaled before, and each of wb, B and D is multiplied by s.

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;

use super::CurveLanes;
use super::addition::chord;
use super::digits::Digits;
use super::products::products_of;
use super::sums::{Sums, Term, load};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, invert_all};
use crate::{Backend, Kernel, Task};

/// The root and the distance of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// Distance between the points of a pair; pair i of a group of `half` uses power i of the root.
    pub(super) half: u64,
    pub(super) root: Fr,
}

/// The indices of points in their groups: that of point j is `first` + j / `repeats`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(super) first: u64,
    /// Number of groups whose points with the same index are side by side.
    pub(super) repeats: usize,
    /// The scale s of the last of these groups: a + wb becomes a + swb. Its points a are scaled already. `None`: 1.
    pub(super) scale: Option<Fr>,
}

impl Columns {
    /// The number of points at the beginning whose factors w and v are 1.
    fn ones(&self) -> usize {
        if self.first == 0 { self.repeats - usize::from(self.scale.is_some()) } else { 0 }
    }
}

/// Replaces pairs of points (a, b) by a + wb and a − wb.
pub(crate) fn one_layer<C: CurveLanes>(
    kernel: Kernel,
    layer: &Layer,
    columns: Columns,
    [low, high]: [&mut [Affine<C>]; 2],
) {
    let turned = &mut high[columns.ones()..];
    if !turned.is_empty() {
        let powers = powers(&layer.root, columns.first, low.len() / columns.repeats);
        let factors = Factors::of::<C>(columns, powers);
        turned.copy_from_slice(&products_of(kernel, turned, &factors.of_points()));
    }
    kernel.run(Butterflies { low, high });
}

/// Replaces columns of four points by the result of two layers; see the [module](self).
pub(crate) fn two_layers<C: CurveLanes>(
    kernel: Kernel,
    [inner, outer]: &[Layer; 2],
    columns: Columns,
    mut points: [&mut [Affine<C>]; 4],
) {
    let fourth = outer.root.pow([inner.half]);
    let count = points[0].len() / columns.repeats;
    let ones = columns.ones();
    if ones > 0 {
        // w = v = 1.
        let [a, b, c, d] = points.each_mut().map(|way| &mut way[..ones]);
        kernel.run(Butterflies { low: a, high: b });
        kernel.run(Butterflies { low: c, high: d });
        let digits = Digits::of::<C>(&C::splitter(), &fourth);
        d.copy_from_slice(&products_of(kernel, d, &vec![&digits; ones]));
        kernel.run(Butterflies { low: a, high: c });
        kernel.run(Butterflies { low: b, high: d });
    }
    let [a, b, c, d] = points.map(|way| &mut way[ones..]);
    if a.is_empty() {
        return;
    }
    let (w, v) = (powers(&inner.root, columns.first, count), powers(&outer.root, columns.first, count));
    let vw: Vec<_> = v.iter().zip(&w).map(|(v, w)| v * w).collect();
    let (iv, less_ivw) = (v.iter().map(|v| fourth * v).collect(), vw.iter().map(|vw| -fourth * vw).collect());
    let factors = [w, v, vw, iv, less_ivw].map(|scalars| Factors::of::<C>(columns, scalars));
    let digits = factors.each_ref().map(Factors::of_points);
    let terms: [_; 5] = std::array::from_fn(|i| {
        let (list, sum) = [(0, 0), (1, 1), (2, 1), (1, 2), (2, 2)][i];
        Term { list, sum, digits: &digits[i] }
    });
    let sums = kernel.run(Sums { lists: &[b, c, d], terms: &terms, sums: 3 });
    for (way, sums) in [&mut *b, &mut *c, &mut *d].into_iter().zip(sums) {
        way.copy_from_slice(&sums);
    }
    kernel.run(Butterflies { low: a, high: b });
    kernel.run(Butterflies { low: a, high: c });
    kernel.run(Butterflies { low: b, high: d });
}

/// The powers of a root with the exponents from `first` on.
fn powers(root: &Fr, first: u64, count: usize) -> Vec<Fr> {
    let mut power = root.pow([first]);
    let mut powers = Vec::with_capacity(count);
    for _ in 0..count {
        powers.push(power);
        power *= root;
    }
    powers
}

/// The digits of a factor for each index of columns.
struct Factors {
    columns: Columns,
    /// Empty if there is only the group with the scale.
    unscaled: Vec<Digits>,
    /// The digits of the factors times the scale; empty without a scale.
    scaled: Vec<Digits>,
}

impl Factors {
    fn of<C: CurveLanes>(columns: Columns, mut scalars: Vec<Fr>) -> Self {
        let splitter = C::splitter();
        let digits = |scalars: &[Fr]| -> Vec<_> {
            scalars.iter().map(|scalar| Digits::of::<C>(&splitter, scalar)).collect()
        };
        let (mut unscaled, mut scaled) = (Vec::new(), Vec::new());
        if columns.scale.is_none() || columns.repeats > 1 {
            unscaled = digits(&scalars);
        }
        if let Some(scale) = columns.scale {
            scalars.iter_mut().for_each(|scalar| *scalar *= scale);
            scaled = digits(&scalars);
        }
        Self { columns, unscaled, scaled }
    }

    /// The digits for each point after the first [`ones`](Columns::ones).
    fn of_points(&self) -> Vec<&Digits> {
        let Columns { repeats, scale, .. } = self.columns;
        let count = self.unscaled.len().max(self.scaled.len());
        let points = self.columns.ones()..count * repeats;
        let of_point = |point: usize| {
            let is_scaled = scale.is_some() && point % repeats == repeats - 1;
            let digits = if is_scaled { &self.scaled } else { &self.unscaled };
            &digits[point / repeats]
        };
        points.map(of_point).collect()
    }
}

/// Replaces pairs of points (a, b) by a + b and a − b.
struct Butterflies<'a, C: CurveLanes> {
    low: &'a mut [Affine<C>],
    high: &'a mut [Affine<C>],
}

impl<C: CurveLanes> Task for Butterflies<'_, C> {
    type Output = ();

    /// The slopes of sum and difference have the same denominator.
    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { low, high } = self;
        let width = B::Fq::WIDTH;
        let mut norms = Vec::with_capacity(low.len().div_ceil(width));
        for (low, high) in low.chunks(width).zip(high.chunks(width)) {
            let ((x1, _), (x2, _)) = (load::<C, B>(low), load::<C, B>(high));
            norms.push(x2.sub(x1).norm());
        }
        let mut inverses = norms.clone();
        invert_all(&mut inverses);
        for number in 0..norms.len() {
            let first = number * width;
            let end = low.len().min(first + width);
            let (low, high) = (&mut low[first..end], &mut high[first..end]);
            let ((x1, y1), (x2, y2)) = (load::<C, B>(low), load::<C, B>(high));
            let inverse = x2.sub(x1).inverse_by_norm(inverses[number]);
            let (sx, sy) = chord(x1, y1, x2, y2.sub(y1).mul(inverse));
            let (dx, dy) = chord(x1, y1, x2, y2.neg().sub(y1).mul(inverse));
            let (mut sums, mut differences) =
                ([Affine::identity(); MAX_WIDTH], [Affine::identity(); MAX_WIDTH]);
            C::store::<B>(sx, sy, &mut sums);
            C::store::<B>(dx, dy, &mut differences);
            let equal = norms[number].zero_mask();
            for lane in 0..low.len() {
                let (p, q) = (low[lane], high[lane]);
                let exact = equal >> lane & 1 == 1 || p.is_zero() || q.is_zero();
                (low[lane], high[lane]) = if exact {
                    ((p + q).into_affine(), (p - q).into_affine())
                } else {
                    (sums[lane], differences[lane])
                };
            }
        }
    }
}
