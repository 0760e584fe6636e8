//! Values in Go syntax (`%#v`), for the error about a collection that is used as a key.
//!
//! **Invariant:** gives text of bounded length, whatever the document.

use super::node::{Document, NodeId, NodeKind};
use super::resolve::{Resolved, resolve_scalar};
use crate::value::{format_float, quote};

/// After so many bytes nothing more is written.
const MAX_LENGTH: usize = 2048;

/// Nothing; the first key where there is one.
const NIL: &str = "interface {}(nil)";

/// A node in Go syntax.
pub(super) fn node(document: &Document<'_>, id: NodeId) -> String {
    let mut text = String::new();
    write_node(document, id, MAX_LENGTH, &mut text);
    text
}

/// Writes a node, unless the text has more than `limit` bytes already.
fn write_node(document: &Document<'_>, id: NodeId, limit: usize, out: &mut String) {
    if out.len() > limit {
        return;
    }
    match document.nodes.get(id).map(|node| &node.kind) {
        Some(NodeKind::Scalar { text, tag, implicit }) => {
            let resolved = resolve_scalar(text, tag.as_deref(), *implicit).unwrap_or(Resolved::String);
            out.push_str(&scalar(text, resolved));
        }
        Some(NodeKind::Alias { target, .. }) => {
            // An alias costs a byte, so that one to itself comes to an end.
            write_node(document, *target, limit.saturating_sub(1), out);
        }
        Some(NodeKind::Sequence(children)) => {
            out.push_str("[]interface {}{");
            for (index, child) in children.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_node(document, *child, limit, out);
            }
            out.push('}');
        }
        Some(NodeKind::Mapping(children)) => write_mapping(document, children, limit, out),
        None => {}
    }
}

fn write_mapping(document: &Document<'_>, children: &[NodeId], limit: usize, out: &mut String) {
    out.push_str("map[interface {}]interface {}{");
    let limit = limit.saturating_sub(out.len());
    let mut entries = Vec::new();
    let mut written = 0;
    for pair in children.chunks_exact(2) {
        let &[key, value] = pair else { continue };
        let mut text = String::new();
        write_node(document, key, limit.saturating_sub(written), &mut text);
        written += text.len();
        entries.push((text, value));
    }
    entries.sort_by(|(left, _), (right, _)| (left != NIL, left).cmp(&(right != NIL, right)));
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(key);
        out.push(':');
        write_node(document, *value, limit, out);
    }
    out.push('}');
}

fn scalar(text: &str, resolved: Resolved) -> String {
    match resolved {
        Resolved::Null => NIL.to_owned(),
        Resolved::Bool(value) => value.to_string(),
        Resolved::Int(value) => value.to_string(),
        Resolved::Uint(value) => format!("{value:#x}"),
        Resolved::Float(value) => format_float(value, b'g', None),
        Resolved::Timestamp | Resolved::String => quote(text),
    }
}
