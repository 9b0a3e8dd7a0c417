//! Field elements and curve points as 32-byte little-endian words; numbers are never reduced.

use ark_bn254::{Fq, Fq2, Fr};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{BigInt, PrimeField};

use super::FormatError;
use super::cursor::Cursor;
use super::records::read_records;

/// The modulus of a field, as encoded in files.
pub(crate) fn modulus_bytes<F: PrimeField<BigInt = BigInt<4>>>() -> [u8; 32] {
    limb_bytes(F::MODULUS)
}

/// Reads `n8 u32 | modulus` and checks that both belong to `F`.
pub(crate) fn expect_field<F>(cursor: &mut Cursor<'_>, name: &str) -> Result<(), FormatError>
where
    F: PrimeField<BigInt = BigInt<4>>,
{
    let start = cursor.position();
    let length = cursor.u32()?;
    if length != 32 {
        return Err(cursor.error_at(start, format!("{name}: expected 32-byte elements, found {length}")));
    }
    if cursor.array()? != modulus_bytes::<F>() {
        return Err(cursor.error_at(start, format!("{name}: the prime is not BN254's")));
    }
    Ok(())
}

/// Writes `n8 u32 | modulus`.
pub(crate) fn put_field<F: PrimeField<BigInt = BigInt<4>>>(out: &mut Vec<u8>) {
    out.extend(32u32.to_le_bytes());
    out.extend(modulus_bytes::<F>());
}

/// Reads `value * R^2 mod r`, the encoding of matrix entries in a `.zkey`.
pub(crate) fn double_montgomery(cursor: &mut Cursor<'_>) -> Result<Fr, FormatError> {
    let start = cursor.position();
    let limbs = limbs(&cursor.array::<32>()?);
    if limbs >= Fr::MODULUS {
        return Err(cursor.error_at(start, "not below the field's modulus"));
    }
    // The words of an element are its value times R, so reading them twice divides by R^2.
    Ok(Fr::new_unchecked(Fr::new_unchecked(limbs).into_bigint()))
}

/// The inverse of [`double_montgomery`].
pub(crate) fn double_montgomery_bytes(value: &Fr) -> [u8; 32] {
    limb_bytes(Fr::new(value.0).0)
}

/// A point with a file encoding: affine coordinates in Montgomery form, zeros for infinity.
///
/// Implemented for the points of G1 and G2, and for no other type: functions over points of both groups are bounded
/// by it.
pub trait FilePoint: sealed::Sealed + AffineRepr<ScalarField = Fr> {
    /// Length of an encoded point in bytes.
    const LEN: usize;

    /// Decodes [`FilePoint::LEN`] bytes; the error is the reason why they are not a point of the curve.
    fn decode(bytes: &[u8]) -> Result<Self, &'static str>;

    /// Appends the encoding, [`FilePoint::LEN`] bytes.
    fn put(&self, out: &mut Vec<u8>);
}

mod sealed {
    /// Prevents implementations of [`FilePoint`](super::FilePoint) in other crates.
    #[expect(unnameable_types, reason = "other crates must not name it")]
    pub trait Sealed {}
}

impl sealed::Sealed for Affine<ark_bn254::g1::Config> {}
impl sealed::Sealed for Affine<ark_bn254::g2::Config> {}

impl FilePoint for Affine<ark_bn254::g1::Config> {
    const LEN: usize = 64;

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (x, y) = bytes.split_at(32);
        let (x, y) = (montgomery(x)?, montgomery(y)?);
        if x == Fq::default() && y == Fq::default() {
            return Ok(Self::identity());
        }
        let point = Self::new_unchecked(x, y);
        if point.is_on_curve() { Ok(point) } else { Err(NOT_ON_CURVE) }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let (x, y) = self.xy().unwrap_or_default();
        out.extend(limb_bytes(x.0));
        out.extend(limb_bytes(y.0));
    }
}

impl FilePoint for Affine<ark_bn254::g2::Config> {
    const LEN: usize = 128;

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (x, y) = bytes.split_at(64);
        let coordinate = |bytes: &[u8]| -> Result<Fq2, &'static str> {
            let (c0, c1) = bytes.split_at(32);
            Ok(Fq2::new(montgomery(c0)?, montgomery(c1)?))
        };
        let (x, y) = (coordinate(x)?, coordinate(y)?);
        if x == Fq2::default() && y == Fq2::default() {
            return Ok(Self::identity());
        }
        let point = Self::new_unchecked(x, y);
        if point.is_on_curve() { Ok(point) } else { Err(NOT_ON_CURVE) }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let (x, y) = self.xy().unwrap_or_default();
        for word in [x.c0, x.c1, y.c0, y.c1] {
            out.extend(limb_bytes(word.0));
        }
    }
}

/// Reads one point.
pub(crate) fn point<P: FilePoint>(cursor: &mut Cursor<'_>) -> Result<P, FormatError> {
    let start = cursor.position();
    let bytes = cursor.take(P::LEN as u64)?;
    P::decode(bytes).map_err(|reason| cursor.error_at(start, reason))
}

