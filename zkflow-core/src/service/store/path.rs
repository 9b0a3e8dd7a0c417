//! [`ArtifactPath`]: every path of the artifact store.

use std::fmt;
use std::str::FromStr;

use super::ArtifactKey;
use crate::circuit::FileName;
use crate::service::clock::Timestamp;
use crate::service::id::{CeremonyId, DeploymentId, JobId, ObjectId, ProofId, SealKeyId, UploadId};
use crate::service::queue::QueueName;
use crate::service::tenant::TenantId;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// Meaning of an artifact's key.
///
/// | variant | path |
/// |---|---|
/// | `CircuitFile` | `circuits/<circuit id>/<job id>-<attempt>/<file>` |
/// | `ResealedFile` | `circuits/<circuit id>/<job id>-<attempt>/<key id>-<file>` |
/// | `Manifest` | `circuits/<circuit id>/<job id>-<attempt>/manifest.json` |
/// | `Tombstone` | `tombstones/<circuit id>` |
/// | `Contract` | `contracts/<circuit id>/<version>.json` |
/// | `SealedInputs` | `sealed/<proof id>` |
/// | `SealedSecrets` | `sealed-deployments/<deployment id>` |
/// | `OldId` | `old-ids/<tenant>/<id of the Node service>` |
/// | `Upload` | `uploads/<tenant>/<upload id>` |
/// | `UploadPart` | `upload-parts/<upload id>/<file>-<part>` |
/// | `CeremonyKey` | `ceremonies/<ceremony id>/<SHA-256>.zkey` |
/// | `CeremonyConstraints` | `ceremonies/<ceremony id>/circuit.r1cs` |
/// | `CeremonyRecord` | `ceremonies/<ceremony id>/ceremony.json` |
/// | `Webhooks` | `webhooks/<tenant>/<version>` |
/// | `Unclaimed` | `unclaimed/<path of the unit>` |
/// | `Trash` | `trash/<milliseconds>/<path>` |
/// | `Installation` | `installation/id` |
/// | `InUse` | `installation/in-use` |
/// | `VaultKeyId` | `vault/key-id` |
/// | `VaultKey` | `vault/keys/<key id>` |
/// | `SealingKeyId` | `vault/sealing-key-id` |
/// | `Paused` | `paused/<queue>` |
/// | `Probe` | `ready/nothing` |
///
/// Keys and paths correspond one to one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ArtifactPath {
    /// A file of a circuit.
    CircuitFile {
        /// Files that were made together.
        generation: Generation,
        /// File of the circuit.
        file: FileName,
    },
    /// A file of a circuit whose seal was made again. It replaces the one of the same name beside it.
    ResealedFile {
        /// Files that were made together.
        generation: Generation,
        /// Key of the seal.
        key: SealKeyId,
        /// File of the circuit.
        file: FileName,
    },
    /// The document of a ready circuit as JSON, written beside its files. The catalog can be made again from it.
    Manifest(Generation),
    /// What a deleted circuit was, as JSON.
    Tombstone(CircuitId),
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
    /// Id of the circuit that a circuit of the Node service became.
    OldId {
        /// Owner of the circuit.
        tenant: TenantId,
        /// Its id in the Node service.
        id: ObjectId,
    },
    /// The session of an upload, as JSON.
    Upload {
        /// Owner of the upload.
        tenant: TenantId,
        /// Its id.
        upload: UploadId,
    },
    /// A part of an uploaded file.
    UploadPart {
        /// The upload.
        upload: UploadId,
        /// Number of the file, from 0.
        file: u32,
        /// Number of the part, from 0.
        part: u32,
    },
    /// A key of a ceremony: the present one, and earlier ones until they are removed.
    CeremonyKey {
        /// The ceremony.
        ceremony: CeremonyId,
        /// SHA-256 of the key.
        key: Digest,
    },
    /// The constraints of a ceremony's circuit.
    CeremonyConstraints(CeremonyId),
    /// The public record of a finished ceremony, as JSON.
    CeremonyRecord(CeremonyId),
    /// A version of the callback and secrets of a tenant, sealed. The highest version counts.
    Webhooks {
        /// Tenant of the webhooks.
        tenant: TenantId,
        /// Number of the version, from 1.
        version: u64,
    },
    /// Moment since when no document needs the unit, as RFC 3339.
    Unclaimed(Unit),
    /// An artifact that no document needs; it is deleted later.
    Trash {
        /// When it was moved here.
        since: Timestamp,
        /// Its path before.
        path: Box<ArtifactPath>,
    },
    /// Id of the installation; see [`InstallationId`](crate::service::id::InstallationId).
    Installation,
    /// Mark of a store whose catalog contains the id of the installation too.
    InUse,
    /// Id of the key that everything was sealed with, before the next one was used.
    VaultKeyId,
    /// A further key that something may be sealed with.
    VaultKey(SealKeyId),
    /// Id of the key that processes without its private half seal inputs to.
    SealingKeyId,
    /// Mark of a queue whose jobs are not handed out.
    Paused(QueueName),
    /// Written to check whether the store can be written to.
    Probe,
}

