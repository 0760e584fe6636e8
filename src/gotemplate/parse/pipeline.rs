//! Pipelines, commands and operands.
//!
//! **Invariant:** every command has an operand.

use super::super::error::Error;
use super::super::lex::{Token, TokenKind};
use super::super::limits::MAX_PARENTHESES;
use super::super::node::{At, Command, Node, NodeKind, Pipe};
use super::super::number::{Number, unquote};
use super::Parser;
use crate::value::quote;

impl<H> Parser<'_, H> {
    /// Parses declarations and commands up to the end token, which is consumed.
    pub(super) fn pipeline(&mut self, context: &str, end: TokenKind) -> Result<Pipe, Error> {
        self.check_stack()?;
        let position = self.peek_non_space().start;
        let (names, assigns) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            let token = self.next_non_space();
            if token.kind == end {
                break;
            }
            if !starts_operand(token.kind) {
                return Err(self.unexpected(token, context));
            }
            self.backup();
            commands.push(self.command()?);
        }
        self.check_pipeline(&commands, context)?;
        // Only now, as at run time: the names mean something else inside the commands.
        let scope = &mut self.file.scope;
        let variables =
            names.iter().map(|name| if assigns { scope.resolve(name) } else { scope.declare(name) }).collect();
        Ok(Pipe { position, variables, assigns, commands })
    }

    /// Parses `$x :=`, `$x =` or `$x, $y :=`, if the pipeline begins so.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool), Error> {
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

    fn announce(&mut self, variable: Token, names: &mut Vec<String>) {
        let name = String::from_utf8_lossy(self.lexer.bytes(variable)).into_owned();
        self.file.scope.announce(&name);
        names.push(name);
    }

    fn check_pipeline(&self, commands: &[Command], context: &str) -> Result<(), Error> {
        if commands.is_empty() {
            return Err(self.error(&format!("missing value for {context}")));
        }
        for (position, command) in commands.iter().enumerate().skip(1) {
            let first = command.operands.first().map(|operand| &operand.kind);
            if first.is_some_and(is_literal) {
                let stage = position + 1;
                return Err(self.error(&format!("non executable command in pipeline stage {stage}")));
            }
        }
        Ok(())
    }

    /// Parses operands up to a pipe sign, which is consumed, or the end of the pipeline, which is not.
    fn command(&mut self) -> Result<Command, Error> {
        let position = self.peek_non_space().start;
        let mut operands: Vec<Node> = Vec::new();
        let mut is_conditional = false;
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                if operands.is_empty() && may_skip_operands(&operand) {
                    is_conditional = true;
                    self.file.scope.enter_conditional();
                }
                operands.push(operand);
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
        if operands.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command { position, operands })
    }

    /// Parses a term and the fields chained to it; nothing if there is no term.
    fn operand(&mut self) -> Result<Option<Node>, Error> {
        let Some(mut node) = self.term()? else {
            return Ok(None);
        };
        let next = self.peek();
        if next.kind != TokenKind::Field {
            return Ok(Some(node));
        }
        if is_literal(&node.kind) {
            let text = quote(At::Node(&node).print(&self.source));
            return Err(self.error(&format!("unexpected . after term {text}")));
        }
        let mut chained = Vec::new();
        while self.peek().kind == TokenKind::Field {
            let token = self.next();
            chained.push(self.field_name(token));
        }
        match &mut node.kind {
            NodeKind::Field(fields) | NodeKind::Variable { fields, .. } => {
                fields.append(&mut chained);
                // Go makes a new node where the chain begins.
                node.position = next.start;
                Ok(Some(node))
            }
            _ => {
                let kind = NodeKind::Chain { node: Box::new(node), fields: chained };
                Ok(Some(Node { position: next.start, kind }))
            }
        }
    }

    fn field_name(&self, token: Token) -> Box<str> {
        let text = String::from_utf8_lossy(self.lexer.bytes(token));
        Box::from(text.strip_prefix('.').unwrap_or(&text))
    }

    fn term(&mut self) -> Result<Option<Node>, Error> {
        let token = self.next_non_space();
        let bytes = self.lexer.bytes(token);
        let kind = match token.kind {
            TokenKind::Identifier => {
                let name = String::from_utf8_lossy(bytes);
                let Some(function) = self.functions.slot(&name) else {
                    return Err(self.error(&format!("function {} not defined", quote(&*name))));
                };
                NodeKind::Identifier { name: Box::from(name), function }
            }
            TokenKind::Dot => NodeKind::Dot,
            TokenKind::Nil => NodeKind::Nil,
            TokenKind::Variable => {
                let name = String::from_utf8_lossy(bytes);
                if !self.file.scope.knows(&name) {
                    return Err(self.error(&format!("undefined variable {}", quote(&*name))));
                }
                NodeKind::Variable { variable: self.file.scope.resolve(&name), fields: Vec::new() }
            }
            TokenKind::Field => NodeKind::Field(vec![self.field_name(token)]),
            TokenKind::Bool => NodeKind::Bool(bytes == b"true"),
            TokenKind::CharConstant | TokenKind::Complex | TokenKind::Number => {
                let number = Number::parse(bytes, token.kind).map_err(|message| self.error(&message))?;
                NodeKind::Number { text: token.start..token.end, number }
            }
            TokenKind::LeftParen => {
                if self.file.parentheses >= MAX_PARENTHESES {
                    return Err(self.error("max expression depth exceeded"));
                }
                self.file.parentheses += 1;
                let pipe = self.pipeline("parenthesized pipeline", TokenKind::RightParen)?;
                self.file.parentheses -= 1;
                NodeKind::Pipe(pipe)
            }
            TokenKind::String | TokenKind::RawString => {
                let text = unquote(bytes).ok_or_else(|| self.error("invalid syntax"))?;
                NodeKind::String { quoted: token.start..token.end, text: Box::from(text) }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Node { position: token.start, kind }))
    }
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
    matches!(kind, N::Bool(_) | N::Dot | N::Nil | N::Number { .. } | N::String { .. })
}

fn may_skip_operands(operand: &Node) -> bool {
    matches!(&operand.kind, NodeKind::Identifier { name, .. } if matches!(&**name, "and" | "or"))
}
