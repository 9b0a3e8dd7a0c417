//! The [container](super::container) of files that are read and written piece by piece.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::ReadError;
use super::container::{Layout, Place, Sections, address};
use super::cursor::Cursor;
use super::encoding::{FilePoint, points, put_points};

impl Sections {
    /// Reads the section headers of a file, but no bodies.
    ///
    /// # Errors
    /// The medium fails; see [`Sections::parse`].
    pub(crate) fn read<R: Read + Seek>(layout: Layout, source: &mut R) -> Result<Self, ReadError> {
        let file_len = source.seek(SeekFrom::End(0))?;
        Self::parse(layout, file_len, |offset, length| Ok::<_, ReadError>(read_at(source, offset, length)?))
    }

    /// Reads the whole body of a section that is small in every valid file.
    ///
    /// # Errors
    /// The medium fails, or the section is missing or too large.
    pub(crate) fn load<R: Read + Seek>(&self, source: &mut R, id: u32) -> Result<Vec<u8>, ReadError> {
        let Place { offset, size } = self.get(id)?;
        if size > LARGEST_LOADED {
            return Err(self.wrong(offset, format!("section {id} is too large: {size} bytes")).into());
        }
        Ok(read_at(source, offset, size)?)
    }

    /// Reads `count` points of a section from index `first` on. Checks that each point is on its curve.
    ///
    /// # Errors
    /// The medium fails, the section has fewer points, or a point is off its curve.
    pub(crate) fn points<P: FilePoint, R: Read + Seek>(
        &self,
        source: &mut R,
        id: u32,
        first: u64,
        count: u64,
    ) -> Result<Vec<P>, ReadError> {
        let place = self.get(id)?;
        let available = place.size / P::LEN as u64;
        if first.checked_add(count).is_none_or(|end| end > available) {
            let detail = format!("section {id} has {available} points; cannot read {count} from {first} on");
            return Err(self.wrong(place.offset, detail).into());
        }
        let room = usize::try_from(count).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut all = Vec::with_capacity(room);
        // In pieces, so that not all bytes and points are in memory at once.
        let end = first + count;
        for start in (first..end).step_by(AT_ONCE) {
            let piece = (end - start).min(AT_ONCE as u64);
            let offset = place.offset + start * P::LEN as u64;
            let bytes = read_at(source, offset, piece * P::LEN as u64)?;
            all.extend(points::<P>(&mut self.cursor_at(offset, &bytes), piece)?);
        }
        Ok(all)
    }
}

/// Maximum size in bytes of a section read as a whole: enough for tens of thousands of contributions.
const LARGEST_LOADED: u64 = 64 << 20;

/// Points decoded or encoded at once.
const AT_ONCE: usize = 1 << 14;

/// Reads `length` bytes at `offset`; the caller has checked that they exist.
pub(crate) fn read_at<R: Read + Seek>(source: &mut R, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; length];
    source.seek(SeekFrom::Start(offset))?;
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file from front to back, section by section.
#[derive(Debug)]
pub(crate) struct SectionWriter<W> {
    out: W,
    buffer: Vec<u8>,
    /// Bytes missing from the current section.
    missing: u64,
    /// Current position in the file.
    position: u64,
    /// Offset of the current section's body.
    body: u64,
}

impl<W: Write> SectionWriter<W> {
    /// Starts a file with `sections` sections.
    ///
    /// # Errors
    /// The medium fails.
    pub(crate) fn new(out: W, layout: Layout, sections: u32) -> io::Result<Self> {
        let mut writer = Self { out, buffer: Vec::new(), missing: 0, position: 0, body: 0 };
        writer.buffer.extend(layout.name.as_bytes());
        writer.buffer.extend(layout.version.to_le_bytes());
        writer.buffer.extend(sections.to_le_bytes());
        writer.write_buffer()?;
        Ok(writer)
    }

