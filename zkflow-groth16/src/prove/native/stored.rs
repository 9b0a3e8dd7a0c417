//! A prepared key as sections of a file.

use std::borrow::Cow;
use std::sync::Arc;

use ark_bn254::{G1Affine, G2Affine};
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Memory};
use zkflow_bn254::points::Curve;
use zkflow_bn254::quotient::Quotient;
use zkflow_bn254::sparse::SparseMatrix;

use super::engine::Engine;
use super::file::Mapped;
use super::key::NativeKey;
use super::multiples::Multiples;
use super::points::Points;
use crate::format::FormatError;
use crate::format::binfile::{BinFile, BinWriter};
use crate::format::container::Layout;
use crate::format::encoding::{FilePoint, point, points, put_points};
use crate::proof::VerifyingKey;

/// Container of the key's constants: counts, then the points outside the tables.
const CONSTANTS: Layout = Layout { name: "zkpk", version: 1, counts_sections: true };

/// Numbers of the sections.
mod section {
    pub(super) const CONSTANTS: usize = 0;
    /// Three sections per matrix.
    pub(super) const ROWS: [usize; 2] = [1, 4];
    /// Two sections each: A, B1, C, H, B2.
    pub(super) const POINTS: [usize; 5] = [7, 9, 11, 13, 15];
}

impl NativeKey {
    /// The sections to store in a file.
    pub(super) fn to_sections(&self) -> Vec<Cow<'_, [u8]>> {
        let mut sections = vec![Cow::Owned(self.constants().write())];
        for matrix in self.quotient.matrices() {
            sections.extend(matrix.to_bytes().map(Cow::Owned));
        }
        let Points { a, b1, c, h, b2 } = &self.points;
        for bases in [a, b1, c, h] {
            sections.extend([Cow::Owned(bases.head()), Cow::Borrowed(bases.rows())]);
        }
        sections.extend([Cow::Owned(b2.head()), Cow::Borrowed(b2.rows())]);
        sections
    }

    /// Reads a key from a file with valid checksums; `None` if the key is inconsistent.
    pub(super) fn from_sections(file: &Mapped, engine: Engine) -> Option<Self> {
        let kernel = engine.kernel;
        let constants = Constants::read(file.bytes(section::CONSTANTS)?).ok()?;
        let (domain, wires) = (constants.domain_size as usize, constants.n_vars as usize);
        let rows = |first: usize| {
            let parts = [file.bytes(first)?, file.bytes(first + 1)?, file.bytes(first + 2)?];
            let matrix = SparseMatrix::from_bytes(parts, domain, wires);
            (first..first + 3).for_each(|section| file.release(section));
            matrix
        };
        if !domain.is_power_of_two() {
            return None;
        }
        let quotient = || {
            let (a, b) = rayon::join(|| rows(section::ROWS[0]), || rows(section::ROWS[1]));
            Some(Arc::new(Quotient::new(a?, b?, kernel)))
        };
        let [in_a, in_b1, in_c, in_h, in_b2] = section::POINTS;
        let g1 = |first, len| bases(file, first, kernel, len);
        let ((quotient, b2), ((a, b1), (c, h))) = rayon::join(
            || rayon::join(quotient, || bases(file, in_b2, kernel, wires)),
            || {
                let small = || rayon::join(|| g1(in_a, wires), || g1(in_b1, wires));
                rayon::join(small, || rayon::join(|| g1(in_c, wires), || g1(in_h, domain)))
            },
        );
        let (quotient, points) = (quotient?, Points { a: a?, b1: b1?, c: c?, h: h?, b2: b2? });
        let Constants { vk, beta_g1, delta_g1, .. } = constants;
        let multiples = Multiples::new(engine.later);
        Some(Self { engine, vk, beta_g1, delta_g1, n_vars: wires, quotient, points, multiples })
    }

    fn constants(&self) -> Constants {
        Constants {
            n_vars: self.n_vars as u32,
            domain_size: self.quotient.rows() as u32,
            vk: self.vk.clone(),
            beta_g1: self.beta_g1,
            delta_g1: self.delta_g1,
        }
    }
}

fn bases<C: Curve>(file: &Mapped, first: usize, kernel: Kernel, len: usize) -> Option<FixedBases<C>> {
    let (bytes, range) = file.section(first + 1)?;
    let rows = Memory::mapped(Arc::clone(bytes), range)?;
    let bases = FixedBases::from_parts(kernel, file.bytes(first)?, rows).ok()?;
    (bases.len() == len).then_some(bases)
}

/// The small parts of a key.
struct Constants {
    n_vars: u32,
    domain_size: u32,
    vk: VerifyingKey,
    beta_g1: G1Affine,
    delta_g1: G1Affine,
}

impl Constants {
    fn write(&self) -> Vec<u8> {
        BinWriter::new(CONSTANTS, 0)
            .section(1, |out| {
                out.extend([self.n_vars, self.domain_size].iter().flat_map(|n| n.to_le_bytes()));
                [self.vk.alpha_g1, self.beta_g1, self.delta_g1].iter().for_each(|point| point.put(out));
                [self.vk.beta_g2, self.vk.gamma_g2, self.vk.delta_g2].iter().for_each(|point| point.put(out));
            })
            .section(2, |out| put_points(out, &self.vk.ic))
            .finish()
    }

    fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let file = BinFile::parse(CONSTANTS, bytes)?;
        let mut fixed = file.section(1)?;
        let [n_vars, domain_size] = [fixed.u32()?, fixed.u32()?];
        let [alpha_g1, beta_g1, delta_g1]: [G1Affine; 3] =
            [point(&mut fixed)?, point(&mut fixed)?, point(&mut fixed)?];
        let [beta_g2, gamma_g2, delta_g2]: [G2Affine; 3] =
            [point(&mut fixed)?, point(&mut fixed)?, point(&mut fixed)?];
        fixed.finish()?;
        let mut ic = file.section(2)?;
        let count = ic.remaining() / <G1Affine as FilePoint>::LEN as u64;
        let points = points(&mut ic, count)?;
        ic.finish()?;
        let vk = VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic: points };
        Ok(Self { n_vars, domain_size, vk, beta_g1, delta_g1 })
    }
}
