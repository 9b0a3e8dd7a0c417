//! Truncates powers of tau for smaller circuits.

use std::io::{Read, Seek, Write};

use super::super::ceremony::CeremonyError;
use super::{copy, copy_powers};
use crate::format::ptau::{
    LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1, LAGRANGE_TAU_G2, Ptau, PtauWriter,
};

/// Writes the part of a file that circuits of up to `2^power` rows need. Copies all contributions. The
/// file records the power of its ceremony, so it accepts no more contributions.
///
/// # Errors
/// [`CeremonyError::Power`] unless `power` is at least 1 and below that of the file; a file fails.
pub fn truncate<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    power: u32,
    out: impl Write,
) -> Result<(), CeremonyError> {
    let most = ptau.power().saturating_sub(1);
    if !(1..=most).contains(&power) {
        return Err(CeremonyError::Power { power, most });
    }
    let prepared = ptau.is_prepared();
    let mut writer = PtauWriter::new(out, power, ptau.ceremony_power(), prepared)?;
    copy_powers(ptau, &mut writer)?;
    if prepared {
        copy(ptau, &mut writer, LAGRANGE_TAU_G1)?;
        copy(ptau, &mut writer, LAGRANGE_TAU_G2)?;
        copy(ptau, &mut writer, LAGRANGE_ALPHA_TAU_G1)?;
        copy(ptau, &mut writer, LAGRANGE_BETA_TAU_G1)?;
    }
    writer.finish()?;
    Ok(())
}
