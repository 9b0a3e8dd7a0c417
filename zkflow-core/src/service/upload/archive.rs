//! Archives of a source: a zip, a tar or a gzip-compressed tar, unpacked in memory.
//!
//! An archive comes from a stranger. Its number of entries, the length of each file, of all files and of what the archive
//! unpacks to are limited, and so is the ratio to its own length. Only circom files are kept. Other files are checked like
//! them, and left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Read};

use super::SourcePath;
use zkflow_groth16::error::{Classified, ErrorKind};

mod tarball;
mod zipped;

/// Largest number of entries: files, folders and others.
pub const MOST_ENTRIES: usize = 16_384;
/// Largest length of a circom file in bytes.
pub const MOST_FILE: u64 = 8 << 20;
/// Largest ratio of the unpacked length to the length of the archive, above [`RATIO_FREE`].
pub const MOST_RATIO: u64 = 200;
/// Unpacked bytes that every archive may have.
pub const RATIO_FREE: u64 = 1 << 20;
/// Longest path of an entry in bytes.
const MOST_PATH: usize = 1024;
/// Most parts of the path of an entry. That of a circom file has fewer.
const MOST_DEPTH: usize = 64;
/// Bytes of a path that an error contains at most.
const MOST_SHOWN: usize = 120;
/// End of the names of circom files.
const CIRCOM: &[u8] = b".circom";

/// Limits of an unpacked archive in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// All circom files together.
    pub source: u64,
    /// All entries together, those that are left out too.
    pub whole: u64,
}

/// The circom files of a source by their paths.
pub type SourceFiles = BTreeMap<SourcePath, Vec<u8>>;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The first bytes are those of no known format.
    #[error("the archive has an unknown format: expected a zip, a tar or a gzip-compressed tar")]
    Format,
    /// The archive is cut, or its parts contradict each other.
    #[error("the archive is damaged{}: {what}", place(entry.as_deref()))]
    Damaged {
        /// The problem.
        what: String,
        /// The path of the entry, shortened; `None` for the archive itself.
        entry: Option<String>,
    },
    /// An entry is not what a source contains.
    #[error("the archive has an entry {path:?}, {why}")]
    Entry {
        /// Its path, shortened.
        path: String,
        /// The problem.
        why: &'static str,
    },
    /// The archive exceeds a limit.
    #[error(
        "the archive has more than {most} {what}{}: leave out what the circuit does not include",
        place(entry.as_deref())
    )]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// The limit.
        most: u64,
        /// The path of the entry that exceeds it, shortened; `None` for the archive itself.
        entry: Option<String>,
    },
    /// The archive has no circom file.
    #[error("the archive has no file whose name ends with .circom")]
    NoSource,
}

/// The place of a problem.
fn place(entry: Option<&str>) -> String {
    entry.map(|path| format!(", at the entry {path:?}")).unwrap_or_default()
}

impl ArchiveError {
    /// The error with the entry that was read, if it names none.
    fn at(mut self, present: Option<String>) -> Self {
        if let Self::Damaged { entry, .. } | Self::TooLarge { entry, .. } = &mut self
            && entry.is_none()
        {
            *entry = present;
        }
        self
    }
}

impl Classified for ArchiveError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        "invalid_archive"
    }
}

/// Returns the circom files of an archive.
///
/// # Behaviour
/// - Memory: the circom files, three times the largest of them, and a few MiB.
/// - `.` in paths is left out. Only zeros follow the end of a tar, and only its comment follows the end of a zip.
///
/// # Errors
/// - A limit is exceeded; the archive is damaged or has an unknown format.
/// - An entry is a link, a device or encrypted, or its path is absolute, contains `..` or `\`, or occurs twice.
/// - Programs could read different entries from it: headers contradict each other, or entries overlap.
/// - The path of a circom file is not a [`SourcePath`], or differs from another one by case only.
pub fn unpack(archive: &[u8], limits: &ArchiveLimits) -> Result<SourceFiles, ArchiveError> {
    let mut contents = Contents::new(archive.len() as u64, *limits);
    let read = if archive.starts_with(b"PK") {
        zipped::read(archive, &mut contents)
    } else if archive.starts_with(&[0x1f, 0x8b]) {
        tarball::read(flate2::read::MultiGzDecoder::new(archive), &mut contents)
    } else if archive.get(257..262) == Some(b"ustar") {
        tarball::read(archive, &mut contents)
    } else {
        Err(ArchiveError::Format)
    };
    read.map_err(|error| error.at(contents.present.take()))?;
    contents.finish()
}

/// What was unpacked so far, within the limits.
struct Contents {
    limits: ArchiveLimits,
    /// Bytes that may still be unpacked: for the whole, and for the ratio.
    left: (u64, u64),
    entries: usize,
    /// The path of the entry that is read, shortened.
    present: Option<String>,
    /// Paths of all files.
    paths: HashSet<Vec<u8>>,
    /// Paths of the circom files in lower case.
    folded: BTreeSet<String>,
    files: SourceFiles,
    source: u64,
}

