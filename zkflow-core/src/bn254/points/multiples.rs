//! Many points times scalars, as trusted setups need them.

use ark_bn254::Fr;
use ark_ec::AffineRepr;
use rayon::prelude::*;

use super::jacobian::Jacobian;
use super::{Additions, Group, GroupLanes};
use crate::bn254::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask};
use crate::bn254::scalars::{Places, Scalars, Signed};
use crate::bn254::{Backend, Kernel, Task};

/// Bits of a digit: a table holds P, 2P, … 8P.
const WINDOW: u32 = 4;
const TABLE: usize = 1 << (WINDOW - 1);
/// Points that one task multiplies.
const TASK: usize = 512;

/// sᵢ·Pᵢ for every point and its scalar, over the threads of the current pool. Short and negated short scalars take
/// less time.
///
/// # Panics
/// When there are not as many scalars as points.
pub fn multiply_each<G: Group>(kernel: Kernel, points: &[G::Affine], scalars: &[Fr]) -> Vec<G::Affine> {
    assert_eq!(points.len(), scalars.len(), "one scalar for each point");
    let scalars = Scalars::new(kernel, scalars);
    map_tasks::<G>(points, |start, points, out| {
        kernel.run(Multiply::<G, _> { points, scalar: |i| scalars.get(start + i), out });
    })
}

/// s·Pᵢ for every point, over the threads of the current pool.
pub fn multiply_all<G: Group>(kernel: Kernel, points: &[G::Affine], scalar: &Fr) -> Vec<G::Affine> {
    let scalar = Scalars::new(kernel, &[*scalar]);
    map_tasks::<G>(points, |_, points, out| {
        kernel.run(Multiply::<G, _> { points, scalar: |_| scalar.get(0), out });
    })
}

/// 2^doublings · Pᵢ for every point, over the threads of the current pool.
pub fn double_all<G: Group>(kernel: Kernel, points: &[G::Affine], doublings: u32) -> Vec<G::Affine> {
    map_tasks::<G>(points, |_, points, out| kernel.run(Double::<G> { points, doublings, out }))
}

/// Pᵢ + Qᵢ for every pair, over the threads of the current pool.
///
/// # Panics
/// When there are not as many of one as of the other.
pub fn add_each<G: Group>(kernel: Kernel, p: &[G::Affine], q: &[G::Affine]) -> Vec<G::Affine> {
    assert_eq!(p.len(), q.len(), "points in pairs");
    map_tasks::<G>(p, |start, p, out| kernel.run(Add::<G> { p, q: &q[start..start + p.len()], out }))
}

fn map_tasks<G: GroupLanes>(
    points: &[G::Affine],
    task: impl Fn(usize, &[G::Affine], &mut [G::Affine]) + Sync,
) -> Vec<G::Affine> {
    let mut out = vec![G::Affine::zero(); points.len()];
    out.par_chunks_mut(TASK)
        .zip(points.par_chunks(TASK))
        .enumerate()
        .for_each(|(i, (out, points))| task(i * TASK, points, out));
    out
}

/// Points by vectors, the last filled up with infinity.
#[inline(always)]
fn load_all<B: Backend, G: GroupLanes>(points: &[G::Affine]) -> Vec<(G::Coordinate<B>, G::Coordinate<B>)> {
    let mut vectors = Vec::with_capacity(points.len().div_ceil(B::Fq::WIDTH));
    for points in points.chunks(B::Fq::WIDTH) {
        let mut padded = [G::Affine::zero(); MAX_WIDTH];
        padded[..points.len()].copy_from_slice(points);
        vectors.push(G::load::<B>(&padded));
    }
    vectors
}

#[inline(always)]
fn store_all<B: Backend, G: GroupLanes>(
    vectors: &[(G::Coordinate<B>, G::Coordinate<B>)],
    out: &mut [G::Affine],
) {
    for (vector, out) in vectors.iter().zip(out.chunks_mut(B::Fq::WIDTH)) {
        let mut points = [G::Affine::zero(); MAX_WIDTH];
        G::store::<B>(vector.0, vector.1, &mut points);
        out.copy_from_slice(&points[..out.len()]);
    }
}

