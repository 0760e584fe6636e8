//! From JSON into values and back, by Go's rules.
//!
//! Reading follows `encoding/json` into `interface {}`: every number becomes a `float64`. Writing is only for values that JSON has;
//! infinite and undefined numbers are refused, as in Go. The text form of JSON is the encoder's concern (`value::json`).
//!
//! **Invariant:** reading and writing back gives an equal document, but for integers beyond 2^53, which lose digits as in Go.

use std::collections::BTreeMap;

use super::{Map, MapType, Text, Value};

impl Value {
    /// The value of a JSON document, with every number as `float64` (Go 1.26 `encoding/json`).
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or_default()),
            serde_json::Value::String(text) => Self::string(text),
            serde_json::Value::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(entries) => {
                let entries: BTreeMap<Text, Self> =
                    entries.iter().map(|(key, value)| (Text::from(key), Self::from_json(value))).collect();
                Self::Map(Map::from_entries(MapType::Any, entries))
            }
        }
    }
}
