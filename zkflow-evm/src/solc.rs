//! [`Solc`]: the Solidity compiler. No other module uses ethers-solc.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ethers_solc::artifacts::output_selection::OutputSelection;
use ethers_solc::artifacts::{Contract, Error, Optimizer, Settings, SettingsMetadata, Severity, Source};
use ethers_solc::{CompilerInput, CompilerOutput, EvmVersion};
use serde_json::Value;
use tempfile::NamedTempFile;
use zkflow_core::compile::tools::ToolFolders;
use zkflow_core::service::chain::{CompiledContract, SolidityCompiler, SolidityError, SourceFault};

/// The required version. Explorers verify a source only with the exact compiler that produced the code.
pub const VERSION: &str = "0.8.30";

/// Script that gives the npm package `solc` the command line of a native solc.
const SCRIPT: &str = include_str!("solc.mjs");
/// File name of the source in the compiler's input.
const FILE: &str = "Groth16Verifier.sol";
/// Maximum number of reported faults.
const MOST_FAULTS: usize = 16;

/// solc [`VERSION`]: a native program, or the npm package under Node.js.
#[derive(Debug, Clone)]
pub struct Solc {
    program: ethers_solc::Solc,
    /// The file is deleted when the last clone is dropped.
    _script: Option<Arc<NamedTempFile>>,
}

impl Solc {
    /// Uses a native compiler, as given by `SOLC_PATH`. Does not check that it exists.
    pub fn native(path: impl Into<PathBuf>) -> Self {
        Self { program: ethers_solc::Solc::new(path), _script: None }
    }

    /// Uses the native compiler at `path`; `None`: searches for the npm package.
    ///
    /// # Errors
    /// The npm package is not found.
    pub fn find(path: Option<&Path>) -> Result<Self, SolidityError> {
        if let Some(path) = path {
            return Ok(Self::native(path));
        }
        match ToolFolders::new().find("solc").map_err(|error| failed(&error))? {
            Some(package) => Self::node(&package.modules),
            None => Err(failed(&"not installed: run `zkflow setup`, or set ZKFLOW_TOOLS or SOLC_PATH")),
        }
    }

    /// Uses the npm package `solc` in the folder `modules`, run by `node`.
    ///
    /// # Errors
    /// The script cannot be written.
    pub fn node(modules: &Path) -> Result<Self, SolidityError> {
        let failed =
            |error: std::io::Error| SolidityError::Failed(format!("cannot write its script: {error}"));
        let mut script = NamedTempFile::with_suffix(".mjs").map_err(failed)?;
        script.write_all(SCRIPT.as_bytes()).map_err(failed)?;
        let arguments = [script.path(), modules].map(|path| path.to_string_lossy().into_owned());
        let mut program = ethers_solc::Solc::new("node");
        program.args.extend(arguments);
        Ok(Self { program, _script: Some(Arc::new(script)) })
    }
}

impl SolidityCompiler for Solc {
    fn version(&self) -> &str {
        VERSION
    }

    fn compile(&self, source: &str, contract: &str) -> Result<CompiledContract, SolidityError> {
        let input = input(source);
        let output: CompilerOutput = self.program.compile_as(&input).map_err(|error| failed(&error))?;
        let faults: Vec<SourceFault> = output
            .errors
            .iter()
            .filter(|error| error.severity == Severity::Error)
            .take(MOST_FAULTS)
            .map(|error| fault(source, error))
            .collect();
        if !faults.is_empty() {
            return Err(SolidityError::Rejected(faults));
        }
        let compiled = output.contracts.get(FILE).and_then(|contracts| contracts.get(contract));
        let compiled =
            compiled.ok_or_else(|| failed(&format!("its output contains no contract {contract}")))?;
        assemble(contract, compiled, &input)
    }
}

/// The input of the compiler for `source`. Explorers verify a contract with this input and the compiler's version.
pub fn standard_json_input(source: &str) -> Value {
    // Expect safety: texts, numbers and flags.
    serde_json::to_value(input(source)).expect("the input serialises")
}

