//! The initial key of a circuit, in memory and in a file.

use std::io::{Read, Seek, Write};

use ark_bn254::{G1Affine, G2Affine};

use super::super::ceremony::CeremonyError;
use super::super::qap;
use super::super::step::StepOptions;
use super::initial::{InitialKey, Maker, PointSink};
use crate::format::encoding::FilePoint;
use crate::format::ptau::Ptau;
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeySection, ZKey, ZKeyWriter};

/// Makes the key of a circuit, with gamma = delta = 1: nobody should rely on proofs for it before somebody
/// has [contributed](super::contribute).
///
/// [`ZKey::write_initial`] writes it as snarkjs does.
///
/// # Errors
/// [`CeremonyError::NotPrepared`]; [`CeremonyError::TooFewPowers`]; the circuit does not fit together; the file
/// fails.
pub fn create<R: Read + Seek>(r1cs: &R1cs, ptau: &mut Ptau<R>) -> Result<ZKey, CeremonyError> {
    let mut maker = Maker::new(r1cs, ptau, StepOptions::default())?;
    let mut sink = InMemory(maker.head().clone());
    let circuit_hash = maker.points(&mut sink)?;
    let coefficients = maker.coefficients().collect();
    Ok(ZKey { coefficients, circuit_hash, ..sink.0 })
}

/// As [`create`], with the key written to `out` as it is made. Returns its head
/// ([`ZKeyFile::head`](crate::format::zkey::ZKeyFile::head)).
///
/// # Behaviour
/// Holds the circuit in memory, and beside it what `options` allow.
///
/// # Errors
/// Those of [`create`]; `out` fails.
pub fn create_file<R: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    out: impl Write,
    options: StepOptions<'_>,
) -> Result<ZKey, CeremonyError> {
    let mut maker = Maker::new(r1cs, ptau, options)?;
    let mut head = maker.head().clone();
    let mut writer = ZKeyWriter::initial(out, &head)?;
    let count = qap::coefficient_count(r1cs);
    let count = count.ok_or_else(|| CeremonyError::invalid("the circuit has more than 2^32 coefficients"))?;
    writer.coefficients(count, maker.coefficients())?;
    let mut sink = ToFile { writer, head: &head, begun: None, ic: Vec::new() };
    let circuit_hash = maker.points(&mut sink)?;
    let ToFile { writer, ic, .. } = sink;
    head.circuit_hash = circuit_hash;
    writer.finish(&head)?;
    head.vk.ic = ic;
    Ok(head)
}

struct InMemory(ZKey);

impl PointSink for InMemory {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        section.of_mut(&mut self.0).extend_from_slice(points);
        Ok(())
    }

    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError> {
        section.of_mut(&mut self.0).extend_from_slice(points);
        Ok(())
    }
}

struct ToFile<'a, W> {
    writer: ZKeyWriter<W>,
    head: &'a ZKey,
    /// The section that is being written.
    begun: Option<u32>,
    ic: Vec<G1Affine>,
}

impl<W: Write> ToFile<'_, W> {
    fn put<P: FilePoint>(&mut self, section: KeySection<P>, points: &[P]) -> Result<(), CeremonyError> {
        if self.begun.replace(section.id()) != Some(section.id()) {
            self.writer.begin(section, self.head)?;
        }
        Ok(self.writer.points(points)?)
    }
}

impl<W: Write> PointSink for ToFile<'_, W> {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        if section.id() == KeySection::IC.id() {
            self.ic.extend_from_slice(points);
        }
        self.put(section, points)
    }

    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError> {
        self.put(section, points)
    }
}
