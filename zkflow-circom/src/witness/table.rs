//! The table of inputs in a module of circom: where the circuit's signals contain each input.

use std::cmp::Reverse;
use std::ops::Range;

use wasmparser::{DataKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// One input in the table of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TableEntry {
    /// [FNV-1a hash](fnv1a) of the name.
    pub(super) hash: u64,
    /// Label of its first signal.
    pub(super) label: u32,
    /// Number of its values.
    pub(super) size: u32,
}

/// Maximum number of entries of the table; unused ones are zero.
const MAX_ENTRIES: usize = 1 << 24;
/// Length of an entry in bytes: hash u64, label u32, size u32.
const ENTRY: usize = 16;
/// The function that looks a hash up.
const LOOKUP: &str = "getInputSignalMapPosition";

/// The inputs that a module names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputTable {
    /// The inputs, and the fields of those that are buses, in the order of their labels.
    entries: Vec<TableEntry>,
    /// One entry for each input.
    inputs: Vec<TableEntry>,
}

impl InputTable {
    /// `None` if the module does not have the form that circom generates.
    pub(super) fn read(wasm: &[u8]) -> Option<Self> {
        Self::of(entries(wasm)?)
    }

    /// The table of these entries, which are in the order of their labels, the longest first.
    pub(super) fn of(entries: Vec<TableEntry>) -> Option<Self> {
        Some(Self { inputs: without_fields(&entries)?, entries })
    }

    /// All entries, those of fields included.
    pub(super) fn entries(&self) -> &[TableEntry] {
        &self.entries
    }

    /// The inputs in the order of their labels. A bus with a single field, such as `p.x` in `p`, has the name of either:
    /// the table does not tell which is which, and the module takes both.
    pub(super) fn inputs(&self) -> &[TableEntry] {
        &self.inputs
    }

    /// Number of values of all inputs.
    pub(super) fn values(&self) -> u64 {
        self.inputs.iter().map(|input| u64::from(input.size)).sum()
    }
}

