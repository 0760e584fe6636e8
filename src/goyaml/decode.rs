//! The tree of a document into JSON, as sigs.k8s.io/yaml 1.6 does it on top of go-yaml v2.4.
//!
//! Counterpart: the second half of `decode.go` and `convertToJSONableObject`. Differences: keys that are equal only as text (`1` and
//! `"1"`) keep the later value, where Go keeps a random one; a float with a whole value is an integer, as in the JSON text that Go writes.
//!
//! **Invariant:** work and nesting are bounded, whatever aliases a document holds.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use serde_json::{Map, Value};

use super::error::ReadError;
use super::go_syntax;
use super::node::{Document, NodeId, NodeKind};
use super::number::short_float;
use super::parse::MAX_DEPTH;
use super::resolve::{CORE_PREFIX, Resolved, resolve_scalar};
use crate::value::{format_float, json, quote};

/// From here on the share of nodes that may come from aliases shrinks (go-yaml v2.4).
const ALIAS_RATIO_LOW: usize = 400_000;
/// From here on the share is a tenth.
const ALIAS_RATIO_HIGH: usize = 4_000_000;

/// The value of a scalar before it becomes JSON.
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(Cow<'a, str>),
}

impl Scalar<'_> {
    /// A letter for the type.
    fn kind(&self) -> u8 {
        match self {
            Self::Null => b'n',
            Self::Bool(_) => b'b',
            Self::Int(_) => b'i',
            Self::Uint(_) => b'u',
            Self::Float(_) => b'f',
            Self::String(_) => b's',
        }
    }

    /// The text as a key of JSON.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(value) => value.to_string().into(),
            Self::Uint(value) => value.to_string().into(),
            Self::Float(value) => short_float(*value).into(),
            Self::String(text) => Cow::Borrowed(text),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::String(text) => text.into_owned(),
            other => other.text().into_owned(),
        }
    }

    /// The key as errors show it: Go's `%#v`.
    fn shown(&self) -> String {
        match self {
            Self::Null => "<nil>".to_owned(),
            Self::Uint(value) => format!("{value:#x}"),
            Self::Float(value) => format_float(*value, b'g', None),
            Self::String(text) => quote(text.as_bytes()),
            Self::Bool(_) | Self::Int(_) => self.text().into_owned(),
        }
    }
}

/// A mapping under construction.
#[derive(Default)]
struct Entries<'d> {
    map: Map<String, Value>,
    /// What JSON cannot have below each key, told apart by its type, with the faulty keys counted: a later value of the key takes it away.
    faults: BTreeMap<(String, u8), (usize, Vec<ReadError>)>,
    /// The only keys that are kept; all if none are named.
    only: Option<&'d [&'d str]>,
    /// The keys with their types, kept in strict reading only.
    seen: HashSet<(u8, String)>,
}

impl Entries<'_> {
    /// Go looks for keys that JSON cannot have in its random order of small maps, in which mostly the one put in first comes first; for
    /// numbers that JSON cannot have in the order of the keys.
    fn ordered_faults(self) -> impl Iterator<Item = ReadError> {
        let mut faults: Vec<_> = self.faults.into_values().collect();
        let is_key = |fault: &ReadError| matches!(fault, ReadError::Key { .. });
        faults.sort_by_key(|(count, faults)| if faults.iter().any(is_key) { (0, *count) } else { (1, 0) });
        faults.into_iter().flat_map(|(_, faults)| faults)
    }
}

/// Turns one document into JSON.
pub(super) struct Decoder<'d, 'a> {
    document: &'d mut Document<'a>,
    strict: bool,
    /// Whether floats stay floats where they are whole numbers.
    keeps_floats: bool,
    /// The keys of the root that are kept, until the root is reached.
    only: Option<&'d [&'d str]>,
    /// Whether what is decoded is not kept, but only checked.
    discards: bool,
    duplicates: Vec<String>,
    /// What JSON cannot have, in the order of keys; reported if there is nothing worse.
    faults: Vec<ReadError>,
    aliases: HashSet<NodeId>,
    decode_count: usize,
    alias_count: usize,
    alias_depth: usize,
    depth: usize,
}

impl<'d, 'a> Decoder<'d, 'a> {
    pub(super) fn new(document: &'d mut Document<'a>, strict: bool) -> Self {
        Self {
            document,
            strict,
            keeps_floats: false,
            only: None,
            discards: false,
            duplicates: Vec::new(),
            faults: Vec::new(),
            aliases: HashSet::new(),
            // The document itself counts as a node.
            decode_count: 1,
            alias_count: 0,
            alias_depth: 0,
            depth: 0,
        }
    }

    /// Keeps floats that are whole numbers apart from integers.
    pub(super) fn keeping_floats(mut self) -> Self {
        self.keeps_floats = true;
        self
    }

