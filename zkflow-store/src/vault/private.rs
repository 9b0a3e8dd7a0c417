//! Files of keys, which only their owner may access.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::key::KeyError;

/// Reads a file that belongs to the user of this process and that no other user may access.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    // A new file belongs to the user of this process.
    let own = tempfile::tempfile_in(folder_of(path)).and_then(|new| new.metadata()).map_err(failed)?;
    if found.uid() != own.uid() {
        return Err(KeyError::OtherOwner(path.to_owned()));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions { path: path.to_owned(), mode });
    }
    // At once, since a text that grows leaves copies of its beginning in memory.
    let mut text = Zeroizing::new(String::with_capacity(found.len().clamp(4096, 1 << 20) as usize + 64));
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Locks a file for a change until the result is dropped: of two changes at the same time, one waits for the other.
pub(super) fn lock(path: &Path) -> Result<File, KeyError> {
    locked(path).map_err(|source| KeyError::File { path: path.to_owned(), source })
}

fn locked(path: &Path) -> io::Result<File> {
    loop {
        let file = File::options().read(true).write(true).open(path)?;
        file.lock()?;
        let (held, present) = (file.metadata()?, fs::metadata(path)?);
        if (held.dev(), held.ino()) == (present.dev(), present.ino()) {
            return Ok(file);
        }
        // The other change has replaced the file.
    }
}

/// Writes a file durably and atomically, readable only by its owner. Without `replace`, fails if it exists.
pub(super) fn write(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    let parent = folder_of(path);
    fs::create_dir_all(parent)?;
    // tempfile creates files with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(parent)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match replace {
        true => file.persist(path).map_err(|failed| failed.error)?,
        false => file.persist_noclobber(path).map_err(|failed| failed.error)?,
    };
    File::open(parent)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
