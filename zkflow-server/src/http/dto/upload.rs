//! Uploads and imports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zkflow_core::circuit::{ClaimedPart, Part};
use zkflow_core::compile::Simplification;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{FileRole, GivenPowers, Import, InputSignal, Named as _, Visibility};
use zkflow_core::service::id::UploadId;
use zkflow_core::service::store::SignedPut;
use zkflow_core::service::upload::{PART_BYTES, SourcePath, Upload, UploadFile};
use zkflow_core::setup::ptau::Ceremony;

use super::super::body::Content;
use super::super::openapi::schema;
use crate::config::SecretSetting;
use crate::service::imports::OwnPowers;

/// Request for an upload: all files, before any of their bytes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"files": [{
    "role": "source", "path": "circuit.circom", "size": 478,
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
}]}))]
pub(in crate::http) struct NewUpload {
    /// The files: those of the source with their paths, or one archive of it, and at most one of each other role.
    #[schema(min_items = 1, max_items = 1024)]
    pub(in crate::http) files: Vec<NewFile>,
}

impl Content for NewUpload {
    const MOST: usize = 512 * 1024;
}

/// A declared file.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct NewFile {
    #[schema(value_type = schema::FileRole)]
    role: FileRole,
    /// Path in the source; only for files of the source.
    #[schema(value_type = Option<schema::SourcePath>)]
    path: Option<SourcePath>,
    /// Length in bytes.
    #[schema(minimum = 1)]
    size: u64,
    /// SHA-256 of the whole file.
    #[schema(value_type = schema::Sha256)]
    sha256: Digest,
}

impl From<NewFile> for UploadFile {
    fn from(NewFile { role, path, size, sha256 }: NewFile) -> Self {
        Self { role, path, size, sha256 }
    }
}

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Upload)]
pub(in crate::http) struct UploadDto {
    #[schema(value_type = schema::UploadId)]
    upload_id: String,
    /// Length in bytes of every part but the last one of a file.
    part_bytes: u64,
    /// Whether parts can be sent to the bucket directly: see `signParts`.
    direct: bool,
    /// The files in the order of the request; a file is named by its place, from 0.
    files: Vec<UploadFileDto>,
    /// When the upload is removed, unless a circuit is imported from it.
    #[schema(value_type = schema::Time)]
    expires_at: String,
}

/// A file of an upload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UploadFile)]
pub(in crate::http) struct UploadFileDto {
    #[schema(value_type = schema::FileRole)]
    role: FileRole,
    /// Path in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::SourcePath>)]
    path: Option<String>,
    /// Length in bytes.
    size: u64,
    #[schema(value_type = schema::Sha256)]
    sha256: String,
    /// Number of parts.
    parts: u32,
    /// Numbers of the parts that were not received yet, from 0.
    missing: Vec<u32>,
}

impl UploadDto {
    /// `missing` has the missing parts of each file.
    pub(in crate::http) fn new(upload: Upload, missing: Vec<Vec<u32>>, direct: bool) -> Self {
        let files = upload.files.into_iter().zip(missing).map(|(file, missing)| UploadFileDto {
            role: file.role,
            parts: file.parts(),
            path: file.path.map(|path| path.to_string()),
            size: file.size,
            sha256: file.sha256.to_string(),
            missing,
        });
        Self {
            upload_id: upload.id.to_string(),
            part_bytes: PART_BYTES,
            direct,
            files: files.collect(),
            expires_at: upload.expires_at.to_string(),
        }
    }
}

/// Request for signed URLs of parts.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct PartsToSign {
    /// The parts.
    #[schema(min_items = 1, max_items = 256)]
    pub(in crate::http) parts: Vec<PartToSign>,
}

impl Content for PartsToSign {
    const MOST: usize = 64 * 1024;
}

/// A part that is sent to the bucket.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct PartToSign {
    /// Number of the part, from 0.
    pub(in crate::http) part: u32,
    /// SHA-256 of the part.
    #[schema(value_type = schema::Sha256)]
    pub(in crate::http) sha256: Digest,
}

/// Signed URLs, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedParts)]
pub(in crate::http) struct SignedPartsDto {
    parts: Vec<SignedPartDto>,
}

/// Where and how a part is sent: a `PUT` with these headers and the bytes of the part.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedPart)]
struct SignedPartDto {
    /// Number of the part.
    part: u32,
    /// URL in the bucket. Any client that has it can send the part.
    #[schema(value_type = schema::Url)]
    url: String,
    /// Headers of the request.
    #[schema(value_type = BTreeMap<String, schema::HeaderValue>)]
    headers: BTreeMap<String, String>,
}

impl SignedPartsDto {
    pub(in crate::http) fn new(parts: Vec<PartToSign>, signed: Vec<SignedPut>) -> Self {
        let parts = parts.into_iter().zip(signed);
        let parts = parts.map(|(PartToSign { part, .. }, SignedPut { url, headers })| SignedPartDto {
            part,
            url,
            headers: headers.into_iter().collect(),
        });
        Self { parts: parts.collect() }
    }
}

