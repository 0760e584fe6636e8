//! JSON as Go's `encoding/json` (Go 1.26) reads and writes it: byte-exact text, number rules and error messages.
//!
//! Written are [`Value`](super::Value) and `serde_json::Value`; read is text into `serde_json::Value`, which
//! [`Value::from_json`](super::Value::from_json) turns into values.
//!
//! **Invariant:** nesting deeper than [`MAX_DEPTH`] is an error, never a stack overflow; a map that contains itself is caught by it.

mod decode;
mod encode;

use std::borrow::Cow;

use super::format_float;

pub use decode::{Target, parse, parse_all, parse_first, parse_into};
pub use encode::{Format, encode, encode_json};

/// The deepest nesting that is read or written; Go allows 10000 levels.
pub const MAX_DEPTH: usize = 500;

/// Why JSON could not be read or written, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value that JSON cannot hold.
    #[error("json: unsupported value: {0}")]
    UnsupportedValue(String),
    /// A value of a type that JSON does not have.
    #[error("json: unsupported type: {0}")]
    UnsupportedType(String),
    /// Text that is not JSON.
    #[error("{0}")]
    Syntax(String),
    /// JSON of another type than was asked for.
    #[error("json: cannot unmarshal {value} into Go value of type {go_type}")]
    Type {
        /// What was found: `array`, `string`, `number 1e999` and so on.
        value: String,
        /// The Go type that was asked for.
        go_type: &'static str,
    },
}

/// A `float64` as Go's encoder writes it: without exponent from 1e-6 up to 1e21; infinities and NaN are refused.
pub fn float(value: f64) -> Result<String, Error> {
    if value.is_nan() {
        return Err(Error::UnsupportedValue("NaN".to_owned()));
    }
    if value.is_infinite() {
        let text = if value > 0.0 { "+Inf" } else { "-Inf" };
        return Err(Error::UnsupportedValue(text.to_owned()));
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // Go takes the zero out of an exponent of one digit.
        return Ok(format_float(value, b'e', None).replace("e-0", "e-"));
    }
    Ok(format_float(value, b'f', None))
}

/// The number that Go's text for a `float64` reads as: an integer where the text has neither point nor exponent and fits 64 bits.
pub fn number(value: f64) -> Result<serde_json::Number, Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = value.fract() == 0.0 && value.is_sign_positive() == (value >= 0.0);
    if whole && value.abs() <= EXACT && (value != 0.0 || value.is_sign_positive()) {
        return Ok(serde_json::Number::from(value as i64));
    }
    let text = float(value)?;
    if whole
        && let Ok(integer) = text.parse::<i64>()
        && integer != 0
    {
        return Ok(serde_json::Number::from(integer));
    }
    if whole
        && let Ok(integer) = text.parse::<u64>()
        && integer != 0
    {
        return Ok(serde_json::Number::from(integer));
    }
    serde_json::Number::from_f64(value).ok_or(Error::UnsupportedValue(text))
}

/// The text with each byte that is not UTF-8 replaced by U+FFFD, as Go ranges over a string.
pub fn valid_utf8(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
