//! The emitter: a tree into YAML text, block style throughout.
//!
//! Counterpart: `encode.go` and `emitterc.go` of go-yaml v2.4 and v3.0, walking a tree instead of a queue of events.
//!
//! **Invariant:** the text reads back as the same tree.

mod analysis;
mod scalar;

use std::borrow::Cow;

use super::style::Style;

/// A key with up to so many bytes is written without `?`.
const MAX_SIMPLE_KEY: usize = 128;
const INDENT: usize = 2;

/// What is written.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// A number, a boolean or null, in its final form.
    Plain(Cow<'a, str>),
    /// A string, quoted as needed.
    Text(Cow<'a, str>),
    /// Base64 of a string that is not UTF-8.
    Binary(String),
    /// A sequence.
    Sequence(Vec<Item<'a>>),
    /// A mapping, in the order to be written.
    Mapping(Vec<(Item<'a>, Item<'a>)>),
}

/// Writes a document.
pub(super) fn emit(item: &Item<'_>, style: Style) -> String {
    let mut emitter =
        Emitter { out: String::new(), column: 0, whitespace: true, indention: true, in_value: false, style };
    emitter.item(item, None);
    emitter.write_indent(0);
    emitter.out
}

/// Writes YAML, and remembers what stands left of the place where it writes.
struct Emitter {
    out: String,
    /// In characters.
    column: usize,
    /// Whether white space precedes.
    whitespace: bool,
    /// Whether only indentation and indicators that count as such precede on the line.
    indention: bool,
    /// Whether the next node is the value or the complex key of a mapping.
    in_value: bool,
    style: Style,
}

impl Emitter {
    /// Writes a node inside a collection of this indentation; `None` at the root.
    fn item(&mut self, item: &Item<'_>, indent: Option<usize>) {
        let in_value = std::mem::take(&mut self.in_value);
        let inner = indent.map_or(0, |indent| indent + INDENT);
        let scalar_indent = indent.unwrap_or(0) + INDENT;
        match item {
            Item::Plain(text) => self.write_word(text),
            Item::Text(text) => self.text(text, scalar_indent, false),
            Item::Binary(text) => self.binary(text, scalar_indent, false),
            Item::Sequence(items) if items.is_empty() => self.write_empty("[", "]"),
            Item::Mapping(entries) if entries.is_empty() => self.write_empty("{", "}"),
            Item::Sequence(items) => {
                let flush = self.style.flush_sequences && in_value && !self.indention;
                self.sequence(items, if flush { indent.unwrap_or(0) } else { inner });
            }
            Item::Mapping(entries) => self.mapping(entries, inner),
        }
    }

    fn sequence(&mut self, items: &[Item<'_>], indent: usize) {
        for item in items {
            self.write_indent(indent);
            self.write_indicator("-", true, false, true);
            self.item(item, Some(indent));
        }
    }

    fn mapping(&mut self, entries: &[(Item<'_>, Item<'_>)], indent: usize) {
        for (key, value) in entries {
            self.write_indent(indent);
            if is_simple_key(key) {
                self.simple_key(key, indent);
                self.write_indicator(":", false, false, false);
            } else {
                self.write_indicator("?", true, false, true);
                self.in_value = true;
                self.item(key, Some(indent));
                self.write_indent(indent);
                self.write_indicator(":", true, false, true);
            }
            self.in_value = true;
            self.item(value, Some(indent));
        }
    }

    fn simple_key(&mut self, key: &Item<'_>, indent: usize) {
        match key {
            Item::Text(text) => self.text(text, indent + INDENT, true),
            Item::Binary(text) => self.binary(text, indent + INDENT, true),
            _ => self.item(key, Some(indent)),
        }
    }

    fn write_empty(&mut self, open: &str, close: &str) {
        self.write_indicator(open, true, true, false);
        self.write_indicator(close, false, false, false);
    }

    /// Writes a word that needs no quotes and no breaking.
    fn write_word(&mut self, text: &str) {
        self.write_indicator(text, true, false, false);
    }

    fn write_indicator(&mut self, indicator: &str, need_whitespace: bool, is_whitespace: bool, is_indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(indicator);
        self.column += indicator.len();
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    /// Goes to the column of an indentation, on a new line if need be.
    fn write_indent(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        if self.column < indent {
            self.out.extend(std::iter::repeat_n(' ', indent - self.column));
            self.column = indent;
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }
}

/// Whether a key can stand before a `:` on one line.
fn is_simple_key(key: &Item<'_>) -> bool {
    match key {
        Item::Plain(text) => text.len() <= MAX_SIMPLE_KEY,
        Item::Text(text) => text.len() <= MAX_SIMPLE_KEY && !analysis::is_multiline(text),
        Item::Binary(text) => text.len() + "!!binary".len() <= MAX_SIMPLE_KEY && !analysis::is_multiline(text),
        Item::Sequence(items) => items.is_empty(),
        Item::Mapping(entries) => entries.is_empty(),
    }
}
