//! Go's time layouts: the date `Mon Jan 2 15:04:05 MST 2006` written as times are to be written.
//!
//! Counterpart: `time/format.go` (Go 1.26); reading times is in `layout_parse`.
//!
//! **Invariant:** what is no element of a layout is text and comes out unchanged.

use std::fmt::Write as _;

use super::time::Time;

/// The layout that times have in JSON and TOML.
pub(super) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// The layout of `Time.String`.
pub(super) const STRING: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

pub(super) const MONTHS: [&str; 12] = [
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
pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// How a number is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    None,
    Space,
    Zero,
}

/// An element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    ShortMonth,
    Month(Pad),
    LongWeekday,
    ShortWeekday,
    Day(Pad),
    YearDay(Pad),
    Hour,
    Hour12(Pad),
    Minute(Pad),
    Second(Pad),
    LongYear,
    ShortYear,
    /// `PM` or `pm`.
    Noon {
        upper: bool,
    },
    /// `MST`.
    Abbreviation,
    Offset(Offset),
    /// Fractions of a second: the separator, how many digits, and whether zeros at the end are left out.
    Fraction {
        separator: char,
        digits: usize,
        trimmed: bool,
    },
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part that is written or not")]
pub(super) struct Offset {
    /// `Z` instead of a zero offset.
    pub(super) zulu: bool,
    pub(super) colon: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
}

/// The first element of a layout, with the text before it, its own text and what follows.
pub(super) struct Cut<'a> {
    pub(super) prefix: &'a str,
    pub(super) element: Option<(Element, &'a str)>,
    pub(super) suffix: &'a str,
}

/// Cuts a layout at its first element.
pub(super) fn cut(layout: &str) -> Cut<'_> {
    for (position, _) in layout.char_indices() {
        let rest = layout.get(position..).unwrap_or_default();
        if let Some((element, skipped, length)) = element_at(rest) {
            let start = position + skipped;
            return Cut {
                prefix: layout.get(..start).unwrap_or_default(),
                element: Some((element, layout.get(start..start + length).unwrap_or_default())),
                suffix: layout.get(start + length..).unwrap_or_default(),
            };
        }
    }
    Cut { prefix: layout, element: None, suffix: "" }
}

/// The element that a text begins with, how much text comes before it after all, and its length.
fn element_at(text: &str) -> Option<(Element, usize, usize)> {
    // An underscore before a year is text.
    if text.starts_with("_2006") {
        return Some((Element::LongYear, 1, 4));
    }
    let lower_follows = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_lowercase);
    let known = FIXED.iter().find(|(name, element)| {
        let is_short_name = matches!(element, Element::ShortMonth | Element::ShortWeekday);
        text.starts_with(name) && !(is_short_name && lower_follows(name.len()))
    });
    if let Some((name, element)) = known {
        return Some((*element, 0, name.len()));
    }
    let offset = OFFSETS.iter().find(|(name, _)| text.get(1..).is_some_and(|rest| rest.starts_with(name)));
    match (text.as_bytes().first()?, offset) {
        (sign @ (b'-' | b'Z'), Some((name, offset))) => {
            let zulu = *sign == b'Z';
            Some((Element::Offset(Offset { zulu, ..*offset }), 0, name.len() + 1))
        }
        (b'.' | b',', _) => fraction_at(text),
        _ => None,
    }
}

/// Elements that are written in one way; the longer before what they begin with.
const FIXED: [(&str, Element); 23] = [
    ("January", Element::LongMonth),
    ("Jan", Element::ShortMonth),
    ("Monday", Element::LongWeekday),
    ("Mon", Element::ShortWeekday),
    ("MST", Element::Abbreviation),
    ("01", Element::Month(Pad::Zero)),
    ("002", Element::YearDay(Pad::Zero)),
    ("02", Element::Day(Pad::Zero)),
    ("03", Element::Hour12(Pad::Zero)),
    ("04", Element::Minute(Pad::Zero)),
    ("05", Element::Second(Pad::Zero)),
    ("06", Element::ShortYear),
    ("15", Element::Hour),
    ("1", Element::Month(Pad::None)),
    ("2006", Element::LongYear),
    ("2", Element::Day(Pad::None)),
    ("__2", Element::YearDay(Pad::Space)),
    ("_2", Element::Day(Pad::Space)),
    ("3", Element::Hour12(Pad::None)),
    ("4", Element::Minute(Pad::None)),
    ("5", Element::Second(Pad::None)),
    ("PM", Element::Noon { upper: true }),
    ("pm", Element::Noon { upper: false }),
];

const fn offset(colon: bool, minutes: bool, seconds: bool) -> Offset {
    Offset { zulu: false, colon, minutes, seconds }
}

/// Offsets without their first letter, `-` or `Z`.
const OFFSETS: [(&str, Offset); 5] = [
    ("070000", offset(false, true, true)),
    ("07:00:00", offset(true, true, true)),
    ("0700", offset(false, true, false)),
    ("07:00", offset(true, true, false)),
    ("07", offset(false, false, false)),
];

/// A point or comma with zeros or nines after it that no other digit follows.
fn fraction_at(text: &str) -> Option<(Element, usize, usize)> {
    let separator = text.chars().next()?;
    let digits = text.get(1..)?;
    let digit = digits.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let rest = digits.trim_start_matches(digit);
    if rest.starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    let count = digits.len() - rest.len();
    Some((Element::Fraction { separator, digits: count, trimmed: digit == '9' }, 0, count + 1))
}

