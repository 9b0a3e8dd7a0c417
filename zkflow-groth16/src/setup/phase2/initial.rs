//! Initial keys: computed from powers of tau, or read from a file.

use std::io::{Read, Seek};

use ark_bn254::{G1Affine, G2Affine, g1, g2};
use ark_ec::short_weierstrass::Projective;
use ark_ec::{AffineRepr, CurveGroup};
use rayon::prelude::*;

use super::super::ceremony::CeremonyError;
use super::super::step::{Meter, StepOptions, pieces};
use super::super::{check, qap};
use super::circuit_hash::{CircuitHash, Hashing};
use super::columns::Columns;
use super::combination::{Lagrange, Part};
use super::quirk;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1,
    LAGRANGE_TAU_G2, Ptau, TAU_G1,
};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeyHead, KeySection, ZKeyFile};
use crate::proof::VerifyingKey;

/// Receives the points of a key: the sections H, C, A, B1, B2 in this order, each in pieces.
pub(super) trait PointSink {
    /// The next points of a section of G1.
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError>;
    /// The next points of the section of G2.
    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError>;
}

/// A key without contributions.
pub(super) trait InitialKey {
    /// The head. Its circuit hash can be zeros: [`points`](Self::points) returns the true one.
    fn head(&self) -> &KeyHead;
    /// Whether `key` has the same matrices.
    fn has_matrices_of<K: Read + Seek>(&mut self, key: &mut ZKeyFile<K>) -> Result<bool, CeremonyError>;
    /// Sends all points to `sink`; returns the circuit hash.
    fn points(&mut self, sink: &mut impl PointSink) -> Result<CircuitHash, CeremonyError>;
    /// Sends the points of H to `sink`.
    fn h(&mut self, sink: &mut impl PointSink) -> Result<(), CeremonyError>;
}

impl<R: Read + Seek> InitialKey for ZKeyFile<R> {
    fn head(&self) -> &KeyHead {
        self.head()
    }

    fn has_matrices_of<K: Read + Seek>(&mut self, key: &mut ZKeyFile<K>) -> Result<bool, CeremonyError> {
        Ok(key.has_coefficients_of(self)?)
    }

    fn points(&mut self, sink: &mut impl PointSink) -> Result<CircuitHash, CeremonyError> {
        for section in [KeySection::H, KeySection::C, KeySection::A, KeySection::B1] {
            send(self, section, sink)?;
        }
        for (first, count) in pieces(KeySection::B2.count(self.head())) {
            sink.g2(KeySection::B2, &self.points(KeySection::B2, first, count)?)?;
        }
        Ok(CircuitHash::of_file(self.head().circuit_hash))
    }

    fn h(&mut self, sink: &mut impl PointSink) -> Result<(), CeremonyError> {
        send(self, KeySection::H, sink)
    }
}

fn send<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    section: KeySection<G1Affine>,
    sink: &mut impl PointSink,
) -> Result<(), CeremonyError> {
    for (first, count) in pieces(section.count(key.head())) {
        sink.g1(section, &key.points(section, first, count)?)?;
    }
    Ok(())
}

/// Computes the initial key of a circuit from powers of tau.
pub(super) struct Maker<'a, R> {
    r1cs: &'a R1cs,
    lagrange: Lagrange<'a, R>,
    head: KeyHead,
    meter: Meter<'a>,
}

