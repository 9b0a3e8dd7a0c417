//! Reads a tar.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::{ArchiveError, Contents, damaged, refused, too_large, unreadable};

mod records;

/// Length of a block.
const BLOCK: usize = 512;
/// Longest extension of an entry in bytes.
const MOST_EXTENSION: u64 = 64 << 10;

/// Reads all entries. An extension gives the next entry another path; it must not change anything else that is read.
pub(super) fn read(archive: impl Read, contents: &mut Contents) -> Result<(), ArchiveError> {
    let mut tar = Tar { archive, contents };
    let mut name: Option<Vec<u8>> = None;
    while let Some(header) = tar.header()? {
        let own = header.path_bytes().into_owned();
        tar.contents.count(name.as_deref().unwrap_or(&own))?;
        let size = length(&header)?;
        match header.entry_type() {
            EntryType::GNULongName => {
                let mut long = tar.extension(size)?;
                long.truncate(long.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
                set(&mut name, long)?;
            }
            EntryType::XHeader => {
                let extension = tar.extension(size)?;
                if let Some(path) = records::path(&extension)? {
                    set(&mut name, path)?;
                }
            }
            EntryType::XGlobalHeader => {
                let extension = tar.extension(size)?;
                if records::path(&extension)?.is_some() {
                    return Err(refused(&own, "which gives all entries one path"));
                }
            }
            EntryType::Directory => Contents::folder(&name.take().unwrap_or(own), size)?,
            EntryType::Regular => tar.file(&name.take().unwrap_or(own), size)?,
            _ => return Err(refused(&name.unwrap_or(own), "which is neither a file nor a folder")),
        }
    }
    tar.contents.present = None;
    if name.is_some() {
        return Err(damaged("an extension has no entry"));
    }
    tar.end()
}

/// Sets the path of the next entry.
fn set(name: &mut Option<Vec<u8>>, value: Vec<u8>) -> Result<(), ArchiveError> {
    match name.replace(value) {
        None => Ok(()),
        Some(first) => Err(refused(&first, "which has two paths")),
    }
}

/// The length of an entry: octal digits between spaces, up to a zero. Programs read other forms differently.
fn length(header: &Header) -> Result<u64, ArchiveError> {
    let field = &header.as_old().size;
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    let is_plain = digits.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' '))
        && rest.iter().all(|byte| matches!(byte, 0 | b' '));
    let text = std::str::from_utf8(digits).ok().filter(|_| is_plain);
    let number = text.and_then(|text| u64::from_str_radix(text.trim(), 8).ok());
    number.ok_or_else(|| damaged("its length is no octal number of 12 digits"))
}

struct Tar<'a, R> {
    archive: R,
    contents: &'a mut Contents,
}

impl<R: Read> Tar<'_, R> {
    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut header = Header::new_old();
        self.fill(header.as_mut_bytes())?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The checksum counts itself as spaces.
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let found = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
        match header.cksum() {
            Ok(expected) if expected == found => {}
            _ => return Err(damaged("the next entry of the tar has a wrong checksum")),
        }
        if header.as_ustar().is_none() && header.as_gnu().is_none() {
            return Err(damaged("the next entry of the tar has an unknown format"));
        }
        Ok(Some(header))
    }

    fn file(&mut self, name: &[u8], size: u64) -> Result<(), ArchiveError> {
        // An old tar has no type for folders.
        if name.ends_with(b"/") {
            return Contents::folder(name, size);
        }
        match self.contents.file(name)? {
            None => self.skip(size),
            Some(path) => {
                self.contents.spend(size)?;
                self.contents.keep(path, self.archive.by_ref().take(size), size)?;
                self.padding(size)
            }
        }
    }

    /// The content of an entry that describes the next one.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MOST_EXTENSION {
            return Err(too_large("bytes in an extension of an entry", MOST_EXTENSION));
        }
        let mut bytes = vec![0; size as usize];
        self.fill(&mut bytes)?;
        self.padding(size)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ArchiveError> {
        self.contents.spend(bytes.len() as u64)?;
        self.archive.read_exact(bytes).map_err(unreadable)
    }

    fn skip(&mut self, size: u64) -> Result<(), ArchiveError> {
        self.contents.spend(size)?;
        let skipped = io::copy(&mut self.archive.by_ref().take(size), &mut io::sink()).map_err(unreadable)?;
        if skipped < size {
            return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        self.padding(size)
    }

    /// Skips the rest of the last block of an entry.
    fn padding(&mut self, size: u64) -> Result<(), ArchiveError> {
        let rest = (size % BLOCK as u64) as usize;
        let mut block = [0; BLOCK];
        if rest == 0 { Ok(()) } else { self.fill(&mut block[rest..]) }
    }

    /// Behind the end are zeros only: entries that other programs read are not hidden there.
    fn end(mut self) -> Result<(), ArchiveError> {
        let mut block = [0; BLOCK];
        loop {
            match self.archive.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    self.contents.spend(read as u64)?;
                    if block[..read].iter().any(|byte| *byte != 0) {
                        return Err(damaged("there are bytes behind the end of the tar"));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
    }
}
