//! The product of the Miller loops of many pairings, for [`batch`](super::batch).
//!
//! All pairings take each step together, so one inversion serves all their slopes, and one squaring of the product
//! serves them all. Lines are in affine coordinates, divided by the y of the point in G1:
//!
//! ```text
//! line through T with slope s, at P:  1 - s (x_P / y_P) w + (s x_T - y_T) (1 / y_P) v w
//! ```
//!
//! Fq12 is Fq6\[w\] with `w^2 = v`, as in arkworks. The final exponentiation removes the factor that differs from
//! arkworks' lines.

use ark_bn254::{Config, Fq, Fq2, Fq6, Fq6Config, Fq12, Fq12Config, G1Affine, G2Affine};
use ark_ec::bn::BnConfig;
use ark_ff::fields::fp6_3over2::Fp6Config;
use ark_ff::fields::fp12_2over3over2::Fp12Config;
use ark_ff::fields::serial_batch_inversion_and_mul;
use ark_ff::{AdditiveGroup, Field, One};

/// Product of the Miller loops of `e(P, Q)`; the points are on their curves, and none is at infinity. `None` if a Q is
/// outside the group of order r.
///
/// The check of Q costs one comparison. On the group of order r, the endomorphism psi multiplies by p, and
/// `6x + 2 + p - p^2 + p^3 = 0 mod r`. The loop computes `T = [6x + 2] Q + psi(Q) - psi^2(Q)`, so `T = -psi^3(Q)`.
/// Outside, this never holds: `psi^2 - t psi + p = 0`, so a point that fulfils it has an order that divides the norm of
/// `6x + 2 + psi - psi^2 + psi^3`, whose greatest common divisor with the order of the twist is r (a test computes it).
pub(super) fn product(pairs: &[(G1Affine, G2Affine)]) -> Option<Fq12> {
    let mut walks = Walks::new(pairs)?;
    let digits = Config::ATE_LOOP_COUNT;
    let mut product = Fq12::one();
    for digit in digits.iter().rev().skip(1) {
        product.square_in_place();
        walks.double(&mut product)?;
        match digit {
            1 => walks.add(&mut product, |q| q)?,
            -1 => walks.add(&mut product, |(x, y)| (x, -y))?,
            _ => {}
        }
    }
    let minus = |(x, y): Point| (x, -y);
    walks.add(&mut product, psi)?;
    walks.add(&mut product, |q| minus(psi(psi(q))))?;
    let in_group = |walk: &Walk| walk.t == minus(psi(psi(psi(walk.q))));
    walks.all.iter().all(in_group).then_some(product)
}

/// A point of the twist, not at infinity.
type Point = (Fq2, Fq2);

/// Coefficients of `w` and of `v w` of a line; the constant one is 1.
type Line = (Fq2, Fq2);

/// The way from Q to its multiples, of one pairing.
struct Walk {
    q: Point,
    t: Point,
    /// `-x_P / y_P`
    minus_x_over_y: Fq,
    /// `1 / y_P`
    one_over_y: Fq,
}

struct Walks {
    all: Vec<Walk>,
    /// Denominators of the slopes, then their inverses.
    denominators: Vec<Fq2>,
    lines: Vec<Line>,
}

impl Walks {
    fn new(pairs: &[(G1Affine, G2Affine)]) -> Option<Self> {
        let mut inverses: Vec<Fq> = pairs.iter().map(|(p, _)| p.y).collect();
        // The order of G1 is odd: no point has y = 0.
        invert(&mut inverses)?;
        let walk = |((p, q), one_over_y): (&(G1Affine, G2Affine), Fq)| Walk {
            q: (q.x, q.y),
            t: (q.x, q.y),
            minus_x_over_y: -p.x * one_over_y,
            one_over_y,
        };
        let all: Vec<Walk> = pairs.iter().zip(inverses).map(walk).collect();
        let (denominators, lines) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
        Some(Self { all, denominators, lines })
    }

    /// `T = 2 T`; multiplies the tangents into `product`. `None` if a Q is outside the group.
    fn double(&mut self, product: &mut Fq12) -> Option<()> {
        self.step(
            product,
            |walk| walk.t.1.double(),
            |walk, inverse| {
                let square = walk.t.0.square();
                (walk.t.0, (square.double() + square) * inverse)
            },
        )
    }

