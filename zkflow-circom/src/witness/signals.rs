//! The names and shapes of a circuit's inputs.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use ark_bn254::Fr;

use super::WitnessError;
use super::table::{InputTable, TableEntry, fnv1a};
use crate::inputs::{
    Flattening, InputError, InputProblem, MAX_LISTED, Node, NumberRule, Path, Shape, Step, steps,
};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;

/// The names and shapes of a circuit's inputs, in the order in which the circuit declares them,
/// public ones first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputSignals {
    inputs: Vec<(String, Shape)>,
    /// Number of each input by its name.
    numbers: HashMap<String, usize>,
    /// Hashes of the names of arrays without elements, which have no signals.
    empty: HashSet<u64>,
}

/// Path that errors about inputs begin with.
pub(super) const ROOT: &str = "inputs";

impl InputSignals {
    /// The inputs of a circuit: the signals whose labels follow the outputs. Signals that the compiler
    /// optimised away are included, because the calculator needs them too.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the two files belong to different circuits.
    pub fn from_r1cs_sym(r1cs: &R1cs, sym: &Sym) -> Result<Self, WitnessError> {
        // The wires of the inputs follow the outputs, in the order of their labels.
        let mut wires = (0u32..).zip(&r1cs.labels).skip(r1cs.n_outputs as usize + 1).peekable();
        let mut name = |label| {
            let wire = wires.next_if(|(_, found)| **found == label).map(|(wire, _)| wire);
            match sym.by_label(label) {
                Some(signal) if signal.wire == wire => Ok(&*signal.name),
                Some(signal) => {
                    Err(WitnessError::SignalsMismatch(format!("{} has another wire", signal.name)))
                }
                None => Err(WitnessError::SignalsMismatch(format!("there is no signal with label {label}"))),
            }
        };
        let names = Self::labels(r1cs).map(&mut name).collect::<Result<Vec<&str>, _>>()?;
        Self::from_names(names)
    }

    /// The labels of the inputs.
    pub(super) fn labels(r1cs: &R1cs) -> Range<u64> {
        let first = u64::from(r1cs.n_outputs) + 1;
        first..first + u64::from(r1cs.n_public_inputs) + u64::from(r1cs.n_private_inputs)
    }

    /// Reads the shapes from the full names of all input signals, such as `main.path[3][0]` in a `.sym` file.
    /// The names must be in the order of their labels.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the names do not form complete arrays and buses.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, WitnessError> {
        let mismatch = |name: &str| WitnessError::SignalsMismatch(format!("unexpected signal {name}"));
        let mut paths = Vec::new();
        for name in names {
            let steps = name.strip_prefix("main.").and_then(steps).ok_or_else(|| mismatch(name))?;
            paths.push((name, steps));
        }
        let Some((first, _)) = paths.first() else { return Ok(Self::default()) };
        let bare: Vec<&[Step<'_>]> = paths.iter().map(|(_, steps)| steps.as_slice()).collect();
        match shape_of(&bare) {
            Some(Shape::Fields(inputs)) => {
                let names = inputs.iter().map(|(name, _)| name.clone());
                let numbers = names.zip(0..).collect();
                Ok(Self { inputs, numbers, empty: HashSet::new() })
            }
            _ => Err(mismatch(first)),
        }
    }

    /// The inputs of a module, with the names of its signals. For a circuit without constraints.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the files belong to different circuits, or the module has no table.
    pub(super) fn from_table_sym(table: &InputTable, sym: &Sym) -> Result<Self, WitnessError> {
        let labels = table.inputs().iter().flat_map(|entry| {
            let first = u64::from(entry.label);
            first..first + u64::from(entry.size)
        });
        let name = |label| match sym.by_label(label) {
            Some(signal) => Ok(&*signal.name),
            None => Err(WitnessError::SignalsMismatch(format!("there is no signal with label {label}"))),
        };
        let names = labels.map(name).collect::<Result<Vec<&str>, _>>()?;
        let signals = Self::from_names(names)?;
        let known: HashSet<TableEntry> = table.entries().iter().copied().collect();
        let entries: Vec<TableEntry> =
            table.inputs().iter().copied().filter(|entry| entry.size > 0).collect();
        let agrees = |((name, size), entry): ((&str, usize), &TableEntry)| {
            size as u64 == u64::from(entry.size)
                && known.contains(&TableEntry { hash: fnv1a(name), ..*entry })
        };
        if signals.inputs.len() == entries.len() && signals.sizes().zip(&entries).all(agrees) {
            return Ok(signals.with_table(table));
        }
        Err(WitnessError::SignalsMismatch("the names differ from those of the module".to_owned()))
    }

