//! Schemas of types that other crates define, each under a name of its own.

#![cfg_attr(not(feature = "evm"), allow(dead_code, reason = "schemas of deployments"))]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zkflow_core::circuit::{FileName as File, Part};
use zkflow_core::service::catalog::{self, Named};
use zkflow_core::service::queue::QueueName;
use zkflow_store::vault::sealing::SUITE;

use super::codes::CODES;
use crate::service::{ceremonies, jobs};

/// `Name[schemas that it refers to] = JSON schema`. The doc comment is the description.
macro_rules! schemas {
    ($($(#[doc = $doc:literal])+ $name:ident $([$($part:ident),+])? = $schema:expr;)+) => { $(
        $(#[doc = $doc])+
        pub(in crate::http) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let mut schema: Value = $schema;
                schema["description"] = [$($doc.trim()),+].join(" ").into();
                // Expect safety: a test reads the whole description.
                serde_json::from_value(schema).expect(concat!("the schema of ", stringify!($name)))
            }
        }

        impl ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $($(
                    schemas.push((stringify!($part).to_owned(), $part::schema()));
                )+)?
                let _ = schemas;
            }
        }
    )+ };
}

schemas! {
    /// Id of a circuit: 32 lower-case hex digits.
    CircuitId = pattern("^[0-9a-f]{32}$");
    /// Id of a circuit: 32 lower-case hex digits, or the 24 of an imported circuit's id in the Node service.
    CircuitName = pattern("^([0-9a-f]{24}|[0-9a-f]{32})$");
    /// Name of a template: a letter, then at most 63 letters, digits, `_` or `-`.
    TemplateName = pattern("^[A-Za-z][A-Za-z0-9_-]{0,63}$");
    /// Id of a proof request: a lower-case UUID.
    ProofRequestId = uuid();
    /// Id of a proof request: a lower-case UUID, or the 24 hex digits of an imported request's id in the Node service.
    ProofRequestName = pattern("^([0-9a-f]{24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$");
    /// Id of a deployment: a lower-case UUID.
    DeploymentId = uuid();
    /// Id of a delivery: a lower-case UUID.
    DeliveryId = uuid();
    /// Id of an upload: a lower-case UUID.
    UploadId = uuid();
    /// Id of a process that runs jobs: a lower-case UUID.
    WorkerId = uuid();
    /// Id of a ceremony: a lower-case UUID.
    CeremonyId = uuid();
    /// Path of a source file: at most 16 segments of letters, digits and `@ + . _ -`, joined by `/`.
    SourcePath = pattern("^[A-Za-z0-9@+._/-]+\\.circom$");
    /// Purpose of a file.
    FileRole = named::<catalog::FileRole>();
    /// A step of the verification of an imported key.
    Verification = named::<catalog::Verification>();
    /// Powers of tau that an imported key is verified with.
    GivenPowers = named::<catalog::GivenPowers>();
    /// Given part that was not compared with the others.
    UncomparedPart = values(Part::ALL.iter().map(|part| part.as_str()));
    /// Powers of tau that are not uploaded: `configured`, or the name of a published file.
    PowersChoice = json!({"type": "string", "pattern": "^(configured|powersOfTau28_hez_final(_[0-9]{2})?\\.ptau)$"});
    /// Name of published powers of tau.
    PublishedPowers = pattern("^powersOfTau28_hez_final(_[0-9]{2})?\\.ptau$");
    /// Simplification of the constraints, as circom's `--O0`, `--O1` and `--O2`.
    Simplification = json!({"type": "string", "enum": ["O0", "O1", "O2"]});
    /// The service that recorded a contract.
    Recorder = json!({"type": "string", "enum": ["node"]});
    /// How a contract came to the chain: deployed by the service, or there before.
    ContractKind = json!({"type": "string", "enum": ["deployed", "bound"]});
    /// Bytes.
    Bytes = json!({"type": "string", "format": "binary"});
    /// Id of a key of the API: a lower-case UUID.
    KeyId = uuid();
    /// Name of a key of the API: 1 to 128 characters, without control characters.
    KeyName = json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"});
    /// Owner of documents: 1 to 64 lower-case letters, digits, `-`, `_` and `.`.
    Tenant = json!({"type": "string", "pattern": "^[a-z0-9._-]+$", "minLength": 1, "maxLength": 64});
    /// A tenant, or `*`: every tenant.
    Tenants = json!({"type": "string", "pattern": "^([a-z0-9._-]+|\\*)$", "minLength": 1, "maxLength": 64});
    /// Permission of a caller.
    Scope = named::<catalog::Scope>();
    /// User of a request: 1 to 128 visible ASCII characters.
    UserId = json!({"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 128});
    /// Identifies repeats of one request: 1 to 128 visible ASCII characters.
    IdempotencyKey = json!({"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 128});
    /// Identifies repeats of one batch: 1 to 120 visible ASCII characters.
    BatchKey = json!({"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 120});
    /// SHA-256 in lower-case hex digits.
    Sha256 = pattern("^[0-9a-f]{64}$");
    /// BLAKE2b-512 in lower-case hex digits.
    Blake2b = pattern("^[0-9a-f]{128}$");
    /// Address of an account or a contract: `0x` and 40 hex digits.
    Address = pattern("^0x[0-9a-fA-F]{40}$");
    /// Hash of a transaction: `0x` and 64 hex digits.
    TransactionHash = pattern("^0x[0-9a-f]{64}$");
    /// Bytes or a number as `0x` and hex digits.
    Hex = pattern("^0x[0-9a-fA-F]*$");
    /// Private key: 64 hex digits.
    PrivateKey = pattern("^(0x)?[0-9a-fA-F]{64}$");
    /// Address on the web.
    Url = json!({"type": "string", "format": "uri"});
    /// Time in UTC.
    Time = json!({"type": "string", "format": "date-time"});
    /// Bytes in lower-case hex digits.
    HexDigits = pattern("^([0-9a-f]{2})+$");
    /// Message authentication code in lower-case hex digits.
    Mac = pattern("^[0-9a-f]{64}$");
    /// Text for people. Its words may change between versions.
    Text = json!({"type": "string"});
    /// Text that others chose, such as the name of a signer, of a signal, or an expression of a source.
    Name = json!({"type": "string"});
    /// Identifier in a source: letters, digits, `_` and `$`.
    Identifier = pattern("^[A-Za-z_$][A-Za-z0-9_$]*$");
    /// JSON as text.
    JsonText = json!({"type": "string", "contentMediaType": "application/json"});
    /// Value of a header.
    HeaderValue = pattern("^[ -~]*$");
    /// Version of a program, as in Semantic Versioning.
    Version = pattern(VERSION);
    /// Full version of the Solidity compiler, such as `0.8.30+commit.73712a01`.
    SolidityVersion = pattern(VERSION);
    /// Numbers in hexadecimal and arrays of them, as arguments of a call in Solidity.
    SolidityArguments = pattern("^[0-9a-fx\\[\\]\", ]+$");
    /// Non-negative integer in decimal digits, below the modulus of the field.
    Decimal = pattern("^[0-9]+$");
    /// Non-negative integer: a number up to 2^53 - 1, or a decimal string of any size.
    Whole[Decimal] = json!({"oneOf": [exact(), reference("Decimal")]});

    /// Value of an input: a number, or an array in the shape of the signal.
    InputValue[Decimal] = nested(3);
    /// Value of a parameter: a number, a boolean, or an array of them.
    ParamValue[Decimal] = {
        let one = json!([exact(), reference("Decimal"), {"type": "boolean"}]);
        json!({"oneOf": [one[0], one[1], one[2], {"type": "array", "items": {"oneOf": one}}]})
    };

    /// Proof in the format of snarkjs' `proof.json`.
    Groth16Proof[Decimal] = {
        let point = json!({"type": "array", "items": reference("Decimal"), "minItems": 3, "maxItems": 3});
        let pair = json!({"type": "array", "items": reference("Decimal"), "minItems": 2, "maxItems": 2});
        let properties = json!({
            "pi_a": point,
            "pi_b": {"type": "array", "items": pair, "minItems": 3, "maxItems": 3},
            "pi_c": point,
            "protocol": {"type": "string", "enum": ["groth16"]},
            "curve": {"type": "string", "enum": ["bn128"]},
        });
        let required = ["pi_a", "pi_b", "pi_c", "protocol", "curve"];
        json!({"type": "object", "properties": properties, "required": required})
    };

    /// Name of a file of a circuit, or the short name of the Node service.
    FileName = values(File::ALL.iter().flat_map(|name| [name.as_str(), name.short_name()]));
    /// Status of a circuit.
    CircuitStatus = named::<catalog::CircuitStatus>();
    /// Origin of the keys of a circuit: a verified label, `claimed`, or `forgeable`.
    KeyLabel = named::<catalog::KeyLabel>();
    /// Current stage of a circuit, or the stage that failed.
    CircuitStage = named::<catalog::CircuitStage>();
    /// Status of a proof request.
    ProofStatus = named::<catalog::ProofStatus>();
    /// Current stage of a proof request, or the stage that failed.
    ProofStage = named::<catalog::ProofStage>();
    /// Status of a deployment.
    DeploymentStatus = named::<catalog::DeploymentStatus>();
    /// Current stage of a deployment, or the stage that failed.
    DeploymentStage = named::<catalog::DeploymentStage>();
    /// Status of a ceremony.
    CeremonyStatus = named::<catalog::CeremonyStatus>();
    /// Present work on a ceremony, or the work that failed.
    CeremonyStage = named::<catalog::CeremonyStage>();
    /// Name of a file of a ceremony.
    CeremonyFile = json!({"type": "string", "enum": [ceremonies::KEY_FILE, ceremonies::CONSTRAINTS_FILE, ceremonies::RECORD_FILE]});
    /// Day in UTC.
    Day = json!({"type": "string", "format": "date"});
    /// What was done.
    AuditAction = named::<catalog::AuditAction>();
    /// Status of a delivery.
    DeliveryStatus = named::<catalog::DeliveryStatus>();
    /// Stable code of an error. `docs/errors.md` explains each.
    ErrorCode = values(CODES.iter().map(|code| code.code.as_str()));
    /// Reason of a warning about signals.
    WarningKind = json!({"type": "string", "enum": ["unconstrained_signal", "undetermined_output", "unused_input"]});
    /// Type of a parameter, or of each of its elements.
    ParameterType = json!({"type": "string", "enum": ["uint", "field", "bool"]});
    /// Name of a queue of jobs.
    Queue = values(QueueName::ALL.iter().map(|queue| queue.as_str()));
    /// Stage of a circuit, a proof request, a deployment, a ceremony or a delivery.
    JobStage = {
        let stages = names::<catalog::CircuitStage>()
            .chain(names::<catalog::ProofStage>())
            .chain(names::<catalog::DeploymentStage>())
            .chain(names::<catalog::CeremonyStage>())
            .chain(names::<catalog::DeliveryStage>());
        values(stages.collect::<BTreeSet<_>>().into_iter())
    };
    /// Id of the document of a job: 32 hex digits or a UUID; the task of a job of the queue `cleanup`.
    JobSubject = pattern("^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|expired|orphans)$");
    /// Id of the document of a job, as the request has it: at most 128 characters.
    ChosenSubject = json!({"type": "string", "maxLength": 128});
    /// Document that an event is about: its kind, and its id.
    DeliverySubject = pattern("^(circuit/[0-9a-f]{32}|(proof|deployment)/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$");
    /// Length of a window of activity.
    WindowName = json!({"type": "string", "enum": ["hour", "day", "week"]});
    /// Purpose of a backend.
    BackendName = json!({"type": "string", "enum": ["catalog", "queue", "store"]});
    /// Program behind a backend.
    BackendKind = json!({"type": "string", "enum": ["SQLite", "MongoDB", "Redis", "files", "S3"]});
    /// What a limit is for: `bodies` in bytes, `downloads` or `watchers`.
    BudgetName = json!({"type": "string", "enum": ["bodies", "downloads", "watchers"]});
    /// Purpose of a folder.
    FolderName = json!({"type": "string", "enum": ["data", "artifacts", "keys", "modules"]});
    /// Data that can be computed or loaded again: `circuits` in memory, or a folder.
    CacheName = json!({"type": "string", "enum": ["circuits", "artifacts", "keys", "modules"]});
    /// Whether a process serves requests.
    ReadinessStatus = json!({"type": "string", "enum": ["ready", "unavailable", "starting", "draining"]});
    /// Status of a process that answers.
    HealthStatus = json!({"type": "string", "enum": ["ok"]});
    /// Kernel of a prover.
    KernelName = json!({"type": "string", "enum": ["ifma", "avx2", "portable"]});
    /// Name of a prover.
    ProverName = json!({"type": "string", "enum": ["native", "ark", "cuda"]});
    /// Algorithms of HPKE (RFC 9180).
    SealingSuite = json!({"type": "string", "enum": [SUITE]});
    /// Position in a list.
    Cursor = pattern("^[0-9a-f]+$");
    /// Position in a list of usage: day, tenant and circuit.
    UsageCursor = pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}/[a-z0-9._-]+/[0-9a-f]{32}$");
    /// Path of a download on this server.
    ArtifactPath = pattern("^/v1/circuits/[0-9a-f]{32}/artifacts/[a-z0-9_.]+$");
    /// Secret that events are signed with: `whsec_` and base64.
    WebhookSecret = pattern("^whsec_[A-Za-z0-9+/]+={0,2}$");
    /// Key of the API: `zk_` and 64 hex digits.
    ApiKey = pattern("^zk_[0-9a-f]{64}$");
    /// Token of a session of the dashboard: 64 hex digits.
    SessionToken = pattern("^[0-9a-f]{64}$");
    /// Secret of a contributor: 64 hex digits.
    ContributorToken = pattern("^[0-9a-f]{64}$");
    /// State of a job.
    JobStatus = values(jobs::JobStatus::NAMES.into_iter());
    /// Whether other tenants may use a circuit.
    Visibility = named::<catalog::Visibility>();
    /// Forms of numbers in inputs.
    NumberRule = json!({"type": "string", "enum": ["exact", "lenient"]});
    /// Origin of the keys of a circuit; a ceremony has its number of contributions.
    Provenance = {
        let properties = json!({"ceremony": {"type": "integer", "minimum": 0}});
        let ceremony = json!({"type": "object", "properties": properties, "required": ["ceremony"]});
        json!({"oneOf": [{"type": "string", "enum": ["development", "single-operator"]}, ceremony]})
    };
}

/// Versions of programs.
const VERSION: &str = "^[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$";

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn uuid() -> Value {
    let pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
    json!({"type": "string", "format": "uuid", "pattern": pattern})
}

/// An integer that JSON tools do not round.
fn exact() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": (1u64 << 53) - 1})
}

/// Numbers in arrays. The schema cannot refer to itself, because TypeScript refuses such a type: what is deeper than
/// `depth` is not described.
fn nested(depth: u32) -> Value {
    match depth {
        0 => json!({}),
        _ => json!({"oneOf": [exact(), reference("Decimal"), {"type": "array", "items": nested(depth - 1)}]}),
    }
}

fn values<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": names.collect::<Vec<_>>()})
}

fn named<T: Named>() -> Value {
    values(names::<T>())
}

fn names<T: Named>() -> impl Iterator<Item = &'static str> {
    T::ALL.iter().map(|value| value.as_str())
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
