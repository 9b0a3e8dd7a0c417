//! `zkflow inspect`: shows the contents of a file. Of a witness only the size is shown, no value.

mod own;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::sym::Sym;
use zkflow_core::format::zkey::{ContributionKind, ZKey};
use zkflow_core::format::{Kind, detect, json as snarkjs, wtns};
use zkflow_core::proof::VerifyingKey;
use zkflow_core::report::CircuitReport;
use zkflow_core::setup::{gate, ptau};
use zkflow_core::verify::Verifier;
use zkflow_core::witness::tape::{RecordLimits, Stop, Tape};
use zkflow_core::witness::{CalculatorFiles, rehearsed};

use super::Error;
use super::files::{Watched, in_file, is_stream, map, of_circuit, read, secrets};
use super::ptau::open as open_ptau;
use super::toolbox::sandbox;
use own::own_facts;

/// Arguments of `zkflow inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// File to inspect; its format is detected
    file: PathBuf,
    /// Signal names of an .r1cs, for its warnings
    #[arg(long, value_name = "FILE.sym")]
    sym: Option<PathBuf>,
    /// Print a JSON object instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &InspectArgs) -> Result<(), Error> {
    let sym = args.sym.as_ref().map(|path| Sym::read(&read(path)?).map_err(in_file(path))).transpose()?;
    // A stream can be read once.
    let document = match !is_stream(&args.file) && is_ptau(&args.file)? {
        true => powers(&args.file)?,
        false => whole(&args.file, sym.as_ref())?,
    };
    if args.json {
        println!("{document:#}");
    } else {
        print!("{}", table("", &document));
    }
    Ok(())
}

/// Whether the file has powers of tau, which need not fit into memory.
fn is_ptau(path: &Path) -> Result<bool, Error> {
    let mut magic = Vec::new();
    super::files::open(path)?.take(4).read_to_end(&mut magic).map_err(in_file(path))?;
    Ok(magic == b"ptau")
}

fn powers(path: &Path) -> Result<Value, Error> {
    let watched = Watched::open(path)?;
    let mut file = open_ptau(path)?;
    let verdict = ptau::judge(&mut file)?;
    let claimed = if verdict.weakness().is_none() { "claimed " } else { "" };
    Ok(json!({
        "format": "ptau",
        "bytes": watched.reader().and_then(|file| file.metadata()).map_err(in_file(path))?.len(),
        "sha256": watched.digest(path)?,
        "power": file.power(),
        "powerOfCeremony": file.ceremony_power(),
        "prepared": file.is_prepared(),
        "contributions": file.contributions().len(),
        "secrets": format!("{claimed}{verdict}"),
    }))
}

fn whole(path: &Path, sym: Option<&Sym>) -> Result<Value, Error> {
    let bytes = secrets(path)?;
    let known = match detect(&bytes) {
        Some(Kind::Wasm) => Some(("wasm", wasm(path, &bytes)?)),
        Some(kind) => Some(facts(kind, &bytes, sym).map_err(in_file(path))?),
        None => own_facts(&bytes).map_err(in_file(path))?,
    };
    let (format, facts) = known.ok_or_else(|| {
        format!("{}: unknown format: expected a file of circom, snarkjs or ZKFlow", path.display())
    })?;
    let mut document = json!({"format": format, "bytes": bytes.len(), "sha256": Digest::of(&*bytes)});
    if let (Value::Object(document), Value::Object(facts)) = (&mut document, facts) {
        document.extend(facts);
    }
    Ok(document)
}

