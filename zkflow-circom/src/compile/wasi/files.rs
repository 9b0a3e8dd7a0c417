//! The virtual folder: read-only sources and, below [`OUTPUT`], the guest's own files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::errno::{Errno, Outcome};
use crate::compile::source::normalise;

/// The guest's writable folder. It contains no sources, because an include with a backslash is refused.
pub(in crate::compile) const OUTPUT: &str = "\\output";
/// Descriptor of the virtual folder.
const PREOPENED: u32 = 3;
/// Maximum number of open descriptors.
const MAX_DESCRIPTORS: usize = 256;
/// Maximum number of files and folders that the guest creates.
const MAX_ENTRIES: usize = 1024;

const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;
const APPEND: u32 = 1;
const RIGHT_TO_WRITE: u64 = 1 << 6;

/// An open descriptor.
#[derive(Debug, Clone)]
pub(super) enum Descriptor {
    Stdin,
    Stdout,
    Stderr,
    Folder(String),
    File { path: String, position: u64, writable: bool, append: bool },
}

/// The type of the entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Characters,
    Folder,
    File,
}

impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Characters => 2,
            Self::Folder => 3,
            Self::File => 4,
        }
    }
}

/// All files visible to the guest. Paths are normalised: no `.`, no `..`, no `/` at either end.
pub(super) struct Files {
    sources: Arc<BTreeMap<String, Vec<u8>>>,
    source_folders: BTreeSet<String>,
    output: BTreeMap<String, Vec<u8>>,
    output_folders: BTreeSet<String>,
    output_room: usize,
    output_exceeded: bool,
    descriptors: Vec<Option<Descriptor>>,
}

impl Files {
    pub(super) fn new(sources: Arc<BTreeMap<String, Vec<u8>>>, output_bytes: usize) -> Self {
        let mut source_folders = BTreeSet::from([String::new()]);
        for path in sources.keys() {
            source_folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
        let open =
            [Descriptor::Stdin, Descriptor::Stdout, Descriptor::Stderr, Descriptor::Folder(String::new())];
        Self {
            sources,
            source_folders,
            output: BTreeMap::new(),
            output_folders: BTreeSet::from([OUTPUT.to_owned()]),
            output_room: output_bytes,
            output_exceeded: false,
            descriptors: open.into_iter().map(Some).collect(),
        }
    }

    /// The written files by path below [`OUTPUT`], and whether the output limit was exceeded.
    pub(super) fn into_output(self) -> (BTreeMap<String, Vec<u8>>, bool) {
        let below = |(path, content): (String, Vec<u8>)| (path[OUTPUT.len() + 1..].to_owned(), content);
        (self.output.into_iter().map(below).collect(), self.output_exceeded)
    }

    pub(super) fn descriptor(&self, fd: u32) -> Outcome<&Descriptor> {
        self.descriptors.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BADF)
    }

    /// The virtual path of `path` relative to the folder `fd`.
    pub(super) fn path(&self, fd: u32, path: &str) -> Outcome<String> {
        let Descriptor::Folder(folder) = self.descriptor(fd)? else { return Err(Errno::NOTDIR) };
        if path.starts_with('/') {
            return Err(Errno::NOTCAPABLE);
        }
        normalise(folder, path).ok_or(Errno::NOTCAPABLE)
    }

    pub(super) fn stat(&self, path: &str) -> Outcome<(Kind, u64)> {
        if self.source_folders.contains(path) || self.output_folders.contains(path) {
            return Ok((Kind::Folder, 0));
        }
        self.content(path).map(|content| (Kind::File, content.len() as u64))
    }

    pub(super) fn open(&mut self, path: String, open: u32, rights: u64, flags: u32) -> Outcome<u32> {
        let writes = open & (CREATE | TRUNCATE) != 0 || flags & APPEND != 0;
        match self.stat(&path) {
            Ok((Kind::Folder, _)) if writes => return Err(Errno::ISDIR),
            Ok((Kind::Folder, _)) => return self.add(Descriptor::Folder(path)),
            Ok(_) if open & DIRECTORY != 0 => return Err(Errno::NOTDIR),
            Ok(_) if open & EXCLUSIVE != 0 => return Err(Errno::EXIST),
            Ok(_) if writes => self.check_writable(&path)?,
            Ok(_) => {}
            Err(_) if open & CREATE != 0 => {
                self.check_new(&path)?;
                self.output.insert(path.clone(), Vec::new());
            }
            Err(error) => return Err(error),
        }
        if open & TRUNCATE != 0
            && let Some(content) = self.output.get_mut(&path)
        {
            self.output_room += content.len();
            content.clear();
        }
        let writable = rights & RIGHT_TO_WRITE != 0 && self.output.contains_key(&path);
        self.add(Descriptor::File { path, position: 0, writable, append: flags & APPEND != 0 })
    }

    pub(super) fn close(&mut self, fd: u32) -> Outcome {
        self.descriptor(fd)?;
        self.descriptors[fd as usize] = None;
        Ok(())
    }

    /// Fills `buffer` from the current position; returns the number of bytes read.
    pub(super) fn read(&mut self, fd: u32, buffer: &mut [u8]) -> Outcome<u32> {
        let (path, position) = match self.descriptor(fd)? {
            Descriptor::File { path, position, .. } => (path, *position),
            Descriptor::Stdin => return Ok(0),
            Descriptor::Folder(_) => return Err(Errno::ISDIR),
            Descriptor::Stdout | Descriptor::Stderr => return Err(Errno::BADF),
        };
        let content = self.content(path)?;
        let rest = usize::try_from(position).ok().and_then(|at| content.get(at..)).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.advance(fd, position + len as u64);
        Ok(len as u32)
    }

