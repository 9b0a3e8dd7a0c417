//! Compares every operation of all kernels with arkworks, on random values, on edge values and at the limits
//! of the ranges that lazy reduction allows.

use ark_bn254::{Fq, Fq2, Fr};
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField, batch_inversion};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::inverse::invert_each;
use super::*;
use crate::{Backend, Kernel, Task};

/// Edge values: 0, ±1, ±2^k, ±(2^k − 1).
pub(super) fn edges<F: PrimeField>() -> Vec<F> {
    let mut edges = vec![F::ZERO];
    let mut power = F::ONE;
    for _ in 0..265 {
        edges.extend([power, -power, power - F::ONE, F::ONE - power]);
        power.double_in_place();
    }
    edges
}

/// Random elements; one in four is an edge value.
fn elements<F: PrimeField>(rng: &mut impl Rng, edges: &[F]) -> [F; MAX_WIDTH] {
    core::array::from_fn(|_| match rng.gen_range(0..16) {
        0..3 => edges[rng.gen_range(0..edges.len())],
        3 => edges[rng.gen_range(0..4)],
        _ => F::rand(rng),
    })
}

/// Asserts that the lanes are equal to the expected elements.
#[track_caller]
#[inline(always)]
fn expect<L: Lanes>(lanes: L, expected: [L::Field; MAX_WIDTH]) {
    let mut found = [L::Field::ZERO; MAX_WIDTH];
    lanes.store(&mut found);
    assert_eq!(found[..L::WIDTH], expected[..L::WIDTH]);
}

fn map2<F: Copy>(a: &[F; 8], b: &[F; 8], f: impl Fn(F, F) -> F) -> [F; 8] {
    core::array::from_fn(|i| f(a[i], b[i]))
}

/// Runs all operations on vectors of operands, `elements` of them in all.
struct Check {
    elements: usize,
}

impl Task for Check {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        check::<B::Fq>(self.elements / B::Fq::WIDTH);
        check::<B::Fr>(self.elements / B::Fr::WIDTH);
    }
}

#[inline(always)]
fn check<L: Lanes>(rounds: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(rounds as u64);
    let edges = edges();
    for _ in 0..rounds {
        check_once::<L>(&mut rng, &edges);
    }
}

