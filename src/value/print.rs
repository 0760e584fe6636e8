//! Printing values as Go's `fmt` prints them with `%v`, `Sprint` and `Sprintln` (Go 1.26).
//!
//! Flags and the other verbs are the concern of `gotemplate::sprintf`.
//!
//! **Invariant:** printing ends, whatever the value: too deep or too long a text is cut, so a map that contains itself is harmless.

use super::{IntType, Kind, List, MAX_DEPTH, Object, Text, Value, append_float};

/// What stands for a pointer that is within another value, where Go prints an address that changes from run to run.
pub const ADDRESS: &[u8] = b"0xc000010000";

/// No printed value gets longer than about this many bytes.
const MAX_PRINTED: usize = 128 << 20;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Value {
    /// The value as `%v` prints it; `<nil>` for nothing.
    pub fn to_text(&self) -> Text {
        if let Self::String(text) = self {
            return text.clone();
        }
        let mut out = Vec::new();
        append_value(&mut out, self);
        Text::from(out)
    }
}

/// What `fmt.Sprint` gives: a space only between two operands of which neither is a string.
pub fn sprint(values: &[Value]) -> Text {
    sprint_with(values, append_value, false)
}

/// What `html`, `js` and `urlquery` escape: as [`sprint`], of the operands as actions print them.
pub fn sprint_printable(values: &[Value]) -> Text {
    // No value is the text `<no value>` there, and so a string.
    sprint_with(values, append_printable, true)
}

fn sprint_with(values: &[Value], append: fn(&mut Vec<u8>, &Value), nothing_is_text: bool) -> Text {
    let mut out = Vec::new();
    let mut previous_is_string = true;
    for value in values {
        let is_string = matches!(value, Value::String(_)) || (nothing_is_text && matches!(value, Value::Nil));
        if !is_string && !previous_is_string {
            out.push(b' ');
        }
        append(&mut out, value);
        previous_is_string = is_string;
    }
    Text::from(out)
}

/// What `fmt.Sprintln` gives: a space between all operands and a newline at the end.
pub fn sprintln(values: &[Value]) -> Text {
    let mut out = Vec::new();
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        append_value(&mut out, value);
    }
    out.push(b'\n');
    Text::from(out)
}

/// Appends the value as `%v` prints it.
pub fn append_value(out: &mut Vec<u8>, value: &Value) {
    let end = out.len().saturating_add(MAX_PRINTED);
    append_at(out, value, end, 0);
}

/// Appends the value as the result of a template action: nothing is `<no value>`, and pointers are looked through.
pub fn append_printable(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => out.extend_from_slice(b"<no value>"),
        Value::Object(object) if object.copied().is_some() => {
            // Printed where it is, with all its methods.
            let end = out.len().saturating_add(MAX_PRINTED);
            append_object(out, object.as_ref(), end, 0);
        }
        Value::Object(object) if object.text().is_none() && object.underlying().is_none() => {
            let end = out.len().saturating_add(MAX_PRINTED);
            append_fields(out, object.as_ref(), end, 0);
        }
        _ => append_value(out, value),
    }
}

fn append_at(out: &mut Vec<u8>, value: &Value, end: usize, depth: usize) {
    if depth > MAX_DEPTH || out.len() > end {
        return;
    }
    match value {
        Value::Nil => out.extend_from_slice(b"<nil>"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(int_type, number) => append_int(out, *int_type, *number),
        Value::Uint(_, number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Float(number) => append_float(out, *number, b'g', None),
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => append_items(out, bytes.iter(), end, |out, byte| {
            out.extend_from_slice(byte.to_string().as_bytes());
        }),
        Value::List(list) => append_list(out, list, end, depth),
        Value::Map(map) => {
            out.extend_from_slice(b"map");
            append_items(out, map.snapshot().iter(), end, |out, (key, value)| {
                out.extend_from_slice(key.as_bytes());
                out.push(b':');
                append_at(out, value, end, depth + 1);
            });
        }
        Value::Object(object) => match object.copied() {
            Some(Value::Object(copy)) => append_object(out, copy.as_ref(), end, depth),
            _ => append_object(out, object.as_ref(), end, depth),
        },
    }
}

fn append_int(out: &mut Vec<u8>, int_type: IntType, number: i64) {
    match int_text(int_type, number) {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => out.extend_from_slice(number.to_string().as_bytes()),
    }
}

fn append_list(out: &mut Vec<u8>, list: &List, end: usize, depth: usize) {
    append_items(out, list.iter(), end, |out, item| append_at(out, item, end, depth + 1));
}

fn append_items<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    end: usize,
    mut append: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (position, item) in items.enumerate() {
        if out.len() > end {
            return;
        }
        if position > 0 {
            out.push(b' ');
        }
        append(out, item);
    }
    out.push(b']');
}

fn append_object(out: &mut Vec<u8>, object: &dyn Object, end: usize, depth: usize) {
    if let Some(text) = object.text() {
        out.extend_from_slice(text.as_bytes());
    } else if let Some(value) = object.underlying() {
        append_at(out, &value, end, depth);
    } else {
        if object.kind() == Kind::Ptr {
            if depth > 0 {
                return out.extend_from_slice(ADDRESS);
            }
            out.push(b'&');
        }
        append_fields(out, object, end, depth);
    }
}

fn append_fields(out: &mut Vec<u8>, object: &dyn Object, end: usize, depth: usize) {
    out.push(b'{');
    for (position, (_, value)) in object.fields().iter().enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        append_at(out, value, end, depth + 1);
    }
    out.push(b'}');
}

/// What the `String` method of an integer's type gives: durations, months and days of the week have one.
pub fn int_text(int_type: IntType, number: i64) -> Option<String> {
    match int_type {
        IntType::Duration => Some(duration_text(number)),
        IntType::Month => Some(name_of(&MONTHS, number.checked_sub(1), number, "Month")),
        IntType::Weekday => Some(name_of(&WEEKDAYS, Some(number), number, "Weekday")),
        _ => None,
    }
}

fn name_of(names: &[&str], position: Option<i64>, number: i64, type_name: &str) -> String {
    let name = position.and_then(|position| usize::try_from(position).ok()).and_then(|position| names.get(position));
    // Go prints the bits of a bad month or day as an unsigned number.
    name.map_or_else(|| format!("%!{type_name}({})", number as u64), |name| (*name).to_owned())
}

/// A duration as `time.Duration.String` prints it, such as `1h30m0s` or `1.5ms`.
pub fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", with_fraction(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", with_fraction(total, 1_000_000)),
        _ => {
            let (minutes, rest) = (total / 60_000_000_000, total % 60_000_000_000);
            let seconds = with_fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// A quotient in decimal digits, without zeros at its end. The divisor is a power of ten.
fn with_fraction(total: u64, divisor: u64) -> String {
    let width = divisor.ilog10() as usize;
    let digits = format!("{:0width$}", total % divisor);
    let digits = digits.trim_end_matches('0');
    let whole = total / divisor;
    if digits.is_empty() { whole.to_string() } else { format!("{whole}.{digits}") }
}
