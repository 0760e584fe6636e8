//! Changes of the user's to what a chart rendered: patches, images, common labels and annotations.
//!
//! ```text
//! Rendered ──▶ patches and images of each post-renderer, in order ──▶ common metadata ──▶ Rendered
//! ```
//!
//! Counterpart: `internal/postrender` of helm-controller 1.6 and the kustomize (api 0.21.1) that it calls. The differences:
//! - Documents that nothing changes keep their text; kustomize reformats all of them. Changed ones are written as sigs.k8s.io/yaml would.
//! - An element of a keyed list that lacks the key is an error; kustomize empties the list.
//! - A port without a protocol means the port of that number; kustomize drops it where other ports name theirs.
//! - A number or boolean in the place of a text becomes a text if the old one needs quotes in YAML; to kustomize, it is enough that the
//!   chart has it in quotes.
//! - null removes a label or annotation; in a patch with a target, kustomize makes it the text `null`.
//! - A directive for a list that the object does not have means nothing; kustomize leaves it in the list.
//! - JSON6902 operations keep whole numbers beyond 2^53 as they are; kustomize rounds them.
//! - `$patch: replace` on an element of a keyed list replaces the element; in kustomize it does nothing. `$retainKeys`,
//!   `$deleteFromPrimitiveList` and `$setElementOrder` mean what they mean to the API server; kustomize leaves them in the object.
//! - Documents and patches are YAML as Helm reads it, where a bare `yes` or `on` is a boolean; to kustomize it is text.
//! - Objects of the same kind and name, and ones that have no name yet, are no error by themselves. What has another shape than its kind
//!   demands (a text for a list) is left to the API server to refuse.
//!
//! **Invariant:** errors name objects and paths, never values.

mod documents;
mod id;
mod images;
mod json6902;
mod labels;
mod patch;
mod schema;
mod strategic;
mod target;

pub use images::Image;
pub use patch::{Patch, PatchContent};
pub use target::Target;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::documents::{Entry, Object};
use super::{Error, Rendered};

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
        let documents = std::mem::take(&mut rendered.documents);
        let hooks = std::mem::take(&mut rendered.hooks);
        let documents = documents::of_documents(documents)?;
        let hooks = documents::of_hooks(hooks)?;
        let entries = match self.strategy {
            PostRenderStrategy::Combined => {
                let mut all = documents;
                all.extend(hooks);
                self.run("files", all)?
            }
            PostRenderStrategy::Separate => {
                let mut all = self.run("hooks", hooks)?;
                all.extend(self.run("manifests", documents)?);
                all
            }
            PostRenderStrategy::NoHooks => {
                let mut all = hooks;
                all.extend(self.run("manifests", documents)?);
                all
            }
        };
        documents::collect(entries, &mut rendered)?;
        Ok(rendered)
    }

    /// One pass over a group of documents; Helm skips groups that are empty.
    fn run(&self, group: &'static str, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Error> {
        if entries.is_empty() {
            return Ok(entries);
        }
        let failure = |message| Error::PostRender { group, message };
        for (index, renderer) in self.renderers.iter().enumerate() {
            renderer
                .run(&mut entries)
                .map_err(|message| failure(format!("post-renderer {index} of the release: {message}")))?;
        }
        let objects = entries.iter_mut().flat_map(|entry| &mut entry.objects);
        for object in objects.filter(|object| !object.value.is_null()) {
            set_metadata(object, "labels", &self.labels).map_err(failure)?;
            set_metadata(object, "annotations", &self.annotations).map_err(failure)?;
        }
        Ok(entries)
    }
}

impl PostRenderer {
    fn run(&self, entries: &mut [Entry]) -> Result<(), String> {
        for object in entries.iter_mut().flat_map(|entry| &mut entry.objects) {
            object.begin();
        }
        for (index, patch) in self.patches.iter().enumerate() {
            patch.apply(entries).map_err(|message| format!("patch {index}: {message}"))?;
        }
        for (index, image) in self.images.iter().enumerate() {
            let rule = images::Rule::new(image).map_err(|message| format!("image {index}: {message}"))?;
            for object in entries.iter_mut().flat_map(|entry| &mut entry.objects) {
                rule.apply(&mut object.value);
            }
        }
        for object in entries.iter_mut().flat_map(|entry| &mut entry.objects) {
            let id = object.id();
            documents::make_annotations_texts(&mut object.value).map_err(|message| format!("{id}: {message}"))?;
        }
        Ok(())
    }
}

/// Sets labels or annotations of an object, and of nothing inside it.
fn set_metadata(object: &mut Object, field: &str, pairs: &BTreeMap<String, String>) -> Result<(), String> {
    if pairs.is_empty() {
        return Ok(());
    }
    let id = object.id();
    let misshapen = |place: &str| format!("{id}: {place} is not a mapping");
    let metadata = table(&mut object.value, "metadata").ok_or_else(|| misshapen("metadata"))?;
    let place = metadata.entry(field).or_insert(Value::Null);
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    let place = place.as_object_mut().ok_or_else(|| misshapen(field))?;
    place.extend(pairs.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))));
    Ok(())
}

/// A table inside an object, made where it is missing.
fn table<'a>(object: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let place = object.as_object_mut()?.entry(field).or_insert(Value::Null);
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    place.as_object_mut()
}