#[inline(always)]
fn check_once<L: Lanes>(rng: &mut impl Rng, edges: &[L::Field]) {
    let a = elements(rng, edges);
    let b = if rng.gen_bool(0.1) { a } else { elements(rng, edges) };
    let c = elements(rng, edges);
    let (la, lb, lc) = (L::load(&a), L::load(&b), L::load(&c));
    expect(la, a);
    expect(la.add(lb), map2(&a, &b, |a, b| a + b));
    let difference = map2(&a, &b, |a, b| a - b);
    expect(la.sub(lb), difference);
    expect(la.neg(), a.map(|a| -a));
    expect(la.double(), a.map(|a| a.double()));
    let product = map2(&a, &b, |a, b| a * b);
    expect(la.mul(lb), product);
    expect(la.square(), a.map(|a| a.square()));
    let squared = c.map(|c| c.square());
    expect(la.mul_add_mul(lb, lc, lc), map2(&product, &squared, |a, b| a + b));
    expect(la.sub_both(lb, lc), map2(&difference, &c, |d, c| d - c));
    expect(la.mul_sub(lb, lc), map2(&product, &c, |p, c| p - c));
    expect(lc.square_sub_both(la, lb), map2(&map2(&squared, &a, |s, a| s - a), &b, |d, b| d - b));
    let of_both = map2(&product, &squared, |p, s| p + s);
    expect(la.mul_add_mul_sub(lb, lc, lc, la), map2(&of_both, &a, |s, a| s - a));
    // Loose values of weights two to four, in products of weight four.
    let loose = la.sub_loose(lb);
    let sum = lb.add_loose(lc);
    let sum_of_both = map2(&b, &c, |b, c| b + c);
    expect(loose.reduce(), difference);
    expect(loose.square(), difference.map(|d| d.square()));
    expect(loose.mul(sum), map2(&difference, &sum_of_both, |d, s| d * s));
    expect(loose.mul_sub(sum, la), map2(&map2(&difference, &sum_of_both, |d, s| d * s), &a, |p, a| p - a));
    expect(loose.square_sub_both(lc, lc), map2(&difference, &c, |d, c| d.square() - c.double()));
    expect(
        loose.mul_add_mul(lc, sum, la),
        map2(&map2(&difference, &c, |d, c| d * c), &map2(&sum_of_both, &a, |s, a| s * a), |x, y| x + y),
    );
    expect(loose.canonical(), difference);
    let four = map2(&map2(&a, &b, |a, b| a + b), &sum_of_both, |x, y| x + y);
    let loose_of_four = la.add_loose(lb).add_loose(sum);
    expect(loose_of_four.reduce(), four);
    expect(loose_of_four.mul(lc), map2(&four, &c, |d, c| d * c));
    expect(lc.mul(loose_of_four), map2(&four, &c, |d, c| d * c));
    let of_sums = map2(&a, &sum_of_both, |a, s| a + a - s);
    let loose_of_sums = la.add_loose(la).sub_sums(sum);
    expect(loose_of_sums.reduce(), of_sums);
    expect(loose_of_sums.mul(lc), map2(&of_sums, &c, |d, c| d * c));
    expect(la.add_loose(lc).sub_loose(lb).reduce(), map2(&difference, &c, |d, c| d + c));

    let zeros = (0..L::WIDTH).filter(|&i| difference[i] == L::Field::ZERO).fold(0, |mask, i| mask | 1 << i);
    assert_eq!(loose.reduce().zero_mask(), zeros);
    assert_eq!(la.sub(lb).zero_mask(), zeros);
    assert_eq!(la.perhaps_equal_mask(lb) & zeros, zeros);
    assert_eq!(la.canonical().sub(lb.canonical()).canonical().literal_zero_mask() & zeros, zeros);
    let mask = rng.r#gen::<Mask>() & L::ALL;
    let expected = core::array::from_fn(|i| if mask >> i & 1 == 1 { a[i] } else { b[i] });
    expect(L::select(mask, la, lb), expected);

    let mut integers = [[0; 4]; 8];
    la.store_integers(&mut integers);
    for i in 0..L::WIDTH {
        assert_eq!(integers[i], a[i].into_bigint().0);
    }
    let mut rows = [Row::default(); 8];
    L::scatter_rows(la, lb, &mut rows);
    let (first, second) = L::gather_rows(&rows.each_ref());
    expect(first, a);
    expect(second, b);
}

#[test]
fn every_operation_agrees_with_arkworks_on_a_million_elements() {
    for kernel in Kernel::available() {
        kernel.run(Check { elements: 1_000_000 });
    }
}

/// Numbers below the modulus with limbs of `bits` bits at their extremes: each limb is 0, 1, the largest, or near that
/// of the modulus.
fn extremes<F: PrimeField<BigInt = BigInt<4>>>(bits: u32, near: &[i64]) -> Vec<BigInt<4>> {
    let modulus = BigUint::from(F::MODULUS);
    let largest = u64::MAX >> (64 - bits);
    let mut numbers = vec![BigUint::ZERO];
    for at in (0..256u32).step_by(bits as usize) {
        let limb = ((&modulus >> at) & BigUint::from(largest)).to_u64_digits()[0];
        let near = near.iter().map(|offset| limb.wrapping_add_signed(*offset) & largest);
        let values: Vec<u64> = [0, 1, largest].into_iter().chain(near).collect();
        numbers = numbers
            .iter()
            .flat_map(|number| values.iter().map(move |value| number + (BigUint::from(*value) << at)))
            .collect();
    }
    numbers.retain(|number| *number < modulus);
    numbers.into_iter().map(|number| number.try_into().expect("a number below the modulus fits")).collect()
}

/// Numbers whose words of 64 bits are at their extremes.
fn extreme_words<F: PrimeField<BigInt = BigInt<4>>>() -> Vec<BigInt<4>> {
    extremes::<F>(64, &[-1, 0, 1])
}

