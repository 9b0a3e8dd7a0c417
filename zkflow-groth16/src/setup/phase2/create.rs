//! Writes the initial key of a circuit.

use std::io::{Read, Seek, Write};

use ark_bn254::{G1Affine, G2Affine};

use super::super::ceremony::CeremonyError;
use super::super::qap;
use super::super::step::StepOptions;
use super::initial::{InitialKey, Maker, PointSink};
use crate::format::encoding::FilePoint;
use crate::format::ptau::Ptau;
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeyHead, KeySection, ZKeyWriter};

/// Makes the initial key of a circuit, with gamma = delta = 1, and writes it to `out`; returns its head.
///
/// Anyone can forge proofs for the key until a secret is [contributed](super::contribute()).
///
/// # Behaviour
/// Memory contains the circuit, its matrices, and what `options` allow for points.
///
/// # Errors
/// - [`CeremonyError::NotPrepared`]; [`CeremonyError::TooFewPowers`].
/// - [`CeremonyError::Setup`]: the circuit is invalid or too large.
/// - A file fails.
pub fn create<R: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    out: impl Write,
    options: StepOptions<'_>,
) -> Result<KeyHead, CeremonyError> {
    let mut maker = Maker::new(r1cs, ptau, options)?;
    let mut head = maker.head().clone();
    let mut writer = ZKeyWriter::initial(out, &head)?;
    let count = qap::coefficient_count(r1cs);
    let count = count.ok_or_else(|| CeremonyError::invalid("the circuit has more than 2^32 coefficients"))?;
    writer.coefficients(count, qap::coefficients(r1cs))?;
    writer.ic(&head)?;
    let mut sink = Writing { writer, head: &head, section: None };
    let circuit_hash = maker.points(&mut sink)?;
    let writer = sink.writer;
    head.circuit_hash = circuit_hash.present;
    writer.finish(&head)?;
    Ok(head)
}

struct Writing<'a, W> {
    writer: ZKeyWriter<W>,
    head: &'a KeyHead,
    /// Id of the current section.
    section: Option<u32>,
}

impl<W: Write> Writing<'_, W> {
    fn put<P: FilePoint>(&mut self, section: KeySection<P>, points: &[P]) -> Result<(), CeremonyError> {
        if self.section.replace(section.id()) != Some(section.id()) {
            self.writer.begin(section, self.head)?;
        }
        Ok(self.writer.points(points)?)
    }
}

impl<W: Write> PointSink for Writing<'_, W> {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        self.put(section, points)
    }

    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError> {
        self.put(section, points)
    }
}
