//! Points as they are hashed: big endian, out of Montgomery form, with the extension's coordinates from
//! the highest down.

use ark_bn254::{Fq, Fq2, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{PrimeField, Zero};

use super::blake2b::{Blake2b, Hash};
use crate::format::encoding::FilePoint;

/// A group whose points stand in files and in transcripts.
pub(crate) trait CeremonyPoint: FilePoint {
    /// `x | y`, [`FilePoint::LEN`] bytes; zeros for infinity, without any flag bit.
    fn put_uncompressed(&self, out: &mut Vec<u8>);

    /// `x`, half as many bytes, with the top bit set when `y` is the larger root; for infinity the second
    /// bit alone.
    fn put_compressed(&self, out: &mut Vec<u8>);
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
}

/// Whether `y` is above `(q - 1) / 2`, and so larger than `-y`.
pub(super) fn is_larger_root(y: Fq) -> bool {
    y.into_bigint() > Fq::MODULUS_MINUS_ONE_DIV_TWO
}

/// The same in the extension: `c1` decides, and `c0` where `c1` is zero.
pub(super) fn is_larger_root_2(y: &Fq2) -> bool {
    is_larger_root(if y.c1.is_zero() { y.c0 } else { y.c1 })
}

/// A hash that points are put into.
#[derive(Debug, Clone)]
pub(crate) struct Transcript {
    hasher: Blake2b,
    buffer: Vec<u8>,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self::resume(Blake2b::new())
    }

    /// A transcript that goes on where a hash was left.
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

    /// The hash as far as it has come.
    pub(crate) fn hasher(&self) -> &Blake2b {
        &self.hasher
    }

    pub(crate) fn finish(self) -> Hash {
        self.hasher.finish()
    }
}

/// Bytes of points, uncompressed, that are hashed by one call: those of snarkjs, since the state of a
/// response's hash depends on it.
const AT_ONCE: usize = 1 << 20;

fn big_endian(value: Fq) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.rchunks_exact_mut(8).zip(value.into_bigint().0) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

fn flags(infinity: bool, larger_root: bool) -> u8 {
    match (infinity, larger_root) {
        (true, _) => 0x40,
        (false, true) => 0x80,
        (false, false) => 0,
    }
}
