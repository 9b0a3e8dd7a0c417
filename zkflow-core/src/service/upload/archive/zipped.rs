//! Reads a zip.

use std::io::Cursor;

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;

use super::{ArchiveError, Contents, damaged, unreadable};

mod directory;

/// Reads all entries of the directory. They agree with the headers of the entries, do not overlap, and the directory lacks
/// none of them: every program reads the same files.
pub(super) fn read(archive: &[u8], contents: &mut Contents) -> Result<(), ArchiveError> {
    let mut kept = Vec::new();
    for (at, entry) in directory::entries(archive)?.enumerate() {
        let entry = entry?;
        contents.count(entry.name)?;
        entry.check()?;
        contents.spend(entry.size)?;
        if entry.is_folder() {
            Contents::folder(entry.name, entry.size)?;
        } else if let Some(path) = contents.file(entry.name)? {
            kept.push((at, path, entry.size));
        }
    }
    contents.present = None;
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = ZipArchive::with_config(config, Cursor::new(archive)).map_err(of_zip)?;
    zip.validate_header_consistency().map_err(of_zip)?;
    for (at, path, size) in kept {
        contents.present = Some(path.to_string());
        contents.keep(path, zip.by_index(at).map_err(of_zip)?, size)?;
    }
    Ok(())
}

fn of_zip(error: ZipError) -> ArchiveError {
    match error {
        ZipError::Io(error) => unreadable(error),
        error => damaged(error.to_string()),
    }
}
