//! Attempts at a proof.

use serde::Serialize;
use utoipa::ToSchema;
use zkflow_core::service::catalog::{Attempt, ProofStage};

use crate::http::openapi::schema;

/// An attempt at a proof.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
pub(in crate::http) struct AttemptDto {
    /// Number of the attempt, from 1.
    number: u32,
    /// Time at which a worker started.
    #[schema(value_type = schema::Time)]
    began_at: String,
    /// Time of the end; absent while it runs, and if its worker died.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Time>)]
    ended_at: Option<String>,
    /// The last stage that it entered.
    #[schema(value_type = schema::ProofStage)]
    stage: ProofStage,
    /// Code of the reason why it has no proof; absent while it runs, and if it was successful or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ErrorCode>)]
    cause: Option<String>,
}

impl From<Attempt<ProofStage>> for AttemptDto {
    fn from(Attempt { number, began_at, ended_at, stage, cause }: Attempt<ProofStage>) -> Self {
        let ended_at = ended_at.map(|at| at.to_string());
        Self { number, began_at: began_at.to_string(), ended_at, stage, cause }
    }
}
