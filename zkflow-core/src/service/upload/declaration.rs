//! The check of declared files, before any of their bytes.

use std::collections::BTreeSet;

use super::UploadFile;
use crate::service::catalog::{FileRole, Named as _};

/// Largest number of files of an upload.
const MOST_FILES: usize = 1024;
/// Largest verification key, and largest transcript.
const MOST_TEXT: u64 = 4 << 20;
/// Faults that a refusal contains at most.
const MOST_FAULTS: usize = 16;

/// Limits of declared files in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclarationLimits {
    /// Files of the source, together; or an archive of them.
    pub source: u64,
    /// Constraints, witness calculator and names, together.
    pub parts: u64,
    /// All files, together.
    pub whole: u64,
}

/// Why declared files are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclarationRefusal {
    /// Fields are not valid.
    Faults(Vec<DeclarationFault>),
    /// Files exceed a limit.
    TooLarge {
        /// Which files.
        what: &'static str,
        /// Their declared length in bytes.
        bytes: u64,
        /// The limit in bytes.
        most: u64,
    },
}

/// A field that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationFault {
    /// Path of the field, such as `files[2].size`.
    pub path: String,
    /// The problem.
    pub message: String,
}

/// Checks declared files: sizes, roles, and that the paths of a source are those of one folder.
///
/// # Errors
/// The faults, at most 16 of them; or the first limit that is exceeded.
pub fn check_declaration(files: &[UploadFile], limits: &DeclarationLimits) -> Result<(), DeclarationRefusal> {
    let mut faults = Vec::new();
    let mut fault = |at: usize, field: &str, message: &str| {
        faults.push(DeclarationFault { path: format!("files[{at}].{field}"), message: message.to_owned() });
    };
    if files.is_empty() || files.len() > MOST_FILES {
        let message = format!("expected 1 to {MOST_FILES} files");
        return Err(DeclarationRefusal::Faults(vec![DeclarationFault { path: "files".to_owned(), message }]));
    }
    let has_files = files.iter().any(|file| file.role == FileRole::Source);
    let (mut paths, mut roles) = (BTreeSet::new(), BTreeSet::new());
    for (at, file) in files.iter().enumerate() {
        if file.size == 0 {
            fault(at, "size", "at least 1 byte");
        }
        match (file.role, &file.path) {
            (FileRole::Source, None) => fault(at, "path", "missing: the path of the file in the source"),
            (FileRole::Source, Some(path)) if !paths.insert(path.as_str()) => {
                fault(at, "path", "another file has the same path");
            }
            (FileRole::Source, Some(_)) => {}
            (_, Some(_)) => fault(at, "path", "only files of the source have a path"),
            (FileRole::SourceArchive, None) if has_files => {
                fault(at, "role", "the source is given as files too: give only one of them");
            }
            (role, None) if !roles.insert(role) => {
                fault(at, "role", &format!("another file is the {}", role.as_str()));
            }
            _ => {}
        }
    }
    for (at, file) in files.iter().enumerate() {
        let path = file.path.as_ref().map_or("", |path| path.as_str());
        if path.match_indices('/').any(|(end, _)| paths.contains(&path[..end])) {
            fault(at, "path", "a folder of the path is another file");
        }
    }
    if !faults.is_empty() {
        faults.truncate(MOST_FAULTS);
        return Err(DeclarationRefusal::Faults(faults));
    }
    let sum = |roles: &[FileRole]| {
        let files = files.iter().filter(|file| roles.contains(&file.role));
        files.fold(0u64, |sum, file| sum.saturating_add(file.size))
    };
    for (what, bytes, most) in [
        ("the source", sum(&[FileRole::Source, FileRole::SourceArchive]), limits.source),
        ("the verification key", sum(&[FileRole::VerificationKey]), MOST_TEXT),
        ("the transcript", sum(&[FileRole::Transcript]), MOST_TEXT),
        ("r1cs, wasm and sym", sum(&[FileRole::R1cs, FileRole::Wasm, FileRole::Sym]), limits.parts),
        ("the upload", sum(FileRole::ALL), limits.whole),
    ] {
        if bytes > most {
            return Err(DeclarationRefusal::TooLarge { what, bytes, most });
        }
    }
    Ok(())
}