/// The files of one run of a circuit's key generation, which are needed or removed together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Generation {
    /// Circuit that the files belong to.
    pub circuit: CircuitId,
    /// Job that made the files.
    pub job: JobId,
    /// Hand-out of the job; together with `job`, unique to one run.
    pub attempt: u32,
}

impl Generation {
    /// Path of a file.
    pub fn file(&self, file: FileName) -> ArtifactPath {
        ArtifactPath::CircuitFile { generation: self.clone(), file }
    }
}

/// `circuits/<circuit id>/<job id>-<attempt>`
impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CIRCUITS}/{}/{}-{}", self.circuit, self.job, self.attempt)
    }
}

/// Artifacts that belong to one document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Files of a circuit, with their manifest.
    Circuit(Generation),
    /// Sealed private inputs of a proof request.
    Inputs(ProofId),
    /// Sealed secrets of a deployment.
    Secrets(DeploymentId),
    /// Keys, constraints and record of a ceremony.
    Ceremony(CeremonyId),
}

/// Prefix of the artifacts.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Circuit(generation) => generation.fmt(f),
            Self::Inputs(proof) => write!(f, "{SEALED}/{proof}"),
            Self::Secrets(deployment) => write!(f, "{SEALED_DEPLOYMENTS}/{deployment}"),
            Self::Ceremony(ceremony) => write!(f, "{CEREMONIES}/{ceremony}"),
        }
    }
}

impl ArtifactPath {
    /// Prefix of the files of all circuits.
    pub const CIRCUITS: &'static str = CIRCUITS;

    /// Prefix of the sessions of all uploads.
    pub const UPLOADS: &'static str = UPLOADS;

    /// Prefix of the sessions of a tenant's uploads.
    pub fn uploads_of(tenant: &TenantId) -> String {
        format!("{UPLOADS}/{tenant}")
    }

    /// Prefix of the parts of an upload.
    pub fn parts_of(upload: &UploadId) -> String {
        format!("{UPLOAD_PARTS}/{upload}")
    }

    /// Prefix of what tenants have sealed for their webhooks.
    pub const WEBHOOKS: &'static str = WEBHOOKS;

    /// Prefix of the ids of further sealing keys.
    pub const VAULT_KEYS: &'static str = VAULT_KEYS;

    /// Prefix of the marks of paused queues.
    pub const PAUSED: &'static str = PAUSED;

    /// The key of the artifact.
    pub fn key(&self) -> ArtifactKey {
        // At most six segments of letters, digits, '.' and '-', and 160 characters.
        ArtifactKey(self.to_string())
    }

    /// The document that needs the artifact; `None` if it belongs to no single document.
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::CircuitFile { generation, .. }
            | Self::ResealedFile { generation, .. }
            | Self::Manifest(generation) => Some(Unit::Circuit(generation.clone())),
            Self::SealedInputs(proof) => Some(Unit::Inputs(proof.clone())),
            Self::SealedSecrets(deployment) => Some(Unit::Secrets(deployment.clone())),
            Self::CeremonyKey { ceremony, .. }
            | Self::CeremonyConstraints(ceremony)
            | Self::CeremonyRecord(ceremony) => Some(Unit::Ceremony(ceremony.clone())),
            Self::Tombstone(_)
            | Self::Contract { .. }
            | Self::OldId { .. }
            | Self::Upload { .. }
            | Self::UploadPart { .. }
            | Self::Webhooks { .. }
            | Self::Unclaimed(_)
            | Self::Trash { .. }
            | Self::Installation
            | Self::InUse
            | Self::VaultKeyId
            | Self::VaultKey(_)
            | Self::SealingKeyId
            | Self::Paused(_)
            | Self::Probe => None,
        }
    }
}

