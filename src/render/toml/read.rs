//! TOML into values.
//!
//! Counterpart: `lex.go` and `parse.go` of BurntSushi/toml 1.6.0, with its error texts, and the lines and keys that they name. Integers
//! become `int64`, dates and times `time.Time`; a local zone is UTC.
//!
//! **Invariant:** reading ends: nesting beyond [`MAX_DEPTH`] is an error.

use super::scan::{END, Scanner, is_blank, is_break};
use super::tables::{Document, Node};
use super::{is_bare, numbers};
use crate::value::{ElementType, List, MAX_DEPTH, Map, MapType, Text, Value, quote, quote_rune};

/// Why a text cannot be read, and the line that is named for it.
pub(super) struct Failure {
    pub(super) line: i64,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(line: i64, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

pub(super) type Read<T> = Result<T, Failure>;

/// The value of a TOML document.
pub(in crate::render) fn from_toml(text: &[u8]) -> Result<Value, String> {
    let text = [&b"\xff\xfe"[..], b"\xfe\xff", b"\xef\xbb\xbf"]
        .iter()
        .find_map(|mark| text.strip_prefix(*mark))
        .unwrap_or(text);
    if text.iter().take(6).any(|byte| *byte == 0) {
        let message = "files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8";
        return Err(format!("toml: line 1: {message}"));
    }
    let mut reader = Reader { scanner: Scanner::new(text), document: Document::default(), key_line: 0, depth: 0 };
    match reader.document() {
        Ok(()) => Ok(reader.document.into_value()),
        Err(Failure { line, message }) => Err(match reader.document.last_key() {
            key if key.is_empty() => format!("toml: line {line}: {message}"),
            key => format!("toml: line {line} (last key {}): {message}", quote(key)),
        }),
    }
}

/// A reader and what it has read.
pub(super) struct Reader<'t> {
    pub(super) scanner: Scanner<'t>,
    document: Document,
    /// Where the latest key began, which errors about keys name.
    key_line: i64,
    depth: usize,
}

/// A letter in single quotes, as `%q` has it.
fn shown(letter: char) -> String {
    quote_rune(i64::from(u32::from(letter)), false)
}

/// A letter in single quotes as it is.
fn letter_or_end(letter: char) -> String {
    if letter == END { "end of file".to_owned() } else { format!("'{letter}'") }
}

impl Reader<'_> {
    fn document(&mut self) -> Read<()> {
        loop {
            match self.scanner.next()? {
                letter if is_blank(letter) || is_break(letter) => {}
                '#' => self.comment()?,
                '[' => {
                    self.header()?;
                    self.end_of_line()?;
                }
                END => return Ok(()),
                _ => {
                    self.scanner.back();
                    self.entry()?;
                    self.end_of_line()?;
                }
            }
        }
    }

    /// What may follow on the line of a key or header.
    fn end_of_line(&mut self) -> Read<()> {
        loop {
            match self.scanner.next()? {
                '#' => return self.comment(),
                letter if is_blank(letter) => {}
                letter if is_break(letter) => return Ok(()),
                END => {
                    self.scanner.back();
                    return Ok(());
                }
                letter => {
                    let wanted = "expected a top-level item to end with a newline, comment, or EOF";
                    return Err(self.scanner.error(format!("{wanted}, but got {} instead", shown(letter))));
                }
            }
        }
    }

    /// The rest of a comment, up to the line break.
    fn comment(&mut self) -> Read<()> {
        self.scanner.skip(|letter| !is_break(letter) && letter != END)
    }

    /// A failure about keys.
    fn refused(&self) -> impl Fn(String) -> Failure + use<> {
        let line = self.key_line;
        move |message| Failure { line, message }
    }

