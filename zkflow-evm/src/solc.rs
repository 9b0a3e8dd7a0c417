//! [`Solc`]: the Solidity compiler. No other module uses ethers-solc, which has the types of its JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ethers_solc::artifacts::output_selection::OutputSelection;
use ethers_solc::artifacts::{Contract, Error, Optimizer, Settings, SettingsMetadata, Severity, Source};
use ethers_solc::{CompilerInput, CompilerOutput, EvmVersion};
use serde_json::Value;
use zkflow_core::compile::tools::{ToolFolders, pinned};
use zkflow_core::confined::{ConfinedCommand, ProcessLimits};
use zkflow_core::service::chain::{CompiledContract, SolidityCompiler, SolidityError, SourceFault};

/// The required version. Explorers verify a source only with the exact compiler that produced the code.
pub const VERSION: &str = "0.8.30";

/// npm package of the compiler.
const PACKAGE: &str = "solc";
/// The compiler in its package.
const SOLJSON: &str = "soljson.js";
/// Script that gives [`SOLJSON`] the input and output of a native solc.
const SCRIPT: &str = include_str!("solc.cjs");
/// Limits of one run. A small contract takes 2 s and 200 MB resident; Node.js ends at a limit of 200 MB and runs at 300 MB.
const LIMITS: ProcessLimits = ProcessLimits {
    wall: Duration::from_secs(30),
    memory_bytes: 1 << 30,
    written_bytes: 0,
    printed_bytes: 16 << 20,
};
/// File name of the source in the compiler's input.
const FILE: &str = "Groth16Verifier.sol";
/// Maximum number of reported faults.
const MOST_FAULTS: usize = 16;

/// solc [`VERSION`]: a native program, or the npm package under Node.js. Runs as a [`ConfinedCommand`], which reads
/// and writes no files.
#[derive(Debug, Clone)]
pub struct Solc {
    program: Program,
    limits: ProcessLimits,
}

#[derive(Debug, Clone)]
enum Program {
    Native(PathBuf),
    /// The folder of the npm package.
    Node(PathBuf),
}

impl Solc {
    /// Uses a native compiler, as given by `SOLC_PATH`. Does not check that it exists. A name without a folder is
    /// searched in `PATH`.
    pub fn native(path: impl Into<PathBuf>) -> Self {
        Self::new(Program::Native(path.into()))
    }

    /// Uses the native compiler at `path`; `None`: searches for the npm package.
    ///
    /// # Errors
    /// The npm package is not found, or is not the pinned one.
    pub fn find(path: Option<&Path>) -> Result<Self, SolidityError> {
        if let Some(path) = path {
            return Ok(Self::native(path));
        }
        match ToolFolders::new().find(PACKAGE).map_err(|error| failed(&error))? {
            Some(package) => Ok(Self::node(&package.modules)),
            None => Err(failed(&"not installed: run `zkflow setup`, or set ZKFLOW_TOOLS or SOLC_PATH")),
        }
    }

    /// Uses the npm package `solc` in the folder `modules`, run by `node`. Each run compares the compiler with its
    /// pinned digest.
    pub fn node(modules: &Path) -> Self {
        Self::new(Program::Node(modules.join(PACKAGE)))
    }

    fn new(program: Program) -> Self {
        Self { program, limits: LIMITS }
    }

    /// The program, with its standard input.
    fn command(&self, input: Vec<u8>) -> Result<ConfinedCommand, SolidityError> {
        match &self.program {
            Program::Native(path) => {
                let command = ConfinedCommand::new(path).map_err(|error| failed(&error))?;
                Ok(command.arguments(["--standard-json"]).input(input))
            }
            Program::Node(package) => {
                let pin = pinned().iter().find(|pin| pin.name == PACKAGE);
                let pin = pin.ok_or_else(|| failed(&"the package is not pinned"))?;
                // Node.js gets the very bytes that were compared.
                let soljson = pin.read(package, SOLJSON).map_err(|error| failed(&error))?;
                let whole = [format!("{}\n", soljson.len()).into_bytes(), soljson, input].concat();
                let command = ConfinedCommand::new("node").map_err(|error| failed(&error))?;
                Ok(command.arguments(["-e", SCRIPT]).input(whole))
            }
        }
    }

