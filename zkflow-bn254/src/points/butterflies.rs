//! Layers of Fourier transforms of points.
//!
//! A product costs about as much as sixty sums, so two layers are run together. For the columns (a, b, c, d) of four points at
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
//! products, which saves many in the first layers.

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

/// Replaces pairs of points (a, b) by s(a + wb) and s(a − wb). The first pair has the index `first` in its group.
pub(crate) fn one_layer<C: CurveLanes>(
    kernel: Kernel,
    layer: &Layer,
    first: u64,
    pairs: [&mut [Affine<C>]; 2],
) {
    let powers = powers(&layer.root, layer.half, first, pairs[0].len());
    turn_and_add(kernel, layer.scale, &powers, pairs);
}

/// Replaces columns of four points by the result of two layers; see the [module](self). The first column has the index
/// `first` in its group.
pub(crate) fn two_layers<C: CurveLanes>(
    kernel: Kernel,
    [inner, outer]: &[Layer; 2],
    first: u64,
    mut points: [&mut [Affine<C>]; 4],
) {
    let columns = points[0].len();
    // The index of a column in its group is below that of its second pair of the outer layer.
    let inner_powers = powers(&inner.root, inner.half, first, columns);
    let outer_powers = powers(&outer.root, inner.half, first, columns);
    let fourth = outer.root.pow([inner.half]);
    let (plain, turned): (Vec<_>, Vec<_>) = (0..columns).partition(|column| inner_powers[*column].is_one());

    if !plain.is_empty() {
        let mut of_plain = points.each_ref().map(|way| plain.iter().map(|i| way[*i]).collect::<Vec<_>>());
        let [a, b, c, d] = of_plain.each_mut().map(Vec::as_mut_slice);
        let ones = vec![Fr::ONE; plain.len()];
        turn_and_add(kernel, None, &ones, [&mut *a, &mut *b]);
        turn_and_add(kernel, None, &ones, [&mut *c, &mut *d]);
        turn_and_add(kernel, outer.scale, &ones, [a, c]);
        turn_and_add(kernel, outer.scale, &vec![fourth; plain.len()], [b, d]);
        put_back(&mut points, &plain, &of_plain);
    }
    if turned.is_empty() {
        return;
    }
    let [mut a, b, c, d] = points.each_ref().map(|way| turned.iter().map(|i| way[*i]).collect::<Vec<_>>());
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
    let digits = digits.each_ref().map(|digits| digits.iter().collect::<Vec<_>>());
    let terms: [_; 5] = std::array::from_fn(|i| {
        let (list, sum) = [(0, 0), (1, 1), (2, 1), (1, 2), (2, 2)][i];
        Term { list, sum, digits: &digits[i] }
    });
    let [mut wb, mut of_even, mut of_odd] = kernel.run(Sums { lists: [&b, &c, &d], terms: &terms });
    if outer.scale.is_some() {
        a = multiply(kernel, &a, &vec![scale; a.len()]);
    }
    kernel.run(Butterflies { low: &mut a, high: &mut wb });
    kernel.run(Butterflies { low: &mut a, high: &mut of_even });
    kernel.run(Butterflies { low: &mut wb, high: &mut of_odd });
    put_back(&mut points, &turned, &[a, wb, of_even, of_odd]);
}

/// Writes columns to their places.
fn put_back<C: CurveLanes>(
    points: &mut [&mut [Affine<C>]; 4],
    places: &[usize],
    columns: &[Vec<Affine<C>>; 4],
) {
    for (way, values) in points.iter_mut().zip(columns) {
        for (place, value) in places.iter().zip(values) {
            way[*place] = *value;
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

/// Replaces pairs of points (a, b) by s(a + wb) and s(a − wb), for a factor w for each pair.
fn turn_and_add<C: CurveLanes>(
    kernel: Kernel,
    scale: Option<Fr>,
    factors: &[Fr],
    [low, high]: [&mut [Affine<C>]; 2],
) {
    if let Some(scale) = scale {
        low.copy_from_slice(&multiply(kernel, low, &vec![scale; low.len()]));
    }
    let (mut places, mut turned, mut scalars) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (point, factor)) in high.iter().zip(factors).enumerate() {
        let scalar = scale.map_or(*factor, |scale| scale * factor);
        if !scalar.is_one() {
            places.push(place);
            turned.push(*point);
            scalars.push(scalar);
        }
    }
    for (place, point) in places.into_iter().zip(multiply(kernel, &turned, &scalars)) {
        high[place] = point;
    }
    kernel.run(Butterflies { low, high });
}

/// The product of each point and its scalar.
fn multiply<C: CurveLanes>(kernel: Kernel, points: &[Affine<C>], scalars: &[Fr]) -> Vec<Affine<C>> {
    let splitter = C::splitter();
    let digits: Vec<_> = scalars.iter().map(|scalar| Digits::of::<C>(&splitter, scalar)).collect();
    products_of(kernel, points, &digits.iter().collect::<Vec<_>>())
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