    /// `T = T + Q'` with `Q' = multiple(Q)`; multiplies the lines into `product`. `None` if a Q is outside the group.
    fn add(&mut self, product: &mut Fq12, multiple: impl Fn(Point) -> Point) -> Option<()> {
        self.step(
            product,
            |walk| walk.t.0 - multiple(walk.q).0,
            |walk, inverse| {
                let (x, y) = multiple(walk.q);
                (x, (walk.t.1 - y) * inverse)
            },
        )
    }

    /// One step of all walks. `chord` returns the x of the second point of the line, and the slope.
    ///
    /// A denominator is never zero for a Q of order r, since no step reaches a point `T = -Q'` or `T = Q'`.
    fn step(
        &mut self,
        product: &mut Fq12,
        denominator: impl Fn(&Walk) -> Fq2,
        chord: impl Fn(&Walk, Fq2) -> (Fq2, Fq2),
    ) -> Option<()> {
        self.denominators.clear();
        self.denominators.extend(self.all.iter().map(denominator));
        invert(&mut self.denominators)?;
        self.lines.clear();
        for (walk, inverse) in self.all.iter_mut().zip(&self.denominators) {
            let (other_x, slope) = chord(walk, *inverse);
            let (x, y) = walk.t;
            let mut first = slope;
            first.mul_assign_by_fp(&walk.minus_x_over_y);
            let mut second = slope * x - y;
            second.mul_assign_by_fp(&walk.one_over_y);
            self.lines.push((first, second));
            let new_x = slope.square() - x - other_x;
            walk.t = (new_x, slope * (x - new_x) - y);
        }
        multiply(product, &self.lines);
        Some(())
    }
}

/// Inverts all elements; `None` if one is zero.
fn invert<F: Field>(elements: &mut [F]) -> Option<()> {
    if elements.iter().any(F::is_zero) {
        return None;
    }
    serial_batch_inversion_and_mul(elements, &F::one());
    Some(())
}

/// Multiplies lines into `product`, two at a time.
fn multiply(product: &mut Fq12, lines: &[Line]) {
    let (pairs, rest) = lines.as_chunks::<2>();
    for [(a, b), (c, d)] in pairs {
        // (1 + a w + b v w) (1 + c w + d v w), with three products.
        let (first, last) = (*a * c, *b * d);
        let mixed = (*a + b) * (*c + d) - first - last;
        let mut constant = last;
        Fq6Config::mul_fp2_by_nonresidue_in_place(&mut constant);
        let even = Fq6::new(constant + Fq2::one(), first, mixed);
        let (odd_0, odd_1) = (*a + c, *b + d);
        let sum = Fq6::new(even.c0 + odd_0, even.c1 + odd_1, even.c2);
        let both = (product.c0 + product.c1) * sum;
        let low = product.c0 * even;
        let mut high = product.c1;
        high.mul_by_01(&odd_0, &odd_1);
        product.c1 = both - low - high;
        product.c0 = low + Fq12Config::mul_fp6_by_nonresidue_in_place(&mut high);
    }
    for (a, b) in rest {
        product.mul_by_034(&Fq2::one(), a, b);
    }
}

