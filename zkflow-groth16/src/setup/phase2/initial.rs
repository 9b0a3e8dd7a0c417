//! The initial key of a circuit, piece by piece.

use std::io::{Read, Seek};
use std::ops::Range;

use ark_bn254::{G1Affine, G2Affine, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup};
use rayon::prelude::*;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{Combinations, Term, combine};
use zkflow_bn254::points::Curve;

use super::super::ceremony::CeremonyError;
use super::super::step::{Meter, StepOptions};
use super::super::transcript::Transcript;
use super::super::{check, qap};
use super::columns::{Columns, Matrix, ONE};
use super::quirk;
use crate::digest::Hash;
use crate::format::encoding::FilePoint;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1,
    LAGRANGE_TAU_G2, Ptau, Section, TAU_G1,
};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{Coefficient, KeySection, ZKey};
use crate::proof::VerifyingKey;

/// One of the matrices.
type ColumnsOf = fn(&Columns) -> &Matrix;

/// Lagrange points and the matrix whose columns weigh them.
type Part<C> = (Section<Affine<C>>, ColumnsOf);

/// Takes the points of an initial key: the sections IC, H, C, A, B1, B2 one after another, each in pieces.
pub(super) trait PointSink {
    /// The next points of a section of G1.
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError>;
    /// The next points of the section of G2.
    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError>;
}

/// An initial key: its head, and where its points come from.
pub(super) trait InitialKey {
    /// The key without its points and matrices. The circuit hash is known once all points were given.
    fn head(&self) -> &ZKey;
    /// The entries of A and B.
    fn coefficients(&self) -> impl Iterator<Item = Coefficient>;
    /// Gives all points, and then the circuit hash.
    fn points(&mut self, sink: &mut impl PointSink) -> Result<Hash, CeremonyError>;
    /// Gives the points of H alone.
    fn h(&mut self, sink: &mut impl PointSink) -> Result<(), CeremonyError>;
}

/// Computes the initial key of a circuit from powers of tau.
///
/// Memory holds the circuit, its matrices by columns with 8 bytes an entry, and, within the bounds of the options, Lagrange
/// points of a range of rows with the sums for a range of wires.
pub(super) struct Maker<'a, R> {
    r1cs: &'a R1cs,
    ptau: &'a mut Ptau<R>,
    columns: Columns,
    head: ZKey,
    options: StepOptions<'a>,
}

