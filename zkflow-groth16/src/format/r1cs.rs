//! `.r1cs`, version 1: the constraint system, as specified in iden3/r1csfile, `doc/r1cs_bin_format.md`.

use ark_bn254::Fr;
use ark_ff::{Field as _, PrimeField as _};

use super::FormatError;
use super::binfile::{BinFile, BinWriter};
use super::container::{FILE_HEADER, Layout, SECTION_HEADER};
use super::cursor::Cursor;
use super::encoding::{expect_field, put_field};
use crate::domain::domain_size;
use crate::field::{self, FieldError};

/// A rank-1 constraint system over the scalar field of BN254.
///
/// Wires in order: `0` is the constant one, then outputs, public inputs, private inputs, the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R1cs {
    /// Number of wires, including the constant one.
    pub n_wires: u32,
    /// Number of outputs; all are public.
    pub n_outputs: u32,
    /// Number of public inputs.
    pub n_public_inputs: u32,
    /// Number of private inputs, including those without a wire because no constraint uses them.
    pub n_private_inputs: u32,
    /// Number of signals before simplification.
    pub n_labels: u64,
    /// The constraints `<a, w> * <b, w> = <c, w>`.
    pub constraints: Vec<Constraint>,
    /// Label of each wire: the number of its signal before simplification.
    pub labels: Vec<u64>,
}

/// `<a, w> * <b, w> = <c, w>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraint {
    /// Left factor.
    pub a: LinearCombination,
    /// Right factor.
    pub b: LinearCombination,
    /// Product.
    pub c: LinearCombination,
}

/// Wires with their coefficients, each wire at most once.
pub type LinearCombination = Vec<(u32, Fr)>;

impl R1cs {
    /// Number of public signals of a proof: outputs and public inputs.
    pub fn n_public(&self) -> u32 {
        self.n_outputs + self.n_public_inputs
    }

    /// `2^(floor(log2(constraints + outputs + public inputs)) + 1)`: rows of the evaluation domain in
    /// snarkjs and this crate.
    pub fn domain_size(&self) -> u64 {
        domain_size(self.constraints.len() as u64, u64::from(self.n_public()))
    }

    /// Reads an `.r1cs` file.
    ///
    /// # Errors
    /// - The bytes are not a constraint system over BN254's scalar field.
    /// - A wire does not exist, or occurs twice in one linear combination.
    /// - A coefficient is not below the modulus.
    /// - There are custom gates.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut file = R1csFile::open(bytes)?;
        let mut constraints = Vec::with_capacity(file.count as usize);
        while let Some([a, b, c]) = file.next()? {
            let [a, b, c] = [a.to_vec(), b.to_vec(), c.to_vec()];
            constraints.push(Constraint { a, b, c });
        }
        Ok(Self { constraints, ..file.head })
    }

    /// Writes an `.r1cs` file, byte for byte as circom does: constraints, header, labels.
    pub fn write(&self) -> Vec<u8> {
        let terms: usize = self.constraints.iter().map(Constraint::terms).sum();
        let length = FILE_HEADER
            + 3 * SECTION_HEADER
            + HEADER_LEN
            + (self.constraints.len() as u64) * 12
            + terms as u64 * TERM_LEN
            + self.labels.len() as u64 * 8;
        BinWriter::new(LAYOUT, length)
            .section(CONSTRAINTS, |out| {
                for constraint in &self.constraints {
                    for combination in [&constraint.a, &constraint.b, &constraint.c] {
                        put_combination(out, combination);
                    }
                }
            })
            .section(HEADER, |out| {
                put_field::<Fr>(out);
                for n in [self.n_wires, self.n_outputs, self.n_public_inputs, self.n_private_inputs] {
                    out.extend(n.to_le_bytes());
                }
                out.extend(self.n_labels.to_le_bytes());
                out.extend((self.constraints.len() as u32).to_le_bytes());
            })
            .section(LABELS, |out| self.labels.iter().for_each(|label| out.extend(label.to_le_bytes())))
            .finish()
    }
}

/// An `.r1cs` file whose constraints are read one by one, without a copy of all of them.
#[derive(Debug)]
pub struct R1csFile<'a> {
    head: R1cs,
    section: Cursor<'a>,
    /// Number of constraints that are left.
    count: u32,
    combinations: CombinationReader,
    /// The constraint that was read last.
    last: [LinearCombination; 3],
}

/// The first section with custom gates.
fn custom_gates<'a>(file: &BinFile<'a>) -> Result<Option<Cursor<'a>>, FormatError> {
    for id in CUSTOM_GATES {
        if let Some(mut section) = file.optional(id) {
            // Files with `pragma custom_templates` contain the sections even if there are no gates.
            let is_empty = section.remaining() == 0 || section.remaining() == 4 && section.u32()? == 0;
            if !is_empty {
                return Ok(Some(section));
            }
        }
    }
    Ok(None)
}

