//! The names and shapes of a circuit's inputs.

use ark_bn254::Fr;

use super::WitnessError;
use crate::inputs::{InputError, InputProblem, MAX_LISTED, Node, Path, Shape};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;

/// The names and shapes of a circuit's inputs, in the order in which the circuit declares them,
/// public ones first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSignals(Vec<(String, Shape)>);

/// Path that errors about inputs begin with.
pub(super) const ROOT: &str = "inputs";

/// One part of a signal's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

impl InputSignals {
    /// The inputs of a circuit: the signals whose labels follow the outputs. Signals that the compiler
    /// optimised away are included, because the calculator needs them too.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the two files belong to different circuits.
    pub fn from_r1cs_sym(r1cs: &R1cs, sym: &Sym) -> Result<Self, WitnessError> {
        let first = u64::from(r1cs.n_outputs) + 1;
        let count = u64::from(r1cs.n_public_inputs) + u64::from(r1cs.n_private_inputs);
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
        let names = (first..first + count).map(&mut name).collect::<Result<Vec<&str>, _>>()?;
        Self::from_names(names)
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
        let Some((first, _)) = paths.first() else { return Ok(Self(Vec::new())) };
        let bare: Vec<&[Step<'_>]> = paths.iter().map(|(_, steps)| steps.as_slice()).collect();
        match shape_of(&bare) {
            Some(Shape::Fields(inputs)) => Ok(Self(inputs)),
            _ => Err(mismatch(first)),
        }
    }

    /// The names of the inputs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The inputs with their numbers of values.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(name, shape)| (name.as_str(), shape.size()))
    }

    /// Number of values of an input, all array elements included; `None` if there is no such input.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.shape(name).map(Shape::size)
    }

    /// Number of values of all inputs together.
    pub fn total_size(&self) -> usize {
        self.0.iter().map(|(_, shape)| shape.size()).sum()
    }

    /// The values of one input in the order of the signals.
    pub(super) fn flatten<'a>(&self, name: &str, node: &'a Node) -> Result<Vec<&'a Fr>, InputError> {
        let path = Path::Field(&Path::Root(ROOT), name);
        let shape = self.shape(name).ok_or_else(|| {
            let known = self.names().take(MAX_LISTED).map(str::to_owned).collect();
            path.error(InputProblem::Unknown { known })
        })?;
        let mut values = Vec::new();
        shape.flatten(node, path, &mut values)?;
        Ok(values)
    }

    /// The shape of an input; `None` if there is no such input.
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, shape)| shape)
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
    for (step, shape) in parts {
        match step {
            Step::Field(name) if fields.iter().all(|(known, _)| known != name) => {
                fields.push((name.to_owned(), shape));
            }
            _ => return None,
        }
    }
    Some(Shape::Fields(fields))
}

/// Splits a name such as `path[3].x` into steps.
fn steps(name: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for field in name.split('.') {
        let (name, indices) = field.split_at(field.find('[').unwrap_or(field.len()));
        steps.push(Step::Field(name));
        if !indices.is_empty() {
            let inner = indices.strip_prefix('[')?.strip_suffix(']')?;
            for index in inner.split("][") {
                steps.push(Step::Index(index.parse().ok()?));
            }
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let fields = Node::read(&format!("{{\"{name}\":{json}}}"))?;
        let values = InputSignals::from_names(NAMES).unwrap().flatten(name, &fields[0].1)?;
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
            ("p", "{\"x\":1,\"y\":[1,2],\"z\":3}", "inputs.p.z: unknown input; expected one of x, y"),
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
