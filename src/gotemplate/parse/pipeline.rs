//! Pipelines, commands and operands.
//!
//! **Invariant:** every command has an operand.

use std::borrow::Cow;

use super::super::error::Error;
use super::super::lex::{Token, TokenKind};
use super::super::limits::MAX_PARENTHESES;
use super::super::node::{At, Chain, Command, Node, NodeKind, NumberText, Pipe, Span, VariableFields};
use super::super::number::{Number, unquote};
use super::{Parser, take};
use crate::value::quote;

/// A variable that is declared or assigned: its name, and where it stands.
type Declared<'p> = (&'p [u8], Span);

impl<'p, H> Parser<'p, H> {
    /// Parses declarations and commands up to the end token, which is consumed.
    pub(super) fn pipeline(&mut self, context: &str, end: TokenKind) -> Result<Pipe, Error> {
        self.check_stack()?;
        let position = self.peek_non_space().start();
        let (names, assigns) = self.declarations(context)?;
        let height = self.commands.len();
        loop {
            let token = self.next_non_space();
            if token.kind == end {
                break;
            }
            if !starts_operand(token.kind) {
                return Err(self.unexpected(token, context));
            }
            self.backup();
            let command = self.command()?;
            self.commands.push(command);
        }
        let others = take(&mut self.commands, height + 1);
        let first = if self.commands.len() > height { self.commands.pop() } else { None };
        let Some(first) = first else {
            return Err(self.error(&format!("missing value for {context}")));
        };
        self.check_stages(&others)?;
        // Only now, as at run time: the names mean something else inside the commands.
        let scope = &mut self.file.scope;
        let mut variables = Vec::with_capacity(names.len());
        for (name, span) in names {
            variables.push(if assigns { scope.resolve(name, span) } else { scope.declare(name, span) });
        }
        Ok(Pipe { position: position as u32, variables: variables.into(), assigns, first, others })
    }

    /// Parses `$x :=`, `$x =` or `$x, $y :=`, if the pipeline begins so.
    fn declarations(&mut self, context: &str) -> Result<(Vec<Declared<'p>>, bool), Error> {
        let mut names = Vec::new();
        loop {
            let variable = self.peek_non_space();
            if variable.kind != TokenKind::Variable {
                return Ok((names, false));
            }
            self.next();
            // Spaces are tokens, and those after an operand matter, so all must be given back.
            let after = self.peek();
            let next = self.peek_non_space();
            let is_comma = next.kind == TokenKind::Char && self.lexer.bytes(next) == b",";
            if matches!(next.kind, TokenKind::Assign | TokenKind::Declare) {
                self.next_non_space();
                self.announce(variable, &mut names);
                return Ok((names, next.kind == TokenKind::Assign));
            }
            if !is_comma {
                if after.kind == TokenKind::Space {
                    self.backup_three(variable, after);
                } else {
                    self.backup_two(variable);
                }
                // A first variable of two stays declared, as in Go.
                return Ok((names, false));
            }
            self.next_non_space();
            self.announce(variable, &mut names);
            if context != "range" || names.len() >= 2 {
                return Err(self.error(&format!("too many declarations in {context}")));
            }
            if !matches!(
                self.peek_non_space().kind,
                TokenKind::Variable | TokenKind::RightDelim | TokenKind::RightParen
            ) {
                return Err(self.error("range can only initialize variables"));
            }
        }
    }

    fn announce(&mut self, variable: Token, names: &mut Vec<Declared<'p>>) {
        let name = self.lexer.bytes(variable);
        self.file.scope.announce(name);
        names.push((name, Span::new(variable.start(), variable.end())));
    }

    /// Checks the commands after the first, which are given a value.
    fn check_stages(&self, commands: &[Command]) -> Result<(), Error> {
        for (position, command) in commands.iter().enumerate() {
            let first = command.operands.first().map(|operand| &operand.kind);
            if first.is_some_and(is_literal) {
                let stage = position + 2;
                return Err(self.error(&format!("non executable command in pipeline stage {stage}")));
            }
        }
        Ok(())
    }

