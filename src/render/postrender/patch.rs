//! A patch: what it says, which objects it is for.
//!
//! Counterpart: `PatchTransformer` of kustomize api 0.21.1.
//!
//! **Invariant:** no patch changes the kind, version or namespace of an object by strategic merge, nor its name.

use serde_json::{Map, Value};

use super::documents::{Entry, Object};
use super::id::Id;
use super::target::Target;
use super::{documents, json6902, schema, strategic};
use crate::goyaml;

/// A patch and the objects it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// What to change.
    pub content: PatchContent,
    /// The objects; without, the one object that a strategic merge patch names.
    pub target: Option<Target>,
}

/// What a patch says.
#[derive(Clone, Debug, PartialEq)]
pub enum PatchContent {
    /// YAML: the objects of a strategic merge patch, or a list of JSON6902 operations.
    Text(String),
    /// A strategic merge patch.
    Object(Value),
    /// A list of JSON6902 operations.
    Operations(Value),
}

enum Parsed {
    Objects(Vec<Map<String, Value>>),
    Operations(Vec<json6902::Operation>),
}

impl Patch {
    pub(super) fn apply(&self, entries: &mut [Entry]) -> Result<(), String> {
        let parsed = match &self.content {
            PatchContent::Text(text) => parse(text)?,
            PatchContent::Object(object) => Parsed::Objects(vec![named(object.clone())?]),
            PatchContent::Operations(operations) => Parsed::Operations(json6902::parse(operations.clone())?),
        };
        match (parsed, &self.target) {
            (Parsed::Operations(_), None) => Err("a JSON6902 patch must have a target".to_owned()),
            (Parsed::Operations(operations), Some(target)) => for_each(entries, target, |object| {
                let id = object.id();
                json6902::apply(&mut object.value, &operations).map_err(|message| format!("{id}: {message}"))
            }),
            (Parsed::Objects(patches), None) => patches.iter().try_for_each(|patch| merge_named(entries, patch)),
            (Parsed::Objects(patches), Some(target)) => match patches.as_slice() {
                [patch] => {
                    let patch = with_texts(patch.clone())?;
                    for_each(entries, target, |object| merge(object, &patch))
                }
                _ => Err("several strategic merge patches in one patch cannot have a target".to_owned()),
            },
        }
    }
}

fn parse(text: &str) -> Result<Parsed, String> {
    let unreadable = || "is neither a strategic merge patch nor a list of JSON6902 operations".to_owned();
    if text.trim().is_empty() {
        return Err("the patch is empty".to_owned());
    }
    let documents = goyaml::documents(text.trim()).map_err(|_| unreadable())?;
    let mut documents: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).collect();
    match documents.first() {
        Some(Value::Array(_)) => json6902::parse(documents.swap_remove(0)).map(Parsed::Operations),
        Some(_) => documents.into_iter().map(named).collect::<Result<_, _>>().map(Parsed::Objects),
        None => Err(unreadable()),
    }
}

/// A strategic merge patch names its object, even where a target overrules the name.
fn named(patch: Value) -> Result<Map<String, Value>, String> {
    let id = Id::of(&patch);
    match patch {
        Value::Object(fields) if !id.kind.is_empty() && !id.name.is_empty() => Ok(fields),
        Value::Object(_) => Err("a strategic merge patch must have kind and metadata.name".to_owned()),
        _ => Err("is neither a strategic merge patch nor a list of JSON6902 operations".to_owned()),
    }
}

/// With a target, kustomize makes texts of a patch's labels and annotations, and leaves out empty ones.
fn with_texts(mut patch: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let Some(Value::Object(metadata)) = patch.get_mut("metadata") else { return Ok(patch) };
    for field in ["labels", "annotations"] {
        let Some(Value::Object(pairs)) = metadata.get_mut(field) else { continue };
        for value in pairs.values_mut().filter(|value| !value.is_string() && !value.is_null()) {
            *value = Value::String(documents::scalar_text(value)?);
        }
        if pairs.is_empty() {
            metadata.remove(field);
        }
    }
    Ok(patch)
}

fn for_each(
    entries: &mut [Entry],
    target: &Target,
    mut change: impl FnMut(&mut Object) -> Result<(), String>,
) -> Result<(), String> {
    let matcher = target.matcher()?;
    let objects = entries.iter_mut().flat_map(|entry| &mut entry.objects);
    let mut meant = Vec::new();
    for object in objects.filter(|object| !object.value.is_null()) {
        if matcher.matches(object)? {
            meant.push(object);
        }
    }
    meant.into_iter().try_for_each(&mut change)
}

/// Merges a patch into the one object that it names.
fn merge_named(entries: &mut [Entry], patch: &Map<String, Value>) -> Result<(), String> {
    let id = Id::of(&Value::Object(patch.clone()));
    let is_meant =
        |object: &&mut Object| !object.value.is_null() && (object.id().is_same(&id) || object.original.is_same(&id));
    let objects = entries.iter_mut().flat_map(|entry| &mut entry.objects);
    let mut meant: Vec<&mut Object> = objects.filter(is_meant).collect();
    let count = match meant.as_mut_slice() {
        [object] => return merge(object, patch),
        [] => "no matches",
        _ => "multiple matches",
    };
    Err(format!(
        "no resource matches strategic merge patch \"{id}\": {count} for Id {id}; failed to find unique target for patch {id}"
    ))
}

/// Merges a patch into an object, which keeps what it is called.
fn merge(object: &mut Object, patch: &Map<String, Value>) -> Result<(), String> {
    // To kustomize, an object is not there to be replaced as a whole.
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        return Ok(());
    }
    let id = object.id();
    let api_version = object.value.get("apiVersion").cloned().unwrap_or_else(|| Value::String(String::new()));
    let Value::Object(fields) = &mut object.value else { return Ok(()) };
    let remains =
        strategic::merge(fields, patch.clone(), schema::of(&id)).map_err(|message| format!("{id}: {message}"))?;
    if !remains {
        object.value = Value::Null;
        return Ok(());
    }
    fields.insert("apiVersion".to_owned(), api_version);
    fields.insert("kind".to_owned(), id.kind.into());
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(metadata) = metadata {
        for (field, text) in [("name", id.name), ("namespace", id.namespace)] {
            if text.is_empty() {
                metadata.remove(field);
            } else {
                metadata.insert(field.to_owned(), text.into());
            }
        }
    }
    Ok(())
}
