//! [`SecretFile`]: a file that contains a key or a password.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Longest content of such a file, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The content of a file that contains a secret.
///
/// The rules are those of ssh, with exceptions for files that an orchestrator mounts, whose owner and mode a process cannot choose:
///
/// | file | |
/// |---|---|
/// | others may write it | refused |
/// | it belongs to the user of the process, and its group or others may access it | refused |
/// | it belongs to root, and others may read it or its group may write it | read, with an [`Exposure`] |
/// | it belongs to another user | read, with an [`Exposure`] |
/// | it is a pipe or a device, such as `/dev/fd/3` | read |
///
/// Files of a process of root are files of root.
pub struct SecretFile {
    /// The text.
    pub text: Zeroizing<String>,
    /// Other users than root may access the file.
    pub exposure: Option<Exposure>,
}

impl SecretFile {
    /// Reads a file. Blocks briefly.
    ///
    /// # Errors
    /// Other users may access the file and the process may forbid it, or the file cannot be read, is longer than 1 MiB, or is not
    /// text.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        let failed = |fault| SecretFileError::Unreadable { path: path.to_owned(), fault };
        let file = File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        let exposure = exposure_of(&found, path)?;
        // At once, since a text that grows leaves copies of its beginning in memory.
        let size = found.len().clamp(4096, LONGEST + 1);
        let mut text = Zeroizing::new(String::with_capacity(size as usize + 64));
        let length = file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
        if length as u64 > LONGEST {
            return Err(failed(io::Error::other("it is longer than 1 MiB")));
        }
        Ok(Self { text, exposure })
    }

    /// What is wrong with owner and mode of a file that another part reads, and that is used anyway. `None` if it cannot be read.
    pub fn complaint(path: &Path) -> Option<String> {
        // Not opened: a pipe without a writer would not answer.
        match fs::metadata(path).map(|found| exposure_of(&found, path)).ok()? {
            Ok(exposure) => exposure.map(|exposure| exposure.to_string()),
            Err(SecretFileError::Unreadable { .. }) => None,
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Never shows the text.
impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile").field("exposure", &self.exposure).finish_non_exhaustive()
    }
}

/// The file of a secret is accessible to other users than that of the process and root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exposure {
    /// Another user owns the file, and can read and replace it.
    #[error("the file {path} belongs to the user {owner}, who can read and replace it: run chown", path = path.display())]
    OtherOwner {
        /// Path of the file.
        path: PathBuf,
        /// Numeric id of the owner.
        owner: u32,
    },
    /// Others may read the file of root, or its group may write it.
    #[error(
        "the file {path} has mode {mode:03o}: others can read it, or its group can write it; expected 440 or less",
        path = path.display()
    )]
    Permissions {
        /// Path of the file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
}

/// Failure to read the file of a secret. Does not contain the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// Others may write the file, or it belongs to the user of the process, which can forbid the access of others.
    #[error(
        "the file {path} has mode {mode:03o}, expected access by its owner only: run chmod 600",
        path = path.display()
    )]
    Permissions {
        /// Path of the file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
    /// The file cannot be read, is longer than 1 MiB, or is not text.
    #[error("cannot read the file {path}: {fault}", path = path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the file system. It is part of the message, and so no source.
        fault: io::Error,
    },
}

/// Judges a file. What is read is an open file, so that it is the one that was judged.
fn exposure_of(found: &Metadata, path: &Path) -> Result<Option<Exposure>, SecretFileError> {
    if !found.is_file() {
        return Ok(None);
    }
    let user = rustix::process::geteuid().as_raw();
    judge(path, found.uid(), found.permissions().mode() & 0o777, user)
}

const ROOT: u32 = 0;

