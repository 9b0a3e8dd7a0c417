//! [`Subject`]: the document that an event is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zkflow_groth16::id::CircuitId;

use crate::service::id::{DeploymentId, ProofId};

/// A document that an event is about. Its text is `circuit/ID`, `proof/ID` or `deployment/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// A circuit.
    Circuit(CircuitId),
    /// A proof request.
    Proof(ProofId),
    /// A deployment.
    Deployment(DeploymentId),
}

/// The text is not that of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject: expected circuit/ID, proof/ID or deployment/ID")]
pub struct NotASubject;

const CIRCUIT: &str = "circuit";
const PROOF: &str = "proof";
const DEPLOYMENT: &str = "deployment";

impl Subject {
    /// Kind of the document: `circuit`, `proof` or `deployment`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Circuit(_) => CIRCUIT,
            Self::Proof(_) => PROOF,
            Self::Deployment(_) => DEPLOYMENT,
        }
    }

    /// Id of the document.
    pub fn id(&self) -> &str {
        match self {
            Self::Circuit(id) => id.as_str(),
            Self::Proof(id) => id.as_str(),
            Self::Deployment(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.id())
    }
}

impl FromStr for Subject {
    type Err = NotASubject;

    fn from_str(text: &str) -> Result<Self, NotASubject> {
        match text.split_once('/') {
            Some((CIRCUIT, id)) => id.parse().map(Self::Circuit).map_err(|_| NotASubject),
            Some((PROOF, id)) => id.parse().map(Self::Proof).map_err(|_| NotASubject),
            Some((DEPLOYMENT, id)) => id.parse().map(Self::Deployment).map_err(|_| NotASubject),
            _ => Err(NotASubject),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = NotASubject;

    fn try_from(text: String) -> Result<Self, NotASubject> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}
