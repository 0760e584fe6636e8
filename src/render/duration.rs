//! The duration functions of Helm 4.3.
//!
//! Counterpart: the duration helpers in `pkg/engine/funcs.go` of Helm 4.3.1. Numbers, and text that is one, are seconds.
//!
//! **Invariant:** only `mustToDuration` ever fails; the others give zero for what is no duration.

use crate::gotemplate::Function;
use crate::sprig::parse_float;
use crate::value::{CallError, CallResult, IntType, Signature, Type, Value, quote};

const ONE: Signature = Signature::fixed(&[Type::Any]);
const TWO: Signature = Signature::fixed(&[Type::Any, Type::Any]);

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

/// The functions of this file.
pub(super) fn functions<H>() -> impl Iterator<Item = Function<H>> {
    [
        Function::pure("mustToDuration", ONE, must_to_duration),
        Function::pure("durationSeconds", ONE, |args| Ok(Value::Float(split(args, SECOND)))),
        Function::pure("durationMilliseconds", ONE, |args| Ok(Value::int64(nanoseconds(args) / 1_000_000))),
        Function::pure("durationMicroseconds", ONE, |args| Ok(Value::int64(nanoseconds(args) / 1_000))),
        Function::pure("durationNanoseconds", ONE, |args| Ok(Value::int64(nanoseconds(args)))),
        Function::pure("durationMinutes", ONE, |args| Ok(Value::Float(split(args, 60 * SECOND)))),
        Function::pure("durationHours", ONE, |args| Ok(Value::Float(split(args, HOUR)))),
        Function::pure("durationDays", ONE, |args| Ok(Value::Float(split(args, HOUR) / 24.0))),
        Function::pure("durationWeeks", ONE, |args| Ok(Value::Float(split(args, HOUR) / 24.0 / 7.0))),
        Function::pure("durationRoundTo", TWO, |args| Ok(to_multiple(args, round))),
        Function::pure("durationTruncateTo", TWO, |args| Ok(to_multiple(args, truncate))),
    ]
    .into_iter()
}

fn must_to_duration(args: &[Value]) -> CallResult {
    let nanoseconds = parse(args.first().unwrap_or(&Value::Nil)).map_err(CallError::new)?;
    Ok(Value::Int(IntType::Duration, nanoseconds))
}

fn nanoseconds(args: &[Value]) -> i64 {
    args.first().and_then(|value| parse(value).ok()).unwrap_or(0)
}

/// The duration in a unit, whole part and fraction computed apart as Go does.
fn split(args: &[Value], unit: i64) -> f64 {
    let nanoseconds = nanoseconds(args);
    (nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64
}

fn to_multiple(args: &[Value], apply: fn(i64, i64) -> i64) -> Value {
    let duration = nanoseconds(args);
    let result = match args.get(1).map(parse) {
        Some(Ok(multiple)) if args.first().is_some_and(|value| parse(value).is_ok()) => apply(duration, multiple),
        _ => duration,
    };
    Value::Int(IntType::Duration, result)
}

/// Rounds half away from zero; a result out of range becomes the nearest that is in range (Go's `Duration.Round`).
fn round(duration: i64, multiple: i64) -> i64 {
    if multiple <= 0 {
        return duration;
    }
    let rest = (duration % multiple).abs();
    let (down, up) = if duration < 0 {
        (duration + rest, duration.checked_sub(multiple - rest).unwrap_or(i64::MIN))
    } else {
        (duration - rest, duration.checked_add(multiple - rest).unwrap_or(i64::MAX))
    };
    if rest < multiple - rest { down } else { up }
}

fn truncate(duration: i64, multiple: i64) -> i64 {
    if multiple <= 0 { duration } else { duration - duration % multiple }
}

/// The nanoseconds of a value; the error is Helm's.
fn parse(value: &Value) -> Result<i64, String> {
    match value {
        Value::Nil => Err("invalid duration".to_owned()),
        Value::Int(IntType::Duration, nanoseconds) => Ok(*nanoseconds),
        Value::Int(_, seconds) => {
            seconds.checked_mul(SECOND).ok_or_else(|| format!("duration seconds overflow: {seconds}"))
        }
        Value::Uint(_, seconds) => {
            let nanoseconds = i64::try_from(*seconds).ok().and_then(|seconds| seconds.checked_mul(SECOND));
            nanoseconds.ok_or_else(|| format!("duration seconds overflow: {seconds}"))
        }
        Value::Float(seconds) => from_seconds(*seconds),
        Value::String(text) => {
            let text = text.to_str();
            let trimmed = text.trim();
            if trimmed.is_empty() {
                return Err("empty duration".to_owned());
            }
            if let Some(nanoseconds) = parse_go(trimmed) {
                return Ok(nanoseconds);
            }
            match parse_float(trimmed) {
                Some(seconds) => from_seconds(seconds),
                None => Err(format!("could not parse duration {}", quote(text.as_bytes()))),
            }
        }
        other => Err(format!("unsupported duration type {}", other.type_name())),
    }
}

fn from_seconds(seconds: f64) -> Result<i64, String> {
    let shown = || Value::Float(seconds).to_text();
    if !seconds.is_finite() {
        return Err(format!("invalid duration seconds: {}", shown()));
    }
    let limit = i64::MAX as f64 / SECOND as f64;
    if seconds.abs() > limit {
        return Err(format!("duration seconds overflow: {}", shown()));
    }
    Ok((seconds * SECOND as f64) as i64)
}

/// Go's `time.ParseDuration`: signed decimal numbers, each with a unit.
fn parse_go(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(end)?;
        let end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        total = total.checked_add(part(number, unit_size(unit)?)?)?;
        if total > 1 << 63 {
            return None;
        }
        rest = after;
    }
    if negative { Some((total as i64).wrapping_neg()) } else { i64::try_from(total).ok() }
}

fn part(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut total = whole.checked_mul(unit)?;
    if !fraction.is_empty() {
        let digits = fraction.get(..fraction.len().min(18))?;
        let scale = 10_f64.powi(i32::try_from(digits.len()).ok()?);
        total = total.checked_add((digits.parse::<u64>().ok()? as f64 * (unit as f64 / scale)) as u64)?;
    }
    Some(total)
}

fn unit_size(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected results come from Go 1.26's time package.
    #[test]
    fn text_is_read_as_a_duration_or_as_seconds() {
        for (text, expected) in [
            ("1h2m3s", Some(3_723 * SECOND)),
            ("1.5h", Some(5_400 * SECOND)),
            ("-2ms", Some(-2_000_000)),
            ("2.5", Some(2_500_000_000)),
            ("90", Some(90 * SECOND)),
            (".5s", Some(SECOND / 2)),
            ("", None),
            ("soon", None),
            ("1x", None),
        ] {
            assert_eq!(parse(&Value::string(text)).ok(), expected, "{text}");
        }
    }

    #[test]
    fn rounding_goes_away_from_zero_at_half() {
        assert_eq!(round(150, 100), 200);
        assert_eq!(round(-150, 100), -200);
        assert_eq!(round(149, 100), 100);
        assert_eq!(round(149, 0), 149);
        assert_eq!(truncate(-199, 100), -100);
    }
}
