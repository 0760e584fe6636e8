//! Literal and folded block scalars.
//!
//! **Invariant:** a scalar that ends with the text, without a line break, gets none.

use std::borrow::Cow;

use super::{Scanner, TokenKind};
use crate::goyaml::error::ReadError;

/// What happens to the line breaks at the end.
#[derive(Clone, Copy, PartialEq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl<'a> Scanner<'a> {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<TokenKind<'a>, ReadError> {
        self.advance(1);
        let (chomp, increment) = self.scan_block_header()?;
        self.skip_rest_of_line()?;
        let mut indent = increment.map_or(0, |increment| self.indent.max(0) as usize + increment);

        let mut text = String::new();
        let mut leading_break = "";
        let mut leading_blank = false;
        let mut breaks = String::new();
        self.scan_block_breaks(&mut indent, &mut breaks)?;
        while self.mark.column == indent && self.pos < self.bytes.len() {
            let blank = self.is_blank(0);
            if !literal && leading_break == "\n" && !leading_blank && !blank {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(leading_break);
            }
            text.push_str(&breaks);
            breaks.clear();
            leading_blank = blank;

            let end = self.line_end();
            text.push_str(self.slice(self.pos, end));
            self.advance_to(end);
            self.look(2)?;
            leading_break = self.take_break();
            self.scan_block_breaks(&mut indent, &mut breaks)?;
        }
        if chomp != Chomp::Strip {
            text.push_str(leading_break);
        }
        if chomp == Chomp::Keep {
            text.push_str(&breaks);
        }
        Ok(TokenKind::Scalar { text: Cow::Owned(text), plain: false })
    }

    /// Reads the indicators after `|` or `>`, in either order.
    fn scan_block_header(&mut self) -> Result<(Chomp, Option<usize>), ReadError> {
        self.look(1)?;
        let mut chomp = self.scan_chomp();
        self.look(1)?;
        let mut increment = None;
        if self.byte(0).is_ascii_digit() {
            if self.byte(0) == b'0' {
                return Err(self.error("found an indentation indicator equal to 0"));
            }
            increment = Some(usize::from(self.byte(0) - b'0'));
            self.advance(1);
            self.look(1)?;
            if chomp.is_none() {
                chomp = self.scan_chomp();
            }
        }
        Ok((chomp.unwrap_or(Chomp::Clip), increment))
    }

    fn scan_chomp(&mut self) -> Option<Chomp> {
        let chomp = match self.byte(0) {
            b'+' => Chomp::Keep,
            b'-' => Chomp::Strip,
            _ => return None,
        };
        self.advance(1);
        Some(chomp)
    }

    /// Skips white space and a comment, and the line break after them.
    pub(super) fn skip_rest_of_line(&mut self) -> Result<(), ReadError> {
        self.skip_blanks()?;
        if self.byte(0) == b'#' {
            self.advance_to(self.line_end());
            self.look(1)?;
        }
        if !self.is_break_or_end(0) {
            return Err(self.error("did not find expected comment or line break"));
        }
        if self.is_break(0) {
            self.look(2)?;
            self.take_break();
        }
        Ok(())
    }

    /// Skips indentation and empty lines, and finds the indentation if it is not known yet.
    fn scan_block_breaks(&mut self, indent: &mut usize, breaks: &mut String) -> Result<(), ReadError> {
        let mut widest = 0;
        loop {
            while (*indent == 0 || self.mark.column < *indent) && self.byte(0) == b' ' {
                self.advance(1);
            }
            self.look(1)?;
            widest = widest.max(self.mark.column);
            if (*indent == 0 || self.mark.column < *indent) && self.byte(0) == b'\t' {
                return Err(self.error("found a tab character where an indentation space is expected"));
            }
            if !self.is_break(0) {
                break;
            }
            self.look(2)?;
            breaks.push_str(self.take_break());
        }
        if *indent == 0 {
            *indent = widest.max((self.indent + 1).max(1) as usize);
        }
        Ok(())
    }
}
