//! [`ArtifactPath`]: every path of the artifact store.

use std::fmt;
use std::str::FromStr;

use super::ArtifactKey;
use crate::circuit::FileName;
use crate::service::id::{DeploymentId, JobId, ProofId};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// Meaning of an artifact's key.
///
/// | variant | path |
/// |---|---|
/// | `CircuitFile` | `circuits/<circuit id>/<job id>-<attempt>/<file>` |
/// | `Contract` | `contracts/<circuit id>/<version>.json` |
/// | `SealedInputs` | `sealed/<proof id>` |
/// | `SealedSecrets` | `sealed-deployments/<deployment id>` |
/// | `VaultKeyId` | `vault/key-id` |
/// | `Probe` | `ready/nothing` |
///
/// Keys and paths correspond one to one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ArtifactPath {
    /// A file of a circuit.
    CircuitFile {
        /// Circuit that the file belongs to.
        circuit: CircuitId,
        /// Job that made the file.
        job: JobId,
        /// Hand-out of the job; together with `job`, unique to one run.
        attempt: u32,
        /// File of the circuit.
        file: FileName,
    },
    /// The compiled contract of a circuit, written by an earlier version. Clean-up removes it; nothing reads it.
    Contract {
        /// Circuit of the contract.
        circuit: CircuitId,
        /// Digest of the compiler's version and the source.
        version: Digest,
    },
    /// Sealed private inputs of a proof request.
    SealedInputs(ProofId),
    /// Sealed secrets of a deployment.
    SealedSecrets(DeploymentId),
    /// Id of the vault key.
    VaultKeyId,
    /// Never exists; requested to check whether the store answers.
    Probe,
}

impl ArtifactPath {
    /// Prefix of all [files](Self::CircuitFile) of a circuit.
    pub fn files_of(circuit: &CircuitId) -> String {
        format!("{CIRCUITS}/{circuit}")
    }

    /// The key of the artifact.
    pub fn key(&self) -> ArtifactKey {
        // At most four segments of letters, digits, '.' and '-', and 130 characters.
        ArtifactKey(self.to_string())
    }
}

const CIRCUITS: &str = "circuits";
const CONTRACTS: &str = "contracts";
const SEALED: &str = "sealed";
const SEALED_DEPLOYMENTS: &str = "sealed-deployments";
const VAULT_KEY_ID: &str = "vault/key-id";
const PROBE: &str = "ready/nothing";

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitFile { circuit, job, attempt, file } => {
                write!(f, "{CIRCUITS}/{circuit}/{job}-{attempt}/{file}")
            }
            Self::Contract { circuit, version } => write!(f, "{CONTRACTS}/{circuit}/{version}.json"),
            Self::SealedInputs(proof) => write!(f, "{SEALED}/{proof}"),
            Self::SealedSecrets(deployment) => write!(f, "{SEALED_DEPLOYMENTS}/{deployment}"),
            Self::VaultKeyId => f.write_str(VAULT_KEY_ID),
            Self::Probe => f.write_str(PROBE),
        }
    }
}

/// The key belongs to no artifact of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the path of an artifact of this version")]
pub struct UnknownPath;

impl FromStr for ArtifactPath {
    type Err = UnknownPath;

    fn from_str(text: &str) -> Result<Self, UnknownPath> {
        let segments: Vec<&str> = text.split('/').take(5).collect();
        let path = match segments[..] {
            [CIRCUITS, circuit, run, file] => {
                let (job, attempt) = run.rsplit_once('-').ok_or(UnknownPath)?;
                Self::CircuitFile {
                    circuit: parse(circuit)?,
                    job: parse(job)?,
                    attempt: parse(attempt)?,
                    file: parse(file)?,
                }
            }
            [CONTRACTS, circuit, file] => {
                let version = file.strip_suffix(".json").ok_or(UnknownPath)?;
                Self::Contract { circuit: parse(circuit)?, version: parse(version)? }
            }
            [SEALED, proof] => Self::SealedInputs(parse(proof)?),
            [SEALED_DEPLOYMENTS, deployment] => Self::SealedSecrets(parse(deployment)?),
            _ if text == VAULT_KEY_ID => Self::VaultKeyId,
            _ if text == PROBE => Self::Probe,
            _ => return Err(UnknownPath),
        };
        // Numbers and digests have several spellings: "+1", "01", upper-case digits.
        if path.to_string() == text { Ok(path) } else { Err(UnknownPath) }
    }
}

