//! Scalars in all styles: plain, quoted, and in blocks.

use super::super::text::{ATOMS, number, word};
use super::{BREAKS, Writer};

const ESCAPES: &[&str] = &[
    "\\n",
    "\\t",
    "\\\\",
    "\\\"",
    "\\0",
    "\\x41",
    "\\u00e9",
    "\\U0001F600",
    "\\e",
    "\\a",
    "\\b",
    "\\v",
    "\\f",
    "\\r",
    "\\N",
    "\\_",
    "\\L",
    "\\P",
    "\\ ",
    "\\/",
    "\\\t",
    "\\\n  ",
    "\\\n\n ",
    "\\x7f",
    "\\x00",
    "\\ufeff",
];

const BAD_ESCAPES: &[&str] = &["\\q", "\\x4", "\\u12", "\\U00110000", "\\ud800", "\\'", "\\xzz", "\\"];

impl Writer<'_> {
    pub(super) fn scalar(&mut self, indent: usize) {
        match self.random.below(10) {
            0..=5 => self.put(ATOMS),
            6 => {
                let text = number(self.random);
                self.out.push_str(&text);
            }
            7 => {
                self.put_words(4);
                if self.one_in(3) {
                    self.line_break();
                    self.indent(indent + 2);
                    self.put_words(3);
                }
            }
            _ => self.quoted(indent, false),
        }
    }

    pub(super) fn quoted(&mut self, indent: usize, short: bool) {
        let double = self.one_in(2);
        let quote = if double { '"' } else { '\'' };
        self.out.push(quote);
        let pieces = self.random.below(if short { 3 } else { 7 });
        for _ in 0..pieces {
            match self.random.below(10) {
                0 if !short => {
                    self.line_break();
                    self.indent(indent + 2);
                }
                1 if double && self.odd(6) => self.put(BAD_ESCAPES),
                1 if double => self.put(ESCAPES),
                1 => self.out.push_str("''"),
                2 => self.out.push(' '),
                3 => self.put(&["  ", "\t", " \t", ":", ": ", "#", " #", ",", "---", "{", "]"]),
                4 => {
                    let atom = self.random.pick(ATOMS).replace(['"', '\'', '\\'], "");
                    self.out.push_str(&atom);
                }
                _ => {
                    let text = word(self.random);
                    self.out.push_str(&text);
                }
            }
        }
        if !self.odd(80) {
            self.out.push(quote);
        }
    }

    pub(super) fn block_scalar(&mut self, indent: usize) {
        self.put(&["|", ">"]);
        let mut inner = 2;
        match self.random.below(12) {
            0 | 1 => {
                inner = 1 + self.random.below(4);
                let chomp = self.random.pick(&["", "-", "+"]);
                let header = if self.one_in(2) { format!("{inner}{chomp}") } else { format!("{chomp}{inner}") };
                self.out.push_str(&header);
            }
            2 if self.wild => self.put(&["0", "10", "-+", "a", "-a", " a", "--", "# c", " #c", "9", "-9"]),
            3..=5 => self.out.push('-'),
            6 | 7 => self.out.push('+'),
            _ => {}
        }
        if self.odd(10) {
            self.gap();
            self.out.push_str("# c");
        }
        self.out.push('\n');
        if self.odd(10) {
            inner = self.random.below(5);
        }
        let lines = self.random.below(6);
        for _ in 0..lines {
            self.block_line(indent, inner);
        }
        if self.odd(20) {
            self.comment();
        }
    }

    fn block_line(&mut self, indent: usize, inner: usize) {
        match self.random.below(10) {
            0 | 1 if self.odd(4) => {
                let columns = self.random.below(indent + 5);
                self.out.extend(std::iter::repeat_n(' ', columns));
            }
            0 | 1 => {}
            2 => {
                let further = 1 + self.random.below(3);
                self.indent(indent + inner + further);
                self.put_words(2);
            }
            3 => {
                self.indent(indent + inner);
                self.out.push('\t');
                self.put_words(2);
            }
            4 if self.wild => {
                let columns = self.random.below(indent + 4);
                self.indent(columns);
                self.put(ATOMS);
            }
            _ => {
                self.indent(indent + inner);
                self.put_words(4);
            }
        }
        if self.odd(15) {
            self.put(BREAKS);
        } else {
            self.out.push('\n');
        }
    }
}
