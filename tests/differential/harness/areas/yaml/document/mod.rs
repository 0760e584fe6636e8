//! Streams of documents by the grammar of YAML, a little out of bounds here and there.

mod scalar;

use super::text::{ATOMS, number, word, words};
use crate::harness::random::Random;

const TAGS: &[&str] = &[
    "!!str",
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!binary",
    "!!timestamp",
    "!!map",
    "!!seq",
    "!!merge",
    "!!set",
    "!!omap",
    "!foo",
    "!",
    "!<tag:yaml.org,2002:str>",
    "!<!x>",
    "!e!x",
    "!!foo",
    "!<tag:yaml.org,2002:int>",
    "!%41",
    "!a%c3%a9",
    "!<x",
    "!!value",
    "!e!%zz",
    "!!str,",
    "!a]",
];

const BREAKS: &[&str] = &[
    "\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n\n", "\r\n", "\r", "\u{85}", "\u{2028}",
    "\u{2029}", "\n\n\n", " \n", "\t\n",
];

const DIRECTIVES: &[&str] = &[
    "%YAML 1.1",
    "%YAML 1.2",
    "%YAML 1.10",
    "%TAG !e! tag:e.com,2000:",
    "%TAG ! !x",
    "%TAG !! tag:yaml.org,2002:",
    "%FOO x",
    "%YAML 1.1 # c",
    "%YAML",
    "%TAG !e !e",
    "%YAML 1.1\n%YAML 1.1",
    "%TAG !e! a\n%TAG !e! b",
];

const KEYS: &[&str] =
    &["a", "b", "c", "name", "image", "x-y", "a1", "a10", "a2", "A", "_", "key", "é", "1", "true", "null", "1.5"];

/// A stream of documents. `wild` puts odd things everywhere.
pub(super) fn stream(random: &mut Random, wild: bool) -> String {
    let mut writer = Writer { random, out: String::new(), anchors: 0, wild, budget: 0 };
    if writer.odd(40) {
        writer.out.push('\u{feff}');
    }
    let documents = if writer.one_in(6) { 1 + writer.random.below(3) } else { 1 };
    for position in 0..documents {
        writer.document(position == 0);
    }
    if writer.one_in(8) {
        writer.out.truncate(writer.out.trim_end_matches('\n').len());
    }
    writer.out
}

struct Writer<'r> {
    random: &'r mut Random,
    out: String,
    /// How many names of anchors there may be.
    anchors: usize,
    wild: bool,
    /// How many collections the document may still get.
    budget: usize,
}