impl<'a, R: Read + Seek> Maker<'a, R> {
    /// # Errors
    /// [`CeremonyError::NotPrepared`]; [`CeremonyError::TooFewPowers`]; the circuit does not fit together; the file
    /// fails.
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
        let head = ZKey {
            n_vars: r1cs.n_wires,
            n_public: r1cs.n_public(),
            domain_size,
            vk: VerifyingKey {
                alpha_g1: ptau.points(ALPHA_TAU_G1, 0, 1)?[0],
                beta_g2: ptau.points(BETA_G2, 0, 1)?[0],
                gamma_g2: G2Affine::generator(),
                delta_g2: G2Affine::generator(),
                ic: Vec::new(),
            },
            beta_g1: ptau.points(BETA_TAU_G1, 0, 1)?[0],
            delta_g1: G1Affine::generator(),
            coefficients: Vec::new(),
            a: Vec::new(),
            b1: Vec::new(),
            b2: Vec::new(),
            c: Vec::new(),
            h: Vec::new(),
            circuit_hash: [0; 64],
            contributions: Vec::new(),
        };
        Ok(Self { r1cs, ptau, columns: Columns::of(r1cs), head, options })
    }

    /// Combinations of the Lagrange points of `sections`, weighted by the columns of `matrices`, for some wires: each
    /// piece goes to `sink`.
    fn combinations<C: Curve>(
        &mut self,
        parts: &[Part<C>],
        wires: Range<usize>,
        mut sink: impl FnMut(&[Affine<C>]) -> Result<(), CeremonyError>,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: FilePoint,
    {
        let n = u64::from(self.head.domain_size);
        let bytes = parts.len() * size_of::<Affine<C>>();
        let block = self.options.room(4, bytes).clamp(1, n);
        let most_wires = self.options.room(16, size_of::<Affine<C>>()).clamp(1, 1 << 16) as usize;
        let (mut points, mut loaded) = (Vec::new(), None);
        let mut wires = wires;
        if wires.is_empty() {
            return sink(&[]);
        }
        while wires.start < wires.end {
            let piece = self.piece(parts.iter().map(|part| part.1), &mut wires, most_wires);
            let mut sums = Vec::new();
            // Entries stand by falling row.
            for start in (0..n).step_by(block as usize).collect::<Vec<_>>().into_iter().rev() {
                let rows = start..(start + block).min(n);
                if loaded != Some(start) {
                    points.clear();
                    for (section, _) in parts {
                        // The form for the domain of 2^k begins at point 2^k - 1.
                        points.extend(self.ptau.points(*section, n - 1 + start, rows.end - start)?);
                    }
                    loaded = Some(start);
                }
                sums = self.sums(parts, &mut points, rows, piece.clone(), &sums);
            }
            sink(&sums)?;
        }
        Ok(())
    }

    /// Takes wires off the front: at least one, and no more than have some number of entries.
    fn piece(
        &self,
        matrices: impl Iterator<Item = ColumnsOf> + Clone,
        wires: &mut Range<usize>,
        most_wires: usize,
    ) -> Range<usize> {
        let start = wires.start;
        let mut entries = 0;
        while wires.start < wires.end && wires.start - start < most_wires && entries < MOST_ENTRIES {
            entries += matrices.clone().map(|of| of(&self.columns).column(wires.start).len()).sum::<usize>();
            wires.start += 1;
        }
        start..wires.start
    }

    /// The sums over the entries in some rows, added to those so far; `points` are those of the rows, part by part.
    fn sums<C: Curve>(
        &self,
        parts: &[Part<C>],
        points: &mut Vec<Affine<C>>,
        rows: Range<u64>,
        wires: Range<usize>,
        so_far: &[Affine<C>],
    ) -> Vec<Affine<C>> {
        let (mut terms, mut ends) = (Vec::new(), Vec::with_capacity(wires.len()));
        let loaded = points.len();
        points.extend_from_slice(so_far);
        let height = (rows.end - rows.start) as u32;
        for (number, wire) in wires.enumerate() {
            if !so_far.is_empty() {
                terms.push(Term { point: (loaded + number) as u32, scalar: ONE });
            }
            for (part, (_, of)) in (0..).zip(parts) {
                let column = of(&self.columns).column(wire);
                let first = column.partition_point(|entry| u64::from(entry.row) >= rows.end);
                let here = column[first..].iter().take_while(|entry| u64::from(entry.row) >= rows.start);
                terms.extend(here.map(|entry| Term {
                    point: part * height + (entry.row - rows.start as u32),
                    scalar: entry.value,
                }));
            }
            ends.push(terms.len() as u32);
        }
        let combinations = Combinations { ends: &ends, terms: &terms, scalars: &self.columns.values };
        let sums = combine(Kernel::detect(), points, combinations);
        points.truncate(loaded);
        sums
    }

    /// Hashes `tau^(i+n) - tau^i`, as many of them as snarkjs does: `n - 1`, and from domains of 2^15 on `n`,
    /// although the number in front says `n - 1`.
    fn put_differences(&mut self, transcript: &mut Transcript) -> Result<(), CeremonyError> {
        let domain_size = self.head.domain_size;
        let n = u64::from(domain_size);
        transcript.number(domain_size - 1);
        let count = if n >= QUIRK { n } else { n - 1 };
        // With equal powers the last one is missing.
        let present = count.min(TAU_G1.count(self.ptau.power()) - n);
        for start in (0..present).step_by(PIECE as usize) {
            let length = (present - start).min(PIECE);
            let low = self.ptau.points(TAU_G1, start, length)?;
            let high = self.ptau.points(TAU_G1, n + start, length)?;
            let differences: Vec<_> = high.iter().zip(&low).map(|(high, low)| *high - *low).collect();
            let affine = differences.par_chunks(256).flat_map_iter(Projective::normalize_batch);
            transcript.points(&affine.collect::<Vec<_>>());
        }
        if present < count {
            let low = self.ptau.points(TAU_G1, count - 1, 1)?[0];
            let behind = self.ptau.bytes_behind(TAU_G1, 64)?;
            transcript.bytes(&quirk::difference(&behind, &low));
        }
        Ok(())
    }

    /// Parts of the work, in points of G1.
    fn meter(&self) -> Meter<'a> {
        let (wires, rows) = (u64::from(self.head.n_vars), u64::from(self.head.domain_size));
        self.options.meter(2 * rows + wires * (3 + 1 + 1 + IN_G2))
    }
}

