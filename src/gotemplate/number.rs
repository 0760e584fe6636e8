//! Number constants and string literals of templates.
//!
//! A number has no type until it is used: like Go's constants it is kept as everything that it can be. Counterpart of
//! `newNumber` in `text/template/parse/node.go` and of `strconv.Unquote`.
//!
//! **Invariant:** what is refused here is refused by Go, with the same text.

use std::borrow::Cow;

use crate::value::quote;

use super::lex::{TokenKind, rune_at};

/// A constant as every type that can hold it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Number {
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    pub(super) complex: Option<(f64, f64)>,
    /// Whether the text says that it is a float where no type is asked for.
    pub(super) looks_like_float: bool,
}

impl Number {
    /// Reads the text of a token.
    pub(super) fn parse(text: &[u8], kind: TokenKind) -> Result<Self, String> {
        match kind {
            TokenKind::CharConstant => Self::parse_char(text),
            TokenKind::Complex => Self::parse_complex(text),
            _ => Self::parse_simple(text),
        }
    }

    fn parse_char(text: &[u8]) -> Result<Self, String> {
        let (rune, _, width) = unquote_char(text.get(1..).unwrap_or_default(), b'\'').ok_or("invalid syntax")?;
        if text.get(1 + width..) != Some(b"'") {
            return Err(format!("malformed character constant: {}", String::from_utf8_lossy(text)));
        }
        let code = i64::from(rune);
        Ok(Self {
            int: Some(code),
            uint: Some(u64::from(rune)),
            float: Some(f64::from(rune)),
            complex: None,
            looks_like_float: false,
        })
    }

    fn parse_complex(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "invalid syntax")?;
        let sign = text
            .char_indices()
            .rev()
            .find(|&(at, sign)| {
                let exponent = text.get(..at).is_some_and(|before| before.ends_with(['e', 'E', 'p', 'P']));
                matches!(sign, '+' | '-') && !exponent
            })
            .map_or(0, |(at, _)| at);
        let (real, imaginary) = text.split_at(sign);
        let imaginary = imaginary.strip_suffix('i').and_then(parse_float);
        match (parse_float(real), imaginary) {
            (Some(real), Some(imaginary)) => Ok(Self::from_complex(real, imaginary)),
            _ => Err("syntax error scanning complex number".to_owned()),
        }
    }

    fn from_complex(real: f64, imaginary: f64) -> Self {
        let number = Self { complex: Some((real, imaginary)), ..Self::default() };
        if imaginary == 0.0 { number.with_float(real) } else { number }
    }

    /// Adds a float, and the integers that equal it.
    fn with_float(self, value: f64) -> Self {
        let is_whole = value == value.trunc();
        let int = (is_whole && value >= -(2_f64.powi(63)) && value < 2_f64.powi(63)).then_some(value as i64);
        let uint = (is_whole && value >= 0.0 && value < 2_f64.powi(64)).then_some(value as u64);
        Self { float: Some(value), int, uint, ..self }
    }

    fn parse_simple(text: &[u8]) -> Result<Self, String> {
        if let Some(value) = parse_short(text) {
            return Ok(Self {
                int: Some(i64::from(value)),
                uint: Some(u64::from(value)),
                float: Some(f64::from(value)),
                ..Self::default()
            });
        }
        let text = std::str::from_utf8(text).map_err(|_| "invalid syntax")?;
        if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(Self::from_complex(0.0, imaginary));
        }
        let is_hexadecimal = text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X"));
        let looks_like_float =
            text.contains(['.', 'e', 'E', 'p', 'P']) && (!is_hexadecimal || text.contains(['p', 'P']));
        let mut number = Self { int: parse_int(text), uint: parse_uint(text), looks_like_float, ..Self::default() };
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        if let Some(int) = number.int {
            return Ok(Self { float: Some(int as f64), ..number });
        }
        if let Some(uint) = number.uint {
            return Ok(Self { float: Some(uint as f64), ..number });
        }
        match parse_float(text) {
            Some(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => Err(format!("integer overflow: {}", quote(text))),
            Some(float) => Ok(number.with_float(float)),
            None => Err(format!("illegal number syntax: {}", quote(text))),
        }
    }
}

/// A number of a few decimal digits, as nearly all are.
fn parse_short(text: &[u8]) -> Option<u32> {
    match text {
        [digit @ b'0'..=b'9'] => Some(u32::from(digit - b'0')),
        [b'1'..=b'9', _, ..] if text.len() < 9 => {
            text.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
        }
        _ => None,
    }
}

