//! Go durations as users write them in manifests (`1h30m`, `500ms`, `1.5s`, `0`).
//!
//! In goes text, out comes a non-negative span of whole nanoseconds, printed back as Go's `time.Duration` prints it.
//! Counterpart: Go 1.26 `time.ParseDuration` and `Duration.String`; a sign is refused, because no field here takes one.
//! Invariant: never longer than Go's longest duration (about 292 years).

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write as _};
use std::str::FromStr;
use std::time::Duration as StdDuration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::Error;

/// What Flux accepts for a duration: at least one number with a unit; no bare `0`, no days, no sign.
pub const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
/// What Flux accepts for the timeout of a source: as [`PATTERN`], without hours.
pub const PATTERN_WITHOUT_HOURS: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$";

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// The most nanoseconds that a duration has, as in Go.
const MAX_NANOS: u64 = i64::MAX as u64;

/// A non-negative Go duration with nanosecond precision.
///
/// Deserialising holds a value beyond Go's range at the longest duration instead of failing, so that one
/// strange object cannot make a whole list unreadable; [`FromStr`] reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(StdDuration);

impl Duration {
    /// The longest duration that Go can hold.
    pub const MAX: Self = Self(StdDuration::from_nanos(MAX_NANOS));

    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(StdDuration::from_secs(seconds))
    }

    /// A duration of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(StdDuration::from_millis(millis))
    }

    /// The same span as the standard library's type.
    pub const fn as_std(self) -> StdDuration {
        self.0
    }
}

impl From<Duration> for StdDuration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl From<StdDuration> for Duration {
    fn from(duration: StdDuration) -> Self {
        Self(duration).min(Self::MAX)
    }
}

impl FromStr for Duration {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match parse_nanos(text) {
            Some(nanos) if nanos <= u128::from(MAX_NANOS) => Ok(Self(StdDuration::from_nanos(nanos as u64))),
            Some(_) => Err(Error::DurationTooLong { text: text.to_owned() }),
            None => Err(Error::InvalidDuration { text: text.to_owned() }),
        }
    }
}

/// The nanoseconds that `text` stands for; `None` where Go (or our refusal of signs) would report an error.
fn parse_nanos(text: &str) -> Option<u128> {
    if text == "0" {
        return Some(0);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        total = total.saturating_add(parse_part(number, unit_nanos(unit)?)?);
        rest = tail;
    }
    Some(total)
}

/// One number times its unit. Digits beyond a nanosecond are cut off, as Go cuts them.
fn parse_part(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut nanos =
        whole.bytes().fold(0u128, |sum, digit| sum.saturating_mul(10).saturating_add(u128::from(digit - b'0')));
    nanos = nanos.saturating_mul(u128::from(unit));
    let mut scaled: u128 = 0;
    let mut scale: u128 = 1;
    for digit in fraction.bytes().take(18) {
        scaled = scaled * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    Some(nanos.saturating_add(scaled * u128::from(unit) / scale))
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3600 * NANOS_PER_SECOND,
        _ => return None,
    })
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(MAX_NANOS);
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write_decimal(f, nanos, 1_000, "µs"),
            1_000_000..NANOS_PER_SECOND => write_decimal(f, nanos, 1_000_000, "ms"),
            _ => {
                let minutes = nanos / (60 * NANOS_PER_SECOND);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write_decimal(f, nanos % (60 * NANOS_PER_SECOND), NANOS_PER_SECOND, "s")
            }
        }
    }
}

/// Writes `nanos / unit` without trailing zeros.
fn write_decimal(f: &mut Formatter<'_>, nanos: u64, unit: u64, suffix: &str) -> fmt::Result {
    write!(f, "{}", nanos / unit)?;
    let mut rest = nanos % unit;
    let mut place = unit / 10;
    if rest > 0 {
        f.write_char('.')?;
    }
    while rest > 0 {
        write!(f, "{}", rest / place)?;
        rest %= place;
        place /= 10;
    }
    f.write_str(suffix)
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        match text.parse() {
            Err(Error::DurationTooLong { .. }) => Ok(Self::MAX),
            parsed => parsed.map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}

/// The schema of a source's timeout, which takes no hours.
pub(super) fn without_hours(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": PATTERN_WITHOUT_HOURS })
}
