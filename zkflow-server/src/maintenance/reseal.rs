//! Seals everything with the current key of the vault again, while servers run: an earlier key is then needed no more.
//!
//! | what | how |
//! |---|---|
//! | inputs and callbacks in documents | written with the document, if it did not change meanwhile |
//! | inputs and secrets that are artifacts | replaced in their place; destroyed again if their document ended meanwhile |
//! | webhooks of a tenant | written to the place of the current key, unless a newer text is there |
//! | record and tape of a circuit | written beside the old ones; then the document names the new ones; then the old ones go |
//! | audit log | one entry, whose seal covers all before it |
//!
//! Each step can be repeated. After a crash, the next run continues.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use zkflow_core::circuit::FileName;
use zkflow_core::service::catalog::{
    CatalogError, Circuit, CircuitFilter, CircuitStage, CircuitStatus, Delivery, DeliveryFilter, Deployment,
    DeploymentStage, DeploymentStatus, Document, ProofRequest, ProofStatus, Stored,
};
use zkflow_core::service::store::{
    ArtifactKey, ArtifactMeta, ArtifactPath, Generation, PutMode, StoreError, Unit,
};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::setup::SetupRecord;
use zkflow_store::Vault;
use zkflow_store::vault::VaultError;

use super::audit::{self, NotCovered};
use super::tape::{self, Seal};
use super::{Data, DataError, documents, manifest};

/// Numbers of what a pass sealed again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Documents with inputs, or an address of a callback.
    pub documents: u64,
    /// Inputs and secrets that are artifacts.
    pub artifacts: u64,
    /// Tenants with webhooks.
    pub tenants: u64,
    /// Records and tapes of circuits.
    pub files: u64,
    /// Documents that a worker works on: a later pass looks at them again.
    pub in_work: u64,
    /// What no key of the vault sealed, or what was altered. It stays as it is.
    pub foreign: u64,
}

impl Resealed {
    /// Whether everything is sealed with the current key.
    pub fn is_done(&self) -> bool {
        let Self { documents, artifacts, tenants, files, in_work, foreign: _ } = *self;
        documents + artifacts + tenants + files + in_work == 0
    }

    fn add(&mut self, more: &Self) {
        self.documents += more.documents;
        self.artifacts += more.artifacts;
        self.tenants += more.tenants;
        self.files += more.files;
        // Of the last pass.
        self.in_work = more.in_work;
        self.foreign = more.foreign;
    }
}

