//! The version of circom that made a module.

use wasmparser::{ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef};

/// Exported functions that return the parts of the version.
const PARTS: [&str; 3] = ["getVersion", "getMinorVersion", "getPatchVersion"];

/// The version that a module says, such as `2.2.3`; `None` if it is no module of circom 2. Reads the bytes only, runs
/// nothing, and needs no memory: the number of functions of a foreign module has no other limit than its size.
pub fn module_version(wasm: &[u8]) -> Option<String> {
    let (mut imported, mut functions) = (0_u32, [None; 3]);
    let (mut body, mut version) = (0_u32, [None; 3]);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported =
                        imported.checked_add(u32::from(matches!(import.ok()?.ty, TypeRef::Func(_))))?;
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
            // The exports come before.
            Payload::CodeSectionEntry(code) => {
                for (function, part) in functions.iter().zip(&mut version) {
                    if function.and_then(|function: u32| function.checked_sub(imported)) == Some(body) {
                        *part = constant(&code);
                    }
                }
                body = body.checked_add(1)?;
            }
            _ => {}
        }
    }
    let [major, minor, patch] = version;
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

    #[test]
    fn a_module_of_a_million_functions_without_content_is_read() {
        let count = [0xc0, 0x84, 0x3d]; // 10^6
        let section = |id: u8, content: &[u8]| {
            let mut length = content.len();
            let mut bytes = vec![id];
            while length > 0x7f {
                bytes.push(length as u8 | 0x80);
                length >>= 7;
            }
            [&bytes[..], &[length as u8], content].concat()
        };
        let code = [&count[..], &vec![0; 1_000_000]].concat();
        let module = [&b"\0asm\x01\0\0\0"[..], &section(3, &count), &section(10, &code)].concat();
        assert_eq!(module_version(&module), None);
    }
}
