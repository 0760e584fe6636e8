//! Points in time with a zone: `time.Time`.
//!
//! Counterpart: Go's `time` (Go 1.26); zones come from the built-in tables of jiff. A point of time carries no monotonic clock, so
//! `now` prints without the suffix that Go adds.
//!
//! **Invariant:** years far beyond the tables use the offset of their nearest entry; nothing overflows into an error.

use std::any::Any;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::args::{bytes, int};
use super::layout;
use crate::value::{CallResult, IntType, Kind, Method, Object, Signature, Text, Type, Value, quote};

/// The name of the type.
pub(super) const TYPE_NAME: &str = "time.Time";

const NANOSECONDS: i128 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Where Go begins to count seconds: the first of March in the year -292277022400.
const FIRST_SECOND: i128 = -((292_277_022_400 / 400 * 146_097 + 306) * DAY as i128) + ZERO_TIME as i128;

/// Seconds from the year 1, where Go's zero time is, to 1970.
const ZERO_TIME: i64 = -62_135_596_800;

/// How a point in time is shown.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    /// UTC.
    Utc,
    /// A zone of the tables.
    Table(TimeZone),
    /// A fixed offset in seconds with a name that may be empty.
    Fixed(Rc<str>, i32),
}

impl Zone {
    /// The zone of a name, as `time.LoadLocation` finds it; names are case-sensitive. `local` is what `Local` stands for.
    pub(super) fn load(name: &str, local: &str) -> Option<Self> {
        match name {
            "" | "UTC" => Some(Self::Utc),
            "Local" if local == "Local" => Some(Self::Utc),
            "Local" => Self::load(local, local).or(Some(Self::Utc)),
            _ => {
                let zone = TimeZoneDatabase::bundled().get(name).ok()?;
                (zone.iana_name() == Some(name)).then_some(Self::Table(zone))
            }
        }
    }

    /// The zone's own name.
    fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Fixed(name, _) => name,
            Self::Table(zone) => zone.iana_name().unwrap_or_default(),
        }
    }

    /// Whether clocks are put forward at a time.
    fn is_daylight_saving(&self, seconds: i64) -> bool {
        let Self::Table(zone) = self else { return false };
        let seconds = within_tables(seconds);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        zone.to_offset_info(time).dst().is_dst()
    }

    /// The offset from UTC in seconds at a time, and its abbreviation.
    pub(super) fn at(&self, seconds: i64) -> (i64, String) {
        match self {
            Self::Utc => (0, "UTC".to_owned()),
            Self::Fixed(name, offset) => (i64::from(*offset), (**name).to_owned()),
            Self::Table(zone) => {
                let seconds = within_tables(seconds);
                let info = zone.to_offset_info(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH));
                (i64::from(info.offset().seconds()), info.abbreviation().to_owned())
            }
        }
    }
}

/// A time of which the tables of zones know: later ones are moved by whole rounds of the calendar.
fn within_tables(seconds: i64) -> i64 {
    const ROUND: i64 = 146_097 * DAY;
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let rounds = (seconds.saturating_sub(last).max(0) as u64).div_ceil(ROUND as u64) as i64;
    (seconds - rounds * ROUND).max(first)
}

/// The name of the type of a zone.
const LOCATION: &str = "*time.Location";

/// What `.Location` gives.
#[derive(Debug)]
struct Location(Zone);