/// Reads `count` points, on all cores if there are many.
pub(crate) fn points<P: FilePoint>(cursor: &mut Cursor<'_>, count: u64) -> Result<Vec<P>, FormatError> {
    let bytes = cursor.records(count, P::LEN as u64)?;
    let mut points = Vec::new();
    let read = read_records(bytes, P::LEN, WORTH_A_THREAD, P::zero(), &mut points, P::decode);
    read.map_err(|(index, reason)| bad_point::<P>(cursor, bytes, index, reason))?;
    Ok(points)
}

/// The error of the first of some encoded points that is not a point of the curve. The cursor is at their end.
pub(crate) fn first_bad_point<P: FilePoint>(cursor: &Cursor<'_>, bytes: &[u8]) -> FormatError {
    let mut points = bytes.chunks_exact(P::LEN).enumerate();
    let bad = points.find_map(|(index, point)| Some((index, P::decode(point).err()?)));
    match bad {
        Some((index, reason)) => bad_point::<P>(cursor, bytes, index, reason),
        // Only if another process has changed a mapped file.
        None => {
            cursor.error_at(cursor.position() - bytes.len(), "the points have changed while they were read")
        }
    }
}

/// The error of a point among encoded ones. The cursor is at their end.
fn bad_point<P: FilePoint>(cursor: &Cursor<'_>, bytes: &[u8], index: usize, reason: &str) -> FormatError {
    let start = cursor.position() - bytes.len();
    cursor.error_at(start + index * P::LEN, format!("point {index}: {reason}"))
}

/// Appends points one after another.
pub(crate) fn put_points<P: FilePoint>(out: &mut Vec<u8>, points: &[P]) {
    points.iter().for_each(|point| point.put(out));
}

/// Reads an element of the base field in Montgomery form.
fn montgomery(bytes: &[u8]) -> Result<Fq, &'static str> {
    let limbs = limbs(bytes);
    if limbs >= Fq::MODULUS {
        return Err("a coordinate is not below the field's modulus");
    }
    Ok(Fq::new_unchecked(limbs))
}

fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
    }
    BigInt(limbs)
}

fn limb_bytes(limbs: BigInt<4>) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(limbs.0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

const NOT_ON_CURVE: &str = "not a point of the curve";

/// With fewer points, threads cost more than they gain.
const WORTH_A_THREAD: usize = 1024;

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::CurveGroup;
    use ark_ff::Field;

    use super::*;
    use crate::field;
    use crate::format::binfile::{BinFile, BinWriter};
    use crate::format::container::Layout;

    const LAYOUT: Layout = Layout { name: "test", version: 1, counts_sections: true };

    fn read_points<P: FilePoint>(body: &[u8], count: u64) -> Result<Vec<P>, FormatError> {
        let bytes = BinWriter::new(LAYOUT, 0).section(1, |out| out.extend(body)).finish();
        points(&mut BinFile::parse(LAYOUT, &bytes).unwrap().section(1).unwrap(), count)
    }

    #[test]
    fn points_and_infinity_come_back_as_they_were_written() {
        let g1 = vec![G1Affine::generator(), G1Affine::identity()];
        let g2 = vec![G2Affine::generator(), G2Affine::identity()];
        let (mut out1, mut out2) = (Vec::new(), Vec::new());
        put_points(&mut out1, &g1);
        put_points(&mut out2, &g2);
        assert_eq!(out1[64..], [0; 64]);
        assert_eq!(out2[128..], [0; 128]);
        assert_eq!(read_points(&out1, 2), Ok(g1));
        assert_eq!(read_points(&out2, 2), Ok(g2));
    }

    #[test]
    fn the_first_bad_point_of_many_is_the_one_reported() {
        let mut out = Vec::new();
        let many = vec![G1Affine::generator(); 5000];
        put_points(&mut out, &many);
        assert_eq!(read_points(&out, 5000), Ok(many));
        for bad in [4321, 1234, 3000] {
            out[bad * 64] ^= 1;
        }
        let error = read_points::<G1Affine>(&out, 5000).unwrap_err();
        assert_eq!(error.detail, "point 1234: not a point of the curve");
        assert_eq!(error.offset, 24 + 1234 * 64);
    }

    #[test]
    fn coordinates_are_never_reduced() {
        let mut out = Vec::new();
        put_points(&mut out, &[G1Affine::identity()]);
        out[..32].copy_from_slice(&modulus_bytes::<Fq>());
        assert!(read_points::<G1Affine>(&out, 1).unwrap_err().detail.contains("not below"));
        out.fill(0xff);
        assert!(read_points::<G1Affine>(&out, 1).unwrap_err().detail.contains("not below"));
    }

    #[test]
    fn a_matrix_entry_is_stored_times_r_squared() {
        let value = Fr::from(123_456_789u64);
        let r = Fr::from(2u64).pow([256]);
        let stored = field::to_le_bytes(&(value * r * r));
        assert_eq!(double_montgomery_bytes(&value), stored);
        let bytes = BinWriter::new(LAYOUT, 0).section(1, |out| out.extend(stored)).finish();
        let mut section = BinFile::parse(LAYOUT, &bytes).unwrap().section(1).unwrap();
        assert_eq!(double_montgomery(&mut section), Ok(value));
    }

    #[test]
    fn points_of_a_projective_sum_are_written_in_affine_form() {
        let sum = (G1Affine::generator() + G1Affine::generator()).into_affine();
        let mut out = Vec::new();
        sum.put(&mut out);
        assert_eq!(G1Affine::decode(&out), Ok(sum));
    }
}
