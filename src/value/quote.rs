//! Go string and rune literals: `strconv.Quote`, `strconv.QuoteToASCII` and `strconv.QuoteRune` (Go 1.26).
//!
//! What is printable is decided by the standard library's own table, which has the categories that Go's has, but for letters that are
//! newer than Go's Unicode.
//!
//! **Invariant:** what comes out is ASCII or printable, whatever bytes go in.

use std::fmt::Write as _;

use super::category::is_known;

/// A Go string literal in double quotes that stands for these bytes.
pub fn quote(bytes: impl AsRef<[u8]>) -> String {
    quote_with(bytes.as_ref(), '"', false)
}

/// As [`quote`], with everything beyond ASCII escaped.
pub fn quote_to_ascii(bytes: impl AsRef<[u8]>) -> String {
    quote_with(bytes.as_ref(), '"', true)
}

/// A Go rune literal; what is no character becomes U+FFFD.
pub fn quote_rune(rune: i64, ascii_only: bool) -> String {
    let character = u32::try_from(rune).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut out = String::from('\'');
    append_escaped(&mut out, character, '\'', ascii_only);
    out.push('\'');
    out
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    // A character in front, because Rust escapes a combining mark that starts a text.
    let mut text = String::with_capacity(8);
    text.push('a');
    text.push(character);
    text.escape_debug().nth(1) == Some(character) && is_known(character)
}

fn quote_with(bytes: &[u8], delimiter: char, ascii_only: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(delimiter);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            append_escaped(&mut out, character, delimiter, ascii_only);
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(delimiter);
    out
}

fn append_escaped(out: &mut String, character: char, delimiter: char, ascii_only: bool) {
    match character {
        '\\' => out.push_str("\\\\"),
        _ if character == delimiter => {
            out.push('\\');
            out.push(character);
        }
        _ if (character.is_ascii() || !ascii_only) && is_print(character) => out.push(character),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ => {
            let code = u32::from(character);
            let _ = match code {
                0..0x20 | 0x7f => write!(out, "\\x{code:02x}"),
                0x20..0x1_0000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote("a\"b\\\n\t\x01\u{7f}é\u{a0}\u{200b}😀"), r#""a\"b\\\n\t\x01\x7fé\u00a0\u200b😀""#);
        assert_eq!(quote(b"\xff\xc3a"), r#""\xff\xc3a""#);
        assert_eq!(quote_to_ascii("é😀"), r#""\u00e9\U0001f600""#);
        assert_eq!(quote_rune(0x27, false), r"'\''");
        assert_eq!(quote_rune(-1, true), r"'\ufffd'");
        assert_eq!(quote("e\u{301}"), "\"e\u{301}\"");
    }
}
