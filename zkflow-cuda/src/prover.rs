//! The prover: the device for what it does faster, the processor for everything else.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use tracing::warn;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::format::MappedFile;
use zkflow_groth16::format::zkey::{EncodedKey, ZKey};
use zkflow_groth16::proof::{Proof, PublicSignals, VerifyingKey};
use zkflow_groth16::prove::assembly::{Assembly, Factors};
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{
    FileProof, Health, Kernel, KeyLoader, PreparedKey, ProveError, Prover, UnknownProver, check_sizes,
};
use zkflow_groth16::rng::SecureRng;
use zkflow_groth16::verify::Verifier;
use zkflow_groth16::witness::Witness;

use crate::device::cuda::Gpu;
use crate::device::{Device, DeviceError};
use crate::faults::Faults;
use crate::key::{DeviceKey, UploadError};
use crate::residence::{Residence, Resident};

/// Name of the prover.
pub const NAME: &str = "cuda";

/// Settings of a [`CudaProver`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CudaOptions {
    /// Number of the GPU, from 0.
    pub device: u32,
    /// Memory of the GPU for keys and proofs in bytes; `None`: nine tenths of what is free when the prover starts.
    pub memory: Option<usize>,
    /// Circuits whose domain has fewer rows are proved on the processor.
    pub min_rows: u32,
}

impl Default for CudaOptions {
    fn default() -> Self {
        Self { device: 0, memory: None, min_rows: 1 << 12 }
    }
}

/// Makes proofs on an NVIDIA GPU: the same proofs as a [`NativeProver`] from the same random generator.
///
/// # Behaviour
/// - Each proof from the GPU is verified on the processor. If it does not verify, the processor proves again; if that
///   proof verifies, the GPU made a fault, which is counted. After three faults the GPU is set aside: see
///   [`health`](Prover::health).
/// - The processor proves, with a warning in the log, when the memory of the GPU is full or the GPU fails. It proves
///   without one below [`CudaOptions::min_rows`], and for keys of which the file is not at hand.
/// - The memory of the GPU has room for several keys; the least recently used ones are removed for new ones, and then
///   proved on the processor.
/// - Memory of the GPU that depends on the witness is overwritten after each proof.
#[derive(Debug, Clone)]
pub struct CudaProver {
    native: NativeProver,
    device: Arc<dyn Device>,
    residence: Arc<Residence>,
    faults: Arc<Faults>,
    min_rows: u32,
    kernel: Kernel,
    /// Threads that read keys.
    pool: Arc<rayon::ThreadPool>,
}

impl CudaProver {
    /// Opens a GPU and loads the kernels. `native` are the settings of the prover on the processor.
    ///
    /// # Errors
    /// There is no usable GPU: [`DeviceError`] says why. [`open`] falls back to the processor.
    pub fn new(options: &CudaOptions, native: NativeProver, kernel: Kernel) -> Result<Self, DeviceError> {
        Self::on(Arc::new(Gpu::open(options.device)?), options, native, kernel)
    }

    pub(crate) fn on(
        device: Arc<dyn Device>,
        options: &CudaOptions,
        native: NativeProver,
        kernel: Kernel,
    ) -> Result<Self, DeviceError> {
        let free = device.free_bytes()?;
        let room = options.memory.unwrap_or(free / 10 * 9).min(free);
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("cuda-{i}")).build();
        let pool =
            pool.map_err(|error| DeviceError::Failed { doing: "start threads", detail: error.to_string() })?;
        Ok(Self {
            native,
            residence: Arc::new(Residence::new(room)),
            faults: Arc::default(),
            min_rows: options.min_rows,
            kernel,
            device,
            pool: Arc::new(pool),
        })
    }

    /// Model of the GPU.
    pub fn model(&self) -> &str {
        self.device.model()
    }

    /// Puts a key on the device, while `native` loads and checks it for the processor.
    fn load_both(
        &self,
        zkey: &[u8],
        native: impl FnOnce() -> Result<Arc<dyn PreparedKey>, ProveError>,
    ) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let (native, uploaded) = thread::scope(|scope| {
            let uploaded = scope.spawn(|| self.upload(zkey));
            (native(), uploaded.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let native = native?;
        let Some((head, resident)) = uploaded? else { return Ok(native) };
        let verifier = Verifier::new(head.vk.clone()).map_err(|error| ProveError::Key(error.to_string()))?;
        let faults = Arc::clone(&self.faults);
        Ok(Arc::new(CudaKey { head, verifier, native, resident, faults, kernel: self.kernel }))
    }

    /// Puts a key on the device; `None` if the processor shall prove it. Indices of wires and rows are checked, points
    /// are not: the device computes with any numbers.
    fn upload(&self, zkey: &[u8]) -> Result<Option<(Head, Arc<Resident>)>, ProveError> {
        let encoded = EncodedKey::parse(zkey)?;
        if encoded.head.domain_size < self.min_rows || self.faults.set_aside() {
            return Ok(None);
        }
        check_sizes(&encoded.head)?;
        // The lock of `settle` is taken outside the pool, see `threads`.
        let upload = |room| self.pool.install(|| DeviceKey::upload(&self.device, &encoded, room));
        match self.residence.settle(upload) {
            Ok(resident) => Ok(Some((Head::of(&encoded), resident))),
            Err(UploadError::Format(error)) => Err(error.into()),
            Err(UploadError::Device(error)) => {
                warn!(%error, "the processor proves this circuit: its key is not on the GPU");
                Ok(None)
            }
        }
    }
}

impl Prover for CudaProver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let zkey = key.write();
        self.load_both(&zkey, || self.native.prepare(key))
    }

    fn key_loader(&self) -> Option<&dyn KeyLoader> {
        Some(self)
    }

    fn announce(&self, proofs: usize) {
        self.native.announce(proofs);
    }

    fn health(&self) -> Health {
        self.faults.health()
    }
}

