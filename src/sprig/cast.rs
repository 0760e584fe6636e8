//! Numbers from anything.
//!
//! Counterpart: spf13/cast 1.7 with `strconv` (Go 1.26) below it. What cannot be read is zero.
//!
//! **Invariant:** reading never fails and never saturates but where Go does.

use crate::gotemplate::Function;
use crate::value::{IntType, Signature, Value};

use super::args::{ANY, STRING, text, value};

/// The functions that convert to numbers.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    vec![
        Function::pure("int", Signature::fixed(ANY), |args| Ok(Value::int(to_int64(value(args, 0))))),
        Function::pure("int64", Signature::fixed(ANY), |args| Ok(Value::int64(to_int64(value(args, 0))))),
        Function::pure("float64", Signature::fixed(ANY), |args| Ok(Value::Float(to_float64(value(args, 0))))),
        Function::pure("atoi", Signature::fixed(STRING), |args| Ok(Value::int(parse_decimal(&text(args, 0))))),
        Function::pure("toDecimal", Signature::fixed(ANY), |args| {
            let digits = value(args, 0).to_text();
            Ok(Value::int64(parse_radix(&digits.to_str(), 8).ok().unwrap_or_default()))
        }),
    ]
}

/// `cast.ToInt64`, which is `cast.ToInt` as well where an `int` has 64 bits.
pub(super) fn to_int64(value: &Value) -> i64 {
    match value {
        // Durations are a type of their own that cast does not know.
        Value::Int(IntType::Duration, _)
        | Value::Nil
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Object(_) => 0,
        Value::Bool(value) => i64::from(*value),
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => *number as i64,
        Value::Float(number) => truncate(*number),
        Value::String(text) => parse_int(trim_zero_decimal(&text.to_str())).unwrap_or_default(),
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float64(value: &Value) -> f64 {
    match value {
        Value::Int(IntType::Duration, _)
        | Value::Nil
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Object(_) => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Int(_, number) => *number as f64,
        Value::Uint(_, number) => *number as f64,
        Value::Float(number) => *number,
        Value::String(text) => parse_float(&text.to_str()).unwrap_or_default(),
    }
}

/// A float as an integer, as the processors do it that Go leaves this to: out of range is the smallest number.
pub(super) fn truncate(number: f64) -> i64 {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    if in_range { number as i64 } else { i64::MIN }
}

/// Cuts a fraction of nothing but zeros.
fn trim_zero_decimal(text: &str) -> &str {
    let head = text.trim_end_matches('0');
    match head.strip_suffix('.') {
        Some(whole) if head.len() < text.len() => whole,
        _ => text,
    }
}

/// `strconv.ParseInt` with base 0: the prefix tells the base, and underscores may part digits.
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let lower = digits.to_ascii_lowercase();
    let (radix, rest) = match lower.as_bytes() {
        [b'0', b'x', _, ..] => (16, lower.get(2..)?),
        [b'0', b'o', _, ..] => (8, lower.get(2..)?),
        [b'0', b'b', _, ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if rest.contains('_') && !are_underscores_placed(&lower) {
        return None;
    }
    let digits: String = rest.chars().filter(|letter| *letter != '_').collect();
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(&digits, radix).ok()?;
    signed(magnitude, negative)
}

/// Whether each underscore stands between digits; a prefix counts as one.
fn are_underscores_placed(number: &str) -> bool {
    let has_prefix = matches!(number.as_bytes(), [b'0', b'x' | b'o' | b'b', ..]);
    let is_hexadecimal = number.starts_with("0x");
    let is_digit = |letter: char| letter.is_ascii_digit() || (is_hexadecimal && letter.is_ascii_hexdigit());
    let mut previous = if has_prefix { '0' } else { '^' };
    for letter in number.chars().skip(if has_prefix { 2 } else { 0 }) {
        let current = match letter {
            _ if is_digit(letter) => '0',
            '_' if previous != '0' => return false,
            '_' => '_',
            _ if previous == '_' => return false,
            _ => '!',
        };
        previous = current;
    }
    previous != '_'
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn signed(magnitude: u64, negative: bool) -> Option<i64> {
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Why a number was not read.
pub(super) enum IntError {
    Syntax,
    /// Too large; the nearest number that there is.
    Range(i64),
}

/// `strconv.ParseInt` with a given base. What follows where a number gets too large is not looked at.
pub(super) fn parse_radix(text: &str, radix: u32) -> Result<i64, IntError> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return Err(IntError::Syntax);
    }
    let too_large = || IntError::Range(if negative { i64::MIN } else { i64::MAX });
    let mut magnitude = 0_u64;
    for letter in digits.chars() {
        let digit = letter.to_digit(radix).ok_or(IntError::Syntax)?;
        let larger = magnitude.checked_mul(u64::from(radix)).and_then(|number| number.checked_add(u64::from(digit)));
        magnitude = larger.ok_or_else(too_large)?;
    }
    signed(magnitude, negative).ok_or_else(too_large)
}

/// `strconv.Atoi` without its error: zero for what is no number, the nearest one for what is too large.
pub(super) fn parse_decimal(text: &str) -> i64 {
    match parse_radix(text, 10) {
        Ok(number) | Err(IntError::Range(number)) => number,
        Err(IntError::Syntax) => 0,
    }
}

/// `strconv.ParseFloat`; numbers too large are refused.
pub fn parse_float(text: &str) -> Option<f64> {
    let (negative, rest) = split_sign(text);
    let lower = rest.to_ascii_lowercase();
    let magnitude = match lower.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        // The sign of NaN is refused.
        "nan" if rest.len() == text.len() => f64::NAN,
        _ => {
            if lower.contains('_') && !are_underscores_placed(&lower) {
                return None;
            }
            let digits = lower.replace('_', "");
            let number = match digits.strip_prefix("0x") {
                Some(digits) => parse_hexadecimal(digits)?,
                None if digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') => {
                    digits.parse::<f64>().ok()?
                }
                None => return None,
            };
            if number.is_infinite() {
                return None;
            }
            number
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// A hexadecimal float without its prefix, such as `1.8p1`; the exponent is required.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (_, exponent_digits) = split_sign(exponent);
    if exponent_digits.is_empty() || !exponent_digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if (whole.len() + fraction.len()) == 0 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let scale = parse_decimal(exponent).clamp(-5_000, 5_000) as i32 - 4 * i32::try_from(fraction.len()).ok()?;
    // Twenty-five digits are more than a float keeps; what is cut off counts as one bit that is set.
    let kept = digits.len().min(25);
    let (head, tail) = digits.split_at_checked(kept)?;
    let sticky = u128::from(tail.bytes().any(|byte| byte != b'0'));
    let integer = (if head.is_empty() { 0 } else { u128::from_str_radix(head, 16).ok()? }) | sticky;
    let scale = scale + 4 * i32::try_from(tail.len()).ok()?;
    Some(scale_by_power_of_two(integer as f64, scale))
}

fn scale_by_power_of_two(mut number: f64, mut exponent: i32) -> f64 {
    while exponent > 1_000 {
        number *= 2_f64.powi(1_000);
        exponent -= 1_000;
    }
    while exponent < -1_000 {
        number *= 2_f64.powi(-1_000);
        exponent += 1_000;
        if number == 0.0 {
            return number;
        }
    }
    number * 2_f64.powi(exponent)
}
