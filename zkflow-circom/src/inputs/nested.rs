//! [`nested`]: inputs whose names lead into a bus or an array, such as `p.x`.

use std::collections::BTreeMap;

use super::node::{Fault, Node};
use super::steps::{Step, is_part, steps};

/// A value with the rest of the path to it.
type Part<'a> = (&'a [Step<'a>], Node);

/// The fields with the values of `p.x` and `p.y[0]` in the object `p`. circom's modules have these names for the parts of a
/// bus, so programs that call a module give them.
///
/// A name that is given as a whole and in parts occurs twice in the result.
pub(crate) fn nested(fields: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let mut whole = Vec::with_capacity(fields.len());
    let (mut names, mut nodes) = (Vec::new(), Vec::new());
    for (name, node) in fields {
        let node = within(node);
        match is_part(&name) {
            true => {
                names.push(name);
                nodes.push(node);
            }
            false => whole.push((name, node)),
        }
    }
    let paths: Vec<Vec<Step<'_>>> = names.iter().filter_map(|name| steps(name)).collect();
    let parts = paths.iter().map(Vec::as_slice).zip(nodes).collect();
    if let Node::Object(fields) = together(parts) {
        whole.extend(fields);
    }
    whole
}

/// The same for the objects in a node.
pub(super) fn within(node: Node) -> Node {
    match node {
        Node::Object(fields) => Node::Object(nested(fields)),
        Node::Array(items) => Node::Array(items.into_iter().map(within).collect()),
        node => node,
    }
}

/// The node that contains all parts.
fn together(parts: Vec<Part<'_>>) -> Node {
    let (mut whole, mut fields, mut items) = (Vec::new(), BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for (path, node) in parts {
        match path.split_first() {
            None => whole.push(node),
            Some((Step::Field(name), rest)) => fields.entry(*name).or_default().push((rest, node)),
            Some((Step::Index(index), rest)) => {
                items.entry(*index).or_insert_with(Vec::new).push((rest, node));
            }
        }
    }
    match (whole.pop(), whole.is_empty() && fields.is_empty(), items.is_empty()) {
        (Some(node), true, true) => node,
        (None, true, false) => array(items),
        (None, false, true) => {
            let fields = fields.into_iter().map(|(name, parts)| (name.to_owned(), together(parts)));
            Node::Object(fields.collect())
        }
        (None, true, true) => Node::Object(Vec::new()),
        _ => Node::Fault(Fault::Duplicate),
    }
}

/// An array of the items. The first item that is not given is a fault.
fn array(items: BTreeMap<usize, Vec<Part<'_>>>) -> Node {
    let (mut nodes, mut has_gap) = (Vec::with_capacity(items.len() + 1), false);
    for (index, parts) in items {
        if index != nodes.len() && !has_gap {
            nodes.push(Node::Fault(Fault::Missing));
            has_gap = true;
        }
        nodes.push(together(parts));
    }
    Node::Array(nodes)
}
