//! [`Event`]: the end of a document, as its receiver sees it.

use serde_json::{Map, Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{Circuit, Delivery, Deployment, Document, Named as _, ProofRequest};

/// The end of a document. It contains ids, the state, times and the code of a failure: no inputs, no proof, no signals
/// and no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Identifies the event: the same for all attempts to send it, and for repeats.
    pub id: String,
    /// The body of the request.
    pub body: String,
}

impl Event {
    /// The end of a circuit.
    pub fn of_circuit(delivery: &Delivery, circuit: &Circuit) -> Self {
        Self::of(delivery, circuit, &[("circuitId", json!(circuit.id.as_str()))])
    }

    /// The end of a proof request.
    pub fn of_proof(delivery: &Delivery, proof: &ProofRequest) -> Self {
        let ids =
            [("proofRequestId", json!(proof.id.as_str())), ("circuitId", json!(proof.circuit_id.as_str()))];
        Self::of(delivery, proof, &ids)
    }

    /// The end of a deployment.
    pub fn of_deployment(delivery: &Delivery, deployment: &Deployment) -> Self {
        let ids = [
            ("deploymentId", json!(deployment.id.as_str())),
            ("circuitId", json!(deployment.circuit_id.as_str())),
            ("chainId", json!(deployment.chain_id)),
        ];
        Self::of(delivery, deployment, &ids)
    }

    fn of<D: Document>(delivery: &Delivery, document: &D, ids: &[(&str, Value)]) -> Self {
        let life = document.life();
        let status = life.status.as_str();
        let mut data: Map<String, Value> =
            ids.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        data.insert("status".to_owned(), json!(status));
        if let Some(error) = &life.error {
            data.insert("code".to_owned(), json!(error.code));
        }
        data.insert("createdAt".to_owned(), json!(life.created_at.to_string()));
        let kind = format!("{}.{status}", delivery.subject.kind());
        let digest = Digest::of(format!("zkflow event\n{}\n{}", delivery.id, delivery.round)).to_string();
        let body = json!({"type": kind, "timestamp": delivery.ended_at.to_string(), "data": data});
        Self { id: format!("msg_{}", &digest[..32]), body: body.to_string() }
    }
}
