//! Contributions made with other programs, in the file formats of the [perpetual powers of tau].
//!
//! - Challenge: `hash of the last response (64) | points`, uncompressed, in section order. The contributor
//!   answers the hash of this file.
//! - Response: `hash of the challenge (64) | points`, compressed, then the contributor's public key,
//!   uncompressed.
//!
//! [perpetual powers of tau]: https://github.com/privacy-ethereum/perpetualpowersoftau

use std::io::{Read, Seek, Write};

use rayon::prelude::*;

use super::super::ceremony::CeremonyError;
use super::super::step::{Meter, StepOptions};
use super::super::transcript::{CeremonyPoint, Transcript};
use super::challenge::challenge;
use super::contribute::{Contributed, conclude};
use super::{bytes_of_powers, pieces, response_hash};
use crate::blake2b::Blake2b;
use crate::digest::Hash;
use crate::format::ReadError;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, ContributionKind, ContributionName, ParameterKey, Ptau, PtauWriter,
    PublicKey, Section, TAU_G1, TAU_G2,
};

/// Writes the challenge for the next contributor; returns its hash.
///
/// # Errors
/// - [`CeremonyError::Truncated`].
/// - [`CeremonyError::Invalid`] if the points do not match the last contribution.
/// - A file fails.
pub fn export_challenge<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    mut out: impl Write,
) -> Result<Hash, CeremonyError> {
    let expected = challenge(ptau)?;
    let answered = match ptau.contributions().last() {
        Some(last) => response_hash(last)?,
        None => Blake2b::hash(b""),
    };
    let mut export = Export { out: &mut out, hasher: Blake2b::new() };
    export.put(&answered)?;
    export.section(ptau, TAU_G1)?;
    export.section(ptau, TAU_G2)?;
    export.section(ptau, ALPHA_TAU_G1)?;
    export.section(ptau, BETA_TAU_G1)?;
    export.section(ptau, BETA_G2)?;
    let hash = export.hasher.finish();
    out.flush()?;
    if hash != expected {
        return Err(CeremonyError::invalid("the powers do not match the last contribution"));
    }
    Ok(hash)
}

struct Export<W> {
    out: W,
    hasher: Blake2b,
}

impl<W: Write> Export<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), CeremonyError> {
        self.hasher.update(bytes);
        Ok(self.out.write_all(bytes)?)
    }

    fn section<R: Read + Seek, P: CeremonyPoint>(
        &mut self,
        ptau: &mut Ptau<R>,
        section: Section<P>,
    ) -> Result<(), CeremonyError> {
        for (first, count) in pieces(section.count(ptau.power())) {
            let mut bytes = Vec::new();
            let points = ptau.points(section, first, count)?;
            points.iter().for_each(|point| point.put_uncompressed(&mut bytes));
            self.put(&bytes)?;
        }
        Ok(())
    }
}

/// Adds a response of another program to the file whose challenge it answers.
///
/// # Behaviour
/// Checks the proofs of knowledge. Does not check all points: use [`verify`](super::verify()).
///
/// # Errors
/// - [`CeremonyError::Invalid`] if the response answers another challenge, has the wrong length, contains
///   bytes that are not a point, or proves nothing.
/// - [`CeremonyError::Truncated`].
/// - A file fails.
pub fn import_response<R: Read + Seek, W: Read + Write + Seek>(
    ptau: &mut Ptau<R>,
    response: impl Read,
    out: W,
    name: Option<ContributionName>,
    options: StepOptions<'_>,
) -> Result<Contributed, CeremonyError> {
    let challenge = challenge(ptau)?;
    let power = ptau.power();
    let writer = PtauWriter::new(out, power, power, false)?;
    let meter = options.meter(bytes_of_powers(power));
    let mut import = Import { response, power, writer, hash: Transcript::new(), meter };
    if import.take(challenge.len())? != challenge {
        return Err(CeremonyError::invalid("the response answers another challenge"));
    }
    import.hash.bytes(&challenge);
    import.section(TAU_G1)?;
    import.section(TAU_G2)?;
    import.section(ALPHA_TAU_G1)?;
    import.section(BETA_TAU_G1)?;
    import.section(BETA_G2)?;
    let key = import.key()?;
    import.end()?;
    let Import { writer, hash, .. } = import;
    conclude(writer, hash, ptau.contributions(), key, ContributionKind::Secret, name)
}

struct Import<'a, I, W> {
    response: I,
    power: u32,
    writer: PtauWriter<W>,
    /// Hash of the response.
    hash: Transcript,
    meter: Meter<'a>,
}

impl<I: Read, W: Write> Import<'_, I, W> {
    fn take(&mut self, length: usize) -> Result<Vec<u8>, CeremonyError> {
        let mut bytes = vec![0; length];
        self.response.read_exact(&mut bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => CeremonyError::invalid("the response is too short"),
            _ => ReadError::Io(error).into(),
        })?;
        Ok(bytes)
    }

    fn end(&mut self) -> Result<(), CeremonyError> {
        if self.response.read(&mut [0]).map_err(ReadError::Io)? == 0 {
            return Ok(());
        }
        Err(CeremonyError::invalid("the response is too long"))
    }

    fn section<P: CeremonyPoint>(&mut self, section: Section<P>) -> Result<(), CeremonyError> {
        self.writer.begin(section)?;
        // The state of the hash depends on how the message is split; this is snarkjs' way.
        let at_once = (1 << 24) / P::LEN as u64;
        let mut left = section.count(self.power);
        while left > 0 {
            let count = left.min(at_once);
            let bytes = self.take(count as usize * P::LEN / 2)?;
            self.hash.bytes(&bytes);
            let points: Option<Vec<P>> = bytes.par_chunks_exact(P::LEN / 2).map(P::from_compressed).collect();
            let points = points.ok_or_else(|| {
                CeremonyError::invalid(format!(
                    "section {} of the response contains an invalid point",
                    section.id()
                ))
            })?;
            self.writer.points(&points)?;
            self.meter.add(count * P::LEN as u64);
            left -= count;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<PublicKey, CeremonyError> {
        let [s, sx, t, tx, u, ux] = self.points()?;
        let [sp, tp, up] = self.points()?;
        Ok(PublicKey {
            tau: ParameterKey { g1_s: s, g1_sx: sx, g2_spx: sp },
            alpha: ParameterKey { g1_s: t, g1_sx: tx, g2_spx: tp },
            beta: ParameterKey { g1_s: u, g1_sx: ux, g2_spx: up },
        })
    }

    fn points<P: CeremonyPoint, const N: usize>(&mut self) -> Result<[P; N], CeremonyError> {
        let mut points = [P::zero(); N];
        for slot in &mut points {
            let bytes = self.take(P::LEN)?;
            *slot = P::from_uncompressed(&bytes)
                .ok_or_else(|| CeremonyError::invalid("the key of the response contains an invalid point"))?;
        }
        Ok(points)
    }
}
