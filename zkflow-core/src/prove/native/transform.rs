//! From values on the even roots of unity to values on the odd ones.
//!
//! Let f be a polynomial of degree below n = 2^k and ω a primitive n-th root of unity. An inverse
//! transform takes the values f(ω^i) to coefficients, multiplying coefficient j by η^j for a square
//! root η of ω shifts the polynomial, and a forward transform gives the values f(η ω^i) on the odd
//! 2n-th roots.
//!
//! # Without bit reversal
//! The inverse transform decimates in frequency (Gentleman and Sande): natural order in, bit-reversed
//! coefficients out. The forward one decimates in time (Cooley and Tukey): bit-reversed coefficients
//! in, natural order out. In between a coefficient is multiplied where it stands. So nothing is ever
//! permuted, and more: after the first layers of decimation in frequency the blocks that are left never
//! meet again until the last layers of decimation in time. The work is therefore a recursion,
//!
//! ```text
//! shift(block) = DIF butterflies on the block; shift(each quarter); DIT butterflies on the block
//! ```
//!
//! in which a block that fits into the first cache takes both transforms while it is there.
//!
//! # Butterflies
//! Two layers at a time, four values in registers (radix 4). A layer on blocks of s values uses the
//! powers ω_s^j for j < s/2, prepared for each s. In lanes of width W a vector holds W neighbouring
//! values, so layers on blocks of more than W values act on whole vectors. For the last log2 W layers W
//! vectors are transposed, which makes neighbours in a lane of neighbours in a vector; the factors
//! in the middle are prepared in transposed order, and the way back transposes again.

use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use crate::bn254::field::{Arithmetic, Lanes, MAX_WIDTH};
use crate::bn254::{Backend, Task};

/// Blocks of at most this many values are shifted by one thread while they lie in its cache: 40 KiB.
const CACHED: usize = 1 << 10;

/// Vectors that a thread takes at a time in the layers above.
const CHUNK: usize = 64;

/// The tables for domains of one size.
pub(super) struct Transform<B: Backend> {
    inverse: Twiddles<B>,
    forward: Twiddles<B>,
    /// η^j / n in the order in which the coefficients come to stand.
    factors: Vec<B::Fr>,
}

impl<B: Backend> Transform<B> {
    /// Whether the lanes of this backend are not too wide for a domain of `size`.
    pub(super) fn fits(size: usize) -> bool {
        size.is_power_of_two() && size >= B::Fr::WIDTH * B::Fr::WIDTH
    }

    /// Prepares the tables for a domain of `size` rows.
    ///
    /// # Panics
    /// If the domain does not [fit](Self::fits), or is larger than 2^27.
    pub(super) fn new(size: usize) -> Self {
        assert!(Self::fits(size), "{size} rows");
        let root = Fr::get_root_of_unity(size as u64).expect("a power of two of at most 2^27");
        let eta = Fr::get_root_of_unity(2 * size as u64).expect("a power of two of at most 2^28");
        let inverse_root = root.inverse().expect("a root of unity is not zero");
        let inverse_size = Fr::from(size as u64).inverse().expect("a power of two is not zero");
        Self {
            inverse: Twiddles::new(size, inverse_root),
            forward: Twiddles::new(size, root),
            factors: factors::<B>(size, eta, inverse_size),
        }
    }

    /// The number of vectors of a domain.
    pub(super) fn vectors(&self) -> usize {
        self.factors.len()
    }

    /// Memory that the tables take, in bytes.
    pub(super) fn table_bytes(&self) -> u64 {
        let layers = self.inverse.layers.iter().chain(&self.forward.layers);
        let vectors = layers.map(Vec::len).sum::<usize>() + self.factors.len();
        (vectors * size_of::<B::Fr>()) as u64
    }

