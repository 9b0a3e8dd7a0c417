//! The inverse of one element by division steps (Bernstein and Yang, [*Fast constant-time gcd computation and modular
//! inversion*](https://eprint.iacr.org/2019/266)), with as many steps as the value needs.
//!
//! Start with f = p, g = x and η = −1. A step, for odd f:
//! - g even: η ← η − 1, g ← g / 2.
//! - g odd and η < 0: (η, f, g) ← (−η − 1, g, (g − f) / 2).
//! - g odd and η ≥ 0: (η, g) ← (η − 1, (g + f) / 2), or with −f.
//!
//! At the end g = 0 and f = ±1. The steps depend on the lowest bits of f and g alone, so 62 of them are found in single
//! words, as a matrix of factors below 2^62, and then applied to the long numbers at once. The numbers d and e, with
//! f = d·x and g = e·x modulo p, go through the same matrices, and d ends as ±1/x.
//!
//! The number of operations depends on the value, as in arkworks' inversion.

use ark_ff::{BigInt, PrimeField};

/// Bits per limb, and steps per matrix.
const BITS: u32 = 62;
const MASK: u64 = (1 << BITS) - 1;
/// Limbs of a number: 5 · 62 = 310 bits.
const LIMBS: usize = 5;

/// 1/x, or `None` for zero.
pub(super) fn inverse<F: PrimeField<BigInt = BigInt<4>>>(value: F) -> Option<F> {
    if value.is_zero() {
        return None;
    }
    let p = Number::new(F::MODULUS.0);
    // p⁻¹ mod 2^62, from p⁻¹ mod 2^3 by Newton's iteration.
    let word = F::MODULUS.0[0];
    let inverse_of_p = (0..5).fold(word, |y, _| y.wrapping_mul(2u64.wrapping_sub(word.wrapping_mul(y))));

    let (mut f, mut g) = (p, Number::new(value.into_bigint().0));
    let (mut d, mut e) = (Number::new([0; 4]), Number::new([1, 0, 0, 0]));
    let mut eta = -1;
    while g.0 != [0; LIMBS] {
        let matrix = Matrix::steps(&mut eta, f.low(), g.low());
        (f, g) = (matrix.first(&f, &g), matrix.second(&f, &g));
        (d, e) = matrix.modulo(&d, &e, &p, inverse_of_p);
    }
    let d = if f.is_negative() { d.negated() } else { d };
    Some(F::from_bigint(d.below(&p)).expect("the number is below the modulus"))
}

/// An integer Σ lᵢ·2^(62i). All limbs are in 0..2^62 except the highest, which carries the sign.
#[derive(Clone, Copy)]
struct Number([i64; LIMBS]);

impl Number {
    fn new(words: [u64; 4]) -> Self {
        let limb = |i: usize| {
            let (word, shift) = (i * BITS as usize / 64, i as u32 * BITS % 64);
            let next = words.get(word + 1).copied().unwrap_or(0);
            let joined = u128::from(words[word]) | u128::from(next) << 64;
            ((joined >> shift) as u64 & MASK) as i64
        };
        // The highest limb begins at bit 248, which is bit 56 of the highest word.
        Self([limb(0), limb(1), limb(2), limb(3), (words[3] >> 56) as i64])
    }

    fn low(&self) -> u64 {
        self.0[0] as u64
    }

    fn is_negative(&self) -> bool {
        self.0[LIMBS - 1] < 0
    }

    /// The number whose limbs are the given sums, with carries.
    fn carried(sums: [i64; LIMBS]) -> Self {
        let mut carry = 0;
        let mut limbs = sums.map(|sum| {
            let sum = sum + carry;
            carry = sum >> BITS;
            (sum as u64 & MASK) as i64
        });
        limbs[LIMBS - 1] += carry << BITS;
        Self(limbs)
    }

    fn negated(&self) -> Self {
        Self::carried(self.0.map(|limb| -limb))
    }