const CIRCUITS: &str = "circuits";
const CONTRACTS: &str = "contracts";
const SEALED: &str = "sealed";
const SEALED_DEPLOYMENTS: &str = "sealed-deployments";
const MANIFEST: &str = "manifest.json";
const TOMBSTONES: &str = "tombstones";
const OLD_IDS: &str = "old-ids";
const UPLOADS: &str = "uploads";
const UPLOAD_PARTS: &str = "upload-parts";
const CEREMONIES: &str = "ceremonies";
const CONSTRAINTS: &str = "circuit.r1cs";
const RECORD: &str = "ceremony.json";
const WEBHOOKS: &str = "webhooks";
const UNCLAIMED: &str = "unclaimed";
const TRASH: &str = "trash";
const INSTALLATION: &str = "installation/id";
const IN_USE: &str = "installation/in-use";
const VAULT_KEY_ID: &str = "vault/key-id";
const VAULT: &str = "vault";
const KEYS: &str = "keys";
const VAULT_KEYS: &str = "vault/keys";
const SEALING_KEY_ID: &str = "vault/sealing-key-id";
const PAUSED: &str = "paused";
const PROBE: &str = "ready/nothing";

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitFile { generation, file } => write!(f, "{generation}/{file}"),
            Self::ResealedFile { generation, key, file } => write!(f, "{generation}/{key}-{file}"),
            Self::Manifest(generation) => write!(f, "{generation}/{MANIFEST}"),
            Self::Tombstone(circuit) => write!(f, "{TOMBSTONES}/{circuit}"),
            Self::Contract { circuit, version } => write!(f, "{CONTRACTS}/{circuit}/{version}.json"),
            Self::SealedInputs(proof) => write!(f, "{SEALED}/{proof}"),
            Self::SealedSecrets(deployment) => write!(f, "{SEALED_DEPLOYMENTS}/{deployment}"),
            Self::OldId { tenant, id } => write!(f, "{OLD_IDS}/{tenant}/{id}"),
            Self::Upload { tenant, upload } => write!(f, "{UPLOADS}/{tenant}/{upload}"),
            Self::UploadPart { upload, file, part } => write!(f, "{UPLOAD_PARTS}/{upload}/{file}-{part}"),
            Self::CeremonyKey { ceremony, key } => write!(f, "{CEREMONIES}/{ceremony}/{key}.zkey"),
            Self::CeremonyConstraints(ceremony) => write!(f, "{CEREMONIES}/{ceremony}/{CONSTRAINTS}"),
            Self::CeremonyRecord(ceremony) => write!(f, "{CEREMONIES}/{ceremony}/{RECORD}"),
            Self::Webhooks { tenant, version } => write!(f, "{WEBHOOKS}/{tenant}/{version}"),
            Self::Unclaimed(unit) => write!(f, "{UNCLAIMED}/{unit}"),
            Self::Trash { since, path } => write!(f, "{TRASH}/{}/{path}", since.as_millis()),
            Self::Installation => f.write_str(INSTALLATION),
            Self::InUse => f.write_str(IN_USE),
            Self::VaultKeyId => f.write_str(VAULT_KEY_ID),
            Self::VaultKey(key) => write!(f, "{VAULT_KEYS}/{key}"),
            Self::SealingKeyId => f.write_str(SEALING_KEY_ID),
            Self::Paused(queue) => write!(f, "{PAUSED}/{queue}"),
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
        let segments: Vec<&str> = text.split('/').take(7).collect();
        let path = match segments[..] {
            [CIRCUITS, circuit, run, MANIFEST] => Self::Manifest(generation(circuit, run)?),
            [CIRCUITS, circuit, run, name] => file(generation(circuit, run)?, name)?,
            [TOMBSTONES, circuit] => Self::Tombstone(parse(circuit)?),
            [OLD_IDS, tenant, id] => Self::OldId { tenant: parse(tenant)?, id: parse(id)? },
            [UPLOADS, tenant, upload] => Self::Upload { tenant: parse(tenant)?, upload: parse(upload)? },
            [UPLOAD_PARTS, upload, place] => {
                let (file, part) = place.split_once('-').ok_or(UnknownPath)?;
                Self::UploadPart { upload: parse(upload)?, file: parse(file)?, part: parse(part)? }
            }
            [CEREMONIES, ceremony, CONSTRAINTS] => Self::CeremonyConstraints(parse(ceremony)?),
            [CEREMONIES, ceremony, RECORD] => Self::CeremonyRecord(parse(ceremony)?),
            [CEREMONIES, ceremony, file] => {
                let key = file.strip_suffix(".zkey").ok_or(UnknownPath)?;
                Self::CeremonyKey { ceremony: parse(ceremony)?, key: parse(key)? }
            }
            [UNCLAIMED, CEREMONIES, ceremony] => Self::Unclaimed(Unit::Ceremony(parse(ceremony)?)),
            [WEBHOOKS, tenant, version] => {
                Self::Webhooks { tenant: parse(tenant)?, version: parse(version)? }
            }
            [VAULT, KEYS, key] => Self::VaultKey(parse(key)?),
            [UNCLAIMED, CIRCUITS, circuit, run] => Self::Unclaimed(Unit::Circuit(generation(circuit, run)?)),
            [UNCLAIMED, SEALED, proof] => Self::Unclaimed(Unit::Inputs(parse(proof)?)),
            [UNCLAIMED, SEALED_DEPLOYMENTS, deployment] => Self::Unclaimed(Unit::Secrets(parse(deployment)?)),
            [TRASH, since, first, ..] if first != TRASH => {
                let path = text.splitn(3, '/').nth(2).ok_or(UnknownPath)?;
                Self::Trash { since: Timestamp::from_millis(parse(since)?), path: Box::new(path.parse()?) }
            }
            [CONTRACTS, circuit, file] => {
                let version = file.strip_suffix(".json").ok_or(UnknownPath)?;
                Self::Contract { circuit: parse(circuit)?, version: parse(version)? }
            }
            [SEALED, proof] => Self::SealedInputs(parse(proof)?),
            [PAUSED, queue] => Self::Paused(parse(queue)?),
            [SEALED_DEPLOYMENTS, deployment] => Self::SealedSecrets(parse(deployment)?),
            _ if text == INSTALLATION => Self::Installation,
            _ if text == IN_USE => Self::InUse,
            _ if text == VAULT_KEY_ID => Self::VaultKeyId,
            _ if text == SEALING_KEY_ID => Self::SealingKeyId,
            _ if text == PROBE => Self::Probe,
            _ => return Err(UnknownPath),
        };
        // Numbers and digests have several spellings: "+1", "01", upper-case digits.
        if path.to_string() == text { Ok(path) } else { Err(UnknownPath) }
    }
}

