//! Timestamps: which texts go-yaml takes for one.
//!
//! Counterpart: `parseTimestamp` in `resolve.go` of go-yaml, which tries four layouts of Go's `time.Parse`: a date, or a date and a time
//! joined by `T` with a zone or by spaces without one; months, days and times may have one digit.
//!
//! **Invariant:** works on the text; never makes a point in time of it.

/// The rest of a text, taken apart from the left.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Takes this byte.
    fn byte(&mut self, expected: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[expected])?;
        Some(())
    }

    /// Takes a number of one or two digits.
    fn number(&mut self) -> Option<u32> {
        let digit = |at: usize| self.0.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
        let first = digit(0)?;
        let (number, len) = digit(1).map_or((first, 1), |second| (first * 10 + second, 2));
        self.0 = self.0.get(len..)?;
        Some(number)
    }

    /// Takes a number of just two digits.
    fn two_digits(&mut self) -> Option<u32> {
        let before = self.0.len();
        let number = self.number()?;
        (before - self.0.len() == 2).then_some(number)
    }

    /// Takes one or more spaces.
    fn spaces(&mut self) -> Option<()> {
        self.byte(b' ')?;
        while self.byte(b' ').is_some() {}
        Some(())
    }
}

/// Whether go-yaml resolves this text to a timestamp.
pub(super) fn is_timestamp(text: &str) -> bool {
    let (Some(year), Some(rest)) = (text.get(..4), text.as_bytes().get(4..)) else { return false };
    let Ok(year) = year.parse::<u32>() else { return false };
    text.as_bytes().first().is_some_and(u8::is_ascii_digit) && after_year(year, Cursor(rest)).is_some()
}

/// The text of a timestamp as Go writes a `time.Time` in JSON (RFC 3339); none if it is no timestamp.
pub(super) fn canonical(text: &str) -> Option<String> {
    if !is_timestamp(text) {
        return None;
    }
    let (date, rest) = text.split_at(text.find(['T', 't', ' ']).unwrap_or(text.len()));
    let rest = rest.trim_start_matches(['T', 't', ' ']);
    let (time, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
    let (time, fraction) = time.split_once(['.', ',']).unwrap_or((time, ""));
    let padded = |parts: &str, separator: char| {
        let parts: Vec<String> = parts.split(separator).map(|part| format!("{part:0>2}")).collect();
        parts.join(&separator.to_string())
    };
    let mut written =
        format!("{}T{}", padded(date, '-'), if time.is_empty() { "00:00:00".into() } else { padded(time, ':') });
    // Go counts no further than nanoseconds.
    let fraction = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
    if !fraction.is_empty() {
        written.push('.');
        written.push_str(fraction);
    }
    written.push_str(if matches!(zone, "" | "+00:00" | "-00:00") { "Z" } else { zone });
    Some(written)
}

fn after_year(year: u32, mut cursor: Cursor<'_>) -> Option<()> {
    cursor.byte(b'-')?;
    let month = cursor.number()?;
    cursor.byte(b'-')?;
    let day = cursor.number()?;
    if day == 0 || day > days_in(year, month)? {
        return None;
    }
    match cursor.0.first() {
        None => return Some(()),
        Some(b'T' | b't') => {
            cursor.0 = cursor.0.get(1..)?;
            time(&mut cursor)?;
            zone(&mut cursor)?;
        }
        Some(_) => {
            cursor.spaces()?;
            time(&mut cursor)?;
        }
    }
    cursor.0.is_empty().then_some(())
}

fn days_in(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

fn time(cursor: &mut Cursor<'_>) -> Option<()> {
    let hour = cursor.number()?;
    cursor.byte(b':')?;
    let minute = cursor.number()?;
    cursor.byte(b':')?;
    let second = cursor.number()?;
    // Go takes a fraction after a point or a comma.
    if let [b'.' | b',', b'0'..=b'9', ..] = cursor.0 {
        let digits = cursor.0.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        cursor.0 = cursor.0.get(1 + digits..)?;
    }
    (hour < 24 && minute < 60 && second < 60).then_some(())
}

fn zone(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.byte(b'Z').is_some() {
        return Some(());
    }
    cursor.byte(b'+').or_else(|| cursor.byte(b'-'))?;
    let hour = cursor.two_digits()?;
    cursor.byte(b':')?;
    let minute = cursor.two_digits()?;
    (hour <= 24 && minute <= 60).then_some(())
}