    /// Values on the even roots to values on the odd ones, both in natural order.
    pub(super) fn shift(&self, values: &mut [B::Fr]) {
        assert_eq!(values.len(), self.vectors(), "the domain is another");
        self.shift_block(values, &self.factors);
    }

    fn shift_block(&self, block: &mut [B::Fr], factors: &[B::Fr]) {
        if block.len() * B::Fr::WIDTH <= CACHED {
            return B::KERNEL.run(Cached { transform: self, block, factors });
        }
        let quarter = block.len() / 4;
        self.layers(block, Direction::Inverse);
        let quarters = block.par_chunks_exact_mut(quarter).zip(factors.par_chunks_exact(quarter));
        quarters.for_each(|(block, factors)| self.shift_block(block, factors));
        self.layers(block, Direction::Forward);
    }

    /// Two layers on a block that is too large for a cache, on all threads.
    fn layers(&self, block: &mut [B::Fr], direction: Direction) {
        let size = block.len();
        let (x0, x1, x2, x3) = quarters(block);
        let chunks = x0
            .par_chunks_mut(CHUNK)
            .zip(x1.par_chunks_mut(CHUNK))
            .zip(x2.par_chunks_mut(CHUNK))
            .zip(x3.par_chunks_mut(CHUNK));
        chunks.enumerate().for_each(|(index, (((x0, x1), x2), x3))| {
            let twiddles = match direction {
                Direction::Inverse => &self.inverse,
                Direction::Forward => &self.forward,
            };
            let powers = twiddles.two_layers(size).skip(index * CHUNK);
            B::KERNEL.run(Layers::<B> { x: [x0, x1, x2, x3], powers, direction });
        });
    }
}

/// Which of the two transforms a layer belongs to.
#[derive(Clone, Copy)]
enum Direction {
    /// Decimation in frequency.
    Inverse,
    /// Decimation in time.
    Forward,
}

/// For each block size s the powers ω_s^j, j < s/2, of a primitive s-th root.
struct Twiddles<B: Backend> {
    /// `layers[k]` is for blocks of 2^k vectors; `layers[0]` is empty.
    layers: Vec<Vec<B::Fr>>,
    /// ω_s^j for the blocks within a vector: s = 2, 4, 8, as far as vectors are that wide, the same
    /// power in every lane.
    within: [[B::Fr; 4]; 3],
}

impl<B: Backend> Twiddles<B> {
    fn new(size: usize, root: Fr) -> Self {
        let width = B::Fr::WIDTH;
        let powers = powers(root, Fr::ONE, size / 2);
        let vectors = size / width;
        let layers = (0..=vectors.ilog2())
            .map(|k| match k {
                0 => Vec::new(),
                _ => {
                    let (block, step) = (width << k, vectors >> k);
                    let layer: Vec<Fr> = (0..block / 2).map(|j| powers[j * step]).collect();
                    to_lanes::<B>(&layer)
                }
            })
            .collect();
        let within = [2, 4, 8].map(|block| {
            [0, 1, 2, 3].map(|j| {
                let known = block <= width && j < block / 2;
                let power = if known { powers[j * (size / block)] } else { Fr::ONE };
                to_lanes::<B>(&[power; MAX_WIDTH])[0]
            })
        });
        Self { layers, within }
    }

    /// The powers for two layers on blocks of `vectors` vectors, a multiple of four.
    fn two_layers(&self, vectors: usize) -> TwoLayers<'_, B> {
        let k = vectors.ilog2() as usize;
        let (first, second) = self.layers[k].split_at(vectors / 4);
        TwoLayers { outer: [first, second], inner: &self.layers[k - 1] }
    }
}

/// ω_s^j and ω_s^(j + s/4) for the layer on s values, ω_(s/2)^j for that on s/2, with j < s/4.
#[derive(Clone, Copy)]
struct TwoLayers<'a, B: Backend> {
    outer: [&'a [B::Fr]; 2],
    inner: &'a [B::Fr],
}

