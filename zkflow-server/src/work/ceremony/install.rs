//! The circuit with the key of a finished ceremony.

use std::path::Path;

use bytes::Bytes;
use zkflow_core::circuit::FileName;
use zkflow_core::compile::Simplification;
use zkflow_core::digest::Digest;
use zkflow_core::error::Classified as _;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Ceremony, Failure, FileRole};
use zkflow_core::service::store::ArtifactMeta;
use zkflow_core::service::upload::{PART_BYTES, UploadFile};
use zkflow_queue::JobError;

use super::super::made::mapped;
use super::super::{Stop, blocking, failure, outage, stop_or_outage};
use super::Ceremonies;
use crate::service::{RequestError, imports, uploads};

/// The files of the circuit that an import needs besides the key.
const PARTS: [(FileRole, FileName); 3] =
    [(FileRole::R1cs, FileName::R1cs), (FileRole::Wasm, FileName::Wasm), (FileRole::Sym, FileName::Sym)];

impl Ceremonies {
    /// Imports the circuit's files with the key: the import verifies the key against the constraints and the powers of tau
    /// again, and only that gives the new circuit its label. The circuit of the ceremony keeps its own key, because its
    /// proofs and contracts depend on it.
    ///
    /// Returns the reason if the circuit was deleted, or a limit is reached: the key and the record are of use without it.
    pub(super) async fn install(
        &self,
        ceremony: &Ceremony,
        path: &Path,
        key: &ArtifactMeta,
    ) -> Result<Result<CircuitId, Failure>, Stop> {
        let app = &self.app;
        let Some(circuit) = app.catalog.circuits().get(&ceremony.circuit_id).await.map_err(outage)? else {
            return Ok(Err(failure(&RequestError::UnknownCircuit(ceremony.circuit_id.clone()))));
        };
        let mut files = Vec::new();
        for (role, name) in PARTS {
            let Some(file) = app.artifact(&circuit, name.as_str()).await.map_err(stop_or_outage)? else {
                let (circuit, name) = (circuit.id, name.as_str().to_owned());
                return Ok(Err(failure(&RequestError::UnknownArtifact { circuit, name })));
            };
            files.push((role, file.meta.sha256, file.body));
        }
        let path = path.to_owned();
        let unreadable = |error: std::io::Error| JobError::retry("file_unreadable", error.to_string());
        let zkey = blocking(move || mapped(&path)).await?.map_err(unreadable)?;
        files.push((FileRole::ProvingKey, key.sha256, zkey));
        match self.import(ceremony, files).await {
            Ok(id) => Ok(Ok(id)),
            Err(error) if error.kind().is_transient() => Err(Stop::Later(outage(error))),
            Err(error) => Ok(Err(failure(&error))),
        }
    }

    async fn import(
        &self,
        ceremony: &Ceremony,
        files: Vec<(FileRole, Digest, Bytes)>,
    ) -> Result<CircuitId, RequestError> {
        let (app, tenant) = (&self.app, &ceremony.life.tenant);
        let declared = files.iter().map(|(role, sha256, body)| UploadFile {
            role: *role,
            path: None,
            size: body.len() as u64,
            sha256: *sha256,
        });
        let upload = uploads::create(app, tenant, declared.collect()).await?;
        for (number, (_, _, body)) in (0..).zip(&files) {
            for (part, bytes) in (0..).zip(body.chunks(PART_BYTES as usize)) {
                uploads::put_part(app, tenant, &upload.id, (number, part), bytes.to_vec()).await?;
            }
        }
        let new = imports::NewImport {
            upload: upload.id,
            main: None,
            simplification: Simplification::default(),
            powers: Some(imports::OwnPowers::Any),
            visibility: Some(ceremony.visibility),
            callback: None,
            origin: ceremony.life.origin.clone(),
        };
        Ok(imports::request(app, tenant, new).await?.id)
    }
}
