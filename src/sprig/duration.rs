//! Durations as text.
//!
//! Counterpart: `time.ParseDuration` (Go 1.26).
//!
//! **Invariant:** a duration that is read fits in 64 bits of nanoseconds.

use super::layout_parse::quote;

const SECOND: u64 = 1_000_000_000;

/// Reads a duration such as `1h30m` or `-1.5s` into nanoseconds; the error is Go's text.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let limit = 1_u64 << 63;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let length = after.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(length).unwrap_or_default();
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let Some(scale) = unit_scale(unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let amount = whole.checked_mul(scale).filter(|amount| *amount <= limit).ok_or_else(invalid)?;
        let amount = amount.checked_add(part_of(fraction, scale)).ok_or_else(invalid)?;
        total = total.checked_add(amount).filter(|total| *total <= limit).ok_or_else(invalid)?;
        rest = next;
    }
    if negative {
        return 0_i64.checked_sub_unsigned(total).ok_or_else(invalid);
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn digits(text: &str) -> (&str, &str) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(length).unwrap_or((text, ""))
}

fn unit_scale(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        _ => return None,
    })
}

/// A fraction of a unit, through a float as in Go.
fn part_of(fraction: &str, scale: u64) -> u64 {
    // Digits beyond these are beyond what a float holds.
    let kept = fraction.get(..18).unwrap_or(fraction);
    let Ok(number) = kept.parse::<u64>() else { return 0 };
    (number as f64 * (scale as f64 / 10_f64.powi(kept.len() as i32))) as u64
}
