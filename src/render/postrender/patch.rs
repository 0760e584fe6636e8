//! A patch: what it says, which objects it is for.
//!
//! Counterpart: `PatchTransformer` of kustomize api 0.21.1.
//!
//! **Invariant:** no patch changes the kind or namespace of an object by strategic merge, nor its name.

use serde_json::Value;

use super::documents::Object;
use super::id::Id;
use super::target::Target;
use super::{documents, fields, json6902, merge, notes};
use crate::goyaml::{self, Content, Node};

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

/// A patch that was read.
pub(super) enum Parsed {
    Objects(Vec<Node>),
    Operations(Vec<json6902::Operation>),
    /// It says nothing, and so it is for no object.
    Nothing,
}

impl Patch {
    /// Reads what the patch says.
    pub(super) fn parse(&self) -> Result<Parsed, String> {
        match &self.content {
            PatchContent::Text(text) => parse(text),
            PatchContent::Object(object) => {
                let text = goyaml::to_string_json(object).map_err(|error| error.to_string())?;
                documents::nodes(&text).map(Parsed::Objects)
            }
            PatchContent::Operations(operations) => {
                let operations = json6902::parse(operations.clone());
                operations.map(Parsed::Operations).ok_or_else(|| "JSON6902 operations must be a list".to_owned())
            }
        }
    }

    pub(super) fn apply(&self, parsed: &Parsed, objects: &mut Vec<Object>) -> Result<(), String> {
        match (parsed, &self.target) {
            (Parsed::Nothing, _) => Ok(()),
            (Parsed::Operations(_), None) => Err("a JSON6902 patch must have a target".to_owned()),
            (Parsed::Operations(operations), Some(target)) => for_each(objects, target, |object| {
                let id = Id::of(&object.node);
                json6902::change(&mut object.node, operations).map_err(|message| format!("{id}: {message}"))
            }),
            (Parsed::Objects(patches), None) => patches.iter().try_for_each(|patch| merge_named(objects, patch)),
            (Parsed::Objects(patches), Some(target)) => match patches.as_slice() {
                [patch] => {
                    for_each(objects, target, |object| merge(object, &fitted(patch, &object.node)?))?;
                    objects.retain(|object| !fields::is_empty(&object.node));
                    documents::check_names(objects)
                }
                _ => Err("several strategic merge patches in one patch cannot have a target".to_owned()),
            },
        }?;
        objects.retain(|object| !fields::is_empty(&object.node));
        Ok(())
    }
}

fn parse(text: &str) -> Result<Parsed, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the patch is empty".to_owned());
    }
    let objects = documents::nodes(text);
    let json = if text.starts_with('[') { serde_json::from_str(text).ok() } else { goyaml::from_str(text).ok() };
    match (objects, json.and_then(json6902::parse)) {
        (Ok(objects), _) if objects.is_empty() => Ok(Parsed::Nothing),
        (Ok(objects), _) => Ok(Parsed::Objects(objects)),
        (Err(_), Some(operations)) => Ok(Parsed::Operations(operations)),
        (Err(fault), None) => {
            Err(format!("is neither a strategic merge patch ({fault}) nor a list of JSON6902 operations"))
        }
    }
}

/// A patch with a target has the type and the texts that it would have as an object of the target's.
fn fitted(patch: &Node, object: &Node) -> Result<Node, String> {
    let (own, id) = (Id::of(patch), Id::of(object));
    let mut patch = patch.clone();
    for field in ["labels", "annotations"] {
        let texts = fields::texts(&patch, field);
        fields::set_texts(&mut patch, field, &texts)?;
    }
    name(&mut patch, &own)?;
    if let Some(all) = fields::fields_mut(&mut patch)? {
        fields::set(all, "apiVersion", Node::plain(id.api_version()), false)?;
        fields::set(all, "kind", Node::plain(own.kind), false)?;
    }
    Ok(patch)
}

/// Gives an object its name and namespace.
fn name(object: &mut Node, id: &Id) -> Result<(), String> {
    fields::set_in_metadata(object, "name", Node::plain(&id.name))?;
    if !id.namespace.is_empty() {
        return fields::set_in_metadata(object, "namespace", Node::plain(&id.namespace));
    }
    if let Some(Content::Mapping(metadata)) = object.field_mut("metadata").map(|metadata| &mut metadata.content) {
        fields::clear(metadata, "namespace");
    }
    Ok(())
}

fn for_each(
    objects: &mut [Object],
    target: &Target,
    mut change: impl FnMut(&mut Object) -> Result<(), String>,
) -> Result<(), String> {
    let matcher = target.matcher()?;
    let mut meant = Vec::new();
    for object in objects {
        if matcher.matches(&object.node)? {
            meant.push(object);
        }
    }
    meant.into_iter().try_for_each(&mut change)
}

/// Merges a patch into the one object that it names.
fn merge_named(objects: &mut [Object], patch: &Node) -> Result<(), String> {
    let id = notes::original_id(patch);
    let is_meant = |object: &&mut Object| {
        let ids = notes::previous_ids(&object.node).into_iter().chain([Id::of(&object.node)]);
        !fields::is_empty(&object.node) && ids.into_iter().any(|own| own.is_same(&id))
    };
    let mut meant: Vec<&mut Object> = objects.iter_mut().filter(is_meant).collect();
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
fn merge(object: &mut Object, patch: &Node) -> Result<(), String> {
    let id = Id::of(&object.node);
    let remains = merge::merge(&mut object.node, patch).map_err(|message| format!("{id}: {message}"))?;
    if !remains {
        object.node = Node::mapping(Vec::new());
        return Ok(());
    }
    if fields::is_empty(&object.node) {
        return Ok(());
    }
    if let Some(all) = fields::fields_mut(&mut object.node)? {
        fields::set(all, "kind", Node::plain(&id.kind), false)?;
    }
    name(&mut object.node, &id)
}