/// `strconv.ParseInt` with base 0.
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let magnitude = i128::from(parse_uint(digits)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// `strconv.ParseUint` with base 0.
fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', _, ..] => (16, lower.get(2..)?),
        [b'0', b'o', _, ..] => (8, lower.get(2..)?),
        [b'0', b'b', _, ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) || !underscores_are_good(&lower) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Whether underscores only separate digits, or digits from a base prefix.
fn underscores_are_good(text: &str) -> bool {
    let text = text.trim_start_matches(['+', '-']);
    let mut previous = '^';
    let mut rest = text;
    let has_prefix = matches!(text.as_bytes(), [b'0', b'x' | b'o' | b'b' | b'X' | b'O' | b'B', _, ..]);
    if has_prefix {
        previous = '0';
        rest = text.get(2..).unwrap_or_default();
    }
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    for character in rest.chars() {
        if character.is_ascii_digit() || (is_hexadecimal && character.is_ascii_hexdigit()) {
            previous = '0';
        } else if character == '_' {
            if previous != '0' {
                return false;
            }
            previous = '_';
        } else {
            if previous == '_' {
                return false;
            }
            previous = '!';
        }
    }
    previous != '_'
}

/// `strconv.ParseFloat`; nothing for numbers out of range, as they are errors there.
fn parse_float(text: &str) -> Option<f64> {
    if !underscores_are_good(text) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.trim_start_matches(['+', '-']);
    if lower.len() - unsigned.len() > 1 {
        return None;
    }
    if let Some(hexadecimal) = unsigned.strip_prefix("0x") {
        let magnitude = parse_hexadecimal_float(&hexadecimal.replace('_', ""))?;
        return Some(if lower.starts_with('-') { -magnitude } else { magnitude });
    }
    let is_decimal = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".e+-_".contains(&byte));
    lower.replace('_', "").parse::<f64>().ok().filter(|value| is_decimal && value.is_finite())
}

fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    let mut shift: i32 = 0;
    for (position, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        if value >> 60 == 0 {
            value = value << 4 | digit;
            shift -= if position >= whole.len() { 4 } else { 0 };
        } else {
            // Digits beyond the 64th bit only matter for rounding.
            value |= u64::from(digit != 0);
            shift += if position < whole.len() { 4 } else { 0 };
        }
    }
    let exponent = exponent.parse::<i32>().ok()?.clamp(-5_000, 5_000).checked_add(shift)?;
    // In two steps, because the power alone may be out of range.
    let value = (value as f64) * 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2);
    value.is_finite().then_some(value)
}

/// `strconv.Unquote` for literals in double quotes or backquotes; nothing where Go says `invalid syntax`.
pub(super) fn unquote(literal: &[u8]) -> Option<Cow<'_, [u8]>> {
    match literal {
        [b'`', text @ .., b'`'] if !text.contains(&b'\r') => Some(Cow::Borrowed(text)),
        [b'`', text @ .., b'`'] => Some(text.iter().copied().filter(|&byte| byte != b'\r').collect()),
        // The lexer ends a literal at a quote or line break, so that nothing but escapes needs a closer look.
        [b'"', text @ .., b'"'] if text.is_ascii() && !text.iter().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) => {
            Some(Cow::Borrowed(text))
        }
        [b'"', text @ .., b'"'] => {
            let mut out = Vec::with_capacity(text.len());
            let mut rest = text;
            while !rest.is_empty() {
                let (rune, is_byte, width) = unquote_char(rest, b'"')?;
                match char::from_u32(rune) {
                    Some(character) if !is_byte => {
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    _ => out.push(rune as u8),
                }
                rest = rest.get(width..)?;
            }
            Some(Cow::Owned(out))
        }
        _ => None,
    }
}

/// The first character of a literal's text: its code, whether that is a byte rather than a character, and its width.
fn unquote_char(text: &[u8], delimiter: u8) -> Option<(u32, bool, usize)> {
    match text {
        [] | [b'\\'] => None,
        [first, ..] if *first == delimiter || *first == b'\n' => None,
        [b'\\', escape, rest @ ..] => {
            let simple = |code: u8| Some((u32::from(code), true, 2));
            match escape {
                b'a' => simple(7),
                b'b' => simple(8),
                b'f' => simple(12),
                b'n' => simple(b'\n'),
                b'r' => simple(b'\r'),
                b't' => simple(b'\t'),
                b'v' => simple(11),
                b'\\' => simple(b'\\'),
                b'\'' | b'"' if *escape == delimiter => simple(*escape),
                b'x' => Some((escape_digits(rest, 2, 16)?, true, 4)),
                b'u' => Some((character_code(escape_digits(rest, 4, 16)?)?, false, 6)),
                b'U' => Some((character_code(escape_digits(rest, 8, 16)?)?, false, 10)),
                b'0'..=b'7' => {
                    let code = escape_digits(text.get(1..)?, 3, 8)?;
                    (code <= 255).then_some((code, true, 4))
                }
                _ => None,
            }
        }
        _ => rune_at(text, 0).map(|(rune, width)| (u32::from(rune), false, width)),
    }
}

fn escape_digits(text: &[u8], count: usize, radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..count)?).ok()?;
    if digits.starts_with('+') {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

fn character_code(code: u32) -> Option<u32> {
    char::from_u32(code).map(u32::from)
}