fn parse<T: FromStr>(text: &str) -> Result<T, UnknownPath> {
    text.parse().map_err(|_| UnknownPath)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::clock::Timestamp;

    /// At least one of each variant.
    fn all() -> Vec<ArtifactPath> {
        let now = Timestamp::from_millis(1_767_225_600_123);
        let version = Digest::of("version");
        let circuit = CircuitId::from_hash(&version);
        let job = JobId::generate(now);
        let file = |attempt, file| ArtifactPath::CircuitFile {
            circuit: circuit.clone(),
            job: job.clone(),
            attempt,
            file,
        };
        let mut all: Vec<_> = FileName::ALL.into_iter().map(|name| file(1, name)).collect();
        all.extend([
            file(0, FileName::R1cs),
            file(u32::MAX, FileName::VerificationKey),
            ArtifactPath::Contract { circuit: circuit.clone(), version },
            ArtifactPath::SealedInputs(ProofId::generate(now)),
            ArtifactPath::SealedSecrets(DeploymentId::generate(now)),
            ArtifactPath::VaultKeyId,
            ArtifactPath::Probe,
        ]);
        all
    }

    #[test]
    fn a_path_survives_its_text_and_is_a_key() {
        for path in all() {
            // No `_` arm: a new variant must be added to `all`.
            match &path {
                ArtifactPath::CircuitFile { .. }
                | ArtifactPath::Contract { .. }
                | ArtifactPath::SealedInputs(_)
                | ArtifactPath::SealedSecrets(_)
                | ArtifactPath::VaultKeyId
                | ArtifactPath::Probe => {}
            }
            assert_eq!(path.to_string().parse(), Ok(path.clone()));
            assert_eq!(path.to_string().parse(), Ok(path.key()), "{path} is not a valid key");
        }
    }

    #[test]
    fn paths_of_the_version_before_are_known() {
        let (circuit, uuid) = ("0123456789abcdef0123456789abcdef", "01890a5d-ac96-774b-bcce-b302099a8057");
        let version = Digest::of("v");
        for text in [
            format!("circuits/{circuit}/{uuid}-1/proving_key.zkey"),
            format!("contracts/{circuit}/{version}.json"),
            format!("sealed/{uuid}"),
            format!("sealed-deployments/{uuid}"),
            "vault/key-id".to_owned(),
            "ready/nothing".to_owned(),
        ] {
            assert_eq!(text.parse::<ArtifactPath>().map(|path| path.to_string()), Ok(text));
        }
    }

    #[test]
    fn hostile_texts_are_refused() {
        let (circuit, uuid) = ("0123456789abcdef0123456789abcdef", "01890a5d-ac96-774b-bcce-b302099a8057");
        let upper = Digest::of("v").to_string().to_uppercase();
        let long = "a/".repeat(100_000);
        for text in [
            "",
            "/",
            "circuits",
            "sealed/",
            "vault",
            "vault/key-id/",
            "/vault/key-id",
            "vault//key-id",
            "Vault/key-id",
            "sealed/../vault/key-id",
            "sealed/x",
            "circuitsx/0",
            long.as_str(),
            &format!("sealed/{uuid}/x"),
            &format!("sealed/{}", uuid.to_uppercase()),
            &format!("sealed-deployment/{uuid}"),
            &format!("circuits/{circuit}/{uuid}/circuit.wasm"),
            &format!("circuits/{circuit}/{uuid}-/circuit.wasm"),
            &format!("circuits/{circuit}/{uuid}-+1/circuit.wasm"),
            &format!("circuits/{circuit}/{uuid}-01/circuit.wasm"),
            &format!("circuits/{circuit}/{uuid}--1/circuit.wasm"),
            &format!("circuits/{circuit}/{uuid}-4294967296/circuit.wasm"),
            &format!("circuits/{circuit}/{uuid}-1/passwd"),
            &format!("circuits/{circuit}/{uuid}-1/circuit.wasm/x"),
            &format!("circuits/{circuit}0/{uuid}-1/circuit.wasm"),
            &format!("contracts/{circuit}/{upper}.json"),
            &format!("contracts/{circuit}/{upper}"),
            &format!("contracts/{circuit}/.json"),
        ] {
            assert_eq!(text.parse::<ArtifactPath>(), Err(UnknownPath), "{}", &text[..text.len().min(80)]);
        }
    }
}
