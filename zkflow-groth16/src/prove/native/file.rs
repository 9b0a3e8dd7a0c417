//! Prepared keys on disk, mapped into memory.
//!
//! A file is a header of one page, followed by sections aligned to pages:
//!
//! ```text
//! magic 8 | identity 32 | length of the file u64 | number of sections u64
//! | { offset u64, length u64, checksum u64 }* | SHA-256 of the header up to here 32
//! ```
//!
//! Numbers are little-endian. The identity is the SHA-256 of everything that determines the sections: the
//! `.zkey`, this library's version and layout, the kernel and its settings. A file of another key or version
//! is therefore refused, whatever its name.
//!
//! The checksums detect damage, torn writes and bit rot. They do not stop an attacker with write access to
//! the folder, which only this user has.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::{Mmap, UncheckedAdvice};
use rayon::prelude::*;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::SharedBytes;

use super::digests::Digests;
use crate::digest::{Digest, Hasher};
use crate::own_folder;

const EXTENSION: &str = "zkprepared";
const MAGIC: &[u8; 8] = b"ZKFLOWPK";
const PAGE: usize = 4096;
/// Length in bytes of the header before the table of sections.
const FIXED: usize = 8 + 32 + 8 + 8;
const ENTRY: usize = 3 * 8;
const DIGEST: usize = 32;
/// Maximum number of sections that fit into the header page.
const MAX_SECTIONS: usize = (PAGE - FIXED - DIGEST) / ENTRY;

/// A folder of prepared keys that only this user may write to.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    max_bytes: u64,
}

impl Folder {
    /// Creates the folder with mode 0700, or checks that only this user may write to it.
    pub(super) fn open(path: PathBuf, max_bytes: u64) -> io::Result<Self> {
        own_folder::open(&path)?;
        Ok(Self { path, max_bytes })
    }

    /// Maps the file with this identity; `None` if it is missing, damaged or foreign.
    pub(super) fn load(&self, identity: &Digest) -> Option<Mapped> {
        Mapped::open(&self.file(identity), identity)
    }

    /// Writes a complete file or none. A failure only costs the next process time.
    pub(super) fn store(&self, identity: &Digest, sections: &[Cow<'_, [u8]>]) {
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            write_to(file.as_file_mut(), identity, sections)?;
            file.persist(self.file(identity))?;
            own_folder::prune(&self.path, EXTENSION, self.max_bytes)
        };
        let _ = write();
    }

    /// Whether there are no prepared keys.
    pub(super) fn is_empty(&self) -> bool {
        let is_key = |path: &Path| path.extension().is_some_and(|extension| extension == EXTENSION);
        let files = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        !files.into_iter().any(|file| is_key(&file.path()))
    }

    /// Digests of `.zkey` files, stored in the same folder.
    pub(super) fn digests(&self) -> Digests<'_> {
        Digests::in_folder(&self.path)
    }

    fn file(&self, identity: &Digest) -> PathBuf {
        self.path.join(format!("{identity}.{EXTENSION}"))
    }
}

/// A checked file, mapped into memory.
pub(super) struct Mapped {
    map: Arc<Mmap>,
    bytes: SharedBytes,
    sections: Vec<Range<usize>>,
}

impl Mapped {
    fn open(path: &Path, identity: &Digest) -> Option<Self> {
        let file = File::open(path).ok()?;
        // SAFETY: the bytes of a mapping must not change while they are borrowed. Files here are written
        // under another name, renamed, and never opened for writing again. Only this user may write to the
        // folder (`own_folder::open`).
        let map = unsafe { Mmap::map(&file) }.ok()?;
        let sections = sections_of(&map, identity)?;
        let whole = sections.par_iter().all(|(range, sum)| checksum(&map[range.clone()]) == *sum);
        let sections = sections.into_iter().map(|(range, _)| range).collect();
        let map = Arc::new(map);
        whole.then(|| Self { bytes: Arc::clone(&map) as SharedBytes, map, sections })
    }

    /// The bytes that contain all sections, and the range of one section.
    pub(super) fn section(&self, index: usize) -> Option<(&SharedBytes, Range<usize>)> {
        Some((&self.bytes, self.sections.get(index)?.clone()))
    }

