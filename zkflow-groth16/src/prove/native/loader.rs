//! Loads keys: with a folder, prepared keys are looked for there first and new ones are stored.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::NativeProver;
use super::file::{Folder, identity};
use super::key::NativeKey;
use crate::digest::Digest;
use crate::format::MappedFile;
use crate::format::zkey::ZKey;
use crate::prove::consistency::check;
use crate::prove::load::map;
use crate::prove::{FileProof, KeyLoader, PreparedKey, ProveError};
use crate::rng::{SecureRng, os_rng};
use crate::witness::Witness;

impl KeyLoader for NativeProver {
    fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let read = || self.read_checked(zkey, &|_| ());
        let Some(folder) = &self.folder else { return Ok(Arc::new(read()?)) };
        let digest = Digest::of(zkey);
        match self.recall(&digest) {
            Some(key) => Ok(key),
            None => self.stored_now(folder, &digest, read()?),
        }
    }

    fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let read = |zkey: &MappedFile| self.read_checked(zkey, &|range| zkey.release(range));
        let Some(folder) = &self.folder else { return Ok(Arc::new(read(&map(path)?)?)) };
        // With the prepared key at hand, hashing a large key would take longer than everything else.
        if let Some(key) = folder.digests().recall(path).and_then(|digest| self.recall(&digest)) {
            return Ok(key);
        }
        let zkey = map(path)?;
        let digest = folder.digests().of(path, &zkey);
        if let Some(key) = self.recall(&digest) {
            return Ok(key);
        }
        let key = read(&zkey)?;
        drop(zkey);
        self.stored_now(folder, &digest, key)
    }

    fn prove_file(
        &self,
        path: &Path,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<FileProof, ProveError> {
        self.prove_once(path, witness, rng)
    }

    fn recall(&self, zkey: &Digest) -> Option<Arc<dyn PreparedKey>> {
        Some(Arc::new(self.stored(zkey)?))
    }
}

impl NativeProver {
    /// Reads, checks and prepares a key. `done` gets the place of each large section after it is read.
    fn read_checked(
        &self,
        zkey: &[u8],
        done: &(dyn Fn(Range<usize>) + Sync),
    ) -> Result<NativeKey, ProveError> {
        self.engine.pools.wide(|| {
            let key = self.read(zkey, done)?;
            key.blinding().check(&mut os_rng())?;
            Ok(key)
        })
    }

    /// Reads and prepares a key, except for the check of its blinding.
    pub(super) fn read(
        &self,
        zkey: &[u8],
        done: &(dyn Fn(Range<usize>) + Sync),
    ) -> Result<NativeKey, ProveError> {
        match self.key_memory {
            0 => NativeKey::read(zkey, done, self.engine.clone()),
            // Multiples are computed from decoded points.
            _ => {
                let key = ZKey::read_by_section(zkey, done)?;
                check(&key)?;
                Ok(NativeKey::new(key, self.key_memory, self.engine.clone()))
            }
        }
    }

    /// The prepared key of a file with this digest, if it is stored.
    pub(super) fn stored(&self, zkey: &Digest) -> Option<NativeKey> {
        let folder = self.folder.as_ref()?;
        self.engine.pools.wide(|| {
            let file = folder.load(&self.identity(zkey))?;
            NativeKey::from_sections(&file, self.engine.clone())
        })
    }

    fn stored_now(
        &self,
        folder: &Folder,
        digest: &Digest,
        key: NativeKey,
    ) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.store(folder, digest, &key);
        Ok(Arc::new(key))
    }

    /// Stores a checked key.
    pub(super) fn store(&self, folder: &Folder, zkey: &Digest, key: &NativeKey) {
        self.engine.pools.wide(|| folder.store(&self.identity(zkey), &key.to_sections()));
    }

    fn identity(&self, zkey: &Digest) -> Digest {
        identity(zkey, self.engine.kernel, self.key_memory)
    }
}
