//! Post-rendering of drawn documents.

use std::collections::{BTreeMap, BTreeSet};

use rhumb::goyaml;
use rhumb::render::postrender::{Image, Patch, PatchContent, PostRenderer, PostRendering, Target};
use rhumb::render::{Document, Error, KindOrder, Rendered, Sorted, manifest_objects, sort_files};
use serde_json::{Value as Json, json};

/// Every object that comes out as a text, sorted: kustomize keeps the order of the documents, Helm sorts them anew.
pub(super) fn answer(request: &Json) -> Result<Json, Error> {
    let files: BTreeMap<String, String> = list(request, "documents")
        .enumerate()
        .map(|(number, text)| (format!("c/templates/{number}.yaml"), text.as_str().unwrap_or_default().to_owned()))
        .collect();
    let Sorted { hooks, documents } = sort_files(&files, KindOrder::Install)?;
    let before = Rendered { documents, hooks, ..Rendered::default() };
    if is_refused(&before.documents) {
        return Ok(json!({"fails": true}));
    }
    let rendering = PostRendering {
        renderers: list(request, "renderers").map(renderer).collect(),
        labels: pairs(&request["labels"]),
        annotations: pairs(&request["annotations"]),
        ..PostRendering::default()
    };
    let after = rendering.apply(before.clone())?;
    let mut texts = Vec::new();
    for document in &after.documents {
        // A document that nothing changes keeps its text; kustomize writes it as it writes all others.
        for object in manifest_objects(&document.text)? {
            texts.push(format!("# Source: {}\n{}", document.path, goyaml::to_string_json(&object).unwrap_or_default()));
        }
    }
    texts.sort();
    Ok(json!({"objects": texts}))
}

/// What kustomize refuses before it begins: objects without a kind or a name, and two of the same.
fn is_refused(documents: &[Document]) -> bool {
    let mut seen = BTreeSet::new();
    for document in documents {
        // What only kustomize can read is not looked at.
        for object in manifest_objects(&document.text).unwrap_or_default() {
            let (kind, metadata) = (text(&object, "kind"), &object["metadata"]);
            let (name, namespace) = (scalar(&metadata["name"]), scalar(&metadata["namespace"]));
            let is_nameless = kind.is_empty() || name.is_empty() && !kind.ends_with("List");
            let namespace = if namespace == "default" { String::new() } else { namespace };
            if is_nameless || !seen.insert((text(&object, "apiVersion"), kind, name, namespace)) {
                return true;
            }
        }
    }
    false
}

/// A post-renderer as a HelmRelease has it.
pub(crate) fn renderer(spec: &Json) -> PostRenderer {
    let patch = |patch: &Json| Patch {
        content: PatchContent::Text(text(patch, "patch")),
        target: patch.get("target").map(target),
    };
    let image = |image: &Json| Image {
        name: text(image, "name"),
        new_name: text(image, "newName"),
        new_tag: text(image, "newTag"),
        digest: text(image, "digest"),
    };
    PostRenderer {
        patches: list(spec, "patches").map(patch).collect(),
        images: list(spec, "images").map(image).collect(),
    }
}

fn target(target: &Json) -> Target {
    Target {
        group: text(target, "group"),
        version: text(target, "version"),
        kind: text(target, "kind"),
        name: text(target, "name"),
        namespace: text(target, "namespace"),
        label_selector: text(target, "labelSelector"),
        annotation_selector: text(target, "annotationSelector"),
    }
}

fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        _ => String::new(),
    }
}

fn text(value: &Json, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Json, field: &str) -> impl Iterator<Item = &'a Json> {
    value[field].as_array().into_iter().flatten()
}

fn pairs(value: &Json) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, text)| (key.clone(), text.as_str().unwrap_or_default().to_owned())).collect()
}
