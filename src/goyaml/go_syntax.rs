//! Values in Go syntax (`%#v`), for errors about keys.
//!
//! **Invariant:** gives text of bounded length, whatever the document.

use std::cmp::Ordering;

use super::decode;
use super::node::{Document, NodeId, NodeKind};
use super::resolve::{CORE_PREFIX, Resolved, resolve_scalar};
use crate::value::{format_float, quote};

/// After so many bytes nothing more is written.
const MAX_LENGTH: usize = 1 << 16;

/// Nothing; the first key where there is one.
const NIL: &str = "interface {}(nil)";

/// A node in Go syntax.
pub(super) fn node(document: &Document<'_>, id: NodeId) -> String {
    let mut text = String::new();
    write_node(document, id, MAX_LENGTH, &mut text);
    // On its own it is no part of a collection, whose type would be told.
    if text == NIL { "<nil>".to_owned() } else { text }
}

/// Writes a node, unless the text has more than `limit` bytes already.
fn write_node(document: &Document<'_>, id: NodeId, limit: usize, out: &mut String) {
    if out.len() > limit {
        return;
    }
    match document.nodes.get(id).map(|node| &node.kind) {
        Some(NodeKind::Scalar { text, tag: Some(tag), .. }) if tag.strip_prefix(CORE_PREFIX) == Some("binary") => {
            out.push_str(&quote(decode::binary(text).unwrap_or_default()));
        }
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
    let mut entries = Entries { list: Vec::new(), room: limit.saturating_sub(out.len()) };
    entries.collect(document, children);
    entries.list.sort_by(|(left, _), (right, _)| order(left).partial_cmp(&order(right)).unwrap_or(Ordering::Equal));
    for (index, (key, value)) in entries.list.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(key);
        out.push(':');
        write_node(document, *value, limit, out);
    }
    out.push('}');
}

/// The entries of a mapping as they are decoded: later ones replace earlier ones, merge keys are followed.
struct Entries {
    list: Vec<(String, NodeId)>,
    /// How many bytes of keys there may still be.
    room: usize,
}

impl Entries {
    fn collect(&mut self, document: &Document<'_>, children: &[NodeId]) {
        for pair in children.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            if self.room == 0 {
                return;
            }
            if document.is_merge(key) {
                self.merge(document, value);
                continue;
            }
            let mut text = String::new();
            write_node(document, key, self.room, &mut text);
            self.room = self.room.saturating_sub(text.len());
            match self.list.iter_mut().find(|(known, _)| *known == text) {
                Some((_, known)) => *known = value,
                None => self.list.push((text, value)),
            }
        }
    }

    fn merge(&mut self, document: &Document<'_>, id: NodeId) {
        // Each step costs a byte, so that a mapping that merges itself comes to an end.
        self.room = self.room.saturating_sub(1);
        match document.kind(id) {
            Some(NodeKind::Mapping(children)) if self.room > 0 => self.collect(document, children),
            Some(NodeKind::Alias { target, .. }) if self.room > 0 => self.merge(document, *target),
            Some(NodeKind::Sequence(items)) => {
                for item in items.iter().rev() {
                    self.merge(document, *item);
                }
            }
            _ => {}
        }
    }
}

/// Where a key stands among others: Go sorts by type first, and by value within one.
fn order(key: &str) -> (u8, f64, &str) {
    let number = || key.parse().unwrap_or_default();
    match key.as_bytes() {
        _ if key == NIL => (0, 0.0, key),
        [b'"', ..] => (1, 0.0, key),
        [b'0', b'x', ..] => (2, 0.0, key),
        [b'f' | b't', ..] => (5, 0.0, key),
        bytes if bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') => (3, number(), key),
        _ => (4, number(), key),
    }
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
