//! Modules that say a version of circom.

/// A module without content that says this version.
pub(crate) fn of_version(version: &str) -> Vec<u8> {
    let names = ["getVersion", "getMinorVersion", "getPatchVersion"];
    let functions = names.iter().zip(version.split('.'));
    let functions: String = functions
        .map(|(name, part)| format!("(func (export {name:?}) (result i32) i32.const {part})"))
        .collect();
    wat::parse_str(format!("(module {functions})")).unwrap()
}
