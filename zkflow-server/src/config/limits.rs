//! [`Limits`]: settings that bound the work that requests cause.

use std::time::Duration;

use zkflow_core::compile::{CompileLimit, CompileLimits, SourceLimits};
use zkflow_core::setup::StepOptions;
use zkflow_core::witness::WitnessLimits;

use super::error::ConfigError;
use super::setting::{BILLION, TEBIBYTE_MIB, YEAR_S, bytes, settings};

settings! {
    /// Limits
    Limits at limits {
        /// Time limit of a compilation
        compile_time_s: u64 = 120, "compile-time-s", "ZKFLOW_COMPILE_TIME_S", 1..=YEAR_S;
        /// Memory limit of a compilation by circom as WebAssembly, which has 4096 at most
        compile_memory_mib: u64 = 2048, "compile-memory-mib", "ZKFLOW_COMPILE_MEMORY_MIB", 1..=TEBIBYTE_MIB;
        /// Memory limit of a compilation by a native circom
        circom_memory_mib: u64 = 4096, "circom-memory-mib", "ZKFLOW_CIRCOM_MEMORY_MIB", 1..=TEBIBYTE_MIB;
        /// Limit of a circuit's source files together
        compile_source_mib: u64 = 32, "compile-source-mib", "ZKFLOW_COMPILE_SOURCE_MIB", 1..=TEBIBYTE_MIB;
        /// Time limit of a witness calculation
        witness_time_s: u64 = 120, "witness-time-s", "ZKFLOW_WITNESS_TIME_S", 1..=YEAR_S;
        /// Memory limit of a witness calculation
        witness_memory_mib: u64 = 2048, "witness-memory-mib", "ZKFLOW_WITNESS_MEMORY_MIB", 1..=TEBIBYTE_MIB;
        /// Limit of unfinished circuits; further ones are refused with 429
        max_pending_circuits: u64 = 1_000, "max-pending-circuits", "ZKFLOW_MAX_PENDING_CIRCUITS", 0..=BILLION;
        /// Limit of unfinished proof requests; further ones are refused with 429
        max_pending_proofs: u64 = 10_000, "max-pending-proofs", "ZKFLOW_MAX_PENDING_PROOFS", 0..=BILLION;
        /// Limit of unfinished deployments; further ones are refused with 429
        max_pending_deployments: u64 = 100, "max-pending-deployments", "ZKFLOW_MAX_PENDING_DEPLOYMENTS",
            0..=BILLION;
        /// Share of these limits that the waiting work of one tenant may take, and of max_watchers, max_downloads and
        /// body_memory_mib, in percent; further requests of the tenant are refused with 429. Without authentication, the one tenant has all
        tenant_share_percent: u64 = 50, "tenant-share-percent", "ZKFLOW_TENANT_SHARE_PERCENT", 1..=100;
        /// Requests a second of each authenticated caller; further ones are refused with 429. 0: no limit
        requests_per_second: u32 = 100, "requests-per-second", "ZKFLOW_REQUESTS_PER_SECOND", 0..=1_000_000;
        /// Requests of an authenticated caller at once; 0: as many as a second
        requests_burst: u32 = 1_000, "requests-burst", "ZKFLOW_REQUESTS_BURST", 0..=1_000_000;
        /// Requests of all callers of a tenant together, as a multiple of those of one caller: so many callers may have their full
        /// pace at the same time. 0: no limit
        tenant_pace: u32 = 10, "tenant-pace", "ZKFLOW_TENANT_PACE", 0..=1_000;
        /// Changes of circuits, deployments, ceremonies and webhooks that a tenant may make in an hour and at once: each has an
        /// entry in the audit log. Further ones are refused with 429. 0: no limit
        changes_per_hour: u32 = 3_600, "changes-per-hour", "ZKFLOW_CHANGES_PER_HOUR", 0..=1_000_000;
        /// Limit of a tenant's circuits; a further one is refused with 429. 0: none
        max_circuits: u64 = 1_000, "max-circuits", "ZKFLOW_MAX_CIRCUITS", 0..=BILLION;
        /// Limit of the files of a tenant's circuits together; a further circuit is refused with 429. 0: none
        circuits_mib: u64 = 102_400, "circuits-mib", "ZKFLOW_CIRCUITS_MIB", 0..=TEBIBYTE_MIB;
        /// Seconds of processor time that building a tenant's circuits may take in an hour; a further circuit is refused with
        /// 429. 0: no limit
        build_seconds_per_hour: u64 = 3_600, "build-seconds-per-hour", "ZKFLOW_BUILD_SECONDS_PER_HOUR", 0..=BILLION;
        /// Days without a change after which a circuit is deleted if it has no proof request, no contract on a chain and
        /// no key of a ceremony; verifications and downloads do not count. 0: never. Must be at least proof_ttl_s
        circuit_idle_days: u64 = 0, "circuit-idle-days", "ZKFLOW_CIRCUIT_IDLE_DAYS", 0..=36_500;
        /// Limit of the files of one upload together
        upload_mib: u64 = 4096, "upload-mib", "ZKFLOW_UPLOAD_MIB", 1..=TEBIBYTE_MIB;
        /// Limit of an upload's constraint system, witness calculator and signal names together, which an import holds
        /// in memory, decoded to several times the size
        upload_parts_mib: u64 = 128, "upload-parts-mib", "ZKFLOW_UPLOAD_PARTS_MIB", 1..=TEBIBYTE_MIB;
        /// Memory of the verification of a key that was imported or that a template names, or of its powers of tau, beside the
        /// circuit
        import_memory_mib: u64 = 256, "import-memory-mib", "ZKFLOW_IMPORT_MEMORY_MIB", 64..=TEBIBYTE_MIB;
        /// Limit of a tenant's unfinished uploads together; further ones are refused with 429
        tenant_upload_mib: u64 = 16384, "tenant-upload-mib", "ZKFLOW_TENANT_UPLOAD_MIB", 1..=TEBIBYTE_MIB;
        /// Lifetime of an upload that is not imported
        upload_ttl_s: u64 = 24 * 3600, "upload-ttl-s", "ZKFLOW_UPLOAD_TTL_S", 60..=YEAR_S;
        /// Lifetime of a proof request
        proof_ttl_s: u64 = 7 * 24 * 3600, "proof-ttl-s", "ZKFLOW_PROOF_TTL_S", 1..=10 * YEAR_S;
    }
}

