//! The four kinds of strings in TOML.
//!
//! Counterpart: the string states of `lex.go` and `replaceEscapes` in `parse.go` of BurntSushi/toml 1.6.0.
//!
//! **Invariant:** an escape that passed the scan has a meaning.

use super::read::{Failure, Read, Reader};
use super::scan::{END, is_break};
use crate::value::{Value, quote};

impl Reader<'_> {
    /// A string value, after its first quote.
    pub(super) fn text(&mut self, has_escapes: bool) -> Read<Value> {
        let mark = if has_escapes { '"' } else { '\'' };
        if self.scanner.accept(mark)? {
            if self.scanner.accept(mark)? {
                return self.long(mark).map(Value::string);
            }
            // It is the empty string.
            return Ok(Value::string(""));
        }
        if has_escapes { self.quoted().map(Value::string) } else { self.raw().map(Value::string) }
    }

    /// A string in double quotes, after the first.
    pub(super) fn quoted(&mut self) -> Read<String> {
        let start = self.scanner.position;
        let mut has_escapes = false;
        loop {
            match self.scanner.next()? {
                END => return Err(self.scanner.error("unexpected EOF; expected '\"'")),
                letter if is_break(letter) => return Err(self.broken()),
                '\\' => {
                    has_escapes = true;
                    self.escape(start)?;
                }
                '"' => break,
                _ => {}
            }
        }
        let text = self.scanner.between(start, self.scanner.position - 1);
        if has_escapes { self.unescaped(&text) } else { Ok(text) }
    }

    /// A string in single quotes, after the first.
    pub(super) fn raw(&mut self) -> Read<String> {
        let start = self.scanner.position;
        loop {
            match self.scanner.next()? {
                END => return Err(self.scanner.error("unexpected EOF; expected \"'\"")),
                letter if is_break(letter) => return Err(self.broken()),
                '\'' => return Ok(self.scanner.between(start, self.scanner.position - 1)),
                _ => {}
            }
        }
    }

    fn broken(&self) -> Failure {
        Failure::new(self.scanner.line - 1, "strings cannot contain newlines")
    }

    /// A string of several lines, after its three quotes.
    fn long(&mut self, mark: char) -> Read<String> {
        let start = self.scanner.position;
        let marks = String::from_iter([mark; 3]);
        let around = if mark == '"' { '\'' } else { '"' };
        loop {
            match self.scanner.next()? {
                END => return Err(self.scanner.error(format!("unexpected EOF; expected {around}{marks}{around}"))),
                '\\' if mark == '"' => self.long_escape(start)?,
                letter if letter == mark && self.scanner.accept(mark)? && self.scanner.accept(mark)? => {
                    if self.scanner.peek()? != mark {
                        break;
                    }
                    // Two quotes may stand before the last three.
                    let so_far = self.scanner.since(start);
                    let five = String::from_iter([mark; 5]);
                    if so_far.ends_with(&five) && !(mark == '"' && so_far.ends_with(&format!("\\{five}"))) {
                        return Err(self.scanner.error(format!("unexpected {around}{marks}{marks}{around}")));
                    }
                    self.scanner.back();
                    self.scanner.back();
                }
                _ => {}
            }
        }
        let text = self.scanner.between(start, self.scanner.position - 3);
        let text = text.strip_prefix('\n').or_else(|| text.strip_prefix("\r\n")).unwrap_or(&text);
        if mark == '"' { self.unescaped(&joined_lines(text)) } else { Ok(text.to_owned()) }
    }

    /// What follows a backslash in a string of several lines: also a line break.
    fn long_escape(&mut self, start: usize) -> Read<()> {
        if is_break(self.scanner.next()?) {
            return Ok(());
        }
        self.scanner.back();
        self.escape(start)
    }

    /// What follows a backslash.
    fn escape(&mut self, start: usize) -> Read<()> {
        let (digits, wanted) = match self.scanner.next()? {
            'b' | 't' | 'n' | 'f' | 'r' | 'e' | '"' | '\\' | ' ' | '\t' => return Ok(()),
            'x' => (2, r"two hexadecimal digits after '\x'"),
            'u' => (4, r"four hexadecimal digits after '\u'"),
            'U' => (8, r"eight hexadecimal digits after '\U'"),
            letter => return Err(self.scanner.error_in_text(format!("invalid escape in string '\\{letter}'"))),
        };
        for _ in 0..digits {
            if !self.scanner.next()?.is_ascii_hexdigit() {
                let so_far = quote(self.scanner.since(start));
                return Err(self.scanner.error(format!("expected {wanted}, but got {so_far} instead")));
            }
        }
        Ok(())
    }

    /// The text with its escapes replaced.
    fn unescaped(&self, text: &str) -> Read<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\\') {
            out.push_str(before);
            let mut letters = after.chars();
            let first = letters.next().unwrap_or(END);
            let digits = match first {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                ' ' | '\t' => {
                    let message = format!("invalid escape: '\\{first}'");
                    return Err(Failure::new(self.scanner.line, message));
                }
                _ => 0,
            };
            let (code, after) = letters.as_str().split_at_checked(digits).unwrap_or(("", letters.as_str()));
            out.push(if digits == 0 {
                plain_escape(first)
            } else {
                u32::from_str_radix(code, 16).ok().and_then(char::from_u32).ok_or_else(|| {
                    let message = format!("Escaped character '\\u{code}' is not valid UTF-8.");
                    Failure::new(self.scanner.line, message)
                })?
            });
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// What a letter after a backslash stands for.
fn plain_escape(letter: char) -> char {
    match letter {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        other => other,
    }
}

/// The text without line breaks that a backslash precedes, and without the blank that follows them.
fn joined_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let after = escape.get(1..).unwrap_or_default();
        let next = after.trim_start_matches([' ', '\t', '\r', '\n']);
        let blank = after.get(..after.len() - next.len()).unwrap_or_default();
        if blank.contains('\n') {
            rest = next;
        } else {
            // An escape of its own; a backslash takes the next letter with it.
            let end = 1 + after.chars().next().map_or(0, char::len_utf8);
            out.push_str(escape.get(..end).unwrap_or_default());
            rest = escape.get(end..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}
