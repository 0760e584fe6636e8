//! JSON6902 operations on an object.
//!
//! Counterpart: `gopkg.in/evanphx/json-patch.v4` 4.13, as kustomize uses it. Beside the standard:
//! - `-1` is the last place of a list, in `add` the one behind it.
//! - A field that is missing is null to `copy`, `test` and `replace`, and so is a `value` that is missing; parents are never made.
//! - What is wrong with an operation is only told where there is an object for it.
//! - The object is written anew: all numbers are floats of 64 bits, aliases and the style of scalars are forgotten.
//!
//! **Invariant:** errors name the operation and its path, not the value.

use serde_json::Value;

use super::{fields, notes};
use crate::goyaml::{self, Node};

/// An operation as it is written; what it lacks is missed when it is carried out.
pub(super) struct Operation {
    word: String,
    path: Option<String>,
    from: Option<String>,
    value: Value,
}

/// Reads operations; nothing but a list of mappings is one of operations.
pub(super) fn parse(operations: Value) -> Option<Vec<Operation>> {
    let operations = match operations {
        Value::Null => Vec::new(),
        Value::Array(operations) => operations,
        _ => return None,
    };
    let read = |mut operation: Value| {
        let text = |field: &str| operation.get(field).and_then(Value::as_str).map(str::to_owned);
        let (word, path, from) = (text("op").unwrap_or_default(), text("path"), text("from"));
        let value = operation.get_mut("value").map(Value::take).unwrap_or_default();
        (operation.is_object() || operation.is_null()).then_some(Operation { word, path, from, value })
    };
    operations.into_iter().map(read).collect()
}

/// Carries out operations on an object, which keeps kustomize's notes; all of its annotations are texts afterwards.
pub(super) fn change(object: &mut Node, operations: &[Operation]) -> Result<(), String> {
    notes::store_id(object)?;
    let notes = notes::internal(object);
    let mut json = object.to_json().map_err(|error| error.to_string())?;
    for (index, operation) in operations.iter().enumerate() {
        operation.apply(&mut json).map_err(|why| {
            let (word, path) = (&operation.word, operation.path.as_deref().unwrap_or_default());
            format!("operation {index}: {word} operation does not apply to {path:?}: {why}")
        })?;
    }
    let text = goyaml::to_string_pretty(&crate::value::Value::from_json(&json)).map_err(|error| error.to_string())?;
    let changed = Node::read(text).map_err(|error| error.to_string())?;
    *object = changed.unwrap_or_else(|| Node::mapping(Vec::new()));
    let mut annotations = fields::texts(object, "annotations");
    annotations.extend(notes);
    // What is wrong with the metadata is told later.
    let _ = fields::set_texts(object, "annotations", &annotations);
    Ok(())
}

const MISSING: &str = "doc is missing path";

impl Operation {
    fn apply(&self, object: &mut Value) -> Result<(), &'static str> {
        let path = || self.path.as_deref().ok_or("it has no path");
        let from = || self.from.as_deref().ok_or("it has no from");
        match self.word.as_str() {
            "add" => add(object, path()?, self.value.clone()),
            "remove" => remove(object, path()?).map(drop),
            "replace" => replace(object, path()?, self.value.clone()),
            "move" => {
                let value = remove(object, from()?).map_err(|_| "doc is missing the from path")?;
                add(object, path()?, value)
            }
            "copy" => {
                let value = get(object, from()?).ok_or("doc is missing the from path")?;
                add(object, path()?, value)
            }
            "test" => {
                let path = path()?;
                let value = if path.is_empty() { Some(object.clone()) } else { get(object, path) };
                match value {
                    Some(value) if value == self.value => Ok(()),
                    Some(_) => Err("test failed"),
                    None => Err(MISSING),
                }
            }
            _ => Err("there is no such operation"),
        }
    }
}

/// The mapping or list that the path ends in, and the last part of the path.
fn place<'a>(object: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let mut tokens = path.split('/').skip(1).map(decoded);
    let mut last = tokens.next()?;
    let mut here = object;
    for token in tokens {
        let index = here.as_array().and_then(|items| index(&last, items.len()));
        here = match here {
            Value::Object(fields) => fields.get_mut(&last)?,
            Value::Array(items) => items.get_mut(index?)?,
            _ => return None,
        };
        last = token;
    }
    Some((here, last))
}

fn decoded(token: &str) -> String {
    // An escape yields no new one: `~01` is `~1`.
    token.replace("~1", "/").replace("~0", "~")
}

/// A place in a list of so many; negative ones count from its end.
fn index(token: &str, length: usize) -> Option<usize> {
    let number: isize = token.parse().ok()?;
    let index = if number < 0 { length.checked_sub(number.unsigned_abs())? } else { number.unsigned_abs() };
    (index < length).then_some(index)
}

/// The value there; null for a field that is missing.
fn get(object: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = place(object, path)?;
    match parent {
        Value::Object(fields) => Some(fields.get(&key).cloned().unwrap_or_default()),
        Value::Array(items) => items.get(index(&key, items.len())?).cloned(),
        _ => None,
    }
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), &'static str> {
    let (parent, key) = place(object, path).ok_or(MISSING)?;
    match parent {
        Value::Object(fields) => {
            fields.insert(key, value);
        }
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items.insert(index(&key, items.len() + 1).ok_or(MISSING)?, value),
        _ => return Err(MISSING),
    }
    Ok(())
}

fn remove(object: &mut Value, path: &str) -> Result<Value, &'static str> {
    let (parent, key) = place(object, path).ok_or(MISSING)?;
    match parent {
        Value::Object(fields) => fields.remove(&key).ok_or(MISSING),
        Value::Array(items) => Ok(items.remove(index(&key, items.len()).ok_or(MISSING)?)),
        _ => Err(MISSING),
    }
}

fn replace(object: &mut Value, path: &str, value: Value) -> Result<(), &'static str> {
    if path.is_empty() {
        if !value.is_object() {
            return Err("an object can only be replaced by an object");
        }
        *object = value;
        return Ok(());
    }
    let (parent, key) = place(object, path).ok_or(MISSING)?;
    match parent {
        Value::Object(fields) => {
            fields.insert(key, value);
        }
        Value::Array(items) => {
            let place = index(&key, items.len()).and_then(|index| items.get_mut(index)).ok_or(MISSING)?;
            *place = value;
        }
        _ => return Err(MISSING),
    }
    Ok(())
}
