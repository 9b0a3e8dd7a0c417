//! [`Upload`]: files that a client sends in parts, until a circuit is imported from them.

use serde::{Deserialize, Serialize};

pub mod archive;
mod declaration;

pub use declaration::{DeclarationFault, DeclarationLimits, DeclarationRefusal, check_declaration};

use super::catalog::{FileRole, Given, GivenPowers};
use super::clock::Timestamp;
use super::id::UploadId;
use super::store::{ArtifactKey, ArtifactPath};
use super::tenant::TenantId;
use zkflow_circom::compile::Simplification;
use zkflow_groth16::digest::{Digest, Hasher};
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::name;

name!(
    /// Path of a source file: segments of letters, digits and `@ + . _ -`, joined by `/`; at most 255 characters and 16
    /// segments, none of which is `.` or `..`. It ends with `.circom`.
    SourcePath,
    "path of a source file",
    "at most 16 segments of letters, digits and '@', '+', '.', '_', '-' joined by '/', none of them '.' or '..', \
     ending with .circom",
    |text| {
        let segment = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'@' | b'+' | b'.' | b'_' | b'-')
                })
        };
        text.len() <= 255
            && text.ends_with(".circom")
            && text.split('/').count() <= 16
            && text.split('/').all(segment)
    }
);

/// Files of one import. All sizes and digests are declared first, so that every part has one place: parts can neither
/// overlap nor leave gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Unique id.
    pub id: UploadId,
    /// Owner.
    pub tenant: TenantId,
    /// The declared files.
    pub files: Vec<UploadFile>,
    /// When the upload is removed, unless an import needs it.
    pub expires_at: Timestamp,
    /// The circuit that is imported from the files; `None` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<CircuitId>,
    /// Whether it has ended, and is kept because signed URLs may still add parts to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// A declared file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadFile {
    /// Its purpose.
    pub role: FileRole,
    /// Path in the source; `None` for other files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<SourcePath>,
    /// Length in bytes, at least 1.
    pub size: u64,
    /// SHA-256 of the whole file.
    pub sha256: Digest,
}

/// Length of every part but the last one of a file: 8 MiB.
pub const PART_BYTES: u64 = 8 << 20;

impl UploadFile {
    /// Number of parts.
    pub fn parts(&self) -> u32 {
        u32::try_from(self.size.div_ceil(PART_BYTES)).unwrap_or(u32::MAX)
    }

    /// Length of a part; `None` if the file has fewer parts.
    pub fn part_bytes(&self, part: u32) -> Option<u64> {
        let start = u64::from(part).checked_mul(PART_BYTES)?;
        self.size.checked_sub(start).filter(|rest| *rest > 0).map(|rest| rest.min(PART_BYTES))
    }
}

impl Upload {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |total, file| total.saturating_add(file.size))
    }

    /// Where the session is stored.
    pub fn key(&self) -> ArtifactKey {
        ArtifactPath::Upload { tenant: self.tenant.clone(), upload: self.id.clone() }.key()
    }

    /// Where a part of a file is stored.
    pub fn part_key(&self, file: u32, part: u32) -> ArtifactKey {
        ArtifactPath::UploadPart { upload: self.id.clone(), file, part }.key()
    }

    /// Whether there is a source: its files, or an archive of them.
    pub fn has_source(&self) -> bool {
        self.has(FileRole::Source) || self.has(FileRole::SourceArchive)
    }

    /// Whether there is a file with this role.
    pub fn has(&self, role: FileRole) -> bool {
        self.files.iter().any(|file| file.role == role)
    }

    /// What is given for an import. `compiler` is the version of the compiler of a source.
    pub fn given(
        &self,
        main: Option<String>,
        compiler: Option<String>,
        simplification: Simplification,
        powers: GivenPowers,
    ) -> Given {
        let others = self.files.iter().filter(|file| file.role != FileRole::Source);
        let mut files: std::collections::BTreeMap<_, _> =
            others.map(|file| (file.role, file.sha256)).collect();
        let mut sources: Vec<_> = self.files.iter().filter(|file| file.role == FileRole::Source).collect();
        sources.sort_by_key(|file| &file.path);
        if !sources.is_empty() {
            let mut hasher = Hasher::default();
            for file in sources {
                hasher.field(file.path.as_ref().map_or("", SourcePath::as_str));
                hasher.field(file.sha256.as_bytes());
            }
            files.insert(FileRole::Source, hasher.finish());
        }
        Given { files, main, compiler, simplification, powers }
    }
}

