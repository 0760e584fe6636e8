//! Times as TOML has them.
//!
//! Counterpart: `internal/tz.go` of BurntSushi/toml 1.6.0: a date, a time of day, or both, without a zone, is a `time.Time` in a zone
//! whose name tells which. The zone's offset is the machine's, which is taken to be UTC.
//!
//! **Invariant:** a time that was read is written as it was, but for its precision.

use super::layout;
use super::layout_parse;
use super::time::{Time, Zone, as_time};
use crate::value::Value;

/// Reads a time by a layout of Go's; `zone` is the name of the zone if the text has none.
pub fn toml_time_from(layout: &str, text: &str, zone: Option<&str>) -> Option<Value> {
    let zone = zone.map_or(Zone::Utc, |name| Zone::Fixed(name.into(), 0));
    layout_parse::parse(layout, text, &zone).ok().map(Value::from)
}

/// The text of a time in TOML; nothing for other values.
pub fn toml_time(value: &Value) -> Option<String> {
    let time: &Time = as_time(value)?;
    let layout = match &time.zone {
        Zone::Fixed(name, _) => match &**name {
            "datetime-local" => "2006-01-02T15:04:05.999999999",
            "date-local" => "2006-01-02",
            "time-local" => "15:04:05.999999999",
            _ => layout::RFC3339_NANO,
        },
        _ => layout::RFC3339_NANO,
    };
    Some(layout::format(time, layout))
}
