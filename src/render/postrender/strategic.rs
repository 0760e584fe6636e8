//! Strategic merge.
//!
//! Counterpart: `yaml/merge2` of kyaml 0.21.1, which puts what a patch adds to a keyed list before what is there. Elements that a patch
//! names move to the front with it, in the order of the patch; where two keys tell elements apart (ports with protocols), they stay.
//!
//! **Invariant:** nulls of a patch delete, they never arrive in the object.

use serde_json::{Map, Value};

use super::documents::scalar_text;
use super::schema::Type;
use crate::goyaml;

/// The key of directives inside a patch.
const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_PLAIN: &str = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER: &str = "$setElementOrder/";

enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a patch into an object; false means that the object is to be deleted. Errors name the path of the fault.
pub(super) fn merge(object: &mut Map<String, Value>, patch: Map<String, Value>, of: Type) -> Result<bool, String> {
    mapping(object, patch, of, "")
}

/// Merges a mapping; false means that it is to be deleted.
fn mapping(
    object: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    of: Type,
    path: &str,
) -> Result<bool, String> {
    match directive(patch.remove(DIRECTIVE).as_ref(), path)? {
        Directive::Delete => return Ok(false),
        Directive::Replace => {
            object.clear();
        }
        Directive::Merge => {}
    }
    let retained = patch.remove(RETAIN_KEYS);
    for (name, value) in patch {
        if name.starts_with(ELEMENT_ORDER) {
            continue;
        }
        if let Some(list) = name.strip_prefix(DELETE_PLAIN) {
            delete_plain(object, list, &value);
            continue;
        }
        let path = format!("{path}.{name}");
        let merged = field(object.remove(&name), value, of.field(&name), &path)?;
        if let Some(merged) = merged {
            object.insert(name, merged);
        }
    }
    if let Some(Value::Array(retained)) = retained {
        object.retain(|name, _| retained.iter().any(|retained| retained.as_str() == Some(name)));
    }
    Ok(true)
}

fn directive(word: Option<&Value>, path: &str) -> Result<Directive, String> {
    match word.map(|word| word.as_str().unwrap_or_default()) {
        None | Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        Some(other) => Err(format!("{}: unknown patch strategy {other:?}", shown(path))),
    }
}

fn shown(path: &str) -> &str {
    path.strip_prefix('.').unwrap_or("the object")
}

fn delete_plain(object: &mut Map<String, Value>, list: &str, unwanted: &Value) {
    if let (Some(Value::Array(items)), Value::Array(unwanted)) = (object.get_mut(list), unwanted) {
        items.retain(|item| !unwanted.contains(item));
    }
}

/// Merges one field; none where it is to be removed.
fn field(
    old: Option<Value>,
    patch: Value,
    (of, keys): (Type, Option<&[&str]>),
    path: &str,
) -> Result<Option<Value>, String> {
    match (old.unwrap_or(Value::Null), patch) {
        (_, Value::Null) => Ok(None),
        (Value::Object(mut fields), Value::Object(patch)) => {
            Ok(mapping(&mut fields, patch, of, path)?.then_some(Value::Object(fields)))
        }
        // What is new goes through a merge as well, for its nulls and directives.
        (Value::Null, Value::Object(patch)) => {
            let mut fields = Map::new();
            Ok(mapping(&mut fields, patch, of, path)?.then_some(Value::Object(fields)))
        }
        (old @ (Value::Array(_) | Value::Null), Value::Array(patch)) => match (old, keys) {
            (_, None) => Ok(Some(Value::Array(patch))),
            (Value::Array(items), Some(keys)) => list(items, patch, of, keys, path),
            (_, Some(keys)) => list(Vec::new(), patch, of, keys, path),
        },
        (Value::String(old), patch) if shape(&patch) == "scalar" => {
            // The style of the old text stays: in quotes, anything is a text.
            let is_text = !patch.is_string() && needs_quotes(&old);
            Ok(Some(if is_text { Value::String(scalar_text(&patch)?) } else { patch }))
        }
        (old, patch) if shape(&old) == shape(&patch) || old.is_null() => Ok(Some(patch)),
        (old, patch) => Err(format!("{}: is a {} and the patch has a {}", shown(path), shape(&old), shape(&patch))),
    }
}

fn needs_quotes(text: &str) -> bool {
    let written = goyaml::to_string_json(&Value::String(text.to_owned())).unwrap_or_default();
    written.starts_with(['"', '\'', '|', '>'])
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "mapping",
        Value::Array(_) => "list",
        _ => "scalar",
    }
}

/// Merges a list by the keys of its elements, or as a set where it has plain values.
fn list(
    mut items: Vec<Value>,
    mut patch: Vec<Value>,
    of: Type,
    keys: &[&str],
    path: &str,
) -> Result<Option<Value>, String> {
    if let Some(at) = patch.iter().position(is_list_directive) {
        let word = patch.remove(at);
        match directive(word.get(DIRECTIVE), path)? {
            Directive::Delete => return Ok(None),
            Directive::Replace => items.clear(),
            Directive::Merge => {}
        }
    }
    keep_first(&mut patch, keys);
    let stays = keys.get(1).is_some_and(|further| items.iter().chain(&patch).any(|item| item.get(further).is_some()));
    let mut merged = Vec::with_capacity(patch.len() + items.len());
    for (index, element) in patch.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let (old, element) = match element {
            Value::Object(element) if !keys.is_empty() => (take_same(&mut items, &element, keys, &path)?, element),
            _ if !keys.is_empty() => return Err(format!("{}: is not a mapping", shown(&path))),
            plain => {
                items.retain(|item| *item != plain);
                if !merged.contains(&plain) {
                    merged.push(plain);
                }
                continue;
            }
        };
        let (at, old) = old.unzip();
        if let Some(element) = field(old, Value::Object(element), (of, None), &path)? {
            match at {
                Some(at) if stays => items.insert(at, element),
                _ => merged.push(element),
            }
        }
    }
    merged.extend(items);
    Ok(Some(Value::Array(merged)))
}

/// Of elements with the same keys, the first one counts.
fn keep_first(patch: &mut Vec<Value>, keys: &[&str]) {
    let mut seen: Vec<Vec<Value>> = Vec::new();
    patch.retain(|element| {
        let own: Vec<Value> = keys.iter().map(|key| element.get(key).cloned().unwrap_or_default()).collect();
        let is_first = keys.is_empty() || !seen.contains(&own);
        seen.push(own);
        is_first
    });
}

/// An element that is nothing but a directive is for the whole list.
fn is_list_directive(element: &Value) -> bool {
    element.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key(DIRECTIVE))
}

/// Takes the element out of a list that the element of a patch is for; tells where it was.
fn take_same(
    items: &mut Vec<Value>,
    element: &Map<String, Value>,
    keys: &[&str],
    path: &str,
) -> Result<Option<(usize, Value)>, String> {
    let first = keys.first().copied().unwrap_or_default();
    if !element.contains_key(first) {
        return Err(format!("{}: lacks {first:?}, by which elements of this list are told apart", shown(path)));
    }
    let position = |fits: fn(Option<&Value>, Option<&Value>) -> bool| {
        items.iter().position(|item| {
            item.get(first) == element.get(first) && keys.iter().all(|key| fits(item.get(key), element.get(*key)))
        })
    };
    // A further key that one side lacks does not tell elements apart.
    let at = position(|item, element| item == element)
        .or_else(|| position(|item, element| item.is_none() || element.is_none() || item == element));
    Ok(at.map(|at| (at, items.remove(at))))
}