impl Given {
    /// Identity of the circuit: SHA-256 of the canonical JSON (RFC 8785) of everything that was given. Another file,
    /// also another powers of tau, gives another circuit.
    pub fn hash(&self) -> Digest {
        // Expect safety: the value contains only strings and numbers.
        let canonical = serde_json_canonicalizer::to_vec(&("zkflow import", self))
            .expect("plain JSON has a canonical form");
        Digest::of(canonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(files: Vec<UploadFile>) -> Upload {
        let now = Timestamp::from_millis(1);
        let (id, tenant) = (UploadId::generate(now), TenantId::default());
        Upload { id, tenant, files, expires_at: now, circuit: None, closed: false }
    }

    fn source(path: &str, content: &str) -> UploadFile {
        let (path, sha256) = (Some(path.parse().unwrap()), Digest::of(content));
        UploadFile { role: FileRole::Source, path, size: 1, sha256 }
    }

    #[test]
    fn paths_that_leave_the_source_do_not_exist() {
        for text in ["a.circom", "lib/a-b_c.circom", "node_modules/@x/y+z/..a.circom"] {
            assert!(text.parse::<SourcePath>().is_ok(), "{text}");
        }
        let long = format!("{}a.circom", "a/".repeat(200));
        let deep = format!("{}a.circom", "a/".repeat(16));
        for text in [
            "",
            ".circom/",
            "a",
            "../a.circom",
            "a/../b.circom",
            "./a.circom",
            "/a.circom",
            "a//b.circom",
            "a\\b.circom",
            "a b.circom",
            "a\0.circom",
            "ä.circom",
            "a.circom/..",
            "C:/a.circom",
            &long,
            &deep,
        ] {
            assert!(text.parse::<SourcePath>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_file_are_its_bytes() {
        let file = |size| UploadFile { role: FileRole::R1cs, path: None, size, sha256: Digest::of("") };
        for size in [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES] {
            let file = file(size);
            let lengths: Vec<u64> = (0..file.parts()).map(|part| file.part_bytes(part).unwrap()).collect();
            assert_eq!(lengths.iter().sum::<u64>(), size);
            assert_eq!(file.part_bytes(file.parts()), None, "{size}");
        }
        assert_eq!(file(u64::MAX).part_bytes(u32::MAX), Some(PART_BYTES));
    }

    #[test]
    fn the_identity_depends_on_everything_that_is_given_and_on_nothing_else() {
        let given = |files: Vec<UploadFile>, main: &str| {
            let upload = upload(files);
            upload.given(Some(main.to_owned()), None, Simplification::Signals, GivenPowers::None).hash()
        };
        let (a, b) = (source("a.circom", "a"), source("b.circom", "b"));
        let both = given(vec![a.clone(), b.clone()], "a.circom");
        assert_eq!(given(vec![b.clone(), a.clone()], "a.circom"), both, "the order of the files");
        let swapped = [source("a.circom", "b"), source("b.circom", "a")];
        for other in [
            given(vec![a.clone(), b.clone()], "b.circom"),
            given(vec![a.clone()], "a.circom"),
            given(swapped.to_vec(), "a.circom"),
            given(vec![a, UploadFile { role: FileRole::R1cs, path: None, ..b }], "a.circom"),
        ] {
            assert_ne!(other, both);
        }
    }
}
