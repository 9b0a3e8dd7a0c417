//! The Lagrange forms for all domains up to the size of the file.

use std::io::{Read, Seek, Write};

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use zkflow_bn254::points::{Curve, lagrange};

use super::super::ceremony::CeremonyError;
use super::super::transcript::CeremonyPoint;
use super::MAX_POWER;
use super::copy_powers;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1, LAGRANGE_TAU_G2,
    Ptau, PtauWriter, Section, TAU_G1, TAU_G2,
};

/// Writes the file with the Lagrange forms of its powers, which depend on nothing else.
///
/// # Behaviour
/// - Holds the points of one domain in memory: some 400 bytes for each of `2^(power+1)`.
/// - Takes long: as a file grows twofold, so does the time, and a little more.
///
/// # Errors
/// [`CeremonyError::Power`] beyond [`MAX_POWER`]; the files fail.
pub fn prepare<R: Read + Seek>(ptau: &mut Ptau<R>, out: impl Write) -> Result<(), CeremonyError> {
    let power = ptau.power();
    if power > MAX_POWER {
        return Err(CeremonyError::Power(power));
    }
    // As snarkjs does it, the file forgets that its ceremony was a larger one.
    let mut writer = PtauWriter::new(out, power, power, true)?;
    copy_powers(ptau, &mut writer)?;
    transform(ptau, &mut writer, TAU_G1, LAGRANGE_TAU_G1, power + 1)?;
    transform(ptau, &mut writer, TAU_G2, LAGRANGE_TAU_G2, power)?;
    transform(ptau, &mut writer, ALPHA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, power)?;
    transform(ptau, &mut writer, BETA_TAU_G1, LAGRANGE_BETA_TAU_G1, power)?;
    writer.finish()?;
    Ok(())
}

/// Writes the Lagrange forms for the domains of `2^0` to `2^last`.
fn transform<R: Read + Seek, C: Curve>(
    ptau: &mut Ptau<R>,
    writer: &mut PtauWriter<impl Write>,
    powers: Section<Affine<C>>,
    lagrange_form: Section<Affine<C>>,
    last: u32,
) -> Result<(), CeremonyError>
where
    Affine<C>: CeremonyPoint,
{
    writer.begin(lagrange_form)?;
    let available = powers.count(ptau.power());
    for domain in (0..=last).map(|level| 1 << level) {
        let mut points = ptau.points(powers, 0, available.min(domain))?;
        // The largest domain of section 2 has one point more than there are powers.
        points.resize(domain as usize, Affine::zero());
        writer.points(&lagrange(&points))?;
    }
    Ok(())
}
