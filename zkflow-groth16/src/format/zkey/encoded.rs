//! A key in memory whose large sections are still encoded.

use std::ops::Range;

use super::coefficient::{self, Coefficient};
use super::{KeyHead, KeySection, LAYOUT, all_points, section};
use crate::format::FormatError;
use crate::format::binfile::BinFile;
use crate::format::encoding::{FilePoint, first_bad_point};

/// The bytes of a key with its head. Matrices and points are read section by section, in any order, by several
/// threads.
#[derive(Debug)]
pub struct EncodedKey<'a> {
    file: BinFile<'a>,
    /// The part of the key that is decoded.
    pub head: KeyHead,
}

impl<'a> EncodedKey<'a> {
    /// Reads the head of a key.
    ///
    /// # Errors
    /// The bytes are not a Groth16 key on BN254, or its head is malformed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let file = BinFile::parse(LAYOUT, bytes)?;
        let [protocol, header] = [file.section(section::PROTOCOL)?, file.section(section::HEADER)?];
        let head = KeyHead::read([protocol, header, file.section(section::CONTRIBUTIONS)?], |count| {
            all_points(file.section(section::IC)?, count)
        })?;
        Ok(Self { file, head })
    }

    /// The entries of the matrices, and the place of their section.
    ///
    /// # Errors
    /// The section is missing or malformed.
    pub fn coefficients(&self) -> Result<(Vec<Coefficient>, Range<usize>), FormatError> {
        let section = self.file.section(section::COEFFICIENTS)?;
        Ok((coefficient::read_all(section, self.head.n_vars, self.head.domain_size)?, section.range()))
    }

    /// The points of a section, and its place.
    ///
    /// # Errors
    /// The section is missing or of the wrong length; a point is off its curve.
    pub fn points<P: FilePoint>(
        &self,
        section: KeySection<P>,
    ) -> Result<(Vec<P>, Range<usize>), FormatError> {
        let body = self.file.section(section.id())?;
        Ok((all_points(body, section.count(&self.head))?, body.range()))
    }

    /// The points of a section as `read` decodes them, and the place of the section. `read` gets their encoding and
    /// returns `None` if one of them is not a point of the curve.
    ///
    /// # Errors
    /// The section is missing or of the wrong length; a point is off its curve.
    pub fn points_by<P: FilePoint, T>(
        &self,
        section: KeySection<P>,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<(T, Range<usize>), FormatError> {
        let mut body = self.file.section(section.id())?;
        let range = body.range();
        let count = section.count(&self.head);
        super::expect_points::<P>(&body, count)?;
        let bytes = body.records(count, P::LEN as u64)?;
        match read(bytes) {
            Some(points) => Ok((points, range)),
            None => Err(first_bad_point::<P>(&body, bytes)),
        }
    }
}
