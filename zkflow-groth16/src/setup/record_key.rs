//! The secret key of an installation for the codes of what it checked.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use hmac::{Hmac, Mac};
use rand::RngCore as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::own_folder;
use crate::rng::os_rng;

/// Secret key of an installation for the codes of its records and of its [`CheckedPowers`](super::CheckedPowers), and the
/// keys before it. Zeroised on drop.
#[derive(Clone)]
pub struct RecordKey {
    current: Zeroizing<[u8; 32]>,
    older: Vec<Zeroizing<[u8; 32]>>,
}

/// HMAC-SHA256 of a text.
type Code = Hmac<Sha256>;

impl RecordKey {
    /// A key of 32 secret random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { current: Zeroizing::new(bytes), older: Vec::new() }
    }

    /// Also accepts the codes of an earlier key. New codes are made with the present one.
    #[must_use]
    pub fn with_older(mut self, bytes: [u8; 32]) -> Self {
        self.older.push(Zeroizing::new(bytes));
        self
    }

    /// Reads the key from a file of 64 hexadecimal digits, or makes the file, readable only by its owner. Several
    /// processes may do so at once.
    ///
    /// # Errors
    /// The file or its folder belongs to another user, other users can read or write the file, its content is no key, or
    /// it cannot be read or made.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            own_folder::open(folder)?;
        }
        if !path.exists() {
            create(path)?;
        }
        if fs::metadata(path)?.mode() & 0o077 != 0 {
            return Err(io::Error::other("other users can read the file: set mode 0600"));
        }
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim_end(), &mut *bytes)
            .map_err(|_| io::Error::other("the file does not contain 64 hexadecimal digits"))?;
        Ok(Self { current: bytes, older: Vec::new() })
    }

    /// Code of `text` under the present key. Codes of one subject are of no use for another.
    pub(super) fn code(&self, subject: &str, text: &[u8]) -> Vec<u8> {
        code(&self.current, subject, text).finalize().into_bytes().to_vec()
    }

    /// Whether `mac` is the code of `text` under the present key.
    pub(super) fn is_current(&self, subject: &str, text: &[u8], mac: &[u8]) -> bool {
        code(&self.current, subject, text).verify_slice(mac).is_ok()
    }

    /// Whether `mac` is the code of `text` under the present key or an earlier one.
    pub(super) fn verifies(&self, subject: &str, text: &[u8], mac: &[u8]) -> bool {
        let mut keys = [&self.current].into_iter().chain(&self.older);
        keys.any(|key| code(key, subject, text).verify_slice(mac).is_ok())
    }
}

fn code(key: &[u8; 32], subject: &str, text: &[u8]) -> Code {
    // Expect safety: HMAC takes keys of any length.
    let mut mac = Code::new_from_slice(key).expect("any length is valid");
    mac.update(subject.as_bytes());
    mac.update(b"\n");
    mac.update(text);
    mac
}

/// Makes the file; the first of several processes wins.
fn create(path: &Path) -> io::Result<()> {
    let mut bytes = Zeroizing::new([0; 32]);
    os_rng().fill_bytes(&mut *bytes);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{}", *Zeroizing::new(hex::encode(*bytes)))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/record.key");
        let first = RecordKey::load_or_create(&path).unwrap();
        assert_eq!(*RecordKey::load_or_create(&path).unwrap().current, *first.current);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(RecordKey::load_or_create(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        assert!(RecordKey::load_or_create(&path).is_err());
    }

    #[test]
    fn codes_of_an_earlier_key_are_accepted_and_not_made() {
        let (old, other) = (RecordKey::new([1; 32]), RecordKey::new([3; 32]));
        let ring = RecordKey::new([2; 32]).with_older([1; 32]);
        let mac = old.code("a", b"x");
        assert!(ring.verifies("a", b"x", &mac) && !ring.is_current("a", b"x", &mac));
        assert!(!ring.verifies("b", b"x", &mac) && !ring.verifies("a", b"y", &mac));
        let mac = ring.code("a", b"x");
        assert!(ring.is_current("a", b"x", &mac) && !old.verifies("a", b"x", &mac));
        assert!(!ring.verifies("a", b"x", &other.code("a", b"x")));
    }
}