/// Writes a time by a layout that need not be UTF-8: bytes that are not are text like other text.
pub(super) fn format_bytes(time: &Time, layout: &[u8]) -> Vec<u8> {
    layout.utf8_chunks().fold(Vec::new(), |mut out, chunk| {
        out.extend_from_slice(format(time, chunk.valid()).as_bytes());
        out.extend_from_slice(chunk.invalid());
        out
    })
}

/// Writes a time by a layout.
pub(super) fn format(time: &Time, layout: &str) -> String {
    let civil = time.civil();
    let (offset, abbreviation) = time.zone.at(time.seconds);
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    while !rest.is_empty() {
        let piece = cut(rest);
        out.push_str(piece.prefix);
        let Some((element, _)) = piece.element else { break };
        rest = piece.suffix;
        match element {
            Element::LongMonth => out.push_str(name(&MONTHS, civil.month - 1)),
            Element::ShortMonth => out.push_str(short(name(&MONTHS, civil.month - 1))),
            Element::Month(pad) => number(&mut out, civil.month, 2, pad),
            Element::LongWeekday => out.push_str(name(&WEEKDAYS, civil.weekday)),
            Element::ShortWeekday => out.push_str(short(name(&WEEKDAYS, civil.weekday))),
            Element::Day(pad) => number(&mut out, civil.day, 2, pad),
            Element::YearDay(pad) => number(&mut out, civil.year_day, 3, pad),
            Element::Hour => number(&mut out, civil.hour, 2, Pad::Zero),
            Element::Hour12(pad) => number(&mut out, (civil.hour + 11) % 12 + 1, 2, pad),
            Element::Minute(pad) => number(&mut out, civil.minute, 2, pad),
            Element::Second(pad) => number(&mut out, civil.second, 2, pad),
            Element::LongYear => number(&mut out, civil.year, 4, Pad::Zero),
            Element::ShortYear => number(&mut out, civil.year.abs() % 100, 2, Pad::Zero),
            Element::Noon { upper } => out.push_str(match (upper, civil.hour >= 12) {
                (true, true) => "PM",
                (true, false) => "AM",
                (false, true) => "pm",
                (false, false) => "am",
            }),
            Element::Abbreviation if abbreviation.is_empty() => {
                let minutes = offset / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                let _ = write!(out, "{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60);
            }
            Element::Abbreviation => out.push_str(&abbreviation),
            Element::Offset(shape) => write_offset(&mut out, offset, shape),
            Element::Fraction { separator, digits, trimmed } => {
                write_fraction(&mut out, civil.nanosecond, separator, digits, trimmed);
            }
        }
    }
    out
}

fn name<'a>(names: &[&'a str], position: i64) -> &'a str {
    usize::try_from(position).ok().and_then(|position| names.get(position)).copied().unwrap_or_default()
}

fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

fn number(out: &mut String, number: i64, width: usize, pad: Pad) {
    let _ = match pad {
        Pad::None => write!(out, "{number}"),
        Pad::Space => write!(out, "{number:width$}"),
        Pad::Zero if number < 0 => write!(out, "-{:0width$}", number.unsigned_abs()),
        Pad::Zero => write!(out, "{number:0width$}"),
    };
}

fn write_offset(out: &mut String, offset: i64, shape: Offset) {
    if shape.zulu && offset == 0 {
        out.push('Z');
        return;
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let seconds = offset.abs();
    let colon = if shape.colon { ":" } else { "" };
    let _ = write!(out, "{sign}{:02}", seconds / 3_600);
    if shape.minutes {
        let _ = write!(out, "{colon}{:02}", seconds / 60 % 60);
    }
    if shape.seconds {
        let _ = write!(out, "{colon}{:02}", seconds % 60);
    }
}

fn write_fraction(out: &mut String, nanosecond: u32, separator: char, digits: usize, trimmed: bool) {
    let all = format!("{nanosecond:09}");
    let kept = all.get(..digits.min(9)).unwrap_or(&all);
    let kept = if trimmed { kept.trim_end_matches('0') } else { kept };
    if kept.is_empty() {
        return;
    }
    out.push(separator);
    out.push_str(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::time::Zone;

    /// Expected texts are what Go 1.26 prints.
    #[test]
    fn formats_as_go_does() {
        let zone = Zone::load("Europe/Berlin", "UTC").unwrap();
        let time = Time::from_nanoseconds(1_700_000_000_123_450_000, zone);
        for (layout, expected) in [
            (STRING, "2023-11-14 23:13:20.12345 +0100 CET"),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 14 Nov 2023 23:13:20 CET"),
            ("Monday January _2 3:04PM pm 06", "Tuesday November 14 11:13PM pm 23"),
            ("002 __2 1 2 3 4 5", "318 318 11 14 11 13 20"),
            ("Z07:00 -07 Z0700 -07:00:00", "+01:00 +01 +0100 +01:00:00"),
            ("05.000 05,999999 .9991", "20.123 20,12345 .99911"),
            ("_2006 Janet Monx", "_2023 Janet Monx"),
        ] {
            assert_eq!(format(&time, layout), expected, "{layout}");
        }
    }

    #[test]
    fn bytes_of_a_layout_that_are_no_text_come_out_unchanged() {
        let zero = Time::zero();
        assert_eq!(format_bytes(&zero, b"\x00\xff"), b"\x00\xff");
        assert_eq!(format_bytes(&zero, b"2006\xff01\xfe\xfd Jan"), b"0001\xff01\xfe\xfd Jan");
        assert_eq!(format_bytes(&zero, "ü 15".as_bytes()), "ü 00".as_bytes());
    }
}
