//! `.wtns`, version 2: the value of every wire.

use ark_bn254::Fr;

use super::FormatError;
use super::binfile::{BinFile, BinWriter};
use super::container::{FILE_HEADER, Layout, SECTION_HEADER};
use super::encoding::{expect_field, put_field, scalar};
use crate::field;
use crate::witness::Witness;

pub(super) const LAYOUT: Layout = Layout { name: "wtns", version: 2, counts_sections: true };

/// Reads a `.wtns` file.
///
/// # Errors
/// The bytes are not a witness over BN254's scalar field, or a value is not below the modulus.
pub fn read(bytes: &[u8]) -> Result<Witness, FormatError> {
    let file = BinFile::parse(LAYOUT, bytes)?;
    let mut header = file.section(1)?;
    expect_field::<Fr>(&mut header, "witness")?;
    let count = u64::from(header.u32()?);
    header.finish()?;

    let mut body = file.section(2)?;
    if count * 32 != body.remaining() {
        let found = body.remaining();
        return Err(body.error(format!("{count} values need {} bytes, found {found}", count * 32)));
    }
    // Reserved at once: a growing vector leaves copies of secrets in memory.
    let mut values = Vec::with_capacity(count as usize);
    for _ in 0..count {
        match scalar(&mut body) {
            Ok(value) => values.push(value),
            Err(error) => {
                zeroize::Zeroize::zeroize(&mut values);
                return Err(error);
            }
        }
    }
    Ok(Witness::new(values))
}

/// Writes a `.wtns` file, byte for byte as circom's own calculator does.
///
/// The result contains every secret of the witness: store it as a secret.
pub fn write(witness: &Witness) -> Vec<u8> {
    let values = witness.values();
    let length = FILE_HEADER + 2 * SECTION_HEADER + 40 + values.len() as u64 * 32;
    BinWriter::new(LAYOUT, length)
        .section(1, |out| {
            put_field::<Fr>(out);
            out.extend((values.len() as u32).to_le_bytes());
        })
        .section(2, |out| values.iter().for_each(|value| out.extend(field::to_le_bytes(value))))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::encoding::modulus_bytes;

    fn witness() -> Witness {
        Witness::new(vec![Fr::from(1u64), -Fr::from(1u64), Fr::from(77u64)])
    }

    #[test]
    fn a_witness_comes_back_as_it_was_written() {
        assert_eq!(read(&write(&witness())), Ok(witness()));
        assert_eq!(read(&write(&Witness::new(Vec::new()))), Ok(Witness::new(Vec::new())));
    }

    #[test]
    fn a_value_that_is_not_below_the_modulus_is_refused_where_it_stands() {
        let mut bytes = write(&witness());
        let last = bytes.len() - 32;
        bytes[last..].copy_from_slice(&modulus_bytes::<Fr>());
        let error = read(&bytes).unwrap_err();
        assert_eq!((error.offset, error.detail.as_str()), (last as u64, "not below the field's modulus"));
    }

    #[test]
    fn a_count_that_differs_from_the_values_present_is_refused() {
        let mut bytes = write(&witness());
        bytes[60] = 4;
        assert_eq!(read(&bytes).unwrap_err().detail, "4 values need 128 bytes, found 96");
        bytes[60..64].fill(0xff);
        assert!(read(&bytes).is_err());
    }
}
