//! Documents and hooks as objects, and back.
//!
//! Counterpart: `annotateAndMerge` and `splitAndDeannotate` of Helm 4.3.1 around `resource.Factory` of kustomize api 0.21.1.
//!
//! **Invariant:** a document whose objects are as before comes back as it was, byte for byte.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::id::Id;
use super::{fields, notes};
use crate::goyaml::{self, Node};
use crate::release::{Hook, HookMark};
use crate::render::head::Head;
use crate::render::parse::flatten;
use crate::render::{Document, Error, KindOrder, Rendered, document_object};
use crate::value::json::{Format, encode_json};

/// A document or hook and the objects in it, as Helm reads them.
pub(super) struct Entry {
    source: Source,
    /// None where Helm cannot read them, which a post-renderer may put right.
    before: Option<Vec<Value>>,
}

enum Source {
    Document(Document),
    Hook(Box<Hook>),
}

/// An object that patches may change.
pub(super) struct Object {
    /// The number of the entry that it comes from.
    pub(super) entry: usize,
    /// The object; empty once it is deleted.
    pub(super) node: Node,
    /// Whether it had no name to begin with, or shared its name with another one.
    pub(super) is_odd: bool,
}

/// An object that all post-renderers have seen.
pub(super) struct Finished {
    entry: usize,
    path: String,
    value: Value,
}

impl Entry {
    pub(super) fn of_document(document: Document) -> Self {
        let before = read(&document.text, &document.path);
        Self { source: Source::Document(document), before }
    }

    pub(super) fn of_hook(hook: Hook) -> Self {
        let before = read(&hook.manifest, &hook.path);
        Self { source: Source::Hook(Box::new(hook)), before }
    }

    fn text(&self) -> &str {
        match &self.source {
            Source::Document(document) => &document.text,
            Source::Hook(hook) => &hook.manifest,
        }
    }

    fn path(&self) -> &str {
        match &self.source {
            Source::Document(document) => &document.path,
            Source::Hook(hook) => &hook.path,
        }
    }
}

fn read(text: &str, path: &str) -> Option<Vec<Value>> {
    let mut objects = Vec::new();
    flatten(document_object(text, path).ok()?, &mut objects);
    Some(objects)
}

/// The objects of entries, each with a note of where it comes from; in the order of their paths, as Helm has them. To kustomize, objects
/// without a name and several of one name are errors; here they are none as long as no patch made them so.
pub(super) fn objects(entries: &[Entry]) -> Result<Vec<Object>, String> {
    let mut order: Vec<(usize, &Entry)> = entries.iter().enumerate().collect();
    order.sort_by_key(|(_, entry)| entry.path());
    let mut objects = Vec::new();
    for (number, entry) in order {
        let faulty = |fault: String| format!("parsing {}: {}", entry.path(), fault.trim_start_matches([':', ' ']));
        for mut node in roots(entry.text()).map_err(faulty)? {
            if fields::is_empty(&node) {
                continue;
            }
            notes::set_path(&mut node, entry.path()).map_err(faulty)?;
            node.settle();
            objects.push(Object { entry: number, node, is_odd: false });
        }
    }
    inline_lists(&mut objects)?;
    let ids: Vec<Id> = objects.iter().map(|object| Id::of(&object.node)).collect();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for id in &ids {
        *counts.entry(id.key()).or_default() += 1;
    }
    for (object, id) in objects.iter_mut().zip(&ids) {
        object.is_odd = id.name.is_empty() || counts.get(&id.key()).is_some_and(|count| *count > 1);
    }
    Ok(objects)
}

/// Puts the items of lists in their place, behind all other objects.
pub(super) fn inline_lists(objects: &mut Vec<Object>) -> Result<(), String> {
    let mut waiting: VecDeque<Object> = std::mem::take(objects).into();
    while let Some(object) = waiting.pop_front() {
        match items(&object.node)? {
            None => objects.push(object),
            Some(items) => {
                let (entry, is_odd) = (object.entry, object.is_odd);
                waiting.extend(items.into_iter().map(|node| Object { entry, node, is_odd }));
            }
        }
    }
    Ok(())
}

/// The objects of a patch; every one has a kind and a name.
pub(super) fn nodes(text: &str) -> Result<Vec<Node>, String> {
    let mut nodes = roots(text)?;
    nodes.retain(|node| !fields::is_empty(node));
    nodes.iter().try_for_each(|node| check(node, false))?;
    let mut objects = nodes.into_iter().map(|node| Object { entry: 0, node, is_odd: false }).collect();
    inline_lists(&mut objects)?;
    objects.iter().try_for_each(|object| check(&object.node, false))?;
    Ok(objects.into_iter().map(|object| object.node).collect())
}

/// No two objects have the same name.
pub(super) fn check_names(objects: &[Object]) -> Result<(), String> {
    let ids: Vec<Id> = objects.iter().filter(|object| !object.is_odd).map(|object| Id::of(&object.node)).collect();
    let mut seen = BTreeSet::new();
    let double = ids.iter().find(|id| !seen.insert(id.key()));
    double.map_or(Ok(()), |id| Err(format!("may not add resource with an already registered id: {id}")))
}

/// An object has a kind and, unless it is a list, a name.
pub(super) fn check(node: &Node, is_nameless: bool) -> Result<(), String> {
    let id = Id::of(node);
    if id.kind.is_empty() {
        return Err(format!("missing kind in object {id}"));
    }
    if id.name.is_empty() && !is_nameless && !id.kind.ends_with("List") {
        return Err(format!("missing metadata.name in object {id}"));
    }
    Ok(())
}

