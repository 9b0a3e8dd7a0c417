//! The proving key of [`NativeGroth16`](super::NativeGroth16).

use std::fmt;
use std::io::{Read, Write};
use std::sync::{Arc, LazyLock, OnceLock};

use ark_serialize::{
    CanonicalDeserialize, CanonicalSerialize, Compress, SerializationError, Valid, Validate,
};

use super::SnarkError;
use crate::format::zkey::ZKey;
use crate::prove::native::{NativeOptions, NativeProver};
use crate::prove::{PreparedKey, ProveError, Prover};
use crate::verify::Verifier;

/// A [`ZKey`], prepared for the native prover at its first proof. Clones share the preparation.
///
/// # Serialisation
/// The length of the `.zkey` file in 8 bytes, little-endian, then the file. Compression has no effect. The file is
/// always checked, as [`ZKey::read`] does, also with [`Validate::No`].
#[derive(Clone)]
pub struct ProvingKey(Arc<Inner>);

struct Inner {
    key: Arc<ZKey>,
    prepared: OnceLock<Prepared>,
}

/// The key in the form of the native prover, with the verifier of its proofs.
pub(super) struct Prepared {
    pub(super) key: Arc<dyn PreparedKey>,
    pub(super) verifier: Verifier,
}

/// [`SNARK`](ark_snark::SNARK) has no values of its own, so the threads belong to the process.
static PROVER: LazyLock<Result<NativeProver, String>> =
    LazyLock::new(|| NativeProver::new(NativeOptions::default()).map_err(|error| error.to_string()));

impl ProvingKey {
    /// Accepts any key of circom or of this crate.
    pub fn new(key: ZKey) -> Self {
        Self(Arc::new(Inner { key: Arc::new(key), prepared: OnceLock::new() }))
    }

    /// The key.
    pub fn zkey(&self) -> &ZKey {
        &self.0.key
    }

    /// The prepared key.
    ///
    /// # Errors
    /// The key is inconsistent, or the prover cannot start.
    pub(super) fn prepared(&self) -> Result<&Prepared, SnarkError> {
        if let Some(prepared) = self.0.prepared.get() {
            return Ok(prepared);
        }
        let prover = PROVER.as_ref().map_err(|error| ProveError::Threads(error.clone()))?;
        // Two first proofs at the same time both prepare the key; one of the results is used.
        let key = prover.prepare(Arc::clone(&self.0.key))?;
        let verifier = Verifier::new(key.verifying_key().clone())?;
        Ok(self.0.prepared.get_or_init(|| Prepared { key, verifier }))
    }
}

impl From<ZKey> for ProvingKey {
    fn from(key: ZKey) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.zkey();
        write!(f, "ProvingKey({} wires, domain {})", key.head.n_vars, key.head.domain_size)
    }
}

impl CanonicalSerialize for ProvingKey {
    fn serialize_with_mode<W: Write>(&self, mut writer: W, _: Compress) -> Result<(), SerializationError> {
        let file = self.zkey().write();
        writer.write_all(&(file.len() as u64).to_le_bytes())?;
        Ok(writer.write_all(&file)?)
    }

    fn serialized_size(&self, _: Compress) -> usize {
        size_of::<u64>() + self.zkey().write().len()
    }
}

impl Valid for ProvingKey {
    /// Does nothing: no key is made from bytes without these checks.
    fn check(&self) -> Result<(), SerializationError> {
        Ok(())
    }
}

impl CanonicalDeserialize for ProvingKey {
    fn deserialize_with_mode<R: Read>(
        mut reader: R,
        _: Compress,
        _: Validate,
    ) -> Result<Self, SerializationError> {
        let mut length = [0; size_of::<u64>()];
        reader.read_exact(&mut length)?;
        let mut file = Vec::new();
        // The memory grows with the bytes that are there, not with the length that they claim.
        reader.take(u64::from_le_bytes(length)).read_to_end(&mut file)?;
        let key = ZKey::read(&file).map_err(|_| SerializationError::InvalidData)?;
        Ok(Self::new(key))
    }
}
