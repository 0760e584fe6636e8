//! The notes that Helm and kustomize keep in annotations while they work: where an object comes from, and what it was called.
//!
//! Counterpart: `annotateAndMerge` of Helm 4.3.1, and `resource.StorePreviousId` of kustomize api 0.21.1.
//!
//! **Invariant:** patches see the notes, as they do there; no note is left in the end.

use std::collections::BTreeMap;

use super::fields;
use super::id::Id;
use crate::goyaml::{Content, Node};

/// Where Helm keeps the path of a template.
const PATH: &str = "postrenderer.helm.sh/postrender-filename";
/// Before the names of kustomize's own notes.
const INTERNAL: &str = "internal.config.kubernetes.io/";
const NAMES: &str = "internal.config.kubernetes.io/previousNames";
const NAMESPACES: &str = "internal.config.kubernetes.io/previousNamespaces";
const KINDS: &str = "internal.config.kubernetes.io/previousKinds";
/// Further annotations that kustomize takes for its own.
const OWN: [&str; 5] = [
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
    "config.kubernetes.io/origin",
    "alpha.config.kubernetes.io/transformations",
];

/// Notes the path of a template.
pub(super) fn set_path(object: &mut Node, path: &str) -> Result<(), String> {
    annotate(object, PATH, path)
}

/// Takes the path out again, and annotations that are empty without it.
pub(super) fn take_path(object: &mut Node) -> Option<String> {
    let metadata = object.field_mut("metadata")?;
    let annotations = metadata.field_mut("annotations")?;
    let path = annotations.field(PATH).map(|path| path.as_text().to_owned()).filter(|path| !path.is_empty());
    if let Content::Mapping(pairs) = &mut annotations.content {
        fields::clear(pairs, PATH);
    }
    clear_empty(object);
    path
}

/// Removes annotations, and metadata, that have no content.
pub(super) fn clear_empty(object: &mut Node) {
    let has_content = |node: &Node| !node.fields().is_empty() || !node.items().is_empty();
    if let Some(metadata) = object.field_mut("metadata")
        && !metadata.field("annotations").is_some_and(has_content)
        && let Content::Mapping(fields) = &mut metadata.content
    {
        fields::clear(fields, "annotations");
    }
    if !object.field("metadata").is_some_and(has_content)
        && let Content::Mapping(fields) = &mut object.content
    {
        fields::clear(fields, "metadata");
    }
}

fn annotate(object: &mut Node, name: &str, value: &str) -> Result<(), String> {
    clear_empty(object);
    if fields::inner_mut(object, "metadata")?.is_none() {
        return Ok(());
    }
    let Some(metadata) = object.field_mut("metadata") else { return Ok(()) };
    if let Some(annotations) =
        fields::inner_mut(metadata, "annotations").map_err(|fault| fields::inside("metadata", &fault))?
    {
        fields::set(annotations, name, Node { is_delimited: true, ..Node::text(value) }, false)?;
    }
    Ok(())
}

/// Notes what an object is called, before that may change.
pub(super) fn store_id(object: &mut Node) -> Result<(), String> {
    let id = Id::of(object);
    for (note, now) in [(NAMES, &id.name), (NAMESPACES, &id.effective_namespace().to_owned()), (KINDS, &id.kind)] {
        if !now.is_empty() {
            let value = match fields::texts(object, "annotations").remove(note) {
                Some(before) => format!("{before},{now}"),
                None => now.clone(),
            };
            annotate(object, note, &value)?;
        }
    }
    let notes = fields::texts(object, "annotations");
    let count = |note| notes.get(note).map(String::as_str).unwrap_or_default().split(',').count();
    if notes.contains_key(NAMES) && (count(NAMES) != count(NAMESPACES) || count(NAMES) != count(KINDS)) {
        return Err(
            "its name, namespace or kind has a comma, and so kustomize cannot note what it was called".to_owned()
        );
    }
    Ok(())
}

/// What an object was called before, the oldest first.
pub(super) fn previous_ids(object: &Node) -> Vec<Id> {
    let notes = fields::texts(object, "annotations");
    let Some(names) = notes.get(NAMES) else { return Vec::new() };
    let list = |note| notes.get(note).map(String::as_str).unwrap_or_default().split(',');
    let now = Id::of(object);
    let parts = names.split(',').zip(list(NAMESPACES)).zip(list(KINDS));
    parts.map(|((name, namespace), kind)| now.before(namespace, name, kind)).collect()
}

/// What an object was called when the post-renderer began.
pub(super) fn original_id(object: &Node) -> Id {
    previous_ids(object).into_iter().next().unwrap_or_else(|| Id::of(object))
}

/// kustomize's own notes.
pub(super) fn internal(object: &Node) -> BTreeMap<String, String> {
    let is_own = |name: &str| {
        name.starts_with(INTERNAL)
            || ["config.kubernetes.io/path", "config.kubernetes.io/index", "config.k8s.io/id"].contains(&name)
    };
    let mut notes = fields::texts(object, "annotations");
    notes.retain(|name, _| is_own(name));
    notes
}

/// Removes kustomize's notes; all other annotations are texts afterwards.
pub(super) fn remove(object: &mut Node) -> Result<(), String> {
    let mut annotations = fields::texts(object, "annotations");
    annotations.retain(|name, _| !name.starts_with(INTERNAL) && !OWN.contains(&name.as_str()));
    fields::set_texts(object, "annotations", &annotations)
}
