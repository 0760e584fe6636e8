//! Documents and hooks as objects, and back.
//!
//! **Invariant:** a document whose objects are as before comes back as it was, byte for byte.

use serde_json::{Map, Value};

use super::id::Id;
use crate::goyaml;
use crate::release::{Hook, HookMark};
use crate::render::head::Head;
use crate::render::parse::flatten;
use crate::render::{Document, Error, KindOrder, Rendered, document_object};
use crate::value::json::{Format, encode_json};

/// A document or hook and the objects in it.
pub(super) struct Entry {
    source: Source,
    /// Objects as they were.
    before: Vec<Value>,
    /// Objects as they are; the items of a list each by itself.
    pub(super) objects: Vec<Object>,
}

enum Source {
    Document(Document),
    Hook(Box<Hook>),
}

/// An object that patches may change.
pub(super) struct Object {
    /// The object; null once it is deleted.
    pub(super) value: Value,
    /// What it was called when the post-renderer began.
    pub(super) original: Id,
}

impl Object {
    /// What the object is called now.
    pub(super) fn id(&self) -> Id {
        Id::of(&self.value)
    }

    /// Begins a post-renderer: names of now are the ones that patches may go by.
    pub(super) fn begin(&mut self) {
        self.original = self.id();
    }
}

/// The objects of documents.
pub(super) fn of_documents(documents: Vec<Document>) -> Result<Vec<Entry>, Error> {
    let entry = |document: Document| {
        let object = document_object(&document.text, &document.path)?;
        Ok(Entry::new(Source::Document(document), object))
    };
    documents.into_iter().map(entry).collect()
}

/// The objects of hooks.
pub(super) fn of_hooks(hooks: Vec<Hook>) -> Result<Vec<Entry>, Error> {
    let entry = |hook: Hook| {
        let object = document_object(&hook.manifest, &hook.path)?;
        Ok(Entry::new(Source::Hook(Box::new(hook)), object))
    };
    hooks.into_iter().map(entry).collect()
}

impl Entry {
    fn new(source: Source, object: Value) -> Self {
        let mut before = Vec::new();
        flatten(object, &mut before);
        let objects = before.iter().map(|value| Object { value: value.clone(), original: Id::of(value) }).collect();
        Self { source, before, objects }
    }

    fn is_changed(&self) -> bool {
        !self.before.iter().eq(self.objects.iter().map(|object| &object.value))
    }
}

/// Puts documents and hooks back into the render, in Helm's order.
pub(super) fn collect(entries: Vec<Entry>, rendered: &mut Rendered) -> Result<(), Error> {
    for entry in entries {
        if entry.is_changed() {
            add_changed(entry, rendered)?;
            continue;
        }
        match entry.source {
            Source::Document(document) => rendered.documents.push(document),
            Source::Hook(hook) => rendered.hooks.push(*hook),
        }
    }
    let order = KindOrder::Install;
    rendered.hooks.sort_by(|a, b| order.compare(&a.kind, &b.kind).then_with(|| a.path.cmp(&b.path)));
    rendered.documents.sort_by(|a, b| order.compare(&a.head.kind, &b.head.kind).then_with(|| a.path.cmp(&b.path)));
    Ok(())
}

fn add_changed(entry: Entry, rendered: &mut Rendered) -> Result<(), Error> {
    let path = match entry.source {
        Source::Document(document) => document.path,
        Source::Hook(hook) => hook.path,
    };
    for mut object in entry.objects.into_iter().filter(|object| !object.value.is_null()) {
        remove_empty_annotations(&mut object.value);
        let failure = |message: String| Error::Document { path: path.clone(), message, rendered: String::new() };
        let text = goyaml::to_string_json(&object.value).map_err(|error| failure(error.to_string()))?;
        let head = Head::parse(&text).map_err(failure)?;
        match HookMark::from_annotations(&head.annotations) {
            HookMark::Object => rendered.documents.push(Document { path: path.clone(), text, head }),
            HookMark::UnknownEvent => {}
            HookMark::Hook(hook) => rendered.hooks.push(Hook {
                name: head.name,
                kind: head.kind,
                path: path.clone(),
                manifest: text,
                ..*hook
            }),
        }
    }
    Ok(())
}

/// kustomize writes no empty annotations.
pub(super) fn remove_empty_annotations(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata")
        && metadata.get("annotations").and_then(Value::as_object).is_some_and(Map::is_empty)
    {
        metadata.remove("annotations");
    }
}

/// kustomize makes texts of annotations that a patch gave as numbers and the like, and empty ones of what is no scalar.
pub(super) fn make_annotations_texts(object: &mut Value) -> Result<(), String> {
    let annotations = match object.pointer_mut("/metadata/annotations") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(annotations)) => annotations,
        Some(_) => return Err("metadata.annotations is not a mapping".to_owned()),
    };
    for value in annotations.values_mut().filter(|value| !value.is_string()) {
        *value = Value::String(scalar_text(value)?);
    }
    Ok(())
}

/// The text of a scalar as YAML has it; none of what is no scalar.
pub(super) fn scalar_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => Ok(String::new()),
        scalar => encode_json(scalar, Format::MARSHAL).map_err(|error| error.to_string()),
    }
}
