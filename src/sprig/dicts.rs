//! Dictionaries: making, reading, changing in place.
//!
//! Counterpart: `dict.go` of sprig 3.3.0; merging is in `merge`. Go lists keys and values at random; here they come in order of the
//! keys.
//!
//! **Invariant:** `set` and `unset` change the very map that they get, for everyone who holds it.

use super::args::{ANY, bytes, fail, map, to_bytes, value};
use crate::gotemplate::Function;
use crate::value::{CallError, CallResult, List, MAX_DEPTH, Map, MapType, Signature, Text, Type, Value};

const MAP: &[Type] = &[Type::Map];
const MAP_STRING: &[Type] = &[Type::Map, Type::String];

/// The functions on dictionaries, but for merging.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    vec![
        Function::pure("dict", Signature::variadic(ANY), dict),
        Function::pure("get", Signature::fixed(MAP_STRING), |args| {
            Ok(map(args, 0).get(bytes(args, 1)).unwrap_or_else(|| Value::string("")))
        }),
        Function::pure("set", Signature::fixed(&[Type::Map, Type::String, Type::Any]), |args| {
            let map = map(args, 0);
            if map.is_nil() {
                return fail("assignment to entry in nil map");
            }
            map.insert(bytes(args, 1), value(args, 2).clone());
            Ok(Value::Map(map))
        }),
        Function::pure("unset", Signature::fixed(MAP_STRING), |args| {
            let map = map(args, 0);
            map.remove(bytes(args, 1));
            Ok(Value::Map(map))
        }),
        Function::pure("hasKey", Signature::fixed(MAP_STRING), |args| {
            Ok(Value::Bool(map(args, 0).contains_key(bytes(args, 1))))
        }),
        Function::pure("pluck", Signature::variadic(&[Type::String, Type::Map]), |args| {
            Ok(Value::list((1..args.len()).filter_map(|position| map(args, position).get(bytes(args, 0))).collect()))
        }),
        Function::pure("keys", Signature::variadic(MAP), |args| {
            Ok(Value::strings((0..args.len()).flat_map(|position| map(args, position).keys())))
        }),
        Function::pure("values", Signature::fixed(MAP), |args| {
            Ok(Value::list(map(args, 0).snapshot().into_iter().map(|(_, value)| value).collect()))
        }),
        Function::pure("pick", Signature::variadic(MAP_STRING), |args| Ok(filtered(args, true))),
        Function::pure("omit", Signature::variadic(MAP_STRING), |args| Ok(filtered(args, false))),
        Function::pure("dig", Signature::variadic(ANY), dig),
        Function::pure("deepCopy", Signature::fixed(ANY), copy),
        Function::pure("mustDeepCopy", Signature::fixed(ANY), copy),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn dict(args: &[Value]) -> CallResult {
    let map = Map::new(MapType::Any);
    for pair in args.chunks(2) {
        map.insert(to_bytes(value(pair, 0)), pair.get(1).cloned().unwrap_or_else(|| Value::string("")));
    }
    Ok(Value::Map(map))
}

/// The entries whose keys are among the further arguments, or those whose are not.
fn filtered(args: &[Value], wanted: bool) -> Value {
    let listed: Vec<&Text> = args.iter().skip(1).filter_map(Value::as_text).collect();
    let kept = map(args, 0).snapshot().into_iter().filter(|(key, _)| listed.contains(&key) == wanted);
    Value::Map(Map::from_entries(MapType::Any, kept.collect()))
}

fn dig(args: &[Value]) -> CallResult {
    let [path @ .., default, last] = args else { return fail("dig needs at least three arguments") };
    if path.is_empty() {
        return fail("dig needs at least three arguments");
    }
    let mut map = plain_map(last)?;
    let keys = path.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let Some((last, steps)) = keys.split_last() else { return Ok(default.clone()) };
    for step in steps {
        let Some(next) = map.get(step) else { return Ok(default.clone()) };
        map = plain_map(&next)?;
    }
    Ok(map.get(last).unwrap_or_else(|| default.clone()))
}

/// The map, if it is of the plain type: named maps do not pass Go's type assertion.
fn plain_map(value: &Value) -> Result<Map, CallError> {
    match value {
        Value::Map(map) if map.map_type() == MapType::Any => Ok(map.clone()),
        _ => wrong_type(value, "map[string]interface {}"),
    }
}

fn key(value: &Value) -> Result<&Text, CallError> {
    value.as_text().map_or_else(|| wrong_type(value, "string"), Ok)
}

fn wrong_type<T>(value: &Value, wanted: &str) -> Result<T, CallError> {
    let found = if matches!(value, Value::Nil) { "nil" } else { value.type_name() };
    fail(format!("interface conversion: interface {{}} is {found}, not {wanted}"))
}

fn copy(args: &[Value]) -> CallResult {
    match value(args, 0) {
        Value::Nil => fail("reflect: call of reflect.Value.Type on zero Value"),
        value => deep_copy(value, 0),
    }
}

/// A copy that shares no map with the original.
fn deep_copy(value: &Value, depth: usize) -> CallResult {
    if depth > MAX_DEPTH {
        return fail(format!("deepCopy error: nested more than {MAX_DEPTH} levels deep"));
    }
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            let items = list.iter().map(|item| deep_copy(item, depth + 1)).collect::<Result<_, _>>()?;
            Value::List(List::new(list.element_type(), items))
        }
        Value::Map(map) if map.is_nil() => value.clone(),
        Value::Map(map) => {
            let entries = map.snapshot().into_iter().map(|(key, value)| Ok((key, deep_copy(&value, depth + 1)?)));
            Value::Map(Map::from_entries(map.map_type(), entries.collect::<Result<_, CallError>>()?))
        }
        Value::Object(object) => object.deep_copied().unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    })
}
