//! Values in Go syntax (`%#v`), for the error about a collection that is used as a key.
//!
//! **Invariant:** gives text of bounded length, whatever the document.

use super::node::{Document, NodeId, NodeKind};
use super::number;
use super::resolve::{Resolved, resolve};
use super::style::Dialect;
use crate::value::quote;

/// After so many bytes nothing more is written.
const MAX_LENGTH: usize = 4096;

/// A node in Go syntax.
pub(super) fn node(document: &Document<'_>, id: NodeId) -> String {
    let mut text = String::new();
    write_node(document, id, &mut text);
    text
}

fn write_node(document: &Document<'_>, id: NodeId, out: &mut String) {
    if out.len() > MAX_LENGTH {
        return;
    }
    match document.nodes.get(id).map(|node| &node.kind) {
        Some(NodeKind::Scalar { text, tag, implicit }) => {
            let resolved = if tag.is_none() && *implicit { resolve(text, Dialect::V2) } else { Resolved::String };
            out.push_str(&scalar(text, resolved));
        }
        Some(NodeKind::Alias { target, .. }) => write_node(document, *target, out),
        Some(NodeKind::Sequence(children)) => {
            out.push_str("[]interface {}{");
            for (index, child) in children.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_node(document, *child, out);
            }
            out.push('}');
        }
        Some(NodeKind::Mapping(children)) => write_mapping(document, children, out),
        None => {}
    }
}

fn write_mapping(document: &Document<'_>, children: &[NodeId], out: &mut String) {
    let mut entries: Vec<(String, NodeId)> = children
        .chunks_exact(2)
        .filter_map(|pair| match *pair {
            [key, value] => Some((node(document, key), value)),
            _ => None,
        })
        .collect();
    entries.sort();
    out.push_str("map[interface {}]interface {}{");
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(key);
        out.push(':');
        write_node(document, *value, out);
    }
    out.push('}');
}

fn scalar(text: &str, resolved: Resolved) -> String {
    match resolved {
        Resolved::Null => "interface {}(nil)".to_owned(),
        Resolved::Bool(value) => value.to_string(),
        Resolved::Int(value) => value.to_string(),
        Resolved::Uint(value) => format!("{value:#x}"),
        Resolved::Float(value) => number::float(value),
        Resolved::Timestamp | Resolved::String => quote(text),
    }
}
