//! The syntax tree, and its nodes printed again for errors.
//!
//! Counterpart of `text/template/parse/node.go`. Constants and names refer to the source text where they can.
//!
//! **Invariant:** holds no values, so trees are shared between threads.

use std::ops::Range;
use std::sync::Arc;

use crate::value::quote;

use super::error::Frame;
use super::lex::count_newlines;
use super::number::Number;

/// A parsed text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Vec<u8>,
}

impl Source {
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn text(&self, range: &Range<usize>) -> String {
        String::from_utf8_lossy(self.bytes(range)).into_owned()
    }
}

/// One parsed template.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) root: Vec<Node>,
}

impl Tree {
    /// Whether there is nothing but white space and comments.
    pub(super) fn is_blank(&self) -> bool {
        self.root.iter().all(|node| match &node.kind {
            NodeKind::Text(range) => String::from_utf8_lossy(self.source.bytes(range)).trim().is_empty(),
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

/// An element of a template: text, an action or an operand.
#[derive(Debug)]
pub(super) struct Node {
    /// The byte in the source that errors point to.
    pub(super) position: usize,
    pub(super) kind: NodeKind,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Text(Range<usize>),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
    Template {
        name: Arc<str>,
        pipe: Option<Pipe>,
    },
    Bool(bool),
    Dot,
    Nil,
    Number {
        text: Range<usize>,
        number: Number,
    },
    String {
        quoted: Range<usize>,
        text: Box<[u8]>,
    },
    Field(Vec<Box<str>>),
    Variable {
        variable: Variable,
        fields: Vec<Box<str>>,
    },
    /// A function by its slot.
    Identifier {
        name: Box<str>,
        function: usize,
    },
    Chain {
        node: Box<Node>,
        fields: Vec<Box<str>>,
    },
    Pipe(Pipe),
}

/// `if`, `with` and `range`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, of which each gives its value to the next.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) position: usize,
    pub(super) variables: Vec<Variable>,
    /// Whether the variables exist already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// Operands, of which the first may be called with the others.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) position: usize,
    pub(super) operands: Vec<Node>,
}

/// A variable and where its value is.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Box<str>,
    /// Slots from the template's first variable, the innermost first. There is more than one only where a declaration may have
    /// been skipped, and none where the variable never exists while the template runs.
    pub(super) slots: Vec<usize>,
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
            Self::Node(Node { kind: NodeKind::Pipe(pipe), .. }) | Self::Pipe(pipe) => pipe.position,
            Self::Node(node) => node.position,
            Self::Command(command) => command.position,
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
    fn print(&self, source: &Source, out: &mut String) {
        match &self.kind {
            NodeKind::Text(range) => out.push_str(&source.text(range)),
            NodeKind::Action(pipe) => print_action("", Some(pipe), source, out),
            NodeKind::If(branch) => print_action("if ", Some(&branch.pipe), source, out),
            NodeKind::With(branch) => print_action("with ", Some(&branch.pipe), source, out),
            NodeKind::Range(branch) => print_action("range ", Some(&branch.pipe), source, out),
            NodeKind::Break => print_action("break", None, source, out),
            NodeKind::Continue => print_action("continue", None, source, out),
            NodeKind::Template { name, pipe: None } => {
                print_action(&format!("template {}", quote(&**name)), None, source, out);
            }
            NodeKind::Template { name, pipe } => {
                print_action(&format!("template {} ", quote(&**name)), pipe.as_ref(), source, out);
            }
            NodeKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            NodeKind::Dot => out.push('.'),
            NodeKind::Nil => out.push_str("nil"),
            NodeKind::Number { text, .. } => out.push_str(&source.text(text)),
            NodeKind::String { quoted, .. } => out.push_str(&source.text(quoted)),
            NodeKind::Field(fields) => print_fields(fields, out),
            NodeKind::Variable { variable, fields } => {
                out.push_str(&variable.name);
                print_fields(fields, out);
            }
            NodeKind::Identifier { name, .. } => out.push_str(name),
            NodeKind::Chain { node, fields } => {
                node.print_operand(source, out);
                print_fields(fields, out);
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
            out.push_str(&variable.name);
        }
        if !self.variables.is_empty() {
            out.push_str(if self.assigns { " = " } else { " := " });
        }
        for (position, command) in self.commands.iter().enumerate() {
            if position > 0 {
                out.push_str(" | ");
            }
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

fn print_fields(fields: &[Box<str>], out: &mut String) {
    for field in fields {
        out.push('.');
        out.push_str(field);
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
