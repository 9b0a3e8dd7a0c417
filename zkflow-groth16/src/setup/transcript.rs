//! Encoding of points for hashing: big-endian, not in Montgomery form, extension coordinates from highest to
//! lowest.

use ark_bn254::{Fq, Fq2, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{BigInt, Field, PrimeField, Zero};
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options};
use zkflow_bn254::subgroup::all_in_subgroup;

use crate::blake2b::Blake2b;
use crate::digest::Hash;
use crate::format::encoding::FilePoint;
use crate::rng::os_rng;

/// A group whose points are encoded in files and in transcripts.
pub(crate) trait CeremonyPoint: FilePoint {
    /// `x | y`, [`FilePoint::LEN`] bytes; zeros for infinity, without any flag bit.
    fn put_uncompressed(&self, out: &mut Vec<u8>);

    /// `x`, half as many bytes; the top bit is set if `y` is the larger root. For infinity, only the second
    /// bit is set.
    fn put_compressed(&self, out: &mut Vec<u8>);

    /// The inverse of [`CeremonyPoint::put_uncompressed`], for [`FilePoint::LEN`] bytes; `None` if they are
    /// not a point of the curve.
    fn from_uncompressed(bytes: &[u8]) -> Option<Self>;

    /// The inverse of [`CeremonyPoint::put_compressed`], for half of [`FilePoint::LEN`] bytes; `None` if
    /// they are not a point of the curve.
    fn from_compressed(bytes: &[u8]) -> Option<Self>;

    /// Whether all points are in the group of order r. Accepts others with a probability of at most 2^-130.
    fn all_in_group(points: &[Self]) -> bool;
}

impl CeremonyPoint for Affine<g1::Config> {
    fn put_uncompressed(&self, out: &mut Vec<u8>) {
        let (x, y) = self.xy().unwrap_or_default();
        out.extend(big_endian(x));
        out.extend(big_endian(y));
    }

    fn put_compressed(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (x, y) = self.xy().unwrap_or_default();
        out.extend(big_endian(x));
        out[start] |= flags(self.is_zero(), is_larger_root(y));
    }

    fn from_uncompressed(bytes: &[u8]) -> Option<Self> {
        on_curve(element(bytes, 0)?, element(bytes, 1)?)
    }

    fn from_compressed(bytes: &[u8]) -> Option<Self> {
        let (bytes, flags) = without_flags(bytes)?;
        let x = element(&bytes, 0)?;
        root(x, flags, |y| is_larger_root(*y))
    }

    /// The curve has no other points.
    fn all_in_group(_: &[Self]) -> bool {
        true
    }
}

impl CeremonyPoint for Affine<g2::Config> {
    fn put_uncompressed(&self, out: &mut Vec<u8>) {
        let (x, y) = self.xy().unwrap_or_default();
        for word in [x.c1, x.c0, y.c1, y.c0] {
            out.extend(big_endian(word));
        }
    }

    fn put_compressed(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (x, y) = self.xy().unwrap_or_default();
        out.extend(big_endian(x.c1));
        out.extend(big_endian(x.c0));
        out[start] |= flags(self.is_zero(), is_larger_root_2(&y));
    }

    fn from_uncompressed(bytes: &[u8]) -> Option<Self> {
        let coordinate = |i| Some(Fq2::new(element(bytes, i + 1)?, element(bytes, i)?));
        on_curve(coordinate(0)?, coordinate(2)?)
    }

    fn from_compressed(bytes: &[u8]) -> Option<Self> {
        let (bytes, flags) = without_flags(bytes)?;
        let x = Fq2::new(element(&bytes, 1)?, element(&bytes, 0)?);
        root(x, flags, is_larger_root_2)
    }

    fn all_in_group(points: &[Self]) -> bool {
        // For few points, combinations cost more than single checks.
        if points.len() < 64 {
            return points.iter().all(Self::is_in_correct_subgroup_assuming_on_curve);
        }
        let kernel = Kernel::detect();
        let bases = FixedBases::prepare(points, Options { kernel, table_bytes: 0 });
        // Each call errs with a probability of at most 2^-65.
        (0..2).all(|_| all_in_subgroup(&bases, &mut os_rng()))
    }
}

/// Whether `y > (q - 1) / 2`, so that `y` is larger than `-y`.
pub(super) fn is_larger_root(y: Fq) -> bool {
    y.into_bigint() > Fq::MODULUS_MINUS_ONE_DIV_TWO
}

/// The same in the extension: `c1` decides, or `c0` if `c1` is zero.
pub(super) fn is_larger_root_2(y: &Fq2) -> bool {
    is_larger_root(if y.c1.is_zero() { y.c0 } else { y.c1 })
}

