//! The fields and indices in the name of a signal.

/// One part of a signal's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

/// Largest number of fields and indices in a name. Shapes are built by recursion, and names come from foreign files.
pub(crate) const MOST_STEPS: usize = 64;

/// The input that a name leads into: `p` for `p`, `p.x` and `p[0].x`.
pub fn input_of(name: &str) -> &str {
    match name.find(['.', '[']) {
        Some(end) if is_part(name) => &name[..end],
        _ => name,
    }
}

/// Whether a name leads into a bus or an array, such as `p.x`.
pub(super) fn is_part(name: &str) -> bool {
    name.contains(['.', '[']) && steps(name).is_some()
}

/// Splits a name such as `path[3].x` into steps; `None` if it has more than [`MOST_STEPS`], or an index that circom does not
/// write.
pub(crate) fn steps(name: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for field in name.split('.') {
        let (name, indices) = field.split_at(field.find('[').unwrap_or(field.len()));
        steps.push(Step::Field(name));
        if !indices.is_empty() {
            let inner = indices.strip_prefix('[')?.strip_suffix(']')?;
            for index in inner.split("][") {
                let is_padded = index.len() > 1 && index.starts_with(['0', '+']);
                steps.push(Step::Index(index.parse().ok().filter(|_| !is_padded)?));
                if steps.len() > MOST_STEPS {
                    return None;
                }
            }
        }
        if steps.len() > MOST_STEPS {
            return None;
        }
    }
    Some(steps)
}
