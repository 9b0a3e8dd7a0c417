//! Arithmetic modulo p on four words of 64 bits, for any processor.

use ark_ff::MontConfig;

/// A number below 2^256: four words, lowest first.
pub(super) type Words = [u64; 4];

/// Arithmetic modulo the p of a configuration, which must be below 0.19 · 2^256, on values in Montgomery form with
/// R = 2^256. A value a has the bound A if it is below A p.
pub(crate) trait Modular: MontConfig<4> {
    /// a + b of canonical values, canonical.
    #[inline(always)]
    fn add(a: Words, b: Words) -> Words {
        less_if_not_below(&sum(&a, &b), &Self::MODULUS.0)
    }

    /// a − b of canonical values, canonical.
    #[inline(always)]
    fn sub(a: Words, b: Words) -> Words {
        let (difference, negative) = difference(&a, &b);
        let mask = u64::from(negative).wrapping_neg();
        sum(&difference, &Self::MODULUS.0.map(|word| word & mask))
    }

    /// a + b, for A + B ≤ 5.
    #[inline(always)]
    fn add_loose(a: Words, b: Words) -> Words {
        sum(&a, &b)
    }

    /// a − b + p, for A ≤ 4 and canonical b.
    #[inline(always)]
    fn sub_loose(a: Words, b: Words) -> Words {
        sum(&difference(&a, &b).0, &Self::MODULUS.0)
    }

    /// a − b + 2p, for A ≤ 3 and B ≤ 2.
    #[inline(always)]
    fn sub_sums(a: Words, b: Words) -> Words {
        sum(&difference(&a, &b).0, &twice(&Self::MODULUS.0))
    }

    /// The canonical value, for A ≤ 4.
    #[inline(always)]
    fn reduce(a: Words) -> Words {
        less_if_not_below(&less_if_not_below(&a, &twice(&Self::MODULUS.0)), &Self::MODULUS.0)
    }

    /// ab/R, canonical, for A ≤ 4 and AB ≤ 5.
    #[inline(always)]
    fn mul(a: Words, b: &Words) -> Words {
        sum_of_products([(&a, b)], &Self::MODULUS.0, Self::INV)
    }

    /// (ab + cd)/R, canonical, for A + C ≤ 4 and AB + CD ≤ 5.
    #[inline(always)]
    fn mul_add_mul([a, b, c, d]: &[Words; 4]) -> Words {
        sum_of_products([(a, b), (c, d)], &Self::MODULUS.0, Self::INV)
    }
}

/// a + b modulo 2^256.
#[inline(always)]
fn sum(a: &Words, b: &Words) -> Words {
    let (mut out, mut carry) = ([0; 4], false);
    for i in 0..4 {
        (out[i], carry) = a[i].carrying_add(b[i], carry);
    }
    out
}