/// The elements whose Montgomery forms have extreme words (R = 2^256), and those with extreme limbs of 52 bits
/// (R = 2^260).
fn extreme_forms<F: PrimeField<BigInt = BigInt<4>>>() -> [Vec<F>; 2] {
    [(256, extreme_words::<F>()), (260, extremes::<F>(52, &[0]))].map(|(power, numbers)| {
        let inverse = F::from(2u64).pow([power]).inverse().expect("not zero");
        let element = |number| F::from_bigint(number).expect("below the modulus") * inverse;
        numbers.into_iter().map(element).collect()
    })
}

/// Multiplies all pairs of elements with extreme forms. The portable kernel has words, the others limbs of 52 bits.
struct CheckExtremes;

impl Task for CheckExtremes {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        for extremes in extreme_forms() {
            check_extremes::<B::Fq>(&extremes);
        }
        for extremes in extreme_forms() {
            check_extremes::<B::Fr>(&extremes);
        }
    }
}

#[inline(always)]
fn check_extremes<L: Lanes>(extremes: &[L::Field]) {
    assert!(extremes.len() > 500);
    for (i, &first) in extremes.iter().enumerate() {
        for start in (0..extremes.len()).step_by(MAX_WIDTH) {
            let a = [first; MAX_WIDTH];
            let b: [L::Field; MAX_WIDTH] =
                core::array::from_fn(|lane| extremes[(start + lane) % extremes.len()]);
            let c: [L::Field; MAX_WIDTH] =
                core::array::from_fn(|lane| extremes[(start + i + lane) % extremes.len()]);
            // A loaded form is extreme, or extreme plus the modulus.
            let (la, lb, lc) = (L::load(&a).canonical(), L::load(&b).canonical(), L::load(&c).canonical());
            expect(la.mul(lb), map2(&a, &b, |a, b| a * b));
            expect(la.add(lb), map2(&a, &b, |a, b| a + b));
            expect(la.sub(lb), map2(&a, &b, |a, b| a - b));
            // Factors at the ends of the range of loose values.
            let expected = map2(&map2(&a, &b, |a, b| a - b), &map2(&a, &c, |a, c| a + c), |d, s| d * s);
            expect(la.sub_loose(lb).mul(la.add_loose(lc)), expected);
            let expected = map2(&map2(&a, &b, |a, b| a + b), &c, |d, c| (d - c - c) * c);
            expect(la.add_loose(lb).sub_sums(lc.add_loose(lc)).mul(lc), expected);
            let squares = c.map(|c| c.square());
            expect(lc.square(), squares);
            let sums = map2(&map2(&a, &b, |a, b| a * b), &squares, |a, b| a + b);
            expect(la.mul_add_mul(lb, lc, lc), sums);
            expect(la.mul_add_mul_sub(lb, lc, lc, lb), map2(&sums, &b, |s, b| s - b));
            expect(la.mul_sub(lb, lc), map2(&map2(&a, &b, |a, b| a * b), &c, |p, c| p - c));
            expect(lc.square_sub_both(la, lb), map2(&map2(&squares, &a, |s, a| s - a), &b, |d, b| d - b));
        }
    }
}

#[test]
fn elements_with_extreme_limbs_agree_with_arkworks() {
    for kernel in Kernel::available() {
        kernel.run(CheckExtremes);
    }
}

/// Converts words of arkworks' form, below the modulus or not.
struct CheckAdoption;

