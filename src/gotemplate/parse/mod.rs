//! Tokens to trees.
//!
//! Counterpart of `text/template/parse/parse.go` (Go 1.26). Unlike Go, functions and variables are resolved here: functions to
//! slots of the function map, variables to slots of the running template's stack.
//!
//! **Invariant:** nothing is defined unless the whole text parses.

mod pipeline;
mod scope;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::value::quote;

use super::error::Error;
use super::funcs::FuncMap;
use super::lex::{Lexer, Token, TokenKind};
use super::limits::StackGuard;
use super::node::{Branch, Command, Node, NodeKind, Pipe, Source, Span, Template, Tree};
use super::number::unquote;
use scope::Scope;

/// Native stack that parsing may use. Nested actions recurse; Go's stacks grow, ours must not overflow.
const PARSE_STACK: usize = 1 << 20;

/// Parses a text into the template of that name and those that it defines.
pub(super) fn parse<H>(
    name: &str,
    text: &Arc<[u8]>,
    functions: &FuncMap<H>,
) -> Result<BTreeMap<Arc<str>, Arc<Tree>>, Error> {
    if u32::try_from(text.len()).is_err() {
        return Err(Error::parse(name, 1, "exceeded maximum length of a template"));
    }
    let source = Arc::new(Source { name: name.to_owned(), text: Arc::clone(text) });
    let lexer = Lexer::new(text, functions.slot(b"break").is_none(), functions.slot(b"continue").is_none());
    let mut parser = Parser {
        functions,
        lexer,
        source: Arc::clone(&source),
        trees: BTreeMap::new(),
        stack: StackGuard::new(PARSE_STACK),
        file: FileState::default(),
        nodes: Vec::new(),
        commands: Vec::new(),
        fields: Vec::new(),
    };
    let root = parser.parse_file()?;
    parser.define(Arc::from(name), root)?;
    Ok(parser.trees)
}

/// What ends a list of nodes, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

impl Ending {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node, or what ends the list of nodes.
enum Item {
    Node(Node),
    Ending(Ending),
}

/// Which control structure is being parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn keyword(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }
}

/// What a template being parsed has of its own; a nested definition starts with a fresh one.
struct FileState<'p> {
    /// Go's three tokens of look-ahead, of which the first is also where errors are.
    tokens: [Token; 3],
    peeked: usize,
    scope: Scope<'p>,
    /// Where the current action started.
    action: Option<Token>,
    range_depth: usize,
    parentheses: usize,
}

impl Default for FileState<'_> {
    fn default() -> Self {
        Self {
            tokens: [Token::NONE; 3],
            peeked: 0,
            scope: Scope::default(),
            action: None,
            range_depth: 0,
            parentheses: 0,
        }
    }
}

struct Parser<'p, H> {
    functions: &'p FuncMap<H>,
    lexer: Lexer<'p>,
    source: Arc<Source>,
    trees: BTreeMap<Arc<str>, Arc<Tree>>,
    stack: StackGuard,
    file: FileState<'p>,
    /// Nodes, commands and fields of what is being parsed, each list on top of those around it, so that every list is made once
    /// and in its final size.
    nodes: Vec<Node>,
    commands: Vec<Command>,
    fields: Vec<Span>,
}

/// Takes what was put on a stack since it had this height.
fn take<T>(stack: &mut Vec<T>, height: usize) -> Box<[T]> {
    if stack.len() > height { stack.split_off(height).into() } else { Box::default() }
}