    /// Adds the arrays without elements, which only the module's table contains.
    pub(super) fn with_table(mut self, table: &InputTable) -> Self {
        self.empty = table.entries().iter().filter(|entry| entry.size == 0).map(|entry| entry.hash).collect();
        self
    }

    /// The names of the inputs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|(name, _)| name.as_str())
    }

    /// The inputs with their numbers of values.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.inputs.iter().map(|(name, shape)| (name.as_str(), shape.size()))
    }

    /// Number of values of an input, all array elements included; `None` if there is no such input.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.shape(name).map(Shape::size)
    }

    /// Number of values of all inputs together.
    pub fn total_size(&self) -> usize {
        self.inputs.iter().map(|(_, shape)| shape.size()).sum()
    }

    /// The values of one input in the order of the signals.
    pub(super) fn flatten<'a>(
        &self,
        name: &str,
        node: &'a Node,
        rule: NumberRule,
    ) -> Result<Vec<&'a Fr>, InputError> {
        let path = Path::Field(&Path::Root(ROOT), name);
        let mut flattening = Flattening::new(rule);
        match self.shape(name) {
            Some(shape) => flattening.add(shape, node, path)?,
            None => {
                if self.empty.contains(&fnv1a(name)) {
                    flattening.freely(node, path)?;
                } else {
                    let known = self.names().take(MAX_LISTED).map(str::to_owned).collect();
                    return Err(path.error(InputProblem::Unknown { known }));
                }
                if !flattening.values.is_empty() {
                    let (expected, found) = ("an array of 0".to_owned(), node.describe());
                    return Err(path.error(InputProblem::WrongShape { expected, found }));
                }
            }
        }
        Ok(flattening.values)
    }

    /// The shape of an input; `None` if there is no such input.
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.numbers.get(name).map(|number| &self.inputs[*number].1)
    }
}