/// The documents of a text; if it is one list, its items.
fn roots(text: &str) -> Result<Vec<Node>, String> {
    let text = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let texts = split(&text)?;
    let is_alone = texts.len() == 1;
    let mut found = Vec::new();
    for text in texts {
        let Some(node) = Node::read(text).map_err(|error| error.to_string())? else { continue };
        match node.field("items") {
            Some(items) if is_alone && matches!(Id::of(&node).kind.as_str(), "List" | "ResourceList") => {
                if !items.fields().is_empty() {
                    return Err(format!("items of the {} are no list", Id::of(&node).kind));
                }
                found.extend(items.items().iter().cloned());
            }
            _ => found.push(node),
        }
    }
    Ok(found)
}

/// The texts between lines that begin with `---`, all but the first line of the text.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut texts, mut start) = (Vec::new(), 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let Some(rest) = line.strip_prefix("---").filter(|_| begin > start && line.ends_with('\n')) else { continue };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            return Err(format!("invalid document separator: ---{rest}"));
        }
        texts.extend(text.get(start..begin));
        start = at;
    }
    texts.extend(text.get(start..));
    Ok(texts)
}

/// The items of a list of objects; none if it is none.
fn items(node: &Node) -> Result<Option<Vec<Node>>, String> {
    let kind = node.field("kind").map(Node::as_text).unwrap_or_default();
    let (true, Some(items)) = (kind.ends_with("List"), node.field("items")) else { return Ok(None) };
    let json = items.to_json().map_err(|error| format!("trouble expanding list of {kind}; {error}"))?;
    let items = match json {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        _ => return Err(format!("items of the {kind} are no list")),
    };
    let mut nodes = Vec::new();
    for item in items {
        let text = encode_json(&item, Format::MARSHAL).map_err(|error| error.to_string())?;
        nodes.extend(Node::read(text).map_err(|error| error.to_string())?.filter(|node| !fields::is_empty(node)));
    }
    Ok(Some(nodes))
}

impl Object {
    /// Takes the note of where the object comes from. One that lost it is as good as made by the post-renderer itself.
    pub(super) fn finish(mut self, number: usize, group: &str) -> Result<Finished, String> {
        let path = notes::take_path(&mut self.node);
        let made = || match group {
            "files" => format!("generated-by-postrender-{number}.yaml"),
            group => format!("generated-by-postrender-{group}-{number}.yaml"),
        };
        let value = self.node.to_json().map_err(|error| format!("{}: {error}", Id::of(&self.node)))?;
        Ok(Finished { entry: self.entry, path: path.unwrap_or_else(made), value })
    }

    /// Writes the object and reads it again, as happens between post-renderers.
    pub(super) fn reread(&mut self) -> Result<(), String> {
        let failure = |error: goyaml::Error| error.to_string();
        let text = goyaml::to_string_json(&self.node.to_json().map_err(failure)?).map_err(failure)?;
        self.node = Node::read(text).map_err(failure)?.unwrap_or_else(|| Node::mapping(Vec::new()));
        Ok(())
    }
}

/// Puts documents and hooks back into the render.
pub(super) fn collect(entries: Vec<Entry>, objects: Vec<Finished>, rendered: &mut Rendered) -> Result<(), Error> {
    let mut of_entries: Vec<Vec<Finished>> = entries.iter().map(|_| Vec::new()).collect();
    for object in objects {
        if let Some(own) = of_entries.get_mut(object.entry) {
            own.push(object);
        }
    }
    for (entry, objects) in entries.into_iter().zip(of_entries) {
        let is_in_place = objects.iter().all(|object| object.path == entry.path());
        let is_same = |before: &Vec<Value>| objects.iter().map(|object| &object.value).eq(before);
        if is_in_place && entry.before.as_ref().is_some_and(is_same) {
            match entry.source {
                Source::Document(document) => rendered.documents.push(document),
                Source::Hook(hook) => rendered.hooks.push(*hook),
            }
            continue;
        }
        for object in objects {
            add(object, rendered)?;
        }
    }
    Ok(())
}

/// Sorts documents and hooks as Helm does.
pub(super) fn sort(rendered: &mut Rendered) {
    let order = KindOrder::Install;
    rendered.hooks.sort_by(|a, b| order.compare(&a.kind, &b.kind).then_with(|| a.path.cmp(&b.path)));
    rendered.documents.sort_by(|a, b| order.compare(&a.head.kind, &b.head.kind).then_with(|| a.path.cmp(&b.path)));
}

fn add(object: Finished, rendered: &mut Rendered) -> Result<(), Error> {
    let path = object.path;
    let failure = |message: String| Error::Document { path: path.clone(), message, rendered: String::new() };
    let text = goyaml::to_string_json(&object.value).map_err(|error| failure(error.to_string()))?;
    let head = Head::parse(&text).map_err(failure)?;
    match HookMark::from_annotations(&head.annotations) {
        HookMark::Object => rendered.documents.push(Document { path, text, head }),
        HookMark::UnknownEvent => {}
        HookMark::Hook(hook) => {
            rendered.hooks.push(Hook { name: head.name, kind: head.kind, path, manifest: text, ..*hook });
        }
    }
    Ok(())
}