impl<'a, R: Read + Seek> Maker<'a, R> {
    /// Computes the head.
    ///
    /// # Errors
    /// - [`CeremonyError::NotPrepared`]; [`CeremonyError::TooFewPowers`].
    /// - [`CeremonyError::Setup`]: the circuit is invalid or too large.
    /// - The file fails.
    pub(super) fn new(
        r1cs: &'a R1cs,
        ptau: &'a mut Ptau<R>,
        options: StepOptions<'a>,
    ) -> Result<Self, CeremonyError> {
        let domain_size = check(r1cs)?;
        let (needed, found) = (domain_size.ilog2(), ptau.power());
        if needed > found {
            return Err(CeremonyError::TooFewPowers { needed, found });
        }
        if !ptau.is_prepared() {
            return Err(CeremonyError::NotPrepared);
        }
        let (n_vars, n_public) = (r1cs.n_wires, r1cs.n_public());
        let [wires, rows] = [n_vars, domain_size].map(u64::from);
        let mut meter = options.meter(2 * rows + wires * (IN_THREE_PARTS + 1 + 1 + IN_G2));
        let alpha_g1 = ptau.points(ALPHA_TAU_G1, 0, 1)?[0];
        let beta_g1 = ptau.points(BETA_TAU_G1, 0, 1)?[0];
        let beta_g2 = ptau.points(BETA_G2, 0, 1)?[0];
        let mut lagrange = Lagrange::new(ptau, Columns::of(r1cs), domain_size, options);
        let mut ic = Vec::new();
        lagrange.combinations(&COMBINED, 0..n_public as usize + 1, |points| {
            meter.add(points.len() as u64 * IN_THREE_PARTS);
            ic.extend_from_slice(points);
            Ok(())
        })?;
        let (gamma_g2, delta_g2) = (G2Affine::generator(), G2Affine::generator());
        let head = KeyHead {
            n_vars,
            n_public,
            domain_size,
            vk: VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic },
            beta_g1,
            delta_g1: G1Affine::generator(),
            circuit_hash: [0; 64],
            contributions: Vec::new(),
        };
        Ok(Self { r1cs, lagrange, head, meter })
    }

    /// Hashes `tau^(i+n) - tau^i`. As in snarkjs the count in front is `n - 1`. The number of hashed differences is
    /// `n - 1` below a domain of 2^15 rows and `n` from there on.
    fn put_differences(&mut self, hashing: &mut Hashing) -> Result<(), CeremonyError> {
        let ptau = &mut *self.lagrange.ptau;
        let domain_size = self.head.domain_size;
        let n = u64::from(domain_size);
        hashing.number(domain_size - 1);
        let count = if n >= QUIRK { n } else { n - 1 };
        // With powers for exactly `n` rows, `tau^(2n-1)` does not exist.
        let present = count.min(TAU_G1.count(ptau.power()) - n);
        for (start, length) in pieces(present) {
            let low = ptau.points(TAU_G1, start, length)?;
            let high = ptau.points(TAU_G1, n + start, length)?;
            let differences: Vec<_> = high.iter().zip(&low).map(|(high, low)| *high - *low).collect();
            let affine = differences.par_chunks(256).flat_map_iter(Projective::normalize_batch);
            hashing.points(&affine.collect::<Vec<_>>());
        }
        if present < count {
            let low = ptau.points(TAU_G1, count - 1, 1)?[0];
            let behind = ptau.bytes_behind(TAU_G1, 64)?;
            hashing.bytes(&quirk::difference(&behind, &low));
        }
        Ok(())
    }
}

impl<R: Read + Seek> InitialKey for Maker<'_, R> {
    fn head(&self) -> &KeyHead {
        &self.head
    }

    fn has_matrices_of<K: Read + Seek>(&mut self, key: &mut ZKeyFile<K>) -> Result<bool, CeremonyError> {
        Ok(key.has_coefficients(qap::coefficients(self.r1cs))?)
    }

    fn points(&mut self, sink: &mut impl PointSink) -> Result<CircuitHash, CeremonyError> {
        let (wires, bound) = (self.head.n_vars as usize, self.head.vk.ic.len());
        let mut hashing = Hashing::new();
        put_head(&mut hashing, &self.head);
        self.lagrange.odd(|points| {
            self.meter.add(points.len() as u64);
            sink.g1(KeySection::H, points)
        })?;
        self.put_differences(&mut hashing)?;

        let (lagrange, meter) = (&mut self.lagrange, &mut self.meter);
        let mut in_g1 = |section, parts: &[Part<g1::Config>], wires: std::ops::Range<usize>, work| {
            put_count(&mut hashing, wires.len());
            lagrange.combinations(parts, wires, |points| {
                hashing.points(points);
                meter.add(points.len() as u64 * work);
                sink.g1(section, points)
            })
        };
        in_g1(KeySection::C, &COMBINED, bound..wires, IN_THREE_PARTS)?;
        in_g1(KeySection::A, &[(LAGRANGE_TAU_G1, |columns| &columns.a)], 0..wires, 1)?;
        in_g1(KeySection::B1, &[(LAGRANGE_TAU_G1, |columns| &columns.b)], 0..wires, 1)?;
        put_count(&mut hashing, wires);
        let b2: [Part<g2::Config>; 1] = [(LAGRANGE_TAU_G2, |columns| &columns.b)];
        lagrange.combinations(&b2, 0..wires, |points| {
            hashing.points(points);
            meter.add(points.len() as u64 * IN_G2);
            sink.g2(KeySection::B2, points)
        })?;
        Ok(hashing.finish())
    }

    fn h(&mut self, sink: &mut impl PointSink) -> Result<(), CeremonyError> {
        self.lagrange.odd(|points| sink.g1(KeySection::H, points))
    }
}