impl Object for Location {
    fn type_name(&self) -> &str {
        LOCATION
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        (name == "String").then(|| method(&[], |_| Ok(Value::string(self.0.name()))))
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(self.0.name()))
    }

    fn deep_copied(&self) -> Option<Value> {
        Some(Value::object(Self(Zone::Fixed("".into(), 0))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Changes of a zone that are looked at for an abbreviation; more than any zone has had so far.
const MAX_CHANGES: usize = 1_000;

impl Zone {
    /// The offset that an abbreviation stands for when clocks show a time (given as if they were in UTC): the one in force then,
    /// otherwise one that the zone has had.
    pub(super) fn offset_of(&self, abbreviation: &str, local: i64) -> Option<i64> {
        let Self::Table(zone) = self else {
            let (offset, name) = self.at(local);
            return (name == abbreviation).then_some(offset);
        };
        let mut offsets: Vec<i64> = Vec::new();
        let (first, name) = self.at(Timestamp::MIN.as_second());
        offsets.extend((name == abbreviation).then_some(first));
        for change in zone.following(Timestamp::MIN).take(MAX_CHANGES) {
            let offset = i64::from(change.offset().seconds());
            if change.abbreviation() == abbreviation && !offsets.contains(&offset) {
                offsets.push(offset);
            }
        }
        let in_force = offsets.iter().find(|offset| self.at(local - **offset).1 == abbreviation);
        in_force.or(offsets.first()).copied()
    }
}

/// A date and a time of day as a clock in some zone shows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// From 1 to 12.
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanosecond: u32,
    /// From 0, which is Sunday.
    pub(super) weekday: i64,
    /// From 1.
    pub(super) year_day: i64,
}

/// Days from 1970 to a date of the Gregorian calendar; months beyond the year carry over.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_add((month - 1).div_euclid(12));
    let month = (month - 1).rem_euclid(12) + 1;
    // Years that begin in March put the leap day last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5;
    era.saturating_mul(146_097)
        .saturating_add(year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
        .saturating_add(day - 1)
}

/// The year, month and day that many days after 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year_of_era, month + 3) } else { (year_of_era + 1, month - 9) };
    (era * 400 + year, month, day)
}

/// Whether the year has a leap day.
pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month.
pub(super) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A point in time.
#[derive(Clone, Debug)]
pub(super) struct Time {
    /// Seconds since 1970.
    pub(super) seconds: i64,
    nanosecond: u32,
    pub(super) zone: Zone,
}

impl Time {
    /// A point that many nanoseconds after 1970.
    pub(super) fn from_nanoseconds(nanoseconds: i128, zone: Zone) -> Self {
        let seconds = nanoseconds.div_euclid(NANOSECONDS);
        let seconds = i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX });
        Self { seconds, nanosecond: nanoseconds.rem_euclid(NANOSECONDS) as u32, zone }
    }

    /// A point that many seconds after 1970.
    pub(super) fn from_seconds(seconds: i64, zone: Zone) -> Self {
        Self { seconds, nanosecond: 0, zone }
    }

    /// Go's zero time: the start of the year 1, UTC.
    pub(super) fn zero() -> Self {
        Self::from_seconds(ZERO_TIME, Zone::Utc)
    }

    /// The point at which a clock in the zone shows this: `time.Date`. Where clocks are put forward or back, the choice is Go's.
    pub(super) fn from_civil(civil: &Civil, zone: Zone) -> Self {
        let clock = civil.hour * 3_600 + civil.minute * 60 + civil.second;
        let local = days_to(civil.year, civil.month, civil.day).saturating_mul(DAY).saturating_add(clock);
        let (guess, _) = zone.at(local);
        let offset = if guess == 0 { 0 } else { zone.at(local.saturating_sub(guess)).0 };
        Self { seconds: local.saturating_sub(offset), nanosecond: civil.nanosecond, zone }
    }

    /// Nanoseconds since 1970.
    pub(super) fn nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * NANOSECONDS + i128::from(self.nanosecond)
    }

    /// What a clock in the zone shows. Go counts from its first year in 64 bits, so years beyond either end come out at the other.
    pub(super) fn civil(&self) -> Civil {
        let local = i128::from(self.seconds) + i128::from(self.zone.at(self.seconds).0);
        let local = (local - FIRST_SECOND).rem_euclid(1 << 64) + FIRST_SECOND;
        let days = local.div_euclid(i128::from(DAY)) as i64;
        let clock = local.rem_euclid(i128::from(DAY)) as i64;
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            hour: clock / 3_600,
            minute: clock / 60 % 60,
            second: clock % 60,
            nanosecond: self.nanosecond,
            weekday: days.saturating_add(4).rem_euclid(7),
            year_day: days - days_to(year, 1, 1) + 1,
        }
    }

    /// The same point in another zone.
    pub(super) fn in_zone(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// The point that many nanoseconds later.
    pub(super) fn add(&self, nanoseconds: i64) -> Self {
        Self::from_nanoseconds(self.nanoseconds() + i128::from(nanoseconds), self.zone.clone())
    }

    /// The nanoseconds since another point, within what a duration holds.
    pub(super) fn since(&self, other: &Self) -> i64 {
        let difference = self.nanoseconds() - other.nanoseconds();
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }

    fn rfc3339(&self) -> String {
        layout::format(self, layout::RFC3339_NANO)
    }

    fn in_location(&self, args: &[Value]) -> Self {
        let location = match args.first() {
            Some(Value::Object(object)) => object.as_any().downcast_ref::<Location>(),
            _ => None,
        };
        self.in_zone(location.map_or(Zone::Utc, |location| location.0.clone()))
    }

    fn add_date(&self, args: &[Value]) -> Self {
        let civil = self.civil();
        let later = Civil {
            year: civil.year.saturating_add(int(args, 0)),
            month: civil.month.saturating_add(int(args, 1)),
            day: civil.day.saturating_add(int(args, 2)),
            ..civil
        };
        Self::from_civil(&later, self.zone.clone())
    }

    /// The last point before this that is a whole number of steps from the zero time, or the nearest one.
    fn to_step(&self, step: i64, nearest: bool) -> Self {
        if step <= 0 {
            return self.clone();
        }
        let rest = (self.nanoseconds() - i128::from(ZERO_TIME) * NANOSECONDS).rem_euclid(i128::from(step));
        let rest = rest as i64;
        if nearest && rest >= step - rest { self.add(step - rest) } else { self.add(-rest) }
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::object(time)
    }
}

