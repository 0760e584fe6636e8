//! JSON as Go's `encoding/json` writes it: HTML characters escaped, whole floats without a fraction.
//!
//! **Invariant:** never changes what a document means; only its spelling is Go's.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The document as Go 1.26 marshals it.
pub(super) fn to_go_json<T: Serialize>(document: &T) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    document.serialize(&mut Serializer::with_formatter(&mut json, GoFormatter))?;
    Ok(json)
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut start = 0;
        for (at, letter) in fragment.char_indices() {
            let escape = match letter {
                '<' => "\\u003c",
                '>' => "\\u003e",
                '&' => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                _ => continue,
            };
            writer.write_all(fragment.get(start..at).unwrap_or_default().as_bytes())?;
            writer.write_all(escape.as_bytes())?;
            start = at + letter.len_utf8();
        }
        writer.write_all(fragment.get(start..).unwrap_or_default().as_bytes())
    }

    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(go_float(value).as_bytes())
    }
}

/// A float as Go's JSON encoder has it: shortest digits, an exponent only below 1e-6 and from 1e21.
fn go_float(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if exponent.starts_with('-') => format!("{digits}e{exponent}"),
        Some((digits, exponent)) => format!("{digits}e+{exponent}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::to_go_json;
    use serde_json::{Value, json};

    fn written(value: &Value) -> String {
        String::from_utf8(to_go_json(value).unwrap()).unwrap()
    }

    // Expected texts come from running Go 1.26's encoding/json.
    #[test]
    fn spelling_is_go_s() {
        assert_eq!(written(&json!("<a> & \u{2028}\u{2029}")), r#""\u003ca\u003e \u0026 \u2028\u2029""#);
        assert_eq!(written(&json!("\u{8}\u{c}\n\r\t\u{1}\u{7f}\"\\")), "\"\\b\\f\\n\\r\\t\\u0001\u{7f}\\\"\\\\\"");
        assert_eq!(written(&json!({"b": 1, "a": [null, true]})), r#"{"a":[null,true],"b":1}"#);
    }

    #[test]
    fn floats_are_spelled_as_in_go() {
        for (value, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (1e6, "1000000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.25e22, "1.25e+22"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-10, "1.5e-10"),
        ] {
            assert_eq!(written(&json!(value)), text);
        }
    }
}
