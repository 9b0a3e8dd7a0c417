//! The report of a circuit in responses.

use serde::Serialize;
use utoipa::ToSchema;
use zkflow_core::report::{CircuitReport, CircuitWarning, WarningKind};

use crate::http::openapi::schema;

/// Sizes of a circuit, and warnings about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CircuitReport)]
pub(super) struct ReportDto {
    /// Constraints that multiply two signals.
    non_linear_constraints: u32,
    /// Constraints that do not multiply signals.
    linear_constraints: u32,
    /// Wires, including the constant one.
    wires: u32,
    /// Number of public inputs.
    public_inputs: u32,
    /// Names of the public inputs in the order of their signals; absent without names of the signals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Name>, required = false)]
    public_input_names: Vec<String>,
    /// Number of private inputs.
    private_inputs: u32,
    /// Number of outputs; all of them are public.
    outputs: u32,
    /// Rows of the evaluation domain, a power of two.
    domain_size: u64,
    /// Length of the proving key in bytes, without contributions.
    proving_key_bytes: u64,
    /// Predicted peak memory of one proof in bytes.
    prover_memory_bytes: u64,
    /// Signals that may indicate a mistake.
    warnings: Vec<WarningDto>,
}

/// Signals that may indicate a mistake.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CircuitWarning)]
struct WarningDto {
    #[schema(value_type = schema::WarningKind)]
    kind: WarningKind,
    /// Names of the signals, at most 32.
    #[schema(value_type = Vec<schema::Name>)]
    signals: Vec<String>,
    /// Total number of signals concerned.
    count: u32,
}

impl ReportDto {
    /// The sizes only.
    pub(super) fn without_names(self) -> Self {
        Self { public_input_names: Vec::new(), warnings: Vec::new(), ..self }
    }
}

impl From<CircuitReport> for ReportDto {
    fn from(report: CircuitReport) -> Self {
        Self {
            non_linear_constraints: report.non_linear_constraints,
            linear_constraints: report.linear_constraints,
            wires: report.wires,
            public_inputs: report.public_inputs,
            public_input_names: report.public_input_names,
            private_inputs: report.private_inputs,
            outputs: report.outputs,
            domain_size: report.domain_size,
            proving_key_bytes: report.proving_key_bytes,
            prover_memory_bytes: report.prover_memory_bytes,
            warnings: report.warnings.into_iter().map(WarningDto::from).collect(),
        }
    }
}

impl From<CircuitWarning> for WarningDto {
    fn from(CircuitWarning { kind, signals, count }: CircuitWarning) -> Self {
        Self { kind, signals, count }
    }
}
