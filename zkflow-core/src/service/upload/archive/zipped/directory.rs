//! The directory at the end of a zip. It is read before anything is allocated, and only if all programs read it alike.

use crate::service::upload::archive::{ArchiveError, MOST_ENTRIES, damaged, refused, too_large};

/// First bytes of the record at the end, and its length without the comment.
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
/// First bytes of an entry, and its length without name, extra fields and comment.
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// Flags of an entry that is encrypted, in any of three ways.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Methods of compression: none, and deflate.
const METHODS: [u16; 2] = [0, 8];
/// Kind of a file in its mode on Unix.
const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
/// Extra fields that programs read differently: other lengths (zip64), and another name.
const REFUSED: [u16; 2] = [0x0001, 0x7075];

/// An entry of the directory.
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) size: u64,
    flags: u16,
    method: u16,
    mode: u32,
    extra: &'a [u8],
}

impl Entry<'_> {
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/")
    }

    /// Refuses an entry that is neither a file nor a folder, or that programs read differently.
    pub(super) fn check(&self) -> Result<(), ArchiveError> {
        let name = self.name;
        if self.flags & ENCRYPTED != 0 {
            return Err(refused(name, "which is encrypted"));
        }
        if !METHODS.contains(&self.method) {
            return Err(refused(name, "which is compressed by another method than deflate"));
        }
        match self.mode & KIND {
            0 => {}
            FOLDER if self.is_folder() => {}
            FILE if !self.is_folder() => {}
            FOLDER | FILE => return Err(refused(name, "which is a folder by its name or by its mode only")),
            _ => return Err(refused(name, "which is neither a file nor a folder")),
        }
        let mut extra = self.extra;
        while let Some((head, rest)) = extra.split_first_chunk::<4>() {
            let (id, length) = (number(&head[..2]), number(&head[2..]));
            if REFUSED.iter().any(|refused| u64::from(*refused) == id) {
                return Err(refused(name, "which has an extra field with another length or name"));
            }
            extra = rest.get(length as usize..).ok_or_else(|| damaged("an extra field ends early"))?;
        }
        if extra.is_empty() { Ok(()) } else { Err(damaged("an extra field ends early")) }
    }
}

/// The entries of the directory, which fill it.
pub(super) fn entries(archive: &[u8]) -> Result<Entries<'_>, ArchiveError> {
    let last = archive.len().checked_sub(END_BYTES).ok_or_else(ends_early)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    // The last one is that of all programs, if its comment is what follows.
    let at = (first..=last).rev().find(|at| archive[*at..].starts_with(END)).ok_or_else(ends_early)?;
    let end = &archive[at..];
    if end.len() as u64 != END_BYTES as u64 + number(&end[20..22]) {
        return Err(damaged("there are bytes behind its end, or it ends early"));
    }
    let (disks, here, count) = (number(&end[4..8]), number(&end[8..10]), number(&end[10..12]));
    let (length, start) = (number(&end[12..16]), number(&end[16..20]));
    if disks != 0 || here != count {
        return Err(damaged("it is one of several parts"));
    }
    if count > MOST_ENTRIES as u64 {
        return Err(too_large("entries", MOST_ENTRIES as u64));
    }
    if start + length != at as u64 {
        return Err(damaged("its directory does not end where it says, or it is a zip64"));
    }
    Ok(Entries { rest: &archive[start as usize..at], count })
}

fn ends_early() -> ArchiveError {
    damaged("it ends early")
}

/// Reads the entries of a directory.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    count: u64,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.count == 0 {
            let rest = std::mem::take(&mut self.rest);
            return (!rest.is_empty()).then(|| Err(damaged("its directory has more entries than it says")));
        }
        self.count -= 1;
        Some(self.entry().ok_or_else(|| damaged("its directory has fewer entries than it says")))
    }
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Option<Entry<'a>> {
        let (head, rest) =
            self.rest.split_at_checked(ENTRY_BYTES).filter(|(head, _)| head.starts_with(ENTRY))?;
        let field = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let (name, rest) = rest.split_at_checked(field(28).into())?;
        let (extra, rest) = rest.split_at_checked(field(30).into())?;
        self.rest = rest.get(usize::from(field(32))..)?;
        let (flags, method, mode) = (field(8), field(10), u32::from(field(40)));
        Some(Entry { name, size: number(&head[24..28]), flags, method, mode, extra })
    }
}

/// A number of up to eight bytes, the lowest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
