//! [`Circuit`]: what it is made from, its state and its artifacts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::deployment::DeployedContract;
use super::document::Document;
use super::life::{Life, Named as _, Stage, Status, named};
use super::lookup::{Lookup, Prefix, Term};
use super::origin::{NO_TEMPLATE, Origin};
use super::subject::Subject;
use crate::service::clock::Timestamp;
use crate::service::queue::QueueName;
use crate::service::store::ArtifactMeta;
use crate::service::tenant::TenantId;
use zkflow_circom::template::TemplateName;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Provenance;
use zkflow_groth16::report::CircuitReport;

/// A template with parameters or imported files, and the state of its key generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// Derived from `circuit_hash`.
    #[serde(rename = "_id")]
    pub id: CircuitId,
    /// Identity of the circuit; see [`circuit_hash`](fn@crate::circuit::circuit_hash),
    /// [`Given::hash`](super::Given::hash) and [`TenantId::scoped`].
    pub circuit_hash: Digest,
    /// What the circuit is made from.
    #[serde(flatten)]
    pub origin: Origin,
    /// State of the key generation.
    #[serde(flatten)]
    pub life: Life<CircuitStatus, CircuitStage>,
    /// How far the verification of an imported key is; see [`stage_progress`](Self::stage_progress).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<StageProgress>,
    /// Artifacts by file name, such as `proving_key.zkey`; empty until the circuit is ready.
    pub artifacts: BTreeMap<String, ArtifactMeta>,
    /// Statistics of the R1CS; `None` until the circuit is ready.
    pub report: Option<CircuitReport>,
    /// Origin of the keys; `None` until the circuit is ready, and if it is only [claimed](Self::claimed).
    pub provenance: Option<Provenance>,
    /// Origin of imported keys by their own contributions, which were not compared with the circuit and the powers of
    /// tau. `None` if there is a [`provenance`](Self::provenance).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Provenance>,
    /// Reason why any person can forge proofs for the keys, which come from the Node service: they prove, and are never
    /// deployed. `None` if there is a `provenance` or a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgeable: Option<String>,
    /// Who may use the circuit.
    #[serde(default)]
    pub visibility: Visibility,
    /// Most recently confirmed verifier contract.
    #[serde(default)]
    pub deployment: Option<DeployedContract>,
    /// The keys of the same circuit before it was deleted: these are others. `None` if it was never deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Removed>,
}

impl Circuit {
    /// How far the present stage is; `None` if that is not known.
    pub fn stage_progress(&self) -> Option<&StageProgress> {
        let is_running = !self.is_final() && self.life.stage == CircuitStage::Setup;
        self.verification.as_ref().filter(|_| is_running)
    }

    /// Fraction of the work that is finished, from 0 (queued) to 1 (done).
    pub fn progress(&self) -> f32 {
        self.life.progress_within(self.stage_progress().map_or(0.0, StageProgress::share))
    }

    /// Whether `tenant` may read the circuit, prove with it and verify with it.
    pub fn is_visible_to(&self, tenant: &TenantId) -> bool {
        self.life.tenant == *tenant || self.visibility == Visibility::Public
    }

