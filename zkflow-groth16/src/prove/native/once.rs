//! A single proof with the key in a file: nothing waits for checks that can overlap.
//!
//! | step | on all threads |
//! |---|---|
//! | read | sections in parallel; each point is checked to be on its curve and converted in one pass |
//! | prove | the proof, the check of the key's [blinding](crate::prove::blinding), the verifier |
//! | verify | the proof; it is returned only if it verifies and the key passed all checks |
//! | store | digest of the file and prepared key, on a thread of its own, during and after the proof |

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::NativeProver;
use super::file::Folder;
use super::key::NativeKey;
use crate::proof::PublicSignals;
use crate::prove::assembly::Factors;
use crate::prove::load::map;
use crate::prove::{FileProof, Phases, ProveError};
use crate::rng::{SecureRng, os_rng};
use crate::verify::Verifier;
use crate::witness::Witness;

impl NativeProver {
    /// See [`KeyLoader::prove_file`](crate::prove::KeyLoader::prove_file).
    pub(super) fn prove_once(
        &self,
        path: &Path,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<FileProof, ProveError> {
        let began = Instant::now();
        let factors = Factors::random(rng);
        let proof = |key: &NativeKey, check| prove_and_check(key, witness, &factors, check, began);
        let Some(folder) = &self.folder else {
            let zkey = map(path)?;
            return self.engine.pools.wide(|| {
                let key = self.read(&zkey, &|range| zkey.release(range))?;
                proof(&key, Check::Blinding)
            });
        };
        if let Some(key) = folder.digests().recall(path).and_then(|digest| self.stored(&digest)) {
            return self.engine.pools.wide(|| proof(&key, Check::Nothing));
        }
        let zkey = Arc::new(map(path)?);
        // In an empty folder there is nothing to find by the digest, so it need not be known yet.
        let known = (!folder.is_empty()).then(|| folder.digests().of(path, &zkey));
        if let Some(key) = known.as_ref().and_then(|digest| self.stored(digest)) {
            return self.engine.pools.wide(|| proof(&key, Check::Nothing));
        }
        let key = self.engine.pools.wide(|| self.read(&zkey, &|range| zkey.release(range)))?;
        let key = Arc::new(key);
        let digest = {
            let (folder, path) = (folder.clone(), path.to_owned());
            thread::spawn(move || known.unwrap_or_else(|| folder.digests().of(&path, &zkey)))
        };
        let made = self.engine.pools.wide(|| proof(&key, Check::Blinding));
        let mut made = match made {
            Ok(made) => made,
            Err(error) => {
                // The caller may change the file as soon as it has the error.
                let _ = digest.join();
                return Err(error);
            }
        };
        let (prover, folder): (Self, Folder) = (self.clone(), folder.clone());
        made.storing = Some(thread::spawn(move || {
            if let Ok(digest) = digest.join() {
                prover.store(&folder, &digest, &key);
            }
        }));
        Ok(made)
    }
}

/// What is left to be checked of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Blinding,
    Nothing,
}

/// Makes a proof and verifies it, while the key is checked. `began` is the time before the key was read.
fn prove_and_check(
    key: &NativeKey,
    witness: &Witness,
    factors: &Factors,
    check: Check,
    began: Instant,
) -> Result<FileProof, ProveError> {
    let read = Instant::now();
    let blinding = || match check {
        Check::Blinding => key.blinding().check(&mut os_rng()),
        Check::Nothing => Ok(()),
    };
    let values = match key.values_of(witness) {
        Ok(values) => values,
        Err(error) => return blinding().and(Err(error)),
    };
    let vk = &key.vk;
    let public = PublicSignals::of_witness(vk, witness)
        .map_err(|_| ProveError::Key("there are fewer wires than public signals".to_owned()))?;
    let verifier = || {
        let verifier = Verifier::with_kernel(vk.clone(), key.engine.kernel);
        let verifier = verifier.map_err(|error| ProveError::Key(error.to_string()))?;
        let inputs = verifier.combine(&public);
        Ok::<_, ProveError>((verifier, inputs))
    };
    let (proof, (checked, verifier)) =
        rayon::join(|| key.proof(values, factors), || rayon::join(blinding, verifier));
    checked?;
    let proved = Instant::now();
    let (verifier, inputs) = verifier?;
    match verifier.verify_combined(inputs, &proof) {
        Ok(true) => {
            let phases = Phases { key: read - began, prove: proved - read, verify: proved.elapsed() };
            Ok(FileProof { proof, public, phases, storing: None })
        }
        // Only a faulty prover makes a point that is off its curve.
        Ok(false) | Err(_) => Err(ProveError::Unsatisfied),
    }
}