struct Add<'a, G: GroupLanes> {
    p: &'a [G::Affine],
    q: &'a [G::Affine],
    out: &'a mut [G::Affine],
}

impl<G: GroupLanes> Task for Add<'_, G> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut p = load_all::<B, G>(self.p);
        let q = load_all::<B, G>(self.q);
        add_vectors(&mut Additions::with_capacity(p.len()), &mut p, &q);
        store_all::<B, G>(&p, self.out);
    }
}

#[inline(always)]
fn add_vectors<C: Coordinate>(additions: &mut Additions<C>, p: &mut [(C, C)], q: &[(C, C)]) {
    for i in 0..p.len() {
        additions.stage(&p[i], q[i], C::Base::ALL);
    }
    additions.invert();
    additions.finish(p, |_| ());
}

struct Double<'a, G: GroupLanes> {
    points: &'a [G::Affine],
    doublings: u32,
    out: &'a mut [G::Affine],
}

impl<G: GroupLanes> Task for Double<'_, G> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut affine = load_all::<B, G>(self.points);
        let mut points = Vec::with_capacity(affine.len());
        for &point in &affine {
            let mut point = Jacobian::from_affine(point);
            for _ in 0..self.doublings {
                point = point.double();
            }
            points.push(point);
        }
        Jacobian::to_affine(&points, &mut affine);
        store_all::<B, G>(&affine, self.out);
    }
}

struct Multiply<'a, G: GroupLanes, F> {
    points: &'a [G::Affine],
    scalar: F,
    out: &'a mut [G::Affine],
}

impl<G: GroupLanes, F: Fn(usize) -> Signed> Task for Multiply<'_, G, F> {
    type Output = ();

    /// Fixed windows of signed digits, highest first, over tables of small multiples.
    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut affine = load_all::<B, G>(self.points);
        let width = B::Fq::WIDTH;
        let tables = small_multiples::<B, G>(&affine);
        let places = Places::new(WINDOW);
        let mut products = Vec::with_capacity(affine.len());
        for (i, &point) in affine.iter().enumerate() {
            let (mut digits, mut longest) = ([[0; 64]; MAX_WIDTH], 0);
            for lane in 0..width.min(self.points.len() - i * width) {
                longest = longest.max(places.digits((self.scalar)(i * width + lane), &mut digits[lane]));
            }
            let finite = !(point.0.zero_mask() & point.1.zero_mask());
            let mut product = Jacobian::infinity();
            for place in (0..longest).rev() {
                for _ in 0..WINDOW {
                    product = product.double();
                }
                let mut entries = [&tables[i * width]; MAX_WIDTH];
                let (mut active, mut negative): (Mask, Mask) = (0, 0);
                for lane in 0..width {
                    let digit = digits[lane][place];
                    let multiple = (digit.unsigned_abs() as usize).saturating_sub(1);
                    entries[lane] = &tables[(multiple * affine.len() + i) * width + lane];
                    active |= ((digit != 0) as Mask) << lane;
                    negative |= ((digit < 0) as Mask) << lane;
                }
                let (x, y) = G::Coordinate::<B>::gather(&entries);
                let y = Arithmetic::select(negative, y.neg(), y);
                product = product.add_affine((x, y), active & finite);
            }
            products.push(product);
        }
        Jacobian::to_affine(&products, &mut affine);
        store_all::<B, G>(&affine, self.out);
    }
}

/// P, 2P, … 8P of all points, multiple by multiple.
#[inline(always)]
fn small_multiples<B: Backend, G: GroupLanes>(
    points: &[(G::Coordinate<B>, G::Coordinate<B>)],
) -> Vec<G::Packed> {
    let width = B::Fq::WIDTH;
    let mut tables = vec![G::Packed::default(); TABLE * points.len() * width];
    let mut additions = Additions::with_capacity(points.len());
    let mut multiples = points.to_vec();
    for (i, table) in tables.chunks_exact_mut((points.len() * width).max(1)).enumerate() {
        if i > 0 {
            add_vectors(&mut additions, &mut multiples, points);
        }
        for (multiple, packed) in multiples.iter().zip(table.chunks_exact_mut(width)) {
            G::Coordinate::<B>::scatter(multiple.0, multiple.1, packed);
        }
    }
    tables
}