impl KeyLoader for CudaProver {
    fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.load_both(zkey, || KeyLoader::load(&self.native, zkey))
    }

    fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let zkey = MappedFile::open(path).map_err(ProveError::File)?;
        self.load_both(&zkey, || KeyLoader::load_file(&self.native, path))
    }

    /// A single proof is made on the processor: the tables of a key pay off over several proofs.
    fn prove_file(
        &self,
        path: &Path,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<FileProof, ProveError> {
        KeyLoader::prove_file(&self.native, path, witness, rng)
    }

    /// A stored key of the processor's prover has no file to put on the device.
    fn recall(&self, _: &Digest) -> Option<Arc<dyn PreparedKey>> {
        None
    }
}

/// The part of a key that assembles proofs.
struct Head {
    wires: usize,
    vk: VerifyingKey,
    beta_g1: ark_bn254::G1Affine,
    delta_g1: ark_bn254::G1Affine,
}

impl Head {
    fn of(key: &EncodedKey<'_>) -> Self {
        let head = &key.head;
        let (beta_g1, delta_g1) = (head.beta_g1, head.delta_g1);
        Self { wires: head.n_vars as usize, vk: head.vk.clone(), beta_g1, delta_g1 }
    }
}

/// A key on the device, and the same key on the processor.
struct CudaKey {
    head: Head,
    verifier: Verifier,
    native: Arc<dyn PreparedKey>,
    resident: Arc<Resident>,
    faults: Arc<Faults>,
    kernel: Kernel,
}

impl CudaKey {
    /// A proof from the device; it may be wrong.
    fn prove_on_device(
        &self,
        key: &DeviceKey,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<Proof, DeviceError> {
        let Head { vk, beta_g1, delta_g1, .. } = &self.head;
        let assembly = Assembly { kernel: self.kernel, vk, beta_g1: *beta_g1, delta_g1: *delta_g1 };
        let factors = Factors::random(rng);
        let multiples = assembly.multiples(&factors);
        Ok(assembly.proof(&key.sums(witness.values())?, &multiples, &factors))
    }

    fn verifies(&self, witness: &Witness, proof: &Proof) -> bool {
        let public = PublicSignals::of_witness(&self.head.vk, witness);
        public.is_ok_and(|public| matches!(self.verifier.verify(&public, proof), Ok(true)))
    }
}

impl PreparedKey for CudaKey {
    fn prover(&self) -> &'static str {
        NAME
    }

    fn verifying_key(&self) -> &VerifyingKey {
        &self.head.vk
    }

    fn prove(&self, witness: &Witness, rng: &mut dyn SecureRng) -> Result<Proof, ProveError> {
        let resident = (!self.faults.set_aside()).then(|| self.resident.get()).flatten();
        let (Some(key), true) = (resident, witness.values().len() == self.head.wires) else {
            return self.native.prove(witness, rng);
        };
        match self.prove_on_device(&key, witness, rng) {
            Ok(proof) if self.verifies(witness, &proof) => {
                self.faults.succeeded();
                return Ok(proof);
            }
            Ok(_) => (),
            Err(error) => {
                warn!(%error, "the processor proves: the GPU failed");
                self.faults.failed();
                return self.native.prove(witness, rng);
            }
        }
        // Either the witness is wrong or the device.
        let proof = self.native.prove(witness, rng)?;
        if self.verifies(witness, &proof) {
            self.faults.wrong();
        }
        Ok(proof)
    }

    fn memory_bytes(&self) -> u64 {
        self.native.memory_bytes()
    }
}

impl fmt::Debug for CudaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaKey({} wires)", self.head.wires)
    }
}

/// Opens the GPU of the default settings. Without a usable GPU, the processor's prover takes its place, with a warning.
///
/// # Errors
/// [`ProveError::Unknown`] if constant work is requested, which the GPU does not have; those of [`NativeProver::new`].
pub fn open(options: &CudaOptions, native: NativeOptions) -> Result<Arc<dyn Prover>, ProveError> {
    if native.constant_work {
        return Err(UnknownProver::without_constant_work(NAME).into());
    }
    let kernel = native.kernel;
    let native = NativeProver::new(native)?;
    match CudaProver::new(options, native.clone(), kernel) {
        Ok(prover) => Ok(Arc::new(prover)),
        Err(error) => {
            warn!(%error, "the processor makes all proofs");
            Ok(Arc::new(native))
        }
    }
}
