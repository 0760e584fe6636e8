//! Reading times by a layout.
//!
//! Counterpart: `time.ParseInLocation` in `time/format.go` (Go 1.26), error texts included.
//!
//! **Invariant:** a time that is read has a day that its month has, and a clock that a day has.

use std::fmt::Write as _;

use super::layout::{Element, MONTHS, Offset, Pad, WEEKDAYS, cut};
use super::time::{Civil, Time, Zone, days_in, is_leap};

/// Reads a time; what names no zone is in `local`.
pub(super) fn parse(layout: &str, value: &str, local: &Zone) -> Result<Time, String> {
    Reader { layout, value, rest: value, found: Found::default() }.run(local)
}

/// What was found so far.
#[derive(Default)]
struct Found {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: u32,
    /// Whether it is after noon, where the layout asks for it.
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    abbreviation: String,
}

/// Why an element cannot be read.
enum Bad {
    Syntax,
    Range(&'static str),
}

struct Reader<'a> {
    layout: &'a str,
    value: &'a str,
    rest: &'a str,
    found: Found,
}

type Read<T> = Result<T, Bad>;

impl<'a> Reader<'a> {
    fn run(mut self, local: &Zone) -> Result<Time, String> {
        let mut layout = self.layout;
        loop {
            let piece = cut(layout);
            if let Err(at) = skip(self.rest, piece.prefix) {
                return Err(self.mismatch(at, piece.prefix));
            }
            self.rest = skip(self.rest, piece.prefix).unwrap_or_default();
            let Some((element, shown)) = piece.element else {
                if !self.rest.is_empty() {
                    return Err(self.message(&format!("extra text: {}", quote(self.rest))));
                }
                break;
            };
            layout = piece.suffix;
            let held = self.rest;
            match self.read(element, layout) {
                Ok(()) => {}
                Err(Bad::Syntax) => return Err(self.mismatch(held, shown)),
                Err(Bad::Range(what)) => return Err(self.message(&format!("{what} out of range"))),
            }
        }
        self.finish(local)
    }

    fn mismatch(&self, value: &str, element: &str) -> String {
        let (whole, layout) = (quote(self.value), quote(self.layout));
        format!("parsing time {whole} as {layout}: cannot parse {} as {}", quote(value), quote(element))
    }

    fn message(&self, message: &str) -> String {
        format!("parsing time {}: {message}", quote(self.value))
    }

