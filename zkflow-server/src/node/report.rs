//! The report of an import: what came, and what could not.

use serde::Serialize;
use zkflow_core::error::{Chain, Classified};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Circuit, NodeContract};

/// Version of the JSON form.
const VERSION: u32 = 1;
/// Refused proof requests that the report names; the others are counted.
const NAMED: usize = 1000;
/// Longest foreign text in a line, in characters.
const LONGEST: usize = 300;

/// What an import did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    version: u32,
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// One line for each circuit of the Node service.
    pub circuits: Vec<CircuitLine>,
    /// The proof requests.
    pub proofs: Proofs,
}

impl Report {
    pub(super) fn new(dry_run: bool, circuits: Vec<CircuitLine>, proofs: Proofs) -> Self {
        Self { version: VERSION, dry_run, circuits, proofs }
    }

    /// Whether everything came.
    pub fn is_complete(&self) -> bool {
        self.proofs.refused == 0
            && !self.circuits.iter().any(|line| matches!(line.outcome, Outcome::Refused(_)))
    }
}

/// What became of a circuit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitLine {
    /// Its id in the Node service, as far as there is one.
    pub old_id: String,
    /// Its template there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Its verifier contract, as the Node service recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<NodeContract>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl CircuitLine {
    /// A circuit whose document says nothing else.
    pub(super) fn refused(old_id: String, refusal: Refusal) -> Self {
        Self { old_id, template: None, contract: None, outcome: Outcome::Refused(refusal) }
    }
}

/// What became of a circuit.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// It was imported.
    Imported(Arrival),
    /// It was imported before, or is the same as another one.
    Present(Arrival),
    /// It could not come.
    Refused(Refusal),
}

impl Outcome {
    pub(super) fn circuit_id(&self) -> Option<&CircuitId> {
        match self {
            Self::Imported(arrival) | Self::Present(arrival) => Some(&arrival.circuit_id),
            Self::Refused(_) => None,
        }
    }
}

/// A circuit that came.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Arrival {
    /// Its id.
    pub circuit_id: CircuitId,
    /// The label of its keys, or `forgeable`.
    pub label: String,
    /// Why any person can forge proofs for its keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forgeable: Option<String>,
    /// What differs from the Node service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Arrival {
    pub(super) fn of(circuit: &Circuit, notes: Vec<String>) -> Self {
        let label = match (&circuit.provenance, &circuit.claimed) {
            (Some(provenance), _) => provenance.to_string(),
            (None, Some(claimed)) => format!("claimed {claimed}"),
            (None, None) => "forgeable".to_owned(),
        };
        Self { circuit_id: circuit.id.clone(), label, forgeable: circuit.forgeable.clone(), notes }
    }
}

/// What became of the proof requests.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proofs {
    /// They were imported.
    pub imported: u64,
    /// They were imported before.
    pub present: u64,
    /// Their time is over.
    pub expired: u64,
    /// They could not come.
    pub refused: u64,
    /// The first of those that could not come.
    pub refusals: Vec<ProofLine>,
}

impl Proofs {
    pub(super) fn refuse(&mut self, old_id: String, refusal: Refusal) {
        self.refused += 1;
        if self.refusals.len() < NAMED {
            self.refusals.push(ProofLine { old_id, refusal });
        }
    }
}

/// A proof request that could not come.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofLine {
    /// Its id in the Node service, as far as there is one.
    pub old_id: String,
    /// The reason.
    #[serde(flatten)]
    pub refusal: Refusal,
}

/// Why a document could not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Stable code.
    pub code: String,
    /// Sentence for people.
    pub reason: String,
}

impl Refusal {
    pub(super) fn new(code: &str, reason: impl AsRef<str>) -> Self {
        Self { code: code.to_owned(), reason: shortened(reason.as_ref()) }
    }

    /// The document does not have the form of the Node service's.
    pub(super) fn malformed(reason: impl AsRef<str>) -> Self {
        Self::new("malformed_document", reason)
    }

    pub(super) fn of<E: Classified + 'static>(error: &E) -> Self {
        Self::new(error.code(), Chain(error).to_string())
    }
}

/// At most [`LONGEST`] characters of a text.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
