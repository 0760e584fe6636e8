//! The pieces of a line of plain YAML: keys, scalars and small flow collections.
//!
//! **Invariant:** text in, pieces out; nothing where a piece is not of the plain kind.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::goyaml::resolve::{Resolved, resolve};
use crate::goyaml::style::Dialect;
use crate::value::json;

/// The longest key in bytes; the full rules have a limit of 1024, which nobody reaches.
const MAX_KEY: usize = 256;

/// A key, before its type is known.
pub(super) enum Key<'t> {
    Plain(&'t str),
    Quoted(&'t str),
}

impl<'t> Key<'t> {
    /// The key as JSON has it.
    pub(super) fn text(&self) -> Option<Cow<'t, str>> {
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
pub(super) fn split_key(text: &str) -> Option<(Key<'_>, &str)> {
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
pub(super) fn is_over(rest: &str) -> bool {
    let trimmed = rest.trim_start_matches(' ');
    trimmed.is_empty() || (trimmed.starts_with('#') && trimmed.len() < rest.len())
}

/// The part of a plain scalar that is on this line, and whether a comment ends it. A colon there would make it a key.
pub(super) fn plain_part(line: &str) -> Option<(&str, bool)> {
    let bytes = line.as_bytes();
    let comment =
        memchr::memchr_iter(b'#', bytes).find(|at| at.checked_sub(1).is_some_and(|at| bytes.get(at) == Some(&b' ')));
    let part = comment.and_then(|at| line.get(..at)).unwrap_or(line);
    let is_ended = comment.is_some();
    let part = part.trim_end_matches(' ');
    let bytes = part.as_bytes();
    let is_key = memchr::memchr_iter(b':', bytes).any(|at| matches!(bytes.get(at + 1), None | Some(b' ')));
    (!is_key).then_some((part, is_ended))
}

/// Whether a plain scalar may begin so; of the signs that mean something in YAML, only those that surely do not.
pub(super) fn begins_plain(text: &str) -> bool {
    match text.as_bytes() {
        [b'-', next, ..] => next.is_ascii_alphanumeric() || matches!(next, b'-' | b'.' | b'/'),
        [b':', next, ..] => next.is_ascii_alphanumeric() || *next == b':',
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
pub(super) enum Ending {
    /// By the quote that ends the scalar, which is there.
    Quote(usize),
    /// By a backslash, which takes away the line's end.
    Backslash,
    /// Within the scalar.
    Open,
}

/// How a line of a quoted scalar ends.
pub(super) fn closing(part: &str, quote: u8) -> Ending {
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
pub(super) fn unescape(part: &str, quote: u8, text: &mut String, keep: bool) -> Option<()> {
    let mut add = |piece: &str| {
        if keep {
            text.push_str(piece);
        }
    };
    let mut rest = part;
    let sign = if quote == b'"' { b'\\' } else { b'\'' };
    while let Some(at) = memchr::memchr(sign, rest.as_bytes()) {
        add(rest.get(..at)?);
        let after = rest.get(at + 1..)?;
        add(match after.as_bytes().first()? {
            b'\'' if quote == b'\'' => "'",
            b'n' => "\n",
            b't' => "\t",
            b'r' => "\r",
            b'"' => "\"",
            b' ' => " ",
            b'\\' => "\\",
            _ => return None,
        });
        rest = after.get(1..)?;
    }
    add(rest);
    Some(())
}

/// Line ends within a scalar: one is a space, of more one is lost.
pub(super) fn join(text: &mut String, breaks: usize) {
    if breaks == 1 {
        text.push(' ');
    }
    text.extend(std::iter::repeat_n('\n', breaks - 1));
}

/// How deep flow collections may lie in each other.
const MAX_FLOW_DEPTH: usize = 16;

/// A flow collection on one line, of words, numbers and quoted texts, and nothing but a comment behind it.
pub(super) fn flow(text: &str, scalars: Scalars) -> Option<Value> {
    let (value, rest) = collection(text, scalars, 0)?;
    is_over(rest).then_some(value)
}

/// A flow collection and what follows it.
fn collection(text: &str, scalars: Scalars, depth: usize) -> Option<(Value, &str)> {
    if depth > MAX_FLOW_DEPTH {
        return None;
    }
    let (mut items, mut entries) = (Vec::new(), Map::new());
    let is_mapping = text.starts_with('{');
    let end = if is_mapping { '}' } else { ']' };
    let mut rest = after(text.get(1..)?);
    let mut is_first = true;
    loop {
        if let Some(behind) = rest.strip_prefix(end).filter(|_| is_first) {
            rest = behind;
            break;
        }
        is_first = false;
        let key = if is_mapping {
            let (key, behind) = split_key(rest)?;
            rest = after(behind);
            Some(key.text()?)
        } else {
            None
        };
        let (item, behind) = flow_item(rest, scalars, depth)?;
        match key {
            Some(key) if scalars.keep => drop(entries.insert(key.into_owned(), item)),
            None if scalars.keep => items.push(item),
            _ => {}
        }
        let behind = after(behind);
        if let Some(behind) = behind.strip_prefix(end) {
            rest = behind;
            break;
        }
        rest = after(behind.strip_prefix(',')?);
    }
    Some((if is_mapping { Value::Object(entries) } else { Value::Array(items) }, rest))
}

/// What follows the blanks at the start.
fn after(text: &str) -> &str {
    text.trim_start_matches(' ')
}

fn flow_item(text: &str, scalars: Scalars, depth: usize) -> Option<(Value, &str)> {
    match *text.as_bytes().first()? {
        b'[' | b'{' => collection(text, scalars, depth + 1),
        quote @ (b'"' | b'\'') => {
            let end = 1 + memchr::memchr2(quote, b'\\', text.as_bytes().get(1..)?)?;
            let rest = text.get(end..)?.strip_prefix(char::from(quote))?;
            // Two quotes are one, and a colon makes a mapping of one entry.
            let is_odd = matches!(rest.as_bytes().first(), Some(b'\'' | b':' | b'"'));
            (!is_odd).then(|| (Value::from(text.get(1..end).unwrap_or_default()), rest))
        }
        _ => {
            let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
            let end = text.bytes().take_while(is_of_word).count();
            let word = text.get(..end)?;
            if matches!(word.as_bytes(), [] | [b'-'] | [b'-', b'-' | b'.' | b'/', ..]) {
                return None;
            }
            Some((scalars.read(word)?, text.get(end..)?))
        }
    }
}

/// How plain scalars are read.
#[derive(Clone, Copy)]
pub(super) struct Scalars {
    /// Whether floats stay floats where they are whole numbers.
    pub(super) keeps_floats: bool,
    /// Whether they are kept, or only looked through.
    pub(super) keep: bool,
}

impl Scalars {
    /// A plain scalar by its type.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        if !self.keep && !matches!(text.as_bytes().first(), Some(b'.' | b'+' | b'-' | b'0'..=b'9')) {
            return Some(Value::Null);
        }
        Some(match resolve(text, Dialect::V2) {
            Resolved::Null => Value::Null,
            Resolved::Bool(value) => Value::Bool(value),
            Resolved::Int(value) => Value::from(value),
            Resolved::Uint(value) => Value::from(value),
            Resolved::Float(value) if self.keeps_floats && value.is_finite() => Value::from(value),
            Resolved::Float(value) => Value::Number(json::number(value).ok()?),
            Resolved::Timestamp | Resolved::String if !self.keep => Value::Null,
            Resolved::Timestamp | Resolved::String => Value::String(text.to_owned()),
        })
    }
}
