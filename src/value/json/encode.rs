//! Values into JSON text.
//!
//! **Invariant:** the same value always gives the same text: keys in byte order, the fields of a struct in their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Error, MAX_DEPTH, float};
use crate::value::{Kind, Object, Value};

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Whether `<`, `>` and `&` are escaped.
    pub escape_html: bool,
    /// Whether every entry has a line of its own, indented by two spaces for each level.
    pub indent: bool,
}

impl Format {
    /// `json.Marshal`: compact, with HTML escaped.
    pub const MARSHAL: Self = Self { escape_html: true, indent: false };
    /// An encoder with `SetEscapeHTML(false)`, without its line break at the end.
    pub const RAW: Self = Self { escape_html: false, indent: false };
    /// `json.MarshalIndent(v, "", "  ")`, with HTML escaped.
    pub const PRETTY: Self = Self { escape_html: true, indent: true };
}

/// The JSON text of a value. Errors: infinite and undefined numbers, and nesting beyond [`MAX_DEPTH`].
///
/// ```
/// use rhumb::value::{Value, json};
///
/// let list = Value::list(vec![Value::Float(1e6), Value::string("a<b")]);
/// assert_eq!(json::encode(&list, json::Format::MARSHAL).unwrap(), r#"[1000000,"a\u003cb"]"#);
/// ```
pub fn encode(value: &Value, format: Format) -> Result<String, Error> {
    let mut encoder = Encoder { out: String::new(), format, depth: 0 };
    encoder.value(value)?;
    Ok(encoder.out)
}

/// The JSON text of a JSON document, with numbers and escapes as Go writes them.
pub fn encode_json(json: &serde_json::Value, format: Format) -> Result<String, Error> {
    let mut encoder = Encoder { out: String::new(), format, depth: 0 };
    encoder.json(json)?;
    Ok(encoder.out)
}

struct Encoder {
    out: String,
    format: Format,
    depth: usize,
}

impl Encoder {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(_, value) => self.out.push_str(&value.to_string()),
            Value::Uint(_, value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)?),
            Value::String(text) => self.string(text.as_bytes()),
            Value::Bytes(bytes) if bytes.is_nil() => self.out.push_str("null"),
            Value::Bytes(bytes) => self.string(STANDARD.encode(&**bytes).as_bytes()),
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) => self.array(list.iter(), Self::value)?,
            Value::Map(map) if map.is_nil() => self.out.push_str("null"),
            Value::Map(map) => {
                let entries = map.snapshot();
                self.object(entries.iter().map(|(key, value)| (key, value)), Self::value)?;
            }
            Value::Object(object) => self.go_object(object.as_ref())?,
        }
        Ok(())
    }

    /// An object as it wants to be encoded, or what is underneath it, or its fields.
    fn go_object(&mut self, object: &dyn Object) -> Result<(), Error> {
        if object.kind() == Kind::Complex128 {
            return Err(Error::UnsupportedType(object.type_name().to_owned()));
        }
        if let Some(value) = object.encoded().or_else(|| object.underlying()) {
            // The value takes the object's place, on the same level.
            return self.value(&value);
        }
        let fields = object.json_fields();
        self.object(fields.iter().map(|(name, value)| (*name, value)), Self::value)
    }

    fn json(&mut self, json: &serde_json::Value) -> Result<(), Error> {
        match json {
            serde_json::Value::Null => self.out.push_str("null"),
            serde_json::Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            serde_json::Value::Number(number) => match number.as_f64() {
                Some(value) if number.is_f64() => self.out.push_str(&float(value)?),
                _ => self.out.push_str(&number.to_string()),
            },
            serde_json::Value::String(text) => self.string(text.as_bytes()),
            serde_json::Value::Array(items) => self.array(items.iter(), Self::json)?,
            serde_json::Value::Object(entries) => {
                self.object(entries.iter(), Self::json)?;
            }
        }
        Ok(())
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let problem = "encountered a cycle via map[string]interface {}";
            return Err(Error::UnsupportedValue(problem.to_owned()));
        }
        write(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn array<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.nested(|encoder| {
            encoder.out.push('[');
            let mut empty = true;
            for item in items {
                encoder.separate(empty);
                write(encoder, item)?;
                empty = false;
            }
            encoder.close(']', empty);
            Ok(())
        })
    }

    fn object<K: AsRef<[u8]>, T>(
        &mut self,
        entries: impl Iterator<Item = (K, T)>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.nested(|encoder| {
            encoder.out.push('{');
            let mut empty = true;
            for (key, value) in entries {
                encoder.separate(empty);
                encoder.string(key.as_ref());
                encoder.out.push_str(if encoder.format.indent { ": " } else { ":" });
                write(encoder, value)?;
                empty = false;
            }
            encoder.close('}', empty);
            Ok(())
        })
    }

    fn separate(&mut self, first: bool) {
        if !first {
            self.out.push(',');
        }
        self.break_line(self.depth);
    }

    fn close(&mut self, bracket: char, empty: bool) {
        if !empty {
            self.break_line(self.depth - 1);
        }
        self.out.push(bracket);
    }

    fn break_line(&mut self, level: usize) {
        if self.format.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", level));
        }
    }

    /// Writes a string; bytes that are not UTF-8 become escapes of U+FFFD, which stays as it is elsewhere.
    fn string(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            self.stretch(chunk.valid());
            self.out.extend(std::iter::repeat_n("\\ufffd", chunk.invalid().len()));
        }
        self.out.push('"');
    }

    fn stretch(&mut self, text: &str) {
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape: &str = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0x08 => "\\b",
                0x0C => "\\f",
                0x00..=0x1F => "",
                b'<' | b'>' | b'&' if self.format.escape_html => "",
                0xE2 => match text.get(at..at + 3) {
                    Some("\u{2028}") => "\\u2028",
                    Some("\u{2029}") => "\\u2029",
                    _ => continue,
                },
                _ => continue,
            };
            self.out.push_str(text.get(written..at).unwrap_or_default());
            if escape.is_empty() {
                self.out.push_str("\\u00");
                self.out.extend([hex_digit(byte >> 4), hex_digit(byte & 0xF)]);
            } else {
                self.out.push_str(escape);
            }
            written = at + if byte == 0xE2 { 3 } else { 1 };
        }
        self.out.push_str(text.get(written..).unwrap_or_default());
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0')
}
