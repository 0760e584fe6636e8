//! Dates.
//!
//! Counterpart: `date.go` of sprig 3.3.0. Where a date is wanted, whatever is neither a time nor an integer counts as now.
//!
//! **Invariant:** now and the local zone come from [`Ambient`].

use super::Ambient;
use super::args::{ANY, NONE, STRING2, bytes, fail, int, string, text, value};
use super::cast;
use super::duration::parse_duration;
use super::layout;
use super::layout_parse;
use super::time::{TYPE_NAME, Time, Zone, as_time};
use crate::gotemplate::{Call, Function};
use crate::value::print::duration_text;
use crate::value::{CallResult, IntType, Signature, Type, Value};

const HTML: &[u8] = b"2006-01-02";
const SECOND: i64 = 1_000_000_000;
const STRING_TIME: &[Type] = &[Type::String, Type::Object(TYPE_NAME)];

/// The functions on dates.
pub(super) fn functions<H: Ambient>() -> Vec<Function<H>> {
    let zoned = Signature::fixed(&[Type::String, Type::Any, Type::String]);
    let modify = Signature::fixed(STRING_TIME);
    vec![
        Function::hosted("now", Signature::fixed(NONE), |call, _| Ok(now(call).into())),
        Function::hosted("date", Signature::fixed(&[Type::String, Type::Any]), |call, args| {
            format(call, bytes(args, 0), value(args, 1), "Local")
        }),
        Function::hosted("dateInZone", zoned, |call, args| {
            format(call, bytes(args, 0), value(args, 1), &text(args, 2))
        }),
        Function::hosted("date_in_zone", zoned, |call, args| {
            format(call, bytes(args, 0), value(args, 1), &text(args, 2))
        }),
        Function::hosted("htmlDate", Signature::fixed(ANY), |call, args| format(call, HTML, value(args, 0), "Local")),
        Function::hosted("htmlDateInZone", Signature::fixed(&[Type::Any, Type::String]), |call, args| {
            format(call, HTML, value(args, 0), &text(args, 1))
        }),
        Function::pure("dateModify", modify, |args| modified(args).or_else(|_| Ok(value(args, 1).clone()))),
        Function::pure("date_modify", modify, |args| modified(args).or_else(|_| Ok(value(args, 1).clone()))),
        Function::pure("mustDateModify", modify, modified),
        Function::pure("must_date_modify", modify, modified),
        Function::hosted("toDate", Signature::fixed(STRING2), |call, args| {
            parse(call, args).or_else(|_| Ok(Time::zero().into()))
        }),
        Function::hosted("mustToDate", Signature::fixed(STRING2), parse),
        Function::pure("unixEpoch", Signature::fixed(&[Type::Object(TYPE_NAME)]), |args| {
            string(as_time(value(args, 0)).map_or(0, |time| time.seconds).to_string())
        }),
        Function::hosted("ago", Signature::fixed(ANY), ago),
        Function::pure("duration", Signature::fixed(ANY), |args| {
            string(duration_text(seconds(value(args, 0)).wrapping_mul(SECOND)))
        }),
        Function::hosted("durationRound", Signature::fixed(ANY), |call, args| {
            let nanoseconds = match value(args, 0) {
                Value::String(text) => parse_duration(&text.to_str()).unwrap_or(0),
                Value::Int(IntType::Int64, nanoseconds) => *nanoseconds,
                other => as_time(other).map_or(0, |time| now(call).since(time)),
            };
            string(largest_unit(nanoseconds.unsigned_abs()))
        }),
    ]
}

fn local<H: Ambient>(call: &Call<'_, H>) -> Zone {
    Zone::load("Local", call.host().time_zone()).unwrap_or(Zone::Utc)
}

fn now<H: Ambient>(call: &Call<'_, H>) -> Time {
    Time::from_nanoseconds(call.host().now(), local(call))
}

/// The point in time that a value stands for; `integers` tells which integers count as seconds since 1970.
fn time_of<H: Ambient>(call: &Call<'_, H>, value: &Value, integers: &[IntType]) -> Time {
    match value {
        Value::Int(int_type, seconds) if integers.contains(int_type) => Time::from_seconds(*seconds, local(call)),
        other => as_time(other).cloned().unwrap_or_else(|| now(call)),
    }
}

fn format<H: Ambient>(call: &Call<'_, H>, layout: &[u8], date: &Value, zone: &str) -> CallResult {
    let time = time_of(call, date, &[IntType::Int, IntType::Int32, IntType::Int64]);
    let zone = Zone::load(zone, call.host().time_zone()).unwrap_or(Zone::Utc);
    string(layout::format_bytes(&time.in_zone(zone), layout))
}

/// Adds a duration; fails if it cannot be read.
fn modified(args: &[Value]) -> CallResult {
    match (parse_duration(&text(args, 0)), as_time(value(args, 1))) {
        (Ok(nanoseconds), Some(time)) => Ok(time.add(nanoseconds).into()),
        (Err(reason), _) => fail(reason),
        (Ok(_), None) => fail(super::args::NIL_POINTER),
    }
}

fn parse<H: Ambient>(call: &mut Call<'_, H>, args: &[Value]) -> CallResult {
    match layout_parse::parse(&text(args, 0), &text(args, 1), &local(call)) {
        Ok(time) => Ok(time.into()),
        Err(reason) => fail(reason),
    }
}

fn ago<H: Ambient>(call: &mut Call<'_, H>, args: &[Value]) -> CallResult {
    let time = time_of(call, value(args, 0), &[IntType::Int, IntType::Int64]);
    let elapsed = now(call).since(&time);
    let rest = elapsed % SECOND;
    let whole = elapsed - rest;
    let rounded = if rest.abs() * 2 >= SECOND { whole.saturating_add(SECOND * rest.signum()) } else { whole };
    string(duration_text(rounded))
}

/// The seconds that `duration` takes: an `int64` or a text, nothing else.
fn seconds(value: &Value) -> i64 {
    match value {
        Value::String(text) => cast::parse_decimal(&text.to_str()),
        Value::Int(IntType::Int64, _) => int(std::slice::from_ref(value), 0),
        _ => 0,
    }
}

/// A duration in its largest unit alone.
fn largest_unit(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 6] =
        [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let unit = UNITS.iter().map(|(seconds, name)| (seconds * SECOND as u64, name));
    // Just one of a unit is shown in the next smaller one, as sprig compares with "greater".
    let found = unit.into_iter().find(|(length, _)| nanoseconds > *length);
    found.map_or_else(|| "0s".to_owned(), |(length, name)| format!("{}{name}", nanoseconds / length))
}
