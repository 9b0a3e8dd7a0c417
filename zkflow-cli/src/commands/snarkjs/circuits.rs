//! Commands of snarkjs about constraints, witnesses and the layout of files.

use std::io::{BufWriter, Cursor};
use std::path::Path;
use std::process::ExitCode;

use zeroize::Zeroizing;
use zkflow_core::constraints::ConstraintCheck;
use zkflow_core::field::to_decimal;
use zkflow_core::format::r1cs::{LinearCombination, R1cs};
use zkflow_core::format::sym::Sym;
use zkflow_core::format::{json, section_table, wtns};
use zkflow_core::rng::os_rng;
use zkflow_core::witness::Witness;

use super::super::Error;
use super::super::evidence::circuit;
use super::super::files::{in_file, read, secrets};
use super::super::output::{tell, write_secret, written};

/// `r1cs info`, with the lines of snarkjs, which scripts search.
pub(super) fn info(arguments: &[String]) -> Result<ExitCode, Error> {
    let r1cs = circuit(path(arguments, 0))?;
    line("Curve: bn-128");
    for (name, count) in [
        ("Wires", u64::from(r1cs.n_wires)),
        ("Constraints", r1cs.constraints.len() as u64),
        ("Private Inputs", u64::from(r1cs.n_private_inputs)),
        ("Public Inputs", u64::from(r1cs.n_public_inputs)),
        ("Labels", r1cs.n_labels),
        ("Outputs", u64::from(r1cs.n_outputs)),
    ] {
        line(&format!("# of {name}: {count}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// `r1cs print`: one line per constraint.
pub(super) fn print(arguments: &[String]) -> Result<ExitCode, Error> {
    let r1cs = circuit(path(arguments, 0))?;
    let sym = path(arguments, 1);
    let names = Names::of(&Sym::read(&read(sym)?).map_err(in_file(sym))?, &r1cs);
    for row in &r1cs.constraints {
        let [a, b, c] = [&row.a, &row.b, &row.c].map(|combination| names.sum(combination));
        line(&format!("[ {a} ] * [ {b} ] - [ {c} ] = 0"));
    }
    Ok(ExitCode::SUCCESS)
}

/// `r1cs export json`.
pub(super) fn export_r1cs(arguments: &[String]) -> Result<ExitCode, Error> {
    let r1cs = circuit(path(arguments, 0))?;
    written(path(arguments, 1), |file| Ok(json::write_r1cs(&r1cs, BufWriter::new(file))?))?;
    Ok(ExitCode::SUCCESS)
}

/// `wtns export json`.
pub(super) fn export_witness(arguments: &[String]) -> Result<ExitCode, Error> {
    let mut text = Zeroizing::new(Vec::new());
    json::write_witness(&witness(path(arguments, 0))?, &mut *text)?;
    write_secret(path(arguments, 1), &text)?;
    Ok(ExitCode::SUCCESS)
}

/// `wtns check`.
pub(super) fn check(arguments: &[String]) -> Result<ExitCode, Error> {
    let r1cs = circuit(path(arguments, 0))?;
    let witness = witness(path(arguments, 1))?;
    if ConstraintCheck::new(&r1cs, &mut os_rng()).holds(&witness) {
        println!("OK: the witness satisfies all {} constraints", r1cs.constraints.len());
        return Ok(ExitCode::SUCCESS);
    }
    tell(format_args!("INVALID: the witness does not satisfy the constraints"));
    Ok(ExitCode::FAILURE)
}

/// `file info`: the sections of a file.
pub(super) fn file_info(arguments: &[String]) -> Result<ExitCode, Error> {
    let path = path(arguments, 0);
    let table = section_table(&mut Cursor::new(&*secrets(path)?)).map_err(in_file(path))?;
    println!("File info for    {}\n", path.display());
    println!("File size:       {} bytes", table.file_len);
    println!("File type:       {}\n", table.format);
    for section in &table.sections {
        println!(
            "section {:>5}    size: {}\toffset: 0x{:x}",
            format!("#{}", section.id),
            section.size,
            section.offset
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn witness(path: &Path) -> Result<Witness, Error> {
    wtns::read(&secrets(path)?).map_err(in_file(path))
}

fn path(arguments: &[String], index: usize) -> &Path {
    Path::new(arguments.get(index).map_or("", String::as_str))
}

fn line(text: &str) {
    println!("[INFO]  snarkJS: {text}");
}

/// The names of wires, joined by `|` if a wire has several.
struct Names(Vec<String>);

impl Names {
    fn of(sym: &Sym, r1cs: &R1cs) -> Self {
        let mut names = vec![String::new(); r1cs.n_wires as usize];
        for signal in sym.signals() {
            let wire = signal.wire.map(|wire| wire as usize).filter(|wire| *wire > 0);
            if let Some(name) = wire.and_then(|wire| names.get_mut(wire)) {
                let separator = if name.is_empty() { "" } else { "|" };
                *name = format!("{name}{separator}{}", signal.name);
            }
        }
        names.iter_mut().filter(|name| name.is_empty()).for_each(|name| *name = "undefined".to_owned());
        if let Some(one) = names.first_mut() {
            *one = "1".to_owned();
        }
        Self(names)
    }

    /// Terms in the order of their wires. A factor of one is left out.
    fn sum(&self, combination: &LinearCombination) -> String {
        let mut terms: Vec<_> = combination.iter().collect();
        terms.sort_unstable_by_key(|(wire, _)| *wire);
        let mut sum = String::new();
        for (wire, value) in terms {
            let factor = Some(to_decimal(value)).filter(|factor| factor != "1").unwrap_or_default();
            let sign = if sum.is_empty() { "" } else { " +" };
            let name = self.0.get(*wire as usize).map_or("", String::as_str);
            sum = format!("{sum}{sign}{factor}{name}");
        }
        sum
    }
}
