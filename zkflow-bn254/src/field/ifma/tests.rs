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

fn lanes<C: MontConfig<4>>(value: &BigUint) -> Ifma<C> {
    let mask = BigUint::from(LIMB_MASK);
    let limb = |i: usize| (value >> (52 * i)) & &mask;
    Ifma::constant(core::array::from_fn(|i| limb(i).try_into().expect("52 bits")))
}

fn value<C>(lanes: Ifma<C>) -> BigUint {
    let limbs = lanes.0.map(|limb| {
        // SAFETY: both types are 64 bytes, and every bit pattern is valid.
        let words: [u64; 8] = unsafe { core::mem::transmute(limb) };
        assert_eq!(words, [words[0]; 8]);
        assert!(words[0] <= LIMB_MASK);
        words[0]
    });
    limbs.iter().rev().fold(BigUint::ZERO, |sum, &limb| (sum << 52) + limb)
}

struct Ranges;

impl Task for Ranges {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        ranges_hold::<FqConfig>();
        ranges_hold::<FrConfig>();
    }
}

#[inline(always)]
fn ranges_hold<C: MontConfig<4>>() {
    let p: BigUint = C::MODULUS.into();
    let reduced = &p * 19u8 / 10u8;
    let r_inverse: BigUint =
        Fp::<MontBackend<C, 4>, 4>::from(2u64).pow([260]).inverse().expect("not zero").into_bigint().into();
    let expect = |found: Ifma<C>, expected: BigUint, bound: &BigUint| {
        let found = value(found);
        assert!(found < *bound, "{found} is not below {bound}");
        assert_eq!(found % &p, expected % &p);
    };
    let edges = edges(&p);
    for a in &edges {
        let la = lanes::<C>(a);
        expect(la.reduce(), a.clone(), &(&p * 11u8 / 10u8));
        assert_eq!(value(la.canonical()), a % &p);
        assert_eq!(la.zero_mask() == 0xff, a % &p == BigUint::ZERO);
        expect(la.square(), a * a * &r_inverse, &reduced);
        for b in &edges {
            let lb = lanes::<C>(b);
            expect(la.mul(lb), a * b * &r_inverse, &reduced);
            if a + b < &p * 8u8 {
                expect(la.add_loose(lb), a + b, &(&p * 8u8));
            }
            if a < &(&p * 4u8) && b < &(&p * 4u8) {
                expect(la.sub_loose(lb), a + &p * 4u8 - b, &(&p * 8u8));
                expect(la.mul_add_mul(lb, lb, la), a * b * 2u8 * &r_inverse, &reduced);
            }
            if a < &reduced && *b < &reduced * 2u8 {
                expect(la.sub(lb), a + &p * 4u8 - b, &(&p * 11u8 / 10u8));
                if *b < reduced {
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
        Kernel::Ifma.run(Ranges);
    }
}