/// The compiler's input: optimised for many calls of a small contract, for EVM version Istanbul. That version
/// introduced the current gas prices of the precompiled contracts (EIP-1108).
///
/// The code has no CBOR metadata, which would contain a hash of the source: the code of a verifier then depends on its key
/// only, and is generated without a compiler by [`contract_code`](zkflow_core::solidity::contract_code).
fn input(source: &str) -> CompilerInput {
    let settings = Settings {
        optimizer: Optimizer { enabled: Some(true), runs: Some(200), details: None },
        evm_version: Some(EvmVersion::Istanbul),
        metadata: Some(SettingsMetadata {
            use_literal_content: None,
            bytecode_hash: None,
            cbor_metadata: Some(false),
        }),
        output_selection: OutputSelection::complete_output_selection(),
        ..Settings::default()
    };
    CompilerInput {
        language: "Solidity".to_owned(),
        sources: BTreeMap::from([(PathBuf::from(FILE), Source::new(source))]),
        settings,
    }
}

fn assemble(
    name: &str,
    compiled: &Contract,
    input: &CompilerInput,
) -> Result<CompiledContract, SolidityError> {
    let metadata = compiled.metadata.as_ref().ok_or_else(|| failed(&"its output contains no metadata"))?;
    let compiler = metadata.metadata.compiler.version.clone();
    if compiler.split('+').next() != Some(VERSION) {
        return Err(SolidityError::OtherVersion { found: compiler, wanted: VERSION.to_owned() });
    }
    let evm = compiled.evm.as_ref().ok_or_else(|| failed(&"its output contains no code"))?;
    let creation = evm.bytecode.as_ref().and_then(|code| code.object.as_bytes());
    let runtime = evm.deployed_bytecode.as_ref().and_then(|code| code.bytecode.as_ref()?.object.as_bytes());
    let (Some(creation), Some(runtime)) = (creation, runtime) else {
        return Err(failed(&"its output contains no linked code"));
    };
    Ok(CompiledContract {
        name: name.to_owned(),
        compiler,
        abi: serde_json::to_value(&compiled.abi).map_err(|error| failed(&error))?,
        metadata: metadata.raw_metadata.clone(),
        standard_json_input: serde_json::to_value(input).map_err(|error| failed(&error))?,
        creation_code: creation.0.clone(),
        runtime_code: runtime.0.clone(),
    })
}

/// Converts an error of the compiler: its byte offset becomes a line number.
fn fault(source: &str, error: &Error) -> SourceFault {
    let start =
        error.source_location.as_ref().and_then(|place| usize::try_from(place.start).ok()).unwrap_or(0);
    // The offset counts bytes.
    let before = source.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let text = source.lines().nth(line - 1).unwrap_or_default().trim().to_owned();
    SourceFault { line, text, message: error.message.clone() }
}

fn failed(error: &dyn std::fmt::Display) -> SolidityError {
    SolidityError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SOURCE: &str = "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract C {\n    function f() external pure returns (uint256) { return 7; }\n}\n";

    #[test]
    fn an_error_is_named_by_its_line_and_text() {
        let wrong = SOURCE.replace("return 7", "return x7");
        let error = Solc::find(None).unwrap().compile(&wrong, "C").unwrap_err();
        let SolidityError::Rejected(faults) = &error else { panic!("{error}") };
        assert_eq!(faults[0].line, 4);
        assert!(faults[0].text.contains("return x7;"), "{faults:?}");
        assert!(error.to_string().contains("line 4: Undeclared identifier"), "{error}");
    }

    #[test]
    fn a_native_compiler_gives_the_same_code_and_another_version_is_refused() {
        let npm = Solc::find(None).unwrap().compile(SOURCE, "C").unwrap();
        // A program with the command line of solc.
        let folder = tempfile::tempdir().unwrap();
        let modules = ToolFolders::new().find("solc").unwrap().unwrap().modules;
        let script = folder.path().join("solc.mjs");
        std::fs::write(&script, SCRIPT).unwrap();
        let program = |name: &str, filter: &str| {
            let path = folder.path().join(name);
            let (script, modules) = (script.display(), modules.display());
            let text = format!("#!/bin/sh\nexec node '{script}' '{modules}' \"$@\" {filter}\n");
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let native = Solc::find(Some(&program("solc", ""))).unwrap().compile(SOURCE, "C").unwrap();
        assert_eq!(native, npm);
        let old = program("old", "| sed 's/0[.]8[.]30/0.8.29/g'");
        let error = Solc::native(old).compile(SOURCE, "C").unwrap_err();
        assert!(
            matches!(&error, SolidityError::OtherVersion { found, .. } if found.starts_with("0.8.29")),
            "{error}"
        );
        let error = Solc::native(folder.path().join("none")).compile(SOURCE, "C").unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }
}