    /// The header of a table, after its first bracket.
    fn header(&mut self) -> Read<()> {
        let in_array = self.scanner.peek()? == '[';
        if in_array {
            self.scanner.next()?;
        }
        let mut key = Vec::new();
        loop {
            self.scanner.skip_blanks()?;
            match self.scanner.peek()? {
                ']' | END => {
                    let message = "unexpected end of table name (table names cannot be empty)";
                    return Err(self.scanner.error(message));
                }
                '.' => {
                    let message = "unexpected table separator (table names cannot be empty)";
                    return Err(self.scanner.error(message));
                }
                _ => self.key_part(&mut key)?,
            }
            self.scanner.skip_blanks()?;
            match self.scanner.next()? {
                '.' => {}
                ']' => break,
                letter => {
                    let message = "expected '.' or ']' to end table name, but got";
                    return Err(self.scanner.error(format!("{message} {} instead", shown(letter))));
                }
            }
        }
        if in_array {
            let letter = self.scanner.next()?;
            if letter != ']' {
                let message = "expected end of table array name delimiter ']', but got";
                return Err(self.scanner.error(format!("{message} {} instead", shown(letter))));
            }
        }
        self.document.enter(&key, in_array).map_err(self.refused())?;
        self.document.set_array("", false);
        Ok(())
    }

    /// One part of a key: bare or in quotes.
    fn key_part(&mut self, key: &mut Vec<String>) -> Read<()> {
        let part = match self.scanner.peek()? {
            '"' => {
                self.scanner.next()?;
                self.quoted()?
            }
            '\'' => {
                self.scanner.next()?;
                self.raw()?
            }
            _ => {
                let start = self.scanner.position;
                self.scanner.skip(is_bare)?;
                self.scanner.since(start)
            }
        };
        if key.is_empty() {
            self.key_line = self.scanner.line;
        }
        key.push(part);
        Ok(())
    }

    /// A key up to the equals sign.
    fn key(&mut self) -> Read<Vec<String>> {
        self.scanner.skip_blanks()?;
        match self.scanner.peek()? {
            '=' | END => return Err(self.scanner.error("unexpected '=': key name appears blank")),
            '.' => return Err(self.scanner.error("unexpected '.': keys cannot start with a '.'")),
            _ => {}
        }
        let mut key = Vec::new();
        loop {
            self.scanner.skip_blanks()?;
            match self.scanner.peek()? {
                '=' | END => return Err(self.scanner.error("unexpected '='")),
                '.' => return Err(self.scanner.error("unexpected '.'")),
                _ => self.key_part(&mut key)?,
            }
            self.scanner.skip_blanks()?;
            match self.scanner.next()? {
                '=' => return Ok(key),
                '.' => {}
                END => return Err(self.scanner.error("unexpected EOF; expected key separator '='")),
                letter => {
                    let message = format!("expected '.' or '=', but got {} instead", shown(letter));
                    let before = i64::from(letter == '\n');
                    return Err(Failure::new(self.scanner.line - before, message));
                }
            }
        }
    }

    /// Makes a key the current one, and the tables that it names on the way. Gives those.
    fn enter_key(&mut self, mut key: Vec<String>) -> Read<Vec<String>> {
        self.document.key = key.pop().unwrap_or_default();
        for part in &key {
            self.document.enter_implicit(part).map_err(self.refused())?;
        }
        Ok(key)
    }

    /// A key and its value.
    fn entry(&mut self) -> Read<()> {
        let outer = self.document.context.clone();
        let key = self.key()?;
        self.enter_key(key)?;
        let value = self.value(false)?;
        self.store(value)?;
        self.document.context = outer;
        self.document.key.clear();
        Ok(())
    }

    /// Gives the current key its value.
    fn store(&mut self, value: Value) -> Read<()> {
        let key = self.document.key.clone();
        let is_array = matches!(value, Value::List(_));
        self.document.set(&key, Node::Value(value)).map_err(self.refused())?;
        self.document.set_array(&key, is_array);
        Ok(())
    }

