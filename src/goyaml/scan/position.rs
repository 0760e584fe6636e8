//! Where the scanner is, and what stands there.
//!
//! **Invariant:** a column counts characters, never bytes.

use super::Scanner;
use crate::goyaml::error::ReadError;

/// A line and a column, both counted from zero.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// How a line break reads: every kind becomes `\n`, but for the Unicode separators.
pub(super) fn break_text(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xE2, 0x80, 0xA8] => "\u{2028}",
        [0xE2, 0x80, 0xA9] => "\u{2029}",
        _ => "\n",
    }
}

/// The number of characters in UTF-8 bytes.
pub(super) fn char_count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

impl<'a> Scanner<'a> {
    /// The byte at a distance from here; NUL past the end.
    pub(super) fn byte(&self, offset: usize) -> u8 {
        self.byte_at(self.pos + offset)
    }

    /// The byte at a position; NUL past the end.
    pub(super) fn byte_at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The text between two positions.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// How long the line break at a position is; zero if there is none.
    pub(super) fn break_len(&self, at: usize) -> usize {
        match self.byte_at(at) {
            b'\n' => 1,
            b'\r' => 1 + usize::from(self.byte_at(at + 1) == b'\n'),
            0xC2 if self.byte_at(at + 1) == 0x85 => 2,
            0xE2 if self.byte_at(at + 1) == 0x80 && matches!(self.byte_at(at + 2), 0xA8 | 0xA9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self, offset: usize) -> bool {
        self.break_len(self.pos + offset) > 0
    }

    pub(super) fn is_blank(&self, offset: usize) -> bool {
        matches!(self.byte(offset), b' ' | b'\t')
    }

    pub(super) fn is_break_or_end(&self, offset: usize) -> bool {
        self.byte(offset) == 0 || self.is_break(offset)
    }

    /// Whether a space, a tab, a line break or the end stands there.
    pub(super) fn is_blank_or_end(&self, offset: usize) -> bool {
        self.is_blank(offset) || self.is_break_or_end(offset)
    }

    /// Steps over bytes that are a character each.
    pub(super) fn advance(&mut self, count: usize) {
        self.pos += count;
        self.mark.column += count;
    }

    /// Steps to a position on the same line.
    pub(super) fn advance_to(&mut self, end: usize) {
        self.mark.column += char_count(self.bytes.get(self.pos..end).unwrap_or_default());
        self.pos = end;
    }

    /// Steps over the line break here, if there is one, and gives what it reads as.
    pub(super) fn take_break(&mut self) -> &'static str {
        let len = self.break_len(self.pos);
        if len == 0 {
            return "";
        }
        let text = break_text(self.bytes.get(self.pos..self.pos + len).unwrap_or_default());
        self.pos += len;
        self.mark.column = 0;
        self.mark.line += 1;
        text
    }

    /// The position where the line ends.
    pub(super) fn line_end(&self) -> usize {
        let mut at = self.pos;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\n' | b'\r' => break,
                0xC2 | 0xE2 if self.break_len(at) > 0 => break,
                _ => at += 1,
            }
        }
        at
    }

    /// Skips spaces, comments and empty lines.
    pub(super) fn skip_to_token(&mut self) -> Result<(), ReadError> {
        loop {
            self.skip_for_mark()?;
            let takes_tabs = self.flow_level > 0 || !self.simple_key_allowed;
            let rest = self.bytes.get(self.pos..).unwrap_or_default();
            self.advance(rest.iter().take_while(|byte| **byte == b' ' || (**byte == b'\t' && takes_tabs)).count());
            self.look(1)?;
            if self.byte(0) == b'#' {
                self.advance_to(self.line_end());
                self.look(1)?;
            }
            if !self.is_break(0) {
                return Ok(());
            }
            self.look(2)?;
            self.take_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// Skips a character at the start of a line, whatever it is, if go-yaml takes it for a byte order mark.
    fn skip_for_mark(&mut self) -> Result<(), ReadError> {
        if self.buffer.is_none() {
            return Ok(());
        }
        self.look(1)?;
        let has_mark = self.buffer.as_ref().is_some_and(|buffer| buffer.begins_with_mark(self.text));
        if has_mark && self.mark.column == 0 {
            let width = self.text.get(self.pos..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            self.pos += width;
            self.mark.column += 1;
        }
        Ok(())
    }

    /// Fails if there are fewer characters left, because of a fault in the input: go-yaml reads ahead before it looks, and so comes
    /// upon the fault first.
    pub(super) fn look(&mut self, count: usize) -> Result<(), ReadError> {
        const LONGEST_CHAR: usize = 4;
        if let Some(buffer) = &mut self.buffer {
            buffer.look(self.text, self.pos, count);
        }
        let Some(fault) = self.fault else { return Ok(()) };
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        if rest.len() >= count * LONGEST_CHAR || char_count(rest) >= count {
            return Ok(());
        }
        Err(ReadError::input(fault))
    }

    /// An error at this place.
    pub(super) fn error(&self, problem: impl Into<std::borrow::Cow<'static, str>>) -> ReadError {
        ReadError::scanner(self.mark.line, problem)
    }
}
