//! Which numbers are floats and which are integers, in JSON and in Go's values.
//!
//! Helm reads values files through JSON, so every number in them is a `float64`; `--set` gives `int64`. In a `serde_json::Value` the
//! former is kept as a float (`5.0`), the latter as an integer (`5`).
//!
//! **Invariant:** [`from_value`] and [`to_value`] give back what they were given, for everything that JSON can hold.

use std::collections::BTreeMap;

use serde_json::{Number, Value as Json};

use super::Values;
use crate::value::{Map, MapType, Text, Value};

/// Makes a float of every number, as reading a values file does in Helm. Integers beyond 2^53 lose digits, as in Go.
pub fn with_float_numbers(mut values: Values) -> Values {
    values.values_mut().for_each(make_float);
    values
}

fn make_float(json: &mut Json) {
    match json {
        Json::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| !number.is_f64()).and_then(Number::from_f64) {
                *number = float;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(make_float),
        Json::Object(entries) => entries.values_mut().for_each(make_float),
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}

/// Makes an integer of every whole number that has one, so that serde_json prints `5` where Go prints `5`.
pub(super) fn with_whole_numbers(mut json: Json) -> Json {
    make_whole(&mut json);
    json
}

fn make_whole(json: &mut Json) {
    match json {
        Json::Number(number) => {
            let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 9.2e18);
            if let Some(float) = whole {
                *number = Number::from(float as i64);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(make_whole),
        Json::Object(entries) => entries.values_mut().for_each(make_whole),
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}

/// The Go value of a JSON document: integers become `int64`, floats `float64`, tables `map[string]interface {}`.
pub fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::int64(integer),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::string(text),
        Json::Array(items) => Value::list(items.iter().map(to_value).collect()),
        Json::Object(entries) => Value::Map(to_map(entries)),
    }
}

/// As [`to_value`], for a table.
pub(super) fn to_map(entries: &Values) -> Map {
    let entries: BTreeMap<Text, Value> =
        entries.iter().map(|(key, value)| (Text::from(key), to_value(value))).collect();
    Map::from_entries(MapType::Any, entries)
}

/// The JSON document of a Go value; what JSON has no form for becomes null. Bytes that are no UTF-8 become U+FFFD, as in Go.
pub fn from_value(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(_, value) => Json::Number(Number::from(*value)),
        Value::Uint(_, value) => Json::Number(Number::from(*value)),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_str().into_owned()),
        Value::List(items) => Json::Array(items.iter().map(from_value).collect()),
        Value::Map(map) => Json::Object(from_map(map)),
        Value::Nil | Value::Bytes(_) | Value::Object(_) => Json::Null,
    }
}

/// As [`from_value`], for a table.
pub(super) fn from_map(map: &Map) -> Values {
    map.snapshot().iter().map(|(key, value)| (key.to_str().into_owned(), from_value(value))).collect()
}