impl Limits {
    /// Limits of a compilation, by a native circom or by circom as WebAssembly.
    pub fn compile(&self, is_native: bool) -> CompileLimits {
        let mebibytes = if is_native { self.circom_memory_mib } else { self.compile_memory_mib };
        CompileLimits {
            wall: Duration::from_secs(self.compile_time_s),
            memory_bytes: memory(mebibytes),
            ..CompileLimits::default()
        }
    }

    /// Limits of the source files of a circuit.
    pub fn source(&self) -> SourceLimits {
        SourceLimits { bytes: memory(self.compile_source_mib), ..SourceLimits::default() }
    }

    /// What the operator can do about a limit that a compilation reached; `None` if it is fixed.
    pub(crate) fn remedy_of(limit: &CompileLimit) -> Option<&'static str> {
        match limit {
            CompileLimit::Time(_) => Some("raise compile_time_s"),
            CompileLimit::Memory(_) => Some("raise circom_memory_mib"),
            CompileLimit::SandboxMemory(_) => Some("raise compile_memory_mib"),
            CompileLimit::AddressSpace(_) => Some("set circom_path, or circom_versions, to a native circom"),
            CompileLimit::Source(_) => Some("raise compile_source_mib"),
            _ => None,
        }
    }

    /// Limits of a witness calculation.
    pub fn witness(&self) -> WitnessLimits {
        WitnessLimits {
            wall: Duration::from_secs(self.witness_time_s),
            memory_bytes: memory(self.witness_memory_mib),
            ..WitnessLimits::default()
        }
    }

    /// Memory of the verification of an imported key.
    pub fn import(&self) -> StepOptions<'static> {
        StepOptions::default().with_memory(bytes(self.import_memory_mib))
    }

    /// Lifetime of an upload that is not imported.
    pub fn upload_ttl(&self) -> Duration {
        Duration::from_secs(self.upload_ttl_s)
    }

    /// Age at which a circuit that is not used is deleted; `None`: never.
    pub fn circuit_idle(&self) -> Option<Duration> {
        (self.circuit_idle_days > 0).then(|| Duration::from_secs(self.circuit_idle_days * DAY_S))
    }

    /// Checks the settings against each other.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // A proof request says that its circuit is used, so it must be there as long.
        match self.circuit_idle() {
            Some(idle) if idle < self.proof_ttl() => Err(ConfigError::Contradiction(format!(
                "limits.circuit_idle_days is {}: it must be at least limits.proof_ttl_s, {} seconds",
                self.circuit_idle_days, self.proof_ttl_s
            ))),
            _ => Ok(()),
        }
    }

    /// Lifetime of a proof request.
    pub fn proof_ttl(&self) -> Duration {
        Duration::from_secs(self.proof_ttl_s)
    }
}

/// Seconds of a day.
const DAY_S: u64 = 24 * 3600;

fn memory(mebibytes: u64) -> usize {
    usize::try_from(bytes(mebibytes)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_limit_of_each_kind_of_compiler_names_its_own_setting() {
        let limits = Limits { compile_memory_mib: 64, circom_memory_mib: 128, ..Limits::default() };
        let native = CompileLimit::Memory(limits.compile(true).memory_bytes);
        let sandboxed = CompileLimit::SandboxMemory(limits.compile(false).memory_bytes);
        for (limit, remedy) in [
            (native, "128 MiB of memory: raise circom_memory_mib"),
            (sandboxed, "64 MiB of memory: raise compile_memory_mib"),
        ] {
            assert_eq!(format!("{limit}: {}", Limits::remedy_of(&limit).unwrap()), remedy);
        }
        let all = Limits::remedy_of(&CompileLimit::AddressSpace(4 << 30)).unwrap();
        assert!(all.contains("native circom") && !all.contains("raise"), "{all}");
    }
}