    fn value(&mut self, in_array: bool) -> Read<Value> {
        self.scanner.skip_blanks()?;
        let start = self.scanner.position;
        match self.scanner.next()? {
            '[' => self.nested(Self::array),
            '{' => self.nested(|reader| reader.inline_table(in_array)),
            '"' => self.text(true),
            '\'' => self.text(false),
            letter if letter.is_ascii_digit() => self.number(start, letter),
            '-' | '+' => self.signed(start),
            '.' => Err(self.scanner.error("floats must start with a digit, not '.'")),
            letter => self.word(start, letter),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Read<Value>) -> Read<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.scanner.error(format!("nesting deeper than {MAX_DEPTH}")));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// `true`, `false`, `inf`, `nan`, or what is none of them.
    fn word(&mut self, start: usize, first: char) -> Read<Value> {
        if matches!(first, 'i' | 'n')
            && ((self.scanner.accept('n')? && self.scanner.accept('f')?)
                || (self.scanner.accept('a')? && self.scanner.accept('n')?))
        {
            return self.float(start);
        }
        if first.is_alphabetic() {
            self.scanner.back();
            let start = self.scanner.position;
            self.scanner.skip(char::is_alphabetic)?;
            return match self.scanner.since(start).as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                word => Err(self.scanner.error(format!("expected value but found {} instead", quote(word)))),
            };
        }
        if first == END {
            return Err(self.scanner.error("unexpected EOF; expected value"));
        }
        let message = format!("expected value but found {} instead", shown(first));
        Err(Failure::new(self.scanner.line - i64::from(first == '\n'), message))
    }

    fn array(&mut self) -> Read<Value> {
        let key = self.document.key.clone();
        self.document.set_array(&key, true);
        let mut items = Vec::new();
        while self.has_item(']')? {
            items.push(self.value(true)?);
            if self.ends(']', |found| {
                format!("expected a comma (',') or array terminator (']'), but got {}", letter_or_end(found))
            })? {
                break;
            }
        }
        Ok(Value::List(List::new(ElementType::Any, items)))
    }

    /// Whether an item follows, which is then next, and not the end of a list.
    fn has_item(&mut self, bracket: char) -> Read<bool> {
        loop {
            match self.scanner.next()? {
                letter if is_blank(letter) || is_break(letter) => {}
                '#' => self.comment()?,
                ',' => return Err(self.scanner.error("unexpected comma")),
                letter if letter == bracket => return Ok(false),
                _ => {
                    self.scanner.back();
                    return Ok(true);
                }
            }
        }
    }

    /// Whether a list ends here; otherwise a comma was passed.
    fn ends(&mut self, bracket: char, otherwise: impl Fn(char) -> String) -> Read<bool> {
        loop {
            match self.scanner.next()? {
                letter if is_blank(letter) || is_break(letter) => {}
                '#' => self.comment()?,
                ',' => return Ok(false),
                letter if letter == bracket => return Ok(true),
                letter => return Err(self.scanner.error(otherwise(letter))),
            }
        }
    }

    fn inline_table(&mut self, in_array: bool) -> Read<Value> {
        let (outer_context, outer_key) = (self.document.context.clone(), self.document.key.clone());
        let mut path = outer_context.clone();
        path.push(std::mem::take(&mut self.document.key));
        self.document.context.clone_from(&path);
        self.document.mark_implicit(&path);
        self.document.enter(&path, in_array).map_err(self.refused())?;
        let table = Map::new(MapType::Any);
        while self.has_item('}')? {
            self.inline_entry(&table)?;
            self.document.context.clone_from(&path);
            if self.inline_ends()? {
                break;
            }
        }
        self.document.context = outer_context;
        self.document.key = outer_key;
        Ok(Value::Map(table))
    }

    /// Whether an inline table ends here; a comma before the end is allowed.
    fn inline_ends(&mut self) -> Read<bool> {
        loop {
            if self.ends('}', |found| {
                let wanted = "expected a comma or an inline table terminator '}'";
                format!("{wanted}, but got {} instead", letter_or_end(found))
            })? {
                return Ok(true);
            }
            self.scanner.skip_blanks()?;
            if self.scanner.peek()? != '}' {
                return Ok(false);
            }
        }
    }

    /// A key of an inline table and its value, which goes into the document and into the table itself.
    fn inline_entry(&mut self, table: &Map) -> Read<()> {
        let key = self.key()?;
        let parents = self.enter_key(key)?;
        let value = self.value(false)?;
        self.store(value.clone())?;
        let mut table = table.clone();
        for part in &parents {
            let inner = match table.get(part.as_str()) {
                Some(Value::Map(inner)) => inner,
                Some(_) => {
                    let context = self.document.context.iter().map(quote).collect::<Vec<_>>().join(" ");
                    return Err(self.refused()(format!("[{context}] is not a table")));
                }
                None => {
                    let inner = Map::new(MapType::Any);
                    table.insert(Text::from(part), Value::Map(inner.clone()));
                    inner
                }
            };
            table = inner;
        }
        table.insert(Text::from(&self.document.key), value);
        Ok(())
    }

    fn integer(&self, start: usize) -> Read<Value> {
        numbers::integer(&self.scanner.since(start)).map_err(|message| Failure::new(self.scanner.line, message))
    }

    fn float(&self, start: usize) -> Read<Value> {
        numbers::float(&self.scanner.since(start)).map_err(|message| Failure::new(self.scanner.line, message))
    }

    /// A number with a sign, which has been passed.
    fn signed(&mut self, start: usize) -> Read<Value> {
        match self.scanner.next()? {
            'i' => self.special(start, 'n', 'f'),
            'n' => self.special(start, 'a', 'n'),
            '.' => Err(self.scanner.error("floats must start with a digit, not '.'")),
            '0' if matches!(self.scanner.peek()?, 'b' | 'o' | 'x') => {
                let (so_far, base) = (self.scanner.since(start), self.scanner.peek()?);
                Err(self.scanner.error(format!("cannot use sign with non-decimal numbers: '{so_far}{base}'")))
            }
            letter if letter.is_ascii_digit() => self.decimal(start),
            letter => Err(self.scanner.error(format!("expected a digit but got {}", shown(letter)))),
        }
    }

    /// The rest of `inf` or `nan`.
    fn special(&mut self, start: usize, second: char, third: char) -> Read<Value> {
        if self.scanner.accept(second)? && self.scanner.accept(third)? {
            return self.float(start);
        }
        Err(self.scanner.error(format!("invalid float: '{}'", self.scanner.since(start))))
    }

    /// A number or a time, after its first digit.
    fn number(&mut self, start: usize, first: char) -> Read<Value> {
        if first == '0' {
            match self.scanner.next()? {
                letter if letter.is_ascii_digit() => {}
                '_' => return self.decimal(start),
                '.' | 'e' | 'E' => return self.fraction(start),
                'b' => return self.based(start, "a binary", |letter| matches!(letter, '0' | '1')),
                'o' => return self.based(start, "an octal", |letter| letter.is_digit(8)),
                'x' => return self.based(start, "a hexadecimal", |letter| letter.is_ascii_hexdigit()),
                _ => {
                    self.scanner.back();
                    return self.integer(start);
                }
            }
        }
        self.scanner.skip(|letter| letter.is_ascii_digit())?;
        match self.scanner.next()? {
            '-' | ':' => self.time(start),
            '_' => self.decimal(start),
            '.' | 'e' | 'E' => self.fraction(start),
            _ => {
                self.scanner.back();
                self.integer(start)
            }
        }
    }

    fn time(&mut self, start: usize) -> Read<Value> {
        let belongs = |letter: char| {
            letter.is_ascii_digit() || matches!(letter, '-' | ':' | 'T' | 't' | ' ' | '.' | 'Z' | 'z' | '+')
        };
        self.scanner.skip(belongs)?;
        let text = self.scanner.since(start);
        numbers::time(text.trim()).map_err(|message| Failure::new(self.scanner.line, message))
    }

    fn decimal(&mut self, start: usize) -> Read<Value> {
        self.scanner.skip(|letter| letter.is_ascii_digit() || letter == '_')?;
        if matches!(self.scanner.next()?, '.' | 'e' | 'E') {
            return self.fraction(start);
        }
        self.scanner.back();
        self.integer(start)
    }

    fn fraction(&mut self, start: usize) -> Read<Value> {
        let belongs = |letter: char| letter.is_ascii_digit() || matches!(letter, '_' | '.' | '-' | '+' | 'e' | 'E');
        self.scanner.skip(belongs)?;
        self.float(start)
    }

    /// An integer of another base, after its prefix.
    fn based(&mut self, start: usize, kind: &str, is_digit: impl Fn(char) -> bool) -> Read<Value> {
        let first = self.scanner.peek()?;
        if !is_digit(first) {
            let so_far = self.scanner.since(start);
            return Err(self.scanner.error(format!("not {kind} number: '{so_far}{first}'")));
        }
        self.scanner.skip(|letter| is_digit(letter) || letter == '_')?;
        self.integer(start)
    }
}
