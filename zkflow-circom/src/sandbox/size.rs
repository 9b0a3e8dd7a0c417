//! Refuses modules whose translation would take too much memory. It runs before the limits of a guest apply.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use super::SandboxError;

/// Limit of the locals of a function times its branches and blocks. The compiler keeps the value of a local at each of
/// them, so that its memory grows with the product: about 16 bytes each. Rust and circom stay far below.
const MOST: u64 = 16 << 20;

/// Checks every function of a module.
///
/// # Errors
/// [`SandboxError::InvalidModule`] names the function.
pub(super) fn check(wasm: &[u8]) -> Result<(), SandboxError> {
    let failed = |error: wasmparser::BinaryReaderError| SandboxError::InvalidModule(error.to_string());
    let mut number = 0_u64;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(failed)? {
            let size = size(&body).map_err(failed)?;
            if size > MOST {
                return Err(SandboxError::InvalidModule(format!(
                    "function {number} of the code is too complex: its locals times its branches are {size}, at most \
                     {MOST} are supported"
                )));
            }
            number += 1;
        }
    }
    Ok(())
}

/// Locals of the function, times branches and blocks.
fn size(body: &FunctionBody<'_>) -> Result<u64, wasmparser::BinaryReaderError> {
    // Parameters are in the type; there are at most 1000.
    let mut locals = 1000_u64;
    for declared in body.get_locals_reader()? {
        locals += u64::from(declared?.0);
    }
    let mut branches = 1_u64;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        branches += match operators.read()? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => u64::from(targets.len()) + 1,
            _ => 0,
        };
    }
    Ok(locals.saturating_mul(branches))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of one function with this many locals and ifs.
    fn module(locals: u32, ifs: u32) -> Vec<u8> {
        let branches = "(if (i32.const 0) (then))".repeat(ifs as usize);
        let locals = "(local i64)".repeat(locals as usize);
        wat::parse_str(format!("(module (func {locals} {branches}))")).unwrap()
    }

    #[test]
    fn a_function_with_many_locals_and_branches_is_refused() {
        check(&module(10, 10)).unwrap();
        check(&module(20_000, 10)).unwrap();
        check(&module(10, 10_000)).unwrap();
        let error = check(&module(20_000, 2_000)).unwrap_err().to_string();
        assert!(error.contains("function 0") && error.contains("too complex"), "{error}");
    }
}
