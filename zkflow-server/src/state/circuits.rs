//! Operations on circuits that requests and workers share.

use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, BlueprintError};
use zkflow_core::service::catalog::Circuit;
use zkflow_core::service::ceremony::CeremonyRecord;
use zkflow_core::service::store::{Artifact, StoreError};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::template::TemplateName;

use super::App;

impl App {
    /// Renders a template for a tenant and collects its includes. The hash is the one of the tenant's circuit. Reads files: call it from a blocking thread.
    ///
    /// # Errors
    /// Unknown template, wrong parameters, or an include that is not found.
    pub fn blueprint(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        params: &Map<String, Value>,
    ) -> Result<Blueprint, BlueprintError> {
        let template = self.library.get(name)?;
        let mut blueprint = Blueprint::builder(template)
            .params(template.parse_params(params)?)
            .engine(&*self.engine)
            .compiler(&**self.compilers.own())
            .include_roots(&self.include_roots)
            .source_limits(self.config.limits.source())
            .options(self.compile_options)
            .transcripts(CeremonyRecord::transcript)
            .build()?;
        blueprint.circuit_hash = tenant.scoped(&blueprint.circuit_hash);
        Ok(blueprint)
    }

    /// Reads an artifact of a circuit; `None` if the circuit has no file of this name.
    ///
    /// # Errors
    /// The store fails; [`StoreError::Corrupt`] if the stored bytes do not match the digest in the catalog.
    pub async fn artifact(&self, circuit: &Circuit, name: &str) -> Result<Option<Artifact>, StoreError> {
        let Some(meta) = circuit.artifacts.get(name) else { return Ok(None) };
        let artifact = self.store.get(&meta.key).await?;
        if artifact.meta.sha256 == meta.sha256 {
            return Ok(Some(artifact));
        }
        let detail = "its SHA-256 differs from the one in the catalog".to_owned();
        Err(StoreError::Corrupt { key: meta.key.clone(), detail })
    }
}
