//! [`TenantMetrics`]: metrics by tenant, for a bounded number of tenants.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use metrics::counter;
use zkflow_core::service::catalog::Usage;
use zkflow_core::service::tenant::TenantId;

const PROOFS: &str = "zkflow_tenant_proofs_total";
const FAILED: &str = "zkflow_tenant_failed_proofs_total";
const WORK: &str = "zkflow_tenant_work_milliseconds_total";
const CPU: &str = "zkflow_tenant_cpu_milliseconds_total";
const STORED: &str = "zkflow_tenant_stored_bytes_total";
const REFUSED: &str = "zkflow_tenant_requests_refused_total";

/// Label of the tenants without a name, and so of a tenant with this name.
const OTHER: &str = "other";

/// Records metrics by tenant. The first tenants that this process works for have their names as labels, up to the number of the
/// settings; all others are one. So the number of time series has a limit, however many tenants there are.
#[derive(Debug)]
pub struct TenantMetrics {
    most: usize,
    named: Mutex<HashSet<TenantId>>,
}

impl TenantMetrics {
    /// Metrics with the names of at most `most` tenants; 0: none are recorded.
    pub fn new(most: usize) -> Self {
        Self { most, named: Mutex::default() }
    }

    /// Records work of a tenant.
    pub(crate) fn worked(&self, tenant: &TenantId, usage: &Usage) {
        let Some(label) = self.label(tenant) else { return };
        for (name, count) in [
            (PROOFS, usage.proofs),
            (FAILED, usage.failed_proofs),
            (WORK, usage.work_ms),
            (STORED, usage.stored_bytes),
        ] {
            if count > 0 {
                counter!(name, "tenant" => label.clone()).increment(count);
            }
        }
        for (stage, ms) in [
            ("witness", usage.witness_cpu_ms),
            ("prove", usage.proving_cpu_ms),
            ("build", usage.build_cpu_ms),
        ] {
            if ms > 0 {
                counter!(CPU, "tenant" => label.clone(), "stage" => stage).increment(ms);
            }
        }
    }

    /// Records a request of a tenant that was refused because of a limit.
    pub(crate) fn refused(&self, tenant: &TenantId) {
        if let Some(label) = self.label(tenant) {
            counter!(REFUSED, "tenant" => label).increment(1);
        }
    }

    fn label(&self, tenant: &TenantId) -> Option<String> {
        if self.most == 0 {
            return None;
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() < self.most && tenant.as_str() != OTHER {
            named.insert(tenant.clone());
        }
        Some(if named.contains(tenant) { tenant.to_string() } else { OTHER.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn the_first_tenants_have_names_and_the_others_are_one() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        metrics::with_local_recorder(&recorder, || {
            let metrics = TenantMetrics::new(2);
            let usage = Usage { proofs: 2, failed_proofs: 1, work_ms: 700, ..Usage::default() };
            let built = Usage { build_cpu_ms: 30, stored_bytes: 4, ..Usage::default() };
            metrics.worked(&tenant("acme"), &Usage { witness_cpu_ms: 5, proving_cpu_ms: 9, ..built });
            for name in ["acme", "other", "example", "acme"] {
                metrics.worked(&tenant(name), &usage);
            }
            for number in 0..1000 {
                metrics.worked(&tenant(&format!("invented{number}")), &usage);
                metrics.refused(&tenant(&format!("invented{number}")));
            }
            metrics.refused(&tenant("acme"));
            TenantMetrics::new(0).worked(&tenant("silent"), &usage);
        });
        let rendered = handle.render();
        let mut lines: Vec<_> = rendered.lines().filter(|line| line.contains('{')).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                r#"zkflow_tenant_cpu_milliseconds_total{tenant="acme",stage="build"} 30"#,
                r#"zkflow_tenant_cpu_milliseconds_total{tenant="acme",stage="prove"} 9"#,
                r#"zkflow_tenant_cpu_milliseconds_total{tenant="acme",stage="witness"} 5"#,
                r#"zkflow_tenant_failed_proofs_total{tenant="acme"} 2"#,
                r#"zkflow_tenant_failed_proofs_total{tenant="example"} 1"#,
                r#"zkflow_tenant_failed_proofs_total{tenant="other"} 1001"#,
                r#"zkflow_tenant_proofs_total{tenant="acme"} 4"#,
                r#"zkflow_tenant_proofs_total{tenant="example"} 2"#,
                r#"zkflow_tenant_proofs_total{tenant="other"} 2002"#,
                r#"zkflow_tenant_requests_refused_total{tenant="acme"} 1"#,
                r#"zkflow_tenant_requests_refused_total{tenant="other"} 1000"#,
                r#"zkflow_tenant_stored_bytes_total{tenant="acme"} 4"#,
                r#"zkflow_tenant_work_milliseconds_total{tenant="acme"} 1400"#,
                r#"zkflow_tenant_work_milliseconds_total{tenant="example"} 700"#,
                r#"zkflow_tenant_work_milliseconds_total{tenant="other"} 700700"#,
            ]
        );
    }
}