/// Request for a circuit from uploaded files.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"uploadId": "01890a5d-ac96-774b-bcce-b302099a8057", "main": "circuit.circom"}))]
pub(in crate::http) struct NewImport {
    /// Id of a complete upload.
    #[schema(value_type = schema::UploadId)]
    pub(in crate::http) upload_id: UploadId,
    /// Path of the main file; required if the source has several, and in an archive.
    #[schema(value_type = Option<schema::SourcePath>)]
    pub(in crate::http) main: Option<SourcePath>,
    /// Simplification of the source's constraints (default `O1`).
    #[schema(value_type = Option<schema::Simplification>)]
    pub(in crate::http) simplification: Option<Level>,
    /// `configured` verifies the key with the powers of tau of the server; the name of a published file, such as
    /// `powersOfTau28_hez_final_14.ptau`, does so if they are published ones. The default is the uploaded file, or none.
    #[schema(value_type = Option<schema::PowersChoice>)]
    pub(in crate::http) powers: Option<PowersChoice>,
    /// `tenant` (default) or `public`: every tenant that knows the id may read the circuit, prove and verify with it.
    #[schema(value_type = Option<schema::Visibility>)]
    pub(in crate::http) visibility: Option<Visibility>,
    /// Address that the end is sent to as a webhook. Its scheme, host and port are those of the tenant's address, see
    /// `PUT /v1/webhooks`.
    #[schema(value_type = Option<schema::Url>)]
    pub(in crate::http) callback: Option<SecretSetting>,
}

impl Content for NewImport {
    const MOST: usize = 4 * 1024;
}

/// A simplification of circom.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(in crate::http) enum Level {
    /// No simplification.
    O0,
    /// Removes equalities of signals.
    O1,
    /// Removes all linear constraints.
    O2,
}

impl From<Level> for Simplification {
    fn from(level: Level) -> Self {
        match level {
            Level::O0 => Self::None,
            Level::O1 => Self::Signals,
            Level::O2 => Self::Full,
        }
    }
}

/// Choice of powers of tau that are not uploaded.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::http) struct PowersChoice(OwnPowers);

impl TryFrom<String> for PowersChoice {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "configured" => Ok(Self(OwnPowers::Any)),
            name if Ceremony::of_file_name(name).is_some() => Ok(Self(OwnPowers::Published)),
            _ => Err("expected `configured`, or a name such as powersOfTau28_hez_final_14.ptau"),
        }
    }
}

impl From<PowersChoice> for OwnPowers {
    fn from(PowersChoice(powers): PowersChoice) -> Self {
        powers
    }
}

/// What a circuit was imported from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Import)]
pub(in crate::http) struct ImportDto {
    /// SHA-256 of each given file by its role; of all names and files for the source.
    #[schema(value_type = BTreeMap<String, schema::Sha256>)]
    files: BTreeMap<&'static str, String>,
    /// Path of the main file in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    main: Option<String>,
    /// Version and options of the compiler; absent if the files are given. Until the circuit is ready, the versions that
    /// the compiler is chosen from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Text>)]
    compiler: Option<String>,
    /// The given part that was not compared with the others; absent if all were. Without a source, wires and inputs are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<ClaimedPartDto>,
    /// Powers of tau that the given key was verified with.
    #[schema(value_type = schema::GivenPowers)]
    powers: GivenPowers,
    /// The inputs, public ones first; empty until the circuit is ready, and if there are more than 1024.
    inputs: Vec<InputDto>,
    /// The circuit of the Node service that this one was; absent for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeCircuitDto>,
}

/// A given part that was not compared with the others: the server has no compiler of the version that the given module says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClaimedPart)]
pub(in crate::http) struct ClaimedPartDto {
    /// `wasm`: the circuit has the compiled module instead. `source`: the circuit has the given r1cs, wasm and sym, and no
    /// source.
    #[schema(value_type = schema::UncomparedPart)]
    part: &'static str,
    /// Version of circom that the given module says, such as `2.1.9`.
    #[schema(value_type = schema::Version)]
    circom: String,
    /// Versions of the compilers that the server had, such as `circom 2.2.3`.
    #[schema(value_type = Vec<schema::Text>)]
    compilers: Vec<String>,
    /// The same as a sentence, with the setting that adds a compiler.
    #[schema(value_type = schema::Text)]
    message: String,
}

impl From<ClaimedPart> for ClaimedPartDto {
    fn from(claimed: ClaimedPart) -> Self {
        let message = claimed.to_string();
        let ClaimedPart { part, circom, compilers } = claimed;
        Self { part: part.as_str(), circom, compilers, message }
    }
}

/// A circuit of the Node service.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodeCircuit)]
pub(in crate::http) struct NodeCircuitDto {
    /// Its id there, which still names it.
    #[schema(value_type = schema::CircuitName)]
    circuit_id: String,
    /// Its template there.
    #[schema(value_type = schema::TemplateName)]
    template_name: String,
    /// Its parameters.
    #[schema(value_type = BTreeMap<String, schema::ParamValue>)]
    params: Map<String, Value>,
}

/// An input of an imported circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportedInput)]
pub(in crate::http) struct InputDto {
    #[schema(value_type = schema::Name)]
    name: String,
    /// `a value`, lengths such as `[3][2]`, or the fields of a bus.
    #[schema(value_type = schema::Text)]
    shape: String,
    /// Number of values.
    values: usize,
    /// Whether the proof discloses it.
    public: bool,
}

impl From<Import> for ImportDto {
    fn from(import: Import) -> Self {
        let given = import.given;
        let files = given.files.into_iter();
        let inputs = import.inputs.into_iter().map(|InputSignal { name, shape, public }| InputDto {
            name,
            shape: shape.to_string(),
            values: shape.size(),
            public,
        });
        Self {
            files: files.map(|(role, digest)| (role.as_str(), digest.to_string())).collect(),
            main: given.main,
            compiler: match import.claimed.as_ref().map(|claimed| claimed.part) {
                Some(Part::Source) => None,
                _ => import.compiler.or(given.compiler),
            },
            claimed: import.claimed.map(ClaimedPartDto::from),
            powers: given.powers,
            inputs: inputs.collect(),
            node: import.node.map(|node| NodeCircuitDto {
                circuit_id: node.id.to_string(),
                template_name: node.template.to_string(),
                params: node.params,
            }),
        }
    }
}
