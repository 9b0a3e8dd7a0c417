//! Reads the keys and contracts of files and folders.

use std::path::Path;

use serde_json::Value;
use zkflow_core::audit::{Audit, audit_bytecode, audit_source, audit_verification_key_text, audit_zkey};

use super::super::evidence::open;
use super::super::files::read_found;
use super::Audited;

/// The audits of a file, or of every file of a folder that contains a key or a contract.
pub(super) fn gather(target: &str) -> Vec<Audited> {
    let path = Path::new(target);
    let audited = |outcome| vec![Audited { target: target.to_owned(), outcome }];
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let mut all = Vec::new();
            match folder(path, 0, &mut all) {
                Ok(()) if all.is_empty() => {
                    audited(Err("the folder contains no key and no verifier".to_owned()))
                }
                Ok(()) => all,
                Err(error) => audited(Err(error)),
            }
        }
        Ok(_) => audited(file(path).and_then(|audit| audit.ok_or_else(|| NOTHING.to_owned()))),
        Err(error) => audited(Err(error.to_string())),
    }
}

const NOTHING: &str =
    "expected a .zkey, a verification_key.json, a verifier contract in Solidity, or its code in hexadecimal";

/// Depth of folders that are read.
const DEEPEST: usize = 32;

/// Links are not followed, and hidden folders not read.
fn folder(path: &Path, depth: usize, all: &mut Vec<Audited>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("{} is nested too deeply", path.display()));
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let entries: Result<Vec<_>, _> = std::fs::read_dir(path).map_err(failed)?.collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !is_hidden {
            folder(&path, depth + 1, all)?;
        } else if kind.is_file()
            && let Some(outcome) = file(&path).transpose()
        {
            all.push(Audited { target: path.display().to_string(), outcome });
        }
    }
    Ok(())
}

/// The audit of a file by its extension; `None` if it contains neither a key nor a verifier.
fn file(path: &Path) -> Result<Option<Audit>, String> {
    let text = |most| -> Result<String, String> {
        let bytes = read_found(path, most).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "zkey" => match open(path) {
            Ok(key) => Ok(Some(audit_zkey(key.head()))),
            Err(error) => Err(error.to_string()),
        },
        "sol" => Ok(audit_source(&text(LARGEST_SOURCE)?)),
        "json" => Ok(json(&text(LARGEST_JSON)?)),
        "bin" | "hex" | "txt" => Ok(code(&text(LARGEST_CODE)?)),
        _ => Ok(None),
    }
}

const LARGEST_SOURCE: u64 = 4 << 20;
const LARGEST_JSON: u64 = 64 << 20;
const LARGEST_CODE: u64 = 1 << 20;

/// A verification key, or an artifact of Hardhat, Foundry or Truffle.
fn json(text: &str) -> Option<Audit> {
    let document: Value = serde_json::from_str(text).ok()?;
    if document.get("vk_alpha_1").is_some() {
        return Some(audit_verification_key_text(text.as_bytes()));
    }
    let deployed = document.get("deployedBytecode")?;
    code(deployed.as_str().or_else(|| deployed.get("object")?.as_str())?)
}

/// Code in hexadecimal.
fn code(text: &str) -> Option<Audit> {
    let text = text.trim();
    audit_bytecode(&hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()?)
}