    /// Writes all of `bytes`, or nothing if it fails.
    pub(super) fn write(&mut self, fd: u32, bytes: &[u8]) -> Outcome {
        let Descriptor::File { path, position, writable: true, append } = self.descriptor(fd)?.clone() else {
            return Err(Errno::BADF);
        };
        let content = self.output.get_mut(&path).ok_or(Errno::NOENT)?;
        let start =
            if append { content.len() } else { usize::try_from(position).map_err(|_| Errno::INVAL)? };
        let end = start.checked_add(bytes.len()).ok_or(Errno::INVAL)?;
        let growth = end.saturating_sub(content.len());
        if growth > self.output_room {
            self.output_exceeded = true;
            return Err(Errno::NOSPC);
        }
        self.output_room -= growth;
        content.resize(content.len() + growth, 0);
        content[start..end].copy_from_slice(bytes);
        self.advance(fd, end as u64);
        Ok(())
    }

    pub(super) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Outcome<u64> {
        let Descriptor::File { path, position, .. } = self.descriptor(fd)? else {
            return Err(Errno::BADF);
        };
        let base = match whence {
            0 => 0,
            1 => *position,
            2 => self.content(path)?.len() as u64,
            _ => return Err(Errno::INVAL),
        };
        let position = base.checked_add_signed(offset).ok_or(Errno::INVAL)?;
        self.advance(fd, position);
        Ok(position)
    }

    /// The entries of a folder after `cookie` as WASI `dirent`s; stops after about `wanted` bytes.
    pub(super) fn list(&self, fd: u32, cookie: u64, wanted: usize) -> Outcome<Vec<u8>> {
        let Descriptor::Folder(folder) = self.descriptor(fd)? else { return Err(Errno::NOTDIR) };
        let mut listing = Vec::new();
        for (index, (name, kind)) in (1u64..).zip(self.entries(folder)) {
            if index <= cookie {
                continue;
            }
            listing.extend(index.to_le_bytes());
            listing.extend(0u64.to_le_bytes());
            listing.extend((name.len() as u32).to_le_bytes());
            listing.extend([kind.code(), 0, 0, 0]);
            listing.extend(name.as_bytes());
            if listing.len() >= wanted {
                break;
            }
        }
        Ok(listing)
    }

    pub(super) fn create_folder(&mut self, path: String) -> Outcome {
        if self.stat(&path).is_ok() {
            return Err(Errno::EXIST);
        }
        self.check_new(&path)?;
        self.output_folders.insert(path);
        Ok(())
    }

    pub(super) fn remove_folder(&mut self, path: String) -> Outcome {
        if self.stat(&path)?.0 != Kind::Folder {
            return Err(Errno::NOTDIR);
        }
        self.check_writable(&path)?;
        if !self.entries(&path).is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        self.output_folders.remove(&path);
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: String) -> Outcome {
        if self.stat(&path)?.0 == Kind::Folder {
            return Err(Errno::ISDIR);
        }
        self.check_writable(&path)?;
        self.output_room += self.output.remove(&path).map_or(0, |content| content.len());
        Ok(())
    }

    fn content(&self, path: &str) -> Outcome<&[u8]> {
        let found = self.output.get(path).or_else(|| self.sources.get(path));
        found.map(Vec::as_slice).ok_or(Errno::NOENT)
    }

    fn entries(&self, folder: &str) -> BTreeMap<&str, Kind> {
        let files = self.sources.keys().chain(self.output.keys()).map(|path| (path, Kind::File));
        let folders = self.source_folders.iter().chain(&self.output_folders).map(|path| (path, Kind::Folder));
        files
            .chain(folders)
            .filter_map(|(path, kind)| {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                (parent == folder && !name.is_empty()).then_some((name, kind))
            })
            .collect()
    }

    fn add(&mut self, descriptor: Descriptor) -> Outcome<u32> {
        let free = self.descriptors.iter().position(Option::is_none).unwrap_or(self.descriptors.len());
        if free >= MAX_DESCRIPTORS {
            return Err(Errno::MFILE);
        }
        if free == self.descriptors.len() {
            self.descriptors.push(None);
        }
        self.descriptors[free] = Some(descriptor);
        Ok(free as u32)
    }

    fn advance(&mut self, fd: u32, to: u64) {
        if let Some(Some(Descriptor::File { position, .. })) = self.descriptors.get_mut(fd as usize) {
            *position = to;
        }
    }

    fn check_writable(&self, path: &str) -> Outcome {
        let below = path.strip_prefix(OUTPUT).is_some_and(|rest| rest.starts_with('/'));
        if below { Ok(()) } else { Err(Errno::ROFS) }
    }

    fn check_new(&self, path: &str) -> Outcome {
        self.check_writable(path)?;
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !self.output_folders.contains(parent) {
            return Err(Errno::NOENT);
        }
        let entries = self.output.len() + self.output_folders.len();
        if entries >= MAX_ENTRIES { Err(Errno::NOSPC) } else { Ok(()) }
    }
}

/// Fails unless `fd` is the descriptor of the virtual folder.
pub(super) fn check_preopened(fd: u32) -> Outcome {
    if fd == PREOPENED { Ok(()) } else { Err(Errno::BADF) }
}
