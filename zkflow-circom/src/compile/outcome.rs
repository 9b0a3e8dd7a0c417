//! Shared by both ways of running circom: arguments, output files, errors.

use super::diagnostics::{self, without_colours};
use super::source::SourceTree;
use super::{CompileError, CompileOptions, Compiled, Diagnostic};
use zkflow_groth16::format::FormatError;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::report::CircuitReport;

/// Characters kept from the end of raw output.
const MAX_SHOWN: usize = 2000;

/// Arguments that compile into the folder `output` and search includes from `root`.
pub(super) fn arguments(
    tree: &SourceTree,
    options: &CompileOptions,
    output: &str,
    root: &str,
) -> Vec<String> {
    let fixed = [tree.main(), "--r1cs", "--wasm", "--sym", "-o", output, "-l", root];
    fixed.iter().chain(options.flags()).map(|argument| (*argument).to_owned()).collect()
}

/// The output files of a compilation.
pub(super) struct Outputs {
    r1cs: Vec<u8>,
    wasm: Vec<u8>,
    sym: Vec<u8>,
}

impl Outputs {
    /// Takes the files by their path below the output folder.
    pub(super) fn take(
        tree: &SourceTree,
        mut take: impl FnMut(&str) -> Option<Vec<u8>>,
    ) -> Result<Self, CompileError> {
        let stem = tree.main().trim_end_matches(".circom");
        let mut file =
            |path: String| take(&path).ok_or_else(|| CompileError::Compiler(format!("{path} is missing")));
        Ok(Self {
            r1cs: file(format!("{stem}.r1cs"))?,
            wasm: file(format!("{stem}_js/{stem}.wasm"))?,
            sym: file(format!("{stem}.sym"))?,
        })
    }

    /// Adds the report, and the warnings parsed from `printed`.
    pub(super) fn compiled(self, printed: &str) -> Result<Compiled, CompileError> {
        let Self { r1cs, wasm, sym } = self;
        let report = report(&r1cs, &sym)?;
        Ok(Compiled { r1cs, wasm, sym, report, warnings: diagnostics::parse(printed).warnings })
    }
}

fn report(r1cs: &[u8], sym: &[u8]) -> Result<CircuitReport, CompileError> {
    let unreadable = |error: FormatError| CompileError::Compiler(error.to_string());
    let r1cs = R1cs::read(r1cs).map_err(unreadable)?;
    let sym = Sym::read(sym).map_err(unreadable)?;
    Ok(CircuitReport::of(&r1cs, Some(&sym)))
}

/// The error for a non-zero exit status.
pub(super) fn refusal(printed: &str) -> CompileError {
    let errors = diagnostics::parse(printed).errors;
    if !errors.is_empty() {
        return CompileError::Rejected(errors);
    }
    let message = without_colours(last_lines(printed)).trim().to_owned();
    CompileError::Rejected(vec![Diagnostic { code: None, file: None, line: None, message }])
}

/// Parses the output of `--version`, for example into `circom 2.2.3`.
pub(super) fn version(printed: &str) -> Result<String, CompileError> {
    let number = printed.trim().strip_prefix("circom compiler ").map(str::trim);
    match number {
        Some(number) if number.len() < 32 && number.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(format!("circom {number}"))
        }
        _ => Err(CompileError::Compiler(format!("not circom: `--version` gives {:?}", last_lines(printed)))),
    }
}

/// The end of `text`, trimmed.
pub(super) fn last_lines(text: &str) -> &str {
    let start = text.char_indices().rev().nth(MAX_SHOWN).map_or(0, |(at, _)| at);
    text[start..].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_and_anything_else_is_no_circom() {
        assert_eq!(version("circom compiler 2.2.3\n").unwrap(), "circom 2.2.3");
        for printed in ["", "circom compiler ", "circom compiler x", "bash 5.2"] {
            assert!(matches!(version(printed), Err(CompileError::Compiler(_))), "{printed}");
        }
    }

    #[test]
    fn refusal_without_a_diagnostic_shows_what_was_printed() {
        let CompileError::Rejected(diagnostics) = refusal("\u{1b}[31msomething odd\u{1b}[0m\n") else {
            panic!("expected a rejection")
        };
        assert_eq!(diagnostics[0].message, "something odd");
    }
}