fn put_head(hashing: &mut Hashing, head: &KeyHead) {
    hashing.points(&[head.vk.alpha_g1, head.beta_g1]);
    hashing.points(&[head.vk.beta_g2, head.vk.gamma_g2]);
    hashing.points(&[head.delta_g1]);
    hashing.points(&[head.vk.delta_g2]);
    put_count(hashing, head.vk.ic.len());
    hashing.points(&head.vk.ic);
}

fn put_count(hashing: &mut Hashing, count: usize) {
    // Expect safety: the number of wires is a u32.
    hashing.number(u32::try_from(count).expect("a key has fewer than 2^32 points in a section"));
}

/// `(beta a_i + alpha b_i + c_i)(tau)`.
const COMBINED: [Part<g1::Config>; 3] = [
    (LAGRANGE_BETA_TAU_G1, |columns| &columns.a),
    (LAGRANGE_ALPHA_TAU_G1, |columns| &columns.b),
    (LAGRANGE_TAU_G1, |columns| &columns.c),
];

/// Number of rows from which snarkjs hashes one point too many.
const QUIRK: u64 = 1 << 15;
/// Cost of a sum over three parts, in sums over one part in G1.
const IN_THREE_PARTS: u64 = 3;
/// Cost of a sum in G2, in sums over one part in G1.
const IN_G2: u64 = 3;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::create;
    use super::*;
    use crate::setup::ptau;

    /// The hashes of the files that snarkjs 0.7.6, and snarkjs 0.4.27 and 0.6.11, make of this circuit. It has a wire that no
    /// matrix contains.
    #[test]
    fn both_forms_of_the_circuit_hash_are_those_of_snarkjs() {
        let r1cs = R1cs::read(include_bytes!("../../../tests/data/tiny.r1cs")).unwrap();
        let powers = include_bytes!("../../../tests/data/powersOfTau28_hez_final_08.ptau");
        let mut powers = Ptau::open(Cursor::new(&powers[..])).unwrap();
        let mut maker = Maker::new(&r1cs, &mut powers, StepOptions::default()).unwrap();
        let hash = maker.points(&mut Nowhere).unwrap();
        let [present, early] = [&hash.present, &hash.early].map(hex::encode);
        assert_eq!(
            present,
            "edf040c66cefeb795d7fdb55088af9775e1e326b093d1b7994ebf60b5839c342\
             d0c05c1d5141afe9af89c5594eea640bad2ade731f4687594535c1072a00c8f5"
        );
        assert_eq!(
            early,
            "8c6dc6a91234f940dae93a8d71108f33f84ed68916bb567ce17fcb92b72910f0\
             0b8b3cbcff9b126dfe151d087603a38c74e5112422e0d351fa6bbabdff4511e0"
        );
        assert!(hash.is(&hash.present) && hash.is(&hash.early) && !hash.is(&[0; 64]));
    }

    struct Nowhere;

    impl PointSink for Nowhere {
        fn g1(&mut self, _: KeySection<G1Affine>, _: &[G1Affine]) -> Result<(), CeremonyError> {
            Ok(())
        }

        fn g2(&mut self, _: KeySection<G2Affine>, _: &[G2Affine]) -> Result<(), CeremonyError> {
            Ok(())
        }
    }

    #[test]
    fn with_little_memory_the_key_is_the_same() {
        let r1cs = R1cs::read(include_bytes!("../../../tests/data/tiny.r1cs")).unwrap();
        let mut powers = Vec::new();
        let rng = &mut StdRng::seed_from_u64(1);
        ptau::development(5, Cursor::new(Vec::new()), &mut powers, rng).unwrap();
        let mut powers = Ptau::open(Cursor::new(powers)).unwrap();
        let mut made = |options| {
            let mut key = Vec::new();
            create(&r1cs, &mut powers, &mut key, options).unwrap();
            key
        };
        let whole = made(StepOptions::default());
        // Enough for two rows of the three matrices, and for the sums of some wires.
        assert!(made(StepOptions::with_little_memory(2 * 4 * 3 * 72)) == whole);
    }
}