/// All entries in the order of their labels, the longest first; `None` if the module does not have the form that circom
/// generates.
///
/// The lookup function has two constants: the address of the table, to which it adds 16 times an index, and the number
/// of entries less one, with which it takes the bitwise and. The number is a power of two, 256 or more. Reads the bytes
/// only, runs nothing.
fn entries(wasm: &[u8]) -> Option<Vec<TableEntry>> {
    let Outline { lookup, data } = Outline::read(wasm)?;
    let Lookup { table, entries } = Lookup::read(wasm, lookup)?;
    // The table is a part of the module.
    if entries > MAX_ENTRIES || entries * ENTRY > wasm.len() {
        return None;
    }
    let table = u64::from(table);
    let mut bytes = vec![0; entries * ENTRY];
    for (address, range) in data {
        let segment = wasm.get(range)?;
        // Distance of the table from the segment, either of which can begin first.
        let (skip, start) = match table.checked_sub(address.into()) {
            Some(skip) => (usize::try_from(skip).ok()?, 0),
            None => (0, usize::try_from(u64::from(address) - table).ok()?),
        };
        let (Some(from), Some(to)) = (segment.get(skip..), bytes.get_mut(start..)) else { continue };
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
    let mut entries: Vec<TableEntry> = bytes.as_chunks::<16>().0.iter().map(TableEntry::of).collect();
    entries.retain(|entry| entry.hash != 0);
    entries.sort_by_key(|entry| (entry.label, Reverse(entry.size)));
    Some(entries)
}

/// The entries without those of the fields of a bus, such as `p.x` in `p`; of two entries with the same signals, the first.
/// `None` if entries overlap in another way.
fn without_fields(entries: &[TableEntry]) -> Option<Vec<TableEntry>> {
    let mut whole: Vec<TableEntry> = Vec::with_capacity(entries.len());
    // The last kept entry with signals. The ones before it end before it begins.
    let mut last: Option<TableEntry> = None;
    for entry in entries {
        match last.filter(|last| last.end() > entry.label.into()) {
            None => {
                whole.push(*entry);
                last = if entry.size > 0 { Some(*entry) } else { last };
            }
            Some(_) if entry.size == 0 => whole.push(*entry),
            Some(last) if entry.end() > last.end() => return None,
            Some(_) => {}
        }
    }
    Some(whole)
}

impl TableEntry {
    /// Label after its last signal.
    fn end(&self) -> u64 {
        u64::from(self.label) + u64::from(self.size)
    }

    fn of(bytes: &[u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        Self {
            hash: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            label: u32::from_le_bytes([i, j, k, l]),
            size: u32::from_le_bytes([m, n, o, p]),
        }
    }
}

/// The parts of a module that lead to the table.
struct Outline {
    /// Index of the lookup function among the functions with code.
    lookup: usize,
    /// Addresses and places of the data segments.
    data: Vec<(u32, Range<usize>)>,
}

impl Outline {
    fn read(wasm: &[u8]) -> Option<Self> {
        let (mut imported, mut lookup, mut data) = (0, None, Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported += u32::from(matches!(import.ok()?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::DataSection(segments) => {
                    for segment in segments {
                        let segment = segment.ok()?;
                        let DataKind::Active { offset_expr, .. } = segment.kind else { return None };
                        let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read()
                        else {
                            return None;
                        };
                        let end = segment.range.end;
                        data.push((value as u32, end.checked_sub(segment.data.len())?..end));
                    }
                }
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(names) = section.as_known() else { continue };
                    for name in names {
                        let Name::Function(functions) = name.ok()? else { continue };
                        for function in functions {
                            let function = function.ok()?;
                            if function.name == LOOKUP {
                                lookup = Some(function.index);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Some(Self { lookup: lookup?.checked_sub(imported)? as usize, data })
    }
}

/// The constants of the lookup function.
struct Lookup {
    table: u32,
    entries: usize,
}

impl Lookup {
    fn read(wasm: &[u8], function: usize) -> Option<Self> {
        let mut bodies = Parser::new(0).parse_all(wasm).filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        });
        let operators = bodies.nth(function)?.get_operators_reader().ok()?;
        let operators = operators.into_iter().collect::<Result<Vec<_>, _>>().ok()?;
        let table = operators.windows(4).find_map(|four| match four {
            [
                Operator::I32Const { value },
                Operator::LocalGet { .. },
                Operator::I32Const { value: 16 },
                Operator::I32Mul,
            ] => Some(*value as u32),
            _ => None,
        })?;
        let mask = operators.windows(2).find_map(|two| match two {
            [Operator::I32Const { value }, Operator::I32And] => Some(*value as u32),
            _ => None,
        })?;
        Some(Self { table, entries: usize::try_from(mask).ok()?.checked_add(1)? })
    }
}

/// 64-bit FNV-1a hash.
pub(super) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_is_the_published_one() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn fields_of_a_bus_are_no_inputs() {
        let entry = |hash, label, size| TableEntry { hash, label, size };
        let (bus, x, y) = (entry(1, 2, 3), entry(2, 2, 1), entry(3, 3, 2));
        let (empty, next) = (entry(4, 3, 0), entry(5, 5, 1));
        assert_eq!(without_fields(&[bus, x, y, empty, next]), Some(vec![bus, empty, next]));
        assert_eq!(
            without_fields(&[bus, entry(6, 2, 3), next]),
            Some(vec![bus, next]),
            "two names of the same signals"
        );
        assert_eq!(without_fields(&[bus, entry(6, 4, 2)]), None, "an overlap");
        assert_eq!(without_fields(&[]), Some(Vec::new()));
    }

    #[test]
    fn a_table_of_many_entries_is_read_once() {
        // A comparison of all pairs would take minutes.
        let entries: Vec<_> = (0..1 << 19).map(|label| TableEntry { hash: 1, label, size: 1 }).collect();
        assert_eq!(without_fields(&entries), Some(entries));
    }

    #[test]
    fn modules_without_the_table_of_circom_have_none() {
        for wasm in [&b"no module"[..], b"", b"\0asm\x01\0\0\0"] {
            assert_eq!(InputTable::read(wasm), None);
        }
    }
}