    fn take(&mut self, length: usize) -> Read<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Bad::Syntax)?;
        self.rest = rest;
        Ok(taken)
    }

    /// One or two digits, or just two.
    fn number(&mut self, two: bool) -> Read<i64> {
        let digits = self.rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
        if digits == 0 || (two && digits < 2) {
            return Err(Bad::Syntax);
        }
        self.take(digits)?.parse().map_err(|_| Bad::Syntax)
    }

    fn name(&mut self, names: &[&str], short: bool) -> Read<i64> {
        let wanted = |name: &str| name.get(..if short { 3 } else { name.len() }).unwrap_or_default().to_owned();
        let position = names.iter().position(|name| {
            let name = wanted(name);
            self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(&name))
        });
        let position = position.ok_or(Bad::Syntax)?;
        self.take(names.get(position).map_or(0, |name| wanted(name).len()))?;
        Ok(position as i64)
    }

    fn read(&mut self, element: Element, suffix: &str) -> Read<()> {
        match element {
            Element::LongMonth => self.found.month = Some(self.name(&MONTHS, false)? + 1),
            Element::ShortMonth => self.found.month = Some(self.name(&MONTHS, true)? + 1),
            Element::Month(pad) => {
                let month = self.number(pad == Pad::Zero)?;
                self.found.month = Some(in_range(month, 1..=12, "month")?);
            }
            Element::LongWeekday => drop(self.name(&WEEKDAYS, false)?),
            Element::ShortWeekday => drop(self.name(&WEEKDAYS, true)?),
            Element::Day(pad) => {
                self.skip_spaces(pad, 1);
                self.found.day = Some(self.number(pad == Pad::Zero)?);
            }
            Element::YearDay(pad) => self.year_day(pad)?,
            Element::Hour => self.found.hour = in_range(self.number(false)?, 0..=23, "hour")?,
            Element::Hour12(pad) => self.found.hour = in_range(self.number(pad == Pad::Zero)?, 0..=12, "hour")?,
            Element::Minute(pad) => self.found.minute = in_range(self.number(pad == Pad::Zero)?, 0..=59, "minute")?,
            Element::Second(pad) => self.second(pad, suffix)?,
            Element::LongYear => {
                if !self.rest.starts_with(|letter: char| letter.is_ascii_digit()) {
                    return Err(Bad::Syntax);
                }
                self.found.year = self.take(4)?.parse().map_err(|_| Bad::Syntax)?;
            }
            Element::ShortYear => {
                let year: i64 = self.take(2)?.parse().map_err(|_| Bad::Syntax)?;
                self.found.year = year + if year >= 69 { 1900 } else { 2000 };
            }
            Element::Noon { upper } => {
                let noon = self.take(2)?;
                self.found.afternoon = Some(match (noon, upper) {
                    ("PM", true) | ("pm", false) => true,
                    ("AM", true) | ("am", false) => false,
                    _ => return Err(Bad::Syntax),
                });
            }
            Element::Abbreviation => self.abbreviation()?,
            Element::Offset(shape) => self.offset(shape)?,
            Element::Fraction { digits, trimmed: false, .. } => self.fraction(digits + 1)?,
            Element::Fraction { trimmed: true, .. } => {
                if let Some(length) = fraction_length(self.rest) {
                    self.fraction(length)?;
                }
            }
        }
        Ok(())
    }

    fn skip_spaces(&mut self, pad: Pad, count: usize) {
        for _ in 0..count {
            if pad == Pad::Space {
                self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
            }
        }
    }

    fn year_day(&mut self, pad: Pad) -> Read<()> {
        self.skip_spaces(pad, 2);
        let digits = self.rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
        if digits == 0 || (pad == Pad::Zero && digits < 3) {
            return Err(Bad::Syntax);
        }
        self.found.year_day = Some(self.take(digits)?.parse().map_err(|_| Bad::Syntax)?);
        Ok(())
    }

    /// Seconds may have a fraction, also where the layout has none.
    fn second(&mut self, pad: Pad, suffix: &str) -> Read<()> {
        self.found.second = in_range(self.number(pad == Pad::Zero)?, 0..=59, "second")?;
        let next_is_fraction = matches!(cut(suffix).element, Some((Element::Fraction { .. }, _)));
        match fraction_length(self.rest) {
            Some(length) if !next_is_fraction => self.fraction(length),
            _ => Ok(()),
        }
    }

    /// A separator and digits; those beyond nanoseconds do not count.
    fn fraction(&mut self, length: usize) -> Read<()> {
        let taken = self.take(length)?;
        let digits = taken.strip_prefix(['.', ',']).ok_or(Bad::Syntax)?;
        let digits = digits.get(..9).unwrap_or(digits);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Bad::Syntax);
        }
        self.found.nanosecond = format!("{digits:0<9}").parse().map_err(|_| Bad::Syntax)?;
        Ok(())
    }

    fn offset(&mut self, shape: Offset) -> Read<()> {
        if shape.zulu && self.rest.starts_with('Z') {
            self.take(1)?;
            self.found.utc = true;
            return Ok(());
        }
        let sign = match self.rest.bytes().next() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(Bad::Syntax),
        };
        self.take(1)?;
        let hours = self.number(true)?;
        let mut part = |wanted: bool| {
            if !wanted {
                return Ok(0);
            }
            if shape.colon && self.take(1)? != ":" {
                return Err(Bad::Syntax);
            }
            self.number(true)
        };
        let (minutes, seconds) = (part(shape.minutes)?, part(shape.seconds)?);
        in_range(seconds, 0..=60, "time zone offset second")?;
        in_range(minutes, 0..=60, "time zone offset minute")?;
        in_range(hours, 0..=24, "time zone offset hour")?;
        self.found.offset = Some(sign * ((hours * 60 + minutes) * 60 + seconds));
        Ok(())
    }

    fn abbreviation(&mut self) -> Read<()> {
        if self.rest.starts_with("UTC") {
            self.take(3)?;
            self.found.utc = true;
            return Ok(());
        }
        let length = abbreviation_length(self.rest).ok_or(Bad::Syntax)?;
        self.found.abbreviation = self.take(length)?.to_owned();
        Ok(())
    }

    fn finish(mut self, local: &Zone) -> Result<Time, String> {
        match (self.found.afternoon, self.found.hour) {
            (Some(true), ..12) => self.found.hour += 12,
            (Some(false), 12) => self.found.hour = 0,
            _ => {}
        }
        let (month, day) = self.date()?;
        if day < 1 || day > days_in(self.found.year, month) {
            return Err(self.message("day out of range"));
        }
        let found = self.found;
        let civil = Civil {
            year: found.year,
            month,
            day,
            hour: found.hour,
            minute: found.minute,
            second: found.second,
            nanosecond: found.nanosecond,
            weekday: 0,
            year_day: 0,
        };
        if found.utc {
            return Ok(Time::from_civil(&civil, Zone::Utc));
        }
        let as_utc = Time::from_civil(&civil, Zone::Utc);
        let name = found.abbreviation.as_str();
        if let Some(offset) = found.offset {
            let mut time = as_utc;
            time.seconds -= offset;
            let (known, abbreviation) = local.at(time.seconds);
            let is_local = known == offset && (name.is_empty() || name == abbreviation);
            let zone = if is_local { local.clone() } else { Zone::Fixed(name.into(), offset as i32) };
            return Ok(time.in_zone(zone));
        }
        if name.is_empty() {
            return Ok(Time::from_civil(&civil, local.clone()));
        }
        // An abbreviation counts only where the local zone knows it; otherwise it is a name without an offset.
        if let Some(offset) = local.offset_of(name, as_utc.seconds) {
            let mut time = as_utc.in_zone(local.clone());
            time.seconds -= offset;
            return Ok(time);
        }
        let offset = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok()).unwrap_or(0) * 3_600;
        Ok(as_utc.in_zone(Zone::Fixed(name.into(), offset)))
    }

    /// The month and day, from the day of the year if there is one.
    fn date(&self) -> Result<(i64, i64), String> {
        let found = &self.found;
        let Some(year_day) = found.year_day else {
            return Ok((found.month.unwrap_or(1), found.day.unwrap_or(1)));
        };
        let length = if is_leap(found.year) { 366 } else { 365 };
        if !(1..=length).contains(&year_day) {
            return Err(self.message("day-of-year out of range"));
        }
        let (mut month, mut day) = (1, year_day);
        while day > days_in(found.year, month) {
            day -= days_in(found.year, month);
            month += 1;
        }
        if found.month.is_some_and(|found| found != month) {
            return Err(self.message("day-of-year does not match month"));
        }
        if found.day.is_some_and(|found| found != day) {
            return Err(self.message("day-of-year does not match day"));
        }
        Ok((month, day))
    }
}