    fn plus(&self, other: &Self) -> Self {
        Self::carried(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    /// The number modulo p, for a number between −2p and 2p.
    fn below(self, p: &Self) -> BigInt<4> {
        let mut number = self;
        while number.is_negative() {
            number = number.plus(p);
        }
        loop {
            let less = number.plus(&p.negated());
            if less.is_negative() {
                break;
            }
            number = less;
        }
        let limbs = number.0.map(|limb| limb as u64);
        BigInt(std::array::from_fn(|i| limbs[i] >> (2 * i) | limbs[i + 1] << (BITS as usize - 2 * i)))
    }

    /// (a·self + b·other + c·third) / 2^62, which must be an integer.
    #[inline(always)]
    fn combination(&self, a: i64, other: &Self, b: i64, third: &Self, c: i64) -> Self {
        let product = |x: i64, y: i64| i128::from(x) * i128::from(y);
        let mut limbs = [0; LIMBS];
        let mut carry = 0i128;
        for i in 0..LIMBS {
            carry += product(a, self.0[i]) + product(b, other.0[i]) + product(c, third.0[i]);
            if i > 0 {
                limbs[i - 1] = (carry as u64 & MASK) as i64;
            }
            carry >>= BITS;
        }
        limbs[LIMBS - 1] = carry as i64;
        Self(limbs)
    }
}

/// 2^62 times the effect of 62 steps: f ← (uf + vg) / 2^62, g ← (qf + rg) / 2^62. |u| + |v| and |q| + |r| are at most
/// 2^62.
struct Matrix {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

impl Matrix {
    /// The next 62 steps, given the lowest words of f and g.
    #[inline(always)]
    fn steps(eta: &mut i64, mut f: u64, mut g: u64) -> Self {
        // Modulo 2^64; the factors are signed.
        let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
        let mut left = BITS;
        loop {
            // All steps with even g.
            let zeros = (g | u64::MAX << left).trailing_zeros();
            g >>= zeros;
            (u, v) = (u << zeros, v << zeros);
            *eta -= i64::from(zeros);
            left -= zeros;
            if left == 0 {
                return Self { u: u as i64, v: v as i64, q: q as i64, r: r as i64 };
            }
            if *eta < 0 {
                *eta = -*eta;
                (f, g) = (g, f.wrapping_neg());
                (u, q) = (q, u.wrapping_neg());
                (v, r) = (r, v.wrapping_neg());
            }
            // The next η + 1 steps only halve g, or add f before: a multiple of f clears these bits of g, as far as
            // f(2 − f²), which is 1/f modulo 2^6, allows.
            let clear = (*eta + 1).min(i64::from(left)).min(6);
            let inverse = f.wrapping_mul(2u64.wrapping_sub(f.wrapping_mul(f)));
            let factor = g.wrapping_mul(inverse).wrapping_neg() & ((1 << clear) - 1);
            g = g.wrapping_add(f.wrapping_mul(factor));
            q = q.wrapping_add(u.wrapping_mul(factor));
            r = r.wrapping_add(v.wrapping_mul(factor));
        }
    }

    fn first(&self, f: &Number, g: &Number) -> Number {
        f.combination(self.u, g, self.v, &Number([0; LIMBS]), 0)
    }

    fn second(&self, f: &Number, g: &Number) -> Number {
        f.combination(self.q, g, self.r, &Number([0; LIMBS]), 0)
    }

    /// d and e between −2p and p, divided by 2^62 modulo p after the matrix is applied.
    fn modulo(&self, d: &Number, e: &Number, p: &Number, inverse_of_p: u64) -> (Number, Number) {
        let reduced = |a: i64, b: i64| {
            // A negative number counts as p more, so that the result is between −2p and p again.
            let more = if d.is_negative() { a } else { 0 } + if e.is_negative() { b } else { 0 };
            let low = (a as u64).wrapping_mul(d.low()).wrapping_add((b as u64).wrapping_mul(e.low()));
            // The multiple of p, between `more` − 2^62 and `more`, that makes the lowest limb zero.
            let excess = inverse_of_p.wrapping_mul(low).wrapping_add(more as u64) & MASK;
            d.combination(a, e, b, p, more - excess as i64)
        };
        (reduced(self.u, self.v), reduced(self.q, self.r))
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fq, Fr};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::field::tests::edges;

    fn check<F: PrimeField<BigInt = BigInt<4>>>(value: F) {
        assert_eq!(inverse(value), value.inverse(), "{value}");
    }

    fn check_field<F: PrimeField<BigInt = BigInt<4>>>() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        edges::<F>().into_iter().for_each(check);
        (0..2000).for_each(|i| check(F::from(i)));
        (0..20_000).for_each(|_| check(F::rand(&mut rng)));
    }

    #[test]
    fn inverses_equal_those_of_arkworks() {
        check_field::<Fq>();
        check_field::<Fr>();
    }

    #[test]
    fn limbs_of_62_bits_contain_every_bit() {
        for i in 0..256 {
            let mut words = [0; 4];
            words[i / 64] = 1 << (i % 64);
            let mut limbs = [0; LIMBS];
            limbs[i / BITS as usize] = 1 << (i % BITS as usize);
            assert_eq!(Number::new(words).0, limbs, "bit {i}");
        }
    }
}
