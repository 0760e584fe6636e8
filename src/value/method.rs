//! Methods of values that are no objects: durations, months and days of the week (Go 1.26, package `time`).
//!
//! **Invariant:** a method depends on its value and arguments alone.

use super::{CallResult, IntType, Method, Signature, Type, Value, print};

const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// A method of a value, by name.
pub fn value_method<'a>(value: &Value, name: &str) -> Option<Method<'a>> {
    let &Value::Int(int_type, number) = value else {
        return None;
    };
    if name == "String"
        && let Some(text) = print::int_text(int_type, number)
    {
        return Some(without_arguments(move || Value::string(text.as_str())));
    }
    if int_type == IntType::Duration { duration_method(number, name) } else { None }
}

fn duration_method<'a>(number: i64, name: &str) -> Option<Method<'a>> {
    let whole = |unit: i64| Some(without_arguments(move || Value::int64(number / unit)));
    let in_units = |unit: i64| Some(without_arguments(move || Value::Float(units(number, unit))));
    let duration = |value: i64| Value::Int(IntType::Duration, value);
    match name {
        "Nanoseconds" => whole(1),
        "Microseconds" => whole(1_000),
        "Milliseconds" => whole(1_000_000),
        "Seconds" => in_units(NANOSECONDS_PER_SECOND),
        "Minutes" => in_units(60 * NANOSECONDS_PER_SECOND),
        "Hours" => in_units(3_600 * NANOSECONDS_PER_SECOND),
        "Abs" => Some(without_arguments(move || duration(number.saturating_abs()))),
        "Truncate" => Some(with_duration(move |unit| duration(truncate(number, unit)))),
        "Round" => Some(with_duration(move |unit| duration(round(number, unit)))),
        _ => None,
    }
}

fn without_arguments<'a>(call: impl Fn() -> Value + 'a) -> Method<'a> {
    Method { signature: Signature::fixed(&[]), call: Box::new(move |_| -> CallResult { Ok(call()) }) }
}

fn with_duration<'a>(call: impl Fn(i64) -> Value + 'a) -> Method<'a> {
    let call = move |arguments: &[Value]| -> CallResult {
        match arguments {
            [Value::Int(_, unit), ..] => Ok(call(*unit)),
            _ => Ok(call(0)),
        }
    };
    Method { signature: Signature::fixed(&[Type::Duration]), call: Box::new(call) }
}

/// Whole units and the rest apart, as Go adds them, for the same last digits.
fn units(number: i64, unit: i64) -> f64 {
    (number / unit) as f64 + (number % unit) as f64 / unit as f64
}

fn truncate(number: i64, unit: i64) -> i64 {
    if unit <= 0 { number } else { number - number % unit }
}

/// To the nearest multiple, halves away from zero, within the range of an `int64`.
fn round(number: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return number;
    }
    let rest = number % unit;
    let towards_zero = number - rest;
    if rest.unsigned_abs() < unit.unsigned_abs() - rest.unsigned_abs() {
        return towards_zero;
    }
    if number < 0 { towards_zero.saturating_sub(unit) } else { towards_zero.saturating_add(unit) }
}
