//! Single- and double-quoted scalars.
//!
//! **Invariant:** a scalar without escapes on one line is borrowed from the text.

use std::borrow::Cow;

use super::scalar::Fold;
use super::{Scanner, TokenKind};
use crate::goyaml::error::ReadError;

impl<'a> Scanner<'a> {
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<TokenKind<'a>, ReadError> {
        let quote = self.byte(0);
        self.advance(1);
        self.look(4)?;
        let text = match self.simple_quoted(quote) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.long_quoted(quote, single)?),
        };
        if !text.is_empty() {
            self.look(2)?;
        }
        self.advance(1);
        Ok(TokenKind::Scalar { text, plain: false })
    }

    /// The text up to the closing quote, if it needs no change. Leaves the scanner at that quote.
    fn simple_quoted(&mut self, quote: u8) -> Option<&'a str> {
        let start = self.pos;
        let mut at = start;
        loop {
            match self.bytes.get(at).copied()? {
                byte if byte == quote => break,
                b'\\' if quote == b'"' => return None,
                b'\n' | b'\r' => return None,
                0xC2 | 0xE2 if self.break_len(at) > 0 => return None,
                _ => at += 1,
            }
        }
        if quote == b'\'' && self.byte_at(at + 1) == quote {
            return None;
        }
        self.advance_to(at);
        Some(self.slice(start, at))
    }

    /// The text up to the closing quote, with escapes undone and lines folded.
    fn long_quoted(&mut self, quote: u8, single: bool) -> Result<String, ReadError> {
        let mut text = String::new();
        loop {
            self.look(4)?;
            if self.mark.column == 0 && self.document_indicator().is_some() {
                return Err(self.error("found unexpected document indicator"));
            }
            if self.byte(0) == 0 {
                return Err(self.error("found unexpected end of stream"));
            }
            let escaped_break = self.quoted_stretch(quote, single, &mut text)?;
            if !escaped_break && self.byte(0) == quote {
                return Ok(text);
            }
            self.quoted_space(escaped_break, &mut text)?;
        }
    }

    /// Reads up to white space or the closing quote. Gives true if an escaped line break ended it.
    fn quoted_stretch(&mut self, quote: u8, single: bool, text: &mut String) -> Result<bool, ReadError> {
        loop {
            let mut at = self.pos;
            while let Some(&byte) = self.bytes.get(at) {
                match byte {
                    b' ' | b'\t' | b'\n' | b'\r' => break,
                    b'\\' if !single => break,
                    byte if byte == quote => break,
                    0xC2 | 0xE2 if self.break_len(at) > 0 => break,
                    _ => at += 1,
                }
            }
            text.push_str(self.slice(self.pos, at));
            if at > self.pos {
                self.advance_to(at);
                self.look(2)?;
            }
            match self.byte(0) {
                b'\'' if single && self.byte(1) == b'\'' => {
                    text.push('\'');
                    self.advance(2);
                    self.look(2)?;
                }
                b'\\' if !single => {
                    if self.is_break(1) {
                        self.look(3)?;
                        self.advance(1);
                        self.take_break();
                        return Ok(true);
                    }
                    self.scan_escape(text)?;
                    self.look(2)?;
                }
                _ => return Ok(false),
            }
        }
    }

    /// Reads white space inside quotes. After an escaped line break all of it is dropped, but for further line breaks.
    fn quoted_space(&mut self, escaped_break: bool, text: &mut String) -> Result<(), ReadError> {
        let start = self.pos;
        let mut fold = Fold::default();
        if escaped_break {
            fold.leading = Some("");
        }
        loop {
            self.look(1)?;
            if self.is_blank(0) {
                self.advance(1);
            } else if self.is_break(0) {
                self.look(2)?;
                fold.push(self.take_break());
            } else {
                break;
            }
        }
        if fold.leading.is_none() {
            text.push_str(self.slice(start, self.pos));
        } else {
            fold.flush(text);
        }
        Ok(())
    }

    /// Reads an escape sequence.
    fn scan_escape(&mut self, text: &mut String) -> Result<(), ReadError> {
        let digits = match self.byte(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            other => {
                let character = simple_escape(other).ok_or_else(|| self.error("found unknown escape character"))?;
                text.push(character);
                self.advance(2);
                return Ok(());
            }
        };
        self.advance(2);
        self.look(digits)?;
        let mut code: u32 = 0;
        for offset in 0..digits {
            let digit = char::from(self.byte(offset)).to_digit(16);
            let digit = digit.ok_or_else(|| self.error("did not find expected hexdecimal number"))?;
            code = (code << 4) | digit;
        }
        let character =
            char::from_u32(code).ok_or_else(|| self.error("found invalid Unicode character escape code"))?;
        text.push(character);
        self.advance(digits);
        Ok(())
    }
}

/// The character that a backslash and this byte stand for.
fn simple_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'0' => '\0',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\u{B}',
        b'f' => '\u{C}',
        b'r' => '\r',
        b'e' => '\u{1B}',
        b' ' | b'"' | b'\'' | b'\\' => char::from(byte),
        b'N' => '\u{85}',
        b'_' => '\u{A0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}
