//! The version of circom that made a module.

use wasmparser::{ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef};

/// Exported functions that return the parts of the version.
const PARTS: [&str; 3] = ["getVersion", "getMinorVersion", "getPatchVersion"];

/// The version that a module says, such as `2.2.3`; `None` if it is no module of circom 2. Reads the bytes only, runs
/// nothing.
pub fn module_version(wasm: &[u8]) -> Option<String> {
    let (mut imported, mut functions) = (0, [None; 3]);
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import.ok()?.ty, TypeRef::Func(_)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.ok()?;
                    let part = PARTS.iter().position(|name| *name == export.name);
                    if let (Some(part), ExternalKind::Func) = (part, export.kind) {
                        functions[part] = Some(export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let part = |function: Option<u32>| {
        let place = usize::try_from(function?.checked_sub(imported)?).ok()?;
        constant(bodies.get(place)?)
    };
    let [major, minor, patch] = functions.map(part);
    Some(format!("{}.{}.{}", major?, minor?, patch?))
}

/// The number that a function returns, if it does nothing else.
fn constant(body: &FunctionBody<'_>) -> Option<i32> {
    let mut operators = body.get_operators_reader().ok()?;
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_constants_of_exported_functions() {
        let module = |patch: &str| {
            let text = format!(
                "(module (import \"runtime\" \"error\" (func (param i32)))
                   (func (export \"getVersion\") (result i32) i32.const 2)
                   (func (export \"getMinorVersion\") (result i32) i32.const 1)
                   (func (export \"getPatchVersion\") (result i32) {patch}))"
            );
            wat::parse_str(text).unwrap()
        };
        assert_eq!(module_version(&module("i32.const 5")).as_deref(), Some("2.1.5"));
        assert_eq!(module_version(&module("i32.const 2 i32.const 3 i32.add")), None);
        assert_eq!(module_version(&wat::parse_str("(module)").unwrap()), None);
        assert_eq!(module_version(b"rubbish"), None);
    }
}