/// The endomorphism of the twist that multiplies by p on the group of order r.
fn psi((mut x, mut y): Point) -> Point {
    x.frobenius_map_in_place(1);
    y.frobenius_map_in_place(1);
    (x * Config::TWIST_MUL_BY_Q_X, y * Config::TWIST_MUL_BY_Q_Y)
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Bn254, Fr};
    use ark_ec::pairing::{MillerLoopOutput, Pairing};
    use ark_ec::short_weierstrass::SWCurveConfig;
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{BigInteger, PrimeField, UniformRand, Zero};
    use num_bigint::BigInt;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn pairs(n: usize, rng: &mut StdRng) -> Vec<(G1Affine, G2Affine)> {
        let p = |rng: &mut StdRng| (G1Affine::generator() * Fr::rand(rng)).into_affine();
        let q = |rng: &mut StdRng| (G2Affine::generator() * Fr::rand(rng)).into_affine();
        (0..n).map(|_| (p(rng), q(rng))).collect()
    }

    /// A point of the twist; almost surely outside the group of order r.
    fn on_the_twist(rng: &mut StdRng) -> G2Affine {
        loop {
            if let Some(point) = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true) {
                return point;
            }
        }
    }

    #[test]
    fn the_product_is_that_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in 0..6 {
            let pairs = pairs(n, &mut rng);
            let expected = Bn254::multi_pairing(pairs.iter().map(|(p, _)| *p), pairs.iter().map(|(_, q)| *q));
            let found = product(&pairs).unwrap();
            assert_eq!(Bn254::final_exponentiation(MillerLoopOutput(found)), Some(expected), "{n} pairings");
        }
    }

    #[test]
    fn a_point_outside_the_group_is_found_at_every_place() {
        let mut rng = StdRng::seed_from_u64(2);
        let order = <ark_bn254::g2::Config as ark_ec::CurveConfig>::COFACTOR;
        for place in 0..4 {
            let mut pairs = pairs(4, &mut rng);
            let stray = on_the_twist(&mut rng);
            // A multiple of r leaves the part outside the group alone; a multiple of the cofactor removes it.
            let outside = stray.mul_bigint(Fr::MODULUS).into_affine();
            assert!(!outside.is_zero() && !outside.is_in_correct_subgroup_assuming_on_curve());
            for bad in [stray, outside, (outside + pairs[place].1).into_affine()] {
                let good = std::mem::replace(&mut pairs[place].1, bad);
                assert!(product(&pairs).is_none(), "place {place}");
                pairs[place].1 = good;
            }
            pairs[place].1 = stray.mul_bigint(order).into_affine();
            assert!(product(&pairs).is_some(), "place {place}");
        }
    }

    #[test]
    fn points_of_small_order_are_found() {
        // The smallest prime factor of the order of the twist.
        let small = BigInt::from(10069);
        let cofactor = limbs(<ark_bn254::g2::Config as ark_ec::CurveConfig>::COFACTOR);
        assert_eq!(&cofactor % &small, BigInt::from(0));
        let rest: Vec<u64> = (cofactor / &small).to_u64_digits().1;
        let mut rng = StdRng::seed_from_u64(3);
        let point = loop {
            let point = on_the_twist(&mut rng).mul_bigint(Fr::MODULUS).into_affine();
            let point = point.mul_bigint(&rest).into_affine();
            if !point.is_zero() {
                break point;
            }
        };
        assert!(point.mul_bigint([10069]).is_zero());
        assert!(product(&[(G1Affine::generator(), point)]).is_none());
    }

    /// See [`product`]: x is the parameter of the curve, t the trace, and the norm of `a + b psi` is
    /// `a^2 + a b t + b^2 p`.
    #[test]
    fn the_check_of_the_group_has_no_other_solutions() {
        let x = limbs(Config::X);
        let (p, r) = (limbs(Fq::MODULUS.as_ref()), limbs(Fr::MODULUS.as_ref()));
        let t = 6 * &x * &x + 1;
        assert_eq!(p.clone() + 1 - &t, r, "the trace");
        let twist = limbs(<ark_bn254::g2::Config as ark_ec::CurveConfig>::COFACTOR) * &r;
        // 6x + 2 + psi - psi^2 + psi^3 with psi^2 = t psi - p.
        let a = 6 * &x + 2 + &p - &t * &p;
        let b = 1 - &t + &t * &t - &p;
        let norm = &a * &a + &a * &b * &t + &b * &b * &p;
        assert_eq!(gcd(norm, twist), r);
        assert!(G2Affine::generator().is_in_correct_subgroup_assuming_on_curve());
        assert_eq!(<ark_bn254::g2::Config as SWCurveConfig>::COEFF_A, Fq2::zero());
    }

    fn gcd(a: BigInt, b: BigInt) -> BigInt {
        if b == BigInt::from(0) { a } else { gcd(b.clone(), a % b) }
    }

    fn limbs(limbs: &[u64]) -> BigInt {
        let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        BigInt::from_bytes_le(num_bigint::Sign::Plus, &bytes)
    }

    #[test]
    fn the_moduli_have_the_limbs_that_the_tests_read() {
        assert_eq!(limbs(Fr::MODULUS.as_ref()).bits(), u64::from(Fr::MODULUS.num_bits()));
    }
}
