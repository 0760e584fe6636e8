//! The YAML that people mostly write, read line by line, without tokens and tree.
//!
//! A shortcut beside [`super::scan`], [`super::parse`] and [`super::decode`], many times faster: block mappings and sequences whose keys are
//! simple words, plain and quoted scalars, literal blocks, and flow sequences of words. Whatever else it meets, right or wrong, it gives
//! up, and the text is read from its start by the full rules; it knows no errors of its own.
//!
//! **Invariant:** what it reads is what the full rules read.

use serde_json::{Map, Value};

use super::resolve::{Resolved, resolve};
use super::style::Dialect;
use crate::value::json;

/// How deep collections may lie in each other.
const MAX_DEPTH: usize = 100;
/// The longest key in bytes; the full rules have a limit of 1024, which nobody reaches.
const MAX_KEY: usize = 256;

/// What is read of a document.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'k> {
    /// The keys of a mapping at the root whose values are kept; all if none are named.
    pub(super) only: Option<&'k [&'k str]>,
    /// Whether floats stay floats where they are whole numbers.
    pub(super) keeps_floats: bool,
}

/// The JSON of a text that is one document of the plain kind.
pub(super) fn read(text: &[u8], wanted: Wanted<'_>) -> Option<Value> {
    if !is_plain(text) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let mut reader = Reader { text, at: 0, line: None, wanted };
    reader.advance();
    if reader.line.is_some_and(|line| line.indent == 0 && line.text.trim_end() == "---") {
        reader.advance();
    }
    let value = reader.root()?;
    // Further documents, or what belongs to none, is left.
    reader.line.is_none().then_some(value)
}

/// Whether there are no tabs, no line breaks but line feeds, and nothing that YAML forbids or takes for a mark.
fn is_plain(text: &[u8]) -> bool {
    const BLOCK: usize = 64;
    text.chunks(BLOCK).enumerate().all(|(number, block)| {
        // Without an early end, so that the compiler can look at many bytes at once.
        let is_ascii = !block.iter().fold(false, |odd, byte| odd | !matches!(byte, b' '..=b'~' | b'\n'));
        is_ascii || (0..block.len()).all(|at| is_plain_at(text, number * BLOCK + at))
    })
}

/// Of what is not ASCII, controls (from C2), the separators of lines and paragraphs (E2 80), marks and non-characters (EF) are not plain.
fn is_plain_at(text: &[u8], at: usize) -> bool {
    match text.get(at..).unwrap_or_default() {
        [0xC2, 0..=0x9F, ..] | [0xE2, 0x80, 0xA8 | 0xA9, ..] | [0xEF, ..] => false,
        [b'\n' | b' '..=b'~' | 0x80.., ..] => true,
        _ => false,
    }
}

/// A line, or what is left of it, from its first character on.
#[derive(Clone, Copy)]
struct Line<'t> {
    /// The column of its first character.
    indent: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    fn of(raw: &'t str) -> Self {
        let indent = raw.bytes().take_while(|byte| *byte == b' ').count();
        Self { indent, text: raw.get(indent..).unwrap_or_default() }
    }

    /// What follows the dash of a sequence's entry.
    fn entry(self) -> Option<&'t str> {
        let rest = self.text.strip_prefix('-')?;
        (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
    }
}

struct Reader<'t, 'k> {
    text: &'t str,
    /// Where the next line begins.
    at: usize,
    /// The line with content that is to be read next.
    line: Option<Line<'t>>,
    wanted: Wanted<'k>,
}