    /// Runs the compiler on its input in JSON, and returns its output in JSON.
    fn run(&self, input: Vec<u8>) -> Result<Vec<u8>, SolidityError> {
        /// Bytes shown of what a failed compiler prints.
        const SHOWN: usize = 1000;
        let finished = self.command(input)?.run(&self.limits).map_err(|error| failed(&error))?;
        if finished.status.success() {
            return Ok(finished.output);
        }
        let text = String::from_utf8_lossy(&finished.errors[..finished.errors.len().min(SHOWN)]);
        Err(failed(&format!("{}: {}", finished.status, text.trim())))
    }
}

impl SolidityCompiler for Solc {
    fn version(&self) -> &str {
        VERSION
    }

    fn compile(&self, source: &str, contract: &str) -> Result<CompiledContract, SolidityError> {
        let input = input(source);
        let output = self.run(serde_json::to_vec(&input).map_err(|error| failed(&error))?)?;
        let output: CompilerOutput = serde_json::from_slice(&output).map_err(|error| failed(&error))?;
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

    /// An executable file.
    fn program(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("solc");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_native_compiler_gives_the_same_code_and_another_version_is_refused() {
        let npm = Solc::find(None).unwrap();
        let json = serde_json::to_vec(&input(SOURCE)).unwrap();
        let output = String::from_utf8(npm.run(json).unwrap()).unwrap();
        let npm = npm.compile(SOURCE, "C").unwrap();
        // Programs that print what solc prints.
        let folder = tempfile::tempdir().unwrap();
        let printing = |output: &str| {
            // `printf` is a part of the shell: a confined program starts no other.
            let quoted = output.replace('\'', r"'\''");
            let path = program(folder.path(), &format!("#!/bin/sh\nprintf '%s' '{quoted}'\n"));
            Solc::find(Some(&path)).unwrap().compile(SOURCE, "C")
        };
        assert_eq!(printing(&output).unwrap(), npm);
        let error = printing(&output.replace("0.8.30", "0.8.29")).unwrap_err();
        assert!(
            matches!(&error, SolidityError::OtherVersion { found, .. } if found.starts_with("0.8.29")),
            "{error}"
        );
        let error = Solc::native(folder.path().join("none")).compile(SOURCE, "C").unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }

    #[test]
    fn a_native_compiler_sees_no_variable_of_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path(), "#!/bin/sh\nexport -p >&2; exit 1\n");
        let error = Solc::native(path).compile(SOURCE, "C").unwrap_err().to_string();
        assert!(error.contains("PATH") && !error.contains("CARGO"), "{error}");
    }

    #[test]
    fn a_package_with_another_compiler_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("solc")).unwrap();
        std::fs::write(folder.path().join("solc/soljson.js"), "process.exit(0)").unwrap();
        let error = Solc::node(folder.path()).compile(SOURCE, "C").unwrap_err().to_string();
        assert!(error.contains("has SHA-256"), "{error}");
    }

    #[test]
    fn a_compiler_that_hangs_or_prints_without_end_is_stopped_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let endless = program(folder.path(), "#!/bin/sh\nexec yes\n");
        let error = Solc::native(endless).compile(SOURCE, "C").unwrap_err().to_string();
        assert!(error.contains("limit of 16777216 bytes"), "{error}");
        let mut hangs = Solc::native(program(folder.path(), "#!/bin/sh\nexec sleep 600\n"));
        hangs.limits.wall = Duration::from_secs(1);
        let error = hangs.compile(SOURCE, "C").unwrap_err().to_string();
        assert!(error.contains("limit of 1 s"), "{error}");
    }
}
