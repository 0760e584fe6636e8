//! The parser: tokens into the tree of a document.
//!
//! Counterpart: go-yaml v2.4 `parserc.go` and the first half of `decode.go`, as a recursive descent instead of a state machine.
//! Differences: nesting is limited to [`MAX_DEPTH`], where go-yaml allows ten thousand levels.
//!
//! **Invariant:** recursion never goes deeper than [`MAX_DEPTH`].

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::ReadError;
use super::node::{Document, Node, NodeId, NodeKind};
use super::resolve::CORE_PREFIX;
use super::scan::{Scanner, Tag, TagDirective, Token, TokenKind};

/// The deepest nesting of collections; far beyond real documents, and safe on a small stack.
pub(super) const MAX_DEPTH: usize = 200;

/// How many bytes of text stand behind one node, at most as a rule.
const BYTES_PER_NODE: usize = 32;

/// Reads documents one after the other.
pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    document: Document<'a>,
    anchors: HashMap<&'a str, NodeId>,
    tag_directives: Vec<TagDirective>,
    depth: usize,
    first: bool,
}

/// An anchor and a tag before a node, and the line where they begin.
struct Properties<'a> {
    anchor: Option<&'a str>,
    tag: Option<Box<str>>,
    line: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(scanner: Scanner<'a>) -> Self {
        // About as many nodes as such a text has, or half of them.
        let nodes = Vec::with_capacity(scanner.len() / BYTES_PER_NODE + 1);
        Self {
            scanner,
            document: Document { nodes, ..Document::default() },
            anchors: HashMap::new(),
            tag_directives: Vec::new(),
            depth: 0,
            first: true,
        }
    }

    /// The next document, or `None` at the end of the stream.
    pub(super) fn next_document(&mut self) -> Result<Option<Document<'a>>, ReadError> {
        let first = std::mem::replace(&mut self.first, false);
        while !first && self.scanner.peek()?.kind == TokenKind::DocumentEnd {
            self.scanner.next()?;
        }
        let root = match self.scanner.peek()?.kind {
            TokenKind::StreamEnd => return Ok(None),
            TokenKind::VersionDirective { .. } | TokenKind::TagDirective(_) | TokenKind::DocumentStart => {
                self.parse_explicit_document()?
            }
            _ if first => {
                self.parse_directives()?;
                self.parse_node(true, false)?
            }
            _ => {
                let line = self.scanner.peek()?.line;
                self.parse_directives()?;
                return Err(ReadError::parser(line, 0, "did not find expected <document start>"));
            }
        };
        if self.scanner.peek()?.kind == TokenKind::DocumentEnd {
            self.scanner.next()?;
        }
        self.tag_directives.clear();
        self.anchors.clear();
        let mut document = std::mem::take(&mut self.document);
        document.root = root;
        Ok(Some(document))
    }

    fn parse_explicit_document(&mut self) -> Result<NodeId, ReadError> {
        self.parse_directives()?;
        let token = self.scanner.peek()?;
        let line = token.line;
        if token.kind != TokenKind::DocumentStart {
            return Err(ReadError::parser(line, 0, "did not find expected <document start>"));
        }
        self.scanner.next()?;
        let token = self.scanner.peek()?;
        let line = token.line;
        match token.kind {
            TokenKind::VersionDirective { .. }
            | TokenKind::TagDirective(_)
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::StreamEnd => Ok(self.empty_scalar(line)),
            _ => self.parse_node(true, false),
        }
    }

    fn parse_directives(&mut self) -> Result<(), ReadError> {
        let mut has_version = false;
        loop {
            let token = self.scanner.peek()?;
            let line = token.line;
            match &token.kind {
                TokenKind::VersionDirective { .. } if has_version => {
                    return Err(ReadError::parser(line, 0, "found duplicate %YAML directive"));
                }
                TokenKind::VersionDirective { major: 1, minor: 1 } => has_version = true,
                TokenKind::VersionDirective { .. } => {
                    return Err(ReadError::parser(line, 0, "found incompatible YAML document"));
                }
                TokenKind::TagDirective(directive) => {
                    let directive = TagDirective::clone(directive);
                    if self.tag_directives.iter().any(|known| known.handle == directive.handle) {
                        return Err(ReadError::parser(line, 0, "found duplicate %TAG directive"));
                    }
                    self.tag_directives.push(directive);
                }
                _ => return Ok(()),
            }
            self.scanner.next()?;
        }
    }

    fn add(&mut self, kind: NodeKind<'a>, line: usize) -> NodeId {
        self.document.nodes.push(Node { kind, line });
        self.document.nodes.len() - 1
    }

    fn empty_scalar(&mut self, line: usize) -> NodeId {
        self.add(NodeKind::Scalar { text: Cow::Borrowed(""), tag: None, implicit: true }, line)
    }

    fn parse_node(&mut self, block: bool, indentless: bool) -> Result<NodeId, ReadError> {
        if let TokenKind::Alias(name) = self.scanner.peek()?.kind {
            return self.parse_alias(name);
        }
        let properties = self.parse_properties()?;
        let line = properties.line;
        let token = self.scanner.peek()?;
        match token.kind {
            TokenKind::Scalar { .. } => {
                let token = self.scanner.next()?;
                Ok(self.parse_scalar(token, properties))
            }
            TokenKind::BlockEntry if indentless => {
                self.parse_collection(&properties, Self::parse_indentless_sequence, NodeKind::Sequence)
            }
            TokenKind::BlockSequenceStart if block => {
                self.parse_collection(&properties, Self::parse_block_sequence, NodeKind::Sequence)
            }
            TokenKind::BlockMappingStart if block => {
                self.parse_collection(&properties, Self::parse_block_mapping, NodeKind::Mapping)
            }
            TokenKind::FlowSequenceStart => {
                let id = self.parse_collection(&properties, Self::parse_flow_sequence, NodeKind::Sequence)?;
                self.document.flow.push(id);
                Ok(id)
            }
            TokenKind::FlowMappingStart => {
                let id = self.parse_collection(&properties, Self::parse_flow_mapping, NodeKind::Mapping)?;
                self.document.flow.push(id);
                Ok(id)
            }
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                let Properties { anchor, tag, line } = properties;
                let implicit = tag.is_none();
                let id = self.add(NodeKind::Scalar { text: Cow::Borrowed(""), tag, implicit }, line);
                self.anchors.extend(anchor.map(|anchor| (anchor, id)));
                Ok(id)
            }
            _ => Err(ReadError::parser(token.line, line, "did not find expected node content")),
        }
    }

    fn parse_alias(&mut self, name: &'a str) -> Result<NodeId, ReadError> {
        let line = self.scanner.next()?.line;
        let Some(&target) = self.anchors.get(name) else {
            return Err(ReadError::Meaning(format!("unknown anchor '{name}' referenced")));
        };
        self.document.has_aliases = true;
        Ok(self.add(NodeKind::Alias { name, target }, line))
    }

    fn parse_scalar(&mut self, token: Token<'a>, properties: Properties<'a>) -> NodeId {
        let Properties { anchor, tag, line } = properties;
        let TokenKind::Scalar { text, plain } = token.kind else { return self.empty_scalar(line) };
        let implicit = match tag.as_deref() {
            None => plain,
            Some(tag) => tag == "!",
        };
        let id = self.add(NodeKind::Scalar { text, tag, implicit }, line);
        self.anchors.extend(anchor.map(|anchor| (anchor, id)));
        id
    }

    /// Parses an anchor and a tag, in either order.
    fn parse_properties(&mut self) -> Result<Properties<'a>, ReadError> {
        let mut properties = Properties { anchor: None, tag: None, line: self.scanner.peek()?.line };
        let mut tag = None;
        loop {
            match self.scanner.peek()?.kind {
                TokenKind::Anchor(anchor) if properties.anchor.is_none() => properties.anchor = Some(anchor),
                TokenKind::Tag(_) if tag.is_none() => {
                    tag = Some(self.scanner.next()?);
                    continue;
                }
                _ => break,
            }
            self.scanner.next()?;
        }
        if let Some(Token { kind: TokenKind::Tag(tag), line, .. }) = tag {
            let tag = self.full_tag(*tag, line, properties.line)?;
            properties.tag = Some(tag).filter(|tag| !tag.is_empty());
        }
        Ok(properties)
    }

    /// The tag with its handle replaced by what the handle stands for.
    fn full_tag(&self, tag: Tag, line: usize, context_line: usize) -> Result<Box<str>, ReadError> {
        let Tag { handle, suffix } = tag;
        if handle.is_empty() {
            return Ok(suffix.into());
        }
        let declared = self.tag_directives.iter().find(|directive| directive.handle == handle);
        let prefix = match (declared, handle.as_str()) {
            (Some(directive), _) => &directive.prefix,
            (None, "!") => "!",
            (None, "!!") => CORE_PREFIX,
            (None, _) => return Err(ReadError::parser(line, context_line, "found undefined tag handle")),
        };
        Ok(format!("{prefix}{suffix}").into())
    }

    /// Parses a collection; its anchor is known inside of it already.
    fn parse_collection(
        &mut self,
        properties: &Properties<'a>,
        parse: impl FnOnce(&mut Self, usize) -> Result<Vec<NodeId>, ReadError>,
        kind: impl FnOnce(Vec<NodeId>) -> NodeKind<'a>,
    ) -> Result<NodeId, ReadError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ReadError::scanner(properties.line, format!("exceeded max depth of {MAX_DEPTH}")));
        }
        let id = self.add(NodeKind::Sequence(Vec::new()), properties.line);
        self.anchors.extend(properties.anchor.map(|anchor| (anchor, id)));
        let line = self.scanner.peek()?.line;
        let children = parse(self, line)?;
        if let Some(node) = self.document.nodes.get_mut(id) {
            node.kind = kind(children);
        }
        self.depth -= 1;
        Ok(id)
    }

    fn parse_block_sequence(&mut self, context_line: usize) -> Result<Vec<NodeId>, ReadError> {
        self.scanner.next()?;
        let mut children = Vec::new();
        loop {
            let token = self.scanner.next()?;
            match token.kind {
                TokenKind::BlockEntry => {}
                TokenKind::BlockEnd => return Ok(children),
                _ => {
                    return Err(ReadError::parser(token.line, context_line, "did not find expected '-' indicator"));
                }
            }
            let child = match self.scanner.peek()?.kind {
                TokenKind::BlockEntry | TokenKind::BlockEnd => self.empty_scalar(token.line),
                _ => self.parse_node(true, false)?,
            };
            children.push(child);
        }
    }

    fn parse_indentless_sequence(&mut self, _context_line: usize) -> Result<Vec<NodeId>, ReadError> {
        let mut children = Vec::new();
        while self.scanner.peek()?.kind == TokenKind::BlockEntry {
            let line = self.scanner.next()?.line;
            let child = match self.scanner.peek()?.kind {
                TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                    self.empty_scalar(line)
                }
                _ => self.parse_node(true, false)?,
            };
            children.push(child);
        }
        Ok(children)
    }

    fn parse_block_mapping(&mut self, context_line: usize) -> Result<Vec<NodeId>, ReadError> {
        self.scanner.next()?;
        let mut children = Vec::new();
        loop {
            let token = self.scanner.next()?;
            match token.kind {
                TokenKind::Key => {}
                TokenKind::BlockEnd => return Ok(children),
                _ => return Err(ReadError::parser(token.line, context_line, "did not find expected key")),
            }
            let key = self.parse_block_mapping_item(token.line)?;
            children.push(key);
            let token = self.scanner.peek()?;
            let line = token.line;
            let value = if token.kind == TokenKind::Value {
                self.scanner.next()?;
                self.parse_block_mapping_item(line)?
            } else {
                self.empty_scalar(line)
            };
            children.push(value);
        }
    }

    /// Parses what follows a key or value indicator on this line; it may be nothing.
    fn parse_block_mapping_item(&mut self, line: usize) -> Result<NodeId, ReadError> {
        match self.scanner.peek()?.kind {
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => Ok(self.empty_scalar(line)),
            _ => self.parse_node(true, true),
        }
    }

    fn parse_flow_sequence(&mut self, context_line: usize) -> Result<Vec<NodeId>, ReadError> {
        self.scanner.next()?;
        let mut children = Vec::new();
        loop {
            if self.scanner.peek()?.kind != TokenKind::FlowSequenceEnd && !children.is_empty() {
                self.expect_flow_entry(context_line, "did not find expected ',' or ']'")?;
            }
            let token = self.scanner.peek()?;
            match token.kind {
                TokenKind::FlowSequenceEnd => break,
                TokenKind::Key => {
                    let line = token.line;
                    let properties = Properties { anchor: None, tag: None, line };
                    let pair = self.parse_collection(&properties, Self::parse_flow_pair, NodeKind::Mapping)?;
                    self.document.flow.push(pair);
                    children.push(pair);
                }
                _ => children.push(self.parse_node(false, false)?),
            }
        }
        self.scanner.next()?;
        Ok(children)
    }

    fn expect_flow_entry(&mut self, context_line: usize, problem: &'static str) -> Result<(), ReadError> {
        let token = self.scanner.next()?;
        if token.kind == TokenKind::FlowEntry {
            return Ok(());
        }
        Err(ReadError::parser(token.line, context_line, problem))
    }

    /// Parses a pair that stands in a flow sequence, as in `[a: b]`.
    fn parse_flow_pair(&mut self, _context_line: usize) -> Result<Vec<NodeId>, ReadError> {
        self.scanner.next()?;
        let token = self.scanner.peek()?;
        let line = token.line;
        let key = match token.kind {
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => {
                // go-yaml steps over the token here, which makes most empty keys an error.
                self.scanner.next()?;
                self.empty_scalar(line)
            }
            _ => self.parse_node(false, false)?,
        };
        let value = self.parse_flow_value(&TokenKind::FlowSequenceEnd)?;
        Ok(vec![key, value])
    }

    fn parse_flow_value(&mut self, end: &TokenKind<'_>) -> Result<NodeId, ReadError> {
        if self.scanner.peek()?.kind == TokenKind::Value {
            self.scanner.next()?;
            let kind = &self.scanner.peek()?.kind;
            if *kind != TokenKind::FlowEntry && kind != end {
                return self.parse_node(false, false);
            }
        }
        let line = self.scanner.peek()?.line;
        Ok(self.empty_scalar(line))
    }

    fn parse_flow_mapping(&mut self, context_line: usize) -> Result<Vec<NodeId>, ReadError> {
        self.scanner.next()?;
        let mut children = Vec::new();
        loop {
            if self.scanner.peek()?.kind != TokenKind::FlowMappingEnd && !children.is_empty() {
                self.expect_flow_entry(context_line, "did not find expected ',' or '}'")?;
            }
            match self.scanner.peek()?.kind {
                TokenKind::FlowMappingEnd => break,
                TokenKind::Key => {
                    self.scanner.next()?;
                    let token = self.scanner.peek()?;
                    let line = token.line;
                    let key = match token.kind {
                        TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd => self.empty_scalar(line),
                        _ => self.parse_node(false, false)?,
                    };
                    children.push(key);
                    let value = self.parse_flow_value(&TokenKind::FlowMappingEnd)?;
                    children.push(value);
                }
                _ => {
                    let key = self.parse_node(false, false)?;
                    children.push(key);
                    let line = self.scanner.peek()?.line;
                    let value = self.empty_scalar(line);
                    children.push(value);
                }
            }
        }
        self.scanner.next()?;
        Ok(children)
    }
}
