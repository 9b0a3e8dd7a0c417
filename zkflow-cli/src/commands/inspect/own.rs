//! Files that ZKFlow writes beside those of circom and snarkjs.

use serde_json::{Map, Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::setup::SetupRecord;
use zkflow_core::solidity::{ContractCircuit, circuit_of, verifying_key_of};
use zkflow_core::witness::tape::Tape;

use super::{Error, verifying_key};

/// Place of the digest of the module in a tape.
const MODULE: std::ops::Range<usize> = 8..40;

/// Name of the format and facts; `None` if it is no such file.
pub(super) fn own_facts(bytes: &[u8]) -> Result<Option<(&'static str, Value)>, Error> {
    if bytes.starts_with(b"zktape") {
        return Ok(Some(("tape", tape(bytes)?)));
    }
    if let Ok(record) = SetupRecord::from_json(bytes) {
        return Ok(Some(("record of a setup", serde_json::from_str(&record.to_json())?)));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(None) };
    if let Ok(key) = verifying_key_of(text) {
        let circuit = circuit_of(text).map(|circuit| match circuit {
            ContractCircuit::Id(id) => id.to_string(),
            ContractCircuit::Hash(hash) => format!("blake2b {}", hex::encode(hash)),
        });
        return Ok(Some(("verifier contract", json!({"circuit": circuit, "key": verifying_key(&key)}))));
    }
    let deployment = serde_json::from_str::<Map<String, Value>>(text).ok();
    Ok(deployment.and_then(deployed).map(|facts| ("deployment", facts)))
}

/// What calculates a witness, without names of inputs, which a tape does not contain.
fn tape(bytes: &[u8]) -> Result<Value, Error> {
    let module = bytes.get(MODULE).ok_or("the tape is too short")?;
    let module: Digest = hex::encode(module).parse()?;
    let tape = Tape::from_bytes(bytes, &module)?;
    Ok(json!({"operations": tape.len(), "wires": tape.wires(), "module": module}))
}

/// The transaction and the contract that `zkflow deploy` noted, without the source for the compiler.
fn deployed(mut noted: Map<String, Value>) -> Option<Value> {
    noted.remove("standard_json_input");
    let contract = noted.get("contract")?;
    let transaction = noted.get("transaction")?.get("hash").cloned();
    Some(json!({"keys": noted.get("keys"), "transaction": transaction, "contract": contract}))
}
