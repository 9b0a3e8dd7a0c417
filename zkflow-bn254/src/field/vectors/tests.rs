//! Tests values at the limits of their ranges.

use ark_bn254::{FqConfig, FrConfig};
use ark_ff::{Field, PrimeField};
use num_bigint::BigUint;

use super::*;
use crate::{Backend, Kernel, Task};

/// Integers at the limits of ranges, all below 8p: k·p/10 and its neighbours, and powers of 2^52.
fn edges(p: &BigUint) -> Vec<BigUint> {
    let mut edges = vec![BigUint::ZERO, BigUint::from(1u8)];
    for tenths in 1..=80u32 {
        let end = p * tenths / 10u8;
        edges.extend([&end - 1u8, &end + 1u8, end].into_iter().filter(|edge| *edge < p * 8u8));
    }
    // Limbs of all zeros or all ones: long carry chains.
    edges.extend((1..5).flat_map(|i| {
        let power: BigUint = BigUint::from(1u8) << (52 * i);
        [&power - 1u8, power.clone(), p * 4u8 + power]
    }));
    edges
}

fn lanes<C: MontConfig<4>, W: Words>(value: &BigUint) -> Vectors<C, W> {
    let mask = BigUint::from(LIMB_MASK);
    let limb = |i: usize| (value >> (52 * i)) & &mask;
    Vectors::constant(core::array::from_fn(|i| limb(i).try_into().expect("52 bits")))
}

fn words<W: Words>(vector: W) -> [u64; 8] {
    const { assert!(size_of::<W>() == size_of::<[u64; 8]>()) };
    // SAFETY: both types are 64 bytes, and every bit pattern is valid.
    unsafe { core::mem::transmute_copy(&vector) }
}

fn value<C, W: Words>(lanes: Vectors<C, W>) -> BigUint {
    let limbs = lanes.0.map(|limb| {
        let words = words(limb);
        assert_eq!(words, [words[0]; 8]);
        assert!(words[0] <= LIMB_MASK);
        words[0]
    });
    limbs.iter().rev().fold(BigUint::ZERO, |sum, &limb| (sum << 52) + limb)
}

struct Ranges<W>(PhantomData<W>);

impl<W: Words> Task for Ranges<W> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        ranges_hold::<FqConfig, W>();
        ranges_hold::<FrConfig, W>();
    }
}

