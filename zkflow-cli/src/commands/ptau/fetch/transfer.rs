//! An unfinished download: its bytes, and the version of the file that they come from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::super::super::files::read_found;
use super::super::super::output::write;

/// The file `OUT.part`, and `OUT.part.version` with a URL and an entity tag.
pub(super) struct Partial<'a> {
    file: &'a mut File,
    path: PathBuf,
    version: PathBuf,
}

impl<'a> Partial<'a> {
    pub(super) fn new(file: &'a mut File, out: &Path) -> Self {
        Self { file, path: beside(out, ".part"), version: version_path(out) }
    }

    pub(super) fn file(&mut self) -> &mut File {
        self.file
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Appends bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(bytes)
    }

    /// Removes all bytes.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        remove(&self.version);
        Ok(())
    }

    /// Removes the file if it is empty.
    pub(super) fn abandon(self) {
        if matches!(self.length(), Ok(0)) {
            remove(&self.path);
        }
    }

    /// The entity tag of the file at `url` that the bytes come from.
    pub(super) fn tag(&self, url: &str) -> Option<String> {
        let text = String::from_utf8(read_found(&self.version, LONGEST).ok()?).ok()?;
        let (from, tag) = text.split_once('\n')?;
        (from == url).then(|| tag.to_owned())
    }

    /// Records where the bytes come from. Without a record, the hash of the whole file finds a mixture.
    pub(super) fn record(&self, url: &str, tag: Option<&str>) {
        match tag {
            Some(tag) => drop(write(&self.version, format!("{url}\n{tag}").as_bytes())),
            None => remove(&self.version),
        }
    }
}

/// Removes the record of a finished download.
pub(super) fn forget(out: &Path) {
    remove(&version_path(out));
}

fn version_path(out: &Path) -> PathBuf {
    beside(out, ".part.version")
}

fn beside(out: &Path, extension: &str) -> PathBuf {
    let mut path: OsString = out.as_os_str().to_owned();
    path.push(extension);
    path.into()
}

/// Removes a file. One that stays is overwritten by the next download.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Size limit of a record in bytes.
const LONGEST: u64 = 8 << 10;
