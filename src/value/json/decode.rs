//! JSON text into values.
//!
//! **Invariant:** whatever the bytes, an error or a value comes out; a syntax error is reported before an error of type, as in Go.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{Error, MAX_DEPTH, valid_utf8};

/// The Go type that JSON is read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `map[string]interface {}`.
    Map,
    /// `[]interface {}`.
    List,
}

impl Target {
    /// Whether the value is of this type, with Go's error if not. `null` fits every type.
    pub fn check(self, value: &Value) -> Result<(), Error> {
        let found = match value {
            Value::Null => return Ok(()),
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) if self == Self::List => return Ok(()),
            Value::Array(_) => "array",
            Value::Object(_) if self == Self::Map => return Ok(()),
            Value::Object(_) => "object",
        };
        let go_type = match self {
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
        };
        Err(Error::Type { value: found.to_owned(), go_type })
    }
}

/// The value of a JSON text: `json.Unmarshal` into an `interface {}`, but integers of up to 64 bits stay integers.
///
/// ```
/// use rhumb::value::json;
///
/// assert_eq!(json::parse(b"[1, x]").unwrap_err().to_string(), "invalid character 'x' looking for beginning of value");
/// ```
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    let (value, unfit) = parse_all(text)?;
    unfit.map_or(Ok(value), Err)
}

/// The value at the start of a text and the length that it takes, blanks before it included: `Decode` of a `json.Decoder`.
pub fn parse_first(text: &[u8]) -> Result<(Value, usize), Error> {
    let mut parser = Parser { text, pos: 0, depth: 0, unfit: None };
    parser.skip_space();
    let value = parser.value()?;
    let length = parser.pos;
    parser.unfit.map_or(Ok((value, length)), Err)
}

/// The value, and the error about the first number in it that no `float64` can hold, in whose place is `null`.
pub fn parse_all(text: &[u8]) -> Result<(Value, Option<Error>), Error> {
    let mut parser = Parser { text, pos: 0, depth: 0, unfit: None };
    parser.skip_space();
    let value = parser.value()?;
    parser.skip_space();
    if parser.pos < text.len() {
        return Err(parser.error("after top-level value"));
    }
    Ok((value, parser.unfit))
}

/// The value of a JSON text that must be of a Go type.
pub fn parse_into(text: &[u8], target: Target) -> Result<Value, Error> {
    let (value, unfit) = parse_all(text)?;
    if unfit.is_some() && !matches!(value, Value::Array(_) | Value::Object(_)) {
        // The number itself stands where a list or map is wanted.
        target.check(&Value::from(0))?;
    }
    target.check(&value)?;
    unfit.map_or(Ok(value), Err)
}

struct Parser<'a> {
    text: &'a [u8],
    pos: usize,
    depth: usize,
    /// The first number that no `float64` can hold.
    unfit: Option<Error>,
}