impl<B: Backend> TwoLayers<'_, B> {
    fn skip(self, vectors: usize) -> Self {
        Self { outer: self.outer.map(|powers| &powers[vectors..]), inner: &self.inner[vectors..] }
    }
}

/// Two layers on parts of the four quarters of a block.
struct Layers<'a, B: Backend> {
    x: [&'a mut [B::Fr]; 4],
    powers: TwoLayers<'a, B>,
    direction: Direction,
}

impl<B: Backend> Task for Layers<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        match self.direction {
            Direction::Inverse => two_layers_inverse::<B>(self.x, self.powers),
            Direction::Forward => two_layers_forward::<B>(self.x, self.powers),
        }
    }
}

/// Both transforms on a block within the cache.
struct Cached<'a, B: Backend> {
    transform: &'a Transform<B>,
    block: &'a mut [B::Fr],
    factors: &'a [B::Fr],
}

impl<B: Backend> Task for Cached<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        let Self { transform: Transform { inverse, forward, .. }, block, factors } = self;
        let width = B::Fr::WIDTH;
        // Blocks of 4^m or 2 * 4^m vectors.
        let odd = block.len().ilog2() % 2 == 1;
        let mut size = block.len();
        while size >= 4 {
            for block in block.chunks_exact_mut(size) {
                let (x0, x1, x2, x3) = quarters(block);
                two_layers_inverse::<B>([x0, x1, x2, x3], inverse.two_layers(size));
            }
            size /= 4;
        }
        if odd {
            for pair in block.chunks_exact_mut(2) {
                let (x, y) = (pair[0], pair[1]);
                pair[0] = x.add(y);
                pair[1] = x.sub_loose(y).mul(inverse.layers[1][0]);
            }
        }
        for (block, factors) in block.chunks_exact_mut(width).zip(factors.chunks_exact(width)) {
            B::Fr::transpose(block);
            within_vectors_inverse::<B>(block, &inverse.within);
            for i in 0..width {
                block[i] = block[i].mul(factors[i]);
            }
            within_vectors_forward::<B>(block, &forward.within);
            B::Fr::transpose(block);
        }
        if odd {
            for pair in block.chunks_exact_mut(2) {
                let (x, y) = (pair[0], pair[1].mul(forward.layers[1][0]));
                pair[0] = x.add(y);
                pair[1] = x.sub(y);
            }
            size = 2;
        }
        while size < block.len() {
            size *= 4;
            for block in block.chunks_exact_mut(size) {
                let (x0, x1, x2, x3) = quarters(block);
                two_layers_forward::<B>([x0, x1, x2, x3], forward.two_layers(size));
            }
        }
    }
}

/// (x, y) → (x + y, (x − y) ω^j) on blocks of s values, then on those of s/2.
#[inline(always)]
fn two_layers_inverse<B: Backend>(x: [&mut [B::Fr]; 4], powers: TwoLayers<'_, B>) {
    let count = x[0].len();
    let [x0, x1, x2, x3] = x.map(|x| &mut x[..count]);
    let [outer, outer_next] = powers.outer.map(|powers| &powers[..count]);
    let inner = &powers.inner[..count];
    for j in 0..count {
        // Below 3.8 p.
        let a0 = x0[j].add_loose(x2[j]);
        let a1 = x1[j].add_loose(x3[j]);
        let a2 = x0[j].sub_loose(x2[j]).mul(outer[j]);
        let a3 = x1[j].sub_loose(x3[j]).mul(outer_next[j]);
        // Below 7.6 p and 7.8 p.
        x0[j] = a0.add_loose(a1).reduce();
        x1[j] = a0.sub_loose(a1).mul(inner[j]);
        x2[j] = a2.add(a3);
        x3[j] = a2.sub_loose(a3).mul(inner[j]);
    }
}