    /// The origin of the keys in a word; `None` if there are no keys.
    pub fn key_label(&self) -> Option<KeyLabel> {
        if self.forgeable.is_some() {
            return Some(KeyLabel::Forgeable);
        }
        if self.claimed.is_some() {
            return Some(KeyLabel::Claimed);
        }
        self.provenance.map(|provenance| match provenance {
            Provenance::SingleOperator => KeyLabel::SingleOperator,
            Provenance::Ceremony(_) => KeyLabel::Ceremony,
            _ => KeyLabel::Development,
        })
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProgress {
    /// What is done now.
    pub doing: Verification,
    /// Number of the step, from 1.
    pub step: u8,
    /// Number of steps.
    pub steps: u8,
    /// Hundredths of the step that are done.
    pub percent: u8,
}

impl StageProgress {
    /// Fraction of the stage that is done.
    fn share(&self) -> f32 {
        let before = f32::from(self.step.saturating_sub(1));
        let share = (before + f32::from(self.percent) / 100.0) / f32::from(self.steps.max(1));
        share.clamp(0.0, 1.0)
    }
}

named! {
    /// A step of the verification of an imported key.
    Verification {
        /// The points of uploaded powers of tau are verified.
        Powers = "verify_powers",
        /// The points of the key are compared with the circuit and its powers of tau.
        Key = "verify_key",
    }
}

/// Keys that were deleted with their circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// SHA-256 of the proving key.
    pub proving_key: Digest,
    /// When the circuit was deleted.
    pub removed_at: Timestamp,
}

named! {
    /// Who may read a circuit, prove with it and verify with it. Only its owner may deploy and delete it.
    Visibility {
        /// The tenant that owns it.
        Tenant = "tenant",
        /// Every tenant that knows its id.
        Public = "public",
    }
}

named! {
    /// Origin of the keys of a circuit, in a word.
    KeyLabel {
        /// [`Provenance::Development`], verified.
        Development = "development",
        /// [`Provenance::SingleOperator`], verified.
        SingleOperator = "single-operator",
        /// [`Provenance::Ceremony`], verified.
        Ceremony = "ceremony",
        /// Only [claimed](Circuit::claimed).
        Claimed = "claimed",
        /// [Any person](Circuit::forgeable) can forge proofs.
        Forgeable = "forgeable",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro writes the derives")]
impl Default for Visibility {
    fn default() -> Self {
        Self::Tenant
    }
}

named! {
    /// State of a circuit.
    CircuitStatus {
        /// Key generation is not finished.
        Pending = "pending",
        /// All artifacts are stored.
        Ready = "ready",
        /// Key generation failed; a repeated request restarts it.
        Failed = "failed",
    }

    /// Stages of key generation, in order.
    CircuitStage {
        /// Waits for a worker.
        Queued = "queued",
        /// circom compiles the source; imported files are gathered and compared.
        Compile = "compile",
        /// The keys are generated; an imported key is verified.
        Setup = "setup",
        /// The artifacts are stored.
        Store = "store",
        /// Key generation is finished.
        Done = "done",
    }
}

impl Status for CircuitStatus {
    const PENDING: Self = Self::Pending;
    const FAILED: Self = Self::Failed;
}

impl Stage for CircuitStage {}

impl Document for Circuit {
    type Id = CircuitId;
    type Status = CircuitStatus;
    type Stage = CircuitStage;
    type Key = CircuitKey;
    type Filter = CircuitFilter;

    const KIND: &'static str = "circuit";
    const COLLECTION: &'static str = "circuits";
    const QUEUE: QueueName = QueueName::KeyGeneration;
    const DERIVED: &'static [&'static str] = &[KEY_LABEL, NAME];

    fn id(&self) -> &CircuitId {
        &self.id
    }

    fn life(&self) -> &Life<CircuitStatus, CircuitStage> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<CircuitStatus, CircuitStage> {
        &mut self.life
    }

    fn key(&self) -> Option<CircuitKey> {
        Some(CircuitKey { circuit_hash: self.circuit_hash })
    }

    fn fields(&self) -> Vec<Term> {
        let template = self.origin.template().map_or(NO_TEMPLATE, TemplateName::as_str);
        vec![
            Term::text("circuit_hash", self.circuit_hash),
            Term::text("template", template),
            Term::optional(KEY_LABEL, self.key_label().map(KeyLabel::as_str)),
            Term::text(NAME, self.origin.name().to_ascii_lowercase()),
        ]
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Circuit(self.id.clone()))
    }

    fn with_status(status: CircuitStatus) -> CircuitFilter {
        CircuitFilter { status: Some(status), ..CircuitFilter::default() }
    }

    fn of_tenant(filter: CircuitFilter, tenant: TenantId) -> CircuitFilter {
        CircuitFilter { tenant: Some(tenant), ..filter }
    }
}

/// The field with the [`KeyLabel`].
const KEY_LABEL: &str = "key_label";
/// The field with the [name](Origin::name) in lower case.
const NAME: &str = "name";

/// Unique key of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitKey {
    /// Hash of everything that determines the circuit.
    pub circuit_hash: Digest,
}

impl Lookup for CircuitKey {
    fn terms(&self) -> Vec<Term> {
        vec![Term::text("circuit_hash", self.circuit_hash)]
    }
}

/// Conditions on the listed circuits; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct CircuitFilter {
    pub tenant: Option<TenantId>,
    pub template: Option<TemplateName>,
    pub status: Option<CircuitStatus>,
    pub key_label: Option<KeyLabel>,
    /// How the id, the circuit hash or the [name](Origin::name) begins, in capitals or not.
    pub search: Option<String>,
}

impl Lookup for CircuitFilter {
    fn terms(&self) -> Vec<Term> {
        let template = self.template.as_ref().map(|template| Term::text("template", template));
        let tenant = self.tenant.as_ref().map(Term::tenant);
        let label = self.key_label.map(|label| Term::optional(KEY_LABEL, Some(label.as_str())));
        tenant.into_iter().chain(template).chain(self.status.map(Term::status)).chain(label).collect()
    }

    fn prefix(&self) -> Option<Prefix> {
        // The id is how the hash begins.
        let text = self.search.as_ref()?.to_ascii_lowercase();
        Some(Prefix { fields: &["circuit_hash", NAME], text })
    }
}