impl Writer<'_> {
    fn one_in(&mut self, count: usize) -> bool {
        self.random.below(count) == 0
    }

    /// Whether something odd is to happen: once in so many times, and rarely if the document is not wild.
    fn odd(&mut self, count: usize) -> bool {
        let rarity = if self.wild { 1 } else { 8 };
        self.one_in(count * rarity)
    }

    fn put(&mut self, choices: &[&str]) {
        let chosen = self.random.pick(choices);
        self.out.push_str(chosen);
    }

    fn put_words(&mut self, most: usize) {
        let some = 1 + self.random.below(most);
        let text = words(self.random, some);
        self.out.push_str(&text);
    }

    fn document(&mut self, first: bool) {
        self.budget = 1 + self.random.below(14);
        if self.odd(25) {
            self.put(DIRECTIVES);
            self.line_break();
            self.out.push_str("---");
            self.gap();
        } else if !first || self.one_in(12) {
            self.out.push_str("---");
            self.gap();
        }
        self.comment();
        match self.random.below(12) {
            0 => {
                self.inline(0);
                self.line_break();
            }
            1 => self.sequence(0),
            2 => {
                self.scalar(0);
                self.line_break();
            }
            _ => self.mapping(0),
        }
        if self.odd(15) {
            self.out.push_str("...");
            self.line_break();
        }
    }

    fn line_break(&mut self) {
        if self.odd(20) {
            self.put(BREAKS);
        } else {
            self.out.push('\n');
        }
        if self.one_in(30) {
            self.out.push('\n');
        }
        self.comment();
    }

    fn comment(&mut self) {
        if self.one_in(25) {
            self.put(&["", " ", "    ", "\t"]);
            self.put(&["# comment", "#", "# a: b", "#\t\u{e9}", "# - x", "## \"", "# '"]);
            self.out.push('\n');
        }
    }

    /// White space after an indicator.
    fn gap(&mut self) {
        if self.odd(12) {
            self.put(&["", "  ", "\t", " \t", "   ", "\n", " # c\n"]);
        } else {
            self.out.push(' ');
        }
    }

    fn indent(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
        if self.odd(60) {
            self.put(&[" ", "\t", "  "]);
        }
    }

    /// An anchor, a tag, both or none.
    fn properties(&mut self) {
        let before = self.out.len();
        if self.one_in(10) {
            self.out.push('&');
            if self.odd(20) {
                self.put(&["", "a-b", "é", "a.b", "_", "1", "a,", "a*"]);
            } else {
                self.anchors += 1;
                let name = self.random.below(self.anchors);
                self.out.push('a');
                self.out.push_str(&name.to_string());
            }
            self.gap();
        }
        if self.one_in(10) {
            if self.odd(3) {
                self.put(TAGS);
            } else {
                self.put(&TAGS[..9]);
            }
            self.gap();
        }
        if self.out.len() > before && self.odd(30) {
            self.out.push_str("&z ");
        }
    }

    fn alias(&mut self) -> bool {
        let known = self.anchors > 0 && self.one_in(6);
        if !known && !self.odd(150) {
            return false;
        }
        let name = self.random.below(self.anchors.max(1));
        self.out.push_str("*a");
        self.out.push_str(&name.to_string());
        if self.odd(15) {
            self.put(&[" x", ":", " :", ",", "x"]);
        }
        true
    }

    fn key(&mut self, indent: usize) {
        match self.random.below(24) {
            0 => self.out.push_str("<<"),
            1 => self.quoted(indent, true),
            2 => self.put(ATOMS),
            3 if self.wild => {
                self.properties();
                self.out.push('k');
            }
            4 if self.wild => {
                let last = if self.alias() { ' ' } else { 'k' };
                self.out.push(last);
            }
            5 if self.wild => self.flow(indent, 1),
            6 => self.put_words(2),
            _ => self.put(KEYS),
        }
    }

    fn mapping(&mut self, indent: usize) {
        let entries = 1 + self.random.below(4);
        for position in 0..entries {
            if position > 0 && self.budget == 0 {
                break;
            }
            self.indent(indent);
            self.entry(indent);
        }
    }

    fn entry(&mut self, indent: usize) {
        if self.odd(25) {
            self.out.push('?');
            self.gap();
            self.value(indent);
            if !self.odd(4) {
                self.indent(indent);
                self.out.push(':');
                self.gap();
                self.value(indent);
            }
            return;
        }
        let before = self.out.len();
        self.key(indent);
        let merges = self.out.get(before..) == Some("<<");
        if self.odd(40) {
            self.gap();
        }
        self.out.push(':');
        if merges && self.random.percent(75) {
            self.merged();
        } else {
            self.value(indent);
        }
    }

    /// What is merged into a mapping.
    fn merged(&mut self) {
        let names = self.anchors.max(1);
        let (first, second) = (self.random.below(names), self.random.below(names));
        let text = match self.random.below(5) {
            0 => " {a: 1, z: 2}".to_owned(),
            1 => " [{a: 1}, {a: 2, b: 3}]".to_owned(),
            2 => format!(" [*a{first}, *a{second}]"),
            _ => format!(" *a{first}"),
        };
        self.out.push_str(&text);
        self.line_break();
    }

    /// What stands behind `key:` or `-`, with the line break.
    fn value(&mut self, indent: usize) {
        if self.budget == 0 {
            self.gap();
            self.scalar(indent);
            return self.line_break();
        }
        self.budget -= 1;
        match self.random.below(16) {
            0..=2 => {
                let step = self.step();
                self.properties_on_line();
                self.mapping(indent + step);
            }
            3 | 4 => {
                let step = if self.one_in(2) { 0 } else { self.step() };
                self.properties_on_line();
                self.sequence(indent + step);
            }
            5 => {
                self.gap();
                self.properties();
                self.flow(indent, 3);
                self.line_break();
            }
            6 | 7 => {
                self.gap();
                self.properties();
                self.block_scalar(indent);
            }
            8 => self.line_break(),
            _ => {
                self.gap();
                self.inline(indent);
                self.line_break();
            }
        }
    }

    fn step(&mut self) -> usize {
        if self.odd(12) { self.random.below(5) } else { 2 }
    }

    fn properties_on_line(&mut self) {
        if self.one_in(6) {
            self.gap();
            self.properties();
        }
        self.line_break();
    }

    fn sequence(&mut self, indent: usize) {
        let items = 1 + self.random.below(4);
        for position in 0..items {
            if position > 0 && self.budget == 0 {
                break;
            }
            self.indent(indent);
            self.out.push('-');
            if self.odd(50) {
                self.line_break();
            } else {
                self.item(indent);
            }
        }
    }

    /// What stands behind a `-`: also a mapping or a sequence on the same line.
    fn item(&mut self, indent: usize) {
        let inner = indent + 2;
        match self.random.below(6) {
            0 if self.budget > 0 => {
                self.budget -= 1;
                self.out.push(' ');
                self.entry(inner);
                if self.one_in(2) {
                    self.indent(inner);
                    self.entry(inner);
                }
            }
            1 if self.budget > 0 => {
                self.budget -= 1;
                self.out.push_str(" - ");
                self.inline(inner);
                self.line_break();
                if self.one_in(2) {
                    self.indent(inner);
                    self.out.push_str("- x");
                    self.line_break();
                }
            }
            _ => self.value(indent),
        }
    }

    fn inline(&mut self, indent: usize) {
        if self.alias() {
            return;
        }
        self.properties();
        if self.one_in(8) {
            self.flow(indent, 2);
        } else {
            self.scalar(indent);
        }
    }

    /// A flow collection, nested as deep as that.
    fn flow(&mut self, indent: usize, depth: usize) {
        let (open, close) = if self.one_in(2) { ('{', '}') } else { ('[', ']') };
        self.out.push(open);
        let items = self.random.below(4);
        for position in 0..items {
            if position > 0 {
                self.out.push(',');
                self.flow_gap(indent);
            }
            if self.odd(50) {
                self.out.push(',');
            }
            self.flow_item(indent, depth, open == '{');
        }
        if items > 0 && self.one_in(8) {
            self.out.push(',');
        }
        if !self.odd(100) {
            self.out.push(close);
        }
    }

    fn flow_item(&mut self, indent: usize, depth: usize, in_mapping: bool) {
        if in_mapping || self.one_in(6) {
            if self.odd(20) {
                self.out.push('?');
                self.flow_gap(indent);
            }
            if !self.odd(30) {
                self.key(indent);
            }
            if !self.odd(15) {
                self.out.push(':');
                if !self.odd(12) {
                    self.out.push(' ');
                }
            }
            if self.odd(15) {
                return;
            }
        }
        if depth > 0 && self.one_in(5) {
            self.flow(indent, depth - 1);
        } else if !self.alias() {
            if self.one_in(4) {
                self.properties();
            }
            self.scalar(indent);
        }
        if self.one_in(20) {
            self.flow_gap(indent);
        }
    }

    fn flow_gap(&mut self, indent: usize) {
        match self.random.below(12) {
            0 => {
                self.line_break();
                self.indent(indent + 2);
            }
            1 => {}
            2 if self.wild => self.out.push_str(" # c\n"),
            _ => self.out.push(' '),
        }
    }
}
