//! Values into trees for the emitter.
//!
//! Counterpart: `Marshal` of sigs.k8s.io/yaml 1.6, which goes through JSON, and `encode.go` of go-yaml v3.0, which does not.
//!
//! **Invariant:** what the JSON text of a value would read as is what is written, also where reading changes it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::emit::Item;
use super::error::Error;
use super::number;
use super::order;
use super::style::Dialect;
use crate::value::{ElementType, IntType, Map, Object, Text, Value, json, print};

/// How many bytes of base64 go-yaml puts on a line.
const BASE64_LINE: usize = 70;
/// A key of this many bytes may be too long for the reader when it is escaped.
const LONG_KEY: usize = 160;

/// Whether the JSON text of a document reads as another document, or not at all: go-yaml refuses control characters and overlong keys,
/// and folds next-line characters.
pub(super) fn changes_when_read(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
        Json::String(text) => has_odd_character(text),
        Json::Array(items) => items.iter().any(changes_when_read),
        Json::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.len() > LONG_KEY || has_odd_character(key) || changes_when_read(value)),
    }
}

fn has_odd_character(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        0x7F => true,
        0xC2 => bytes.get(at + 1).is_some_and(|next| *next < 0xA0),
        0xEF => bytes.get(at + 1) == Some(&0xBF) && bytes.get(at + 2).is_some_and(|last| *last > 0xBD),
        _ => false,
    })
}

/// The order of a mapping's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// As go-yaml v2 sorts the keys of a map: numbers in them by value.
    Natural,
    /// In byte order, as `yaml.MapSlice` keeps keys that were sorted before.
    Bytes,
}

/// The tree of a JSON document.
pub(super) fn json_item(json: &Json, key_order: KeyOrder) -> Result<Item<'_>, Error> {
    Ok(match json {
        Json::Null => Item::Plain(Cow::Borrowed("null")),
        Json::Bool(value) => bool_item(*value),
        Json::Number(number) => Item::Plain(Cow::Owned(json_number(number)?)),
        Json::String(text) => Item::Text(Cow::Borrowed(text)),
        Json::Array(items) => {
            Item::Sequence(items.iter().map(|item| json_item(item, key_order)).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let mut entries: Vec<(&String, &Json)> = entries.iter().collect();
            match key_order {
                KeyOrder::Natural => entries = order::sort(entries, Dialect::V2, |(key, _)| key.as_str()),
                KeyOrder::Bytes => entries.sort_by_key(|(key, _)| *key),
            }
            let entries = entries.into_iter().map(|(key, value)| {
                let value = json_item(value, key_order)?;
                Ok((Item::Text(Cow::Borrowed(key)), value))
            });
            Item::Mapping(entries.collect::<Result<_, Error>>()?)
        }
    })
}

fn bool_item(value: bool) -> Item<'static> {
    Item::Plain(Cow::Borrowed(if value { "true" } else { "false" }))
}

fn json_number(number: &serde_json::Number) -> Result<String, Error> {
    let float = if number.is_f64() { number.as_f64() } else { None };
    let Some(float) = float else { return Ok(number.to_string()) };
    let number = json::number(float).map_err(Error::Marshal)?;
    // Minus zero has the text `-0` in JSON, which is an integer in YAML.
    Ok(if float == 0.0 || !number.is_f64() { number.to_string().replace("-0.0", "0") } else { number::float(float) })
}

/// The tree of a value for go-yaml v3, which sees Go's types. Errors: nesting beyond [`json::MAX_DEPTH`].
pub(super) fn value_item(value: &Value, depth: usize) -> Result<Item<'static>, Error> {
    if depth > json::MAX_DEPTH {
        let problem = "encountered a cycle via map[string]interface {}";
        return Err(Error::Marshal(json::Error::UnsupportedValue(problem.to_owned())));
    }
    Ok(match value {
        Value::Nil => Item::Plain(Cow::Borrowed("null")),
        Value::Bool(value) => bool_item(*value),
        Value::Int(IntType::Duration, value) => Item::Text(Cow::Owned(print::duration_text(*value))),
        Value::Int(_, value) => Item::Plain(Cow::Owned(value.to_string())),
        Value::Uint(_, value) => Item::Plain(Cow::Owned(value.to_string())),
        Value::Float(value) => Item::Plain(Cow::Owned(number::float(*value))),
        Value::String(text) => text_item(text),
        Value::Bytes(bytes) => {
            let items = bytes.iter().map(|byte| Item::Plain(Cow::Owned(byte.to_string())));
            Item::Sequence(items.collect())
        }
        Value::List(list) => {
            let items: Result<_, _> = list.iter().map(|item| value_item(item, depth + 1)).collect();
            Item::Sequence(items?)
        }
        Value::Map(map) => map_item(map, depth)?,
        Value::Object(object) => object_item(object.as_ref(), depth)?,
    })
}

fn text_item(text: &Text) -> Item<'static> {
    match text.as_str() {
        Some(text) => Item::Text(Cow::Owned(text.to_owned())),
        None => Item::Binary(base64_lines(text.as_bytes())),
    }
}

/// Base64, on several lines if it is long.
fn base64_lines(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    if encoded.len() < BASE64_LINE {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / BASE64_LINE + 1);
    for (at, character) in encoded.chars().enumerate() {
        if at > 0 && at % BASE64_LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

fn map_item(map: &Map, depth: usize) -> Result<Item<'static>, Error> {
    let mut entries = Vec::with_capacity(map.len());
    for (key, value) in map.snapshot() {
        let sort_key = json::valid_utf8(key.as_bytes()).into_owned();
        entries.push((sort_key, text_item(&key), value_item(&value, depth + 1)?));
    }
    let entries = order::sort(entries, Dialect::V3, |(sort_key, _, _)| sort_key.as_str());
    Ok(Item::Mapping(entries.into_iter().map(|(_, key, value)| (key, value)).collect()))
}

/// An object as what is underneath it, or as a struct with lower-case names, or as what it encodes as.
fn object_item(object: &dyn Object, depth: usize) -> Result<Item<'static>, Error> {
    if let Some(value) = object.underlying() {
        return value_item(&value, depth + 1);
    }
    let fields = object.fields();
    // A text that the object marshals to comes before its fields.
    if !fields.is_empty() && !matches!(object.encoded(), Some(Value::String(_))) {
        let exported = |name: &&str| name.starts_with(|first: char| first.is_uppercase());
        let entries = fields
            .iter()
            .filter(|(name, _)| exported(name))
            .map(|(name, value)| Ok((Item::Text(Cow::Owned(name.to_lowercase())), value_item(value, depth + 1)?)));
        return Ok(Item::Mapping(entries.collect::<Result<_, Error>>()?));
    }
    let encoded = object.encoded().unwrap_or_else(|| Value::strings(std::iter::empty::<&str>()));
    match (object.type_name(), encoded) {
        // A time is written without quotes, which its text would otherwise need.
        ("time.Time", Value::String(text)) => Ok(Item::Plain(Cow::Owned(text.to_str().into_owned()))),
        (_, Value::List(list)) if list.element_type() == ElementType::String && list.is_empty() => {
            Ok(Item::Mapping(Vec::new()))
        }
        (_, encoded) => value_item(&encoded, depth + 1),
    }
}
