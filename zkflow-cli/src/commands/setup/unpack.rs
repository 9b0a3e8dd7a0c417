//! Unpacks an npm archive (`.tgz`) in memory.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};
use zkflow_core::compile::tools::PinnedPackage;

/// Contents of the installed files, by path in the package.
pub(super) type Files = BTreeMap<&'static str, Vec<u8>>;

/// Maximum size of an archive, packed or unpacked, in bytes.
pub(super) const LIMIT: u64 = 64 * 1024 * 1024;

/// A defect of an archive.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// Not a gzip-compressed tar, incomplete, or larger than [`LIMIT`].
    #[error("not a complete npm archive of at most {limit} MiB: {0}", limit = LIMIT / (1024 * 1024))]
    Malformed(#[from] io::Error),
    /// An entry is a link or a device.
    #[error("{0:?} is neither a file nor a folder")]
    NoFile(String),
    /// A path is outside the package's folder, or occurs twice.
    #[error("path {0:?} is not allowed")]
    Path(String),
}

/// The files of `package` in an archive; other entries are only checked.
///
/// # Errors
/// The archive is malformed or too large, or contains a link, an absolute path, `..`, or a path twice.
pub(super) fn unpack(archive: &[u8], package: &PinnedPackage) -> Result<Files, UnpackError> {
    let mut files = Files::new();
    let mut archive = Archive::new(GzDecoder::new(archive).take(LIMIT));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Directory | EntryType::XGlobalHeader) {
            continue;
        }
        let shown = || String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if kind != EntryType::Regular {
            return Err(UnpackError::NoFile(shown()));
        }
        let path = inner_path(&entry).ok_or_else(|| UnpackError::Path(shown()))?;
        let Some(file) = package.files.iter().find(|file| file.path == path) else { continue };
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if files.insert(file.path, content).is_some() {
            return Err(UnpackError::Path(path));
        }
    }
    Ok(files)
}

/// The path of an entry without its first folder, which npm also removes.
fn inner_path<R: Read>(entry: &Entry<'_, R>) -> Option<String> {
    let path = String::from_utf8(entry.path_bytes().into_owned()).ok()?;
    let plain = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
    let (_, inner) = path.split_once('/')?;
    (plain && !inner.is_empty()).then(|| inner.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use rand::{Rng as _, SeedableRng as _};
    use tar::{Builder, Header};
    use zkflow_core::compile::tools::PinnedFile;
    use zkflow_core::digest::Digest;

    use super::*;

    /// A package with the files `a` (content "A") and `b/c` (content "C").
    pub(crate) fn package() -> PinnedPackage {
        let file = |path, content: &str| PinnedFile { path, digest: Digest::of(content) };
        let files = vec![file("a", "A"), file("b/c", "C")];
        PinnedPackage { name: "one", version: "1.0.0", archive: Digest::of(""), files }
    }

    fn entry(kind: EntryType, path: &str, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        // `set_path` would refuse hostile paths.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        header
    }

    fn packed(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        fill(&mut builder);
        builder.into_inner().unwrap().finish().unwrap()
    }

    /// An archive with these paths and contents.
    pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        packed(|builder| {
            for (path, content) in files {
                let header = entry(EntryType::Regular, path, content.len() as u64);
                builder.append(&header, content.as_bytes()).unwrap();
            }
        })
    }

    #[test]
    fn listed_files_are_unpacked_and_others_are_left_out() {
        let bytes = archive(&[("package/a", "A"), ("package/b/c", "C"), ("package/d", "D")]);
        let files = unpack(&bytes, &package()).unwrap();
        assert_eq!(files, Files::from([("a", b"A".to_vec()), ("b/c", b"C".to_vec())]));
    }

    #[test]
    fn paths_out_of_the_package_are_refused() {
        for path in ["/etc/a", "package/../a", "../package/a", "a", "package/./../../a", "package/"] {
            let error = unpack(&archive(&[(path, "A")]), &package()).unwrap_err();
            assert!(matches!(error, UnpackError::Path(_)), "{path}: {error}");
        }
        let twice = archive(&[("package/a", "A"), ("other/a", "B")]);
        assert!(matches!(unpack(&twice, &package()).unwrap_err(), UnpackError::Path(_)));
    }

    #[test]
    fn links_and_devices_are_refused() {
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo] {
            let bytes = packed(|builder| builder.append(&entry(kind, "package/a", 0), io::empty()).unwrap());
            let error = unpack(&bytes, &package()).unwrap_err();
            assert!(matches!(error, UnpackError::NoFile(_)), "{kind:?}: {error}");
        }
    }

    #[test]
    fn archives_that_grow_beyond_the_limit_are_refused() {
        let size = LIMIT + 1;
        let bytes = packed(|builder| {
            builder.append(&entry(EntryType::Regular, "package/a", size), io::repeat(0).take(size)).unwrap();
        });
        assert!(bytes.len() < 1024 * 1024);
        assert!(matches!(unpack(&bytes, &package()).unwrap_err(), UnpackError::Malformed(_)));
    }

    #[test]
    fn every_mutation_of_an_archive_ends_in_files_or_an_error() {
        let plain = {
            let mut plain = Vec::new();
            let bytes = archive(&[("package/a", "A"), ("package/b/c", "C")]);
            GzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
            plain
        };
        let mut rng = rand::rngs::StdRng::seed_from_u64(11);
        for _ in 0..2000 {
            let mut bytes = plain.clone();
            for _ in 0..rng.gen_range(1..4) {
                let at = rng.gen_range(0..1024);
                bytes[at] = rng.r#gen();
            }
            bytes.truncate(rng.gen_range(0..=plain.len()));
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(&bytes).unwrap();
            let _ = unpack(&packed.finish().unwrap(), &package());
            let _ = unpack(&bytes, &package());
        }
    }
}
