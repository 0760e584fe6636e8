//! Trees that remember how a scalar was written, as `yaml.Node` of go-yaml v3 does: for those who change a document and write it again.
//!
//! Counterpart: `Node` and its reading and writing in go-yaml v3.0, together with `RNode.DeAnchor` of kyaml 0.21.1, which puts the anchored
//! value in the place of every alias and of `<<`. Comments are not kept.
//!
//! **Invariant:** a tree is at most [`MAX_DEPTH`] deep and has at most [`MOST_ALIASED`] nodes more than the text, whatever its aliases.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::decode::binary;
use super::error::{Error, ReadError};
use super::input::Input;
use super::node::{Document, NodeId, NodeKind};
use super::parse::{MAX_DEPTH, Parser};
use super::resolve::{CORE_PREFIX, Resolved, resolve, resolve_tagged};
use super::scan::Scanner;
use super::style::Dialect;
use super::timestamp;
use crate::value::json;

/// How many nodes a tree may have beyond those that the text has without its aliases; many more than charts have, few enough for a
/// small machine.
const MOST_ALIASED: usize = 200_000;

/// What type a scalar says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// It does not say: made by a program, to be guessed from its text once it is written.
    None,
    /// `!!null`.
    Null,
    /// `!!bool`.
    Bool,
    /// `!!int`.
    Int,
    /// `!!float`.
    Float,
    /// `!!timestamp`.
    Timestamp,
    /// `!!str`.
    Text,
    /// Any other, in its short form.
    Other(Box<str>),
}

/// A node: a scalar, sequence or mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The type of a scalar; [`Tag::None`] for collections.
    pub tag: Tag,
    /// Whether the tag is to be written.
    pub is_tagged: bool,
    /// Whether a text stands in quotes or in a block of its own, a collection between brackets or braces.
    pub is_delimited: bool,
    /// What is in it.
    pub content: Content,
}

