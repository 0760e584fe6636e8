//! YAML, JSON and TOML functions: `toYaml`, `fromYaml` and their kin.
//!
//! Counterpart: `pkg/engine/funcs.go` of Helm 4.3.1. Reading never fails a template: what is wrong comes back under the key `Error`, or
//! as the only item of a list. Writing gives empty text on errors, but for the `must` forms.
//!
//! **Invariant:** never decides on formats itself; the emitters of `goyaml` and `value::json` do.

use super::toml::{from_toml, to_toml};
use crate::gotemplate::Function;
use crate::goyaml;
use crate::value::json::{self, Format, Target};
use crate::value::{CallError, CallResult, ElementType, List, Map, MapType, Signature, Text, Type, Value};

const ANY: Signature = Signature::fixed(&[Type::Any]);
const TEXT: Signature = Signature::fixed(&[Type::String]);

/// The functions of this file.
pub(super) fn functions<H>() -> impl Iterator<Item = Function<H>> {
    [
        Function::pure("toYaml", ANY, |args| Ok(written(to_yaml(first(args))))),
        Function::pure("mustToYaml", ANY, |args| must(to_yaml(first(args)))),
        Function::pure("toYamlPretty", ANY, |args| Ok(written(to_yaml_pretty(first(args))))),
        Function::pure("fromYaml", TEXT, |args| Ok(from_yaml(text(args)))),
        Function::pure("fromYamlArray", TEXT, |args| Ok(from_yaml_array(text(args)))),
        Function::pure("toJson", ANY, |args| Ok(written(to_json(first(args))))),
        Function::pure("mustToJson", ANY, |args| must(to_json(first(args)))),
        Function::pure("fromJson", TEXT, |args| Ok(from_json(text(args)))),
        Function::pure("fromJsonArray", TEXT, |args| Ok(from_json_array(text(args)))),
        Function::pure("toToml", ANY, |args| {
            not_nil(first(args))?;
            Ok(Value::string(to_toml(first(args)).unwrap_or_else(|error| error)))
        }),
        Function::pure("mustToToml", ANY, |args| {
            not_nil(first(args))?;
            must(to_toml(first(args)))
        }),
        Function::pure("fromToml", TEXT, |args| Ok(map_or_error(from_toml(text(args))))),
    ]
    .into_iter()
}

/// Nothing at all makes the TOML encoder panic in Go.
fn not_nil(value: &Value) -> Result<(), CallError> {
    match value {
        Value::Nil => Err(CallError::new("reflect: call of reflect.Value.Type on zero Value")),
        _ => Ok(()),
    }
}

fn first(args: &[Value]) -> &Value {
    args.first().unwrap_or(&Value::Nil)
}

fn text(args: &[Value]) -> &[u8] {
    args.first().and_then(Value::as_text).map(Text::as_bytes).unwrap_or_default()
}

fn written(result: Result<String, String>) -> Value {
    Value::string(result.unwrap_or_default())
}

fn must(result: Result<String, String>) -> CallResult {
    result.map(Value::string).map_err(CallError::new)
}

/// A value as `toYaml` gives it, without the last line break.
pub(super) fn to_yaml(value: &Value) -> Result<String, String> {
    goyaml::to_string(value).map(without_last_break).map_err(|error| error.to_string())
}

fn to_yaml_pretty(value: &Value) -> Result<String, String> {
    goyaml::to_string_pretty(value).map(without_last_break).map_err(|error| error.to_string())
}

fn to_json(value: &Value) -> Result<String, String> {
    json::encode(value, Format::MARSHAL).map_err(|error| error.to_string())
}

fn without_last_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

fn from_yaml(text: &[u8]) -> Value {
    let read = goyaml::map_from_str(text).map_err(|error| error.in_full());
    map_or_error(read.map(|entries| Value::from_json(&serde_json::Value::Object(entries))))
}

fn from_yaml_array(text: &[u8]) -> Value {
    let read = goyaml::list_from_str(text).map_err(|error| error.in_full());
    list_or_error(read.map(|items| Value::from_json(&serde_json::Value::Array(items))))
}

fn from_json(text: &[u8]) -> Value {
    match json::parse_into(text, Target::Map).map(|value| Value::from_json(&value)) {
        // Go's decoder makes a nil map of `null`; sigs.k8s.io/yaml leaves the map as it was.
        Ok(Value::Nil) => Value::Map(Map::nil(MapType::Any)),
        Ok(value) => value,
        Err(error) => {
            // What was decoded before an error of type stays in Go's map.
            let decoded = json::parse_all(text).map(|(value, _)| Value::from_json(&value));
            let map = decoded.ok().and_then(|value| value.as_map()).unwrap_or_else(|| Map::new(MapType::Any));
            map.insert("Error", Value::string(error.to_string()));
            Value::Map(map)
        }
    }
}

fn from_json_array(text: &[u8]) -> Value {
    match json::parse_into(text, Target::List).map(|value| Value::from_json(&value)) {
        Ok(Value::Nil) => Value::List(List::nil(ElementType::Any)),
        read => list_or_error(read.map_err(|error| error.to_string())),
    }
}

fn map_or_error(read: Result<Value, String>) -> Value {
    match read {
        Ok(Value::Nil) => Value::map(),
        Ok(value) => value,
        Err(message) => {
            let map = Map::new(MapType::Any);
            map.insert("Error", Value::string(message));
            Value::Map(map)
        }
    }
}

fn list_or_error(read: Result<Value, String>) -> Value {
    match read {
        Ok(Value::Nil) => Value::list(Vec::new()),
        Ok(value) => value,
        Err(message) => Value::list(vec![Value::string(message)]),
    }
}
