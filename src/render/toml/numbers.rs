//! Numbers and times in TOML, after their letters have been collected.
//!
//! Counterpart: `valueInteger`, `valueFloat` and `valueDatetime` in `parse.go` of BurntSushi/toml 1.6.0.
//!
//! **Invariant:** a text that is no such number is an error, never another number.

use crate::sprig::toml_time_from;
use crate::value::{Value, quote};

/// An integer with its underscores and prefix.
pub(super) fn integer(text: &str) -> Result<Value, String> {
    if !underscores_fit(text) {
        return Err(format!("Invalid integer {}: underscores must be surrounded by digits", quote(text)));
    }
    if has_leading_zero(text) {
        return Err(format!("Invalid integer {}: cannot have leading zeroes", quote(text)));
    }
    let digits = text.replace('_', "");
    let number = match digits.get(..2) {
        Some("0x") => i64::from_str_radix(digits.get(2..).unwrap_or_default(), 16),
        Some("0o") => i64::from_str_radix(digits.get(2..).unwrap_or_default(), 8),
        Some("0b") => i64::from_str_radix(digits.get(2..).unwrap_or_default(), 2),
        _ => digits.parse(),
    };
    number.map(Value::int64).map_err(|_| format!("{text} is out of range for int64"))
}

/// A float with its underscores, or `inf` or `nan`.
pub(super) fn float(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.split(['.', 'e', 'E']).filter(|part| !part.is_empty()).collect();
    if !parts.iter().all(|part| underscores_fit(part)) {
        return Err(format!("Invalid float {}: underscores must be surrounded by digits", quote(text)));
    }
    if parts.first().is_some_and(|part| has_leading_zero(part)) {
        return Err(format!("Invalid float {}: cannot have leading zeroes", quote(text)));
    }
    if !points_fit(text) {
        return Err(format!("Invalid float {}: '.' must be followed by one or more digits", quote(text)));
    }
    let digits = text.replace('_', "");
    let number = match digits.trim_start_matches(['+', '-']) {
        "nan" => f64::NAN,
        _ => digits.parse::<f64>().map_err(|_| format!("Invalid float value: {}", quote(text)))?,
    };
    if number.is_infinite() && !digits.ends_with("inf") {
        return Err(format!("{text} is out of range for float64"));
    }
    Ok(Value::Float(number))
}

/// The layouts of dates and times, and what a time without a zone is called.
const LAYOUTS: [(&str, Option<&str>); 7] = [
    ("2006-01-02T15:04:05.999999999Z07:00", None),
    ("2006-01-02T15:04:05.999999999", Some("datetime-local")),
    ("2006-01-02", Some("date-local")),
    ("15:04:05.999999999", Some("time-local")),
    ("2006-01-02T15:04Z07:00", None),
    ("2006-01-02T15:04", Some("datetime-local")),
    ("15:04", Some("time-local")),
];

/// A date, a time of day, or both.
pub(super) fn time(text: &str) -> Result<Value, String> {
    let text = text.replace('z', "Z").replace(['t', ' '], "T");
    let invalid = || format!("invalid datetime: {}", quote(&text));
    let read = LAYOUTS.iter().find_map(|(layout, zone)| Some((layout, toml_time_from(layout, &text, *zone)?)));
    let (layout, time) = read.ok_or_else(invalid)?;
    if lacks_leading_zero(&text, layout) { Err(invalid()) } else { Ok(time) }
}

/// Whether a separator is not where the layout has it, which tells of a number with a digit too few.
fn lacks_leading_zero(text: &str, layout: &str) -> bool {
    let before_end = layout.bytes().take_while(|byte| !matches!(byte, b'.' | b'Z'));
    let mut letters = before_end.zip(text.bytes());
    letters.any(|(wanted, found)| !wanted.is_ascii_digit() && wanted != found)
}

/// Whether every underscore is between digits.
fn underscores_fit(text: &str) -> bool {
    if matches!(text.trim_start_matches(['+', '-']), "nan" | "inf") {
        return true;
    }
    let mut after_digit = false;
    for letter in text.chars() {
        if letter == '_' && !after_digit {
            return false;
        }
        after_digit = letter.is_ascii_hexdigit();
    }
    after_digit
}

fn has_leading_zero(text: &str) -> bool {
    let has_sign = text.starts_with(['+', '-']);
    let digits = text.get(usize::from(has_sign)..).unwrap_or_default();
    let has_base = !has_sign && digits.get(1..2).is_some_and(|letter| matches!(letter, "b" | "o" | "x"));
    digits.len() > 1 && digits.starts_with('0') && !has_base
}

/// Whether every point is followed by a digit.
fn points_fit(text: &str) -> bool {
    let mut after_point = false;
    for letter in text.chars() {
        if after_point && !letter.is_ascii_digit() {
            return false;
        }
        after_point = letter == '.';
    }
    !after_point
}