impl<'t> Reader<'t, '_> {
    /// The next line as it is, without its line feed; nothing at the end.
    fn peek(&self) -> Option<&'t str> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        rest.get(..end)
    }

    /// Goes on behind the line that [`Self::peek`] gave.
    fn pass(&mut self, raw: &str) {
        self.at = self.text.len().min(self.at + raw.len() + 1);
    }

    /// Looks for the next line that is neither blank nor a comment.
    fn advance(&mut self) {
        self.line = None;
        while let Some(raw) = self.peek() {
            self.pass(raw);
            let line = Line::of(raw);
            if !line.text.is_empty() && !line.text.starts_with('#') {
                self.line = Some(line);
                return;
            }
        }
    }

    fn root(&mut self) -> Option<Value> {
        let Some(line) = self.line else { return Some(Value::Null) };
        if line.entry().is_some() {
            return self.sequence(line.indent, true, 0);
        }
        self.mapping(line.indent, self.wanted.only, true, 0)
    }

    /// What begins with the pending line, which is deeper than what it belongs to.
    fn node(&mut self, place: Place) -> Option<Value> {
        let line = self.line?;
        if line.entry().is_some() {
            return self.sequence(line.indent, place.keep, place.depth);
        }
        if split_key(line.text).is_some() {
            return self.mapping(line.indent, None, place.keep, place.depth);
        }
        self.value(line.text, place)
    }

    fn mapping(&mut self, indent: usize, only: Option<&[&str]>, keep: bool, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut entries = Map::new();
        while let Some(line) = self.line {
            if line.indent < indent {
                break;
            }
            if line.indent > indent {
                return None;
            }
            let (key, rest) = split_key(line.text)?;
            let key = key.text()?;
            let keep = keep && only.is_none_or(|only| only.contains(&&*key));
            let value = self.value(rest, Place { indent, in_mapping: true, keep, depth: depth + 1 })?;
            if keep {
                entries.insert(key.into_owned(), value);
            }
        }
        Some(Value::Object(entries))
    }

    fn sequence(&mut self, indent: usize, keep: bool, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut items = Vec::new();
        while let Some(line) = self.line {
            if line.indent < indent {
                break;
            }
            // A mapping goes on where a sequence at its own column ends.
            let Some(rest) = line.entry() else { break };
            if line.indent > indent {
                return None;
            }
            let content = Line::of(rest);
            let place = Place { indent, in_mapping: false, keep, depth: depth + 1 };
            let content_line = Line { indent: indent + 1 + content.indent, text: content.text };
            let item = if content_line.entry().is_some() || split_key(content.text).is_some() {
                self.line = Some(content_line);
                self.node(place)?
            } else {
                self.value(content.text, place)?
            };
            if keep {
                items.push(item);
            }
        }
        Some(Value::Array(items))
    }

    /// The value behind a key or a dash, on the same line or on those that follow.
    fn value(&mut self, rest: &'t str, place: Place) -> Option<Value> {
        let rest = rest.trim_start_matches(' ');
        match rest.as_bytes().first() {
            None | Some(b'#') => {
                self.advance();
                let Some(line) = self.line else { return Some(Value::Null) };
                if line.indent > place.indent {
                    return self.node(place);
                }
                if place.in_mapping && line.indent == place.indent && line.entry().is_some() {
                    return self.sequence(line.indent, place.keep, place.depth);
                }
                Some(Value::Null)
            }
            Some(b'|') => self.literal(rest, place),
            // Folding is left to the full rules, unless the text is of no interest.
            Some(b'>') if !place.keep => self.literal(rest, place),
            Some(b'"' | b'\'') => self.quoted(rest, place),
            Some(b'[' | b'{') => {
                let value = flow(rest, place.keep)?;
                self.advance();
                Some(value)
            }
            Some(_) => self.plain(rest, place),
        }
    }

    /// A literal block; a folded one, if it is not kept.
    fn literal(&mut self, header: &str, place: Place) -> Option<Value> {
        let rest = header.get(1..)?;
        let (stated, rest) = match rest.as_bytes().first() {
            Some(digit @ b'1'..=b'9') => (Some(place.indent + usize::from(digit - b'0')), rest.get(1..)?),
            _ => (None, rest),
        };
        let (chomp, rest) = match rest.as_bytes().first() {
            Some(b'-') => (Chomp::Strip, rest.get(1..)?),
            Some(b'+') => (Chomp::Keep, rest.get(1..)?),
            _ => (Chomp::Clip, rest),
        };
        if !is_over(rest) || (chomp == Chomp::Keep && place.keep) {
            return None;
        }
        let mut breaks = 0;
        while self.peek() == Some("") {
            self.pass("");
            breaks += 1;
        }
        let first = Line::of(self.peek().unwrap_or_default());
        if first.text.is_empty() && first.indent > 0 {
            return None;
        }
        let indent = stated.unwrap_or(first.indent);
        let mut text = String::new();
        let is_empty = indent <= place.indent || self.block(indent, breaks, place.keep.then_some(&mut text))?;
        // At the end of the text a line feed may be missing, which makes a difference.
        if place.keep && self.at >= self.text.len() && !self.text.ends_with('\n') {
            return None;
        }
        if chomp == Chomp::Clip && !is_empty {
            text.push('\n');
        }
        self.advance();
        Some(if place.keep { Value::String(text) } else { Value::Null })
    }

    /// The lines of a block from a column on; whether there is none but blank ones. The line ends before the first one are told.
    fn block(&mut self, indent: usize, mut breaks: usize, mut text: Option<&mut String>) -> Option<bool> {
        let mut is_empty = true;
        while let Some(raw) = self.peek() {
            let line = Line::of(raw);
            if line.text.is_empty() && line.indent <= indent {
                breaks += 1;
            } else if line.indent < indent {
                break;
            } else {
                is_empty = false;
                if let Some(text) = text.as_deref_mut() {
                    text.extend(std::iter::repeat_n('\n', breaks));
                    text.push_str(raw.get(indent..)?);
                }
                breaks = 1;
            }
            self.pass(raw);
        }
        Some(is_empty)
    }

    /// A scalar in quotes, which may go on over several lines.
    fn quoted(&mut self, rest: &'t str, place: Place) -> Option<Value> {
        let quote = *rest.as_bytes().first()?;
        let mut part = rest.get(1..)?;
        let mut text = String::new();
        loop {
            let ending = closing(part, quote);
            if let Ending::Quote(end) = ending {
                unescape(part.get(..end)?, quote, &mut text, place.keep)?;
                if !is_over(part.get(end + 1..)?) {
                    return None;
                }
                self.advance();
                return Some(if place.keep { Value::String(text) } else { Value::Null });
            }
            let is_joined = ending == Ending::Backslash;
            let part_of_line =
                if is_joined { part.strip_suffix('\\').unwrap_or(part) } else { part.trim_end_matches(' ') };
            unescape(part_of_line, quote, &mut text, place.keep)?;
            let (breaks, next) = self.next_of_scalar()?;
            if next.indent == 0 && (next.text.starts_with("---") || next.text.starts_with("...")) {
                return None;
            }
            if place.keep && is_joined {
                text.extend(std::iter::repeat_n('\n', breaks - 1));
            } else if place.keep {
                join(&mut text, breaks);
            }
            part = next.text;
        }
    }

    /// How many lines ends are passed to the next line with content, and that line.
    fn next_of_scalar(&mut self) -> Option<(usize, Line<'t>)> {
        let mut breaks = 1;
        loop {
            let raw = self.peek()?;
            self.pass(raw);
            let line = Line::of(raw);
            if !line.text.is_empty() {
                return Some((breaks, line));
            }
            breaks += 1;
        }
    }

    /// A scalar without quotes, which may go on over several lines.
    fn plain(&mut self, rest: &'t str, place: Place) -> Option<Value> {
        let (first, mut is_ended) = plain_part(rest)?;
        if !begins_plain(first) {
            return None;
        }
        let mut longer: Option<String> = None;
        while !is_ended {
            let before = self.at;
            let Some((breaks, next)) = self.next_of_scalar() else { break };
            if next.indent <= place.indent || next.text.starts_with('#') {
                self.at = before;
                break;
            }
            let (part, ends) = plain_part(next.text)?;
            if place.keep {
                let text = longer.get_or_insert_with(|| first.to_owned());
                join(text, breaks);
                text.push_str(part);
            } else {
                // More than one line is no number.
                longer = Some(String::new());
            }
            is_ended = ends;
        }
        self.advance();
        match longer {
            Some(_) if !place.keep => Some(Value::Null),
            Some(text) => self.scalar(&text, true),
            None => self.scalar(first, place.keep),
        }
    }

    /// A plain scalar by its type.
    fn scalar(&self, text: &str, keep: bool) -> Option<Value> {
        if !keep && !matches!(text.as_bytes().first(), Some(b'.' | b'+' | b'-' | b'0'..=b'9')) {
            return Some(Value::Null);
        }
        Some(match resolve(text, Dialect::V2) {
            Resolved::Null => Value::Null,
            Resolved::Bool(value) => Value::Bool(value),
            Resolved::Int(value) => Value::from(value),
            Resolved::Uint(value) => Value::from(value),
            Resolved::Float(value) if self.wanted.keeps_floats && value.is_finite() => Value::from(value),
            Resolved::Float(value) => Value::Number(json::number(value).ok()?),
            Resolved::Timestamp | Resolved::String if !keep => Value::Null,
            Resolved::Timestamp | Resolved::String => Value::String(text.to_owned()),
        })
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place {
    /// The column of the collection that it belongs to.
    indent: usize,
    in_mapping: bool,
    /// Whether it is kept, or only looked through.
    keep: bool,
    depth: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

/// A key, before its type is known.
enum Key<'t> {
    Plain(&'t str),
    Quoted(&'t str),
}

impl<'t> Key<'t> {
    /// The key as JSON has it.
    fn text(&self) -> Option<std::borrow::Cow<'t, str>> {
        match *self {
            Self::Quoted(text) => Some(text.into()),
            Self::Plain(text) => match resolve(text, Dialect::V2) {
                Resolved::Timestamp | Resolved::String => Some(text.into()),
                Resolved::Bool(value) => Some(if value { "true" } else { "false" }.into()),
                Resolved::Int(value) => Some(value.to_string().into()),
                Resolved::Null | Resolved::Uint(_) | Resolved::Float(_) => None,
            },
        }
    }
}

/// The key that a line begins with, and what follows its colon.
fn split_key(text: &str) -> Option<(Key<'_>, &str)> {
    let (key, rest) = match text.as_bytes().first()? {
        quote @ (b'"' | b'\'') => {
            let end = 1 + memchr::memchr2(*quote, b'\\', text.as_bytes().get(1..)?)?;
            let rest = text.get(end..)?.strip_prefix(char::from(*quote))?;
            (Key::Quoted(text.get(1..end)?), rest)
        }
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'/' => {
            let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
            let end = text.bytes().take_while(is_of_key).count();
            (Key::Plain(text.get(..end)?), text.get(end..)?)
        }
        _ => return None,
    };
    let rest = rest.strip_prefix(':')?;
    let is_short = text.len() - rest.len() <= MAX_KEY;
    (is_short && (rest.is_empty() || rest.starts_with(' '))).then_some((key, rest))
}

/// Whether nothing but a comment follows.
fn is_over(rest: &str) -> bool {
    let trimmed = rest.trim_start_matches(' ');
    trimmed.is_empty() || (trimmed.starts_with('#') && trimmed.len() < rest.len())
}

/// The part of a plain scalar that is on this line, and whether a comment ends it. A colon there would make it a key.
fn plain_part(line: &str) -> Option<(&str, bool)> {
    let (part, is_ended) = line.find(" #").map_or((line, false), |at| (line.get(..at).unwrap_or_default(), true));
    let part = part.trim_end_matches(' ');
    let bytes = part.as_bytes();
    let is_key = memchr::memchr_iter(b':', bytes).any(|at| matches!(bytes.get(at + 1), None | Some(b' ')));
    (!is_key).then_some((part, is_ended))
}

/// Whether a plain scalar may begin so; of the signs that mean something in YAML, only those that surely do not.
fn begins_plain(text: &str) -> bool {
    match text.as_bytes() {
        [b'-', next, ..] => next.is_ascii_alphanumeric() || matches!(next, b'-' | b'.' | b'/'),
        [first, ..] => {
            first.is_ascii_alphanumeric()
                || matches!(
                    first,
                    b'_' | b'.' | b'/' | b'$' | b'(' | b'~' | b'+' | b'^' | b'=' | b';' | b'<' | b'\\' | 0x80..
                )
        }
        [] => false,
    }
}

/// How a line of a quoted scalar ends.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    /// By the quote that ends the scalar, which is there.
    Quote(usize),
    /// By a backslash, which takes away the line's end.
    Backslash,
    /// Within the scalar.
    Open,
}

/// How a line of a quoted scalar ends.
fn closing(part: &str, quote: u8) -> Ending {
    let bytes = part.as_bytes();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = if quote == b'"' { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
        let Some(found) = found else { return Ending::Open };
        at += found;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\\'), None) => return Ending::Backslash,
            (Some(b'\\'), Some(_)) => at += 2,
            (_, Some(b'\'')) if quote == b'\'' => at += 2,
            _ => return Ending::Quote(at),
        }
    }
}