/// What happens during a run, for people.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A pass is over.
    Pass(&'a Resealed),
    /// Something stays as it is, for this reason.
    Left(&'a str),
}

/// Makes passes until everything is sealed with the current key, covers the audit log, and records that the store needs no
/// other key. Waits for `pause` between two passes, since readers may still use the places of files that are replaced.
///
/// # Errors
/// No server has started with the current key; the audit log has a fault; a backend fails.
pub async fn run(
    data: &Data,
    actor: &str,
    pause: Duration,
    report: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Resealed, ResealError> {
    data.vault.check().await.map_err(DataError::from)?;
    if !data.vault.is_claimed().await.map_err(DataError::from)? {
        return Err(ResealError::Unclaimed);
    }
    let mut total = Resealed::default();
    let mut seen = HashSet::new();
    loop {
        let done = pass(data, &mut seen, report).await?;
        total.add(&done);
        report(Progress::Pass(&done));
        if done.is_done() {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    audit::cover(data, &TenantId::default(), actor).await?;
    data.vault.settle().await.map_err(DataError::from)?;
    Ok(total)
}

async fn pass(
    data: &Data,
    seen: &mut HashSet<ArtifactKey>,
    report: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Resealed, DataError> {
    let mut pass = Pass { data, seen, report, done: Resealed::default() };
    pass.circuits().await?;
    pass.proofs().await?;
    pass.deployments().await?;
    // After the others, which may owe deliveries.
    pass.deliveries().await?;
    pass.webhooks().await?;
    Ok(pass.done)
}

struct Pass<'a> {
    data: &'a Data,
    /// Files that are sealed with the current key, in this pass or an earlier one.
    seen: &'a mut HashSet<ArtifactKey>,
    report: &'a mut (dyn FnMut(Progress<'_>) + Send),
    done: Resealed,
}

impl Pass<'_> {
    async fn circuits(&mut self) -> Result<(), DataError> {
        let mut circuits = pin!(documents::<Circuit>(self.data, CircuitFilter::default()));
        while let Some(circuit) = circuits.try_next().await? {
            if circuit.life.status == CircuitStatus::Ready {
                self.files(circuit).await?;
            } else if circuit.life.callback.is_some() {
                let begun = circuit.life.stage != CircuitStage::Queued;
                self.document(circuit, begun, callback).await?;
            }
        }
        Ok(())
    }

    async fn proofs(&mut self) -> Result<(), DataError> {
        let pending = ProofRequest::with_status(ProofStatus::Pending);
        let mut proofs = pin!(documents::<ProofRequest>(self.data, pending));
        while let Some(proof) = proofs.try_next().await? {
            if proof.inputs.is_none() {
                let (data, id) = (self.data, proof.id.clone());
                if self.artifact(data.vault.reseal(&proof)).await? {
                    let present = data.catalog.proofs().get(&id).await?;
                    if present.is_none_or(|present| present.is_final()) {
                        data.vault.destroy(&id).await?;
                    }
                }
            }
            self.document(proof, false, inputs).await?;
        }
        Ok(())
    }

    async fn deployments(&mut self) -> Result<(), DataError> {
        let pending = Deployment::with_status(DeploymentStatus::Pending);
        let mut deployments = pin!(documents::<Deployment>(self.data, pending));
        while let Some(deployment) = deployments.try_next().await? {
            let (data, id) = (self.data, deployment.id.clone());
            if self.artifact(data.vault.reseal_deployment(&deployment)).await? {
                let present = data.catalog.deployments().get(&id).await?;
                if present.is_none_or(|present| present.is_final()) {
                    data.vault.destroy_deployment(&id).await?;
                }
            }
            let begun = deployment.life.stage != DeploymentStage::Queued;
            self.document(deployment, begun, callback).await?;
        }
        Ok(())
    }

    async fn deliveries(&mut self) -> Result<(), DataError> {
        let mut deliveries = pin!(documents::<Delivery>(self.data, DeliveryFilter::default()));
        while let Some(delivery) = deliveries.try_next().await? {
            // Its address is needed after the end, too: it may be sent again.
            self.document(delivery, false, address).await?;
        }
        Ok(())
    }

    async fn webhooks(&mut self) -> Result<(), DataError> {
        let mut keys = self.data.store.list(ArtifactPath::WEBHOOKS);
        while let Some(key) = keys.try_next().await? {
            let Ok(ArtifactPath::Webhooks { tenant, .. }) = key.as_str().parse() else { continue };
            let moved = self.opened(self.data.vault.reseal_webhooks(&tenant).await)?;
            self.done.tenants += u64::from(moved);
        }
        Ok(())
    }

    /// Seals an artifact again; returns whether it did.
    async fn artifact(
        &mut self,
        resealed: impl Future<Output = Result<bool, VaultError>>,
    ) -> Result<bool, DataError> {
        let changed = self.opened(resealed.await)?;
        self.done.artifacts += u64::from(changed);
        Ok(changed)
    }

    /// Changes a document, however often it is changed meanwhile. If its worker has `begun`, its change would make the work
    /// begin again: the document is left to a later pass.
    async fn document<D: Stored>(
        &mut self,
        mut document: D,
        begun: bool,
        change: fn(&Vault, &mut D) -> Result<bool, VaultError>,
    ) -> Result<(), DataError> {
        loop {
            if !self.opened(change(&self.data.vault, &mut document))? {
                return Ok(());
            }
            if begun {
                self.done.in_work += 1;
                return Ok(());
            }
            let id = document.id().clone();
            match D::collection(&*self.data.catalog).replace(document).await {
                Err(CatalogError::Stale(_)) => match D::collection(&*self.data.catalog).get(&id).await? {
                    Some(present) => document = present,
                    None => return Ok(()),
                },
                replaced => {
                    replaced?;
                    self.done.documents += 1;
                    return Ok(());
                }
            }
        }
    }

    /// Seals the record and the tape of a ready circuit again.
    async fn files(&mut self, mut circuit: Circuit) -> Result<(), DataError> {
        let Some(generation) = manifest::generation(&circuit) else { return Ok(()) };
        loop {
            let mut again = Vec::new();
            for file in SEALED {
                if let Some(bytes) = self.resealed(&circuit, file).await? {
                    again.push((file, bytes));
                }
            }
            if again.is_empty() {
                return self.tidy(&circuit, &generation).await;
            }
            let files = again.len() as u64;
            let mut written = Vec::new();
            for (file, bytes) in again {
                let key = self.data.vault.key_id();
                let key = ArtifactPath::ResealedFile { generation: generation.clone(), key, file }.key();
                let meta = self.data.store.put(&key, bytes, PutMode::Overwrite).await?;
                circuit.artifacts.insert(file.to_string(), meta);
                written.push(key);
            }
            let id = circuit.id.clone();
            match self.data.catalog.circuits().replace(circuit).await {
                Err(CatalogError::Stale(_)) => {}
                replaced => {
                    manifest::write(&*self.data.store, &replaced?).await?;
                    self.done.files += files;
                    self.seen.extend(written);
                    return Ok(());
                }
            }
            match self.data.catalog.circuits().get(&id).await? {
                Some(present)
                    if present.life.status == CircuitStatus::Ready
                        && manifest::generation(&present).as_ref() == Some(&generation) =>
                {
                    circuit = present;
                }
                // It is being deleted, was deleted, or was made again: these files belong to no circuit.
                _ => {
                    for key in written {
                        self.data.store.delete(&key).await?;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// The file under the current key; `None` if there is none, or it cannot or need not be sealed again.
    async fn resealed(&mut self, circuit: &Circuit, file: FileName) -> Result<Option<Bytes>, DataError> {
        let Some(meta) = circuit.artifacts.get(file.as_str()) else { return Ok(None) };
        if self.seen.contains(&meta.key) {
            return Ok(None);
        }
        let body = match self.data.store.get(&meta.key).await {
            Ok(found) if found.meta.sha256 == meta.sha256 => found.body,
            Ok(_) | Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => {
                self.left(&format!("{}: it is missing or damaged", meta.key));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let state = match file {
            FileName::Tape => tape::state(&self.data.vault, &circuit.id, &body),
            _ => self.record(circuit, &body),
        };
        match state {
            Seal::Current => drop(self.seen.insert(meta.key.clone())),
            Seal::None => self.left(&format!("{}: no key of this installation has sealed it", meta.key)),
            Seal::Earlier(again) => return Ok(Some(again.into())),
        }
        Ok(None)
    }

    fn record(&self, circuit: &Circuit, body: &[u8]) -> Seal {
        let zkey = circuit.artifacts.get(FileName::ProvingKey.as_str()).map(|meta| meta.sha256);
        let (Ok(record), Some(zkey)) = (SetupRecord::from_json(body), zkey) else { return Seal::None };
        let key = self.data.record_key();
        if record.check_seal(&key, &zkey).is_err() {
            return Seal::None;
        }
        match record.is_sealed_with_current(&key) {
            true => Seal::Current,
            false => Seal::Earlier(record.sealed(&key).to_json().into_bytes()),
        }
    }

    /// Removes the files that were replaced. A crash, or a reader, may have left them.
    async fn tidy(&mut self, circuit: &Circuit, generation: &Generation) -> Result<(), DataError> {
        let is_replaced =
            |meta: &ArtifactMeta| matches!(meta.key.as_str().parse(), Ok(ArtifactPath::ResealedFile { .. }));
        if !circuit.artifacts.values().any(is_replaced) {
            return Ok(());
        }
        let prefix = Unit::Circuit(generation.clone()).to_string();
        let keys: Vec<_> = self.data.store.list(&prefix).try_collect().await?;
        for key in keys {
            let file = match key.as_str().parse() {
                Ok(ArtifactPath::CircuitFile { file, .. } | ArtifactPath::ResealedFile { file, .. }) => file,
                _ => continue,
            };
            if SEALED.contains(&file)
                && circuit.artifacts.get(file.as_str()).is_some_and(|own| own.key != key)
            {
                self.data.store.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// What no key opens stays as it is.
    fn opened(&mut self, resealed: Result<bool, VaultError>) -> Result<bool, DataError> {
        match resealed {
            Err(error @ (VaultError::WrongKey(_) | VaultError::Altered(_))) => {
                self.left(&error.to_string());
                Ok(false)
            }
            resealed => Ok(resealed?),
        }
    }

    fn left(&mut self, why: &str) {
        self.done.foreign += 1;
        (self.report)(Progress::Left(why));
    }
}

/// Files of a circuit with a MAC under a key of the vault.
const SEALED: [FileName; 2] = [FileName::Setup, FileName::Tape];

fn inputs(vault: &Vault, proof: &mut ProofRequest) -> Result<bool, VaultError> {
    let mut changed = callback(vault, proof)?;
    if let Some(sealed) = &proof.inputs
        && let Some(again) = vault.reenclose(proof, sealed)?
    {
        proof.inputs = Some(again);
        changed = true;
    }
    Ok(changed)
}

fn callback<D: Document>(vault: &Vault, document: &mut D) -> Result<bool, VaultError> {
    let life = document.life();
    let (Some(sealed), Some(subject)) = (&life.callback, document.subject()) else { return Ok(false) };
    let again = vault.reenclose_callback(&life.tenant, &subject, sealed)?;
    let changed = again.is_some();
    if changed {
        document.life_mut().callback = again;
    }
    Ok(changed)
}

fn address(vault: &Vault, delivery: &mut Delivery) -> Result<bool, VaultError> {
    let again = vault.reenclose_callback(&delivery.life.tenant, &delivery.subject, &delivery.address)?;
    let changed = again.is_some();
    if let Some(again) = again {
        delivery.address = again;
    }
    Ok(changed)
}

/// A run could not be finished. The earlier keys are still needed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResealError {
    /// No server has started with the current key.
    #[error(
        "no server has started with the present key: start every process with it first, so that all of them can open what \
         is sealed with it"
    )]
    Unclaimed,
    /// The audit log is not covered.
    #[error(transparent)]
    Log(#[from] NotCovered),
    /// The catalog, the store or the vault failed.
    #[error(transparent)]
    Data(#[from] DataError),
}
