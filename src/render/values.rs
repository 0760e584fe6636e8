//! Helm's named map type and its methods: `.Values.AsMap`, `.Values.Table "a.b"` and so on.
//!
//! Counterpart: `pkg/chart/common/values.go` of Helm 4.3.1. `Encode` is left out: templates have no writer to give it.
//!
//! **Invariant:** a table that a method gives is the very map inside, not a copy.

use crate::goyaml;
use crate::value::{CallError, CallResult, Map, MapType, Method, Signature, Text, Type, Value, quote};

/// The name of the type.
pub(super) const TYPE_NAME: &str = "common.Values";

/// The type.
pub(super) const VALUES: MapType = MapType::Named(TYPE_NAME);

/// The method of this name, bound to the map.
pub(super) fn method(map: &Map, name: &str) -> Option<Method<'static>> {
    if !matches!(name, "AsMap" | "YAML" | "Table" | "PathValue") {
        // Nearly all names are keys, and need no hold on the map.
        return None;
    }
    let map = map.clone();
    Some(match name {
        "AsMap" => plain(move || Ok(Value::Map(map.retyped(MapType::Any)))),
        "YAML" => plain(move || {
            let yaml = goyaml::to_string(&Value::Map(map.clone()));
            yaml.map(Value::string).map_err(|error| CallError::new(error.to_string()))
        }),
        "Table" => on_path(move |path| table_at(&map, path).map(|table| Value::Map(table.retyped(VALUES)))),
        "PathValue" => on_path(move |path| path_value(&map, path)),
        _ => return None,
    })
}

fn plain(call: impl Fn() -> CallResult + 'static) -> Method<'static> {
    Method { signature: Signature::fixed(&[]), call: Box::new(move |_: &[Value]| call()) }
}

fn on_path(call: impl Fn(&str) -> CallResult + 'static) -> Method<'static> {
    let call = move |arguments: &[Value]| {
        call(&arguments.first().and_then(Value::as_text).map(Text::to_str).unwrap_or_default())
    };
    Method { signature: Signature::fixed(&[Type::String]), call: Box::new(call) }
}

/// The table at a path of keys joined by dots.
pub(super) fn table_at(values: &Map, path: &str) -> Result<Map, CallError> {
    path.split('.').try_fold(values.clone(), |table, name| match table.get(name) {
        Some(Value::Map(map)) if map.map_type() == MapType::Any || map.map_type() == VALUES => Ok(map),
        _ => Err(CallError::new(format!("{} is not a table", quote(name)))),
    })
}

/// The value at a path that is no table.
fn path_value(values: &Map, path: &str) -> CallResult {
    if path.is_empty() {
        return Err(CallError::new("YAML path cannot be empty"));
    }
    let (table, key) = match path.rsplit_once('.') {
        Some((tables, key)) => (table_at(values, tables).ok(), key),
        None => (Some(values.clone()), path),
    };
    match table.and_then(|table| table.get(key)) {
        None => Err(CallError::new(format!("{} is not a value", quote(key)))),
        Some(Value::Map(map)) if map.map_type() == MapType::Any => {
            Err(CallError::new(format!("{} is not a value", quote(key))))
        }
        Some(value) => Ok(value),
    }
}
