//! Scalars in their styles: plain, single- and double-quoted, literal.
//!
//! **Invariant:** a scalar is broken only at a space that is no neighbour of another one, or in double quotes, where a backslash keeps it.

use super::Emitter;
use super::analysis::{analyze, is_break, is_printable};
use crate::goyaml::resolve::{Resolved, is_base60, old_bool, resolve};

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ScalarStyle {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

impl Emitter {
    /// Writes a string so that it reads back as one.
    pub(super) fn text(&mut self, text: &str, indent: usize, simple_key: bool) {
        let wanted = if text.contains('\n') {
            ScalarStyle::Literal
        } else if self.is_string(text) {
            ScalarStyle::Plain
        } else {
            ScalarStyle::DoubleQuoted
        };
        self.write_scalar(text, wanted, indent, simple_key);
    }

    /// Writes base64 with its tag.
    pub(super) fn binary(&mut self, text: &str, indent: usize, simple_key: bool) {
        self.write_indicator("!!binary", true, false, false);
        let wanted = if text.contains('\n') { ScalarStyle::Literal } else { ScalarStyle::Plain };
        self.write_scalar(text, wanted, indent, simple_key);
    }

    /// Whether the text is a string even without quotes.
    fn is_string(&self, text: &str) -> bool {
        let resolved = resolve(text, self.style.dialect);
        resolved == Resolved::String && !is_base60(text) && !(self.style.quote_old_bools && old_bool(text).is_some())
    }

    fn write_scalar(&mut self, text: &str, wanted: ScalarStyle, indent: usize, simple_key: bool) {
        let analysis = analyze(text, self.style.literal_tabs);
        let mut style = wanted;
        if simple_key && analysis.multiline {
            style = ScalarStyle::DoubleQuoted;
        }
        if style == ScalarStyle::Plain && !analysis.plain {
            style = ScalarStyle::SingleQuoted;
        }
        if style == ScalarStyle::SingleQuoted && !analysis.single_quoted
            || style == ScalarStyle::Literal && (!analysis.literal || simple_key)
        {
            style = ScalarStyle::DoubleQuoted;
        }
        let may_break = !simple_key;
        match style {
            ScalarStyle::Plain => self.write_plain(text, indent, may_break),
            ScalarStyle::SingleQuoted => self.write_single_quoted(text, indent, may_break),
            ScalarStyle::DoubleQuoted => self.write_double_quoted(text, indent, may_break),
            ScalarStyle::Literal => self.write_literal(text, indent),
        }
    }

    /// Whether a text ends before the column where scalars are broken, whatever the indentation and quotes.
    fn fits(&self, text: &str) -> bool {
        text.len() < self.style.width.saturating_sub(self.column)
    }

    fn write_plain(&mut self, text: &str, indent: usize, may_break: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        if !may_break || self.fits(text) {
            self.out.push_str(text);
            self.column += text.chars().count();
        } else {
            self.write_breaking(text, indent, false);
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn write_single_quoted(&mut self, text: &str, indent: usize, may_break: bool) {
        self.write_indicator("'", true, false, false);
        if may_break {
            self.write_breaking(text, indent, true);
        } else {
            for character in text.chars() {
                if character == '\'' {
                    self.put('\'');
                }
                self.put(character);
            }
        }
        self.write_indicator("'", false, false, false);
    }

    /// Writes a text that may be broken at spaces, and that may hold line breaks if it is quoted.
    fn write_breaking(&mut self, text: &str, indent: usize, quoted: bool) {
        let (mut after_space, mut after_break) = (false, false);
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == ' ' {
                let next = characters.peek().map(|(_, next)| *next);
                let at_edge = quoted && (at == 0 || next.is_none());
                if !after_space && self.column > self.style.width && !at_edge && next != Some(' ') {
                    self.write_indent(indent);
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else if is_break(character) {
                if !after_break && character == '\n' {
                    self.put_break();
                }
                self.write_break(character);
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.write_indent(indent);
                }
                if quoted && character == '\'' {
                    self.put('\'');
                }
                self.put(character);
                self.indention = false;
                (after_space, after_break) = (false, false);
            }
        }
    }

    fn write_break(&mut self, character: char) {
        self.out.push(character);
        self.column = 0;
    }

    fn write_double_quoted(&mut self, text: &str, indent: usize, may_break: bool) {
        self.write_indicator("\"", true, false, false);
        // go-yaml looks for a byte order mark at the start of the text only, and then escapes everything.
        let escape_all = text.starts_with('\u{FEFF}');
        let mut after_space = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let escape = escape_all || !is_printable(character) || is_break(character);
            if escape || matches!(character, '"' | '\\') {
                self.write_escape(character);
                after_space = false;
            } else if character == ' ' {
                let next = characters.peek().map(|(_, next)| *next);
                if may_break && !after_space && self.column > self.style.width && at > 0 && next.is_some() {
                    self.write_indent(indent);
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(character);
                after_space = false;
            }
        }
        self.write_indicator("\"", false, false, false);
    }

    fn write_escape(&mut self, character: char) {
        let short = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{B}' => 'v',
            '\u{C}' => 'f',
            '\r' => 'r',
            '\u{1B}' => 'e',
            '"' | '\\' => character,
            '\u{85}' => 'N',
            '\u{A0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(character);
                let escape = match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                self.out.push_str(&escape);
                self.column += escape.len();
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn write_literal(&mut self, text: &str, indent: usize) {
        self.write_indicator("|", true, false, false);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            self.write_indicator("2", false, false, false);
        }
        let mut ends = text.chars().rev();
        match (ends.next().is_some_and(is_break), ends.next().is_none_or(is_break)) {
            (false, _) => self.write_indicator("-", false, false, false),
            (true, true) => self.write_indicator("+", false, false, false),
            (true, false) => {}
        }
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        for line in text.split_inclusive(is_break) {
            let content = line.trim_end_matches(is_break);
            if !content.is_empty() {
                self.write_indent(indent);
                self.out.push_str(content);
                self.column += content.chars().count();
                self.indention = false;
            }
            if let Some(line_break) = line.get(content.len()..).and_then(|end| end.chars().next()) {
                self.write_break(line_break);
                self.indention = true;
            }
        }
    }
}
