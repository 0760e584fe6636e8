//! The syntax tree, and its nodes printed again for errors.
//!
//! Counterpart of `text/template/parse/node.go`. Constants and names refer to the source text where they can.
//!
//! **Invariant:** holds no values, so trees are shared between threads.

use std::sync::Arc;

use crate::value::quote;

use super::error::Frame;
use super::lex::count_newlines;
use super::number::Number;

/// A stretch of a source text. Texts are shorter than 4 GiB; the parser sees to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes between two positions.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }
}

/// A parsed text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<[u8]>,
}

impl Source {
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The text of a name: letters, digits and underscores, which are always UTF-8.
    pub(super) fn name(&self, span: Span) -> &str {
        std::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }

    fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(self.bytes(span)).into_owned()
    }
}

/// One parsed template.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) root: Box<[Node]>,
}

impl Tree {
    /// Whether there is nothing but white space and comments.
    pub(super) fn is_blank(&self) -> bool {
        self.root.iter().all(|node| match node.kind {
            NodeKind::Text(span) => is_blank(self.source.bytes(span)),
            _ => false,
        })
    }

    /// Where a node is, and its text.
    pub(super) fn frame(&self, executing: &str, at: At<'_>) -> Frame {
        let position = at.position();
        let before = self.source.text.get(..position).unwrap_or_default();
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        Frame {
            file: self.source.name.clone(),
            line: 1 + count_newlines(before),
            column: position - line_start,
            executing: executing.to_owned(),
            expression: at.print(&self.source),
        }
    }
}

fn is_blank(text: &[u8]) -> bool {
    // Most texts have a letter, which is found soon.
    !text.iter().any(u8::is_ascii_graphic) && String::from_utf8_lossy(text).trim().is_empty()
}

/// An element of a template: text, an action or an operand. Kept small, because parsed charts hold very many.
#[derive(Debug)]
pub(super) struct Node {
    /// The byte in the source that errors point to.
    pub(super) position: u32,
    pub(super) kind: NodeKind,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Text(Span),
    Action(Box<Pipe>),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Break,
    Continue,
    Template(Box<Template>),
    Bool(bool),
    Dot,
    Nil,
    Number(Box<NumberText>),
    /// A string from the node's position to `end`, quotes included. What it stands for is kept if it is not just what is
    /// between the quotes.
    String {
        end: u32,
        unquoted: Option<Box<[u8]>>,
    },
    Field(Box<[Span]>),
    Variable(Box<VariableFields>),
    /// A function by its slot; its name is from the node's position to `end`.
    Identifier {
        end: u32,
        function: u32,
    },
    Chain(Box<Chain>),
    Pipe(Box<Pipe>),
}

/// `template`.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: Arc<str>,
    pub(super) pipe: Option<Pipe>,
}

/// A number with the text that it was written as.
#[derive(Debug)]
pub(super) struct NumberText {
    pub(super) text: Span,
    pub(super) number: Number,
}

/// A variable and fields of its value.
#[derive(Debug)]
pub(super) struct VariableFields {
    pub(super) variable: Variable,
    pub(super) fields: Box<[Span]>,
}

/// Fields of what an operand gives.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) node: Node,
    pub(super) fields: Box<[Span]>,
}

/// `if`, `with` and `range`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Box<[Node]>,
    pub(super) otherwise: Box<[Node]>,
}

/// Commands, of which each gives its value to the next.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) position: u32,
    /// Whether the variables exist already.
    pub(super) assigns: bool,
    pub(super) variables: Box<[Variable]>,
    pub(super) first: Command,
    /// The commands after the first; mostly there are none.
    pub(super) others: Box<[Command]>,
}

/// Operands, of which the first may be called with the others.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) position: u32,
    pub(super) operands: Box<[Node]>,
}

/// A variable and where its value is: slots from the template's first variable.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Span,
    /// The innermost slot; none where the variable never exists while the template runs.
    pub(super) slot: Option<u32>,
    /// The slots around, the innermost first; there are some only where a declaration may have been skipped.
    pub(super) outer: Box<[u32]>,
}

impl Variable {
    /// All slots, the innermost first.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> + '_ {
        self.slot.iter().chain(self.outer.iter()).map(|slot| *slot as usize)
    }
}