/// Adds a part of a quoted scalar, its escapes replaced by what they stand for; only looks at the escapes if it is not kept.
fn unescape(part: &str, quote: u8, text: &mut String, keep: bool) -> Option<()> {
    let mut add = |piece: &str| {
        if keep {
            text.push_str(piece);
        }
    };
    let mut rest = part;
    let sign = if quote == b'"' { '\\' } else { '\'' };
    while let Some((before, after)) = rest.split_once(sign) {
        add(before);
        add(match after.as_bytes().first()? {
            b'\'' if quote == b'\'' => "'",
            b'n' => "\n",
            b't' => "\t",
            b'r' => "\r",
            b'"' => "\"",
            b' ' => " ",
            b'\\' => "\\",
            b'/' => "/",
            _ => return None,
        });
        rest = after.get(1..)?;
    }
    add(rest);
    Some(())
}

/// Line ends within a scalar: one is a space, of more one is lost.
fn join(text: &mut String, breaks: usize) {
    if breaks == 1 {
        text.push(' ');
    }
    text.extend(std::iter::repeat_n('\n', breaks - 1));
}

/// A flow collection on one line: empty, or a sequence of words and quoted texts.
fn flow(text: &str, keep: bool) -> Option<Value> {
    if let Some(rest) = text.strip_prefix("{}") {
        return is_over(rest).then(|| Value::Object(Map::new()));
    }
    let mut rest = text.strip_prefix('[')?.trim_start_matches(' ');
    let mut items = Vec::new();
    if let Some(rest) = rest.strip_prefix(']') {
        return is_over(rest).then_some(Value::Array(items));
    }
    loop {
        let (item, behind) = flow_item(rest)?;
        if keep {
            items.push(item);
        }
        let behind = behind.trim_start_matches(' ');
        if let Some(end) = behind.strip_prefix(']') {
            return is_over(end).then_some(Value::Array(items));
        }
        rest = behind.strip_prefix(',')?.trim_start_matches(' ');
    }
}