fn in_range(number: i64, range: std::ops::RangeInclusive<i64>, what: &'static str) -> Read<i64> {
    if range.contains(&number) { Ok(number) } else { Err(Bad::Range(what)) }
}

/// Skips the text between elements; one space stands for any number. The error is what was left.
fn skip<'a>(value: &'a str, prefix: &str) -> Result<&'a str, &'a str> {
    let (mut value, mut prefix) = (value, prefix);
    while let Some(letter) = prefix.chars().next() {
        if letter == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        value = value.strip_prefix(letter).ok_or(value)?;
        prefix = prefix.get(letter.len_utf8()..).unwrap_or_default();
    }
    Ok(value)
}

/// The length of a separator with digits, if the text begins so.
fn fraction_length(text: &str) -> Option<usize> {
    let digits = text.strip_prefix(['.', ','])?.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some(digits + 1)
}

/// The length of the abbreviation that a text begins with.
fn abbreviation_length(text: &str) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(hours) = text.strip_prefix("GMT") {
        return Some(3 + hours_length(hours));
    }
    if text.starts_with(['+', '-']) {
        return Some(hours_length(text)).filter(|length| *length > 0);
    }
    let capitals = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    match (capitals, text.as_bytes()) {
        (3, _) => Some(3),
        (4, [_, _, _, b'T', ..] | [b'W', b'I', b'T', b'A', ..]) => Some(4),
        (5, [_, _, _, _, b'T', ..]) => Some(5),
        _ => None,
    }
}

/// The length of a signed number of hours, 0 if there is none.
fn hours_length(text: &str) -> usize {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return 0 };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let hours = digits.get(..length).and_then(|digits| digits.parse::<u64>().ok());
    if hours.is_some_and(|hours| hours <= 23) { length + 1 } else { 0 }
}

/// Quotes as Go's time package does: what is not plain ASCII comes out as bytes.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'\x7f' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}
