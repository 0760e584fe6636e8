//! From JSON into values and back, by Go's rules.
//!
//! Reading follows `encoding/json` into `interface {}`: every number becomes a `float64`. Writing gives the document that Go's JSON text
//! for the value reads as; infinite and undefined numbers are refused, as in Go. The text form itself is the concern of [`super::json`].
//!
//! **Invariant:** reading and writing back gives an equal document, but for integers beyond 2^53, which lose digits as in Go.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json::{self, valid_utf8};
use super::{Kind, Map, MapType, Text, Value};

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

    /// The JSON document of the value (Go 1.26 `encoding/json`): a whole float is an integer, bytes are base64, an object is what it
    /// encodes as. Errors: infinite and undefined numbers, and nesting beyond [`json::MAX_DEPTH`].
    pub fn to_json(&self) -> Result<serde_json::Value, json::Error> {
        self.to_json_at(0)
    }

    fn to_json_at(&self, depth: usize) -> Result<serde_json::Value, json::Error> {
        if depth > json::MAX_DEPTH {
            let problem = "encountered a cycle via map[string]interface {}";
            return Err(json::Error::UnsupportedValue(problem.to_owned()));
        }
        Ok(match self {
            Self::Nil => serde_json::Value::Null,
            Self::Bool(value) => serde_json::Value::Bool(*value),
            Self::Int(_, value) => serde_json::Value::from(*value),
            Self::Uint(_, value) => serde_json::Value::from(*value),
            Self::Float(value) => serde_json::Value::Number(json::number(*value)?),
            Self::String(text) => serde_json::Value::String(valid_utf8(text.as_bytes()).into_owned()),
            Self::Bytes(bytes) if bytes.is_nil() => serde_json::Value::Null,
            Self::Bytes(bytes) => serde_json::Value::String(STANDARD.encode(&**bytes)),
            Self::List(list) if list.is_nil() => serde_json::Value::Null,
            Self::List(list) => {
                let items: Result<_, _> = list.iter().map(|item| item.to_json_at(depth + 1)).collect();
                serde_json::Value::Array(items?)
            }
            Self::Map(map) if map.is_nil() => serde_json::Value::Null,
            Self::Map(map) => entries_to_json(map.snapshot(), depth)?,
            Self::Object(object) if object.kind() == Kind::Complex128 => {
                return Err(json::Error::UnsupportedType(object.type_name().to_owned()));
            }
            Self::Object(object) => match object.encoded().or_else(|| object.underlying()) {
                Some(value) => value.to_json_at(depth + 1)?,
                None => entries_to_json(object.json_fields(), depth)?,
            },
        })
    }
}

fn entries_to_json<K: AsRef<[u8]>>(entries: Vec<(K, Value)>, depth: usize) -> Result<serde_json::Value, json::Error> {
    let mut object = serde_json::Map::new();
    for (key, value) in entries {
        object.insert(valid_utf8(key.as_ref()).into_owned(), value.to_json_at(depth + 1)?);
    }
    Ok(serde_json::Value::Object(object))
}