fn file(generation: Generation, name: &str) -> Result<ArtifactPath, UnknownPath> {
    if let Ok(file) = name.parse() {
        return Ok(ArtifactPath::CircuitFile { generation, file });
    }
    let (key, file) = name.split_once('-').ok_or(UnknownPath)?;
    Ok(ArtifactPath::ResealedFile { generation, key: parse(key)?, file: parse(file)? })
}

fn generation(circuit: &str, run: &str) -> Result<Generation, UnknownPath> {
    let (job, attempt) = run.rsplit_once('-').ok_or(UnknownPath)?;
    Ok(Generation { circuit: parse(circuit)?, job: parse(job)?, attempt: parse(attempt)? })
}

fn parse<T: FromStr>(text: &str) -> Result<T, UnknownPath> {
    text.parse().map_err(|_| UnknownPath)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At least one of each variant.
    fn all() -> Vec<ArtifactPath> {
        let now = Timestamp::from_millis(1_767_225_600_123);
        let version = Digest::of("version");
        let circuit = CircuitId::from_hash(&version);
        let job = JobId::generate(now);
        let generation = |attempt| Generation { circuit: circuit.clone(), job: job.clone(), attempt };
        let file = |attempt, file| generation(attempt).file(file);
        let proof = ProofId::generate(now);
        let seal = || SealKeyId::of_bytes([0x0b; 8]);
        let mut all: Vec<_> = FileName::ALL.into_iter().map(|name| file(1, name)).collect();
        all.extend([
            file(0, FileName::R1cs),
            file(u32::MAX, FileName::VerificationKey),
            ArtifactPath::Contract { circuit: circuit.clone(), version },
            ArtifactPath::Manifest(generation(3)),
            ArtifactPath::Tombstone(circuit.clone()),
            ArtifactPath::SealedInputs(proof.clone()),
            ArtifactPath::SealedSecrets(DeploymentId::generate(now)),
            ArtifactPath::OldId {
                tenant: "a.b-c".parse().unwrap(),
                id: "0123456789abcdef01234567".parse().unwrap(),
            },
            ArtifactPath::Upload { tenant: "a.b-c".parse().unwrap(), upload: UploadId::generate(now) },
            ArtifactPath::UploadPart { upload: UploadId::generate(now), file: 0, part: u32::MAX },
            ArtifactPath::CeremonyKey { ceremony: CeremonyId::generate(now), key: version },
            ArtifactPath::CeremonyConstraints(CeremonyId::generate(now)),
            ArtifactPath::CeremonyRecord(CeremonyId::generate(now)),
            ArtifactPath::Unclaimed(Unit::Ceremony(CeremonyId::generate(now))),
            ArtifactPath::ResealedFile { generation: generation(6), key: seal(), file: FileName::Setup },
            ArtifactPath::Webhooks { tenant: "a.b-c".parse().unwrap(), version: 12 },
            ArtifactPath::VaultKey(seal()),
            ArtifactPath::Unclaimed(Unit::Circuit(generation(4))),
            ArtifactPath::Unclaimed(Unit::Inputs(proof.clone())),
            ArtifactPath::Unclaimed(Unit::Secrets(DeploymentId::generate(now))),
            ArtifactPath::Trash { since: now, path: Box::new(file(5, FileName::Wasm)) },
            ArtifactPath::Trash { since: now, path: Box::new(ArtifactPath::SealedInputs(proof)) },
            ArtifactPath::Installation,
            ArtifactPath::InUse,
            ArtifactPath::VaultKeyId,
            ArtifactPath::SealingKeyId,
            ArtifactPath::Probe,
        ]);
        all.extend(QueueName::ALL.map(ArtifactPath::Paused));
        all
    }

    #[test]
    fn a_path_survives_its_text_and_is_a_key() {
        for path in all() {
            // No `_` arm: a new variant must be added to `all`.
            match &path {
                ArtifactPath::CircuitFile { .. }
                | ArtifactPath::Contract { .. }
                | ArtifactPath::Manifest(_)
                | ArtifactPath::Tombstone(_)
                | ArtifactPath::SealedInputs(_)
                | ArtifactPath::SealedSecrets(_)
                | ArtifactPath::OldId { .. }
                | ArtifactPath::Upload { .. }
                | ArtifactPath::UploadPart { .. }
                | ArtifactPath::CeremonyKey { .. }
                | ArtifactPath::CeremonyConstraints(_)
                | ArtifactPath::CeremonyRecord(_)
                | ArtifactPath::ResealedFile { .. }
                | ArtifactPath::Webhooks { .. }
                | ArtifactPath::Unclaimed(_)
                | ArtifactPath::Trash { .. }
                | ArtifactPath::Installation
                | ArtifactPath::InUse
                | ArtifactPath::VaultKeyId
                | ArtifactPath::VaultKey(_)
                | ArtifactPath::SealingKeyId
                | ArtifactPath::Paused(_)
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
        let (version, upper) = (Digest::of("v"), Digest::of("v").to_string().to_uppercase());
        let long = "a/".repeat(100_000);
        for text in [
            "",
            "/",
            "circuits",
            "sealed/",
            "vault",
            "vault/keys",
            "vault/keys/0123456789ABCDEF",
            "vault/keys/0123456789abcde",
            &format!("circuits/{circuit}/{uuid}-1/0123456789abcdef-passwd"),
            &format!("circuits/{circuit}/{uuid}-1/0123456789abcdef-0123456789abcdef-setup.json"),
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
            "trash",
            "trash/1",
            &format!("trash/1/trash/1/sealed/{uuid}"),
            &format!("trash/01/sealed/{uuid}"),
            &format!("trash/x/sealed/{uuid}"),
            "old-ids/default/0123456789ABCDEF01234567",
            "old-ids/default/0123456789abcdef01234567/x",
            &format!("uploads/{uuid}"),
            &format!("uploads/A/{uuid}"),
            &format!("uploads/../{uuid}"),
            &format!("upload-parts/{uuid}/0"),
            &format!("upload-parts/{uuid}/0-00"),
            &format!("upload-parts/{uuid}/0-1-1"),
            &format!("ceremonies/{uuid}"),
            &format!("ceremonies/{uuid}/{upper}.zkey"),
            &format!("ceremonies/{uuid}/{version}"),
            &format!("ceremonies/{uuid}/circuit.r1cs/x"),
            &format!("unclaimed/{uuid}"),
            &format!("unclaimed/circuits/{circuit}/{uuid}-1/circuit.wasm"),
        ] {
            assert_eq!(text.parse::<ArtifactPath>(), Err(UnknownPath), "{}", &text[..text.len().min(80)]);
        }
    }
}
