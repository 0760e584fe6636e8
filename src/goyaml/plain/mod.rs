//! The YAML that people mostly write, read line by line, without tokens and tree.
//!
//! A shortcut beside [`super::scan`], [`super::parse`] and [`super::decode`], many times faster: block mappings and sequences whose keys are
//! simple words, plain and quoted scalars, literal blocks, and flow sequences of words. Whatever else it meets, right or wrong, it gives
//! up, and the text is read from its start by the full rules; it knows no errors of its own.
//!
//! **Invariant:** what it reads is what the full rules read.

mod line;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::line::{Ending, Key, Scalars, begins_plain, closing, flow, is_over, join, plain_part, split_key, unescape};

/// How deep collections may lie in each other.
const MAX_DEPTH: usize = 100;

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
    if reader.line.is_some_and(|line| line.indent == 0 && line.text == "---") {
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

/// Of what is not ASCII, controls (from C2), the separators of lines and paragraphs (E2 80), the mark of byte order (EF BB) and
/// non-characters (EF BF) are not plain.
fn is_plain_at(text: &[u8], at: usize) -> bool {
    match text.get(at..).unwrap_or_default() {
        [0xC2, 0..=0x9F, ..] | [0xE2, 0x80, 0xA8 | 0xA9, ..] | [0xEF, 0xBB | 0xBF, ..] => false,
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
        self.mapping(line.indent, None, self.wanted.only, true, 0)
    }

    /// What begins with the pending line, which is deeper than what it belongs to.
    fn node(&mut self, place: Place) -> Option<Value> {
        let line = self.line?;
        if line.entry().is_some() {
            return self.sequence(line.indent, place.keep, place.depth);
        }
        match split_key(line.text) {
            Some(first) => self.mapping(line.indent, Some(first), None, place.keep, place.depth),
            None => self.value(line.text, place),
        }
    }

    /// A mapping at a column, from the pending line on, whose key and the rest may be known already.
    fn mapping(
        &mut self,
        indent: usize,
        mut first: Option<(Key<'t>, &'t str)>,
        only: Option<&[&str]>,
        keep: bool,
        depth: usize,
    ) -> Option<Value> {
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
            let (key, rest) = first.take().or_else(|| split_key(line.text))?;
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
            let item = if content_line.entry().is_some() {
                self.line = Some(content_line);
                self.sequence(content_line.indent, keep, place.depth)?
            } else if let Some(first) = split_key(content.text) {
                self.line = Some(content_line);
                self.mapping(content_line.indent, Some(first), None, keep, place.depth)?
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
            Some(b'|' | b'>') => self.block(rest, place),
            Some(b'"' | b'\'') => self.quoted(rest, place),
            Some(b'[' | b'{') => {
                let value = flow(rest, self.scalars(place.keep))?;
                self.advance();
                Some(value)
            }
            Some(_) => self.plain(rest, place),
        }
    }

    /// A block scalar, literal or folded.
    fn block(&mut self, header: &str, place: Place) -> Option<Value> {
        let is_folded = header.starts_with('>');
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
        if !is_over(rest) {
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
        let mut is_empty = true;
        if indent > place.indent {
            (breaks, is_empty) = self.block_lines(indent, is_folded, breaks, place.keep.then_some(&mut text))?;
        }
        // At the end of the text a line feed may be missing, which makes a difference.
        if place.keep && self.at >= self.text.len() && !self.text.ends_with('\n') {
            return None;
        }
        match chomp {
            Chomp::Strip => {}
            Chomp::Clip if is_empty => {}
            Chomp::Clip => text.push('\n'),
            Chomp::Keep => text.extend(std::iter::repeat_n('\n', breaks)),
        }
        self.advance();
        Some(if place.keep { Value::String(text) } else { Value::Null })
    }

    /// The lines of a block from a column on, the line ends before the first one told. Gives the line ends behind the last one that has
    /// content, and whether there is none.
    fn block_lines(
        &mut self,
        indent: usize,
        is_folded: bool,
        mut breaks: usize,
        mut text: Option<&mut String>,
    ) -> Option<(usize, bool)> {
        let mut is_empty = true;
        let mut was_deeper = true;
        while let Some(raw) = self.peek() {
            let line = Line::of(raw);
            if line.text.is_empty() && line.indent <= indent {
                breaks += 1;
            } else if line.indent < indent {
                break;
            } else {
                // What is set off by blanks is never folded, nor is what stands next to it.
                let is_deeper = line.indent > indent;
                if let Some(text) = text.as_deref_mut() {
                    if is_folded && !is_deeper && !was_deeper {
                        join(text, breaks);
                    } else {
                        text.extend(std::iter::repeat_n('\n', breaks));
                    }
                    text.push_str(raw.get(indent..)?);
                }
                (is_empty, was_deeper, breaks) = (false, is_deeper, 1);
            }
            self.pass(raw);
        }
        Some((breaks, is_empty))
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
        self.line = None;
        while !is_ended {
            let before = self.at;
            let Some((breaks, next)) = self.next_of_scalar() else { break };
            if next.text.starts_with('#') {
                self.at = before;
                break;
            }
            if next.indent <= place.indent {
                self.line = Some(next);
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
        if self.line.is_none() {
            self.advance();
        }
        match longer {
            Some(_) if !place.keep => Some(Value::Null),
            Some(text) => self.scalars(true).read(&text),
            None => self.scalars(place.keep).read(first),
        }
    }

    fn scalars(&self, keep: bool) -> Scalars {
        Scalars { keeps_floats: self.wanted.keeps_floats, keep }
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