/// (x, y) → (x + y ω^j, x − y ω^j) on blocks of s/2 values, then on those of s.
#[inline(always)]
fn two_layers_forward<B: Backend>(x: [&mut [B::Fr]; 4], powers: TwoLayers<'_, B>) {
    let count = x[0].len();
    let [x0, x1, x2, x3] = x.map(|x| &mut x[..count]);
    let [outer, outer_next] = powers.outer.map(|powers| &powers[..count]);
    let inner = &powers.inner[..count];
    for j in 0..count {
        let y1 = x1[j].mul(inner[j]);
        let y3 = x3[j].mul(inner[j]);
        // Below 3.8 p, and 5.9 p where a product follows.
        let b0 = x0[j].add_loose(y1);
        let b1 = x0[j].sub(y1);
        let b2 = x2[j].add_loose(y3).mul(outer[j]);
        let b3 = x2[j].sub_loose(y3).mul(outer_next[j]);
        x0[j] = b0.add_loose(b2).reduce();
        x2[j] = b0.sub_loose(b2).reduce();
        x1[j] = b1.add(b3);
        x3[j] = b1.sub(b3);
    }
}

/// The layers on blocks of at most W values, after transposition.
#[inline(always)]
fn within_vectors_inverse<B: Backend>(block: &mut [B::Fr], powers: &[[B::Fr; 4]; 3]) {
    let mut half = block.len() / 2;
    while half > 0 {
        let powers = &powers[half.ilog2() as usize];
        for start in (0..block.len()).step_by(2 * half) {
            for j in 0..half {
                let (x, y) = (block[start + j], block[start + j + half]);
                block[start + j] = x.add(y);
                let difference = x.sub_loose(y);
                block[start + j + half] =
                    if j == 0 { difference.reduce() } else { difference.mul(powers[j]) };
            }
        }
        half /= 2;
    }
}

/// The inverse of [`within_vectors_inverse`], up to a factor.
#[inline(always)]
fn within_vectors_forward<B: Backend>(block: &mut [B::Fr], powers: &[[B::Fr; 4]; 3]) {
    let mut half = 1;
    while half < block.len() {
        let powers = &powers[half.ilog2() as usize];
        for start in (0..block.len()).step_by(2 * half) {
            for j in 0..half {
                let (x, y) = (block[start + j], block[start + j + half]);
                let y = if j == 0 { y } else { y.mul(powers[j]) };
                block[start + j] = x.add(y);
                block[start + j + half] = x.sub(y);
            }
        }
        half *= 2;
    }
}

fn quarters<T>(block: &mut [T]) -> (&mut [T], &mut [T], &mut [T], &mut [T]) {
    let quarter = block.len() / 4;
    let (low, high) = block.split_at_mut(2 * quarter);
    let (x0, x1) = low.split_at_mut(quarter);
    let (x2, x3) = high.split_at_mut(quarter);
    (x0, x1, x2, x3)
}

/// scale · base^j for j < count.
fn powers(base: Fr, scale: Fr, count: usize) -> Vec<Fr> {
    const RUN: usize = 1024;
    let mut powers = vec![scale; count];
    powers.par_chunks_mut(RUN).enumerate().for_each(|(index, run)| {
        let mut power = scale * base.pow([(index * RUN) as u64]);
        for slot in run {
            *slot = power;
            power *= base;
        }
    });
    powers
}

/// η^j / n, coefficient j where the inverse transform leaves it: at the place whose number has the bits
/// of j in reverse, and then transposed within W vectors.
fn factors<B: Backend>(size: usize, eta: Fr, inverse_size: Fr) -> Vec<B::Fr> {
    let width = B::Fr::WIDTH;
    let natural = powers(eta, inverse_size, size);
    let shift = usize::BITS - size.ilog2();
    let reversed = |place: usize| natural[place.reverse_bits().checked_shr(shift).unwrap_or(0)];
    let placed: Vec<Fr> = (0..size)
        .map(|place| {
            let (tile, within) = (place / (width * width), place % (width * width));
            let (row, column) = (within / width, within % width);
            reversed((tile * width + column) * width + row)
        })
        .collect();
    to_lanes::<B>(&placed)
}