    /// Parses operands up to a pipe sign, which is consumed, or the end of the pipeline, which is not.
    fn command(&mut self) -> Result<Command, Error> {
        let position = self.peek_non_space().start();
        let height = self.nodes.len();
        let mut is_conditional = false;
        loop {
            if let Some(operand) = self.operand()? {
                if self.nodes.len() == height && self.may_skip_operands(&operand) {
                    is_conditional = true;
                    self.file.scope.enter_conditional();
                }
                self.nodes.push(operand);
            }
            let token = self.next();
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::RightDelim | TokenKind::RightParen => self.backup(),
                TokenKind::Pipe => {}
                _ => return Err(self.unexpected(token, "operand")),
            }
            break;
        }
        if is_conditional {
            self.file.scope.leave_conditional();
        }
        let operands = take(&mut self.nodes, height);
        if operands.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command { position: position as u32, operands })
    }

    /// Parses a term and the fields chained to it; nothing if there is no term.
    fn operand(&mut self) -> Result<Option<Node>, Error> {
        let height = self.fields.len();
        let Some(mut node) = self.term()? else {
            return Ok(None);
        };
        let next = self.peek();
        let is_chained = next.kind == TokenKind::Field;
        if is_chained {
            while self.peek().kind == TokenKind::Field {
                let token = self.next();
                self.fields.push(field_name(token));
            }
        }
        if is_chained && is_literal(&node.kind) {
            // Only now, because an error names the line of the token that was seen last.
            let text = quote(At::Node(&node).print(&self.source));
            return Err(self.error(&format!("unexpected . after term {text}")));
        }
        let chained = take(&mut self.fields, height);
        if is_chained && matches!(node.kind, NodeKind::Field(_) | NodeKind::Variable(_)) {
            // Go makes a new node where the chain begins.
            node.position = next.start() as u32;
        }
        match &mut node.kind {
            NodeKind::Field(fields) => *fields = chained,
            NodeKind::Variable(variable) => variable.fields = chained,
            _ if is_chained => {
                let kind = NodeKind::Chain(Box::new(Chain { node, fields: chained }));
                return Ok(Some(Node::new(next.start(), kind)));
            }
            _ => {}
        }
        Ok(Some(node))
    }

    /// Parses a term. The name of a field goes on top of the fields, where [`Parser::operand`] takes it from.
    fn term(&mut self) -> Result<Option<Node>, Error> {
        let token = self.next_non_space();
        let bytes = self.lexer.bytes(token);
        let span = Span::new(token.start(), token.end());
        let kind = match token.kind {
            TokenKind::Identifier => self.identifier(token)?,
            TokenKind::Dot => NodeKind::Dot,
            TokenKind::Nil => NodeKind::Nil,
            TokenKind::Variable => {
                if !self.file.scope.knows(bytes) {
                    let name = String::from_utf8_lossy(bytes);
                    return Err(self.error(&format!("undefined variable {}", quote(&*name))));
                }
                let variable = self.file.scope.resolve(bytes, span);
                NodeKind::Variable(Box::new(VariableFields { variable, fields: Box::default() }))
            }
            TokenKind::Field => {
                self.fields.push(field_name(token));
                NodeKind::Field(Box::default())
            }
            TokenKind::Bool => NodeKind::Bool(bytes == b"true"),
            TokenKind::CharConstant | TokenKind::Complex | TokenKind::Number => {
                let number = Number::parse(bytes, token.kind).map_err(|message| self.error(&message))?;
                NodeKind::Number(Box::new(NumberText { text: span, number }))
            }
            TokenKind::LeftParen => {
                if self.file.parentheses >= MAX_PARENTHESES {
                    return Err(self.error("max expression depth exceeded"));
                }
                self.file.parentheses += 1;
                let pipe = self.pipeline("parenthesized pipeline", TokenKind::RightParen)?;
                self.file.parentheses -= 1;
                NodeKind::Pipe(Box::new(pipe))
            }
            TokenKind::String | TokenKind::RawString => {
                let text = unquote(bytes).ok_or_else(|| self.error("invalid syntax"))?;
                let unquoted = match text {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(text) => Some(text.into_boxed_slice()),
                };
                NodeKind::String { end: token.end() as u32, unquoted }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Node::new(token.start(), kind)))
    }

    fn identifier(&self, token: Token) -> Result<NodeKind, Error> {
        let name = self.lexer.bytes(token);
        let Some(function) = self.functions.slot(name) else {
            let name = String::from_utf8_lossy(name);
            return Err(self.error(&format!("function {} not defined", quote(&*name))));
        };
        Ok(NodeKind::Identifier { end: token.end() as u32, function: function as u32 })
    }

    fn may_skip_operands(&self, operand: &Node) -> bool {
        let NodeKind::Identifier { function, .. } = operand.kind else { return false };
        self.functions.get(function as usize).is_some_and(|function| matches!(function.name, "and" | "or"))
    }
}

/// The place of a field's name, without the point.
fn field_name(token: Token) -> Span {
    Span::new(token.start() + 1, token.end())
}

fn starts_operand(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(
        kind,
        T::Bool
            | T::CharConstant
            | T::Complex
            | T::Dot
            | T::Field
            | T::Identifier
            | T::Number
            | T::Nil
            | T::RawString
            | T::String
            | T::Variable
            | T::LeftParen
    )
}

fn is_literal(kind: &NodeKind) -> bool {
    use NodeKind as N;
    matches!(kind, N::Bool(_) | N::Dot | N::Nil | N::Number(_) | N::String { .. })
}
