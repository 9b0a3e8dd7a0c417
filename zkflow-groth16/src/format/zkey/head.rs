//! Sections 1, 2, 3 and 10: everything of a key but its matrices and its points for provers.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ff::FftField;

use super::contribution::{self, Contribution};
use crate::digest::Hash;
use crate::format::FormatError;
use crate::format::cursor::Cursor;
use crate::format::encoding::{FilePoint, expect_field, point, put_field};
use crate::proof::VerifyingKey;

/// A proving key without its matrices and without the points that only a prover needs. Its size depends on the
/// public signals and the contributions, not on the circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHead {
    /// Number of wires `m`, including the constant one.
    pub n_vars: u32,
    /// Number of public signals `l`: outputs and public inputs, without the constant one. Below `n_vars`.
    pub n_public: u32,
    /// Number of rows `n` of the evaluation domain, a power of two.
    pub domain_size: u32,
    /// The verification key, with `l + 1` IC points.
    pub vk: VerifyingKey,
    /// beta in G1.
    pub beta_g1: G1Affine,
    /// delta in G1.
    pub delta_g1: G1Affine,
    /// BLAKE2b-512 of the initial key. Zeros in a key of `setup::circuit_specific`, which has no initial key.
    pub circuit_hash: Hash,
    /// The contributions of phase 2, in order.
    pub contributions: Vec<Contribution>,
}

impl KeyHead {
    /// Reads the sections 1, 2 and 10. `ic` reads the points of section 3 and gets their number.
    pub(super) fn read<E: From<FormatError>>(
        [protocol, mut header, contributions]: [Cursor<'_>; 3],
        ic: impl FnOnce(u64) -> Result<Vec<G1Affine>, E>,
    ) -> Result<Self, E> {
        expect_groth16(protocol)?;
        expect_field::<Fq>(&mut header, "base field")?;
        expect_field::<Fr>(&mut header, "scalar field")?;
        let [n_vars, n_public, domain_size] = read_sizes(&mut header)?;
        let (alpha_g1, beta_g1) = (point(&mut header)?, point(&mut header)?);
        let (beta_g2, gamma_g2) = (point(&mut header)?, point(&mut header)?);
        let (delta_g1, delta_g2) = (point(&mut header)?, point(&mut header)?);
        header.finish()?;
        let (circuit_hash, contributions) = contribution::read_all(contributions)?;
        let ic = ic(u64::from(n_public) + 1)?;
        let vk = VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic };
        Ok(Self { n_vars, n_public, domain_size, vk, beta_g1, delta_g1, circuit_hash, contributions })
    }

    /// Writes the body of section 2.
    pub(super) fn put_header(&self, out: &mut Vec<u8>) {
        put_field::<Fq>(out);
        put_field::<Fr>(out);
        for n in [self.n_vars, self.n_public, self.domain_size] {
            out.extend(n.to_le_bytes());
        }
        self.vk.alpha_g1.put(out);
        self.beta_g1.put(out);
        self.vk.beta_g2.put(out);
        self.vk.gamma_g2.put(out);
        self.delta_g1.put(out);
        self.vk.delta_g2.put(out);
    }

    /// Writes the body of section 10.
    pub(super) fn put_contributions(&self, out: &mut Vec<u8>) {
        contribution::put_all(out, &self.circuit_hash, &self.contributions);
    }
}

/// Body of section 1: the number of the protocol.
pub(super) const GROTH16: u32 = 1;
/// Length in bytes of section 1.
pub(super) const PROTOCOL_LEN: u64 = 4;
/// Length in bytes of section 2: two fields, three counts, three points of each group.
pub(super) const HEADER_LEN: u64 = 2 * 36 + 3 * 4 + 3 * 64 + 3 * 128;
/// Length in bytes of section 10 without contributions: the circuit hash and a count.
pub(super) const CONTRIBUTIONS_LEN: u64 = 64 + 4;

/// Checks section 1.
fn expect_groth16(mut section: Cursor<'_>) -> Result<(), FormatError> {
    match section.u32()? {
        GROTH16 => section.finish(),
        other => Err(section.error_at(0, format!("protocol {other}, expected Groth16 (1)"))),
    }
}

/// Largest number of public signals: half of the rows of 2^20. Each needs a point of 72 bytes in the head, at most 36 MiB in all, and
/// about 170 bytes in the text of a verification key. A contract has room for about 290.
const MOST_PUBLIC: u32 = 1 << 19;

/// Reads the numbers of wires, public signals and rows.
fn read_sizes(header: &mut Cursor<'_>) -> Result<[u32; 3], FormatError> {
    let counts = header.position();
    let [n_vars, n_public, domain_size] = [header.u32()?, header.u32()?, header.u32()?];
    if n_public >= n_vars {
        let detail = format!("{n_vars} wires are too few for the constant one and {n_public} public signals");
        return Err(header.error_at(counts, detail));
    }
    if n_public > MOST_PUBLIC {
        let detail = format!("{n_public} public signals, at most {MOST_PUBLIC} are supported");
        return Err(header.error_at(counts + 4, detail));
    }
    if !domain_size.is_power_of_two() || domain_size.ilog2() > Fr::TWO_ADICITY {
        let largest = Fr::TWO_ADICITY;
        let detail = format!("domain size {domain_size}, expected a power of two up to 2^{largest}");
        return Err(header.error_at(counts + 8, detail));
    }
    Ok([n_vars, n_public, domain_size])
}