impl<'a> R1csFile<'a> {
    /// Whether a file has custom gates, which Groth16 does not support: it is [refused](Self::open).
    ///
    /// # Errors
    /// The bytes have no sections.
    pub fn has_custom_gates(bytes: &'a [u8]) -> Result<bool, FormatError> {
        Ok(custom_gates(&BinFile::parse(LAYOUT, bytes)?)?.is_some())
    }

    /// Reads everything but the constraints.
    ///
    /// # Errors
    /// See [`R1cs::read`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let file = BinFile::parse(LAYOUT, bytes)?;
        if let Some(section) = custom_gates(&file)? {
            return Err(section.error("custom gates: not supported by Groth16"));
        }

        let mut header = file.section(HEADER)?;
        expect_field::<Fr>(&mut header, "constraint system")?;
        let counts = header.position();
        let [n_wires, n_outputs, n_public_inputs, n_private_inputs] =
            [header.u32()?, header.u32()?, header.u32()?, header.u32()?];
        let n_labels = header.u64()?;
        let count = header.u32()?;
        header.finish()?;
        if 1 + u64::from(n_outputs) + u64::from(n_public_inputs) > u64::from(n_wires) {
            return Err(header.error_at(counts, "more public signals than wires"));
        }

        let labels = read_labels(file.section(LABELS)?, n_wires)?;
        let constraints = Vec::new();
        let head =
            R1cs { n_wires, n_outputs, n_public_inputs, n_private_inputs, n_labels, constraints, labels };
        let section = file.section(CONSTRAINTS)?;
        // A constraint contains at least three lengths.
        if u64::from(count) * 12 > section.remaining() {
            let found = section.remaining();
            return Err(section.error(format!("{count} constraints do not fit into {found} bytes")));
        }
        let combinations = CombinationReader { last_use: vec![0; n_wires as usize], count: 0 };
        Ok(Self { head, section, count, combinations, last: Default::default() })
    }

    /// The system without its constraints.
    pub fn head(&self) -> &R1cs {
        &self.head
    }

    /// Number of constraints that are left.
    pub fn remaining(&self) -> usize {
        self.count as usize
    }

    /// The next constraint: a, b and c; `None` at the end of the section.
    ///
    /// # Errors
    /// See [`R1cs::read`].
    #[allow(clippy::should_implement_trait, reason = "a constraint borrows the buffers of the file")]
    pub fn next(&mut self) -> Result<Option<&[LinearCombination; 3]>, FormatError> {
        if self.count == 0 {
            self.section.finish()?;
            return Ok(None);
        }
        self.count -= 1;
        for combination in &mut self.last {
            self.combinations.read(&mut self.section, combination)?;
        }
        Ok(Some(&self.last))
    }
}

impl Constraint {
    /// Total entries of the three linear combinations.
    pub fn terms(&self) -> usize {
        self.a.len() + self.b.len() + self.c.len()
    }
}

// circom 2.0.6 to 2.0.8 write 5 as the number of sections, with three sections in the file.
pub(super) const LAYOUT: Layout = Layout { name: "r1cs", version: 1, counts_sections: false };
const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const LABELS: u32 = 3;
const CUSTOM_GATES: [u32; 2] = [4, 5];

/// Length of the header's body in bytes.
const HEADER_LEN: u64 = 64;
/// Length of one entry of a linear combination in bytes.
const TERM_LEN: u64 = 36;
/// Length of the wire in an entry.
const WIRE_LEN: usize = 4;

fn read_labels(mut section: Cursor<'_>, n_wires: u32) -> Result<Vec<u64>, FormatError> {
    if u64::from(n_wires) * 8 != section.remaining() {
        let found = section.remaining();
        return Err(section.error(format!("{n_wires} wires, but {found} bytes of labels")));
    }
    (0..n_wires).map(|_| section.u64()).collect()
}

/// Reads linear combinations and detects wires that occur twice in one.
#[derive(Debug)]
struct CombinationReader {
    /// For each wire, the number of the last linear combination that contained it.
    last_use: Vec<u64>,
    count: u64,
}

impl CombinationReader {
    fn read(
        &mut self,
        section: &mut Cursor<'_>,
        combination: &mut LinearCombination,
    ) -> Result<(), FormatError> {
        combination.clear();
        self.count += 1;
        let count = section.u32()?;
        if u64::from(count) * TERM_LEN > section.remaining() {
            return Err(section.error(format!("expected {count} terms, found fewer")));
        }
        combination.reserve(count as usize);
        let start = section.position();
        let terms = section.records(count.into(), TERM_LEN)?.as_chunks::<{ TERM_LEN as usize }>().0;
        for (number, term) in terms.iter().enumerate() {
            let at = start + number * TERM_LEN as usize;
            let [w0, w1, w2, w3, value @ ..] = term;
            let wire = u32::from_le_bytes([*w0, *w1, *w2, *w3]);
            let Some(last_use) = self.last_use.get_mut(wire as usize) else {
                return Err(section.error_at(at, format!("wire {wire} does not exist")));
            };
            if std::mem::replace(last_use, self.count) == self.count {
                let detail = format!("wire {wire} occurs twice in one linear combination");
                return Err(section.error_at(at, detail));
            }
            let value = coefficient(value);
            let value = value.map_err(|error| section.error_at(at + WIRE_LEN, error.to_string()))?;
            combination.push((wire, value));
        }
        Ok(())
    }
}