/// The point in time that a value is, if it is one.
pub(super) fn as_time(value: &Value) -> Option<&Time> {
    match value {
        Value::Object(object) => object.as_any().downcast_ref(),
        _ => None,
    }
}

impl Object for Time {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        let answer = |value: Value| method(&[], move |_| Ok(value.clone()));
        let number = |number: i64| answer(Value::int(number));
        let civil = self.civil();
        Some(match name {
            "Year" => number(civil.year),
            "Month" => answer(Value::Int(IntType::Month, civil.month)),
            "Day" => number(civil.day),
            "Hour" => number(civil.hour),
            "Minute" => number(civil.minute),
            "Second" => number(civil.second),
            "Nanosecond" => number(i64::from(civil.nanosecond)),
            "YearDay" => number(civil.year_day),
            "Weekday" => answer(Value::Int(IntType::Weekday, civil.weekday)),
            "Unix" => answer(Value::int64(self.seconds)),
            "UnixMilli" => answer(Value::int64((self.nanoseconds().div_euclid(1_000_000)) as i64)),
            "UnixMicro" => answer(Value::int64((self.nanoseconds().div_euclid(1_000)) as i64)),
            "UnixNano" => answer(Value::int64(self.nanoseconds() as i64)),
            "IsZero" => answer(Value::Bool(self.seconds == ZERO_TIME && self.nanosecond == 0)),
            // The zone of the machine counts as UTC here.
            "UTC" | "Local" => answer(self.in_zone(Zone::Utc).into()),
            "Location" => answer(Value::object(Location(self.zone.clone()))),
            "In" => method(&[Type::Object(LOCATION)], |args| Ok(self.in_location(args).into())),
            "IsDST" => answer(Value::Bool(self.zone.is_daylight_saving(self.seconds))),
            "MarshalText" => answer(Value::Bytes(self.rfc3339().into_bytes().into())),
            "MarshalJSON" => answer(Value::Bytes(format!("\"{}\"", self.rfc3339()).into_bytes().into())),
            "String" => answer(Value::string(layout::format(self, layout::STRING))),
            "Format" => method(&[Type::String], |args| Ok(Value::string(layout::format_bytes(self, bytes(args, 0))))),
            "Add" => method(&[Type::Duration], |args| Ok(self.add(int(args, 0)).into())),
            "AddDate" => method(&[Type::Int, Type::Int, Type::Int], |args| Ok(self.add_date(args).into())),
            "Truncate" => method(&[Type::Duration], |args| Ok(self.to_step(int(args, 0), false).into())),
            "Round" => method(&[Type::Duration], |args| Ok(self.to_step(int(args, 0), true).into())),
            "Sub" => self.compared(|time, other| Value::Int(IntType::Duration, time.since(other))),
            "Before" => self.compared(|time, other| Value::Bool(time.nanoseconds() < other.nanoseconds())),
            "After" => self.compared(|time, other| Value::Bool(time.nanoseconds() > other.nanoseconds())),
            "Equal" => self.compared(|time, other| Value::Bool(time.nanoseconds() == other.nanoseconds())),
            "Compare" => self.compared(|time, other| Value::int(time.nanoseconds().cmp(&other.nanoseconds()) as i64)),
            _ => return None,
        })
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(layout::format(self, layout::STRING)))
    }

    fn go_text(&self) -> Option<Text> {
        let time = self.civil();
        let month = Value::Int(IntType::Month, time.month).to_text();
        let zone = match &self.zone {
            Zone::Utc if self.seconds == ZERO_TIME && self.nanosecond == 0 => "time.UTC".to_owned(),
            // The zone of the machine counts as UTC here.
            Zone::Utc => "time.Local".to_owned(),
            zone => format!("time.Location({})", quote(zone.name())),
        };
        let Civil { year, day, hour, minute, second, nanosecond, .. } = time;
        let text = format!("time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {nanosecond}, {zone})");
        Some(Text::from(text))
    }

    fn encoded(&self) -> Option<Value> {
        Some(Value::string(self.rfc3339()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn method<'a>(params: &'static [Type], call: impl Fn(&[Value]) -> CallResult + 'a) -> Method<'a> {
    Method { signature: Signature::fixed(params), call: Box::new(call) }
}

impl Time {
    fn compared(&self, answer: fn(&Self, &Self) -> Value) -> Method<'_> {
        method(&[Type::Object(TYPE_NAME)], move |args| {
            Ok(args.first().and_then(as_time).map(|other| answer(self, other)).unwrap_or_default())
        })
    }
}