impl Contents {
    fn new(packed: u64, limits: ArchiveLimits) -> Self {
        Self {
            limits,
            left: (limits.whole, packed.saturating_mul(MOST_RATIO).max(RATIO_FREE)),
            entries: 0,
            present: None,
            paths: HashSet::new(),
            folded: BTreeSet::new(),
            files: SourceFiles::new(),
            source: 0,
        }
    }

    /// Counts an entry of any kind.
    fn count(&mut self, name: &[u8]) -> Result<(), ArchiveError> {
        self.present = Some(shown(name));
        self.entries += 1;
        let fits = self.entries <= MOST_ENTRIES;
        if fits { Ok(()) } else { Err(too_large("entries", MOST_ENTRIES as u64)) }
    }

    /// Counts bytes of the unpacked archive.
    fn spend(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        let (whole, ratio) = &mut self.left;
        *whole = whole.checked_sub(bytes).ok_or_else(|| too_large("unpacked bytes", self.limits.whole))?;
        *ratio = ratio
            .checked_sub(bytes)
            .ok_or_else(|| too_large("unpacked bytes for each of its own", MOST_RATIO))?;
        Ok(())
    }

    /// Checks the path of a folder, which has no content.
    fn folder(name: &[u8], size: u64) -> Result<(), ArchiveError> {
        if size > 0 {
            return Err(refused(name, "which is a folder with content"));
        }
        plain(name).map(drop)
    }

    /// Checks the path of a file; returns it if it is a circom file.
    fn file(&mut self, name: &[u8]) -> Result<Option<SourcePath>, ArchiveError> {
        let path = plain(name)?;
        if path.is_empty() {
            return Err(refused(name, "which has no name"));
        }
        let source = path.ends_with(CIRCOM).then(|| source_path(&path, name)).transpose()?;
        if !self.paths.insert(path) {
            return Err(refused(name, "which occurs twice"));
        }
        if let Some(path) = &source
            && !self.folded.insert(path.as_str().to_ascii_lowercase())
        {
            return Err(refused(name, "which differs from another path by case only"));
        }
        Ok(source)
    }

    /// Keeps a circom file of `size` bytes.
    fn keep(&mut self, path: SourcePath, content: impl Read, size: u64) -> Result<(), ArchiveError> {
        if size > MOST_FILE {
            return Err(too_large("bytes in a circom file", MOST_FILE));
        }
        self.source = self.source.saturating_add(size);
        if self.source > self.limits.source {
            return Err(too_large("bytes in its circom files", self.limits.source));
        }
        let mut bytes = Vec::new();
        content.take(size + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 != size {
            return Err(refused(path.as_str().as_bytes(), "which has another length than it says"));
        }
        bytes.shrink_to_fit();
        self.files.insert(path, bytes);
        Ok(())
    }

    fn finish(self) -> Result<SourceFiles, ArchiveError> {
        let Self { files, paths, .. } = self;
        for path in files.keys() {
            let path = path.as_str();
            if path.match_indices('/').any(|(end, _)| paths.contains(&path.as_bytes()[..end])) {
                return Err(refused(path.as_bytes(), "which has a file as a folder"));
            }
        }
        if files.is_empty() { Err(ArchiveError::NoSource) } else { Ok(files) }
    }
}

/// The path of an entry without `.`; empty for the root. Refuses a path that could leave the folder on any system.
fn plain(name: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    let inner = name.strip_suffix(b"/").unwrap_or(name);
    let is_drive = inner.get(1) == Some(&b':');
    if inner.len() > MOST_PATH {
        return Err(refused(name, "whose path is too long"));
    }
    if is_drive || inner.iter().any(|byte| matches!(byte, b'\\' | 0)) {
        return Err(refused(name, "whose path has a drive, `\\` or a zero"));
    }
    let mut parts = Vec::new();
    for part in inner.split(|byte| *byte == b'/') {
        match part {
            b"." => {}
            b"" => return Err(refused(name, "whose path is absolute or has an empty part")),
            b".." => return Err(refused(name, "whose path contains `..`")),
            part => parts.push(part),
        }
    }
    if parts.len() > MOST_DEPTH {
        return Err(refused(name, "whose path has too many parts"));
    }
    Ok(parts.join(&b'/'))
}

fn source_path(path: &[u8], name: &[u8]) -> Result<SourcePath, ArchiveError> {
    let text = std::str::from_utf8(path).ok();
    let path = text.and_then(|text| text.parse().ok());
    path.ok_or_else(|| {
        refused(
            name,
            "which ends with .circom and is no path of a source file: rename it, with letters, digits and @ + . _ -",
        )
    })
}

/// A path for an error.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(MOST_SHOWN)]).into_owned()
}

fn refused(name: &[u8], why: &'static str) -> ArchiveError {
    ArchiveError::Entry { path: shown(name), why }
}

fn too_large(what: &'static str, most: u64) -> ArchiveError {
    ArchiveError::TooLarge { what, most, entry: None }
}

fn damaged(what: impl Into<String>) -> ArchiveError {
    ArchiveError::Damaged { what: what.into(), entry: None }
}

fn unreadable(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends early"),
        _ => damaged(error.to_string()),
    }
}