impl<'a> Parser<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.pos).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte() {
            self.pos += 1;
        }
    }

    /// Go's error about the byte here, or about the end.
    fn error(&self, context: &str) -> Error {
        match self.byte() {
            Some(byte) => Self::error_about(byte, context),
            None => Error::Syntax("unexpected end of JSON input".to_owned()),
        }
    }

    /// Go's error about the byte here, within something that nothing may end: there Go tries a space after the end.
    fn error_within(&self, context: &str) -> Error {
        Self::error_about(self.byte().unwrap_or(b' '), context)
    }

    fn error_about(byte: u8, context: &str) -> Error {
        let shown = match byte {
            b'\'' => "\\'".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\r' => "\\r".to_owned(),
            b'\t' => "\\t".to_owned(),
            0x07 => "\\a".to_owned(),
            0x08 => "\\b".to_owned(),
            0x0B => "\\v".to_owned(),
            0x0C => "\\f".to_owned(),
            0x00..=0x1F | 0x7F => format!("\\x{byte:02x}"),
            0x80..=0xA0 | 0xAD => format!("\\u{byte:04x}"),
            _ => char::from(byte).to_string(),
        };
        Error::Syntax(format!("invalid character '{shown}' {context}"))
    }

    fn value(&mut self) -> Result<Value, Error> {
        match self.byte() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(|text| Value::String(text.into_owned())),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error("looking for beginning of value")),
        }
    }

    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Result<Value, Error>) -> Result<Value, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::Syntax("exceeded max depth".to_owned()));
        }
        self.pos += 1;
        self.skip_space();
        let value = parse(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, Error> {
        let mut entries = Map::new();
        if self.byte() == Some(b'}') {
            self.pos += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            if self.byte() != Some(b'"') {
                return Err(self.error("looking for beginning of object key string"));
            }
            let key = self.string()?.into_owned();
            self.skip_space();
            if self.byte() != Some(b':') {
                return Err(self.error("after object key"));
            }
            self.pos += 1;
            self.skip_space();
            let value = self.value()?;
            entries.insert(key, value);
            self.skip_space();
            match self.byte() {
                Some(b',') => self.pos += 1,
                Some(b'}') => {
                    self.pos += 1;
                    return Ok(Value::Object(entries));
                }
                _ => return Err(self.error("after object key:value pair")),
            }
            self.skip_space();
        }
    }

    fn array(&mut self) -> Result<Value, Error> {
        let mut items = Vec::new();
        if self.byte() == Some(b']') {
            self.pos += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space();
            match self.byte() {
                Some(b',') => self.pos += 1,
                Some(b']') => {
                    self.pos += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.error("after array element")),
            }
            self.skip_space();
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        for expected in word.bytes() {
            if self.byte() != Some(expected) {
                return Err(self.error_within(&format!("in literal {word} (expecting '{}')", char::from(expected))));
            }
            self.pos += 1;
        }
        Ok(value)
    }

    fn digits(&mut self, context: &str) -> Result<(), Error> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err(self.error_within(context));
        }
        while let Some(b'0'..=b'9') = self.byte() {
            self.pos += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.pos;
        if self.byte() == Some(b'-') {
            self.pos += 1;
        }
        if self.byte() == Some(b'0') {
            self.pos += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.byte() == Some(b'.') {
            self.pos += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.pos += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = self.text.get(start..self.pos).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        Ok(self.number_value(text))
    }

    fn number_value(&mut self, text: &str) -> Value {
        if let Ok(integer) = text.parse::<i64>()
            && text != "-0"
        {
            return Value::from(integer);
        }
        if let Ok(integer) = text.parse::<u64>() {
            return Value::from(integer);
        }
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        if number.is_none() && self.unfit.is_none() {
            self.unfit = Some(Error::Type { value: format!("number {text}"), go_type: "float64" });
        }
        number.map_or(Value::Null, Value::Number)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        self.pos += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let start = self.pos;
            while let Some(byte) = self.byte()
                && byte >= 0x20
                && byte != b'"'
                && byte != b'\\'
            {
                self.pos += 1;
            }
            let stretch = valid_utf8(self.text.get(start..self.pos).unwrap_or_default());
            if text.is_empty() {
                text = stretch;
            } else {
                text.to_mut().push_str(&stretch);
            }
            match self.byte() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.pos += 1;
                    let character = self.escape()?;
                    text.to_mut().push(character);
                }
                _ => return Err(self.error("in string literal")),
            }
        }
    }

    /// The character after a backslash. Half a surrogate pair reads as U+FFFD.
    fn escape(&mut self) -> Result<char, Error> {
        let character = match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.pos += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error_within("in string escape code")),
        };
        self.pos += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, Error> {
        let unit = self.hex()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        let after = self.pos;
        if unit < 0xDC00 && self.text.get(after..after + 2) == Some(b"\\u") {
            self.pos += 2;
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.pos = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or_else(|| self.error_within("in \\u hexadecimal character escape"))?;
            self.pos += 1;
        }
        Ok(unit)
    }
}