    /// Starts a section of `size` bytes.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete.
    pub(crate) fn begin(&mut self, id: u32, size: u64) -> io::Result<()> {
        assert_eq!(self.missing, 0, "the section before section {id} is incomplete");
        self.buffer.extend(id.to_le_bytes());
        self.buffer.extend(size.to_le_bytes());
        self.write_buffer()?;
        (self.missing, self.body) = (size, self.position);
        Ok(())
    }

    /// Writes a complete section.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete.
    pub(crate) fn section(&mut self, id: u32, body: &[u8]) -> io::Result<()> {
        self.begin(id, body.len() as u64)?;
        self.bytes(body)
    }

    /// Appends bytes to the current section.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the section has no room for them.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = bytes.len() as u64;
        self.missing = self.missing.checked_sub(written).expect("the section has room for its bytes");
        self.out.write_all(bytes)?;
        self.position += written;
        Ok(())
    }

    /// Appends points to the current section.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the section has no room for them.
    pub(crate) fn points<P: FilePoint>(&mut self, points: &[P]) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.buffer);
        for chunk in points.chunks(AT_ONCE) {
            bytes.clear();
            put_points(&mut bytes, chunk);
            self.bytes(&bytes)?;
        }
        bytes.clear();
        self.buffer = bytes;
        Ok(())
    }

    /// Current position in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The medium, to read back written bytes.
    pub(crate) fn medium(&mut self) -> &mut W {
        &mut self.out
    }

    /// Flushes and returns the medium.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the last section is incomplete.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        assert_eq!(self.missing, 0, "the last section is incomplete");
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write + Seek> SectionWriter<W> {
    /// Continues at an earlier position, where a section began.
    ///
    /// # Errors
    /// The medium fails.
    pub(crate) fn rewind(&mut self, position: u64) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(position))?;
        self.position = position;
        Ok(())
    }
}

impl<W: Read + Write + Seek> SectionWriter<W> {
    /// Reads back points of the current section from index `first` on.
    ///
    /// # Errors
    /// The medium fails, or the bytes are not points.
    pub(crate) fn points_at<P: FilePoint>(&mut self, first: u64, count: u64) -> Result<Vec<P>, ReadError> {
        let offset = self.body + first * P::LEN as u64;
        let bytes = read_at(&mut self.out, offset, count * P::LEN as u64)?;
        self.out.seek(SeekFrom::Start(self.position))?;
        Ok(points(&mut Cursor::new("points", address(offset), &bytes), count)?)
    }

    /// Overwrites points of the current section from index `first` on.
    ///
    /// # Errors
    /// The medium fails.
    pub(crate) fn rewrite_points<P: FilePoint>(&mut self, first: u64, points: &[P]) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(self.body + first * P::LEN as u64))?;
        for chunk in points.chunks(AT_ONCE) {
            self.buffer.clear();
            put_points(&mut self.buffer, chunk);
            self.out.write_all(&self.buffer)?;
        }
        self.buffer.clear();
        self.out.seek(SeekFrom::Start(self.position)).map(drop)
    }

    /// Skips points of the current section that are already in the medium.
    ///
    /// # Errors
    /// The medium fails.
    pub(crate) fn keep_points<P: FilePoint>(&mut self, count: u64) -> io::Result<()> {
        let bytes = count * P::LEN as u64;
        self.missing = self.missing.checked_sub(bytes).expect("the section has room for its points");
        self.position += bytes;
        self.out.seek(SeekFrom::Start(self.position)).map(drop)
    }
}

/// Copies a section's body to the current section, which has the same size.
///
/// # Errors
/// One of the media fails.
pub(crate) fn copy_bytes<R: Read + Seek, W: Write>(
    source: &mut R,
    Place { mut offset, size }: Place,
    writer: &mut SectionWriter<W>,
) -> Result<(), CopyError> {
    let end = offset + size;
    while offset < end {
        let piece = (end - offset).min(1 << 20);
        let bytes = read_at(source, offset, piece).map_err(ReadError::from)?;
        writer.bytes(&bytes)?;
        offset += piece;
    }
    Ok(())
}

/// Copying from one file to another failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// Reading from the source failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Writing to the target failed.
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
}
