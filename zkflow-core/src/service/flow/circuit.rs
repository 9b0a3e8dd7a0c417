//! `pending → ready | failed`; a repeated request restarts a failed circuit.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::service::catalog::{
    Circuit, CircuitStatus, DeployedContract, Document, Import, InvalidTransition, Life, Origin,
    StageProgress, Visibility,
};
use crate::service::clock::Timestamp;
use crate::service::store::ArtifactMeta;
use zkflow_circom::template::TemplateName;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Label;
use zkflow_groth16::report::CircuitReport;
use zkflow_groth16::setup::Weakness;

impl Circuit {
    /// A pending circuit from a template.
    pub fn new(
        circuit_hash: Digest,
        template: TemplateName,
        params: Map<String, Value>,
        now: Timestamp,
    ) -> Self {
        Self::of(circuit_hash, Origin::Template { template, params }, now)
    }

    /// A pending circuit from uploaded files.
    pub fn imported(circuit_hash: Digest, import: Import, now: Timestamp) -> Self {
        Self::of(circuit_hash, Origin::Import(Box::new(import)), now)
    }

    fn of(circuit_hash: Digest, origin: Origin, now: Timestamp) -> Self {
        Self {
            id: CircuitId::from_hash(&circuit_hash),
            circuit_hash,
            origin,
            life: Life::new(now),
            verification: None,
            artifacts: BTreeMap::new(),
            report: None,
            provenance: None,
            claimed: None,
            forgeable: None,
            visibility: Visibility::default(),
            deployment: None,
            replaces: None,
        }
    }

    /// Records how far the verification of an imported key is.
    ///
    /// # Errors
    /// The circuit is not pending.
    pub fn verifying(&mut self, progress: StageProgress, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.updated_at = now;
        self.verification = Some(progress);
        Ok(())
    }

    /// Makes the circuit ready. `label` is the reason of a key that any person can forge proofs for, if it has none.
    ///
    /// # Errors
    /// The circuit is not pending.
    pub fn complete(
        &mut self,
        artifacts: BTreeMap<String, ArtifactMeta>,
        report: CircuitReport,
        label: Result<Label, Weakness>,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.complete(CircuitStatus::Ready, spent, now);
        self.verification = None;
        self.artifacts = artifacts;
        self.report = Some(report);
        (self.provenance, self.claimed, self.forgeable) = match label {
            Ok(label) if label.is_claimed() => (None, Some(label.provenance()), None),
            Ok(label) => (Some(label.provenance()), None, None),
            Err(weakness) => (None, None, Some(weakness.to_string())),
        };
        Ok(())
    }

    /// Records a confirmed verifier contract.
    ///
    /// # Errors
    /// The circuit is not ready.
    pub fn deployed(&mut self, contract: DeployedContract, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require(CircuitStatus::Ready)?;
        self.deployment = Some(contract);
        self.life.updated_at = now;
        Ok(())
    }

    /// Makes a failed circuit pending again.
    ///
    /// # Errors
    /// The circuit has not failed.
    pub fn restart(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require(CircuitStatus::Failed)?;
        self.verification = None;
        self.life.restart(now);
        Ok(())
    }

    fn require(&self, status: CircuitStatus) -> Result<(), InvalidTransition> {
        if self.life.status == status { Ok(()) } else { Err(InvalidTransition::of(self)) }
    }
}