#[inline(always)]
fn ranges_hold<C: MontConfig<4>, W: Words>() {
    let p: BigUint = C::MODULUS.into();
    let reduced = &p * 19u8 / 10u8;
    let r_inverse: BigUint =
        Fp::<MontBackend<C, 4>, 4>::from(2u64).pow([260]).inverse().expect("not zero").into_bigint().into();
    let expect = |found: Vectors<C, W>, expected: BigUint, bound: &BigUint| {
        let found = value(found);
        assert!(found < *bound, "{found} is not below {bound}");
        assert_eq!(found % &p, expected % &p);
    };
    let edges = edges(&p);
    for a in &edges {
        let la = lanes::<C, W>(a);
        expect(la.reduce(), a.clone(), &(&p * 11u8 / 10u8));
        assert_eq!(value(la.canonical()), a % &p);
        assert_eq!(la.zero_mask() == 0xff, a % &p == BigUint::ZERO);
        expect(la.square(), a * a * &r_inverse, &reduced);
        for b in &edges {
            let lb = lanes::<C, W>(b);
            expect(la.mul(lb), a * b * &r_inverse, &reduced);
            if *b < reduced {
                let bound = &p * 11u8 / 10u8;
                expect(la.mul_sub(la, lb), a * a * &r_inverse + &p * 4u8 - b, &bound);
                expect(la.square_sub_both(lb, lb), a * a * &r_inverse + &p * 4u8 - b - b, &bound);
                if a < &(&p * 4u8) {
                    let sum = a * a * 2u8 * &r_inverse;
                    expect(la.mul_add_mul_sub(la, la, la, lb), sum + &p * 4u8 - b, &bound);
                }
            }
            if a + b < &p * 8u8 {
                expect(la.add_loose(lb), a + b, &(&p * 8u8));
            }
            if a < &(&p * 4u8) && b < &(&p * 4u8) {
                expect(la.sub_loose(lb), a + &p * 4u8 - b, &(&p * 8u8));
                expect(la.mul_add_mul(lb, lb, la), a * b * 2u8 * &r_inverse, &reduced);
            }
            if a < &reduced && *b < &reduced * 2u8 {
                expect(la.sub(lb), a + &p * 4u8 - b, &(&p * 11u8 / 10u8));
                if a < &(&p * 2u8) && *b < &p * 2u8 {
                    // 16 · 2 · 2 = 64, the largest sum.
                    expect(Vectors::dot(&[la; 16], &[lb; 16]), a * b * 16u8 * &r_inverse, &reduced);
                }
                if *b < reduced {
                    expect(Vectors::dot(&[la; 12], &[lb; 12]), a * b * 12u8 * &r_inverse, &reduced);
                    expect(
                        Vectors::dot(&[la, lb, lb, la], &[lb, lb, la, la]),
                        (a + b) * (a + b) * &r_inverse,
                        &reduced,
                    );
                    expect(la.add(lb), a + b, &(&p * 11u8 / 10u8));
                    assert!(la.perhaps_equal_mask(lb) == 0xff || a % &p != b % &p);
                }
            }
        }
    }
}

#[test]
fn values_at_the_ends_of_their_ranges_stay_in_range() {
    if Kernel::Ifma.is_available() {
        Kernel::Ifma.run(Ranges::<__m512i>(PhantomData));
    }
    if Kernel::Avx2.is_available() {
        Kernel::Avx2.run(Ranges::<Halves>(PhantomData));
    }
}

/// Multiplies single limbs at the extremes of their range, for all lanes and columns.
struct Limbwise<W>(PhantomData<W>);

impl<W: Words> Task for Limbwise<W> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut limbs =
            vec![0, 1, 2, 3, LIMB_MASK, LIMB_MASK - 1, LIMB_MASK - 2, FqConfig::MODULUS.0[0] & LIMB_MASK];
        for bit in [1, 25, 26, 27, 50, 51] {
            limbs.extend([(1 << bit) - 1, 1 << bit, (1 << bit) + 1, LIMB_MASK + 1 - (1 << bit)]);
        }
        // Products halfway between multiples of 2^52: the upper part may be rounded in either direction.
        limbs.extend((0..40).map(|i| (1 << 51) + (i << 40) + 1));
        for &a in &limbs {
            for &b in &limbs {
                let mut columns = [W::zeros(); 2 * LIMBS];
                let factor = W::broadcast(b).factor();
                W::add_products(&mut columns, 3, W::broadcast(a).factor(), &[factor]);
                let part = |column: usize, excess: u64| {
                    let words: [u64; 8] = words(columns[column]);
                    assert_eq!(words, [words[0]; 8]);
                    words[0].wrapping_sub(excess) as i64
                };
                let (low, high) = (part(3, W::LOW_EXCESS), part(4, W::HIGH_EXCESS));
                assert!((-(1 << 51)..=1 << 52).contains(&low) && (0..=1 << 52).contains(&high));
                assert_eq!(i128::from(high) * (1 << 52) + i128::from(low), i128::from(a) * i128::from(b));
            }
        }
    }
}

#[test]
fn products_of_limbs_are_exact_at_their_extremes() {
    if Kernel::Ifma.is_available() {
        Kernel::Ifma.run(Limbwise::<__m512i>(PhantomData));
    }
    if Kernel::Avx2.is_available() {
        Kernel::Avx2.run(Limbwise::<Halves>(PhantomData));
    }
}