impl<R: Read + Seek> InitialKey for Maker<'_, R> {
    fn head(&self) -> &ZKey {
        &self.head
    }

    fn coefficients(&self) -> impl Iterator<Item = Coefficient> {
        qap::coefficients(self.r1cs)
    }

    fn points(&mut self, sink: &mut impl PointSink) -> Result<Hash, CeremonyError> {
        let mut meter = self.meter();
        let mut transcript = Transcript::new();
        let head = self.head.clone();
        transcript.points(&[head.vk.alpha_g1, head.beta_g1]);
        transcript.points(&[head.vk.beta_g2, head.vk.gamma_g2]);
        transcript.points(&[head.delta_g1]);
        transcript.points(&[head.vk.delta_g2]);

        let (wires, bound) = (head.n_vars as usize, head.n_public as usize + 1);
        let combined: [Part<g1::Config>; 3] = [
            (LAGRANGE_BETA_TAU_G1, |columns| &columns.a),
            (LAGRANGE_ALPHA_TAU_G1, |columns| &columns.b),
            (LAGRANGE_TAU_G1, |columns| &columns.c),
        ];
        let a: [Part<g1::Config>; 1] = [(LAGRANGE_TAU_G1, |columns| &columns.a)];
        let b1: [Part<g1::Config>; 1] = [(LAGRANGE_TAU_G1, |columns| &columns.b)];
        let b2: [Part<g2::Config>; 1] = [(LAGRANGE_TAU_G2, |columns| &columns.b)];
        let mut put =
            |transcript: &mut Transcript, section: KeySection<G1Affine>, points: &[G1Affine], work| {
                transcript.points(points);
                meter.add(points.len() as u64 * work);
                sink.g1(section, points)
            };
        let count = |transcript: &mut Transcript, wires: usize| {
            transcript.number(u32::try_from(wires).expect("a key has at most 2^32 wires"));
        };

        count(&mut transcript, bound);
        self.combinations(&combined, 0..bound, |points| put(&mut transcript, KeySection::IC, points, 3))?;
        self.h_pieces(|points| put(&mut Transcript::new(), KeySection::H, points, 1))?;
        self.put_differences(&mut transcript)?;
        count(&mut transcript, wires - bound);
        self.combinations(&combined, bound..wires, |points| put(&mut transcript, KeySection::C, points, 3))?;
        count(&mut transcript, wires);
        self.combinations(&a, 0..wires, |points| put(&mut transcript, KeySection::A, points, 1))?;
        count(&mut transcript, wires);
        self.combinations(&b1, 0..wires, |points| put(&mut transcript, KeySection::B1, points, 1))?;
        count(&mut transcript, wires);
        self.combinations(&b2, 0..wires, |points| {
            transcript.points(points);
            meter.add(points.len() as u64 * IN_G2);
            sink.g2(KeySection::B2, points)
        })?;
        Ok(transcript.finish())
    }

    fn h(&mut self, sink: &mut impl PointSink) -> Result<(), CeremonyError> {
        self.h_pieces(|points| sink.g1(KeySection::H, points))
    }
}

impl<R: Read + Seek> Maker<'_, R> {
    /// The odd Lagrange points of the domain of twice the size.
    fn h_pieces(
        &mut self,
        mut sink: impl FnMut(&[G1Affine]) -> Result<(), CeremonyError>,
    ) -> Result<(), CeremonyError> {
        let n = u64::from(self.head.domain_size);
        for start in (0..n).step_by(PIECE as usize) {
            let length = (n - start).min(PIECE);
            let all = self.ptau.points(LAGRANGE_TAU_G1, 2 * n - 1 + 2 * start, 2 * length)?;
            let odd: Vec<_> = all.into_iter().skip(1).step_by(2).collect();
            sink(&odd)?;
        }
        Ok(())
    }
}

/// The domain from which snarkjs hashes one point too many.
const QUIRK: u64 = 1 << 15;
/// Points that are read at one time where their order allows it.
const PIECE: u64 = 1 << 15;
/// Entries of the columns that are summed at one time.
const MOST_ENTRIES: usize = 1 << 20;
/// What a point of G2 costs, in points of G1.
const IN_G2: u64 = 3;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::create_file;
    use super::*;
    use crate::setup::ptau;

    #[test]
    fn with_little_memory_the_key_is_the_same() {
        let r1cs = R1cs::read(include_bytes!("../../../tests/data/tiny.r1cs")).unwrap();
        let mut powers = Vec::new();
        let rng = &mut StdRng::seed_from_u64(1);
        ptau::development(5, Cursor::new(Vec::new()), &mut powers, rng).unwrap();
        let mut powers = Ptau::open(Cursor::new(powers)).unwrap();
        let mut made = |options| {
            let mut key = Vec::new();
            create_file(&r1cs, &mut powers, &mut key, options).unwrap();
            key
        };
        let whole = made(StepOptions::default());
        // Room for two rows of the three matrices together, and for sums of some wires.
        assert!(made(StepOptions::with_little_memory(2 * 4 * 3 * 72)) == whole);
    }
}