/// What is in a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The text of a scalar.
    Scalar(String),
    /// The items of a sequence.
    Sequence(Vec<Node>),
    /// Keys and values in their order; a key may come twice.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The first document of a text; none if it has none.
    pub fn read(text: impl AsRef<[u8]>) -> Result<Option<Self>, Error> {
        Self::read_first(text.as_ref()).map_err(Error::Convert)
    }

    fn read_first(text: &[u8]) -> Result<Option<Self>, ReadError> {
        let input = Input::new(text)?;
        let mut parser = Parser::new(Scanner::new(&input));
        let Some(document) = parser.next_document()? else { return Ok(None) };
        let left = document.nodes.len() + MOST_ALIASED;
        let mut reader = Reader { document: &document, left, flow: document.flow.iter().copied().collect() };
        reader.node(document.root, 0).map(Some)
    }

    /// A scalar without tag and quotes.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { tag: Tag::None, is_tagged: false, is_delimited: false, content: Content::Scalar(text.into()) }
    }

    /// A text, which stays one whatever it looks like.
    pub fn text(text: impl Into<String>) -> Self {
        Self { tag: Tag::Text, ..Self::plain(text) }
    }

    /// A sequence.
    pub fn sequence(items: Vec<Self>) -> Self {
        Self { content: Content::Sequence(items), ..Self::plain("") }
    }

    /// A mapping.
    pub fn mapping(fields: Vec<(Self, Self)>) -> Self {
        Self { content: Content::Mapping(fields), ..Self::plain("") }
    }

    /// Whether the node is null.
    pub fn is_null(&self) -> bool {
        self.tag == Tag::Null
    }

    /// The text of a scalar; nothing for a collection.
    pub fn as_text(&self) -> &str {
        match &self.content {
            Content::Scalar(text) => text,
            _ => "",
        }
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Keys and values of a mapping; none for anything else.
    pub fn fields(&self) -> &[(Self, Self)] {
        match &self.content {
            Content::Mapping(fields) => fields,
            _ => &[],
        }
    }

    /// The first value of this key in a mapping.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.fields().iter().find(|(key, _)| key.as_text() == name).map(|(_, value)| value)
    }

    /// Like [`Self::field`], to be changed.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Self> {
        match &mut self.content {
            Content::Mapping(fields) => {
                fields.iter_mut().find(|(key, _)| key.as_text() == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// What is read after the node was written: types are guessed anew where neither tag nor quotes tell. An error for a key that is given
    /// twice, for keys of an inner mapping that are no texts, and for numbers that JSON does not have.
    pub fn to_json(&self) -> Result<Json, Error> {
        self.json(true, false).map_err(Error::Convert)
    }

    /// Puts texts in quotes as writing the node does: between brackets and braces, some that are none to begin with.
    pub fn settle(&mut self) {
        self.settle_inside(false);
    }

    fn settle_inside(&mut self, in_flow: bool) {
        let in_flow = in_flow || self.is_delimited;
        match &mut self.content {
            Content::Scalar(text) if is_quoted_in_flow(text) && in_flow && !self.is_tagged && !self.is_delimited => {
                (self.tag, self.is_delimited) = (Tag::Text, true);
            }
            Content::Scalar(_) => {}
            Content::Sequence(items) => items.iter_mut().for_each(|item| item.settle_inside(in_flow)),
            Content::Mapping(fields) => fields.iter_mut().for_each(|(_, value)| value.settle_inside(in_flow)),
        }
    }

    fn json(&self, is_outermost: bool, in_flow: bool) -> Result<Json, ReadError> {
        let in_flow = in_flow || self.is_delimited;
        match &self.content {
            Content::Scalar(text) => self.scalar_json(text, in_flow),
            Content::Sequence(items) => {
                items.iter().map(|item| item.json(false, in_flow)).collect::<Result<_, _>>().map(Json::Array)
            }
            Content::Mapping(fields) => {
                let mut json = Map::new();
                for (key, value) in fields {
                    let name = key.key(is_outermost)?;
                    if json.contains_key(name) {
                        return Err(ReadError::Meaning(format!("mapping key {name:?} already defined")));
                    }
                    json.insert(name.to_owned(), value.json(false, in_flow)?);
                }
                Ok(Json::Object(json))
            }
        }
    }

    /// The name that a key has in JSON.
    fn key(&self, is_outermost: bool) -> Result<&str, ReadError> {
        let Content::Scalar(text) = &self.content else {
            return Err(ReadError::Meaning("a mapping or sequence cannot be a key".to_owned()));
        };
        // An empty key is always written in quotes.
        if is_outermost || matches!(self.resolved(text, text.is_empty())?, Resolved::String) {
            return Ok(text);
        }
        Err(ReadError::Meaning(format!("the key {text:?} is no text")))
    }

    /// The type that the scalar has once it was written and read.
    fn resolved(&self, text: &str, in_flow: bool) -> Result<Resolved, ReadError> {
        let guessed = || resolve(text, Dialect::V3);
        let tag = match &self.tag {
            Tag::Text if !self.is_tagged => return Ok(Resolved::String),
            Tag::None => "",
            tag if !self.is_tagged && guessed().tag() == tag.name() => "",
            tag => tag.name(),
        };
        match tag {
            "" if self.is_delimited || text.contains('\n') => Ok(Resolved::String),
            "" if in_flow && is_quoted_in_flow(text) => Ok(Resolved::String),
            "" => Ok(guessed()),
            "!!null" | "!!bool" | "!!int" | "!!float" | "!!timestamp" => resolve_tagged(text, tag, Dialect::V3),
            _ => Ok(Resolved::String),
        }
    }

    fn scalar_json(&self, text: &str, in_flow: bool) -> Result<Json, ReadError> {
        Ok(match self.resolved(text, in_flow)? {
            Resolved::Null => Json::Null,
            Resolved::Bool(value) => Json::Bool(value),
            Resolved::Int(value) => Json::from(value),
            Resolved::Uint(value) => Json::from(value),
            Resolved::Float(value) => Json::Number(json::number(value)?),
            Resolved::Timestamp => Json::String(timestamp::canonical(text).unwrap_or_else(|| text.to_owned())),
            Resolved::String if self.tag.name() == "!!binary" => {
                let invalid = || ReadError::Meaning("!!binary value contains invalid base64 data".to_owned());
                let bytes = binary(text).ok_or_else(invalid)?;
                Json::String(String::from_utf8_lossy(&bytes).into_owned())
            }
            Resolved::String => Json::String(text.to_owned()),
        })
    }
}

/// Whether a text between brackets or braces is put in quotes for what it looks like.
fn is_quoted_in_flow(text: &str) -> bool {
    text.is_empty() || text.contains([',', '?', '[', ']', '{', '}', ':'])
}

impl Tag {
    fn of(tag: &str) -> Self {
        let short = match tag.strip_prefix(CORE_PREFIX) {
            Some(name) => format!("!!{name}"),
            None => tag.to_owned(),
        };
        let known = [Self::Null, Self::Bool, Self::Int, Self::Float, Self::Timestamp, Self::Text];
        known.into_iter().find(|known| known.name() == short).unwrap_or_else(|| Self::Other(short.into()))
    }

    fn name(&self) -> &str {
        match self {
            Self::None => "",
            Self::Null => "!!null",
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Timestamp => "!!timestamp",
            Self::Text => "!!str",
            Self::Other(name) => name,
        }
    }
}

/// Makes a tree of a document.
struct Reader<'a> {
    document: &'a Document<'a>,
    /// How many nodes more the tree may have.
    left: usize,
    flow: BTreeSet<NodeId>,
}

impl Reader<'_> {
    fn node(&mut self, id: NodeId, depth: usize) -> Result<Node, ReadError> {
        let too_large = || ReadError::Meaning("document contains excessive aliasing".to_owned());
        self.left = self.left.checked_sub(1).filter(|_| depth <= MAX_DEPTH).ok_or_else(too_large)?;
        match self.document.kind(id) {
            Some(NodeKind::Scalar { text, tag, implicit }) => Ok(scalar(text, tag.as_deref(), *implicit)),
            Some(NodeKind::Sequence(ids)) => {
                let items = ids.iter().map(|item| self.node(*item, depth + 1)).collect::<Result<_, _>>()?;
                Ok(Node { is_delimited: self.flow.contains(&id), ..Node::sequence(items) })
            }
            Some(NodeKind::Mapping(ids)) => {
                let fields = self.mapping(ids, depth)?;
                Ok(Node { is_delimited: self.flow.contains(&id), ..Node::mapping(fields) })
            }
            Some(NodeKind::Alias { target, .. }) => self.node(*target, depth + 1),
            None => Ok(scalar("", None, true)),
        }
    }

    fn mapping(&mut self, ids: &[NodeId], depth: usize) -> Result<Vec<(Node, Node)>, ReadError> {
        let mut fields = Vec::with_capacity(ids.len() / 2);
        let mut merged = None;
        for pair in ids.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            if !self.document.is_merge(key) {
                fields.push((self.node(key, depth + 1)?, self.node(value, depth + 1)?));
            } else if merged.replace(value).is_some() {
                return Err(ReadError::Meaning("duplicate merge key".to_owned()));
            }
        }
        let Some(merged) = merged else { return Ok(fields) };
        for (key, value) in self.merged(merged, depth + 1)? {
            if !fields.iter().any(|(known, _)| known.as_text() == key.as_text()) {
                fields.push((key, value));
            }
        }
        Ok(fields)
    }

    /// The fields that `<<` stands for; the first of the same name counts.
    fn merged(&mut self, id: NodeId, depth: usize) -> Result<Vec<(Node, Node)>, ReadError> {
        let invalid = || ReadError::Meaning("map merge requires map or sequence of maps as the value".to_owned());
        match self.document.kind(id) {
            Some(NodeKind::Mapping(_) | NodeKind::Alias { .. }) => match self.node(id, depth)?.content {
                Content::Mapping(fields) => Ok(fields),
                _ => Err(invalid()),
            },
            Some(NodeKind::Sequence(items)) => {
                let mut fields = Vec::new();
                for item in items {
                    if let Some(NodeKind::Sequence(_)) = self.document.kind(*item) {
                        return Err(ReadError::Meaning("invalid map merge: received a nested sequence".to_owned()));
                    }
                    fields.extend(self.merged(*item, depth + 1)?);
                }
                Ok(fields)
            }
            _ => Err(invalid()),
        }
    }
}