/// a − b modulo 2^256, and whether it is negative.
#[inline(always)]
pub(super) fn difference(a: &Words, b: &Words) -> (Words, bool) {
    let (mut out, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        (out[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    (out, borrow)
}

/// 2a, which must be below 2^256.
pub(super) const fn twice(&[a, b, c, d]: &Words) -> Words {
    [a << 1, b << 1 | a >> 63, c << 1 | b >> 63, d << 1 | c >> 63]
}

/// a − m if that is not negative, otherwise a; without a branch.
#[inline(always)]
fn less_if_not_below(a: &Words, m: &Words) -> Words {
    let (reduced, negative) = difference(a, m);
    let mask = u64::from(negative).wrapping_neg();
    sum(&reduced, &[m[0] & mask, m[1] & mask, m[2] & mask, m[3] & mask])
}

/// Σ ab/2^256 mod p for pairs (a, b), where `inverse` is −p⁻¹ mod 2^64: one word of the second factors at a time
/// (CIOS). The bounds A and B of the factors must satisfy Σ A ≤ 4 and Σ AB ≤ 5, for p below 0.19 · 2^256; otherwise the
/// result is meaningless.
#[inline(always)]
pub(super) fn sum_of_products<const N: usize>(
    pairs: [(&Words, &Words); N],
    p: &Words,
    inverse: u64,
) -> Words {
    // Below (Σ A + 1) p < 2^256 after each step.
    let mut t: Words = [0; 4];
    for i in 0..4 {
        let mut top = 0;
        for (a, b) in pairs {
            let mut carry = 0;
            for j in 0..4 {
                (t[j], carry) = add_product(t[j], a[j], b[i], carry);
            }
            top = carry.wrapping_add(top);
        }
        let k = t[0].wrapping_mul(inverse);
        let (_, mut carry) = add_product(t[0], k, p[0], 0);
        for j in 1..4 {
            (t[j - 1], carry) = add_product(t[j], k, p[j], carry);
        }
        t[3] = carry.wrapping_add(top);
    }
    less_if_not_below(&t, p)
}

/// The lower and the upper word of a + bc + d.
#[inline(always)]
fn add_product(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let sum = u128::from(a) + u128::from(b) * u128::from(c) + u128::from(d);
    (sum as u64, (sum >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use ark_bn254::{FqConfig, FrConfig};
    use ark_ff::{BigInt, Fp, MontBackend};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The configuration without the instructions of this processor.
    struct Plain<C>(C);

    impl<C: MontConfig<4>> MontConfig<4> for Plain<C> {
        const MODULUS: BigInt<4> = C::MODULUS;
        const GENERATOR: Fp<MontBackend<Self, 4>, 4> = Fp::new_unchecked(C::GENERATOR.0);
        const TWO_ADIC_ROOT_OF_UNITY: Fp<MontBackend<Self, 4>, 4> =
            Fp::new_unchecked(C::TWO_ADIC_ROOT_OF_UNITY.0);
    }

    impl<C: MontConfig<4>> Modular for Plain<C> {}

    /// kp + n modulo 2^256.
    fn near<C: MontConfig<4>>(k: u32, n: i64) -> Words {
        let multiple = (0..k).fold([0; 4], |multiple, _| sum(&multiple, &C::MODULUS.0));
        let small = [n.unsigned_abs(), 0, 0, 0];
        if n < 0 { difference(&multiple, &small).0 } else { sum(&multiple, &small) }
    }

    /// A value below `bound` times p: random, with extreme words, or near an end of the range.
    fn value<C: MontConfig<4>>(bound: u32, rng: &mut ChaCha8Rng) -> Words {
        let end = near::<C>(bound, 0);
        loop {
            let words = match rng.gen_range(0..4) {
                0 => near::<C>(bound, -rng.gen_range(1..4)),
                1 => near::<C>(rng.gen_range(0..bound), rng.gen_range(0..4)),
                2 => std::array::from_fn(|_| [0, 1, u64::MAX, 1 << 63, rng.r#gen()][rng.gen_range(0..5)]),
                _ => rng.r#gen(),
            };
            if difference(&words, &end).1 {
                return words;
            }
        }
    }

    /// Compares with the plain words at the ends of the ranges that the functions promise.
    fn agrees<C: Modular>(rng: &mut ChaCha8Rng) {
        for _ in 0..200_000 {
            let mut canonical = || value::<C>(1, rng);
            let (a, b) = (canonical(), canonical());
            assert_eq!(C::add(a, b), Plain::<C>::add(a, b), "{a:x?} + {b:x?}");
            assert_eq!(C::sub(a, b), Plain::<C>::sub(a, b), "{a:x?} - {b:x?}");
            let mut up_to = |bound| value::<C>(bound, rng);
            let (four, three, two, other) = (up_to(4), up_to(3), up_to(2), up_to(2));
            assert_eq!(C::sub_loose(four, b), Plain::<C>::sub_loose(four, b), "{four:x?} - {b:x?}");
            assert_eq!(C::sub_sums(three, two), Plain::<C>::sub_sums(three, two), "{three:x?} - {two:x?}");
            assert_eq!(C::add_loose(three, two), Plain::<C>::add_loose(three, two), "{three:x?} + {two:x?}");
            assert_eq!(C::reduce(four), Plain::<C>::reduce(four), "{four:x?}");
            let five = up_to(5);
            for (x, y) in [(four, a), (two, other), (a, four), (a, five)] {
                let expected = Plain::<C>::mul(x, &y);
                assert_eq!(C::mul(x, &y), expected, "{x:x?} times {y:x?}");
                assert!(difference(&expected, &C::MODULUS.0).1, "{x:x?} times {y:x?}");
            }
            for factors in [[two, a, other, b], [three, a, a, b], [a, two, b, other], [a, four, b, a]] {
                let expected = Plain::<C>::mul_add_mul(&factors);
                assert_eq!(C::mul_add_mul(&factors), expected, "{factors:x?}");
                assert!(difference(&expected, &C::MODULUS.0).1, "{factors:x?}");
            }
        }
    }

    #[test]
    fn the_instructions_of_the_processor_and_plain_words_agree() {
        super::super::detect_instructions();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        agrees::<FqConfig>(&mut rng);
        agrees::<FrConfig>(&mut rng);
    }

    #[test]
    fn plain_words_are_those_of_arkworks() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let element = |words| {
            let words = Plain::<FqConfig>::reduce(words);
            Fp::<MontBackend<FqConfig, 4>, 4>::new_unchecked(BigInt(words))
        };
        for _ in 0..100_000 {
            let [a, b] = std::array::from_fn(|_| value::<FqConfig>(1, &mut rng));
            assert_eq!(Plain::<FqConfig>::add(a, b), (element(a) + element(b)).0.0);
            assert_eq!(Plain::<FqConfig>::sub(a, b), (element(a) - element(b)).0.0);
            let bounds: [u32; 4] =
                [[1, 1, 1, 1], [2, 1, 2, 1], [3, 1, 1, 1], [1, 3, 1, 2]][rng.gen_range(0..4)];
            let factors @ [a, b, c, d] = bounds.map(|bound| value::<FqConfig>(bound, &mut rng));
            let [x, y, z, w] = factors.map(element);
            assert_eq!(Plain::<FqConfig>::mul(a, &b), (x * y).0.0);
            assert_eq!(Plain::<FqConfig>::mul_add_mul(&[a, b, c, d]), (x * y + z * w).0.0);
            let four = value::<FqConfig>(4, &mut rng);
            assert_eq!(Plain::<FqConfig>::mul(four, &Plain::<FqConfig>::reduce(b)), (element(four) * y).0.0);
        }
        // Values above all bounds, as a file may contain, end nothing.
        Plain::<FqConfig>::mul([u64::MAX; 4], &[u64::MAX; 4]);
        Plain::<FqConfig>::mul_add_mul(&[[u64::MAX; 4]; 4]);
    }
}