impl Task for CheckAdoption {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut words: Vec<[u64; 4]> = extreme_words::<Fq>().into_iter().map(|number| number.0).collect();
        words.extend((0..1000).map(|_| core::array::from_fn(|_| rng.r#gen())));
        words.extend([[u64::MAX; 4], Fq::MODULUS.0]);
        for chunk in words.chunks_exact(MAX_WIDTH) {
            let mut rows = [Row::default(); MAX_WIDTH];
            for (row, words) in rows.iter_mut().zip(chunk) {
                row.0[..4].copy_from_slice(words);
            }
            for first in (0..MAX_WIDTH).step_by(B::Fq::WIDTH) {
                let mut gathered = [&rows[first]; MAX_WIDTH];
                (0..B::Fq::WIDTH).for_each(|lane| gathered[lane] = &rows[first + lane]);
                let (found, below) = Lanes::adopt(B::Fq::gather_rows(&gathered).0);
                let mut elements = [Fq::ZERO; MAX_WIDTH];
                found.store(&mut elements);
                for lane in 0..B::Fq::WIDTH {
                    let number = BigInt(chunk[first + lane]);
                    assert_eq!(below >> lane & 1 == 1, number < Fq::MODULUS);
                    if number < Fq::MODULUS {
                        assert_eq!(elements[lane], Fq::new_unchecked(number));
                    }
                }
            }
        }
    }
}

#[test]
fn words_are_adopted_exactly_if_they_are_below_the_modulus() {
    for kernel in Kernel::available() {
        kernel.run(CheckAdoption);
    }
}

/// Compares Fq² with arkworks.
struct CheckQuadratic;

impl Task for CheckQuadratic {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let edges = edges::<Fq>();
        for round in 0..1_000_000 / B::Fq::WIDTH {
            let [a0, a1, b0, b1] = core::array::from_fn(|_| elements(&mut rng, &edges));
            let a: [Fq2; 8] = core::array::from_fn(|i| Fq2::new(a0[i], a1[i]));
            let b: [Fq2; 8] = core::array::from_fn(|i| Fq2::new(b0[i], b1[i]));
            let la = Quadratic { c0: B::Fq::load(&a0), c1: B::Fq::load(&a1) };
            let lb = Quadratic { c0: B::Fq::load(&b0), c1: B::Fq::load(&b1) };
            expect_quadratic(la.mul(lb), map2(&a, &b, |a, b| a * b));
            expect_quadratic(la.square(), a.map(|a| a.square()));
            expect_quadratic(la.mul_sub(lb, la), map2(&a, &b, |a, b| a * b - a));
            expect_quadratic(la.square_sub_both(la, lb), map2(&a, &b, |a, b| a.square() - a - b));
            expect_quadratic(la.add(lb), map2(&a, &b, |a, b| a + b));
            expect_quadratic(la.neg().double(), a.map(|a| -a.double()));
            let difference = map2(&a, &b, |a, b| a - b);
            expect_quadratic(la.sub(lb), difference);
            expect_quadratic(la.sub_loose(lb).mul(la), map2(&difference, &a, |d, a| d * a));
            let zeros = (0..B::Fq::WIDTH).filter(|&i| a[i] == Fq2::ZERO).fold(0, |mask, i| mask | 1 << i);
            assert_eq!(la.zero_mask(), zeros);
            // Inversion is slow; one in 16 rounds costs as much as the other operations together.
            if round % 16 == 0 {
                let inverse = la.inverse_by_norm(invert_each(la.norm()));
                expect_quadratic(inverse, a.map(|a| a.inverse().unwrap_or(Fq2::ZERO)));
            }
        }
    }
}

#[track_caller]
#[inline(always)]
fn expect_quadratic<L: Lanes<Field = Fq>>(lanes: Quadratic<L>, expected: [Fq2; MAX_WIDTH]) {
    expect(lanes.c0, expected.map(|e| e.c0));
    expect(lanes.c1, expected.map(|e| e.c1));
}

#[test]
fn quadratic_extension_agrees_with_arkworks_on_a_million_elements() {
    for kernel in Kernel::available() {
        kernel.run(CheckQuadratic);
    }
}

/// Compares batch inversion, zeros included, with arkworks.
struct CheckInversion;

impl Task for CheckInversion {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let edges = edges::<Fr>();
        let mut expected: Vec<_> =
            (0..1_000_000 / B::Fr::WIDTH).map(|_| elements(&mut rng, &edges)).collect();
        let mut lanes: Vec<B::Fr> = expected.iter().map(|e| B::Fr::load(e)).collect();
        invert_all(&mut lanes);
        batch_inversion(expected.as_flattened_mut());
        for (lanes, expected) in lanes.into_iter().zip(expected) {
            expect(lanes, expected);
        }
    }
}

#[test]
fn inversion_of_a_million_keeps_zeros_and_inverts_the_rest() {
    for kernel in Kernel::available() {
        kernel.run(CheckInversion);
    }
}
