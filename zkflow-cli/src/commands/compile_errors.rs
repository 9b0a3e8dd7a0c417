//! Errors of the compiler, with the flag that helps.

use zkflow_core::compile::{CompileError, CompileLimit};

use super::Error;

/// Adds all diagnostics of circom to the error if circom rejected the source, and the flag of a limit.
pub(super) fn explain(error: CompileError) -> Error {
    match &error {
        CompileError::Rejected(diagnostics) => {
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            format!("circom rejected the source\n  {}", lines.join("\n  ")).into()
        }
        CompileError::Limit(limit) => match remedy(limit) {
            Some(remedy) => format!("{error}: {remedy}").into(),
            None => error.into(),
        },
        CompileError::IncludeNotFound { .. } => format!("{error}: add its folder with -l").into(),
        CompileError::IncludeOutsideRoots { .. } => {
            format!("{error}: add its folder with --include-root").into()
        }
        _ => error.into(),
    }
}

/// A note for a compilation that has used half of `bytes`.
pub(super) fn half_used(bytes: usize) -> String {
    let [half, all] = [bytes >> 21, bytes >> 20];
    format!("note: circom has used {half} of {all} MiB of memory; a circuit that needs more fails: {NATIVE}")
}

const NATIVE: &str =
    "use a native circom (CIRCOM_PATH), from `cargo install --git https://github.com/iden3/circom`";

fn remedy(limit: &CompileLimit) -> Option<&'static str> {
    match limit {
        CompileLimit::Time(_) => Some("raise --compile-time"),
        CompileLimit::AddressSpace(_) => Some(NATIVE),
        CompileLimit::Memory(_) | CompileLimit::SandboxMemory(_) => Some("raise --compile-memory"),
        CompileLimit::Source(_) | CompileLimit::Files(_) => Some("raise --source-size"),
        CompileLimit::Recursion => {
            Some("the source recurses without end, or needs a native circom (CIRCOM_PATH)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_limit_names_the_flag_unless_webassembly_has_no_more() {
        let text = |limit| explain(CompileError::Limit(limit)).to_string();
        for limit in [CompileLimit::Memory(4 << 30), CompileLimit::SandboxMemory(1 << 20)] {
            let text = text(limit);
            assert!(text.ends_with("MiB of memory: raise --compile-memory"), "{text}");
        }
        let text = text(CompileLimit::AddressSpace(4 << 30));
        assert!(text.contains("CIRCOM_PATH") && !text.contains("--compile-memory"), "{text}");
        let text = half_used(4 << 30);
        assert!(text.contains("2048 of 4096 MiB") && text.contains("CIRCOM_PATH"), "{text}");
    }
}