impl<H> Parser<'_, H> {
    fn next(&mut self) -> Token {
        let [first, second, third] = &mut self.file.tokens;
        match self.file.peeked {
            0 => *first = self.lexer.next_token(),
            peeked => {
                self.file.peeked = peeked - 1;
                match peeked - 1 {
                    0 => {}
                    1 => return *second,
                    _ => return *third,
                }
            }
        }
        *first
    }

    fn backup(&mut self) {
        self.file.peeked += 1;
    }

    /// Gives back a token in front of the last one.
    fn backup_two(&mut self, token: Token) {
        let [_, second, _] = &mut self.file.tokens;
        *second = token;
        self.file.peeked = 2;
    }

    /// Gives back two tokens in front of the last one.
    fn backup_three(&mut self, first: Token, then: Token) {
        let [_, second, third] = &mut self.file.tokens;
        *second = then;
        *third = first;
        self.file.peeked = 3;
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.backup();
        token
    }

    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.backup();
        token
    }

    fn error(&self, message: &str) -> Error {
        let [first, ..] = &self.file.tokens;
        Error::parse(&self.source.name, self.lexer.line(*first), message)
    }

    fn unexpected(&self, token: Token, context: &str) -> Error {
        let text = self.lexer.describe(token);
        if token.kind != TokenKind::Error {
            return self.error(&format!("unexpected {text} in {context}"));
        }
        let line = self.file.action.map_or(0, |action| self.lexer.line(action));
        if line == 0 || line == self.lexer.line(token) {
            return self.error(&text);
        }
        // Not "action in action".
        let word = if text.ends_with(" action") { "" } else { " in action" };
        self.error(&format!("{text}{word} started at {}:{line}", self.source.name))
    }

    fn expect(&mut self, kind: TokenKind, context: &str) -> Result<Token, Error> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(token, context)) }
    }

    fn check_stack(&self) -> Result<(), Error> {
        if self.stack.is_exhausted() { Err(self.error("max expression depth exceeded")) } else { Ok(()) }
    }

    /// Adds a template of this text. Two of a name are an error, unless one is blank.
    fn define(&mut self, name: Arc<str>, root: Box<[Node]>) -> Result<(), Error> {
        let tree = Tree { name: Arc::clone(&name), source: Arc::clone(&self.source), root };
        if self.trees.get(&name).is_none_or(|known| known.is_blank()) {
            self.trees.insert(name, Arc::new(tree));
        } else if !tree.is_blank() {
            return Err(self.error(&format!("template: multiple definition of template {}", quote(&*name))));
        }
        Ok(())
    }

    fn parse_file(&mut self) -> Result<Box<[Node]>, Error> {
        let height = self.nodes.len();
        loop {
            match self.peek().kind {
                TokenKind::Eof => return Ok(take(&mut self.nodes, height)),
                TokenKind::LeftDelim => {
                    let delim = self.next();
                    if self.next_non_space().kind == TokenKind::Define {
                        let outer = std::mem::take(&mut self.file);
                        self.parse_definition()?;
                        self.file = outer;
                        continue;
                    }
                    self.backup_two(delim);
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Node(node) => self.nodes.push(node),
                Item::Ending(ending) => return Err(self.error(&format!("unexpected {}", ending.text()))),
            }
        }
    }

    /// Parses what follows `define`.
    fn parse_definition(&mut self) -> Result<(), Error> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        self.expect(TokenKind::RightDelim, CONTEXT)?;
        let (root, ending) = self.item_list()?;
        if ending != Ending::End {
            return Err(self.error(&format!("unexpected {} in {CONTEXT}", ending.text())));
        }
        self.define(name, root)
    }

    fn template_name(&self, token: Token, context: &str) -> Result<Arc<str>, Error> {
        match token.kind {
            TokenKind::String | TokenKind::RawString => {
                let name = unquote(self.lexer.bytes(token)).ok_or_else(|| self.error("invalid syntax"))?;
                Ok(Arc::from(String::from_utf8_lossy(&name)))
            }
            _ => Err(self.unexpected(token, context)),
        }
    }

    /// Parses until an `end` or `else`.
    fn item_list(&mut self) -> Result<(Box<[Node]>, Ending), Error> {
        self.check_stack()?;
        let height = self.nodes.len();
        while self.peek_non_space().kind != TokenKind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => self.nodes.push(node),
                Item::Ending(ending) => return Ok((take(&mut self.nodes, height), ending)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Result<Item, Error> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => {
                Ok(Item::Node(Node::new(token.start(), NodeKind::Text(Span::new(token.start(), token.end())))))
            }
            TokenKind::LeftDelim => {
                self.file.action = Some(token);
                let item = self.action()?;
                self.file.action = None;
                Ok(item)
            }
            _ => Err(self.unexpected(token, "input")),
        }
    }

    fn action(&mut self) -> Result<Item, Error> {
        let token = self.next_non_space();
        let node = match token.kind {
            TokenKind::Block => self.block_control()?,
            TokenKind::Break => self.jump(token, NodeKind::Break, "{{break}}")?,
            TokenKind::Continue => self.jump(token, NodeKind::Continue, "{{continue}}")?,
            TokenKind::Else => {
                self.else_control()?;
                return Ok(Item::Ending(Ending::Else));
            }
            TokenKind::End => {
                self.expect(TokenKind::RightDelim, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            TokenKind::If => self.control(Control::If)?,
            TokenKind::Range => self.control(Control::Range)?,
            TokenKind::Template => self.template_control()?,
            TokenKind::With => self.control(Control::With)?,
            _ => {
                self.backup();
                let position = self.peek().start();
                let pipe = self.pipeline("command", TokenKind::RightDelim)?;
                Node::new(position, NodeKind::Action(Box::new(pipe)))
            }
        };
        Ok(Item::Node(node))
    }

    /// Parses what follows `break` or `continue`.
    fn jump(&mut self, token: Token, kind: NodeKind, text: &str) -> Result<Node, Error> {
        let next = self.next_non_space();
        if next.kind != TokenKind::RightDelim {
            return Err(self.unexpected(next, text));
        }
        if self.file.range_depth == 0 {
            return Err(self.error(&format!("{text} outside {{{{range}}}}")));
        }
        Ok(Node::new(token.start(), kind))
    }

    fn else_control(&mut self) -> Result<(), Error> {
        // An `if` or `with` that follows stays pending: it is the next action.
        if !matches!(self.peek_non_space().kind, TokenKind::If | TokenKind::With) {
            self.expect(TokenKind::RightDelim, "else")?;
        }
        Ok(())
    }

    /// Parses what follows `if`, `with` or `range`, up to its `end`.
    fn control(&mut self, control: Control) -> Result<Node, Error> {
        self.check_stack()?;
        let outside = self.file.scope.mark();
        let pipe = self.pipeline(control.keyword(), TokenKind::RightDelim)?;
        let inside = self.file.scope.mark();
        let in_range = usize::from(control == Control::Range);
        self.file.range_depth += in_range;
        let (body, ending) = self.item_list()?;
        self.file.range_depth -= in_range;
        self.file.scope.leave_branch(inside);
        let otherwise = if ending == Ending::Else { self.otherwise(control)? } else { Box::default() };
        self.file.scope.leave_control(outside);
        let position = pipe.position;
        let branch = Box::new(Branch { pipe, body, otherwise });
        let kind = match control {
            Control::If => NodeKind::If(branch),
            Control::With => NodeKind::With(branch),
            Control::Range => NodeKind::Range(branch),
        };
        Ok(Node { position, kind })
    }

    /// Parses what follows `else`. A further `if` or `with` shares the `end`.
    fn otherwise(&mut self, control: Control) -> Result<Box<[Node]>, Error> {
        let next = self.peek().kind;
        if (control, next) == (Control::If, TokenKind::If) || (control, next) == (Control::With, TokenKind::With) {
            self.next();
            return Ok(Box::new([self.control(control)?]));
        }
        let (nodes, ending) = self.item_list()?;
        match ending {
            Ending::End => Ok(nodes),
            Ending::Else => Err(self.error(&format!("expected end; found {}", ending.text()))),
        }
    }

    /// Parses what follows `block`: a definition that is used where it stands.
    fn block_control(&mut self) -> Result<Node, Error> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, TokenKind::RightDelim)?;
        let outer = std::mem::take(&mut self.file);
        let (root, ending) = self.item_list()?;
        if ending != Ending::End {
            self.file = outer;
            return Err(self.error(&format!("unexpected {} in {CONTEXT}", ending.text())));
        }
        self.define(Arc::clone(&name), root)?;
        self.file = outer;
        Ok(template_node(token, name, Some(pipe)))
    }

    fn template_control(&mut self) -> Result<Node, Error> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != TokenKind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, TokenKind::RightDelim)?);
        }
        Ok(template_node(token, name, pipe))
    }
}

fn template_node(token: Token, name: Arc<str>, pipe: Option<Pipe>) -> Node {
    Node::new(token.start(), NodeKind::Template(Box::new(Template { name, pipe })))
}
