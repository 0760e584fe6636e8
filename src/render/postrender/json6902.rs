//! JSON6902 operations on an object.
//!
//! Counterpart: `gopkg.in/evanphx/json-patch.v4`, as kustomize uses it:
//! - `-1` is the last place of a list.
//! - Replacing a field that is missing adds it; parents are never made.
//! - Annotations are there for operations even where the object has none, since kustomize keeps notes of its own in them; empty ones go.
//!
//! **Invariant:** errors name the operation and its path, not the value.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchErrorKind, PatchOperation};
use serde_json::{Value, json};

/// Reads operations.
pub(super) fn parse(operations: Value) -> Result<Vec<PatchOperation>, String> {
    let Value::Array(operations) = operations else { return Err("JSON6902 operations must be a list".to_owned()) };
    let read = |(index, operation): (usize, Value)| {
        let kind = operation.get("op").and_then(Value::as_str).unwrap_or_default().to_owned();
        let path = operation.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        serde_json::from_value(operation)
            .map_err(|_| format!("operation {index} ({kind:?} on {path:?}) is not a JSON6902 operation"))
    };
    operations.into_iter().enumerate().map(read).collect()
}

/// Carries out operations in order.
pub(super) fn apply(object: &mut Value, operations: &[PatchOperation]) -> Result<(), String> {
    add_annotations(object);
    apply_as_written(object, operations)?;
    remove_empty_annotations(object);
    Ok(())
}

fn add_annotations(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata")
        && metadata.get("annotations").is_none_or(Value::is_null)
    {
        metadata.insert("annotations".to_owned(), json!({}));
    }
}

fn remove_empty_annotations(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata")
        && metadata.get("annotations") == Some(&json!({}))
    {
        metadata.remove("annotations");
    }
}

fn apply_as_written(object: &mut Value, operations: &[PatchOperation]) -> Result<(), String> {
    for (index, operation) in operations.iter().enumerate() {
        let located = located(object, operation);
        json_patch::patch(object, &[located]).map_err(|error| {
            let why = match error.kind {
                PatchErrorKind::TestFailed => "test failed",
                PatchErrorKind::InvalidFromPointer => "doc is missing the from path",
                PatchErrorKind::InvalidPointer => "doc is missing path",
                _ => "cannot move a value into itself",
            };
            format!(
                "operation {index}: {} operation does not apply to {:?}: {why}",
                word(operation),
                operation.path().as_str()
            )
        })?;
    }
    Ok(())
}

fn word(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// The operation with places counted from the end of a list made into ones from its start.
fn located(object: &Value, operation: &PatchOperation) -> PatchOperation {
    let mut operation = operation.clone();
    if let PatchOperation::Replace(it) = &operation
        && is_missing_field(object, &it.path)
    {
        return PatchOperation::Add(AddOperation { path: it.path.clone(), value: it.value.clone() });
    }
    match &mut operation {
        PatchOperation::Add(it) => it.path = locate(object, &it.path, true),
        PatchOperation::Remove(it) => it.path = locate(object, &it.path, false),
        PatchOperation::Replace(it) => it.path = locate(object, &it.path, false),
        PatchOperation::Test(it) => it.path = locate(object, &it.path, false),
        PatchOperation::Move(it) => {
            it.from = locate(object, &it.from, false);
            it.path = locate(object, &it.path, true);
        }
        PatchOperation::Copy(it) => {
            it.from = locate(object, &it.from, false);
            it.path = locate(object, &it.path, true);
        }
    }
    operation
}

fn is_missing_field(object: &Value, path: &PointerBuf) -> bool {
    let Some((parent, field)) = path.split_back() else { return false };
    let parent = object.pointer(parent.as_str()).and_then(Value::as_object);
    parent.is_some_and(|parent| !parent.contains_key(field.decoded().as_ref()))
}

/// With `adds`, the last place is the one behind the end.
fn locate(object: &Value, path: &PointerBuf, adds: bool) -> PointerBuf {
    let mut here = Some(object);
    let mut located = PointerBuf::new();
    let count = path.tokens().count();
    for (index, token) in path.tokens().enumerate() {
        let token = token.decoded().into_owned();
        let length = here.and_then(Value::as_array).map(|list| list.len() + usize::from(adds && index + 1 == count));
        let from_end = token.strip_prefix('-').and_then(|digits| digits.parse::<usize>().ok());
        let token = match (length, from_end) {
            (Some(length), Some(from_end)) if (1..=length).contains(&from_end) => (length - from_end).to_string(),
            _ => token,
        };
        here = here.and_then(|value| match value {
            Value::Object(fields) => fields.get(&token),
            Value::Array(items) => items.get(token.parse::<usize>().ok()?),
            _ => None,
        });
        located.push_back(token);
    }
    located
}
