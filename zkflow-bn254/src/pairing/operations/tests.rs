//! Compares every operation of Fq¹² with arkworks, on random values and on edge values.

use ark_bn254::{Fq, Fq2, Fq12};
use ark_ff::{AdditiveGroup, Field, UniformRand, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Kernel;
use crate::field::{Lanes as _, Quadratic};

/// Random elements; one in four is 0, ±1, or a power of two or a number beside it, with either sign.
fn elements<const N: usize>(rng: &mut impl Rng) -> [Fq; N] {
    core::array::from_fn(|_| match rng.gen_range(0..16) {
        0 => Fq::ZERO,
        1 => Fq::ONE,
        2 => -Fq::ONE,
        3 => {
            let power = Fq::from(2u8).pow([rng.gen_range(0..264)]) + Fq::from(rng.gen_range(0..3)) - Fq::ONE;
            if rng.r#gen() { power } else { -power }
        }
        _ => Fq::rand(rng),
    })
}

/// Runs all operations of Fq¹².
struct Check {
    elements: usize,
}

impl Task for Check {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        for _ in 0..self.elements {
            let (a, b) = (target(&mut rng), target(&mut rng));
            let lanes = (B::Fq12::from_ark(&a), B::Fq12::from_ark(&b));
            // The result of an operation is no canonical value, unlike what is read.
            let (c, product) = (times::<B>(&lanes.0, &lanes.1), a * b);
            assert_eq!(c.to_ark(), product);
            assert_eq!(times::<B>(&c, &c).to_ark(), product.square());
            assert_eq!(square::<B>(&c).to_ark(), product.square());
            assert_eq!(square::<B>(&lanes.0).to_ark(), a.square());
            assert_eq!(times::<B>(&c, &B::Fq12::one()).to_ark(), product);
            for n in 1..=3 {
                let mut power = product;
                power.frobenius_map_in_place(n);
                assert_eq!(frobenius::<B>(&c, n).to_ark(), power);
            }
            let mut conjugate = product;
            conjugate.conjugate_in_place();
            assert_eq!(c.conjugate().to_ark(), conjugate);
            check_lines::<B>(&c, &product, &elements(&mut rng), &elements(&mut rng));
            if !product.is_zero() {
                // The power (p⁶ − 1)(p² + 1) is in the cyclotomic subgroup.
                let power = conjugate / product;
                let mut unit = power;
                unit.frobenius_map_in_place(2);
                unit *= power;
                let mut lanes = B::Fq12::from_ark(&unit);
                for _ in 0..3 {
                    lanes = cyclotomic_square::<B>(&lanes);
                    unit.square_in_place();
                    assert_eq!(lanes.to_ark(), unit);
                }
                assert_eq!(times::<B>(&lanes, &lanes.conjugate()).to_ark(), Fq12::ONE);
            }
        }
    }
}

fn target(rng: &mut impl Rng) -> Fq12 {
    Fq12::from_base_prime_field_elems(elements::<12>(rng)).expect("twelve elements")
}

#[inline(always)]
fn check_lines<B: Backend>(lanes: &B::Fq12, element: &Fq12, a: &[Fq; 16], b: &[Fq; 16]) {
    type Lanes<B> = <<B as Backend>::Fq12 as TargetField>::Lanes;
    let mut lines = Vec::new();
    B::Fq12::append_lines(
        Quadratic { c0: Lanes::<B>::load(a), c1: Lanes::<B>::load(&a[8..]) },
        Quadratic { c0: Lanes::<B>::load(b), c1: Lanes::<B>::load(&b[8..]) },
        &mut lines,
    );
    assert_eq!(lines.len(), Lanes::<B>::WIDTH);
    for (lane, line) in lines.iter().enumerate() {
        let mut expected = *element;
        expected.mul_by_034(&Fq2::ONE, &Fq2::new(a[lane], a[8 + lane]), &Fq2::new(b[lane], b[8 + lane]));
        assert_eq!(times_line::<B>(lanes, line).to_ark(), expected);
    }
}

#[test]
fn fq12_equals_that_of_arkworks() {
    for kernel in Kernel::available() {
        kernel.run(Check { elements: 300 });
    }
}