fn judge(path: &Path, owner: u32, mode: u32, user: u32) -> Result<Option<Exposure>, SecretFileError> {
    let path = || path.to_owned();
    let own = owner == user && user != ROOT;
    if mode & 0o002 != 0 || own && mode & 0o077 != 0 {
        return Err(SecretFileError::Permissions { path: path(), mode });
    }
    Ok(match owner {
        _ if own => None,
        ROOT if mode & 0o024 == 0 => None,
        ROOT => Some(Exposure::Permissions { path: path(), mode }),
        _ => Some(Exposure::OtherOwner { path: path(), owner }),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::io::Write as _;

    use super::*;

    /// What becomes of a file of mode `mode` and `owner` in a process of `user`.
    fn verdict(owner: u32, mode: u32, user: u32) -> &'static str {
        match judge(Path::new("/run/key"), owner, mode, user) {
            Ok(None) => "closed",
            Ok(Some(exposure)) => {
                let text = exposure.to_string();
                assert!(text.contains("/run/key"), "{text}");
                match exposure {
                    Exposure::OtherOwner { .. } => "owner",
                    Exposure::Permissions { .. } => {
                        assert!(text.contains(&format!("mode {mode:03o}")), "{text}");
                        "exposed"
                    }
                }
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("/run/key") && text.contains(&format!("mode {mode:03o}")), "{text}");
                "refused"
            }
        }
    }

    #[test]
    fn a_process_refuses_what_it_can_forbid_and_warns_of_mounts() {
        let modes = [0o600, 0o400, 0o440, 0o640, 0o444, 0o644, 0o660, 0o620, 0o604, 0o602, 0o666, 0o777];
        let verdicts = |owner, user| modes.map(|mode| verdict(owner, mode, user));
        let (open, shut) = ("refused", "closed");
        // The user's own files.
        let own = [shut, shut, open, open, open, open, open, open, open, open, open, open];
        assert_eq!(verdicts(1000, 1000), own);
        // Mounts of Secrets belong to root: mode 0400 with a group of the pod (0440), or the default 0444 or 0644.
        let (seen, other) = ("exposed", "owner");
        let mounted = [shut, shut, shut, shut, seen, seen, seen, seen, seen, open, open, open];
        assert_eq!(verdicts(0, 1000), mounted);
        assert_eq!(verdicts(0, 0), mounted);
        let foreign = [other, other, other, other, other, other, other, other, other, open, open, open];
        assert_eq!(verdicts(1001, 1000), foreign);
        assert_eq!(verdicts(1001, 0), foreign);
    }

    #[test]
    fn owner_and_mode_are_those_of_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"canary-31415\n").unwrap();
        let allow = |mode| fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        for mode in [0o600, 0o400, 0o700] {
            allow(mode);
            let read = SecretFile::read(file.path()).unwrap();
            assert_eq!((read.text.as_str(), &read.exposure), ("canary-31415\n", &None), "{mode:o}");
            assert!(!format!("{read:?}").contains("canary"));
        }
        for mode in [0o602, 0o666, 0o777] {
            allow(mode);
            let error = SecretFile::read(file.path()).unwrap_err();
            assert!(
                matches!(error, SecretFileError::Permissions { mode: found, .. } if found == mode),
                "{error}"
            );
            assert_eq!(SecretFile::complaint(file.path()), Some(error.to_string()));
        }
        // Read by others: refused, unless the file belongs to root.
        allow(0o644);
        assert!(SecretFile::complaint(file.path()).unwrap().contains("mode 644"));
        let root = rustix::process::geteuid().is_root();
        match SecretFile::read(file.path()) {
            Ok(read) => {
                assert!(root && matches!(read.exposure, Some(Exposure::Permissions { mode: 0o644, .. })))
            }
            Err(error) => assert!(!root && error.to_string().contains("mode 644"), "{error}"),
        }
    }

    #[test]
    fn what_is_no_text_of_a_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(matches!(SecretFile::read(&path), Err(SecretFileError::Unreadable { .. })));
        assert_eq!(SecretFile::complaint(&path), None);
        for bytes in [vec![0xff; 40], vec![b'a'; LONGEST as usize + 1]] {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let error = SecretFile::read(&path).unwrap_err().to_string();
            assert!(error.contains(&*path.to_string_lossy()) && error.len() < 300, "{error}");
        }
    }
}
