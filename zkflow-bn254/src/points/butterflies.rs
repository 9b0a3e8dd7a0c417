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

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One};

use super::CurveLanes;
use super::addition::chord;
use super::digits::Digits;
use super::products::products_of;
use super::sums::{Sums, Term, load};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, invert_all};
use crate::{Backend, Kernel, Task};

/// Factors of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// Distance between the points of a pair; pair i of a group of `half` uses power i of the root.
    pub(super) half: u64,
    pub(super) root: Fr,
    /// Additional factor of all points; `None`: 1.
    pub(super) scale: Option<Fr>,
}

/// The indices of points in their groups: that of point j is `first` + j / `repeats`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(super) first: u64,
    /// Number of groups whose points with the same index are side by side.
    pub(super) repeats: usize,
}

/// Replaces pairs of points (a, b) by s(a + wb) and s(a − wb).
pub(crate) fn one_layer<C: CurveLanes>(
    kernel: Kernel,
    layer: &Layer,
    columns: Columns,
    pairs: [&mut [Affine<C>]; 2],
) {
    let factors = powers(&layer.root, columns.first, pairs[0].len() / columns.repeats);
    turn_and_add(kernel, layer.scale, &factors, columns.repeats, pairs);
}

/// Replaces columns of four points by the result of two layers; see the [module](self).
pub(crate) fn two_layers<C: CurveLanes>(
    kernel: Kernel,
    [inner, outer]: &[Layer; 2],
    columns: Columns,
    mut points: [&mut [Affine<C>]; 4],
) {
    let Columns { mut first, repeats } = columns;
    let fourth = outer.root.pow([inner.half]);
    if first == 0 {
        let [a, b, c, d] = points.each_mut().map(|way| &mut way[..repeats]);
        kernel.run(Butterflies { low: a, high: b });
        kernel.run(Butterflies { low: c, high: d });
        turn_and_add(kernel, outer.scale, &[Fr::ONE], repeats, [a, c]);
        turn_and_add(kernel, outer.scale, &[fourth], repeats, [b, d]);
        points = points.map(|way| &mut way[repeats..]);
        first = 1;
    }
    let [a, b, c, d] = points;
    if a.is_empty() {
        return;
    }
    let count = a.len() / repeats;
    let splitter = C::splitter();
    let scale = outer.scale.unwrap_or(Fr::ONE);
    let mut digits = [const { Vec::new() }; 5];
    for (inner, outer) in powers(&inner.root, first, count).iter().zip(powers(&outer.root, first, count)) {
        let (w, v) = (scale * inner, scale * outer);
        let vw = v * inner;
        for (digits, scalar) in digits.iter_mut().zip([w, v, vw, fourth * v, -fourth * vw]) {
            digits.push(Digits::of::<C>(&splitter, &scalar));
        }
    }
    let digits = digits.each_ref().map(|digits| repeated(digits, repeats));
    let terms: [_; 5] = std::array::from_fn(|i| {
        let (list, sum) = [(0, 0), (1, 1), (2, 1), (1, 2), (2, 2)][i];
        Term { list, sum, digits: &digits[i] }
    });
    let sums = kernel.run(Sums { lists: &[b, c, d], terms: &terms, sums: 3 });
    for (way, sums) in [&mut *b, &mut *c, &mut *d].into_iter().zip(sums) {
        way.copy_from_slice(&sums);
    }
    if outer.scale.is_some() {
        a.copy_from_slice(&multiply(kernel, a, &[scale], a.len()));
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

/// Replaces pairs of points (a, b) by s(a + wb) and s(a − wb), for factors w of `repeats` pairs each.
fn turn_and_add<C: CurveLanes>(
    kernel: Kernel,
    scale: Option<Fr>,
    factors: &[Fr],
    repeats: usize,
    [low, high]: [&mut [Affine<C>]; 2],
) {
    if let Some(scale) = scale {
        low.copy_from_slice(&multiply(kernel, low, &[scale], low.len()));
    }
    let scalars: Vec<_> = factors.iter().map(|factor| scale.unwrap_or(Fr::ONE) * factor).collect();
    // Only the first factor can be 1.
    let ones = scalars.iter().take_while(|scalar| scalar.is_one()).count();
    if ones < scalars.len() {
        let turned = &mut high[ones * repeats..];
        turned.copy_from_slice(&multiply(kernel, turned, &scalars[ones..], repeats));
    }
    kernel.run(Butterflies { low, high });
}

/// The products of `repeats` points with each scalar.
fn multiply<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    scalars: &[Fr],
    repeats: usize,
) -> Vec<Affine<C>> {
    let splitter = C::splitter();
    let digits: Vec<_> = scalars.iter().map(|scalar| Digits::of::<C>(&splitter, scalar)).collect();
    products_of(kernel, points, &repeated(&digits, repeats))
}

fn repeated(digits: &[Digits], repeats: usize) -> Vec<&Digits> {
    digits.iter().flat_map(|digits| std::iter::repeat_n(digits, repeats)).collect()
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
