//! Changes of the user's to what a chart rendered: patches, images, common labels and annotations.
//!
//! ```text
//! Rendered ──▶ trees ──▶ patches and images of each post-renderer, in order ──▶ common metadata ──▶ Rendered
//! ```
//!
//! Counterpart: `internal/postrender` of helm-controller 1.6 and the kustomize (api 0.21.1) that it calls, between Helm's `annotateAndMerge`
//! and `splitAndDeannotate`. It works on trees that remember how scalars were written ([`Node`]), since much of what kustomize does hangs
//! on that: a number that takes the place of a text in quotes becomes a text, a bare `yes` is one. The differences:
//! - Documents that mean the same afterwards keep their text; kustomize writes all of them anew.
//! - Objects of the same kind and name, and ones that have no name yet, are no error as long as no patch made them so.
//! - Heads are read, and hooks told apart, before patches: an annotation that is no text is refused even where one would put it right.
//! - Faults of fields are told by their path, without the text around it.
//! - To a JSON6902 `test`, a null that was copied is a null, and letters that Go escapes in JSON are themselves.
//!
//! **Invariant:** errors name objects and paths, never values.

mod documents;
mod fields;
mod id;
mod images;
mod json6902;
mod labels;
mod merge;
mod notes;
mod patch;
mod references;
mod schema;
mod target;

pub use images::Image;
pub use patch::{Patch, PatchContent};
pub use target::Target;

use std::collections::BTreeMap;

use self::documents::{Entry, Object};
use self::id::Id;
use super::{Error, Rendered};
use crate::goyaml::Node;

/// Everything that is to happen to the documents of a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostRendering {
    /// The user's post-renderers, in order.
    pub renderers: Vec<PostRenderer>,
    /// Labels for every object; they win over the chart's and those of patches.
    pub labels: BTreeMap<String, String>,
    /// Annotations for every object; they win likewise.
    pub annotations: BTreeMap<String, String>,
    /// What becomes of hooks.
    pub strategy: PostRenderStrategy,
}

/// One post-renderer: patches, then images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostRenderer {
    /// The patches, in order.
    pub patches: Vec<Patch>,
    /// New names, tags and digests of images, in order.
    pub images: Vec<Image>,
}

/// Whether hooks pass the post-renderers (`PostRenderStrategy` of Helm 4.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PostRenderStrategy {
    /// Hooks stay as they are, as in Helm 3.
    NoHooks,
    /// Hooks and documents pass together, so that a patch finds both.
    #[default]
    Combined,
    /// Hooks and documents pass apart: a patch that names its object needs to find it in both.
    Separate,
}

impl PostRendering {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.renderers.is_empty() && self.labels.is_empty() && self.annotations.is_empty()
    }

    /// Carries everything out. Hooks and documents are told apart anew afterwards, since annotations may have changed; their order is
    /// again that of kinds and paths.
    pub fn apply(&self, mut rendered: Rendered) -> Result<Rendered, Error> {
        if self.is_empty() {
            return Ok(rendered);
        }
        let mut documents: Vec<Entry> =
            std::mem::take(&mut rendered.documents).into_iter().map(Entry::of_document).collect();
        let hooks = std::mem::take(&mut rendered.hooks);
        if self.strategy == PostRenderStrategy::NoHooks {
            rendered.hooks = hooks;
            self.run("manifests", documents, &mut rendered)?;
        } else {
            let hooks: Vec<Entry> = hooks.into_iter().map(Entry::of_hook).collect();
            if self.strategy == PostRenderStrategy::Separate {
                self.run("hooks", hooks, &mut rendered)?;
                self.run("manifests", documents, &mut rendered)?;
            } else {
                documents.extend(hooks);
                self.run("files", documents, &mut rendered)?;
            }
        }
        documents::sort(&mut rendered);
        Ok(rendered)
    }

    /// One pass over a group of documents; Helm skips groups that are empty.
    fn run(&self, group: &'static str, entries: Vec<Entry>, rendered: &mut Rendered) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let failure = |message: String| Error::PostRender { group, message };
        let objects = documents::objects(&entries).map_err(failure)?;
        let objects = self.change(objects).map_err(failure)?;
        let finished = objects.into_iter().enumerate().map(|(number, object)| object.finish(number, group));
        let finished = finished.collect::<Result<Vec<_>, _>>().map_err(failure)?;
        documents::collect(entries, finished, rendered)
    }

    fn change(&self, mut objects: Vec<Object>) -> Result<Vec<Object>, String> {
        for (index, renderer) in self.renderers.iter().enumerate() {
            let within = |message| format!("post-renderer {index} of the release: {message}");
            renderer.run(&mut objects).map_err(within)?;
            objects.iter_mut().try_for_each(Object::reread).map_err(within)?;
        }
        documents::inline_lists(&mut objects)?;
        for object in &mut objects {
            let id = Id::of(&object.node);
            for (field, pairs) in [("labels", &self.labels), ("annotations", &self.annotations)] {
                add_pairs(&mut object.node, field, pairs).map_err(|fault| format!("{id}: {fault}"))?;
            }
        }
        Ok(objects)
    }
}

impl PostRenderer {
    fn run(&self, objects: &mut Vec<Object>) -> Result<(), String> {
        documents::inline_lists(objects)?;
        let numbered = |index: usize| move |message: String| format!("patch {index}: {message}");
        let parse = |(index, patch): (usize, &Patch)| patch.parse().map_err(numbered(index));
        let parsed = self.patches.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        for (index, (patch, parsed)) in self.patches.iter().zip(&parsed).enumerate() {
            patch.apply(parsed, objects).map_err(numbered(index))?;
        }
        for (index, image) in self.images.iter().enumerate() {
            let rule = images::Rule::new(image).map_err(|message| format!("image {index}: {message}"))?;
            for object in &mut *objects {
                let id = Id::of(&object.node);
                rule.apply(&mut object.node).map_err(|fault| format!("image {index}: {id}: {fault}"))?;
            }
        }
        references::follow(objects)?;
        for object in &*objects {
            documents::check(&object.node, object.is_odd)?;
        }
        documents::check_names(objects)?;
        objects.retain(|object| {
            let annotations = fields::texts(&object.node, "annotations");
            annotations.get(LOCAL_CONFIG).is_none_or(|local| local == "false")
        });
        objects.iter_mut().try_for_each(|object| notes::remove(&mut object.node))
    }
}

/// Objects with this annotation are for kustomize's own use, unless it is "false".
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Sets labels or annotations of an object, and of nothing inside it.
fn add_pairs(object: &mut Node, field: &str, pairs: &BTreeMap<String, String>) -> Result<(), String> {
    if pairs.is_empty() {
        return Ok(());
    }
    make_up(object, "metadata");
    fields::inner_mut(object, "metadata")?;
    let Some(metadata) = object.field_mut("metadata") else { return Ok(()) };
    make_up(metadata, field);
    let place = fields::inner_mut(metadata, field).map_err(|fault| fields::inside("metadata", &fault))?;
    if let Some(place) = place {
        pairs.iter().try_for_each(|(key, text)| fields::set(place, key, Node::text(text), false))?;
    }
    Ok(())
}

/// Makes a mapping of a field that is null.
fn make_up(node: &mut Node, field: &str) {
    if let Some(place) = node.field_mut(field).filter(|place| place.is_null()) {
        *place = Node::mapping(Vec::new());
    }
}