/// A coefficient. Most are 1 or -1, which need no multiplication.
#[inline]
fn coefficient(bytes: &[u8; 32]) -> Result<Fr, FieldError> {
    const fn bytes_of(limbs: [u64; 4]) -> [u8; 32] {
        let mut bytes = [0; 32];
        let mut at = 0;
        while at < 32 {
            bytes[at] = limbs[at / 8].to_le_bytes()[at % 8];
            at += 1;
        }
        bytes
    }
    const ONE: [u8; 32] = bytes_of([1, 0, 0, 0]);
    const MINUS_ONE: [u8; 32] = {
        let mut limbs = Fr::MODULUS.0;
        limbs[0] -= 1;
        bytes_of(limbs)
    };
    match *bytes {
        ONE => Ok(Fr::ONE),
        MINUS_ONE => Ok(-Fr::ONE),
        _ => field::from_le_bytes(bytes),
    }
}

fn put_combination(out: &mut Vec<u8>, combination: &LinearCombination) {
    out.extend((combination.len() as u32).to_le_bytes());
    for (wire, coefficient) in combination {
        out.extend(wire.to_le_bytes());
        out.extend(field::to_le_bytes(coefficient));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Fr {
        Fr::from(1u64)
    }

    fn square() -> R1cs {
        R1cs {
            n_wires: 3,
            n_outputs: 1,
            n_public_inputs: 0,
            n_private_inputs: 1,
            n_labels: 3,
            constraints: vec![Constraint {
                a: vec![(2, one())],
                b: vec![(2, one())],
                c: vec![(1, one()), (0, -one())],
            }],
            labels: vec![0, 1, 2],
        }
    }

    fn refusal(change: impl FnOnce(&mut R1cs)) -> String {
        let mut r1cs = square();
        change(&mut r1cs);
        R1cs::read(&r1cs.write()).unwrap_err().detail
    }

    #[test]
    fn a_system_comes_back_as_it_was_written() {
        assert_eq!(R1cs::read(&square().write()), Ok(square()));
        let empty = R1cs { constraints: Vec::new(), ..square() };
        assert_eq!(R1cs::read(&empty.write()), Ok(empty));
    }

    #[test]
    fn wires_must_exist_and_stand_once() {
        assert_eq!(refusal(|r1cs| r1cs.constraints[0].a[0].0 = 3), "wire 3 does not exist");
        assert_eq!(
            refusal(|r1cs| r1cs.constraints[0].c[1].0 = 1),
            "wire 1 occurs twice in one linear combination"
        );
    }

    #[test]
    fn counts_must_fit_together() {
        assert_eq!(refusal(|r1cs| r1cs.n_public_inputs = 2), "more public signals than wires");
        assert_eq!(refusal(|r1cs| r1cs.n_outputs = u32::MAX), "more public signals than wires");
        assert_eq!(refusal(|r1cs| r1cs.n_wires = u32::MAX), "4294967295 wires, but 24 bytes of labels");
        assert!(refusal(|r1cs| r1cs.labels.truncate(2)).contains("bytes of labels"));
    }

    #[test]
    fn custom_gates_are_refused() {
        let mut bytes = square().write();
        bytes[8] = 4;
        bytes.extend([4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert!(R1cs::read(&bytes).unwrap_err().detail.contains("custom gates"));
        assert_eq!(R1csFile::has_custom_gates(&bytes), Ok(true));
        assert_eq!(R1csFile::has_custom_gates(&square().write()), Ok(false));
    }

    #[test]
    fn files_of_older_compilers_are_read() {
        let plain = square().write();
        let gates = |id: u8| [[id, 0, 0, 0, 4, 0, 0, 0], [0; 8]].concat();
        // Any of the three numbers of sections, with and without empty sections of custom gates.
        for count in [3, 4, 5] {
            for more in [vec![], gates(4), [gates(4), gates(5)].concat()] {
                let mut bytes = [plain.as_slice(), &more].concat();
                bytes[8] = count;
                assert_eq!(R1cs::read(&bytes), Ok(square()), "{count} {}", more.len());
            }
        }
        let mut longer = [plain.as_slice(), b"x"].concat();
        assert!(R1cs::read(&longer).is_err());
        longer.extend([0; 30]);
        assert!(R1cs::read(&longer).is_err());
        assert!(R1cs::read(&plain[..plain.len() - 1]).is_err());
    }

    #[test]
    fn the_domain_holds_constraints_and_public_signals() {
        let with = |constraints: usize, n_outputs| {
            let constraints = vec![Constraint::default(); constraints];
            R1cs { constraints, n_outputs, ..square() }.domain_size()
        };
        assert_eq!([with(0, 0), with(1, 0), with(1, 1), with(2, 1), with(3, 1)], [2, 2, 4, 4, 8]);
        assert_eq!(with(7, 1), 16);
    }
}