/// The shape that all `paths` form together; each recursion removes their first step. `None` if they form
/// none.
fn shape_of(paths: &[&[Step<'_>]]) -> Option<Shape> {
    if let [[]] = paths {
        return Some(Shape::Value);
    }
    let heads = paths.iter().map(|path| path.split_first()).collect::<Option<Vec<_>>>()?;
    let mut parts: Vec<(Step<'_>, Shape)> = Vec::new();
    for part in heads.chunk_by(|(one, _), (other, _)| one == other) {
        let tails: Vec<&[Step<'_>]> = part.iter().map(|(_, tail)| *tail).collect();
        parts.push((*part.first()?.0, shape_of(&tails)?));
    }
    if let (Step::Index(_), shape) = parts.first()? {
        let expected = |index: usize| (Step::Index(index), shape.clone());
        let whole = parts.iter().enumerate().all(|(index, part)| *part == expected(index));
        return whole.then(|| Shape::Array(parts.len(), Box::new(shape.clone())));
    }
    let mut fields: Vec<(String, Shape)> = Vec::new();
    let mut names = HashSet::new();
    for (step, shape) in parts {
        match step {
            Step::Field(name) if names.insert(name) => {
                fields.push((name.to_owned(), shape));
            }
            _ => return None,
        }
    }
    Some(Shape::Fields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{Index, nested};

    const NAMES: [&str; 12] = [
        "main.u[0][0]",
        "main.u[0][1]",
        "main.u[1][0]",
        "main.u[1][1]",
        "main.age",
        "main.p.x",
        "main.p.y[0]",
        "main.p.y[1]",
        "main.q[0].x",
        "main.q[0].y",
        "main.q[1].x",
        "main.q[1].y",
    ];

    fn flatten(name: &str, json: &str) -> Result<Vec<Fr>, WitnessError> {
        flatten_by(NumberRule::Exact, name, json)
    }

    fn flatten_by(rule: NumberRule, name: &str, json: &str) -> Result<Vec<Fr>, WitnessError> {
        let fields = Node::read(&format!("{{\"{name}\":{json}}}"), rule)?;
        let values = InputSignals::from_names(NAMES).unwrap().flatten(name, &fields[0].1, rule)?;
        Ok(values.into_iter().copied().collect())
    }

    #[test]
    fn arrays_and_buses_are_flattened_in_the_order_of_the_signals() {
        let numbers = |numbers: &[u64]| Ok(numbers.iter().map(|n| Fr::from(*n)).collect());
        assert_eq!(flatten("age", "1"), numbers(&[1]));
        assert_eq!(flatten("u", "[[1,2],[3,\"4\"]]"), numbers(&[1, 2, 3, 4]));
        assert_eq!(flatten("p", "{\"y\":[2,3],\"x\":1}"), numbers(&[1, 2, 3]));
        assert_eq!(flatten("q", "[{\"x\":1,\"y\":2},{\"y\":4,\"x\":3}]"), numbers(&[1, 2, 3, 4]));
    }

    #[test]
    fn a_bus_is_an_object_an_array_of_its_values_or_a_mixture() {
        let numbers = |numbers: &[u64]| Ok(numbers.iter().map(|n| Fr::from(*n)).collect());
        for json in ["[1,2,3]", "[1,[2,3]]", "[[[1],2],3]", "{\"x\":1,\"y\":[2,3]}"] {
            assert_eq!(flatten("p", json), numbers(&[1, 2, 3]), "{json}");
        }
        for json in ["[1,2,3,4]", "[[1,2],[3,4]]", "[{\"x\":1,\"y\":2},[3,4]]", "[[[1,2]],{\"x\":3,\"y\":4}]"]
        {
            assert_eq!(flatten("q", json), numbers(&[1, 2, 3, 4]), "{json}");
        }
        for (name, json) in [
            ("p", "[1,2]"),
            ("p", "1"),
            ("q", "[1,2,3]"),
            ("q", "[[1,2,3],4]"),
            ("q", "[{\"x\":1,\"y\":2}]"),
            ("q", "[[1,2,3],{\"x\":4,\"y\":5}]"),
        ] {
            assert!(flatten(name, json).is_err(), "{name} {json}");
        }
    }

    #[test]
    fn a_bus_can_be_given_by_the_names_of_its_parts() {
        let whole =
            r#"{"age":1,"u":[[1,2],[3,4]],"p":{"x":5,"y":[6,7]},"q":[{"x":8,"y":9},{"x":10,"y":11}]}"#;
        let flat = |json: &str| {
            let fields = nested(Node::read(json, NumberRule::Exact)?);
            let signals = InputSignals::from_names(NAMES).unwrap();
            let index = Index::new(&fields);
            let mut values = Vec::new();
            for name in signals.names() {
                let node = index.only(name, Path::Field(&Path::Root(ROOT), name))?;
                values.extend(signals.flatten(name, node, NumberRule::Exact)?.into_iter().copied());
            }
            Ok::<Vec<Fr>, WitnessError>(values)
        };
        let expected = flat(whole).unwrap();
        for parts in [
            r#""p.x":5,"p.y":[6,7],"q[1].x":10,"q[0].y":9,"q[0].x":8,"q[1].y":11"#,
            r#""p":[5,6,7],"q[0]":{"y":9,"x":8},"q[1]":[10,11]"#,
            r#""p":{"x":5,"y[1]":7,"y[0]":6},"q":[{"x":8,"y":9},{"x":10,"y":11}]"#,
        ] {
            let json = format!(r#"{{"age":1,"u":[[1,2],[3,4]],{parts}}}"#);
            assert_eq!(flat(&json).as_ref(), Ok(&expected), "{parts}");
        }
        for (parts, problem) in [
            (r#""p.x":5,"q":[8,9,10,11]"#, "inputs.p.y: missing"),
            (r#""p.x":5,"p.y":[6,7],"q[1]":[10,11]"#, "inputs.q[0]: missing"),
            (r#""p.x":5,"p":[5,6,7],"q":[8,9,10,11]"#, "inputs.p: given twice"),
            (r#""p.x":5,"p.x":5,"p.y":[6,7],"q":[8,9,10,11]"#, "inputs.p.x: given twice"),
            (
                r#""p.x":5,"p.y":[6,7],"p.z":1,"q":[8,9,10,11]"#,
                "inputs.p.z: unknown input; expected one of x, y",
            ),
        ] {
            let json = format!(r#"{{"age":1,"u":[[1,2],[3,4]],{parts}}}"#);
            assert_eq!(flat(&json).unwrap_err().to_string(), problem, "{parts}");
        }
        let far = r#"{"age[18446744073709551615]":1}"#;
        assert!(flat(far).is_err(), "the size of an index takes no memory");
    }

    #[test]
    fn the_lenient_rule_flattens_arrays_as_circom_does() {
        let lenient = |name, json| flatten_by(NumberRule::Lenient, name, json);
        let numbers = |numbers: &[u64]| Ok(numbers.iter().map(|n| Fr::from(*n)).collect());
        assert_eq!(lenient("age", "[\"0x10\"]"), numbers(&[16]));
        assert_eq!(lenient("u", "[1,2,3,\"0b100\"]"), numbers(&[1, 2, 3, 4]));
        assert_eq!(lenient("u", "[[1,2,3],[true]]"), numbers(&[1, 2, 3, 1]));
        assert_eq!(lenient("age", "-2"), Ok(vec![-Fr::from(2u64)]));
        let one = InputSignals::from_names(["main.one[0].x"]).unwrap();
        let fields = Node::read(r#"{"one":7}"#, NumberRule::Lenient).unwrap();
        let values = one.flatten("one", &fields[0].1, NumberRule::Lenient);
        assert_eq!(values, Ok(vec![&Fr::from(7u64)]), "circom takes a value for an array of one");
        assert_eq!(
            lenient("u", "[1,2,3]").unwrap_err().to_string(),
            "inputs.u: expected an array of 2, found 3 values"
        );
        assert!(lenient("u", "{\"a\":1}").is_err());
    }

    #[test]
    fn an_array_without_elements_is_an_input_of_the_module_only() {
        let empty = vec![TableEntry { hash: fnv1a("none"), label: 1, size: 0 }];
        let signals = InputSignals::from_names(NAMES).unwrap().with_table(&InputTable::of(empty).unwrap());
        let flatten = |name: &str, json: &str| {
            let fields = Node::read(&format!("{{\"{name}\":{json}}}"), NumberRule::Exact).unwrap();
            signals.flatten(name, &fields[0].1, NumberRule::Exact).map(|values| values.len())
        };
        assert_eq!((flatten("none", "[]"), flatten("none", "[[],[]]")), (Ok(0), Ok(0)));
        assert!(flatten("none", "[1]").is_err() && flatten("other", "[]").is_err());
    }

    #[test]
    fn sizes_and_names_are_those_of_the_circuit() {
        let signals = InputSignals::from_names(NAMES).unwrap();
        assert_eq!(signals.names().collect::<Vec<_>>(), ["u", "age", "p", "q"]);
        assert_eq!((signals.size("u"), signals.size("q"), signals.size("z")), (Some(4), Some(4), None));
        assert_eq!(signals.total_size(), NAMES.len());
    }

    #[test]
    fn errors_name_the_path_and_what_was_expected() {
        let cases = [
            ("age", "[1]", "inputs.age: expected a value, found an array of 1"),
            ("age", "{}", "inputs.age: expected a value, found an object"),
            ("u", "1", "inputs.u: expected an array of 2, found a value"),
            ("u", "[1,2,3,4]", "inputs.u: expected an array of 2, found an array of 4"),
            ("u", "[[1,2],[3]]", "inputs.u[1]: expected an array of 2, found an array of 1"),
            ("u", "[[1,2],[3,[4]]]", "inputs.u[1][1]: expected a value, found an array of 1"),
            ("u", "[[1,2],[3,-4]]", "inputs.u[1][1]: negative"),
            ("u", "[[1,2],true]", "inputs.u[1]: expected a decimal string or an integer, found true"),
            ("p", "{\"x\":1}", "inputs.p.y: missing"),
            ("p", "{\"x\":1,\"x\":2,\"y\":[1,2]}", "inputs.p.x: given twice"),
            ("p", "1", "inputs.p: expected an object, or an array of 3, found a value"),
            ("p", "{\"x\":1,\"y\":[1,2],\"z\":3}", "inputs.p.z: unknown input; expected one of x, y"),
            ("q", "[{\"x\":1,\"y\":2}]", "inputs.q: expected an array of 2, found an array of 1"),
            ("q", "[[3,4],{\"x\":1,\"y\":2},[1,2]]", "inputs.q: expected an array of 2, found an array of 3"),
            ("q", "[{\"x\":1,\"y\":[{}]},[1,2]]", "inputs.q[0].y: expected a value, found an array of 1"),
            ("z", "1", "inputs.z: unknown input; expected one of u, age, p, q"),
        ];
        for (name, json, message) in cases {
            assert_eq!(flatten(name, json).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn names_that_make_no_whole_arrays_are_refused() {
        let cases: [&[&str]; 7] = [
            &["main.a[0]", "main.a[2]"],
            &["main.a[1]"],
            &["main.a", "main.a[0]"],
            &["main.a", "main.b", "main.a"],
            &["main.a[0][0]", "main.a[0][1]", "main.a[1][0]"],
            &["other.a"],
            &["main.a[x]"],
        ];
        for names in cases {
            assert!(InputSignals::from_names(names.iter().copied()).is_err(), "{names:?}");
        }
        assert_eq!(InputSignals::from_names([]).unwrap().total_size(), 0);
    }
}
