//! Text with flags: padding, quoting and hexadecimal digits of strings.
//!
//! Counterpart of `fmt/format.go`.
//!
//! **Invariant:** widths count characters, not bytes, as in Go.

use crate::value::{is_print, quote, quote_rune, quote_to_ascii};

use super::super::lex::rune_at;
use super::Printer;

/// The flags, width and precision of a verb.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent flags of the format")]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`.
    pub(super) field_names: bool,
    /// `%#v`.
    pub(super) go_syntax: bool,
    /// Whether the value that was opened last is nil and has no closing brace.
    pub(super) closes_nil: bool,
}

impl Printer {
    /// Writes text padded to the width.
    pub(super) fn pad(&mut self, text: &[u8]) {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(count_runes(text));
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.fill(missing);
        } else {
            self.fill(missing);
            self.out.extend_from_slice(text);
        }
    }

    pub(super) fn fill(&mut self, count: usize) {
        let byte = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.extend(std::iter::repeat_n(byte, count));
    }

    /// Writes text cut to the precision and padded.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.pad(self.cut(text));
    }

    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else {
            return text;
        };
        let mut end = 0;
        for _ in 0..precision {
            match rune_at(text, end) {
                Some((_, width)) => end += width,
                None => break,
            }
        }
        text.get(..end).unwrap_or(text)
    }

    /// Writes a string by a verb; false if strings have no such verb.
    pub(super) fn string(&mut self, text: &[u8], verb: char) -> bool {
        match verb {
            'v' if self.flags.go_syntax => self.quoted(text),
            'v' | 's' => self.text(text),
            'x' => self.hexadecimal(text, *b"0123456789abcdefx"),
            'X' => self.hexadecimal(text, *b"0123456789ABCDEFX"),
            'q' => self.quoted(text),
            _ => return false,
        }
        true
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.cut(text);
        let quoted = match std::str::from_utf8(text) {
            Ok(text) if self.flags.sharp && can_backquote(text) => format!("`{text}`"),
            _ if self.flags.plus => quote_to_ascii(text),
            _ => quote(text),
        };
        self.pad(quoted.as_bytes());
    }

    fn hexadecimal(&mut self, text: &[u8], digits: [u8; 17]) {
        let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or(b'0');
        let prefix = [b'0', digit(16)];
        let text = text.get(..self.flags.precision.unwrap_or(text.len())).unwrap_or(text);
        let mut out = Vec::with_capacity(text.len() * 2 + 2);
        for (position, byte) in text.iter().enumerate() {
            if self.flags.space && position > 0 {
                out.push(b' ');
            }
            if self.flags.sharp && (position == 0 || self.flags.space) {
                out.extend_from_slice(&prefix);
            }
            out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        self.pad(&out);
    }

    /// Writes the character of a code.
    pub(super) fn character(&mut self, code: u64) {
        let character = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.pad(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Writes the character literal of a code.
    pub(super) fn quoted_character(&mut self, code: u64) {
        let quoted = quote_rune(i64::try_from(code).unwrap_or(-1), self.flags.plus);
        self.pad(quoted.as_bytes());
    }

    /// Writes a code as `U+0041`, with the character itself if sharp.
    pub(super) fn unicode(&mut self, code: u64) {
        let precision = self.flags.precision.unwrap_or(4).max(4);
        let digits = format!("{code:X}");
        let mut text = format!("U+{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
        if self.flags.sharp
            && let Some(character) = u32::try_from(code).ok().and_then(char::from_u32)
            && is_print(character)
        {
            text.push_str(" '");
            text.push(character);
            text.push('\'');
        }
        self.pad_without_zeros(text.as_bytes());
    }

    pub(super) fn pad_without_zeros(&mut self, text: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }
}

fn count_runes(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let (mut count, mut position) = (0, 0);
    while let Some((_, width)) = rune_at(text, position) {
        count += 1;
        position += width;
    }
    count
}

fn can_backquote(text: &str) -> bool {
    text.chars().all(|character| {
        let is_control = character < ' ' && character != '\t';
        !is_control && !matches!(character, '`' | '\x7f' | '\u{feff}' | char::REPLACEMENT_CHARACTER)
    })
}
