//! Plain scalars, and the folding of lines that they share with quoted ones.
//!
//! **Invariant:** a scalar on one line is borrowed from the text.

use std::borrow::Cow;

use super::{Scanner, TokenKind};
use crate::goyaml::error::ReadError;

/// White space between two stretches of a scalar that spans lines.
#[derive(Default)]
pub(super) struct Fold {
    /// The first line break, if there was one.
    pub(super) leading: Option<&'static str>,
    /// The further line breaks.
    pub(super) trailing: String,
}

impl Fold {
    /// Notes a line break.
    pub(super) fn push(&mut self, line_break: &'static str) {
        if self.leading.is_none() {
            self.leading = Some(line_break);
        } else {
            self.trailing.push_str(line_break);
        }
    }

    /// Writes the white space as it reads, and starts anew: one line break is a space, more are one fewer.
    pub(super) fn flush(&mut self, text: &mut String) {
        match self.leading.take() {
            Some("\n") if self.trailing.is_empty() => text.push(' '),
            Some("\n") | None => text.push_str(&self.trailing),
            Some(separator) => {
                text.push_str(separator);
                text.push_str(&self.trailing);
            }
        }
        self.trailing.clear();
    }
}

/// Bytes that are part of a plain scalar wherever they stand in it, but for its start; NUL, which stands for the end of the text, is none.
const ORDINARY: [bool; 256] = {
    let mut ordinary = [true; 256];
    let special = b"\0 \t\n\r:#,?[]{}\xC2\xE2";
    let mut at = 0;
    while at < special.len() {
        ordinary[special[at] as usize] = false;
        at += 1;
    }
    ordinary
};

fn is_ordinary(byte: u8) -> bool {
    ORDINARY.get(usize::from(byte)).copied().unwrap_or_default()
}

impl<'a> Scanner<'a> {
    /// Steps over a stretch of a plain scalar, which ends before white space, `: `, or an indicator of flow collections. A space between
    /// two words is part of it, unless the words around it need a closer look.
    fn skip_stretch(&mut self) {
        let in_flow = self.flow_level > 0;
        // Where go-yaml's reading ahead matters, it matters at every space.
        let takes_spaces = self.fault.is_none() && self.buffer.is_none();
        let (mut at, mut columns) = (self.pos, 0);
        while let Some(&byte) = self.bytes.get(at) {
            if is_ordinary(byte) {
                // Bytes that continue a character have no column of their own.
                columns += usize::from(byte & 0xC0 != 0x80);
                at += 1;
                continue;
            }
            match byte {
                b' ' if takes_spaces && is_ordinary(self.byte_at(at + 1)) => {}
                b' ' | b'\t' | b'\n' | b'\r' => break,
                b':' if self.is_blank_or_end(at + 1 - self.pos) => break,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if in_flow => break,
                0xC2 | 0xE2 if self.break_len(at) > 0 => break,
                _ => {}
            }
            columns += 1;
            at += 1;
        }
        self.pos = at;
        self.mark.column += columns;
    }

    pub(super) fn scan_plain(&mut self) -> Result<TokenKind<'a>, ReadError> {
        let start = self.pos;
        let mut end = start;
        let mut owned: Option<String> = None;
        let mut fold = Fold::default();
        loop {
            self.look(4)?;
            let at_indicator = self.mark.column == 0 && self.document_indicator().is_some();
            if at_indicator || self.byte(0) == b'#' {
                break;
            }
            let stretch_start = self.pos;
            self.skip_stretch();
            if self.pos > stretch_start {
                if fold.leading.is_some() {
                    let text = owned.get_or_insert_with(|| self.slice(start, end).to_owned());
                    fold.flush(text);
                } else if let Some(text) = &mut owned {
                    text.push_str(self.slice(end, stretch_start));
                }
                if let Some(text) = &mut owned {
                    text.push_str(self.slice(stretch_start, self.pos));
                }
                self.look(2)?;
                end = self.pos;
            }
            if !self.is_blank(0) && !self.is_break(0) {
                break;
            }
            self.skip_plain_space(&mut fold)?;
            if self.flow_level == 0 && (self.mark.column as isize) < self.indent + 1 {
                break;
            }
        }
        if fold.leading.is_some() {
            self.simple_key_allowed = true;
        }
        let text = owned.map_or_else(|| Cow::Borrowed(self.slice(start, end)), Cow::Owned);
        Ok(TokenKind::Scalar { text, plain: true })
    }

    /// Skips white space after a stretch, noting line breaks.
    fn skip_plain_space(&mut self, fold: &mut Fold) -> Result<(), ReadError> {
        loop {
            self.look(1)?;
            if self.is_blank(0) {
                let indented = self.mark.column as isize > self.indent;
                if fold.leading.is_some() && !indented && self.byte(0) == b'\t' {
                    return Err(self.error("found a tab character that violates indentation"));
                }
                self.advance(1);
            } else if self.is_break(0) {
                self.look(2)?;
                fold.push(self.take_break());
            } else {
                return Ok(());
            }
        }
    }
}