    /// Keeps only these keys of a mapping at the root; what belongs to others is checked all the same.
    pub(super) fn only(mut self, keys: &'d [&'d str]) -> Self {
        self.only = Some(keys);
        self
    }

    /// The JSON of the document.
    pub(super) fn decode(mut self) -> Result<Value, ReadError> {
        let root = self.document.root;
        let value = self.node(root)?;
        if !self.duplicates.is_empty() {
            return Err(ReadError::Duplicates(self.duplicates));
        }
        // Go looks at all keys before it looks at numbers.
        let key = self.faults.iter().position(|fault| matches!(fault, ReadError::Key { .. })).unwrap_or(0);
        self.faults.into_iter().nth(key).map_or(Ok(value), Err)
    }

    fn node(&mut self, id: NodeId) -> Result<Value, ReadError> {
        self.count()?;
        let only = self.only.take();
        match self.document.nodes.get(id).map(|node| &node.kind) {
            Some(NodeKind::Scalar { .. }) => {
                let scalar = self.scalar(id)?;
                Ok(self.json(scalar))
            }
            Some(NodeKind::Alias { target, .. }) => {
                let target = *target;
                self.alias(id, |decoder| decoder.node(target))
            }
            Some(NodeKind::Sequence(_)) => self.nested(|decoder| decoder.sequence(id)),
            Some(NodeKind::Mapping(_)) => {
                let mut entries = Entries { only, ..Entries::default() };
                self.nested(|decoder| decoder.mapping(id, &mut entries))?;
                let map = std::mem::take(&mut entries.map);
                self.faults.extend(entries.ordered_faults());
                Ok(Value::Object(map))
            }
            None => Ok(Value::Null),
        }
    }

    /// Counts a node, and stops a document that consists of aliases for the greater part.
    fn count(&mut self) -> Result<(), ReadError> {
        self.decode_count += 1;
        if self.alias_depth > 0 {
            self.alias_count += 1;
            let ratio = self.alias_count as f64 / self.decode_count as f64;
            let many = self.alias_count > 100 && self.decode_count > 1000;
            if many && ratio > allowed_alias_ratio(self.decode_count) {
                return Err(ReadError::Meaning("document contains excessive aliasing".to_owned()));
            }
        }
        Ok(())
    }

    fn nested<T>(&mut self, decode: impl FnOnce(&mut Self) -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ReadError::Meaning(format!("exceeded max depth of {MAX_DEPTH}")));
        }
        let decoded = decode(self)?;
        self.depth -= 1;
        Ok(decoded)
    }

    fn alias<T>(&mut self, id: NodeId, decode: impl FnOnce(&mut Self) -> Result<T, ReadError>) -> Result<T, ReadError> {
        if !self.aliases.insert(id) {
            let name = match self.document.nodes.get(id).map(|node| &node.kind) {
                Some(NodeKind::Alias { name, .. }) => *name,
                _ => "",
            };
            return Err(ReadError::Meaning(format!("anchor '{name}' value contains itself")));
        }
        self.alias_depth += 1;
        let decoded = decode(self)?;
        self.alias_depth -= 1;
        self.aliases.remove(&id);
        Ok(decoded)
    }

    /// The numbers of a collection's nodes; taken out of a document that has no aliases, because they are needed only once.
    fn children(&mut self, id: NodeId) -> Vec<NodeId> {
        let keep = self.document.has_aliases;
        match self.document.nodes.get_mut(id).map(|node| &mut node.kind) {
            Some(NodeKind::Sequence(children) | NodeKind::Mapping(children)) => {
                if keep {
                    children.clone()
                } else {
                    std::mem::take(children)
                }
            }
            _ => Vec::new(),
        }
    }

    fn sequence(&mut self, id: NodeId) -> Result<Value, ReadError> {
        let children = self.children(id);
        let mut items = Vec::with_capacity(if self.discards { 0 } else { children.len() });
        for child in children {
            let item = self.node(child)?;
            if !self.discards {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, id: NodeId, entries: &mut Entries<'d>) -> Result<(), ReadError> {
        let children = self.children(id);
        for pair in children.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            if self.document.is_merge(key) {
                self.merge(value, entries)?;
                continue;
            }
            let faults_before = self.faults.len();
            let key = self.key(key)?;
            self.refuse_key(&key, value);
            let line = self.document.nodes.get(value).map_or(0, |node| node.line);
            let keeps = !self.discards && entries.only.is_none_or(|only| only.contains(&&*key.text()));
            let outer = std::mem::replace(&mut self.discards, !keeps);
            let value = self.node(value);
            self.discards = outer;
            let value = value?;
            if self.strict && !entries.seen.insert((key.kind(), key.text().into_owned())) {
                self.duplicates.push(format!("line {}: key {} already set in map", line + 1, key.shown()));
                continue;
            }
            let faults = self.faults.split_off(faults_before);
            if !faults.is_empty() {
                let count = entries.faults.len();
                let place = entries.faults.entry((key.text().into_owned(), key.kind())).or_insert((count, Vec::new()));
                place.1 = faults;
            } else if !entries.faults.is_empty() {
                entries.faults.remove(&(key.text().into_owned(), key.kind()));
            }
            if keeps {
                entries.map.insert(key.into_text(), value);
            }
        }
        Ok(())
    }

    /// Adds the entries of the mapping, or of the mappings from the last to the first, that a merge key names.
    fn merge(&mut self, id: NodeId, entries: &mut Entries<'d>) -> Result<(), ReadError> {
        match self.document.nodes.get(id).map(|node| &node.kind) {
            Some(NodeKind::Sequence(_)) => {
                for child in self.children(id).into_iter().rev() {
                    self.merge_mapping(child, entries)?;
                }
                Ok(())
            }
            _ => self.merge_mapping(id, entries),
        }
    }

    fn merge_mapping(&mut self, id: NodeId, entries: &mut Entries<'d>) -> Result<(), ReadError> {
        match self.document.nodes.get(id).map(|node| &node.kind) {
            Some(NodeKind::Mapping(_)) => {
                self.count()?;
                self.nested(|decoder| decoder.mapping(id, entries))
            }
            Some(NodeKind::Alias { target, .. }) => {
                let target = *target;
                if matches!(self.document.nodes.get(target).map(|node| &node.kind), Some(NodeKind::Mapping(_))) {
                    self.count()?;
                    return self.alias(id, |decoder| decoder.merge_mapping(target, entries));
                }
                Err(merge_error())
            }
            _ => Err(merge_error()),
        }
    }

    /// A key, which must be a scalar.
    fn key(&mut self, id: NodeId) -> Result<Scalar<'a>, ReadError> {
        self.count()?;
        match self.document.nodes.get(id).map(|node| &node.kind) {
            Some(NodeKind::Alias { target, .. }) => {
                let target = *target;
                return self.alias(id, |decoder| decoder.key(target));
            }
            Some(NodeKind::Sequence(_) | NodeKind::Mapping(_)) => {
                // What is wrong inside of the key comes first.
                let before = (!self.document.has_aliases).then(|| go_syntax::node(self.document, id, self.strict));
                self.node(id)?;
                let key = before.unwrap_or_else(|| go_syntax::node(self.document, id, self.strict));
                return Err(ReadError::Meaning(format!("invalid map key: {key}")));
            }
            _ => {}
        }
        self.scalar(id)
    }

    /// Notes a key that JSON cannot have.
    fn refuse_key(&mut self, key: &Scalar<'_>, value: NodeId) {
        let type_name = match key {
            Scalar::Uint(_) => "uint64",
            Scalar::Null => "%!s(<nil>)",
            _ => return,
        };
        let value = go_syntax::node(self.document, value, self.strict);
        self.faults.push(ReadError::Key { type_name, key: key.shown(), value });
    }

    fn scalar(&mut self, id: NodeId) -> Result<Scalar<'a>, ReadError> {
        let keep = self.document.has_aliases;
        let Some(NodeKind::Scalar { text, tag, implicit }) = self.document.nodes.get_mut(id).map(|node| &mut node.kind)
        else {
            return Ok(Scalar::Null);
        };
        if tag.as_deref().and_then(|tag| tag.strip_prefix(CORE_PREFIX)) == Some("binary") {
            let invalid = || ReadError::Meaning("!!binary value contains invalid base64 data".to_owned());
            let bytes = binary(text).ok_or_else(invalid)?;
            return Ok(Scalar::String(Cow::Owned(json::valid_utf8(&bytes).into_owned())));
        }
        Ok(match resolve_scalar(text, tag.as_deref(), *implicit)? {
            Resolved::Null => Scalar::Null,
            Resolved::Bool(value) => Scalar::Bool(value),
            Resolved::Int(value) => Scalar::Int(value),
            Resolved::Uint(value) => Scalar::Uint(value),
            Resolved::Float(value) => Scalar::Float(value),
            Resolved::Timestamp | Resolved::String => {
                let text = if keep { text.clone() } else { std::mem::take(text) };
                Scalar::String(text)
            }
        })
    }

    fn json(&mut self, scalar: Scalar<'a>) -> Value {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(value) => Value::from(value),
            Scalar::Uint(value) => Value::from(value),
            Scalar::Float(value) if self.keeps_floats && value.is_finite() => Value::from(value),
            Scalar::Float(value) => match json::number(value) {
                Ok(number) => Value::Number(number),
                Err(error) => {
                    self.faults.push(ReadError::Number(error));
                    Value::Null
                }
            },
            Scalar::String(_) if self.discards => Value::Null,
            Scalar::String(text) => Value::String(text.into_owned()),
        }
    }
}

fn merge_error() -> ReadError {
    ReadError::Meaning("map merge requires map or sequence of maps as the value".to_owned())
}

/// What is in Base64.
pub(super) fn binary(text: &str) -> Option<Vec<u8>> {
    let engine = GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));
    // Go's decoder skips line breaks.
    let compact: String = text.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    engine.decode(compact).ok()
}

/// The share of nodes that may come from aliases in a document of this size.
fn allowed_alias_ratio(decode_count: usize) -> f64 {
    match decode_count {
        0..=ALIAS_RATIO_LOW => 0.99,
        ALIAS_RATIO_HIGH.. => 0.10,
        _ => {
            let range = (ALIAS_RATIO_HIGH - ALIAS_RATIO_LOW) as f64;
            0.99 - 0.89 * ((decode_count - ALIAS_RATIO_LOW) as f64 / range)
        }
    }
}