    /// Releases the memory of a section that was copied.
    pub(super) fn release(&self, index: usize) {
        let range = self.sections[index].clone();
        // SAFETY: the mapping is read-only and backed by the file, so its pages contain nothing to lose.
        // This is advice: if it fails, more memory is in use.
        let _ =
            unsafe { self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
    }

    /// The bytes of a section.
    pub(super) fn bytes(&self, index: usize) -> Option<&[u8]> {
        (*self.bytes).as_ref().get(self.sections.get(index)?.clone())
    }
}

/// Sections in the header of a file, with their checksums; `None` if the file is incomplete or has another
/// identity.
fn sections_of(file: &[u8], identity: &Digest) -> Option<Vec<(Range<usize>, u64)>> {
    let header = file.get(..PAGE)?;
    let number = |at: usize| {
        let bytes = header.get(at..at + 8)?.try_into().expect("the slice has eight bytes");
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let count = number(48).filter(|count| *count <= MAX_SECTIONS)?;
    let end = FIXED + count * ENTRY;
    let sound = header[..8] == *MAGIC
        && header[8..40] == *identity.as_bytes()
        && number(40)? == file.len()
        && header[end..end + DIGEST] == *Digest::of(&header[..end]).as_bytes()
        && header[end + DIGEST..].iter().all(|byte| *byte == 0);
    if !sound {
        return None;
    }
    let mut next = PAGE;
    let mut sections = Vec::with_capacity(count);
    for index in 0..count {
        let at = FIXED + index * ENTRY;
        let (offset, length, sum) = (number(at)?, number(at + 8)?, number(at + 16)?);
        let range = offset..offset.checked_add(length)?;
        // Padding must be zeros, because it belongs to no section.
        if offset < next || file.get(next..offset)?.iter().any(|byte| *byte != 0) || range.end > file.len() {
            return None;
        }
        next = range.end;
        sections.push((range, sum as u64));
    }
    file[next..].iter().all(|byte| *byte == 0).then_some(sections)
}

fn write_to(file: &mut File, identity: &Digest, sections: &[Cow<'_, [u8]>]) -> io::Result<()> {
    if sections.len() > MAX_SECTIONS {
        return Err(io::Error::other("too many sections"));
    }
    let mut header = Vec::with_capacity(PAGE);
    header.extend(MAGIC);
    header.extend(identity.as_bytes());
    let length = PAGE + sections.iter().map(|body| body.len().next_multiple_of(PAGE)).sum::<usize>();
    header.extend((length as u64).to_le_bytes());
    header.extend((sections.len() as u64).to_le_bytes());
    let mut offset = PAGE;
    for body in sections {
        for number in [offset as u64, body.len() as u64, checksum(body)] {
            header.extend(number.to_le_bytes());
        }
        offset += body.len().next_multiple_of(PAGE);
    }
    let digest = Digest::of(&header);
    header.extend(digest.as_bytes());
    file.write_all(&header)?;
    let mut offset = PAGE;
    for body in sections {
        file.seek(SeekFrom::Start(offset as u64))?;
        file.write_all(body)?;
        offset += body.len().next_multiple_of(PAGE);
    }
    file.set_len(length as u64)
}

/// A checksum against damage: over blocks, each in eight lanes of 64-bit words:
/// `lane = (lane ^ word) * odd`.
///
/// A step is a bijection of the lane, and the way from the lanes to the sum is too. Damage within one word
/// is always detected. Other damage is missed with a probability of about 2^-64.
fn checksum(bytes: &[u8]) -> u64 {
    const BLOCK: usize = 1 << 20;
    let sums: Vec<u64> = bytes.par_chunks(BLOCK).map(block_sum).collect();
    sums.iter().fold(bytes.len() as u64, |sum, block| step(sum.rotate_left(29), *block))
}

fn block_sum(block: &[u8]) -> u64 {
    let mut lanes: [u64; 8] = std::array::from_fn(|i| i as u64);
    let mut chunks = block.chunks_exact(64);
    for chunk in &mut chunks {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            *lane = step(*lane, u64::from_le_bytes(word.try_into().expect("the chunk has eight bytes")));
        }
    }
    let mut rest = [0; 64];
    rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    for (lane, word) in lanes.iter_mut().zip(rest.chunks_exact(8)) {
        *lane = step(*lane, u64::from_le_bytes(word.try_into().expect("the chunk has eight bytes")));
    }
    lanes.into_iter().fold(0, |sum: u64, lane| step(sum.rotate_left(29), lane))
}

fn step(state: u64, word: u64) -> u64 {
    // The 64 bits of the golden ratio, an odd number; the shift moves high bits down.
    let product = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

/// Digest of everything that determines the sections of a prepared key.
pub(super) fn identity(zkey: &Digest, kernel: Kernel, table_bytes: usize) -> Digest {
    /// Increase this with every change to the content of a section, or to the checks that a key passes before it
    /// is stored.
    const LAYOUT: u32 = 3;
    let mut hasher = Hasher::default();
    hasher.field(MAGIC);
    hasher.field(LAYOUT.to_le_bytes());
    hasher.field(env!("CARGO_PKG_VERSION"));
    hasher.field(zkey.as_bytes());
    hasher.field(kernel.name());
    hasher.field((table_bytes as u64).to_le_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sections() -> Vec<Cow<'static, [u8]>> {
        let bytes = |count: usize| (0..count).map(|i| (i * 7) as u8).collect::<Vec<u8>>().into();
        vec![bytes(5), bytes(0), bytes(PAGE), bytes(2 * PAGE + 100)]
    }

    fn stored() -> (tempfile::TempDir, Folder, Digest, PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path().join("keys"), u64::MAX).unwrap();
        let identity = identity(&Digest::of("zkey"), Kernel::Portable, 0);
        folder.store(&identity, &sections());
        let file = folder.file(&identity);
        (temporary, folder, identity, file)
    }

    #[test]
    fn sections_come_back_aligned_to_pages() {
        let (_temporary, folder, identity, _) = stored();
        let mapped = folder.load(&identity).unwrap();
        for (index, expected) in sections().iter().enumerate() {
            assert_eq!(mapped.bytes(index).unwrap(), &**expected);
            assert_eq!(mapped.section(index).unwrap().1.start % PAGE, 0);
        }
        assert!(mapped.bytes(sections().len()).is_none());
    }

    #[test]
    fn a_change_to_any_byte_is_found() {
        let (_temporary, folder, identity, file) = stored();
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            // All significant bytes, and some of the padding.
            if at > 300 && whole[at] == 0 && at % 97 != 0 {
                continue;
            }
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&file, damaged).unwrap();
            assert!(folder.load(&identity).is_none(), "byte {at}");
        }
        fs::write(&file, whole).unwrap();
        assert!(folder.load(&identity).is_some());
    }

