//! Loads keys: with a folder, prepared keys are looked for there first and new ones are stored.

use std::path::Path;
use std::sync::Arc;

use super::NativeProver;
use super::file::{Folder, identity};
use super::key::NativeKey;
use crate::digest::Digest;
use crate::format::zkey::ZKey;
use crate::prove::load::map;
use crate::prove::{KeyLoader, PreparedKey, ProveError, Prover};

impl KeyLoader for NativeProver {
    fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let Some(folder) = &self.folder else {
            let key = self.pools.wide(|| ZKey::read(zkey))?;
            return self.prepare(Arc::new(key));
        };
        let digest = Digest::of(zkey);
        if let Some(key) = self.recall(&digest) {
            return Ok(key);
        }
        let key = self.pools.wide(|| ZKey::read(zkey))?;
        self.prepare_and_store(folder, &digest, key)
    }

    fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let Some(folder) = &self.folder else {
            let key = self.pools.wide(|| ZKey::read_mapped(&map(path)?).map_err(ProveError::from))?;
            return self.prepare(Arc::new(key));
        };
        // With the prepared key at hand, hashing a large key would take longer than everything else.
        if let Some(key) = folder.digests().recall(path).and_then(|digest| self.recall(&digest)) {
            return Ok(key);
        }
        let zkey = map(path)?;
        let digest = folder.digests().of(path, &zkey);
        if let Some(key) = self.recall(&digest) {
            return Ok(key);
        }
        let key = self.pools.wide(|| ZKey::read_mapped(&zkey))?;
        drop(zkey);
        self.prepare_and_store(folder, &digest, key)
    }

    fn recall(&self, zkey: &Digest) -> Option<Arc<dyn PreparedKey>> {
        let folder = self.folder.as_ref()?;
        self.pools.wide(|| {
            let file = folder.load(&self.identity(zkey))?;
            let key = NativeKey::from_sections(&file, self.kernel, Arc::clone(&self.pools))?;
            Some(Arc::new(key) as Arc<dyn PreparedKey>)
        })
    }
}

impl NativeProver {
    fn prepare_and_store(
        &self,
        folder: &Folder,
        digest: &Digest,
        key: ZKey,
    ) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let key = self.prepare_native(Arc::new(key))?;
        self.pools.wide(|| folder.store(&self.identity(digest), &key.to_sections()));
        Ok(Arc::new(key))
    }

    fn identity(&self, zkey: &Digest) -> Digest {
        identity(zkey, self.kernel, self.key_memory)
    }
}
