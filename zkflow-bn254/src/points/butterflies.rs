//! Layers of Fourier transforms of points.
//!
//! A product costs about as much as 170 sums, so two layers are run together. For the columns (a, b, c, d) of four points at
//! distance `half`, with w and v for the powers of the roots of the two layers, and the root of unity i of order four:
//!
//! | value | replaces | sum of products |
//! |---|---|---|
//! | (a + wb) + B | a | B = vc + vwd |
//! | (a − wb) + D | b | D = ivc − ivwd |
//! | (a + wb) − B | c | |
//! | (a − wb) − D | d | |
//!
//! Three sums of products, wb, B and D, take the place of four products; sums share their doublings. The power 0 needs fewer
//! products, which saves many in the first layers. Equal columns of several groups have equal factors; where they are side by
//! side, their vectors need no lookups lane by lane (`multiples`).

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

/// Which columns of a layer the points are: `repeats` of each, from column `first` of a group on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(super) first: u64,
    /// Number of neighbours that are the same column of several groups.
    pub(super) repeats: usize,
}

/// Replaces pairs of points (a, b) by s(a + wb) and s(a − wb).
pub(crate) fn one_layer<C: CurveLanes>(
    kernel: Kernel,
    layer: &Layer,
    columns: Columns,
    pairs: [&mut [Affine<C>]; 2],
) {
    let Columns { first, repeats } = columns;
    let powers = powers(&layer.root, layer.half, first, pairs[0].len() / repeats);
    turn_and_add(kernel, layer.scale, &powers, repeats, pairs);
}

/// Replaces columns of four points by the result of two layers; see the [module](self).
pub(crate) fn two_layers<C: CurveLanes>(
    kernel: Kernel,
    [inner, outer]: &[Layer; 2],
    columns: Columns,
    mut points: [&mut [Affine<C>]; 4],
) {
    let Columns { first, repeats } = columns;
    let count = points[0].len() / repeats;
    // The index of a column in its group is below that of its second pair of the outer layer.
    let inner_powers = powers(&inner.root, inner.half, first, count);
    let outer_powers = powers(&outer.root, inner.half, first, count);
    let fourth = outer.root.pow([inner.half]);
    let (plain, turned): (Vec<_>, Vec<_>) = (0..count).partition(|column| inner_powers[*column].is_one());

    if !plain.is_empty() {
        let mut of_plain = taken(&points, &plain, repeats);
        let [a, b, c, d] = of_plain.each_mut().map(Vec::as_mut_slice);
        let all = a.len();
        turn_and_add(kernel, None, &[Fr::ONE], all, [&mut *a, &mut *b]);
        turn_and_add(kernel, None, &[Fr::ONE], all, [&mut *c, &mut *d]);
        turn_and_add(kernel, outer.scale, &[Fr::ONE], all, [a, c]);
        turn_and_add(kernel, outer.scale, &[fourth], all, [b, d]);
        put_back(&mut points, &plain, repeats, &of_plain);
    }
    if turned.is_empty() {
        return;
    }
    let [mut a, b, c, d] = taken(&points, &turned, repeats);
    let splitter = C::splitter();
    let scale = outer.scale.unwrap_or(Fr::ONE);
    let mut digits = [const { Vec::new() }; 5];
    for column in &turned {
        let (w, v) = (scale * inner_powers[*column], scale * outer_powers[*column]);
        let vw = v * inner_powers[*column];
        for (digits, scalar) in digits.iter_mut().zip([w, v, vw, fourth * v, -fourth * vw]) {
            digits.push(Digits::of::<C>(&splitter, &scalar));
        }
    }
    let digits = digits.each_ref().map(|digits| repeated(digits, repeats));
    let terms: [_; 5] = std::array::from_fn(|i| {
        let (list, sum) = [(0, 0), (1, 1), (2, 1), (1, 2), (2, 2)][i];
        Term { list, sum, digits: &digits[i] }
    });
    let sums = kernel.run(Sums { lists: &[&b, &c, &d], terms: &terms, sums: 3 });
    let [mut wb, mut of_even, mut of_odd] = <[_; 3]>::try_from(sums).expect("three sums");
    if outer.scale.is_some() {
        a = multiply(kernel, &a, &[scale], a.len());
    }
    kernel.run(Butterflies { low: &mut a, high: &mut wb });
    kernel.run(Butterflies { low: &mut a, high: &mut of_even });
    kernel.run(Butterflies { low: &mut wb, high: &mut of_odd });
    put_back(&mut points, &turned, repeats, &[a, wb, of_even, of_odd]);
}

/// The points of some columns.
fn taken<C: CurveLanes>(
    points: &[&mut [Affine<C>]; 4],
    columns: &[usize],
    repeats: usize,
) -> [Vec<Affine<C>>; 4] {
    points
        .each_ref()
        .map(|way| columns.iter().flat_map(|i| &way[i * repeats..(i + 1) * repeats]).copied().collect())
}

/// Writes the points of some columns to their places.
fn put_back<C: CurveLanes>(
    points: &mut [&mut [Affine<C>]; 4],
    columns: &[usize],
    repeats: usize,
    values: &[Vec<Affine<C>>; 4],
) {
    for (way, values) in points.iter_mut().zip(values) {
        for (column, values) in columns.iter().zip(values.chunks_exact(repeats)) {
            way[column * repeats..][..repeats].copy_from_slice(values);
        }
    }
}

/// The powers of a root for `count` indices, of which the first is `first`; the indices modulo `half` are the exponents.
fn powers(root: &Fr, half: u64, first: u64, count: usize) -> Vec<Fr> {
    let mut index = first % half;
    let mut power = root.pow([index]);
    let mut powers = Vec::with_capacity(count);
    for _ in 0..count {
        if index == half {
            (index, power) = (0, Fr::ONE);
        }
        powers.push(power);
        index += 1;
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
    let (mut turned, mut scalars, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (points, factor)) in high.chunks_exact(repeats).zip(factors).enumerate() {
        let scalar = scale.map_or(*factor, |scale| scale * factor);
        if !scalar.is_one() {
            turned.extend_from_slice(points);
            scalars.push(scalar);
            places.push(place * repeats);
        }
    }
    let products = multiply(kernel, &turned, &scalars, repeats);
    for (place, products) in places.into_iter().zip(products.chunks_exact(repeats)) {
        high[place..place + repeats].copy_from_slice(products);
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