    #[test]
    fn a_file_cut_short_or_grown_is_found() {
        let (_temporary, folder, identity, file) = stored();
        let whole = fs::read(&file).unwrap();
        for length in [0, 1, FIXED, PAGE - 1, PAGE, 2 * PAGE, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            assert!(folder.load(&identity).is_none(), "{length} bytes");
        }
        fs::write(&file, [whole.as_slice(), &[0; PAGE]].concat()).unwrap();
        assert!(folder.load(&identity).is_none());
    }

    #[test]
    fn a_foreign_file_under_the_right_name_is_refused() {
        let (_temporary, folder, identity, file) = stored();
        let others = [
            super::identity(&Digest::of("another zkey"), Kernel::Portable, 0),
            super::identity(&Digest::of("zkey"), Kernel::Ifma, 0),
            super::identity(&Digest::of("zkey"), Kernel::Portable, 1),
        ];
        for other in others {
            assert_ne!(other, identity);
            fs::copy(&file, folder.file(&other)).unwrap();
            assert!(folder.load(&other).is_none());
        }
    }

    #[test]
    fn the_oldest_files_go_when_the_folder_is_full() {
        let (_temporary, folder, first, file) = stored();
        let size = fs::metadata(&file).unwrap().len();
        let small = Folder { max_bytes: size, ..folder };
        let second = identity(&Digest::of("another zkey"), Kernel::Portable, 0);
        small.store(&second, &sections());
        assert!(small.load(&first).is_none());
        assert!(small.load(&second).is_some());
    }
}
