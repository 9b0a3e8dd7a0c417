//! Contributions made with other programs, in the parameter files of [phase2-bn254]; snarkjs calls this format
//! bellman.
//!
//! ```text
//! alpha1 beta1 beta2 gamma2 delta1 delta2 | n IC | n H | n C | n A | n B1 | n B2 | circuit hash | n contributions
//! ```
//!
//! Points are uncompressed, counts are big-endian, and a contribution is its public key. H contains multiples of the
//! vanishing polynomial by powers of tau, not Lagrange points.
//!
//! [phase2-bn254]: https://github.com/kobigurk/phase2-bn254

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{FftField, Field};
use rayon::prelude::*;
use zkflow_bn254::points::{from_lagrange, lagrange, scale_by_powers};

use super::super::ceremony::CeremonyError;
use super::super::step::StepOptions;
use super::super::transcript::CeremonyPoint;
use super::head::check_head;
use crate::digest::Hash;
use crate::format::zkey::{Contribution, ContributionKind, ContributionName, KeyHead, ZKey};

/// The parameters for the next contributor.
///
/// # Errors
/// [`CeremonyError::Invalid`] for a domain of 2^28 rows: the field has no root of unity of twice that order.
pub fn export_params(key: &ZKey) -> Result<Vec<u8>, CeremonyError> {
    let head = &key.head;
    let (root, _) = odd_root(head.domain_size)?;
    // The odd Lagrange points are the Lagrange form of tau^i * (tau^n - 1) * w^-i / -2.
    let mut h = scale_by_powers(&from_lagrange(&key.h), &-Fr::from(2u64), &root);
    h.pop();
    Ok(write(head, &ProverPoints { h: &h, c: &key.c, a: &key.a, b1: &key.b1, b2: &key.b2 }))
}

/// The points of parameters that are not in a head.
pub(super) struct ProverPoints<'a> {
    pub(super) h: &'a [G1Affine],
    pub(super) c: &'a [G1Affine],
    pub(super) a: &'a [G1Affine],
    pub(super) b1: &'a [G1Affine],
    pub(super) b2: &'a [G2Affine],
}

/// The bytes of parameters.
pub(super) fn write(head: &KeyHead, points: &ProverPoints<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let vk = &head.vk;
    put(&mut out, &[vk.alpha_g1, head.beta_g1]);
    put(&mut out, &[vk.beta_g2, vk.gamma_g2]);
    put(&mut out, &[head.delta_g1]);
    put(&mut out, &[vk.delta_g2]);
    put_counted(&mut out, &vk.ic);
    put_counted(&mut out, points.h);
    put_counted(&mut out, points.c);
    put_counted(&mut out, points.a);
    put_counted(&mut out, points.b1);
    put_counted(&mut out, points.b2);
    out.extend(head.circuit_hash);
    put_count(&mut out, head.contributions.len());
    for one in &head.contributions {
        put(&mut out, &[one.delta_after, one.g1_s, one.g1_sx]);
        put(&mut out, &[one.g2_spx]);
        out.extend(one.transcript);
    }
    out
}

/// The key with the contributions that another program added to its parameters. All of them get the same name.
///
/// # Behaviour
/// - Takes only delta, the points divided by it and the contributions from `params`.
/// - Checks delta and the proofs of knowledge. Does not check the points of C and H: use [`verify`](super::verify()).
///
/// # Errors
/// [`CeremonyError::Invalid`]: the parameters are malformed, belong to a different key, lack one of the key's
/// contributions, or contain an invalid proof of knowledge.
pub fn import_params(
    key: &ZKey,
    params: &[u8],
    name: Option<ContributionName>,
) -> Result<ZKey, CeremonyError> {
    let head = &key.head;
    let (_, inverse_root) = odd_root(head.domain_size)?;
    let mut params = Params { left: params };
    let mut imported = key.clone();
    let vk = &head.vk;
    params.expect(&[vk.alpha_g1, head.beta_g1])?;
    params.expect(&[vk.beta_g2, vk.gamma_g2])?;
    imported.head.delta_g1 = params.point()?;
    imported.head.vk.delta_g2 = params.point()?;
    params.expect_counted(&vk.ic)?;
    let mut powers: Vec<G1Affine> = params.counted(key.h.len() - 1)?;
    powers.push(G1Affine::identity());
    // Expect safety: the modulus is odd.
    let half = Fr::from(2u64).inverse().expect("two is not zero");
    imported.h = lagrange(&scale_by_powers(&powers, &-half, &inverse_root));
    imported.c = params.counted(key.c.len())?;
    params.expect_counted(&key.a)?;
    params.expect_counted(&key.b1)?;
    params.expect_counted(&key.b2)?;
    if params.hash()? != head.circuit_hash {
        return Err(other_key());
    }
    let count = params.count()?;
    let earlier = head.contributions.len();
    if count < earlier {
        return Err(CeremonyError::invalid("the parameters lack contributions of the key"));
    }
    for number in 0..count {
        let contribution = params.contribution(name.clone())?;
        match head.contributions.get(number) {
            None => imported.head.contributions.push(contribution),
            Some(known) => {
                let (kind, name) = (known.kind.clone(), known.name.clone());
                if *known != (Contribution { kind, name, ..contribution }) {
                    return Err(CeremonyError::invalid(format!(
                        "contribution {} differs from the key's",
                        number + 1
                    )));
                }
            }
        }
    }
    params.end()?;
    check_head(&imported.head, &mut StepOptions::default().replay())?;
    Ok(imported)
}