fn facts(kind: Kind, bytes: &[u8], sym: Option<&Sym>) -> Result<(&'static str, Value), Error> {
    Ok(match kind {
        Kind::R1cs => ("r1cs", serde_json::to_value(CircuitReport::of(&R1cs::read(bytes)?, sym))?),
        Kind::Wtns => ("wtns", json!({"wires": wtns::read(bytes)?.values().len()})),
        Kind::ZKey => ("zkey", zkey(&ZKey::read(bytes)?)),
        Kind::Sym => {
            let sym = Sym::read(bytes)?;
            let kept = sym.signals().iter().filter(|signal| signal.wire.is_some()).count();
            ("sym", json!({"signals": sym.signals().len(), "onWires": kept}))
        }
        Kind::Proof => {
            snarkjs::read_proof(bytes)?;
            ("proof", json!({"protocol": "groth16", "curve": "bn128"}))
        }
        Kind::PublicSignals => ("public signals", json!({"signals": snarkjs::read_public(bytes)?.len()})),
        Kind::VerifyingKey => ("verification key", verifying_key(&snarkjs::read_vkey(bytes)?)),
        Kind::Ptau => return Err("powers of tau are not read from a stream: give a file".into()),
        other => return Err(format!("{other:?} cannot be shown").into()),
    })
}

fn zkey(key: &ZKey) -> Value {
    let head = &key.head;
    let contributions: Vec<Value> = head
        .contributions
        .iter()
        .map(|contribution| match &contribution.kind {
            ContributionKind::Secret => json!({"kind": "contribution"}),
            ContributionKind::Beacon { exponent, .. } => json!({"kind": "beacon", "exponent": exponent}),
        })
        .collect();
    json!({
        "wires": head.n_vars,
        "publicSignals": head.n_public,
        "domainSize": head.domain_size,
        "coefficients": key.coefficients.len(),
        "circuitHash": hex::encode(head.circuit_hash),
        "contributions": contributions,
        "keys": gate::judge(head).to_string(),
    })
}

/// The calculation method of witnesses, found as in key generation: a tape, or the module with the reason. The constraints
/// beside the module decide with it.
fn wasm(path: &Path, bytes: &[u8]) -> Result<Value, Error> {
    let beside = |extension| of_circuit(path, extension).as_deref().map(map).transpose();
    let (r1cs, sym) = if is_stream(path) { (None, None) } else { (beside("r1cs")?, beside("sym")?) };
    let limits = RecordLimits::default();
    let recorded = match &r1cs {
        Some(r1cs) => {
            let files = CalculatorFiles { wasm: bytes, r1cs: Some(r1cs), sym: sym.as_deref(), tape: None };
            rehearsed(&sandbox()?, files, limits, &[]).tape
        }
        None => Tape::record(bytes, limits),
    };
    Ok(match recorded {
        Ok(tape) => {
            let mut facts = json!({"witness": "tape", "operations": tape.len(), "wires": tape.wires()});
            if r1cs.is_none() {
                facts["condition"] = json!("constraints (.r1cs) in which every input has a wire");
            }
            facts
        }
        Err(reason @ Stop::Field) => json!({"witness": "none", "reason": reason.to_string()}),
        Err(reason) => json!({"witness": "module", "reason": reason.to_string()}),
    })
}

fn verifying_key(key: &VerifyingKey) -> Value {
    json!({
        "publicSignals": key.n_public(),
        "usable": Verifier::new(key.clone()).is_ok(),
        "gammaEqualsDelta": key.gamma_g2 == key.delta_g2,
    })
}

/// One line per fact. Nested names are joined by dots.
fn table(prefix: &str, value: &Value) -> String {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| table(&join(prefix, name), value)).collect(),
        Value::Array(items) if items.iter().any(|item| item.is_object()) => {
            items.iter().enumerate().map(|(i, value)| table(&join(prefix, &i.to_string()), value)).collect()
        }
        Value::String(text) => format!("{prefix:<24} {text}\n"),
        other => format!("{prefix:<24} {other}\n"),
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_facts_are_lines() {
        let document = json!({"a": 1, "b": {"c": "x"}, "d": [{"e": true}], "f": []});
        let lines = table("", &document);
        let words: Vec<Vec<&str>> = lines.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [["a", "1"], ["b.c", "x"], ["d.0.e", "true"], ["f", "[]"]]);
    }
}