/// Elements to vectors.
fn to_lanes<B: Backend>(elements: &[Fr]) -> Vec<B::Fr> {
    struct Load<'a, B: Backend>(&'a [Fr], std::marker::PhantomData<B>);
    impl<B: Backend> Task for Load<'_, B> {
        type Output = Vec<B::Fr>;
        #[inline(always)]
        fn run<Same: Backend>(self) -> Vec<B::Fr> {
            let mut lanes = vec![B::Fr::zero(); self.0.len() / B::Fr::WIDTH];
            for (lanes, elements) in lanes.iter_mut().zip(self.0.chunks_exact(B::Fr::WIDTH)) {
                *lanes = B::Fr::load(elements);
            }
            lanes
        }
    }
    B::KERNEL.run(Load::<B>(elements, std::marker::PhantomData))
}

#[cfg(all(test, feature = "ark"))]
mod tests {
    use ark_ff::UniformRand;
    use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;
    use crate::bn254::Kernel;

    struct Shifted(Vec<Fr>);

    impl Task for Shifted {
        type Output = Option<Vec<Fr>>;

        #[inline(always)]
        fn run<B: Backend>(self) -> Option<Vec<Fr>> {
            Transform::<B>::fits(self.0.len()).then(|| {
                let transform = Transform::<B>::new(self.0.len());
                let mut lanes = to_lanes::<B>(&self.0);
                transform.shift(&mut lanes);
                let mut values = self.0;
                for i in 0..lanes.len() {
                    lanes[i].store(&mut values[i * B::Fr::WIDTH..]);
                }
                values
            })
        }
    }

    /// The same by ark-poly, with bit reversals.
    fn expected(values: &[Fr]) -> Vec<Fr> {
        let domain = Radix2EvaluationDomain::<Fr>::new(values.len()).expect("a small power of two");
        let eta = Fr::get_root_of_unity(2 * values.len() as u64).expect("a small power of two");
        let odd = domain.get_coset(eta).expect("not zero");
        odd.fft(&domain.ifft(values))
    }

    fn kernels() -> impl Iterator<Item = Kernel> {
        [Kernel::Portable, Kernel::Ifma].into_iter().filter(|kernel| kernel.is_available())
    }

    fn agrees(values: &[Fr]) {
        let expected = expected(values);
        for kernel in kernels() {
            if let Some(found) = kernel.run(Shifted(values.to_vec())) {
                assert!(found == expected, "{} values, {}", values.len(), kernel.name());
            }
        }
    }

    #[test]
    fn every_size_gives_what_ark_poly_gives() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        for k in 0..=15 {
            agrees(&(0..1 << k).map(|_| Fr::rand(&mut rng)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn domains_too_small_for_the_lanes_are_left_to_a_single_one() {
        for kernel in kernels().filter(|kernel| *kernel != Kernel::Portable) {
            assert_eq!(kernel.run(Shifted(vec![Fr::ONE; 32])), None);
            assert!(kernel.run(Shifted(vec![Fr::ONE; 64])).is_some());
        }
    }

    proptest! {
        /// Zeros, ones and values at the ends of the range are where lazy reduction would fail.
        #[test]
        fn values_at_the_ends_of_the_range_are_shifted_right(
            seeds in proptest::collection::vec(0u8..4, 64..=64),
            log_size in 6u32..=9,
        ) {
            let values: Vec<Fr> = (0..1usize << log_size)
                .map(|i| match seeds[i % 64] {
                    0 => Fr::ONE - Fr::ONE,
                    1 => Fr::ONE,
                    2 => -Fr::ONE,
                    _ => -Fr::from(i as u64),
                })
                .collect();
            agrees(&values);
        }
    }
}
