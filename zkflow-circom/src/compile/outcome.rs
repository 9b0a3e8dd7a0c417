//! Shared by both ways of running circom: arguments, output files, errors.

use std::path::Path;

use super::diagnostics::{self, without_colours};
use super::source::SourceTree;
use super::{CompileError, CompileOptions, Compiled, Diagnostic};
use zkflow_groth16::format::FormatError;
use zkflow_groth16::format::r1cs::{R1cs, R1csFile};
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
    // A name that begins with a dash would be an option.
    let main =
        if tree.main().starts_with('-') { format!("./{}", tree.main()) } else { tree.main().to_owned() };
    let fixed = ["--r1cs", "--wasm", "--sym", "-o", output, "-l", root].map(str::to_owned);
    std::iter::once(main).chain(fixed).chain(options.flags()).chain(options.further_flags()).collect()
}

/// The output files of a compilation.
pub(super) struct Outputs {
    r1cs: Vec<u8>,
    wasm: Vec<u8>,
    sym: Vec<u8>,
    json: Option<Vec<u8>>,
    wat: Option<Vec<u8>>,
}

impl Outputs {
    /// Takes the files by their path below the output folder.
    pub(super) fn take(
        tree: &SourceTree,
        options: &CompileOptions,
        mut take: impl FnMut(&str) -> Option<Vec<u8>>,
    ) -> Result<Self, CompileError> {
        let stem = Path::new(tree.main()).file_stem().unwrap_or_default().to_string_lossy();
        let mut file =
            |path: String| take(&path).ok_or_else(|| CompileError::Compiler(format!("{path} is missing")));
        Ok(Self {
            r1cs: file(format!("{stem}.r1cs"))?,
            wasm: file(format!("{stem}_js/{stem}.wasm"))?,
            sym: file(format!("{stem}.sym"))?,
            json: options.json.then(|| file(format!("{stem}_constraints.json"))).transpose()?,
            wat: options.wat.then(|| file(format!("{stem}_js/{stem}.wat"))).transpose()?,
        })
    }

    /// Adds the report, and the warnings parsed from `printed`.
    pub(super) fn compiled(self, tree: &SourceTree, printed: &str) -> Result<Compiled, CompileError> {
        let Self { r1cs, wasm, sym, json, wat } = self;
        let report = report(&r1cs, &sym)?;
        let warnings = shown(tree, diagnostics::parse(printed).warnings);
        Ok(Compiled { r1cs, wasm, sym, json, wat, report, warnings })
    }
}

fn report(r1cs: &[u8], sym: &[u8]) -> Result<CircuitReport, CompileError> {
    let unreadable = |error: FormatError| CompileError::Compiler(error.to_string());
    // circom compiles `template custom`, so the source is the cause.
    if R1csFile::has_custom_gates(r1cs).map_err(unreadable)? {
        return Err(rejected(
            "the circuit has custom gates (`template custom`), which Groth16 does not support",
        ));
    }
    let r1cs = R1cs::read(r1cs).map_err(unreadable)?;
    let sym = Sym::read(sym).map_err(unreadable)?;
    Ok(CircuitReport::of(&r1cs, Some(&sym)))
}

/// The diagnostics with the paths that the sources have outside the tree.
fn shown(tree: &SourceTree, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for file in diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.file.as_mut()) {
        *file = tree.shown(file).to_owned();
    }
    diagnostics
}

/// The error for a non-zero exit status.
pub(super) fn refusal(tree: &SourceTree, printed: &str) -> CompileError {
    let errors = shown(tree, diagnostics::parse(printed).errors);
    if !errors.is_empty() {
        return CompileError::Rejected(errors);
    }
    rejected(&last_lines(printed))
}

/// A refusal without a place in the source.
fn rejected(message: &str) -> CompileError {
    CompileError::Rejected(vec![Diagnostic {
        code: None,
        file: None,
        line: None,
        message: message.to_owned(),
    }])
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

/// The end of what a compiler printed, trimmed and without colours. Of a panic, only its message.
pub(super) fn last_lines(printed: &str) -> String {
    let plain = without_colours(printed);
    let panic = plain.rfind("\nthread '").filter(|at| plain[*at..].contains("panicked at"));
    let text =
        plain[panic.unwrap_or(0)..].split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or_default();
    let start = text.char_indices().rev().nth(MAX_SHOWN).map_or(0, |(at, _)| at);
    text[start..].trim().to_owned()
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
        let CompileError::Rejected(diagnostics) =
            refusal(&SourceTree::empty(), "\u{1b}[31msomething odd\u{1b}[0m\n")
        else {
            panic!("expected a rejection")
        };
        assert_eq!(diagnostics[0].message, "something odd");
    }

    #[test]
    fn a_panic_of_the_compiler_is_shown_without_what_was_printed_before() {
        let printed = "\u{1b}[32mtemplate instances\u{1b}[0m: 1\n\nthread 'main' panicked at compiler/src/build.rs:611:35:\n\
            attempt to divide by zero\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let shown = "thread 'main' panicked at compiler/src/build.rs:611:35:\nattempt to divide by zero";
        assert_eq!(last_lines(printed), shown);
        assert_eq!(
            last_lines("thread 'main' is the text of a file\n"),
            "thread 'main' is the text of a file"
        );
    }
}
