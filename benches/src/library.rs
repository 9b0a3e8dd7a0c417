//! rapidsnark's C library, loaded at run time: its proofs with a key that stays in memory.

use std::ffi::{CStr, c_char, c_int, c_ulonglong, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use libloading::Library as Loaded;
use zkflow_core::format::{MappedFile, json, wtns};
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::witness::Witness;

use super::Error;
use super::files::map;

/// `groth16_prover_create` of rapidsnark's `prover.h`: prover, key, length, message, its capacity.
type Create =
    unsafe extern "C" fn(*mut *mut c_void, *const c_void, c_ulonglong, *mut c_char, c_ulonglong) -> c_int;
/// `groth16_prover_prove`: prover, witness, length, proof and its length, public signals and their length, message, its
/// capacity.
type Prove = unsafe extern "C" fn(
    *mut c_void,
    *const c_void,
    c_ulonglong,
    *mut c_char,
    *mut c_ulonglong,
    *mut c_char,
    *mut c_ulonglong,
    *mut c_char,
    c_ulonglong,
) -> c_int;
/// `groth16_prover_destroy`.
type Destroy = unsafe extern "C" fn(*mut c_void);

/// Capacity in bytes of messages and of proofs.
const CAPACITY: usize = 4096;

/// The functions of the library.
#[derive(Debug)]
pub(super) struct Library {
    create: Create,
    prove: Prove,
    destroy: Destroy,
    /// Keeps the functions in memory.
    _loaded: Loaded,
}

impl Library {
    /// Loads the library, which runs its code in this process.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, Error> {
        let missing = |error: libloading::Error| format!("{}: {error}", path.display());
        // SAFETY: the user of the command names the library and thereby trusts its code; rapidsnark has no initialisers
        // besides those of its constants.
        let loaded = unsafe { Loaded::new(path) }.map_err(missing)?;
        // SAFETY: the types are those of the declarations in rapidsnark's `prover.h`.
        let (create, prove, destroy) = unsafe {
            (
                *loaded.get::<Create>("groth16_prover_create").map_err(missing)?,
                *loaded.get::<Prove>("groth16_prover_prove").map_err(missing)?,
                *loaded.get::<Destroy>("groth16_prover_destroy").map_err(missing)?,
            )
        };
        Ok(Arc::new(Self { create, prove, destroy, _loaded: loaded }))
    }

    /// Loads a key, and takes a witness for it.
    pub(super) fn prover(self: &Arc<Self>, zkey: &Path, witness: &Witness) -> Result<LoadedKey, Error> {
        let zkey = map(zkey)?;
        let (mut object, mut message) = (ptr::null_mut(), Message::default());
        // SAFETY: the pointers are valid for the lengths that go with them. The key outlives the prover that refers to
        // it: both are fields of `LoadedKey`, which destroys the prover first.
        let code = unsafe {
            (self.create)(
                &raw mut object,
                zkey.as_ptr().cast(),
                zkey.len() as c_ulonglong,
                message.0.as_mut_ptr(),
                CAPACITY as c_ulonglong,
            )
        };
        message.check(code)?;
        Ok(LoadedKey { library: Arc::clone(self), object, _zkey: zkey, witness: wtns::write(witness) })
    }
}

/// A key in the library's memory, and a witness.
pub(super) struct LoadedKey {
    library: Arc<Library>,
    object: *mut c_void,
    _zkey: MappedFile,
    witness: Vec<u8>,
}

impl LoadedKey {
    /// Makes a proof as text.
    pub(super) fn prove(&mut self, public_signals: usize) -> Result<ProofText, Error> {
        let mut proof = vec![0; CAPACITY];
        // A signal has at most 78 digits, two quotation marks and a comma.
        let mut public = vec![0; CAPACITY + 81 * public_signals];
        let mut lengths = [proof.len() as c_ulonglong, public.len() as c_ulonglong];
        let [proof_length, public_length] = &mut lengths;
        let mut message = Message::default();
        // SAFETY: the prover exists until `drop`, and `&mut self` gives it to one thread at a time; the pointers are
        // valid for the lengths that go with them.
        let code = unsafe {
            (self.library.prove)(
                self.object,
                self.witness.as_ptr().cast(),
                self.witness.len() as c_ulonglong,
                proof.as_mut_ptr().cast(),
                proof_length,
                public.as_mut_ptr().cast(),
                public_length,
                message.0.as_mut_ptr(),
                CAPACITY as c_ulonglong,
            )
        };
        message.check(code)?;
        Ok(ProofText { proof: until_zero(proof), public: until_zero(public) })
    }
}

impl Drop for LoadedKey {
    fn drop(&mut self) {
        // SAFETY: the prover was created and is not used again.
        unsafe { (self.library.destroy)(self.object) }
    }
}

/// A proof and its public signals as JSON.
pub(super) struct ProofText {
    proof: Vec<u8>,
    public: Vec<u8>,
}

impl ProofText {
    /// Reads both.
    pub(super) fn read(
        &self,
        vk: &zkflow_core::proof::VerifyingKey,
    ) -> Result<(Proof, PublicSignals), Error> {
        let public = PublicSignals::for_key(vk, json::read_public(&self.public)?)?;
        Ok((json::read_proof(&self.proof)?, public))
    }
}

/// The bytes before the first zero.
fn until_zero(mut text: Vec<u8>) -> Vec<u8> {
    text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
    text
}

/// Room for an error message.
struct Message([c_char; CAPACITY]);

impl Default for Message {
    fn default() -> Self {
        Self([0; CAPACITY])
    }
}

impl Message {
    fn check(mut self, code: c_int) -> Result<(), Error> {
        if code == 0 {
            return Ok(());
        }
        self.0[CAPACITY - 1] = 0;
        // SAFETY: the text ends at the latest with the zero that was just written.
        let text = unsafe { CStr::from_ptr(self.0.as_ptr()) };
        Err(format!("rapidsnark: error {code}: {}", text.to_string_lossy()).into())
    }
}
