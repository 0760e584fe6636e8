//! JSON6902 operations on an object.
//!
//! Counterpart: `gopkg.in/evanphx/json-patch.v4` 4.13, as kustomize uses it. Beside the standard:
//! - `-1` is the last place of a list, in `add` the one behind it.
//! - A field that is missing is null to `copy`, `test` and `replace`, and so is a `value` that is missing; parents are never made.
//! - Annotations are there for operations even where the object has none, since kustomize keeps notes of its own in them. After
//!   operations all of them are texts.
//!
//! **Invariant:** errors name the operation and its path, not the value.

use serde_json::{Map, Value};

use super::documents;

/// An operation.
pub(super) struct Operation {
    word: Word,
    path: String,
    from: String,
    value: Value,
}

#[derive(Clone, Copy)]
enum Word {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl Word {
    const ALL: [Self; 6] = [Self::Add, Self::Remove, Self::Replace, Self::Move, Self::Copy, Self::Test];

    fn text(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Test => "test",
        }
    }

    fn needs_from(self) -> bool {
        matches!(self, Self::Move | Self::Copy)
    }
}

/// Reads operations.
pub(super) fn parse(operations: Value) -> Result<Vec<Operation>, String> {
    let Value::Array(operations) = operations else { return Err("JSON6902 operations must be a list".to_owned()) };
    let read = |(index, mut operation): (usize, Value)| {
        let text = |field: &str| operation.get(field).and_then(Value::as_str).map(str::to_owned);
        let (kind, path, from) = (text("op").unwrap_or_default(), text("path"), text("from"));
        let word = Word::ALL.into_iter().find(|word| word.text() == kind);
        let value = operation.get_mut("value").map(Value::take).unwrap_or_default();
        match (word, path, from) {
            (Some(word), Some(path), from) if from.is_some() || !word.needs_from() => {
                Ok(Operation { word, path, from: from.unwrap_or_default(), value })
            }
            (_, path, _) => {
                let path = path.unwrap_or_default();
                Err(format!("operation {index} ({kind:?} on {path:?}) is not a JSON6902 operation"))
            }
        }
    };
    operations.into_iter().enumerate().map(read).collect()
}

/// Carries out operations in order.
pub(super) fn apply(object: &mut Value, operations: &[Operation]) -> Result<(), String> {
    add_annotations(object);
    for (index, operation) in operations.iter().enumerate() {
        operation.apply(object).map_err(|why| {
            let (word, path) = (operation.word.text(), &operation.path);
            format!("operation {index}: {word} operation does not apply to {path:?}: {why}")
        })?;
    }
    if object.get("kind").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("it leaves the object without a kind".to_owned());
    }
    if !object.get("metadata").is_some_and(Value::is_object) {
        return Err("metadata is not a mapping".to_owned());
    }
    documents::make_annotations_texts(object)?;
    documents::remove_empty_annotations(object);
    Ok(())
}

fn add_annotations(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata")
        && metadata.get("annotations").is_none_or(Value::is_null)
    {
        metadata.insert("annotations".to_owned(), Value::Object(Map::new()));
    }
}

const MISSING: &str = "doc is missing path";

impl Operation {
    fn apply(&self, object: &mut Value) -> Result<(), &'static str> {
        match self.word {
            Word::Add => add(object, &self.path, self.value.clone()),
            Word::Remove => remove(object, &self.path).map(drop),
            Word::Replace => replace(object, &self.path, self.value.clone()),
            Word::Move => {
                let value = remove(object, &self.from).map_err(|_| "doc is missing the from path")?;
                add(object, &self.path, value)
            }
            Word::Copy => {
                let value = get(object, &self.from).ok_or("doc is missing the from path")?;
                add(object, &self.path, value)
            }
            Word::Test => match get(object, &self.path) {
                Some(value) if value == self.value => Ok(()),
                Some(_) => Err("test failed"),
                None => Err(MISSING),
            },
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
    if path.is_empty() {
        return Some(object.clone());
    }
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
