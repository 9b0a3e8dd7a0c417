//! snarkjs' random stream: scalars and points from a seed of 32 bytes.
//!
//! ChaCha20 with the seed's words in big-endian order, a zero nonce and a counter from zero. The same seed
//! gives the same numbers. Beacons are checked this way, and both sides find the same point of G2 for a
//! transcript.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::{BigInt, Field, Fp, MontBackend, MontConfig};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::transcript::{is_larger_root, is_larger_root_2};
use crate::blake2b::Blake2b;
use crate::digest::Hash;
use crate::rng::SecureRng;

/// Numbers and points derived from a seed.
pub(crate) struct RandomStream(ChaCha20Rng);

/// Seed of a public beacon: SHA-256, applied `2^exponent` times to its value.
pub(crate) fn beacon_seed(value: &[u8], exponent: u8) -> [u8; 32] {
    let mut hash = Sha256::digest(value);
    for _ in 1..1u64 << exponent {
        hash = Sha256::digest(hash);
    }
    hash.into()
}

impl RandomStream {
    /// The stream from the first 32 bytes of a hash.
    pub(crate) fn of_hash(hash: &Hash) -> Self {
        let (seed, _) = hash.split_at(32);
        Self::from_seed(seed.try_into().expect("the split is at 32"))
    }

    /// The stream of a public beacon from its [`beacon_seed`].
    pub(crate) fn of_beacon(seed: [u8; 32]) -> Self {
        Self::from_seed(seed)
    }

    /// The stream of a secret contribution: from 64 bytes of `rng` mixed with `text`.
    pub(crate) fn of_secret(rng: &mut dyn SecureRng, text: &str) -> Self {
        let mut entropy = Zeroizing::new(vec![0; 64]);
        rng.fill_bytes(&mut entropy);
        entropy.extend_from_slice(text.as_bytes());
        let seed = Zeroizing::new(Blake2b::hash(&entropy));
        Self::of_hash(&seed)
    }

    fn from_seed(mut seed: [u8; 32]) -> Self {
        // The words of the key are big-endian here and little-endian in the generator.
        seed.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        let generator = ChaCha20Rng::from_seed(seed);
        seed.zeroize();
        Self(generator)
    }

    /// A scalar; the drawn number is its Montgomery form.
    pub(crate) fn scalar(&mut self) -> Fr {
        self.field()
    }

    /// A point of G1.
    pub(crate) fn g1(&mut self) -> G1Affine {
        loop {
            let x: Fq = self.field();
            let larger = self.bool();
            if let Some(y) = (x.square() * x + ark_bn254::g1::Config::COEFF_B).sqrt() {
                return G1Affine::new_unchecked(x, if larger == is_larger_root(y) { y } else { -y });
            }
        }
    }

    /// A point of G2's subgroup of order r.
    pub(crate) fn g2(&mut self) -> G2Affine {
        loop {
            let x = Fq2::new(self.field(), self.field());
            let larger = self.bool();
            if let Some(y) = (x.square() * x + ark_bn254::g2::Config::COEFF_B).sqrt() {
                let y = if larger == is_larger_root_2(&y) { y } else { -y };
                return G2Affine::new_unchecked(x, y).mul_by_cofactor();
            }
        }
    }

    /// Draws until the number is below the modulus, which has 254 bits.
    fn field<C: MontConfig<4>>(&mut self) -> Fp<MontBackend<C, 4>, 4> {
        loop {
            let mut limbs = [(); 4].map(|()| self.u64());
            limbs[3] &= u64::MAX >> 2;
            if BigInt(limbs) < C::MODULUS {
                return Fp::new_unchecked(BigInt(limbs));
            }
        }
    }

    /// The high word is drawn first.
    fn u64(&mut self) -> u64 {
        let high = u64::from(self.0.next_u32());
        high << 32 | u64::from(self.0.next_u32())
    }

    fn bool(&mut self) -> bool {
        self.0.next_u32() & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_the_stream_lie_in_their_groups() {
        let mut stream = RandomStream::of_hash(&[7; 64]);
        for _ in 0..4 {
            let (g1, g2) = (stream.g1(), stream.g2());
            assert!(g1.is_on_curve() && !g1.is_zero());
            assert!(g2.is_on_curve() && g2.is_in_correct_subgroup_assuming_on_curve() && !g2.is_zero());
        }
    }

    #[test]
    fn a_beacon_hashes_two_to_the_exponent_times() {
        let mut once = [0; 32];
        once.copy_from_slice(&Sha256::digest(b"beacon"));
        let twice: [u8; 32] = Sha256::digest(once).into();
        assert_eq!(beacon_seed(b"beacon", 0), once);
        assert_eq!(beacon_seed(b"beacon", 1), twice);
    }
}
