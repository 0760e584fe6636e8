//! The tree of one document.
//!
//! **Invariant:** a node refers to others by number only, so a document may hold an alias to itself.

use std::borrow::Cow;

use super::resolve::CORE_PREFIX;

/// The number of a node in its document.
pub(super) type NodeId = usize;

/// What a node is.
#[derive(Debug)]
pub(super) enum NodeKind<'a> {
    /// A scalar. `implicit` is true if its type may be guessed from its text.
    Scalar { text: Cow<'a, str>, tag: Option<Box<str>>, implicit: bool },
    /// A sequence; go-yaml v2 forgets its tag.
    Sequence(Vec<NodeId>),
    /// Keys and values in turn.
    Mapping(Vec<NodeId>),
    /// A reference to an anchored node.
    Alias { name: &'a str, target: NodeId },
}

/// A node and the line it starts on, counted from zero.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: NodeKind<'a>,
    pub(super) line: usize,
}

/// The nodes of a document.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) root: NodeId,
    /// Sequences and mappings between brackets and braces.
    pub(super) flow: Vec<NodeId>,
    pub(super) has_aliases: bool,
}

impl Document<'_> {
    /// What the node of this number is.
    pub(super) fn kind(&self, id: NodeId) -> Option<&NodeKind<'_>> {
        self.nodes.get(id).map(|node| &node.kind)
    }

    /// Whether the node is the key `<<`.
    pub(super) fn is_merge(&self, id: NodeId) -> bool {
        match self.kind(id) {
            Some(NodeKind::Scalar { text, tag, implicit }) => {
                let tagged = tag.as_deref().and_then(|tag| tag.strip_prefix(CORE_PREFIX)) == Some("merge");
                text == "<<" && (*implicit || tagged)
            }
            _ => false,
        }
    }
}
