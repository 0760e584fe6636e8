//! Values in Go syntax (`%#v`), for errors about keys.
//!
//! **Invariant:** gives text of bounded length, whatever the document.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::decode;
use super::node::{Document, NodeId, NodeKind};
use super::parse::MAX_DEPTH;
use super::resolve::{CORE_PREFIX, Resolved, resolve_scalar};
use crate::value::{format_float, quote};

/// After so many bytes nothing more is written.
const MAX_LENGTH: usize = 1 << 16;

/// Nothing; the first key where there is one.
const NIL: &str = "interface {}(nil)";

/// A node in Go syntax. Of equal keys the last one wins, in strict reading the first.
pub(super) fn node(document: &Document<'_>, id: NodeId, strict: bool) -> String {
    let mut writer = Writer { document, strict, out: String::new() };
    writer.node(id, MAX_LENGTH);
    // On its own it is no part of a collection, whose type would be told.
    if writer.out == NIL { "<nil>".to_owned() } else { writer.out }
}

struct Writer<'d, 'a> {
    document: &'d Document<'a>,
    strict: bool,
    out: String,
}

impl Writer<'_, '_> {
    /// Writes a node, unless the text has more than `limit` bytes already.
    fn node(&mut self, id: NodeId, limit: usize) {
        if self.out.len() > limit {
            return;
        }
        match self.document.kind(id) {
            Some(NodeKind::Scalar { text, tag, implicit }) => {
                self.out.push_str(&Key::read(text, tag.as_deref(), *implicit).shown());
            }
            // An alias costs a byte, so that one to itself comes to an end.
            Some(NodeKind::Alias { target, .. }) => self.node(*target, limit.saturating_sub(1)),
            Some(NodeKind::Sequence(children)) => {
                self.out.push_str("[]interface {}{");
                for (index, child) in children.iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.node(*child, limit);
                }
                self.out.push('}');
            }
            Some(NodeKind::Mapping(children)) => self.mapping(children, limit),
            None => {}
        }
    }

    fn mapping(&mut self, children: &[NodeId], limit: usize) {
        self.out.push_str("map[interface {}]interface {}{");
        let room = limit.saturating_sub(self.out.len());
        let mut entries = Entries { list: Vec::new(), strict: self.strict, room };
        entries.collect(self.document, children);
        entries.list.sort_by(|(left, _), (right, _)| left.compare(right));
        for (index, (key, value)) in entries.list.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.out.push_str(&key.shown());
            self.out.push(':');
            self.node(*value, limit);
        }
        self.out.push('}');
    }
}

/// The entries of a mapping as they are decoded: of equal keys one is kept, merge keys are followed.
struct Entries<'d> {
    list: Vec<(Key<'d>, NodeId)>,
    strict: bool,
    /// How many bytes of keys there may still be.
    room: usize,
}

impl<'d> Entries<'d> {
    fn collect(&mut self, document: &'d Document<'_>, children: &[NodeId]) {
        for pair in children.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            if self.room == 0 {
                return;
            }
            if document.is_merge(key) {
                self.merge(document, value);
                continue;
            }
            let Some(key) = Key::of(document, key) else { continue };
            self.room = self.room.saturating_sub(key.shown().len());
            match self.list.iter_mut().find(|(known, _)| *known == key) {
                Some(_) if self.strict => {}
                Some(known) => *known = (key, value),
                None => self.list.push((key, value)),
            }
        }
    }

    fn merge(&mut self, document: &'d Document<'_>, id: NodeId) {
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

/// A scalar, which may be a key. The types are in the order in which Go sorts them: that of their addresses in Helm's program.
#[derive(PartialEq)]
enum Key<'d> {
    Nil,
    String(Cow<'d, [u8]>),
    Uint(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl<'d> Key<'d> {
    fn read(text: &'d str, tag: Option<&str>, implicit: bool) -> Self {
        if tag.and_then(|tag| tag.strip_prefix(CORE_PREFIX)) == Some("binary") {
            return Self::String(decode::binary(text).unwrap_or_default().into());
        }
        match resolve_scalar(text, tag, implicit).unwrap_or(Resolved::String) {
            Resolved::Null => Self::Nil,
            Resolved::Bool(value) => Self::Bool(value),
            Resolved::Int(value) => Self::Int(value),
            Resolved::Uint(value) => Self::Uint(value),
            Resolved::Float(value) => Self::Float(value),
            Resolved::Timestamp | Resolved::String => Self::String(text.as_bytes().into()),
        }
    }

    /// The scalar at a node or at what it is an alias of.
    fn of(document: &'d Document<'_>, mut id: NodeId) -> Option<Self> {
        for _ in 0..MAX_DEPTH {
            match document.kind(id)? {
                NodeKind::Scalar { text, tag, implicit } => return Some(Self::read(text, tag.as_deref(), *implicit)),
                NodeKind::Alias { target, .. } => id = *target,
                NodeKind::Sequence(_) | NodeKind::Mapping(_) => return None,
            }
        }
        None
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Nil => 0,
            Self::String(_) => 1,
            Self::Uint(_) => 2,
            Self::Int(_) => 3,
            Self::Float(_) => 4,
            Self::Bool(_) => 5,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Uint(left), Self::Uint(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            // What is not a number comes before all that are.
            (Self::Float(left), Self::Float(right)) => {
                left.partial_cmp(right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
            }
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Nil => NIL.to_owned(),
            Self::String(text) => quote(text),
            Self::Uint(value) => format!("{value:#x}"),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => format_float(*value, b'g', None),
            Self::Bool(value) => value.to_string(),
        }
    }
}