fn flow_item(text: &str) -> Option<(Value, &str)> {
    if let quote @ (b'"' | b'\'') = *text.as_bytes().first()? {
        let end = 1 + memchr::memchr2(quote, b'\\', text.as_bytes().get(1..)?)?;
        let rest = text.get(end..)?.strip_prefix(char::from(quote))?;
        // Two quotes are one, and a colon makes a mapping of one entry.
        let is_odd = matches!(rest.as_bytes().first(), Some(b'\'' | b':' | b'"'));
        return (!is_odd).then(|| (Value::from(text.get(1..end).unwrap_or_default()), rest));
    }
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    let end = text.bytes().take_while(is_of_word).count();
    let word = text.get(..end)?;
    if !word.as_bytes().first()?.is_ascii_alphabetic() {
        return None;
    }
    let value = match resolve(word, Dialect::V2) {
        Resolved::Null => Value::Null,
        Resolved::Bool(value) => Value::Bool(value),
        Resolved::String => Value::from(word),
        _ => return None,
    };
    Some((value, text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::{decode::Decoder, first_document};
    use super::{Wanted, read};

    /// What the full rules read.
    fn by_the_rules(text: &str, wanted: Wanted<'_>) -> Result<Value, String> {
        let read = first_document(text.as_bytes(), |document| {
            let mut decoder = Decoder::new(document, false);
            if wanted.keeps_floats {
                decoder = decoder.keeping_floats();
            }
            match wanted.only {
                Some(keys) => decoder.only(keys).decode(),
                None => decoder.decode(),
            }
        });
        read.map_err(|error| error.to_string())
    }

    /// Compares in all ways of reading; tells whether the short way could be taken.
    fn is_read_alike(text: &str) -> bool {
        let only: &[&str] = &["a", "kind", "metadata"];
        let ways = [
            Wanted::default(),
            Wanted { keeps_floats: true, ..Wanted::default() },
            Wanted { only: Some(only), ..Wanted::default() },
            Wanted { only: Some(&[]), ..Wanted::default() },
        ];
        let mut is_taken = false;
        for wanted in ways {
            if let Some(value) = read(text.as_bytes(), wanted) {
                is_taken = true;
                assert_eq!(Ok(value), by_the_rules(text, wanted), "{text}");
            }
        }
        is_taken
    }

    #[test]
    fn what_people_write_is_read_the_short_way() {
        for text in [
            "---\na: 1\nb:\n  c: [x, \"y\"]\n  d: {}\n# comment\ne:\n- f: g\n  h: |\n    one\n\n      two\n  i: 'it''s'\n",
            "a: long\n  text\n\n  goes on\nb: \"quoted \\\"text\\\"\n  too\"\nc:\n  - - d\n    - e\n  -\n    f: ~\n",
            "a: 0x1F\n\"b\": 1.0\n1: -2\nyes: no\nc: 2024-01-02 # a date\nd:\n",
            "a:\n  {}\nb:\n  text\n goes on\nc: \"one \\\n  \\ two\\n\\\n\n  x\"\nd: |2-\n   x\n  y\n",
            "# nothing but this\n",
            "",
            "a: é\nb: >-\n  folded\nmetadata:\n  name: x",
        ] {
            assert!(is_read_alike(text), "{text}");
        }
    }

    #[test]
    fn what_is_unusual_or_wrong_is_left_to_the_full_rules() {
        let odd = [
            "a: &x 1",
            "a: *x",
            "a: !t 1",
            "a: b: c",
            "a:\n  b: 1\n c: 2",
            "a: \"\\q\"",
            "a: \"b\nc: d",
            "a: [b",
            "a\tb: 1",
            "? a",
            "a: 1\n---\nb: 2",
            "a: .nan",
            "null: 1",
            "a: @b",
            "\u{feff}a: 1",
            "a: \u{2028}",
            "<<: {}",
            "a: - b",
            "a: \"b\" c",
            "a: 1\n...\n",
            "a: 'b'#c",
            "a: [b, ]",
            "a: [b c: d]",
            "a: 18446744073709551615\n18446744073709551615: 1",
        ];
        for text in odd {
            assert!(!is_read_alike(text), "{text}");
        }
    }

    /// Lines that mean something else under each other.
    const LINES: &[&str] = &[
        "a:",
        "a: 1",
        "b: text",
        "- x",
        "- k: v",
        "- - y",
        "-",
        "# c",
        "a: |",
        "b: |-",
        "c: >-",
        "- |",
        "d: |+",
        "more text",
        "\"q\": 'x'",
        "c: \"a\\n\"",
        "d: \"open",
        "close\"",
        "e: [a, \"b\"]",
        "f: {}",
        "g: .inf",
        "h: foo # c",
        "'i': ~",
        "- \"a\": b",
        "---",
        "...",
        "",
        "   ",
        "j: a: b",
        "k: - x",
        "l: 2001-01-01",
        "m: \"\\x41\"",
        "null: 1",
        "1: 2",
        "yes: no",
        "- [x]",
        "n: é",
        "o: 'it''s'",
        "p: 'open",
        "it''s'",
        "q: a #b",
        "r: # none",
        "- # none",
        "s: 1.0",
        "t: \"\\\\\"",
        "u: --x",
        "v: -",
        "w: \" x  ",
        "- z:",
        "a: []",
        "x: []#",
        "x: \"y\" # z",
        "key: http://x",
        "http://y",
        "text:",
        "text: ",
        "- text # c",
        "metadata:",
        "kind: A",
        "\\",
        "y: \"\\",
        "z: 1e999",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_short_way_reads_what_the_full_rules_read(
            lines in vec((0_usize..6, prop::sample::select(LINES)), 1..9),
            ends in prop::bool::ANY,
        ) {
            let lines: Vec<String> = lines.iter().map(|(indent, line)| format!("{}{line}", " ".repeat(*indent))).collect();
            let end = if ends { "\n" } else { "" };
            is_read_alike(&(lines.join("\n") + end));
        }
    }
}
