//! [`Owner`]: what sealed data is bound to.

use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Deployment, ProofRequest, Subject};
use zkflow_core::service::id::UserId;
use zkflow_core::service::tenant::TenantId;

use super::HEADER;

const PROOF: &str = "proof";
/// Inputs that a client sealed, before there was a request.
const CLIENT: &str = "inputs";

/// The fields of a document that its sealed data is bound to.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    kind: &'static str,
    pub(super) id: &'a str,
    tenant: &'a str,
    circuit: &'a str,
    /// Empty: none.
    user: &'a str,
}

impl<'a> Owner<'a> {
    pub(super) fn of_request(request: &'a ProofRequest) -> Self {
        Self {
            kind: PROOF,
            id: request.id.as_str(),
            tenant: request.life.tenant.as_str(),
            circuit: request.circuit_id.as_str(),
            user: request.user_id.as_ref().map_or("", |user| user.as_str()),
        }
    }

    pub(super) fn of_deployment(deployment: &'a Deployment) -> Self {
        Self {
            kind: "deployment",
            id: deployment.id.as_str(),
            tenant: deployment.life.tenant.as_str(),
            circuit: deployment.circuit_id.as_str(),
            user: "",
        }
    }

    pub(super) fn of_callback(tenant: &'a TenantId, subject: &'a Subject) -> Self {
        let kind = match subject {
            Subject::Circuit(_) => "callback of a circuit",
            Subject::Proof(_) => "callback of a proof",
            Subject::Deployment(_) => "callback of a deployment",
        };
        Self { kind, id: subject.id(), tenant: tenant.as_str(), circuit: "", user: "" }
    }

    pub(super) fn of_webhooks(tenant: &'a TenantId) -> Self {
        Self { kind: "webhooks", id: tenant.as_str(), tenant: tenant.as_str(), circuit: "", user: "" }
    }

    /// What a client knows of its request before it is made.
    pub(super) fn of_client(self) -> Self {
        Self { kind: CLIENT, id: "", ..self }
    }

    /// [`of_client`](Self::of_client) of a request of this tenant, circuit and user.
    pub(super) fn of_client_request(
        (tenant, circuit, user): (&'a TenantId, &'a CircuitId, Option<&'a UserId>),
    ) -> Self {
        let (tenant, circuit) = (tenant.as_str(), circuit.as_str());
        Self { kind: CLIENT, id: "", tenant, circuit, user: user.map_or("", UserId::as_str) }
    }

    /// Whether it is a request for a proof, whose inputs are sealed to a public key.
    pub(super) fn is_request(&self) -> bool {
        self.kind == PROOF
    }

    /// Whether versions that bound data to its id only had this kind.
    pub(super) fn is_old(&self) -> bool {
        matches!(self.kind, PROOF | "deployment")
    }

    pub(super) fn associated_data(&self, header: &[u8; HEADER]) -> Vec<u8> {
        let Self { kind, id, tenant, circuit, user } = *self;
        let mut data = header.to_vec();
        for field in [kind, id, tenant, circuit, user] {
            data.extend_from_slice(&(field.len() as u32).to_le_bytes());
            data.extend_from_slice(field.as_bytes());
        }
        data
    }
}
