//! `.wtns`, version 2: the value of every wire.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

use super::FormatError;
use super::binfile::{BinFile, BinWriter};
use super::container::{FILE_HEADER, Layout, SECTION_HEADER};
use super::encoding::{expect_field, put_field};
use super::records::read_records;
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
    let count = header.u32()?;
    header.finish()?;

    let mut body = file.section(2)?;
    let (expected, found) = (u64::from(count) * 32, body.remaining());
    if expected != found {
        return Err(body.error(format!("{count} values need {expected} bytes, found {found}")));
    }
    let start = body.position();
    let mut values = Zeroizing::new(Vec::new());
    let read = read_records(body.take(expected)?, 32, WORTH_A_THREAD, Fr::ZERO, &mut values, |bytes| {
        field::from_le_bytes(bytes.first_chunk().expect("a record has 32 bytes"))
    });
    read.map_err(|(index, error)| body.error_at(start + index * 32, error.to_string()))?;
    Ok(Witness::new(std::mem::take(&mut values)))
}

/// With fewer values, threads cost more than they gain.
const WORTH_A_THREAD: usize = 1 << 13;

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
        let many = Witness::new((0..3 * WORTH_A_THREAD as u64).map(Fr::from).collect());
        assert_eq!(read(&write(&many)), Ok(many));
    }

    #[test]
    fn a_value_that_is_not_below_the_modulus_is_refused_where_it_stands() {
        // The first of several wrong values is reported, whichever thread finds it first.
        for count in [3, 3 * WORTH_A_THREAD] {
            let mut bytes = write(&Witness::new(vec![Fr::from(5u64); count]));
            let last = bytes.len() - 32;
            for at in [last, last - 32] {
                bytes[at..at + 32].copy_from_slice(&modulus_bytes::<Fr>());
                let error = read(&bytes).unwrap_err();
                assert_eq!(
                    (error.offset, error.detail.as_str()),
                    (at as u64, "not below the field's modulus")
                );
            }
        }
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