fn scalar(text: &str, tag: Option<&str>, implicit: bool) -> Node {
    let content = Content::Scalar(text.to_owned());
    match tag {
        Some(tag) => Node { tag: Tag::of(tag), is_tagged: true, is_delimited: false, content },
        None if implicit => {
            let tag = if text == "<<" { "!!merge" } else { resolve(text, Dialect::V3).tag() };
            Node { tag: Tag::of(tag), is_tagged: false, is_delimited: false, content }
        }
        None => Node { tag: Tag::Text, is_tagged: false, is_delimited: true, content },
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    fn json(text: &str) -> String {
        match Node::read(text).and_then(|node| node.map(|node| node.to_json()).transpose()) {
            Ok(json) => json.map(|json| json.to_string()).unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    // Expected results are those of go-yaml 3.0.5 and encoding/json of Go 1.26, after RNode.DeAnchor of kyaml 0.21.1.
    #[test]
    fn scalars_are_read_by_yaml_1_2_for_the_most_part() {
        for (text, expected) in [
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("true", "true"),
            ("~", "null"),
            ("", ""),
            ("0o17", "15"),
            ("017", "15"),
            ("1_000", "1000"),
            ("1.0", "1"),
            ("'1.0'", "\"1.0\""),
            ("12:30:45", "\"12:30:45\""),
            ("2024-01-02", "\"2024-01-02T00:00:00Z\""),
            ("2024-1-2 3:4:5.60", "\"2024-01-02T03:04:05.6Z\""),
            ("2024-01-02T03:04:05+02:00", "\"2024-01-02T03:04:05+02:00\""),
            ("!!str 5", "\"5\""),
            ("!!float 5", "5"),
            ("!own x", "\"x\""),
            ("!!binary aGk=", "\"hi\""),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        assert!(json(".nan").contains("NaN"));
    }

    #[test]
    fn aliases_and_merges_are_put_in() {
        assert_eq!(json("a: &x {b: 1}\nc: *x\n"), r#"{"a":{"b":1},"c":{"b":1}}"#);
        assert_eq!(
            json("a: &x {b: 1, c: 2}\nd: &y {c: 3, e: 4}\nf: {<<: [*x, *y], b: 5}\n"),
            r#"{"a":{"b":1,"c":2},"d":{"c":3,"e":4},"f":{"b":5,"c":2,"e":4}}"#
        );
        assert!(json("a: &a [*a]").contains("excessive aliasing"));
        let bomb = (0..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
            let references = format!("*a{n},").repeat(10);
            format!("{text}a{}: &a{} [{references}]\n", n + 1, n + 1)
        });
        assert!(json(&bomb).contains("excessive aliasing"));
    }

    #[test]
    fn keys_that_json_has_not_are_refused() {
        assert_eq!(json("1: a"), r#"{"1":"a"}"#);
        assert!(json("a: {1: b}").contains("\"1\" is no text"));
        assert!(json("a: {b: 1, b: 2}").contains("\"b\" already defined"));
    }
}
