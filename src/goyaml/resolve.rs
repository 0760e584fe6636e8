//! The types of plain scalars, by YAML 1.1 as go-yaml has it.
//!
//! Counterpart: `resolve.go` of go-yaml v2.4 and v3.0. Text in, type and value out. Sexagesimal numbers are strings; timestamps are
//! recognised, because the writer quotes them, but read as strings.
//!
//! **Invariant:** a text resolves to a string only if go-yaml would write it without quotes, base 60 and old booleans aside.

use super::error::ReadError;
use super::style::Dialect;
use super::timestamp;

/// What YAML's own tags begin with when they are written in full.
pub(super) const CORE_PREFIX: &str = "tag:yaml.org,2002:";

/// What the text of a scalar stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond 63 bits.
    Uint(u64),
    Float(f64),
    Timestamp,
    /// Any other text, the merge key `<<` among them.
    String,
}

impl Resolved {
    /// The short form of the tag.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) | Self::Uint(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::Timestamp => "!!timestamp",
            Self::String => "!!str",
        }
    }
}

/// The type of a plain scalar without a tag.
pub(super) fn resolve(text: &str, dialect: Dialect) -> Resolved {
    let Some(&first) = text.as_bytes().first() else { return Resolved::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => resolve_word(text, dialect),
        b'.' => resolve_dot(text),
        b'+' | b'-' | b'0'..=b'9' => resolve_number(text, dialect, true),
        _ => Resolved::String,
    }
}

/// The type of a scalar as read by go-yaml v2: by its tag if it has one, by its text if it is plain. Unknown tags are strings.
/// An error if the text is not of the type that a tag of YAML's own names.
pub(super) fn resolve_scalar(text: &str, tag: Option<&str>, implicit: bool) -> Result<Resolved, ReadError> {
    match tag.map(|tag| tag.strip_prefix(CORE_PREFIX)) {
        None if implicit => Ok(resolve(text, Dialect::V2)),
        Some(Some("bool")) => resolve_tagged(text, "!!bool", Dialect::V2),
        Some(Some("int")) => resolve_tagged(text, "!!int", Dialect::V2),
        Some(Some("float")) => resolve_tagged(text, "!!float", Dialect::V2),
        Some(Some("null")) => resolve_tagged(text, "!!null", Dialect::V2),
        Some(Some("timestamp")) => resolve_tagged(text, "!!timestamp", Dialect::V2),
        _ => Ok(Resolved::String),
    }
}

/// The type of a scalar with a tag of YAML's own. An error if the text is not of that type.
pub(super) fn resolve_tagged(text: &str, tag: &str, dialect: Dialect) -> Result<Resolved, ReadError> {
    let number = matches!(text.as_bytes().first(), Some(b'+' | b'-' | b'0'..=b'9'));
    let resolved = if number { resolve_number(text, dialect, tag == "!!timestamp") } else { resolve(text, dialect) };
    match resolved {
        Resolved::Int(value) if tag == "!!float" => Ok(Resolved::Float(value as f64)),
        _ if resolved.tag() == tag => Ok(resolved),
        _ => Err(ReadError::Meaning(format!("cannot decode {} `{text}` as a {tag}", resolved.tag()))),
    }
}

fn resolve_word(text: &str, dialect: Dialect) -> Resolved {
    match text {
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "true" | "True" | "TRUE" => Resolved::Bool(true),
        "false" | "False" | "FALSE" => Resolved::Bool(false),
        _ if dialect == Dialect::V3 => Resolved::String,
        _ => old_bool(text).map_or(Resolved::String, Resolved::Bool),
    }
}

/// The words that are booleans in YAML 1.1 alone.
pub(super) fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn resolve_dot(text: &str) -> Resolved {
    match text {
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
        // Go's own parser is asked here, which has underscores between digits.
        _ if text.contains('_') => {
            let stripped = if has_go_underscores(text.as_bytes()) { parse_float(&text.replace('_', "")) } else { None };
            stripped.map_or(Resolved::String, Resolved::Float)
        }
        _ => parse_float(text).map_or(Resolved::String, Resolved::Float),
    }
}

/// Whether every underscore has a digit on either side.
fn has_go_underscores(text: &[u8]) -> bool {
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    text.iter().enumerate().all(|(at, byte)| *byte != b'_' || (at > 0 && digit(at - 1) && digit(at + 1)))
}

fn resolve_number(text: &str, dialect: Dialect, timestamps: bool) -> Resolved {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if timestamps && timestamp::is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let stripped: String;
    let plain = if text.contains('_') {
        stripped = text.replace('_', "");
        &stripped
    } else {
        text
    };
    parse_integer(plain).or_else(|| parse_float(plain).map(Resolved::Float)).unwrap_or_else(|| {
        let octal = plain.strip_prefix("-0o").or_else(|| plain.strip_prefix("0o"));
        // Only go-yaml v3 tries this form apart from Go's own literals, which matters for a sign inside.
        let inner = octal.filter(|_| dialect == Dialect::V3).map(|digits| (digits, 8));
        let binary = plain.strip_prefix("-0b").or_else(|| plain.strip_prefix("0b")).map(|digits| (digits, 2));
        inner.or(binary).and_then(|(digits, radix)| signed_digits(plain, digits, radix)).unwrap_or(Resolved::String)
    })
}

/// Digits after a prefix that may have a sign of their own, as in `0b-1`.
fn signed_digits(plain: &str, digits: &str, radix: u32) -> Option<Resolved> {
    if plain.starts_with('-') {
        let text = format!("-{digits}");
        return i64::from_str_radix(&text, radix).ok().map(Resolved::Int);
    }
    i64::from_str_radix(digits, radix).ok().map(Resolved::Int)
}

/// A Go integer literal with a sign: decimal, `0x`, `0o`, `0b`, or octal after a zero.
fn parse_integer(text: &str) -> Option<Resolved> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Resolved::Int);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Resolved::Int(value)),
        // Go reads 64 bits only without a sign.
        Err(_) if text.starts_with('+') => None,
        Err(_) => Some(Resolved::Uint(magnitude)),
    }
}

/// A float in YAML's form, if it fits.
fn parse_float(text: &str) -> Option<f64> {
    if !has_float_form(text.as_bytes()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Whether the text is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn has_float_form(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let (whole, rest) = split_digits(text);
    let rest = match rest {
        [b'.', rest @ ..] => {
            let (fraction, rest) = split_digits(rest);
            if whole == 0 && fraction == 0 {
                return false;
            }
            rest
        }
        _ if whole == 0 => return false,
        _ => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'-' | b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// The number of leading digits, and what follows them.
fn split_digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, text.get(count..).unwrap_or_default())
}

/// Whether the text is a base 60 number of YAML 1.1: go-yaml reads it as a string but writes it with quotes.
pub(super) fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let head = parts.next().unwrap_or_default().as_bytes();
    let Some((first, rest)) = head.split_first() else { return false };
    if !first.is_ascii_digit() || !rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_') {
        return false;
    }
    let mut parts = parts.peekable();
    let mut found = false;
    while let Some(part) = parts.next() {
        let (digits, fraction) = match part.split_once('.') {
            Some((digits, fraction)) if parts.peek().is_none() => (digits, fraction),
            Some(_) => return false,
            None => (part, ""),
        };
        let sexagesimal = match digits.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
            _ => false,
        };
        if !sexagesimal || !fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
            return false;
        }
        found = true;
    }
    found
}
