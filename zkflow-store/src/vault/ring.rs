//! [`KeyRing`]: the current key of a vault and earlier ones, read from a text or a file.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;
use zkflow_core::service::id::SealKeyId;

use super::key::{KeyError, LENGTH, VaultKey};
use super::keys::Keys;
use super::private;

/// The keys of a [`Vault`](super::Vault): the first one seals, all of them open. Has neither `Debug` nor `Serialize`.
pub struct KeyRing(Vec<VaultKey>);

/// Most keys of a ring.
pub(super) const MOST: usize = 8;

impl KeyRing {
    /// Parses keys that are separated by commas or white space, as in `ZKFLOW_SECRET_KEY` and in `secret.key`; see
    /// [`VaultKey::parse`].
    ///
    /// # Errors
    /// There is no key, or more than 8; a key is malformed or weak. The error does not contain the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<VaultKey> = Vec::new();
        let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        for part in parts {
            if keys.len() == MOST {
                return Err(KeyError::TooMany(MOST));
            }
            keys.push(VaultKey::parse(part)?);
        }
        if keys.is_empty() { Err(KeyError::Malformed) } else { Ok(Self(keys)) }
    }

    /// Reads the key file at `path`, or creates it with a new key, readable only by its owner. Processes that create it at
    /// the same time all get the same key. Blocks briefly.
    ///
    /// # Errors
    /// The file belongs to another user or can be read by others, does not contain keys, or cannot be read or created.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        match Self::from(VaultKey::generate()).write(path, false) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                Err(KeyError::File { path: path.to_owned(), source: e })
            }
            _ => Self::load(path),
        }
    }

    /// Reads the key file at `path`.
    ///
    /// # Errors
    /// See [`load_or_create`](Self::load_or_create).
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::parse(&private::read(path)?)
    }

    /// Puts a new key before the others.
    ///
    /// # Errors
    /// [`KeyError::TooMany`].
    pub fn renew(&mut self) -> Result<(), KeyError> {
        if self.0.len() == MOST {
            return Err(KeyError::TooMany(MOST));
        }
        self.0.insert(0, VaultKey::generate());
        Ok(())
    }

    /// Removes the keys with these ids, but never the first one. Returns the ids of the removed keys.
    pub fn forget(&mut self, ids: &[SealKeyId]) -> Vec<SealKeyId> {
        let mut own = self.ids().into_iter().enumerate();
        let forgotten = |(place, id): &(usize, SealKeyId)| *place > 0 && ids.contains(id);
        let mut removed = Vec::new();
        self.0.retain(|_| match own.next().filter(forgotten) {
            Some((_, id)) => {
                removed.push(id);
                false
            }
            None => true,
        });
        removed
    }

    /// Ids of the keys, the current one first.
    pub fn ids(&self) -> Vec<SealKeyId> {
        self.0.iter().map(|key| Keys::of(key).name()).collect()
    }

    /// Changes the key file at `path`, durably and atomically. Of several changes at the same time, in any process, one follows the
    /// other. Blocks briefly. Returns the changed ring.
    ///
    /// # Errors
    /// The file cannot be read or written; the error of `change`. The file is then unchanged.
    pub fn change<E: From<KeyError>>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<Self, E> {
        let _lock = private::lock(path)?;
        let mut ring = Self::load(path)?;
        change(&mut ring)?;
        ring.write(path, true).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        Ok(ring)
    }

    /// Writes the keys durably and atomically, one a line. Without `replace`, fails if the file exists.
    fn write(&self, path: &Path, replace: bool) -> io::Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * (2 * LENGTH + 1)));
        for key in &self.0 {
            text.push_str(&key.to_text());
            text.push('\n');
        }
        private::write(path, &text, replace)
    }

    /// The current key first.
    pub(super) fn keys(&self) -> &[VaultKey] {
        &self.0
    }
}

impl From<VaultKey> for KeyRing {
    fn from(key: VaultKey) -> Self {
        Self(vec![key])
    }
}