/// What execution is at, for errors.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Node(&'t Node),
    Pipe(&'t Pipe),
    Command(&'t Command),
}

impl At<'_> {
    fn position(self) -> usize {
        match self {
            Self::Node(Node { kind: NodeKind::Pipe(pipe), .. }) => pipe.position as usize,
            Self::Pipe(pipe) => pipe.position as usize,
            Self::Node(node) => node.position as usize,
            Self::Command(command) => command.position as usize,
        }
    }

    /// The text as Go's `String` methods give it.
    pub(super) fn print(self, source: &Source) -> String {
        let mut out = String::new();
        match self {
            Self::Node(node) => node.print(source, &mut out),
            Self::Pipe(pipe) => pipe.print(source, &mut out),
            Self::Command(command) => command.print(source, &mut out),
        }
        out
    }
}

impl Node {
    /// A node at a position.
    pub(super) fn new(position: usize, kind: NodeKind) -> Self {
        Self { position: position as u32, kind }
    }

    /// The source from the node's position to an end.
    fn to(&self, end: u32) -> Span {
        Span { start: self.position, end }
    }

    /// What a string stands for.
    pub(super) fn string<'t>(&'t self, end: u32, unquoted: Option<&'t [u8]>, source: &'t Source) -> &'t [u8] {
        unquoted.unwrap_or_else(|| source.bytes(Span { start: self.position + 1, end: end.saturating_sub(1) }))
    }

    fn print(&self, source: &Source, out: &mut String) {
        match &self.kind {
            NodeKind::Text(span) => out.push_str(&source.text(*span)),
            NodeKind::Action(pipe) => print_action("", Some(pipe), source, out),
            NodeKind::If(branch) => print_action("if ", Some(&branch.pipe), source, out),
            NodeKind::With(branch) => print_action("with ", Some(&branch.pipe), source, out),
            NodeKind::Range(branch) => print_action("range ", Some(&branch.pipe), source, out),
            NodeKind::Break => print_action("break", None, source, out),
            NodeKind::Continue => print_action("continue", None, source, out),
            NodeKind::Template(template) => {
                let Template { name, pipe } = &**template;
                let space = if pipe.is_some() { " " } else { "" };
                print_action(&format!("template {}{space}", quote(&**name)), pipe.as_ref(), source, out);
            }
            NodeKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            NodeKind::Dot => out.push('.'),
            NodeKind::Nil => out.push_str("nil"),
            NodeKind::Number(number) => out.push_str(&source.text(number.text)),
            NodeKind::String { end, .. } | NodeKind::Identifier { end, .. } => {
                out.push_str(&source.text(self.to(*end)));
            }
            NodeKind::Field(fields) => print_fields(fields, source, out),
            NodeKind::Variable(variable) => {
                out.push_str(&source.text(variable.variable.name));
                print_fields(&variable.fields, source, out);
            }
            NodeKind::Chain(chain) => {
                chain.node.print_operand(source, out);
                print_fields(&chain.fields, source, out);
            }
            NodeKind::Pipe(pipe) => pipe.print(source, out),
        }
    }

    /// As [`Node::print`], with parentheses around a pipeline.
    fn print_operand(&self, source: &Source, out: &mut String) {
        let parentheses = matches!(self.kind, NodeKind::Pipe(_));
        if parentheses {
            out.push('(');
        }
        self.print(source, out);
        if parentheses {
            out.push(')');
        }
    }
}

impl Pipe {
    fn print(&self, source: &Source, out: &mut String) {
        for (position, variable) in self.variables.iter().enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            out.push_str(&source.text(variable.name));
        }
        if !self.variables.is_empty() {
            out.push_str(if self.assigns { " = " } else { " := " });
        }
        self.first.print(source, out);
        for command in &self.others {
            out.push_str(" | ");
            command.print(source, out);
        }
    }
}

impl Command {
    fn print(&self, source: &Source, out: &mut String) {
        for (position, operand) in self.operands.iter().enumerate() {
            if position > 0 {
                out.push(' ');
            }
            operand.print_operand(source, out);
        }
    }
}

fn print_fields(fields: &[Span], source: &Source, out: &mut String) {
    for field in fields {
        out.push('.');
        out.push_str(&source.text(*field));
    }
}

fn print_action(words: &str, pipe: Option<&Pipe>, source: &Source, out: &mut String) {
    out.push_str("{{");
    out.push_str(words);
    if let Some(pipe) = pipe {
        pipe.print(source, out);
    }
    out.push_str("}}");
}

#[cfg(test)]
mod tests {
    use super::{Command, Node, Pipe};

    #[test]
    fn nodes_are_small() {
        assert_eq!(size_of::<Node>(), 32);
        assert_eq!(size_of::<Command>(), 24);
        assert_eq!(size_of::<Pipe>(), 64);
    }
}
