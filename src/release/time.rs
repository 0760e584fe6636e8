//! Times as Go writes them into JSON: RFC 3339 with nanoseconds, and the offset that they were taken at.
//!
//! **Invariant:** a time that was read is written back with the same text, but for trailing zeros of the fraction.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;

/// An instant with the offset it was written in. Equality and order look at the instant alone.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    instant: Timestamp,
    offset: Offset,
}

impl Time {
    /// The text of Go's zero time, which stands for "never".
    pub const ZERO_TEXT: &'static str = "0001-01-01T00:00:00Z";

    /// The instant.
    pub fn instant(self) -> Timestamp {
        self.instant
    }

    /// Reads RFC 3339 text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Time { text: text.to_owned() };
        let instant: Timestamp = text.parse().map_err(|_| invalid())?;
        let offset = written_offset(text).ok_or_else(invalid)?;
        Ok(Self { instant, offset })
    }

    fn is_zero(self) -> bool {
        self.to_string() == Self::ZERO_TEXT
    }
}

/// The offset at the end of a time: `Z` or `+hh:mm`.
fn written_offset(text: &str) -> Option<Offset> {
    if text.ends_with(['Z', 'z']) {
        return Some(Offset::UTC);
    }
    let (_, tail) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = tail.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    let sign = if tail.starts_with('-') { -1 } else { 1 };
    Offset::from_seconds(sign * seconds).ok()
}

impl From<Timestamp> for Time {
    fn from(instant: Timestamp) -> Self {
        Self { instant, offset: Offset::UTC }
    }
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.instant == other.instant
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.instant.cmp(&other.instant)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.offset.to_datetime(self.instant);
        write!(f, "{:04}-{:02}-{:02}T", civil.year(), civil.month(), civil.day())?;
        write!(f, "{:02}:{:02}:{:02}", civil.hour(), civil.minute(), civil.second())?;
        if civil.subsec_nanosecond() != 0 {
            let fraction = format!("{:09}", civil.subsec_nanosecond());
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        let seconds = self.offset.seconds();
        if seconds == 0 {
            return f.write_str("Z");
        }
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a time that may be missing: absent, null, empty (Helm 3) and Go's zero time all mean none.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let time = Time::parse(&text).map_err(serde::de::Error::custom)?;
    Ok((!time.is_zero()).then_some(time))
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn text_is_written_back_without_trailing_zeros() {
        for (given, written) in [
            ("2026-11-20T10:11:12.120000000+02:00", "2026-11-20T10:11:12.12+02:00"),
            ("2026-11-20T10:11:12Z", "2026-11-20T10:11:12Z"),
            ("2026-11-20T10:11:12.000000001-03:30", "2026-11-20T10:11:12.000000001-03:30"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Time::parse(given).unwrap().to_string(), written);
        }
    }

    #[test]
    fn order_is_by_instant_not_by_text() {
        let earlier = Time::parse("2026-11-20T11:00:00+02:00").unwrap();
        let later = Time::parse("2026-11-20T10:00:00Z").unwrap();
        assert!(earlier < later);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "yesterday", "2026-11-20", "2026-11-20T10:11:12"] {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }
}