/// A hash of points, bytes and numbers.
#[derive(Debug, Clone)]
pub(crate) struct Transcript {
    hasher: Blake2b,
    buffer: Vec<u8>,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self::resume(Blake2b::new())
    }

    /// Continues an unfinished hash.
    pub(crate) fn resume(hasher: Blake2b) -> Self {
        Self { hasher, buffer: Vec::new() }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    pub(crate) fn number(&mut self, number: u32) {
        self.hasher.update(&number.to_be_bytes());
    }

    pub(crate) fn points<P: CeremonyPoint>(&mut self, points: &[P]) {
        self.each(points, P::put_uncompressed);
    }

    /// The points as snarkjs before 0.7 wrote them: the second bit of infinity is set.
    pub(crate) fn early_points<P: CeremonyPoint>(&mut self, points: &[P]) {
        self.each(points, |point, out| {
            let start = out.len();
            point.put_uncompressed(out);
            if point.is_zero() {
                out[start] |= INFINITY;
            }
        });
    }

    pub(crate) fn compressed<P: CeremonyPoint>(&mut self, points: &[P]) {
        self.each(points, P::put_compressed);
    }

    fn each<P: CeremonyPoint>(&mut self, points: &[P], put: impl Fn(&P, &mut Vec<u8>)) {
        for chunk in points.chunks(AT_ONCE / P::LEN) {
            self.buffer.clear();
            chunk.iter().for_each(|point| put(point, &mut self.buffer));
            self.hasher.update(&self.buffer);
        }
    }

    /// The unfinished hash.
    pub(crate) fn hasher(&self) -> &Blake2b {
        &self.hasher
    }

    pub(crate) fn finish(self) -> Hash {
        self.hasher.finish()
    }
}

/// Bytes of uncompressed points hashed by one call, as in snarkjs: the state of a response's hash depends on
/// it.
const AT_ONCE: usize = 1 << 20;

fn big_endian(value: Fq) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.rchunks_exact_mut(8).zip(value.into_bigint().0) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

/// Big-endian word number `index` of `bytes`; `None` if it is not below the modulus.
fn element(bytes: &[u8], index: usize) -> Option<Fq> {
    let word = bytes.get(32 * index..32 * (index + 1))?;
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(word.rchunks_exact(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().ok()?);
    }
    Fq::from_bigint(BigInt(limbs))
}

/// The point with these coordinates; zeros are infinity. `None` if it is off the curve.
fn on_curve<C: SWCurveConfig>(x: C::BaseField, y: C::BaseField) -> Option<Affine<C>> {
    if x.is_zero() && y.is_zero() {
        return Some(Affine::identity());
    }
    let point = Affine::new_unchecked(x, y);
    point.is_on_curve().then_some(point)
}

/// The point with this `x`, and the root that the flags select.
fn root<C: SWCurveConfig>(
    x: C::BaseField,
    flags: u8,
    is_larger: impl Fn(&C::BaseField) -> bool,
) -> Option<Affine<C>> {
    match flags {
        INFINITY => x.is_zero().then(Affine::identity),
        0 | LARGER_ROOT => {
            let y = (x.square() * x + C::COEFF_B).sqrt()?;
            let y = if is_larger(&y) == (flags == LARGER_ROOT) { y } else { -y };
            Some(Affine::new_unchecked(x, y))
        }
        _ => None,
    }
}

/// The bytes with both flag bits cleared, and the flag bits.
fn without_flags(bytes: &[u8]) -> Option<(Vec<u8>, u8)> {
    let mut bytes = bytes.to_vec();
    let first = bytes.first_mut()?;
    let flags = *first & (INFINITY | LARGER_ROOT);
    *first ^= flags;
    Some((bytes, flags))
}

fn flags(infinity: bool, larger_root: bool) -> u8 {
    match (infinity, larger_root) {
        (true, _) => INFINITY,
        (false, true) => LARGER_ROOT,
        (false, false) => 0,
    }
}

const LARGER_ROOT: u8 = 0x80;
const INFINITY: u8 = 0x40;

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::CurveGroup;

    use super::*;

    fn comes_back<P: CeremonyPoint>(point: P) {
        let (mut long, mut short) = (Vec::new(), Vec::new());
        point.put_uncompressed(&mut long);
        point.put_compressed(&mut short);
        assert_eq!((long.len(), short.len()), (P::LEN, P::LEN / 2));
        assert_eq!(P::from_uncompressed(&long), Some(point));
        assert_eq!(P::from_compressed(&short), Some(point));
        let changed = |at: usize, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            bytes
        };
        assert_eq!(P::from_uncompressed(&changed(P::LEN - 1, &long)), None, "off the curve");
        assert_ne!(P::from_compressed(&changed(P::LEN / 2 - 1, &short)), Some(point));
        assert_eq!(P::from_uncompressed(&vec![0xff; P::LEN]), None, "above the modulus");
        assert_eq!(P::from_compressed(&vec![0xff; P::LEN / 2]), None, "both flags");
        assert_eq!(P::from_compressed(&[]), None);
        assert_eq!(P::from_uncompressed(&long[1..]), None, "too short");
    }

    #[test]
    fn points_come_back_as_they_were_hashed() {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        for k in 1u64..5 {
            for sign in [1i64, -1] {
                let k = ark_bn254::Fr::from(k) * ark_bn254::Fr::from(sign);
                comes_back((g1 * k).into_affine());
                comes_back((g2 * k).into_affine());
            }
        }
    }

    #[test]
    fn infinity_comes_back_and_has_one_form() {
        let mut short = Vec::new();
        G1Affine::identity().put_compressed(&mut short);
        assert_eq!(G1Affine::from_compressed(&short), Some(G1Affine::identity()));
        assert_eq!(G1Affine::from_uncompressed(&[0; 64]), Some(G1Affine::identity()));
        short[31] = 1;
        assert_eq!(G1Affine::from_compressed(&short), None);
    }
}