/// The root of unity of order twice the domain size, and its inverse.
fn odd_root(domain_size: u32) -> Result<(Fr, Fr), CeremonyError> {
    let root = Fr::get_root_of_unity(2 * u64::from(domain_size));
    let root = root.ok_or_else(|| CeremonyError::invalid("the domain is too large for this format"))?;
    // Expect safety: a root of unity is not zero.
    Ok((root, root.inverse().expect("a root of unity has an inverse")))
}

fn put<P: CeremonyPoint>(out: &mut Vec<u8>, points: &[P]) {
    points.iter().for_each(|point| point.put_uncompressed(out));
}

fn put_counted<P: CeremonyPoint>(out: &mut Vec<u8>, points: &[P]) {
    put_count(out, points.len());
    put(out, points);
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    // Expect safety: the number of wires is a u32, and of rows at most 2^28.
    out.extend(u32::try_from(count).expect("a key has fewer than 2^32 points").to_be_bytes());
}

/// The rest of the parameters.
pub(super) struct Params<'a> {
    pub(super) left: &'a [u8],
}

impl<'a> Params<'a> {
    pub(super) fn end(self) -> Result<(), CeremonyError> {
        if self.left.is_empty() { Ok(()) } else { Err(CeremonyError::invalid("the parameters are too long")) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CeremonyError> {
        let too_short = || CeremonyError::invalid("the parameters are too short");
        let (taken, left) = self.left.split_at_checked(length).ok_or_else(too_short)?;
        self.left = left;
        Ok(taken)
    }

    pub(super) fn count(&mut self) -> Result<usize, CeremonyError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_be_bytes(bytes) as usize)
    }

    pub(super) fn hash(&mut self) -> Result<Hash, CeremonyError> {
        let mut hash = [0; 64];
        hash.copy_from_slice(self.take(64)?);
        Ok(hash)
    }

    pub(super) fn point<P: CeremonyPoint>(&mut self) -> Result<P, CeremonyError> {
        P::from_uncompressed(self.take(P::LEN)?).ok_or_else(no_point)
    }

    /// A count, which must be `expected`, and as many points.
    fn counted<P: CeremonyPoint>(&mut self, expected: usize) -> Result<Vec<P>, CeremonyError> {
        match self.count()? {
            count if count == expected => self.points(count),
            _ => Err(other_key()),
        }
    }

    pub(super) fn points<P: CeremonyPoint>(&mut self, count: usize) -> Result<Vec<P>, CeremonyError> {
        let bytes = self.take(count.saturating_mul(P::LEN))?;
        let points: Option<_> = bytes.par_chunks_exact(P::LEN).map(P::from_uncompressed).collect();
        points.ok_or_else(no_point)
    }

    fn expect<P: CeremonyPoint>(&mut self, expected: &[P]) -> Result<(), CeremonyError> {
        let mut bytes = Vec::new();
        put(&mut bytes, expected);
        if self.take(bytes.len())? == bytes { Ok(()) } else { Err(other_key()) }
    }

    fn expect_counted<P: CeremonyPoint>(&mut self, expected: &[P]) -> Result<(), CeremonyError> {
        if self.count()? != expected.len() {
            return Err(other_key());
        }
        self.expect(expected)
    }

    pub(super) fn contribution(
        &mut self,
        name: Option<ContributionName>,
    ) -> Result<Contribution, CeremonyError> {
        Ok(Contribution {
            delta_after: self.point()?,
            g1_s: self.point()?,
            g1_sx: self.point()?,
            g2_spx: self.point()?,
            transcript: self.hash()?,
            kind: ContributionKind::Secret,
            name,
        })
    }
}

fn other_key() -> CeremonyError {
    CeremonyError::invalid("the parameters belong to a different key")
}

fn no_point() -> CeremonyError {
    CeremonyError::invalid("the parameters contain an invalid point")
}
